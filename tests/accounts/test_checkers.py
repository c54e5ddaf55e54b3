from typing import Any

from argon2 import PasswordHasher
from twisted.cred import strcred
from twisted.cred.credentials import IUsernamePassword, UsernamePassword
from twisted.cred.error import UnauthorizedLogin
from twisted.internet import task
from twisted.internet.defer import Deferred, succeed
from twisted.trial.unittest import SynchronousTestCase

from netdaemon.accounts.checkers import PasswordChecker, PasswordFrom, ProvenChecker, ProvenFrom, strcred_checker
from netdaemon.accounts.demo import Demo
from netdaemon.accounts.hashing import LONGEST_PASSWORD
from netdaemon.accounts.names import AccountError
from netdaemon.accounts.remembered import SECONDS, Remembered
from netdaemon.accounts.sources import Record
from netdaemon.accounts.store import Store
from netdaemon.accounts.worker import Inline
from netdaemon.interfaces import Account, LoginUnavailable
from netdaemon.wire.sasl.credentials import Proven
from tests.accounts.checking import CheckerCase, Foreign, Table
from tests.accounts.kit import CountingHasher, folder
from tests.accounts.steps import Steps


class PasswordTests(CheckerCase):
    def test_right(self) -> None:
        for name in ("mulder", "Mulder"):
            self.assertEqual(self.successResultOf(self.check(self.checker(self.table), name, b"trustno1")), b"mulder")

    def test_wrong(self) -> None:
        checker = self.checker(self.table)
        for name, password in (
            ("mulder", b"trustno2"),
            ("mulder", b""),
            ("krycek", b"trustno1"),
            ("locked", b""),
            ("locked", b"trustno1"),
            ("scully", b"trustno1"),
            ("anonymous", b"trustno1"),
            ("", b""),
            ("a\0b", b"x"),
            (b"\xff", b"x"),
        ):
            self.failureResultOf(self.check(checker, name, password), UnauthorizedLogin)

    def test_plain_credentials_of_twisted(self) -> None:
        answer = self.checker(self.table).requestAvatarId(UsernamePassword(b"mulder", b"trustno1"))
        self.assertEqual(self.successResultOf(answer), b"mulder")

    def test_passwords_stay_out_of_reprs(self) -> None:
        self.assertNotIn("trustno1", repr(PasswordFrom(b"mulder", b"trustno1")))
        self.assertTrue(PasswordFrom(b"mulder", b"trustno1").checkPassword(b"trustno1"))
        self.assertFalse(PasswordFrom(b"mulder", b"trustno1").checkPassword(b"trustno2"))

    def test_the_longest_password(self) -> None:
        checker = self.checker(self.table)
        self.failureResultOf(self.check(checker, "mulder", b"x" * LONGEST_PASSWORD), UnauthorizedLogin)
        self.assertEqual(len(self.hasher.verified), 1)
        for name in ("mulder", "scully"):
            self.failureResultOf(self.check(checker, name, b"x" * (LONGEST_PASSWORD + 1)), UnauthorizedLogin)
        self.assertEqual(len(self.hasher.verified), 1, "too long ones are not worth a hash, whoever's they are")

    def test_a_store_that_fails(self) -> None:
        store = Store(folder(self.mktemp()))
        store.close()
        self.failureResultOf(self.check(self.checker(store), "mulder", b"trustno1"), LoginUnavailable)

    def test_a_broken_hash_is_our_fault(self) -> None:
        table = Table(mulder=Record(Account("mulder"), "$argon2id$v=19$m=8,t=1,p=1$!!$zz"))
        error = self.failureResultOf(self.check(self.checker(table), "mulder", b"trustno1"))
        self.assertIsNone(error.check(UnauthorizedLogin))


class RememberTests(CheckerCase):
    def test_once_a_minute(self) -> None:
        checker = self.checker(self.table)
        for _ in range(3):
            self.successResultOf(self.check(checker, "mulder", b"trustno1"))
        self.assertEqual(len(self.hasher.verified), 1)
        self.clock.advance(SECONDS)
        self.successResultOf(self.check(checker, "mulder", b"trustno1"))
        self.assertEqual(len(self.hasher.verified), 2)

    def test_never_a_wrong_one(self) -> None:
        checker = self.checker(self.table)
        self.successResultOf(self.check(checker, "mulder", b"trustno1"))
        for _ in range(3):
            self.failureResultOf(self.check(checker, "mulder", b"trustno2"), UnauthorizedLogin)
        self.assertEqual(len(self.hasher.verified), 4)

    def test_not_beyond_a_new_password_or_a_disabled_account(self) -> None:
        checker = self.checker(self.table)
        for change in (self.record("mulder", b"new"), self.record("mulder", b"trustno1", enabled=False), None):
            self.table.records["mulder"] = self.record("mulder", b"trustno1")
            self.successResultOf(self.check(checker, "mulder", b"trustno1"))
            if change is None:
                del self.table.records["mulder"]
            else:
                self.table.records["mulder"] = change
            self.assertFalse(checker.remembers(PasswordFrom(b"mulder", b"trustno1")))
            self.failureResultOf(self.check(checker, "mulder", b"trustno1"), UnauthorizedLogin)

    def test_remembers(self) -> None:
        checker = self.checker(Table(), self.table)
        given = PasswordFrom(b"Mulder", b"trustno1")
        self.assertFalse(checker.remembers(given))
        self.successResultOf(checker.requestAvatarId(given))
        self.assertTrue(checker.remembers(given))
        self.assertFalse(checker.remembers(PasswordFrom(b"mulder", b"trustno2")))
        self.assertFalse(checker.remembers(PasswordFrom(b"scully", b"trustno1")))
        self.assertFalse(checker.remembers(PasswordFrom(b"\xff", b"trustno1")))

    def test_what_a_strcred_checker_may_decide_is_not_remembered(self) -> None:
        checker = self.checker(Foreign(), self.table)
        given = PasswordFrom(b"mulder", b"trustno1")
        self.successResultOf(checker.requestAvatarId(given))
        self.assertFalse(checker.remembers(given))


class RenewTests(CheckerCase):
    def setUp(self) -> None:
        super().setUp()
        self.table = Table(mulder=Record(Account("mulder"), PasswordHasher(1, 16, 1).hash(b"trustno1")))

    def test_a_stale_hash_is_made_anew(self) -> None:
        worker = Steps()
        checker = self.checker(self.table, worker=worker)
        answer = self.check(checker, "mulder", b"trustno1")
        worker.step()
        self.successResultOf(answer)  # nobody waits for the writing
        worker.step()
        ((name, hash),) = self.table.renewed
        self.assertEqual(name, "mulder")
        self.assertTrue(self.hasher.verify(hash, b"trustno1"))
        self.assertFalse(self.hasher.is_stale(hash))

    def test_and_remembered_under_the_new_one(self) -> None:
        checker = self.checker(self.table)
        self.successResultOf(self.check(checker, "mulder", b"trustno1"))
        self.table.records["mulder"] = Record(Account("mulder"), self.table.renewed[0][1])
        self.assertTrue(checker.remembers(PasswordFrom(b"mulder", b"trustno1")))

    def test_not_for_a_wrong_password(self) -> None:
        self.failureResultOf(self.check(self.checker(self.table), "mulder", b"trustno2"), UnauthorizedLogin)
        self.assertEqual((self.table.renewed, self.hasher.hashed), ([], []))

    def test_a_store_that_can_not_be_written_stops_nobody(self) -> None:
        def full(record: Record, hash: str) -> None:
            raise AccountError("the disk is full")

        self.table.renew = full  # type: ignore[method-assign]  # one that fails
        self.successResultOf(self.check(self.checker(self.table), "mulder", b"trustno1"))


class OrderTests(CheckerCase):
    def test_the_first_that_has_the_name_decides(self) -> None:
        second = Table(mulder=self.record("mulder", b"other"), scully=self.record("scully", b"other"))
        checker = self.checker(self.table, second)
        self.failureResultOf(self.check(checker, "mulder", b"other"), UnauthorizedLogin)
        self.assertEqual(self.successResultOf(self.check(checker, "scully", b"other")), b"scully")
        self.failureResultOf(
            self.check(self.checker(self.table, Foreign(krycek=b"krycek")), "krycek", b"x"), UnauthorizedLogin
        )

    def test_a_strcred_checker_decides_when_it_says_yes(self) -> None:
        foreign = Foreign(skinner=b"skinner")
        checker = self.checker(foreign, self.table)
        self.assertEqual(self.successResultOf(self.check(checker, "skinner", b"pw")), b"skinner")
        self.assertEqual(self.hasher.verified, [])
        self.assertEqual(self.successResultOf(self.check(checker, "mulder", b"trustno1")), b"mulder")
        self.assertEqual(foreign.asked, [(b"skinner", b"pw"), (b"mulder", b"trustno1")])

    def test_it_is_asked_for_names_in_their_one_form_only(self) -> None:
        """Where Bob and bob are two users, the one must not become the other."""
        foreign = Foreign(bob=b"bob")
        checker = self.checker(foreign)
        self.assertEqual(self.successResultOf(self.check(checker, "BOB", b"x")), b"bob")
        self.failureResultOf(self.check(checker, "anonymous", b"x"), UnauthorizedLogin)
        self.failureResultOf(self.check(checker, "bob:x", b"x"), UnauthorizedLogin)
        self.assertEqual(foreign.asked, [(b"bob", b"x")])

    def test_its_answers(self) -> None:
        for answer, name in (("Bob", b"bob"), (succeed(b"bob"), b"bob")):
            self.assertEqual(self.successResultOf(self.check(self.checker(Foreign(bob=answer)), "bob", b"x")), name)
        for answer in (b"all", "anonymous", (), b"a b", b"\xff"):
            self.failureResultOf(self.check(self.checker(Foreign(bob=answer)), "bob", b"x"), UnauthorizedLogin)

    def test_its_failures_are_not_a_wrong_password(self) -> None:
        self.failureResultOf(self.check(self.checker(Foreign(bob=OSError("down"))), "bob", b"x"), OSError)

    def test_the_demo_where_it_comes_from(self) -> None:
        checker = self.checker(Demo(self.hasher))
        self.assertEqual(self.successResultOf(self.check(checker, "mulder", b"trustno1", loopback=True)), b"mulder")
        self.failureResultOf(self.check(checker, "mulder", b"trustno1", loopback=False), UnauthorizedLogin)
        plain = checker.requestAvatarId(UsernamePassword(b"mulder", b"trustno1"))
        self.failureResultOf(plain, UnauthorizedLogin)
        self.failureResultOf(self.check(checker, "mulder", b"trustno2", loopback=True), UnauthorizedLogin)
        self.failureResultOf(self.check(checker, "scully", b"trustno1", loopback=True), UnauthorizedLogin)


class ProvenTests(CheckerCase):
    def check_proven(self, name: str, *sources: Any, **where: bool) -> Any:
        return ProvenChecker(sources or (self.table,)).requestAvatarId(ProvenFrom(name, "EXTERNAL", **where))

    def test_accounts_that_may_log_in(self) -> None:
        self.assertEqual(self.successResultOf(self.check_proven("Mulder")), b"mulder")
        for name in ("krycek", "locked", "scully", "anonymous", "", "a b"):
            self.failureResultOf(self.check_proven(name), UnauthorizedLogin)

    def test_strcred_checkers_know_nothing_of_it(self) -> None:
        self.failureResultOf(self.check_proven("bob", Foreign(bob=b"bob")), UnauthorizedLogin)

    def test_the_demo_where_it_comes_from(self) -> None:
        demo = Demo(self.hasher)
        self.assertEqual(self.successResultOf(self.check_proven("mulder", demo, loopback=True)), b"mulder")
        self.failureResultOf(self.check_proven("mulder", demo), UnauthorizedLogin)
        plain = ProvenChecker((demo,)).requestAvatarId(Proven("mulder", "EXTERNAL"))
        self.failureResultOf(plain, UnauthorizedLogin)

    def test_a_store_that_fails(self) -> None:
        store = Store(folder(self.mktemp()))
        store.close()
        self.failureResultOf(self.check_proven("mulder", store), LoginUnavailable)


class StrcredTests(SynchronousTestCase):
    def answer(self, word: str, name: bytes, password: bytes) -> "Deferred[Any]":
        checker: Any = strcred_checker(word)
        made = PasswordChecker((checker,), CountingHasher(), Inline(), Remembered(task.Clock()))
        return made.requestAvatarId(PasswordFrom(name, password))

    def test_a_plugin_of_twisted(self) -> None:
        self.assertEqual(self.successResultOf(self.answer("memory:scully:starbuck", b"scully", b"starbuck")), b"scully")
        self.failureResultOf(self.answer("memory:scully:starbuck", b"scully", b"x"), UnauthorizedLogin)

    def test_unknown(self) -> None:
        with self.assertRaisesRegex(AccountError, r"'ldpa' is not one of store file:PATH demo .*memory"):
            strcred_checker("ldpa:secret@host")

    def test_wrong_arguments(self) -> None:
        with self.assertRaisesRegex(AccountError, "auth: memory: ") as caught:
            strcred_checker("memory:scully:starbuck:x")
        self.assertNotIn("starbuck", str(caught.exception))

    def test_no_passwords(self) -> None:
        with self.assertRaisesRegex(AccountError, "auth: anonymous does not check passwords"):
            strcred_checker("anonymous")

    def test_a_plugin_of_somebody_else(self) -> None:
        class Theirs:
            authType = "theirs"
            credentialInterfaces = (IUsernamePassword,)

            def generateChecker(self, argument: str) -> object:
                return Foreign(**{argument: argument.encode()})

        self.patch(strcred, "findCheckerFactories", lambda: [Theirs()])
        self.assertEqual(self.successResultOf(self.answer("theirs:skinner", b"skinner", b"x")), b"skinner")

    def test_a_plugin_that_fails_somehow(self) -> None:
        class Broken:
            authType = "broken"
            credentialInterfaces = (IUsernamePassword,)

            def generateChecker(self, argument: str) -> object:
                raise RuntimeError("many\nlines")

        self.patch(strcred, "findCheckerFactories", lambda: [Broken()])
        with self.assertRaisesRegex(AccountError, "^.accounts. auth: broken: many lines$"):
            strcred_checker("broken:x")
