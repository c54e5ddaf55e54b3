"""Documents of the tree that stand in for our own error pages."""

from __future__ import annotations

from collections.abc import Awaitable

from netdaemon.interfaces import DocumentError, IDocuments, IHouse
from netdaemon.protocols.http.grammar.message import Fields
from netdaemon.protocols.http.now import Now
from netdaemon.protocols.http.pages import is_page
from netdaemon.protocols.http.response import Response
from netdaemon.protocols.http.settings import HTTPSettings
from netdaemon.protocols.http.shelf import Shelf

KEPT = 256 * 1024
"""Octets of them that are kept in memory."""
# What the document's own nature says, or what was said of our page.
_PAGES_OWN = frozenset((b"content-type", b"content-security-policy"))


class ErrorPages:
    """The ``error-page`` lines of one site. What programs say of their errors stays theirs."""

    def __init__(self, settings: HTTPSettings, documents: IDocuments, house: IHouse, now: Now) -> None:
        self._paths: dict[int, bytes] = {}
        for line in settings.error_page:
            self._paths.setdefault(line.status, line.path.encode())
        self._shelf = Shelf(documents, KEPT, now, house.clock, house.deadlines)

    def __bool__(self) -> bool:
        return bool(self._paths)

    def dress(self, response: Response) -> Response:
        """The same response, its body the document for its status; as it is, when there is none."""
        path = self._paths.get(response.status)
        if path is None or not is_page(response):
            return response
        try:
            item = self._shelf.take(path)
        except DocumentError:
            return response
        kept = [pair for pair in response.fields if pair[0].lower() not in _PAGES_OWN]
        fields = Fields([*kept, (b"Content-Type", item.media_type)])
        return response._replace(fields=fields, body=item.whole().body)

    async def dress_later(self, coming: Awaitable[Response]) -> Response:
        """The same of a response to come."""
        return self.dress(await coming)
