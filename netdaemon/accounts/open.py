"""Everything of the accounts, opened from the settings."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from twisted.cred.checkers import AllowAnonymousAccess, ICredentialsChecker
from twisted.internet.interfaces import IReactorFromThreads, IReactorTime
from twisted.logger import Logger

from netdaemon.accounts.bans import Bans
from netdaemon.accounts.checkers import PasswordChecker, ProvenChecker, strcred_checker
from netdaemon.accounts.demo import Demo
from netdaemon.accounts.hashing import Hasher
from netdaemon.accounts.logins import Logins, MadeUp
from netdaemon.accounts.names import AccountError
from netdaemon.accounts.passwdfile import PasswdFile
from netdaemon.accounts.realm import Realm
from netdaemon.accounts.remembered import Remembered
from netdaemon.accounts.sources import Source
from netdaemon.accounts.store import Store
from netdaemon.accounts.throttle import Throttle
from netdaemon.accounts.worker import IWorks, Worker
from netdaemon.config.settings import AccountsSettings
from netdaemon.interfaces import IDocuments, IMeasure
from netdaemon.wire.sasl.scram import SALT

log = Logger()


@dataclass(frozen=True)
class Accounts:
    """The accounts of a running daemon."""

    logins: Logins
    realm: Realm
    store: Store
    throttle: Throttle
    _bans: Bans
    _worker: IWorks

    def close(self) -> None:
        """Finish the hash under way (a tenth of a second), write the bans, give the database back. Once."""
        self._worker.close()
        try:
            self._bans.close()
        except AccountError as error:
            log.error("bans are lost: {reason}", reason=str(error))
        self.store.close()


def open_accounts(
    settings: AccountsSettings,
    data: Path,
    documents: IDocuments,
    clock: IReactorTime,
    measure: IMeasure | None,
    *,
    worker: IWorks | None = None,
    hasher: Hasher | None = None,
    wall: Callable[[], float] = time.time,
) -> Accounts:
    """Open the store in the data directory (which exists) and what `[accounts] auth` names.

    ``clock`` is the reactor; where it is a clock without threads (in tests) a ``worker`` must be given. Raises
    AccountError.
    """
    hasher = hasher if hasher is not None else Hasher()
    store = Store(data, wall)
    try:
        sources = open_sources(settings.auth, store, hasher)
        secret = store.secret()
        if worker is None:
            worker = Worker(IReactorFromThreads(clock).callFromThread)
        bans = Bans(store, worker, clock, wall, settings.ban)
    except BaseException:
        store.close()
        raise
    realm = Realm(sources, documents)
    throttle = Throttle(settings, clock, bans)
    logins = Logins(
        realm,
        PasswordChecker(sources, hasher, worker, Remembered(clock)),
        (ProvenChecker(sources), AllowAnonymousAccess()),
        sources,
        throttle,
        MadeUp(secret, hasher.iterations, SALT),
        clock,
        measure,
    )
    return Accounts(logins, realm, store, throttle, bans, worker)


def open_sources(words: Sequence[str], store: Store, hasher: Hasher) -> tuple[Source | ICredentialsChecker, ...]:
    """What each word of `[accounts] auth` means, in that order. Raises AccountError."""
    sources: list[Source | ICredentialsChecker] = []
    for word in words:
        if words.count(word) > 1:
            raise AccountError(f"[accounts] auth: {word.partition(':')[0]} stands twice")
        kind, _, argument = word.partition(":")
        if word == "store":
            sources.append(store)
        elif word == "demo":
            sources.append(Demo(hasher))
        elif kind == "file":
            if not argument.startswith("/"):
                raise AccountError(f"[accounts] auth: {word}: the path must begin with /")
            sources.append(PasswdFile(Path(argument)))
        else:
            sources.append(strcred_checker(word))
    return tuple(sources)
