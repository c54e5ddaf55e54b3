import signal
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule
from twisted.trial.unittest import SynchronousTestCase

from netdaemon.accounts import store as store_module
from netdaemon.accounts.names import AccountError
from netdaemon.accounts.schema import FILE
from netdaemon.accounts.store import LARGEST_QUOTA, Ban, Store
from netdaemon.interfaces import Account, LoginUnavailable, Right
from tests.accounts.kit import CountingHasher, folder

KEPT = CountingHasher().keep(b"trustno1")
OTHER = CountingHasher().keep(b"deepthroat")
CHECKOUT = Path(__file__).resolve().parents[2]


class StoreCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.data = folder(self.mktemp())
        self.now = 1000.0
        self.store = self.open()

    def open(self) -> Store:
        store = Store(self.data, lambda: self.now)
        self.addCleanup(store.close)
        return store


class AccountTests(StoreCase):
    def test_add_and_find(self) -> None:
        self.store.add("Mulder", KEPT, quota=10, home="/people/mulder/")
        record = self.store.find("mulder")
        assert record is not None
        self.assertEqual(record.account, Account("mulder", quota=10, home="/people/mulder"))
        self.assertEqual((record.hash, record.scram), (KEPT.hash, KEPT.scram))
        self.assertEqual(self.store.get("MULDER"), record.account)
        self.assertIsNone(self.store.find("scully"))

    def test_add_twice(self) -> None:
        self.store.add("mulder", KEPT)
        with self.assertRaisesRegex(AccountError, "there is an account mulder already"):
            self.store.add("MULDER", OTHER)
        record = self.store.find("mulder")
        assert record is not None
        self.assertEqual(record.hash, KEPT.hash)

    def test_add_what_can_not_be(self) -> None:
        for name, keys, why in (
            ("a b", {}, "can't be an account's name"),
            ("anonymous", {}, "no account may be called"),
            ("a", {"home": "a"}, "does not begin with /"),
            ("a", {"quota": -1}, "no quota"),
            ("a", {"quota": LARGEST_QUOTA + 1}, "no quota"),
        ):
            with self.assertRaisesRegex(AccountError, why):
                self.store.add(name, KEPT, **keys)  # type: ignore[arg-type]  # a table of keyword arguments
        self.assertEqual(self.store.accounts(), [])

    def test_passwd(self) -> None:
        self.store.add("mulder", KEPT)
        no_scram = CountingHasher().keep(b"\xff")
        for kept in (OTHER, no_scram):
            self.store.passwd("mulder", kept)
            record = self.store.find("mulder")
            assert record is not None
            self.assertEqual((record.hash, record.scram), (kept.hash, kept.scram))

    def test_quota_and_enable(self) -> None:
        self.store.add("mulder", KEPT)
        for quota in (0, LARGEST_QUOTA, None):
            self.store.set_quota("mulder", quota)
            self.assertEqual(self.store.get("mulder").quota, quota)
        with self.assertRaisesRegex(AccountError, "no quota"):
            self.store.set_quota("mulder", -1)
        self.store.set_enabled("mulder", False)
        self.assertFalse(self.store.get("mulder").enabled)
        self.store.set_enabled("mulder", True)
        self.assertTrue(self.store.get("mulder").enabled)

    def test_rights(self) -> None:
        self.store.add("mulder", KEPT)
        self.store.add("scully", KEPT)
        self.store.set_right("mulder", "/pub/", "rw")
        self.store.set_right("mulder", "/", "-")
        self.store.set_right("mulder", "/pub", "r")
        rights = (Right("/", "-"), Right("/pub", "r"))
        self.assertEqual(self.store.get("mulder").rights, rights)
        self.assertEqual(self.store.get("scully").rights, ())
        self.assertEqual([each.account.rights for each in self.store.accounts()], [rights, ()])
        self.store.remove_right("mulder", "/")
        self.assertEqual(self.store.get("mulder").rights, (Right("/pub", "r"),))
        with self.assertRaisesRegex(AccountError, "mulder has no right of its own at /"):
            self.store.remove_right("mulder", "/")
        with self.assertRaisesRegex(AccountError, "not one of rw r -"):
            self.store.set_right("mulder", "/", "x")

    def test_list(self) -> None:
        self.store.add("scully", KEPT)
        self.now = 2000.0
        self.store.add("mulder", KEPT)
        self.assertEqual(
            [(each.account.name, each.created) for each in self.store.accounts()],
            [("mulder", 2000.0), ("scully", 1000.0)],
        )

    def test_remove(self) -> None:
        self.store.add("mulder", KEPT)
        self.store.set_right("mulder", "/", "-")
        self.store.remove("Mulder")
        self.assertIsNone(self.store.find("mulder"))
        self.store.add("mulder", OTHER)
        self.assertEqual(self.store.get("mulder").rights, ())

    def test_numbers_are_never_given_again(self) -> None:
        """What other tables keep for a removed account must not be its successor's."""
        self.store.add("mulder", KEPT)
        self.store.remove("mulder")
        self.store.add("scully", KEPT)
        connection = sqlite3.connect(self.data / FILE)
        self.addCleanup(connection.close)
        self.assertEqual(connection.execute("SELECT id FROM account").fetchall(), [(2,)])

    def test_nobody(self) -> None:
        for change in (
            lambda: self.store.get("nobody"),
            lambda: self.store.passwd("nobody", KEPT),
            lambda: self.store.remove("nobody"),
            lambda: self.store.set_quota("nobody", None),
            lambda: self.store.set_enabled("nobody", True),
            lambda: self.store.set_right("nobody", "/", "r"),
            lambda: self.store.remove_right("nobody", "/"),
        ):
            with self.assertRaisesRegex(AccountError, "there is no account nobody"):
                change()

    def test_renew_only_what_is_still_there(self) -> None:
        self.store.add("mulder", KEPT)
        before = self.store.find("mulder")
        assert before is not None
        self.store.passwd("mulder", OTHER)  # meanwhile
        self.store.renew(before, "newer")
        now = self.store.find("mulder")
        assert now is not None
        self.assertEqual(now.hash, OTHER.hash)
        self.store.renew(now, "newer")
        renewed = self.store.find("mulder")
        assert renewed is not None
        self.assertEqual(renewed.hash, "newer")

    def test_secret_stays(self) -> None:
        secret = self.store.secret()
        self.assertEqual(len(secret), 32)
        self.assertEqual(self.open().secret(), secret)

    def test_hashes_stay_out_of_reprs(self) -> None:
        self.store.add("mulder", KEPT)
        self.assertNotIn("argon2id", repr(self.store.find("mulder")))

    def test_nothing_stays_open_when_it_can_not_be_opened(self) -> None:
        opened: list[sqlite3.Connection] = []
        real = store_module.open_database

        def open_once(data: Path, patience: float) -> sqlite3.Connection:
            if opened:
                raise AccountError("out of descriptors")
            opened.append(real(data, patience))
            return opened[0]

        self.patch(store_module, "open_database", open_once)
        with self.assertRaisesRegex(AccountError, "out of descriptors"):
            Store(self.data)
        with self.assertRaisesRegex(sqlite3.ProgrammingError, "closed"):
            opened[0].execute("SELECT 1")

    def test_closed(self) -> None:
        self.store.close()
        self.store.close()
        for ask in (lambda: self.store.find("mulder"), self.store.secret):
            with self.assertRaises(LoginUnavailable):
                ask()
        for order in (self.store.accounts, self.store.bans, self.store.lifted, lambda: self.store.add("a", KEPT)):
            with self.assertRaises(AccountError):
                order()


class BanTests(StoreCase):
    def test_put_list_lift(self) -> None:
        bans = [Ban("192.0.2.0/24", 1000.0, 1900.0, 120), Ban("mulder", 1000.0, 1900.0, 100)]
        self.store.put_bans(reversed(bans))
        self.assertEqual(self.store.bans(), bans)
        self.assertEqual(self.store.lifted(), 0)
        self.assertEqual(self.store.lift(["mulder", "scully"]), 1)
        self.assertEqual(self.store.bans(), bans[:1])
        self.assertEqual(self.store.lifted(), 1)

    def test_nothing_lifted_is_no_news(self) -> None:
        self.assertEqual(self.store.lift(["mulder"]), 0)
        self.assertEqual(self.store.lifted(), 0)

    def test_they_end(self) -> None:
        self.store.put_bans([Ban("mulder", 1000.0, 1900.0, 100)])
        self.now = 1899.0
        self.assertEqual(len(self.store.bans()), 1)
        self.now = 1900.0
        self.assertEqual(self.store.bans(), [])
        self.assertEqual(len(self.store.bans(over=True)), 1)
        self.now += 86_399.0
        self.store.put_bans([])
        self.assertEqual(len(self.store.bans(over=True)), 1)
        self.now += 1.0
        self.store.put_bans([])
        self.assertEqual(self.store.bans(over=True), [])

    def test_again(self) -> None:
        self.store.put_bans([Ban("mulder", 1000.0, 1900.0, 100)])
        self.store.put_bans([Ban("mulder", 1500.0, 2400.0, 101)])
        self.assertEqual(self.store.bans(), [Ban("mulder", 1500.0, 2400.0, 101)])


class OtherProcessTests(StoreCase):
    """The daemon has the file open while commands write to it."""

    def run_python(self, code: str) -> "subprocess.Popen[bytes]":
        process = subprocess.Popen(
            [sys.executable, "-c", code, str(self.data)],
            cwd=CHECKOUT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        return process

    PREPARE = """
import sys
from pathlib import Path
from netdaemon.accounts.hashing import Kept
from netdaemon.accounts.store import Store
store = Store(Path(sys.argv[1]))
"""

    def test_seen_at_once(self) -> None:
        self.assertIsNone(self.store.find("mulder"))
        process = self.run_python(self.PREPARE + "store.add('mulder', Kept('other', None)); store.close()")
        self.assertEqual(process.wait(), 0)
        record = self.store.find("mulder")
        assert record is not None
        self.assertEqual(record.hash, "other")
        process = self.run_python(self.PREPARE + "store.set_enabled('mulder', False)")
        self.assertEqual(process.wait(), 0)
        self.assertFalse(self.store.get("mulder").enabled)

    def test_both_write(self) -> None:
        code = "for n in range(40): store.add(f'theirs{n}', Kept('x', None))\n"
        process = self.run_python(self.PREPARE + "print('up', flush=True)\n" + code)
        assert process.stdout is not None
        self.assertEqual(process.stdout.readline(), b"up\n")
        for number in range(40):
            self.store.add(f"ours{number}", KEPT)
        self.assertEqual(process.wait(), 0)
        names = {each.account.name for each in self.store.accounts()}
        self.assertEqual(names, {f"{who}{n}" for who in ("ours", "theirs") for n in range(40)})

    def test_killed_in_the_middle(self) -> None:
        """A writer that dies inside its transaction leaves nothing of it, and stands in nobody's way."""
        self.store.add("mulder", KEPT)
        self.store.set_right("mulder", "/", "r")
        process = self.run_python(
            self.PREPARE
            + """
with store._write() as writer:
    writer.execute("UPDATE account SET hash = 'half'")
    writer.execute("DELETE FROM account_right")
    print('inside', flush=True)
    sys.stdin.read()
"""
        )
        assert process.stdout is not None
        self.assertEqual(process.stdout.readline(), b"inside\n")
        process.send_signal(signal.SIGKILL)
        process.wait()
        record = self.store.find("mulder")
        assert record is not None
        self.assertEqual((record.hash, record.account.rights), (KEPT.hash, (Right("/", "r"),)))
        self.store.passwd("mulder", OTHER)

    def test_a_writer_that_never_ends(self) -> None:
        self.patch(store_module, "WRITE_PATIENCE", 0.01)
        impatient = self.open()
        self.store.add("mulder", KEPT)
        other = sqlite3.connect(self.data / FILE, isolation_level=None)
        self.addCleanup(other.close)
        other.execute("BEGIN IMMEDIATE")
        with self.assertRaisesRegex(AccountError, "can't be written: database is locked"):
            impatient.set_enabled("mulder", False)
        self.assertTrue(impatient.get("mulder").enabled)  # readers don't wait
        other.execute("ROLLBACK")
        impatient.set_enabled("mulder", False)

    def test_threads_take_turns(self) -> None:
        threads = [threading.Thread(target=self.store.add, args=(f"a{n}", KEPT)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(len(self.store.accounts()), 8)


class StoreMachine(RuleBasedStateMachine):
    """The store against a dict, through two instances as two processes have them."""

    names = st.sampled_from(["a", "b", "c"])
    paths = st.sampled_from(["/", "/x", "/x/y"])

    def __init__(self) -> None:
        super().__init__()
        self.model: dict[str, Account] = {}
        data = folder(StoreMachine.folder + f"/{StoreMachine.runs}")
        StoreMachine.runs += 1
        self.daemon, self.command = Store(data), Store(data)

    folder = ""
    runs = 0

    def teardown(self) -> None:
        self.daemon.close()
        self.command.close()

    @rule(name=names, quota=st.none() | st.integers(0, 9))
    def add(self, name: str, quota: int | None) -> None:
        try:
            self.command.add(name, KEPT, quota=quota)
            assert name not in self.model
            self.model[name] = Account(name, quota=quota)
        except AccountError:
            assert name in self.model

    @rule(name=names, path=paths, mode=st.sampled_from(["rw", "r", "-"]))
    @precondition(lambda self: self.model)
    def right(self, name: str, path: str, mode: str) -> None:
        try:
            self.command.set_right(name, path, mode)
            old = self.model[name]
            rights = {right.path: right for right in old.rights} | {path: Right(path, mode)}
            self.model[name] = Account(name, tuple(rights[path] for path in sorted(rights)), old.quota)
        except AccountError:
            assert name not in self.model

    @rule(name=names)
    def remove(self, name: str) -> None:
        try:
            self.command.remove(name)
            del self.model[name]
        except AccountError:
            assert name not in self.model

    @rule(name=names)
    def find(self, name: str) -> None:
        record = self.daemon.find(name)
        assert (None if record is None else record.account) == self.model.get(name)

    @rule()
    def list(self) -> None:
        assert [each.account for each in self.daemon.accounts()] == [self.model[name] for name in sorted(self.model)]


class ModelTests(SynchronousTestCase):
    def test_against_a_dict(self) -> None:
        StoreMachine.folder = self.mktemp()
        StoreMachine.TestCase.settings = hypothesis_settings(max_examples=15, stateful_step_count=20, deadline=None)
        StoreMachine.TestCase("runTest").debug()
