"""Realm: an account's name to its avatars, one for each interface that somebody provides."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from twisted.cred.checkers import ANONYMOUS as NOBODY
from twisted.cred.checkers import ICredentialsChecker
from twisted.cred.error import UnauthorizedLogin
from twisted.cred.portal import IRealm
from zope.interface import Interface, implementer

from netdaemon.accounts.names import ANONYMOUS, normal_name
from netdaemon.accounts.sources import Source, first
from netdaemon.documents.rights import Narrowed
from netdaemon.interfaces import Account, IAccountAvatar, IDocuments, IDocumentsAvatar, Right

Make = Callable[[Account], tuple[Any, Callable[[], None]]]
"""Makes an account's avatar: (the avatar, what ends it, called once)."""


@implementer(IAccountAvatar)
@dataclass(frozen=True)
class AccountAvatar:
    """Who somebody is."""

    account: Account


@implementer(IDocumentsAvatar)
@dataclass(frozen=True)
class DocumentsAvatar:
    """The tree as one account may use it."""

    documents: IDocuments


class NoAvatar(Exception):
    """Nobody provides the interface that a service asked for."""


@implementer(IRealm)
class Realm:
    """The avatars of accounts. It begins with IAccountAvatar and IDocumentsAvatar; other rooms `provide` theirs."""

    def __init__(self, sources: Sequence[Source | ICredentialsChecker], documents: Any) -> None:
        self._sources = sources
        self._makes: dict[type[Interface], Make] = {}
        self.provide(IAccountAvatar, lambda account: (AccountAvatar(account), _nothing))
        self.provide(IDocumentsAvatar, lambda account: (DocumentsAvatar(Narrowed(documents, account)), _nothing))

    def provide(self, interface: type[Interface], make: Make) -> None:
        """Have ``make`` make the avatars of that interface from now on."""
        self._makes[interface] = make

    def requestAvatar(
        self, avatarId: bytes | tuple[()], mind: object, *interfaces: type[Interface]
    ) -> tuple[type[Interface], Any, Callable[[], None]]:
        """As IRealm says: the avatar of the first of the interfaces that anybody provides."""
        account = self.account(avatarId)
        for interface in interfaces:
            if interface in self._makes:
                return (interface, *self.avatar(account, interface))
        raise NoAvatar(", ".join(interface.__name__ for interface in interfaces))

    def account(self, avatar_id: bytes | tuple[()]) -> Account:
        """The account that a checker named. One that only a strcred checker knows has no rights lines, no quota and
        the home ``/``, like one that `user add` has just made. Raises UnauthorizedLogin for one that may not log in.
        """
        if avatar_id == NOBODY:
            return Account(ANONYMOUS, rights=(Right("/", "r"),))
        name = normal_name(bytes(avatar_id).decode())
        if name is None:
            raise UnauthorizedLogin
        # who comes from elsewhere was refused by the checker already
        record = first(self._sources, name, loopback=True)
        if record is None:
            return Account(name)
        if not record.account.enabled:  # also against a strcred checker that said yes: `user disable` means it
            raise UnauthorizedLogin
        return record.account

    def knows(self, name: str) -> bool:
        """Is there an account of that (normal) name? Those that only a strcred checker knows can't be asked for.

        Raises LoginUnavailable.
        """
        return first(self._sources, name, loopback=True) is not None

    def avatar(self, account: Account, interface: type[Interface]) -> tuple[Any, Callable[[], None]]:
        """(the account's avatar for that interface, what ends it). Raises NoAvatar."""
        make = self._makes.get(interface)
        if make is None:
            raise NoAvatar(interface.__name__)
        return make(account)


def _nothing() -> None:
    pass
