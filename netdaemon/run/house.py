"""House: the few shared things, made once from the configuration and handed to the kinds."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any, TypeVar

from twisted.internet.interfaces import IReactorTime
from twisted.internet.threads import deferToThreadPool
from zope.interface import implementer

from netdaemon.accounts.open import Accounts, open_accounts
from netdaemon.accounts.realm import DocumentsAvatar
from netdaemon.config.read import Config
from netdaemon.documents.rights import Narrowed
from netdaemon.documents.tree import Tree
from netdaemon.interfaces import IDocumentsAvatar, IHouse, ILogins
from netdaemon.messages.interfaces import IMessages
from netdaemon.run.mailroom import Mailroom
from netdaemon.run.measure import Measure
from netdaemon.run.storeroom import Storeroom
from netdaemon.wire.deadlines import Wheel
from netdaemon.wire.tls import Certificates

T = TypeVar("T")


@implementer(IHouse)
@dataclass(frozen=True, kw_only=True, eq=False)
class House:
    """What a kind may use, as IHouse says; ``config`` is what it was built from."""

    config: Config
    hostname: str
    clock: IReactorTime
    reactor: Any
    wall: Callable[[], float]
    deadlines: Wheel
    documents: Tree
    accounts: Accounts
    tls: Certificates
    measure: Measure
    storeroom: Storeroom
    mailroom: Mailroom

    @property
    def messages(self) -> IMessages:
        return self.storeroom.messages

    @property
    def data(self) -> Path:
        return self.config.netdaemon.data

    @cached_property
    def resolver(self) -> Any:
        """Made when a kind first asks for it."""
        from netdaemon.protocols.smtp.route import open_resolver  # here, for daemons that ask no names

        return open_resolver(self.config.mail, self.reactor)

    @property
    def delivery(self) -> Any:
        return self.mailroom.delivery

    @property
    def logins(self) -> ILogins:
        return self.accounts.logins

    def in_thread(self, work: Callable[..., T], *arguments: Any) -> Awaitable[T]:
        """``work(*arguments)`` in one of the reactor's threads."""
        return _in_thread(self.reactor, work, *arguments)

    def move_in(self) -> None:
        """Who logs in from now on sees this house's documents, where the accounts are those of the house before."""
        self.accounts.realm.provide(
            IDocumentsAvatar, lambda account: (DocumentsAvatar(Narrowed(self.documents, account)), lambda: None)
        )

    def close(self, but: tuple[House, ...] = ()) -> None:
        """Close accounts, documents, certificates and messages, save those that another house still uses."""
        if all(self.accounts is not other.accounts for other in but):
            self.accounts.close()
        if all(self.documents is not other.documents for other in but):
            self.documents.close()
        if all(self.tls is not other.tls for other in but):
            self.tls.stop()
        self.mailroom.close()
        if all(self.storeroom is not other.storeroom for other in but):
            self.storeroom.close()


def _in_thread(reactor: Any, work: Callable[..., T], *arguments: Any) -> Awaitable[T]:
    return deferToThreadPool(reactor, reactor.getThreadPool(), work, *arguments)


def certificates(config: Config, before: Config | None = None, kept: Certificates | None = None) -> Certificates:
    """The daemon's certificates, loaded: ``kept``, read again, where the settings are those of ``before``."""
    if (
        before is not None
        and kept is not None
        and before.tls == config.tls
        and before.netdaemon.hostname == config.netdaemon.hostname
    ):
        kept.reload()
        return kept
    made = Certificates(config.tls, config.netdaemon.hostname, config.netdaemon.data)
    made.load()
    return made


def build(
    config: Config,
    reactor: Any,
    *,
    tls: Certificates | None = None,
    measure: Measure | None = None,
    before: House | None = None,
) -> House:
    """Build the house that ``config`` wants.

    Of ``before`` it takes over what outlives a reload: counters, time-outs and messages, and, where their settings are
    the same, certificates (read again) and accounts (who know who failed how often). The document tree is always a new
    one: another folder may stand at the old name. Raises StartFailed, OSError and what the rooms raise for a part that
    can't be made; then nothing stays open.
    """
    if before is None:
        deadlines = Wheel(reactor)
        measure = measure if measure is not None else Measure(reactor)
    else:
        deadlines, measure = before.deadlines, before.measure
    own_tls = tls is None
    if tls is None:
        tls = certificates(config) if before is None else certificates(config, before.config, before.tls)
    storeroom = Storeroom(config.netdaemon.data, reactor) if before is None else before.storeroom
    documents: Tree | None = None
    accounts: Accounts | None = None
    try:
        sealed = [path for service in config.services for path in service.settings.sealed]
        documents = Tree(config.documents, reactor, sealed)
        if before is not None and before.config.accounts == config.accounts:
            accounts = before.accounts
        else:
            accounts = open_accounts(config.accounts, config.netdaemon.data, documents, reactor, measure)
        mailroom = Mailroom(
            config,
            reactor,
            storeroom,
            accounts.realm,
            tls,
            deadlines,
            measure,
            time.time,
            partial(_in_thread, reactor),
        )
    except BaseException:
        if accounts is not None and (before is None or accounts is not before.accounts):
            accounts.close()
        if documents is not None:
            documents.close()
        if own_tls and (before is None or tls is not before.tls):
            tls.stop()
        if before is None:
            deadlines.stop()
        raise
    return House(
        config=config,
        hostname=config.netdaemon.hostname,
        clock=reactor,
        reactor=reactor,
        wall=time.time,
        deadlines=deadlines,
        documents=documents,
        accounts=accounts,
        tls=tls,
        measure=measure,
        storeroom=storeroom,
        mailroom=mailroom,
    )
