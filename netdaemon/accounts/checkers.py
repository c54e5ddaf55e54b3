"""The checkers of twisted.cred: credentials to the name of an account, whatever sources the INI lists."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from twisted.cred.checkers import ICredentialsChecker, InMemoryUsernamePasswordDatabaseDontUse
from twisted.cred.credentials import IUsernamePassword, UsernamePassword
from twisted.cred.error import UnauthorizedLogin
from twisted.cred.strcred import InvalidAuthType, findCheckerFactories, makeChecker
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from netdaemon.accounts.hashing import LONGEST_PASSWORD, Hasher
from netdaemon.accounts.names import AccountError, normal_name
from netdaemon.accounts.remembered import Remembered
from netdaemon.accounts.sources import Record, Source, first
from netdaemon.accounts.worker import IWorks
from netdaemon.wire.sasl.credentials import IProven

log = Logger()

OWN_WORDS = ("store", "file:PATH", "demo")
"""What `[accounts] auth` may say besides strcred's descriptions."""


@implementer(IUsernamePassword)
@dataclass(frozen=True)
class PasswordFrom:
    """A name and a password, and whether they came over a loopback connection.

    Other IUsernamePassword go to the portal as well; they count as coming from elsewhere.
    """

    username: bytes
    password: bytes = field(repr=False)
    loopback: bool = False

    def checkPassword(self, password: bytes) -> bool:
        return self.password == password


@implementer(IProven)
@dataclass(frozen=True)
class ProvenFrom:
    """The same for a name that a SASL mechanism has proved."""

    username: str
    mechanism: str
    loopback: bool = False


@implementer(ICredentialsChecker)
class PasswordChecker:
    """Names and passwords.

    The first source in order that has the name decides. A strcred checker can't be asked who it knows: it decides
    when it says yes, and otherwise the next source is asked. Every answer but that yes takes one argon2id check, for
    names that nobody has as for others; what a strcred checker does takes the time it takes.
    """

    credentialInterfaces = (IUsernamePassword,)

    def __init__(
        self,
        sources: Sequence[Source | ICredentialsChecker],
        hasher: Hasher,
        worker: IWorks,
        remembered: Remembered,
    ) -> None:
        self._sources = sources
        self._hasher = hasher
        self._worker = worker
        self._remembered = remembered

    def requestAvatarId(self, credentials: IUsernamePassword) -> Deferred[bytes | tuple[()]]:
        """The account's normal name. Fails with UnauthorizedLogin and LoginUnavailable."""
        return Deferred.fromCoroutine(self._check(credentials))

    def remembers(self, credentials: IUsernamePassword) -> bool:
        """Will the answer be yes, without any work, as it was a moment ago?"""
        name = normal_name(_text(credentials.username))
        if name is None:
            return False
        for source in self._sources:
            if ICredentialsChecker.providedBy(source):
                return False
            record = source.find(name, _loopback(credentials))
            if record is not None:
                return record.account.enabled and self._remembered.knows(record, credentials.password)
        return False

    async def _check(self, credentials: IUsernamePassword) -> bytes | tuple[()]:
        if len(credentials.password) > LONGEST_PASSWORD:
            raise UnauthorizedLogin  # for every name alike
        name = normal_name(_text(credentials.username))
        if name is None:
            await self._verify(None, None, credentials.password)
            raise UnauthorizedLogin
        source, record = None, None
        for source in self._sources:
            if ICredentialsChecker.providedBy(source):
                known = await _ask(source, name, credentials.password)
                if known is not None:
                    return known
            else:
                record = source.find(name, _loopback(credentials))
                if record is not None:
                    break
        if not await self._verify(source, record, credentials.password):
            raise UnauthorizedLogin
        return name.encode()

    async def _verify(self, source: Any, record: Record | None, password: bytes) -> bool:
        may = record is not None and record.account.enabled and bool(record.hash)
        if may and self._remembered.knows(record, password):  # type: ignore[arg-type]  # `may` says it is not None
            return True
        hash = record.hash if record is not None and record.hash else self._hasher.nobody

        def work() -> tuple[bool, str]:
            right = self._hasher.verify(hash, password) and may
            return right, self._hasher.hash(password) if right and self._hasher.is_stale(hash) else hash

        right, newer = await self._worker.do(work)
        if not right or record is None:
            return False
        if newer != hash:
            self._worker.do(lambda: source.renew(record, newer), must=True).addErrback(_not_renewed, record)
        self._remembered.learn(replace(record, hash=newer), password)
        return True


@implementer(ICredentialsChecker)
class ProvenChecker:
    """Names that a SASL mechanism has proved: they must be accounts that may log in."""

    credentialInterfaces = (IProven,)

    def __init__(self, sources: Sequence[Source | ICredentialsChecker]) -> None:
        self._sources = sources

    def requestAvatarId(self, credentials: IProven) -> Deferred[bytes | tuple[()]]:
        """The account's normal name. Fails with UnauthorizedLogin and LoginUnavailable."""
        return maybeDeferred(self._check, credentials)

    def _check(self, credentials: IProven) -> bytes | tuple[()]:
        name = normal_name(credentials.username)
        record = None if name is None else first(self._sources, name, _loopback(credentials))
        if record is None or not record.account.enabled:
            raise UnauthorizedLogin
        return record.account.name.encode()


def strcred_checker(word: str) -> ICredentialsChecker:
    """The checker that one of twisted.cred's plugins makes of ``unix``, ``ldap:...``. Raises AccountError."""
    try:
        checker: Any = makeChecker(word)  # type: ignore[no-untyped-call]  # Twisted's has no types
    except InvalidAuthType:
        plugins = findCheckerFactories()  # type: ignore[no-untyped-call]  # as above
        others = {plugin.authType for plugin in plugins if IUsernamePassword in plugin.credentialInterfaces}
        known = " ".join([*OWN_WORDS, *sorted(others - {"file"})])
        raise AccountError(f"[accounts] auth: {word.partition(':')[0]!r} is not one of {known}") from None
    except Exception as error:  # noqa: BLE001  # a plugin raises what it likes; the operator wants one line
        # the description itself may hold passwords (memory:NAME:PASSWORD)
        said = " ".join(str(error).split()) or type(error).__name__
        raise AccountError(f"[accounts] auth: {word.partition(':')[0]}: {said}") from None
    if IUsernamePassword not in checker.credentialInterfaces:
        raise AccountError(f"[accounts] auth: {word.partition(':')[0]} does not check passwords")
    if isinstance(checker, InMemoryUsernamePasswordDatabaseDontUse):
        # the plugin `memory` keeps str, while the credentials that it compares hold bytes
        checker.users = {_bytes(name): _bytes(password) for name, password in checker.users.items()}
    return checker  # type: ignore[no-any-return]  # Any, as makeChecker has no types


async def _ask(checker: Any, name: str, password: bytes) -> bytes | None:
    """The account's name as a strcred checker answers it, None for no."""
    # only names in normal form: bob and Bob are two users to some, and one account here
    try:
        answer = await maybeDeferred(checker.requestAvatarId, UsernamePassword(name.encode(), password))
    except UnauthorizedLogin:
        return None
    known = normal_name(_text(answer)) if isinstance(answer, bytes | str) else None
    return None if known is None else known.encode()


def _loopback(credentials: object) -> bool:
    return getattr(credentials, "loopback", False) is True


def _text(name: bytes | str) -> str:
    return name.decode("utf-8", "replace") if isinstance(name, bytes) else name


def _bytes(text: bytes | str) -> bytes:
    return text.encode() if isinstance(text, str) else text


def _not_renewed(reason: Failure, record: Record) -> None:
    log.error("the hash of {user} stays as it is: {reason}", user=record.account.name, reason=reason.getErrorMessage())
