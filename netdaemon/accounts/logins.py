"""Logins: credentials to avatars, with everything that must happen around it."""

from __future__ import annotations

import hashlib
import hmac
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from twisted.cred.checkers import ICredentialsChecker
from twisted.cred.credentials import IAnonymous, IUsernamePassword
from twisted.cred.error import LoginFailed as CredFailed
from twisted.cred.portal import Portal
from twisted.internet.defer import CancelledError
from twisted.internet.interfaces import IAddress, IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger
from zope.interface import Interface, implementer

from netdaemon.accounts.checkers import PasswordChecker, PasswordFrom, ProvenFrom
from netdaemon.accounts.lanes import Lanes
from netdaemon.accounts.names import normal_name
from netdaemon.accounts.origin import Origin, origin
from netdaemon.accounts.realm import Realm
from netdaemon.accounts.sources import Source, first
from netdaemon.accounts.throttle import Throttle
from netdaemon.config.settings import ServiceSettings
from netdaemon.interfaces import (
    Account,
    IAccountAvatar,
    ICounter,
    ILogins,
    IMeasure,
    Login,
    LoginBanned,
    LoginFailed,
    LoginUnavailable,
    ScramVerifier,
    TooManySessions,
)
from netdaemon.wire.escape import escape
from netdaemon.wire.sasl.credentials import IProven

WRONG = "wrong name or password"

log = Logger()


@dataclass(frozen=True)
class MadeUp:
    """SCRAM verifiers of names that have none: the same at every asking, and told from real ones by nobody."""

    secret: bytes = field(repr=False)
    iterations: int
    salt: int
    """The length of a salt, in bytes."""

    def verifier(self, name: str) -> ScramVerifier:
        """The name's; no password fits it."""
        salt, stored_key, server_key = (
            hmac.digest(self.secret, purpose + name.encode("utf-8", "surrogatepass"), hashlib.sha256)
            for purpose in (b"salt:", b"stored:", b"server:")
        )
        return ScramVerifier(salt[: self.salt], self.iterations, stored_key, server_key)


@implementer(ILogins)
class Logins:
    """The way in for every session.

    A login with a password goes: ban? -> its turn among those of its address -> ban? -> delay -> password check ->
    result told to the throttle -> session counted. One whose password was right within the last minute skips turn
    and delay; anonymous ones skip everything, and are limited by the service's connections only.
    """

    def __init__(
        self,
        realm: Realm,
        passwords: PasswordChecker,
        others: Sequence[ICredentialsChecker],
        sources: Sequence[Source | ICredentialsChecker],
        throttle: Throttle,
        made_up: MadeUp,
        clock: IReactorTime,
        measure: IMeasure | None,
    ) -> None:
        self.portal = Portal(realm, (passwords, *others))
        self._realm = realm
        self._passwords = passwords
        self._sources = sources
        self._throttle = throttle
        self._made_up = made_up
        self._clock = clock
        self._measure = measure
        self._counters: dict[tuple[str, str], ICounter] = {}
        self._lanes = Lanes()
        self._sessions: Counter[tuple[str, str]] = Counter()

    @property
    def has_verifiers(self) -> bool:
        """Has every account a SCRAM verifier? What strcred checkers know, nobody can tell."""
        return all(getattr(source, "has_verifiers", False) for source in self._sources)

    async def login(
        self, credentials: object, peer: IAddress, settings: ServiceSettings, *interfaces: type[Interface]
    ) -> Login:
        """As ILogins says. Cancelled while its password is checked, it counts as failed: who asks has to listen."""
        result = "unavailable"
        try:
            login = await self._login(credentials, origin(peer), settings, interfaces)
            result = "ok"
        except TooManySessions:
            result = "sessions"
            raise
        except LoginBanned:
            result = "banned"
            raise
        except LoginFailed:
            result = "failed"
            raise
        finally:
            self._count(settings.section, result)
        return login

    def scram_verifier(self, name: str) -> ScramVerifier:
        """The account's verifier; for who has none a made-up one, which is the same after a restart."""
        normal = normal_name(name)
        # the demo's account is known everywhere: whether it may log in shows once it has proved its password
        record = None if normal is None else first(self._sources, normal, loopback=True)
        if record is None or record.scram is None or not record.account.enabled:
            return self._made_up.verifier(normal or name)
        return record.scram

    async def _login(
        self, credentials: Any, where: Origin, settings: ServiceSettings, interfaces: tuple[type[Interface], ...]
    ) -> Login:
        if IUsernamePassword.providedBy(credentials):
            name = _text(credentials.username)
            given: Any = PasswordFrom(credentials.username, credentials.password, _on_this_machine(where, settings))
            secret: bytes | None = credentials.password
            throttled = not self._remembers(given)
        elif IProven.providedBy(credentials):
            name, secret = credentials.username, None
            given = ProvenFrom(name, credentials.mechanism, _on_this_machine(where, settings))
            throttled = True
        elif IAnonymous.providedBy(credentials):
            return await self._enter(credentials, "", where, settings, interfaces)
        else:
            raise LoginUnavailable(f"nobody here checks {type(credentials).__name__}")
        self._refuse_banned(name, where)
        if not throttled:
            return await self._enter(given, name, where, settings, interfaces)
        async with self._lanes.turn(_lane(self._throttle, name, where)):
            self._refuse_banned(name, where)  # it may have been banned while this one waited for its turn
            wait = self._throttle.wait(name, where)
            if wait:
                await deferLater(self._clock, wait)
                self._refuse_banned(name, where)
            try:
                return await self._enter(given, name, where, settings, interfaces)
            except (LoginFailed, CancelledError) as error:
                if not isinstance(error, TooManySessions):
                    self._throttle.failed(name, where, secret)
                    self._log_failure(name, where, settings.section)
                raise

    async def _enter(
        self,
        credentials: Any,
        name: str,
        where: Origin,
        settings: ServiceSettings,
        interfaces: tuple[type[Interface], ...],
    ) -> Login:
        try:
            avatar: Any = (await self.portal.login(credentials, None, IAccountAvatar))[1]
        except CredFailed:
            raise LoginFailed(WRONG) from None
        except (CancelledError, LoginUnavailable):
            raise
        except Exception as error:
            log.failure("logins of {section} don't work", section=settings.section)
            raise LoginUnavailable(str(error)) from error
        account: Account = avatar.account
        if name:
            self._throttle.succeeded(name, where)
        return self._open(account, settings, interfaces, counted=bool(name))

    def _remembers(self, given: PasswordFrom) -> bool:
        try:
            return self._passwords.remembers(given)
        except LoginUnavailable:
            return False  # it will be said when the password is checked

    def _open(
        self, account: Account, settings: ServiceSettings, interfaces: tuple[type[Interface], ...], *, counted: bool
    ) -> Login:
        """Count the session and make its avatars: all of it, or nothing."""
        key = (settings.section, account.name)
        if counted and self._sessions[key] >= settings.max_connections_per_account:
            log.info("{user} has too many sessions of {section}", user=account.name, section=settings.section)
            raise TooManySessions("too many sessions of this account")
        ends: list[Callable[[], None]] = []

        def logout() -> None:
            while ends:
                try:
                    ends.pop()()
                except Exception:  # noqa: BLE001  # another room's avatar; the others must end all the same
                    log.failure("an avatar of {user} did not end well", user=account.name)

        if counted:
            self._sessions[key] += 1
            ends.append(lambda: self._leave(key))
        avatars = []
        try:
            for interface in interfaces:
                avatar, end = self._realm.avatar(account, interface)
                ends.append(end)
                avatars.append(avatar)
        except Exception as error:
            logout()
            log.failure("no avatars for {user} in {section}", user=account.name, section=settings.section)
            raise LoginUnavailable(str(error)) from error
        return Login(account, tuple(avatars), logout)

    def _leave(self, key: tuple[str, str]) -> None:
        self._sessions[key] -= 1
        if not self._sessions[key]:
            del self._sessions[key]

    def _refuse_banned(self, name: str, where: Origin) -> None:
        seconds = self._throttle.banned(name, where)
        if seconds:
            raise LoginBanned(seconds)

    def _log_failure(self, name: str, where: Origin, section: str) -> None:
        # what can't be a name may be a password in the wrong place
        user = normal_name(name) or "(not a name)"
        log.info(
            "failed login of {user} from {address} at {section}", user=user, address=escape(where.text), section=section
        )

    def _count(self, section: str, result: str) -> None:
        if self._measure is None:
            return
        counter = self._counters.get((section, result))
        if counter is None:
            counter = self._counters[section, result] = self._measure.auth(section, result)
        counter.inc()


def _lane(throttle: Throttle, name: str, where: Origin) -> tuple[str, ...]:
    """An account where it is at home goes on a lane of its own; all others of an address share one."""
    normal = normal_name(name)
    return (where.place, normal) if normal is not None and throttle.is_home(normal, where) else (where.place,)


def _on_this_machine(where: Origin, settings: ServiceSettings) -> bool:
    """Are both ends of the connection loopback addresses?

    A peer that is one can only have come to an address of this machine, unless a load balancer says who the peer is.
    """
    return where.loopback and not settings.proxy_protocol


def _text(name: bytes | str) -> str:
    return name.decode("utf-8", "replace") if isinstance(name, bytes) else name
