from ipaddress import ip_network
from typing import Any

from twisted.cred.credentials import Anonymous, UsernamePassword
from twisted.internet import task
from twisted.internet.address import UNIXAddress
from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import Interface
from zope.interface.verify import verifyObject

from netdaemon.accounts import lanes
from netdaemon.accounts import logins as logins_module
from netdaemon.accounts.open import Accounts
from netdaemon.accounts.remembered import SECONDS
from netdaemon.interfaces import (
    Account,
    IAccountAvatar,
    IDocumentsAvatar,
    ILogins,
    Login,
    LoginBanned,
    LoginFailed,
    LoginUnavailable,
    Right,
    TooManySessions,
)
from netdaemon.wire.sasl.credentials import Disproved, Proven
from tests.accounts.kit import CountingHasher, accounts, folder, peer, service
from tests.accounts.steps import Steps
from tests.kit.house import Tally


class IMail(Interface):
    """What a later floor may provide."""


class LoginsCase(SynchronousTestCase):
    keys: dict[str, Any] = {"throttle_failures": 5}

    def setUp(self) -> None:
        self.data = folder(self.mktemp())
        self.clock = task.Clock()
        self.measure = Tally()
        self.hasher = CountingHasher()
        self.accounts = self.open()
        self.accounts.store.add("mulder", self.hasher.keep(b"trustno1"))
        self.accounts.store.add("scully", self.hasher.keep(b"starbuck"))
        self.logins = self.accounts.logins

    def open(self, worker: Any = None, **keys: Any) -> Accounts:
        made = accounts(
            self.data, self.clock, worker=worker, hasher=self.hasher, measure=self.measure, **{**self.keys, **keys}
        )
        self.addCleanup(made.close)
        return made

    def login(
        self,
        credentials: object = None,
        host: str = "192.0.2.7",
        settings: Any = None,
        interfaces: tuple[Any, ...] = (),
        where: Any = None,
    ) -> "Deferred[Login]":
        if credentials is None:
            credentials = UsernamePassword(b"mulder", b"trustno1")
        attempt = self.logins.login(credentials, where or peer(host), settings or service(), *interfaces)
        return self.started(attempt)

    def started(self, coroutine: Any) -> "Deferred[Any]":
        """It runs; what is left of it at the end of the test is cancelled, the last first."""

        def end() -> None:
            running.addErrback(lambda reason: None)
            running.cancel()

        running: Deferred[Any] = Deferred.fromCoroutine(coroutine)
        self.addCleanup(end)
        return running

    def wrong(self, password: bytes = b"wrong", name: bytes = b"mulder", host: str = "192.0.2.7") -> "Deferred[Login]":
        return self.login(UsernamePassword(name, password), host)

    def fail_often(self, times: int, **who: Any) -> None:
        """Fail with another password each time, waiting as long as it takes."""
        for number in range(times):
            attempt = self.wrong(b"wrong %d" % number, **who)
            self.clock.pump([8.0] * 2)
            self.failureResultOf(attempt, LoginFailed)


class LoginTests(LoginsCase):
    def test_provides(self) -> None:
        self.assertTrue(verifyObject(ILogins, self.logins))

    def test_password(self) -> None:
        login = self.successResultOf(self.login(interfaces=(IDocumentsAvatar, IAccountAvatar)))
        self.assertEqual(login.account, Account("mulder"))
        documents, account = login.avatars
        self.assertTrue(IDocumentsAvatar.providedBy(documents))
        self.assertEqual(account.account, Account("mulder"))
        self.assertEqual(self.measure.auths, {("ftp", "ok"): 1})

    def test_no_avatars_asked_for(self) -> None:
        self.assertEqual(self.successResultOf(self.login()).avatars, ())

    def test_wrong(self) -> None:
        """One error and one text, whatever was wrong."""
        self.accounts.store.set_enabled("scully", False)
        said = set()
        for name, password in (
            (b"mulder", b"wrong"),
            (b"scully", b"starbuck"),
            (b"skinner", b"x"),
            (b"", b""),
            (b"\xff", b"x"),
            (b"mulder", b"x" * 2000),
        ):
            attempt = self.wrong(password, name, host="127.0.0.1")
            self.clock.pump([8.0] * 2)
            failure = self.failureResultOf(attempt, LoginFailed)
            said.add((failure.type, str(failure.value)))
        self.assertEqual(said, {(LoginFailed, "wrong name or password")})
        self.assertEqual(self.measure.auths, {("ftp", "failed"): 6})

    def test_proven(self) -> None:
        self.assertEqual(self.successResultOf(self.login(Proven("Mulder", "EXTERNAL"))).account.name, "mulder")
        self.failureResultOf(self.login(Proven("skinner", "EXTERNAL"), host="192.0.2.8"), LoginFailed)

    def test_disproved(self) -> None:
        """A SCRAM proof that was wrong is a wrong password like others."""
        self.failureResultOf(self.login(Disproved(b"mulder", "SCRAM-SHA-256")), LoginFailed)
        self.assertNoResult(self.login())

    def test_anonymous(self) -> None:
        for _ in range(3):
            login = self.successResultOf(self.login(Anonymous(), settings=service(max_connections_per_account=1)))
            self.assertEqual(login.account, Account("anonymous", rights=(Right("/", "r"),)))

    def test_unknown_credentials(self) -> None:
        self.failureResultOf(self.login(object()), LoginUnavailable)
        self.assertEqual(self.measure.auths, {("ftp", "unavailable"): 1})

    def test_without_measure(self) -> None:
        self.measure = None  # type: ignore[assignment]  # a daemon without one
        self.logins = self.open().logins
        self.successResultOf(self.login())

    def test_a_store_that_fails(self) -> None:
        self.accounts.store.close()
        self.failureResultOf(self.login(), LoginUnavailable)

    def test_a_checker_that_fails(self) -> None:
        def broken(hash: str, password: bytes) -> bool:
            raise MemoryError

        self.hasher.verify = broken  # type: ignore[method-assign]  # out of memory
        self.failureResultOf(self.login(), LoginUnavailable)
        self.assertEqual(len(self.flushLoggedErrors(MemoryError)), 1)
        self.assertEqual(
            self.accounts.throttle.wait("mulder", logins_module.origin(peer())), 0.0, "not the peer's fault"
        )

    def test_a_full_queue(self) -> None:
        class Full(Steps):
            def do(self, job: Any, *, must: bool = False) -> "Deferred[Any]":
                raise LoginUnavailable("too many logins wait")

        self.logins = self.open(Full()).logins
        self.failureResultOf(self.login(), LoginUnavailable)
        self.assertEqual(self.measure.auths, {("ftp", "unavailable"): 1})


class AvatarTests(LoginsCase):
    def setUp(self) -> None:
        super().setUp()
        self.ended: list[str] = []
        self.accounts.realm.provide(IMail, self.mail)

    def mail(self, account: Account) -> tuple[Any, Any]:
        if account.name == "scully":
            raise OSError("no mail today")
        return f"mail of {account.name}", lambda: self.ended.append(account.name)

    def test_logout_ends_them_once(self) -> None:
        login = self.successResultOf(self.login(interfaces=(IMail, IAccountAvatar)))
        self.assertEqual(login.avatars[0], "mail of mulder")
        login.logout()
        login.logout()
        self.assertEqual(self.ended, ["mulder"])

    def test_all_or_none(self) -> None:
        ended: list[str] = []
        self.accounts.realm.provide(IAccountAvatar, self.accounts.realm._makes[IAccountAvatar])
        self.accounts.realm.provide(IDocumentsAvatar, lambda account: ("tree", lambda: ended.append("tree")))
        scully = UsernamePassword(b"scully", b"starbuck")
        one = service(max_connections_per_account=1)
        for _ in range(2):  # the session that was not to be does not count either
            self.failureResultOf(
                self.login(scully, interfaces=(IDocumentsAvatar, IMail), settings=one), LoginUnavailable
            )
        self.assertEqual(ended, ["tree"] * 2)
        self.assertEqual(len(self.flushLoggedErrors(OSError)), 2)

    def test_nobody_provides_it(self) -> None:
        class IUnheardOf(Interface):
            """Of nothing."""

        self.failureResultOf(self.login(interfaces=(IUnheardOf,)), LoginUnavailable)
        self.flushLoggedErrors()

    def test_an_avatar_that_does_not_end_well(self) -> None:
        self.accounts.realm.provide(IMail, lambda account: ("mail", lambda: 1 // 0))
        one = service(max_connections_per_account=1)
        login = self.successResultOf(self.login(interfaces=(IMail,), settings=one))
        login.logout()
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.successResultOf(self.login(settings=one))


class SessionTests(LoginsCase):
    def test_at_the_limit_and_one_past_it(self) -> None:
        two = service(max_connections_per_account=2)
        first, second = (self.successResultOf(self.login(settings=two)) for _ in range(2))
        self.failureResultOf(self.login(settings=two), TooManySessions)
        self.successResultOf(self.login(UsernamePassword(b"scully", b"starbuck"), settings=two))
        self.successResultOf(self.login(settings=service("pop3", max_connections_per_account=2)))
        first.logout()
        first.logout()
        third = self.successResultOf(self.login(settings=two))
        self.failureResultOf(self.login(settings=two), TooManySessions)
        second.logout()
        third.logout()
        self.assertEqual(self.logins._sessions, {("ftp", "scully"): 1, ("pop3", "mulder"): 1})
        self.assertEqual(self.measure.auths["ftp", "sessions"], 2)

    def test_is_no_wrong_password(self) -> None:
        one = service(max_connections_per_account=1)
        self.successResultOf(self.login(settings=one))
        for _ in range(20):
            self.clock.advance(SECONDS)  # so that the password is looked at each time
            self.failureResultOf(self.login(settings=one), TooManySessions)
        self.assertEqual(len(self.hasher.verified), 21)
        self.clock.advance(SECONDS)
        self.successResultOf(self.login(settings=service("pop3")))


class ThrottleTests(LoginsCase):
    def test_delay(self) -> None:
        self.failureResultOf(self.wrong(b"a"))
        second = self.wrong(b"b")
        self.assertNoResult(second)
        self.assertEqual(len(self.hasher.verified), 1, "nothing is looked at before its time")
        self.clock.advance(0.5)
        self.failureResultOf(second, LoginFailed)
        right = self.login()
        self.clock.advance(0.75)
        self.assertNoResult(right)
        self.clock.advance(0.25)
        self.successResultOf(right)
        self.successResultOf(self.login())

    def test_all_at_once_do_not_get_around_it(self) -> None:
        attempts = [self.wrong(b"%d" % number) for number in range(4)]
        self.assertEqual(len(self.hasher.verified), 1)
        for seconds, looked_at in ((0.5, 2), (1.0, 3), (2.0, 4)):
            self.clock.advance(seconds - 0.25)
            self.assertEqual(len(self.hasher.verified), looked_at - 1)
            self.clock.advance(0.25)
            self.assertEqual(len(self.hasher.verified), looked_at)
        for attempt in attempts:
            self.failureResultOf(attempt, LoginFailed)

    def test_ban(self) -> None:
        self.fail_often(5)
        looked_at = len(self.hasher.verified)
        banned = self.failureResultOf(self.login(), LoginBanned).value
        self.assertGreater(banned.seconds, 800)
        self.assertEqual(len(self.hasher.verified), looked_at, "no work for who is banned")
        self.successResultOf(self.login(host="198.51.100.9"))
        self.assertEqual(self.measure.auths, {("ftp", "failed"): 5, ("ftp", "banned"): 1, ("ftp", "ok"): 1})
        self.clock.advance(900)
        self.successResultOf(self.login())

    def test_banned_while_waiting(self) -> None:
        self.fail_often(4)
        fifth, waiting = self.wrong(b"five"), self.login()
        self.clock.pump([8.0] * 3)
        self.assertEqual(self.failureResultOf(fifth).type, LoginFailed)
        self.failureResultOf(waiting, LoginBanned)

    def test_banned_during_the_delay(self) -> None:
        self.failureResultOf(self.wrong(b"a"), LoginFailed)
        waiting = self.login()
        for number in range(5):
            self.accounts.throttle.failed("scully", logins_module.origin(peer()), b"%d" % number)
        self.clock.advance(0.5)
        self.failureResultOf(waiting, LoginBanned)

    def banned(self, host: str) -> float:
        return self.accounts.throttle.banned("mulder", logins_module.origin(peer(host)))

    def test_lifted_while_it_runs(self) -> None:
        self.fail_often(5)
        self.failureResultOf(self.login(), LoginBanned)
        self.accounts.store.lift(["192.0.2.7/32"])
        self.clock.advance(1)
        self.successResultOf(self.login())

    def test_the_same_wrong_password_for_ever(self) -> None:
        for _ in range(50):
            attempt = self.wrong(b"old")
            self.clock.advance(0.5)
            self.failureResultOf(attempt, LoginFailed)
        self.assertEqual(self.banned("192.0.2.7"), 0.0)

    def test_remembered_passwords_neither_wait_nor_queue(self) -> None:
        """HTTP Basic from behind an address where somebody else guesses."""
        self.successResultOf(self.login())
        self.fail_often(2, name=b"scully")
        self.wrong(b"x", name=b"scully")
        looked_at = len(self.hasher.verified)
        for _ in range(3):
            self.successResultOf(self.login())
        self.assertEqual(len(self.hasher.verified), looked_at)

    def test_but_not_when_banned(self) -> None:
        self.successResultOf(self.login())
        for number in range(5):
            self.accounts.throttle.failed("scully", logins_module.origin(peer()), b"%d" % number)
        self.failureResultOf(self.login(), LoginBanned)

    def test_at_home_nobody_waits_for_neighbours(self) -> None:
        self.successResultOf(self.login())
        self.clock.advance(SECONDS)
        self.fail_often(2, name=b"scully")
        self.wrong(b"x", name=b"scully")
        self.successResultOf(self.login())

    def test_anonymous_is_not_throttled(self) -> None:
        self.fail_often(5)
        self.successResultOf(self.login(Anonymous()))

    def test_too_many_wait(self) -> None:
        self.patch(self.logins, "_lanes", lanes.Lanes(most=2))
        self.failureResultOf(self.wrong(b"a"), LoginFailed)
        waiting = [self.wrong(b"b"), self.wrong(b"c")]
        self.failureResultOf(self.wrong(b"d"), LoginUnavailable)
        self.clock.pump([8.0] * 3)
        for attempt in waiting:
            self.failureResultOf(attempt, LoginFailed)

    def test_unix_sockets(self) -> None:
        where = UNIXAddress("/run/x")
        for number in range(20):
            attempt = self.login(UsernamePassword(b"mulder", b"%d" % number), where=where)
            self.clock.pump([8.0] * 2)
            self.assertEqual(self.failureResultOf(attempt).type, LoginFailed)


class CancelTests(LoginsCase):
    def test_during_the_delay(self) -> None:
        self.failureResultOf(self.wrong(b"a"))
        attempt, behind = self.wrong(b"b"), self.login()
        attempt.cancel()
        self.failureResultOf(attempt, CancelledError)
        self.clock.advance(0.5)
        self.successResultOf(behind)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_while_the_password_is_checked(self) -> None:
        """To hang up before the answer does not make a guess free."""
        worker = Steps()
        self.logins = self.open(worker).logins
        attempt = self.wrong(b"a")
        attempt.cancel()
        self.failureResultOf(attempt, CancelledError)
        worker.step()
        self.assertNoResult(self.wrong(b"b"))
        self.assertEqual(worker.jobs, [])
        self.clock.advance(0.5)
        self.assertEqual(len(worker.jobs), 1)
        worker.step()


class ScramTests(LoginsCase):
    def test_has_everybody_a_verifier(self) -> None:
        self.assertTrue(self.logins.has_verifiers)
        file = self.data / "passwd"
        file.write_text("")
        for auth, has in (
            (("store", "demo"), True),
            (("store", f"file:{file}"), False),
            (("memory:mulder:trustno1", "store"), False),
        ):
            self.assertIs(self.open(auth=auth).logins.has_verifiers, has, auth)

    def test_known(self) -> None:
        record = self.accounts.store.find("mulder")
        assert record is not None
        for name in ("mulder", "Mulder"):
            self.assertEqual(self.logins.scram_verifier(name), record.scram)

    def test_made_up(self) -> None:
        """For who is not there, may not log in or has none: of the same form, the same after a restart."""
        self.accounts.store.set_enabled("scully", False)
        self.accounts.store.add("skinner", self.hasher.keep(b"\xff"))
        real = self.logins.scram_verifier("mulder")
        others = self.open().logins
        seen = set()
        for name in ("nobody", "scully", "skinner", "no name", "\udcff", ""):
            made = self.logins.scram_verifier(name)
            self.assertEqual(made, others.scram_verifier(name))
            self.assertEqual(made.iterations, real.iterations)
            for ours, theirs in (
                (made.salt, real.salt),
                (made.stored_key, real.stored_key),
                (made.server_key, real.server_key),
            ):
                self.assertEqual(len(ours), len(theirs))
            seen.add(made.salt)
        self.assertEqual(len(seen), 6)
        self.assertEqual(self.logins.scram_verifier("NOBODY"), self.logins.scram_verifier("nobody"))

    def test_elsewhere_another(self) -> None:
        other = accounts(folder(self.mktemp()), self.clock)
        self.addCleanup(other.close)
        self.assertNotEqual(other.logins.scram_verifier("nobody"), self.logins.scram_verifier("nobody"))

    def test_secrets_stay_out_of_reprs(self) -> None:
        self.assertNotIn(repr(self.accounts.store.secret()), repr(self.logins._made_up))


class DemoTests(LoginsCase):
    keys = {"auth": ("demo",), "throttle_failures": 5}

    def test_loopback(self) -> None:
        for host in ("127.0.0.1", "::1", "::ffff:127.0.0.1"):
            self.assertEqual(self.successResultOf(self.login(host=host)).account, Account("mulder"))

    def test_anywhere_else(self) -> None:
        for host in ("192.0.2.7", "2001:db8::1", "10.0.0.1"):
            self.failureResultOf(self.login(host=host), LoginFailed)
            self.clock.advance(8.0)
        self.failureResultOf(self.login(where=UNIXAddress("/run/x")), LoginFailed)

    def test_proven_anywhere_else(self) -> None:
        self.failureResultOf(self.login(Proven("mulder", "SCRAM-SHA-256")), LoginFailed)
        self.clock.advance(8.0)
        self.successResultOf(self.login(Proven("mulder", "SCRAM-SHA-256"), host="127.0.0.1"))

    def test_not_behind_a_load_balancer(self) -> None:
        """There the peer's address is what somebody else says."""
        balanced = service(proxy_protocol=(ip_network("192.0.2.0/24"),))
        self.failureResultOf(self.login(host="127.0.0.1", settings=balanced), LoginFailed)

    def test_not_after_it_was_remembered_on_loopback(self) -> None:
        self.successResultOf(self.login(host="127.0.0.1"))
        self.failureResultOf(self.login(), LoginFailed)


class LogTests(LoginsCase):
    def setUp(self) -> None:
        super().setUp()
        self.events: list[dict[str, Any]] = []
        globalLogPublisher.addObserver(self.events.append)
        self.addCleanup(globalLogPublisher.removeObserver, self.events.append)

    def test_failures_by_name_and_address(self) -> None:
        self.failureResultOf(self.wrong())
        event = next(event for event in self.events if "failed login" in (event.get("log_format") or ""))
        self.assertEqual((event["user"], event["address"], event["section"]), ("mulder", "192.0.2.7", "ftp"))

    def test_no_password_and_no_text_of_the_peer(self) -> None:
        self.failureResultOf(self.wrong(b"trustno2", name=b"My Secret\n!"))
        self.failureResultOf(self.wrong(b"trustno2", host="192.0.2.8"))
        self.clock.advance(8.0)
        self.successResultOf(self.login(host="192.0.2.9"))
        for event in self.events:
            for secret in ("trustno1", "trustno2", "My Secret"):
                self.assertNotIn(secret, repr(event))


class PortalTests(LoginsCase):
    """twisted.cred as it is, for who wants no more."""

    def test_login(self) -> None:
        answer = self.logins.portal.login(UsernamePassword(b"mulder", b"trustno1"), None, IAccountAvatar)
        interface, avatar, logout = self.successResultOf(answer)
        self.assertEqual((interface, avatar.account.name), (IAccountAvatar, "mulder"))
        logout()
