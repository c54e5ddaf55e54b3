"""Sources and checkers as the tests of checkers need them."""

from typing import Any

from twisted.cred.checkers import ICredentialsChecker
from twisted.cred.credentials import IUsernamePassword
from twisted.cred.error import UnauthorizedLogin
from twisted.internet import task
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from netdaemon.accounts.checkers import PasswordChecker, PasswordFrom
from netdaemon.accounts.remembered import Remembered
from netdaemon.accounts.sources import Record
from netdaemon.accounts.worker import Inline
from netdaemon.interfaces import Account
from tests.accounts.kit import CountingHasher


@implementer(ICredentialsChecker)
class Foreign:
    """A checker as a plugin makes it: says yes to the names it has, whatever the password."""

    credentialInterfaces = (IUsernamePassword,)

    def __init__(self, **answers: object) -> None:
        self.answers = answers
        self.asked: list[tuple[bytes, bytes]] = []

    def requestAvatarId(self, credentials: Any) -> Any:
        self.asked.append((credentials.username, credentials.password))
        answer = self.answers.get(credentials.username.decode())
        if answer is None:
            raise UnauthorizedLogin
        if isinstance(answer, Exception):
            raise answer
        return answer


class Table:
    """A source out of a dict."""

    has_verifiers = True

    def __init__(self, **records: Record) -> None:
        self.records = records
        self.renewed: list[tuple[str, str]] = []

    def find(self, name: str, loopback: bool) -> Record | None:
        return self.records.get(name)

    def renew(self, record: Record, hash: str) -> None:
        self.renewed.append((record.account.name, hash))


class CheckerCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.hasher = CountingHasher()
        self.clock = task.Clock()
        self.table = Table(
            mulder=self.record("mulder", b"trustno1"),
            krycek=self.record("krycek", b"trustno1", enabled=False),
            locked=Record(Account("locked", enabled=False), ""),
        )
        self.hasher.hashed.clear()

    def record(self, name: str, password: bytes, enabled: bool = True) -> Record:
        return Record(Account(name, enabled=enabled), self.hasher.hash(password))

    def checker(self, *sources: Any, worker: Any = None) -> PasswordChecker:
        return PasswordChecker(sources, self.hasher, worker or Inline(), Remembered(self.clock))

    def check(self, checker: PasswordChecker, name: str | bytes, password: bytes, **where: bool) -> Any:
        username = name.encode() if isinstance(name, str) else name
        return checker.requestAvatarId(PasswordFrom(username, password, **where))
