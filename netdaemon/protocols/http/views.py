"""The documents of a site as everybody sees them, and as each account does."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable
from dataclasses import replace
from typing import Any

from netdaemon.documents.rights import ANONYMOUS, Narrowed
from netdaemon.interfaces import Account, IDocuments, IHouse, Right
from netdaemon.protocols.http.archive import Archive
from netdaemon.protocols.http.listing import Listing
from netdaemon.protocols.http.now import Now
from netdaemon.protocols.http.protection import Protection
from netdaemon.protocols.http.request import Caller, Request
from netdaemon.protocols.http.responder import Responder
from netdaemon.protocols.http.response import Response
from netdaemon.protocols.http.settings import HTTPSettings
from netdaemon.protocols.http.static import Static

MOST = 64
"""Views that are kept: one for all accounts with the same rights."""


class Views(Responder):
    """Answers GET and HEAD by the document tree as the caller's account may see it; see `everybody` for who has none.

    Documents are kept in memory for everybody only. An account's are opened for each request: what one may see never
    stands where another's request might find it.
    """

    def __init__(self, settings: HTTPSettings, house: IHouse, now: Now, protection: Protection) -> None:
        self._settings = settings
        self._house = house
        self._now = now
        self._protection = protection
        self._kept: OrderedDict[tuple[Right, ...], Static] = OrderedDict()
        self.everybody = self._make(
            Narrowed(self._tree, Account(ANONYMOUS, protection.rights(Account("")))) if protection else house.documents,
            settings,
        )
        """The view of those who did not say who they are: all but what is protected."""

    def respond(self, request: Request, caller: Caller) -> Response | Awaitable[Response]:
        """The document, by the caller's rights."""
        assert caller.login is not None
        return self._of(caller.login.account).respond(request, caller)

    def _of(self, account: Account) -> Static:
        rights = self._protection.rights(account)
        view = self._kept.get(rights)
        if view is None:
            documents = Narrowed(self._tree, Account(account.name, rights))
            view = self._kept[rights] = self._make(documents, replace(self._settings, cache_size=0))
            if len(self._kept) > MOST:
                self._kept.popitem(last=False)
        else:
            self._kept.move_to_end(rights)
        return view

    @property
    def _tree(self) -> Any:
        return self._house.documents  # a Tree, whatever else the house may hold

    def _make(self, documents: IDocuments, settings: HTTPSettings) -> Static:
        documents = site_of(documents, settings)
        clock = self._house.clock
        listing = None
        if settings.listing:
            # Programs are nobody's to read; what is protected, whose documents these are does not see.
            archive = Archive(documents, clock, [path.encode() for path in settings.cgi]) if settings.archive else None
            listing = Listing(documents, clock, archive, settings.compress)
        return Static(settings, documents, self._house, listing, self._now)


def site_of(documents: IDocuments, settings: HTTPSettings) -> IDocuments:
    """The part of the tree that is the site."""
    return documents if settings.root == "/" else documents.within(settings.root.encode())
