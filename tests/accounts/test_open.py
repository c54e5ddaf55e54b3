import threading
from typing import Any

from twisted.cred.credentials import UsernamePassword
from twisted.internet import reactor as installed
from twisted.internet import task
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase, TestCase

from netdaemon.accounts.names import AccountError
from netdaemon.accounts.open import open_accounts
from netdaemon.accounts.schema import FILE
from netdaemon.accounts.store import Store
from netdaemon.interfaces import LoginBanned, LoginFailed, LoginUnavailable
from tests.accounts.kit import CHEAP, CountingHasher, accounts, folder, peer, service, settings
from tests.kit.house import NoDocuments

reactor: Any = installed


class OpenTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.data = folder(self.mktemp())
        self.clock = task.Clock()

    def open(self, *auth: str) -> Any:
        opened = accounts(self.data, self.clock, auth=auth)
        self.addCleanup(opened.close)
        return opened

    def login(self, opened: Any, name: bytes, password: bytes, host: str = "127.0.0.1") -> "Deferred[Any]":
        return Deferred.fromCoroutine(opened.logins.login(UsernamePassword(name, password), peer(host), service()))

    def test_every_source_in_order(self) -> None:
        passwd = self.data / "passwd"
        passwd.write_text(f"scully:{CHEAP.hash('starbuck')}\n")
        opened = self.open("store", f"file:{passwd}", "demo", "memory:skinner:pendrell")
        opened.store.add("doggett", CountingHasher().keep(b"luke"))
        for name, password in (
            (b"doggett", b"luke"),
            (b"scully", b"starbuck"),
            (b"mulder", b"trustno1"),
            (b"skinner", b"pendrell"),
        ):
            self.assertEqual(self.successResultOf(self.login(opened, name, password)).account.name, name.decode())
        opened.store.add("mulder", CountingHasher().keep(b"other"))
        self.failureResultOf(self.login(opened, b"mulder", b"trustno1"), LoginFailed)

    def test_no_source_is_nobody(self) -> None:
        self.failureResultOf(self.login(self.open(), b"mulder", b"trustno1"), LoginFailed)

    def test_what_is_wrong_with_auth(self) -> None:
        for words, why in (
            (("ldpa:x",), "'ldpa' is not one of"),
            (("store", "store"), "store stands twice"),
            (("file:passwd",), "file:passwd: the path must begin with /"),
            (("file",), "the path must begin with /"),
            ((f"file:{self.data}/absent",), "absent: No such file"),
            (("demo:x",), "'demo' is not one of"),
        ):
            with self.assertRaisesRegex(AccountError, why) as caught:
                self.open(*words)
            self.assertNotIn("\n", str(caught.exception))

    def test_nothing_stays_open_when_it_fails(self) -> None:
        closed: list[Store] = []
        real = Store.close
        self.patch(Store, "close", lambda store: closed.append(store) or real(store))
        with self.assertRaises(AccountError):
            self.open("ldpa")
        self.assertEqual(len(closed), 1)

    def test_no_data_folder(self) -> None:
        with self.assertRaisesRegex(AccountError, FILE):
            accounts(self.data / "absent", self.clock)

    def test_a_clock_without_threads_wants_a_worker(self) -> None:
        with self.assertRaises(TypeError):
            open_accounts(settings(), self.data, NoDocuments(), self.clock, None, hasher=CountingHasher())

    def test_close_writes_the_bans(self) -> None:
        opened = accounts(self.data, self.clock, throttle_failures=1)
        self.failureResultOf(self.login(opened, b"mulder", b"x", "192.0.2.7"), LoginFailed)
        opened.close()
        again = self.open("store")
        self.failureResultOf(self.login(again, b"mulder", b"x", "192.0.2.7"), LoginBanned)

    def test_close_with_a_full_disk(self) -> None:
        opened = accounts(self.data, self.clock, throttle_failures=1)

        def full(bans: object) -> None:
            raise AccountError("the disk is full")

        opened.store.put_bans = full  # type: ignore[method-assign]  # as on a full disk
        self.failureResultOf(self.login(opened, b"mulder", b"x", "192.0.2.7"), LoginFailed)
        opened.close()
        with self.assertRaises(AccountError):
            opened.store.accounts()


class ThreadTests(TestCase):
    """With the reactor as its clock, and so with its thread."""

    async def test_passwords_are_never_hashed_on_the_reactor(self) -> None:
        seen: list[int] = []

        class Watched(CountingHasher):
            def verify(self, hash: str, password: bytes) -> bool:
                seen.append(threading.get_ident())
                return super().verify(hash, password)

        hasher = Watched()
        opened = open_accounts(settings(), folder(self.mktemp()), NoDocuments(), reactor, None, hasher=hasher)
        self.addCleanup(opened.close)
        opened.store.add("mulder", hasher.keep(b"trustno1"))
        login = await opened.logins.login(UsernamePassword(b"mulder", b"trustno1"), peer("127.0.0.1"), service())
        self.assertEqual(login.account.name, "mulder")
        with self.assertRaises(LoginFailed):
            await opened.logins.login(UsernamePassword(b"nobody", b"x"), peer("127.0.0.1"), service())
        self.assertEqual(len(set(seen)), 1)
        self.assertEqual(len(seen), 2)
        self.assertNotIn(threading.get_ident(), seen)

    async def test_closed_while_somebody_logs_in(self) -> None:
        hasher, gate, began = CountingHasher(), threading.Event(), threading.Event()
        opened = open_accounts(settings(), folder(self.mktemp()), NoDocuments(), reactor, None, hasher=hasher)
        real = hasher.verify

        def slow(hash: str, password: bytes) -> bool:
            began.set()
            gate.wait()
            return real(hash, password)

        hasher.verify = slow  # type: ignore[method-assign]  # one that can be waited for
        attempt = Deferred.fromCoroutine(
            opened.logins.login(UsernamePassword(b"mulder", b"x"), peer("127.0.0.1"), service())
        )
        began.wait()
        gate.set()
        opened.close()
        with self.assertRaises(LoginUnavailable):
            await attempt
