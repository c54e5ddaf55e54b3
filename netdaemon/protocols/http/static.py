"""Documents of the tree as HTTP resources: validators, conditions, ranges, index and listing (RFC 9110)."""

from __future__ import annotations

import re
from collections.abc import Awaitable

from netdaemon.interfaces import DocumentError, IDocuments, IHouse, IsFolder, NotFolder, NotFound
from netdaemon.protocols.http.grammar.accept import accepted_codings
from netdaemon.protocols.http.grammar.conditions import precondition, range_applies
from netdaemon.protocols.http.grammar.message import Fields
from netdaemon.protocols.http.grammar.ranges import Unsatisfiable, parse_ranges
from netdaemon.protocols.http.grammar.target import quote_path, quote_query
from netdaemon.protocols.http.listing import Listing
from netdaemon.protocols.http.now import Now
from netdaemon.protocols.http.pages import page, refusal
from netdaemon.protocols.http.partial import partial_content
from netdaemon.protocols.http.request import Caller, Request
from netdaemon.protocols.http.response import Response, Stream
from netdaemon.protocols.http.settings import HTTPSettings
from netdaemon.protocols.http.shelf import Representation, Shelf

# Most requests are neither conditional nor partial: one look tells.
_SPECIAL = re.compile(rb"\r\n(?:if-|range:)", re.IGNORECASE).search


class Static:
    """Answers GET and HEAD out of a document tree; both alike, for the session leaves the octets of HEAD unsent."""

    def __init__(
        self, settings: HTTPSettings, documents: IDocuments, house: IHouse, listing: Listing | None, now: Now
    ) -> None:
        self._documents = documents
        self._index = tuple(name.encode() for name in settings.index)
        self._listing = listing
        self._now = now
        self._shelf = Shelf(
            documents, settings.cache_size, now, house.clock, house.deadlines, compress=settings.compress
        )

    def at_hand(self, path: bytes, codings: tuple[bytes, ...], now: float) -> Response | None:
        """What a plain GET of who takes ``codings`` gets, if it needs no look at the disk; ``now`` in the clock's
        seconds."""
        if path[-1:] == b"/":
            if not self._index:
                return None
            path += self._index[0]
        return self._shelf.at_hand(path, codings, now)

    def respond(self, request: Request, caller: Caller) -> Response | Awaitable[Response]:
        """The document at the request's path, or what stands in for it."""
        path = request.path
        try:
            if path.endswith(b"/"):
                return self._folder(request)
            return self._document(request, path)
        except IsFolder:
            # The path has one leading slash only and is quoted anew: this can lead to no other host.
            location = quote_path(path) + b"/"
            if request.query:
                location += b"?" + quote_query(request.query)
            return page(301, request.fields, ((b"Location", location),))
        except DocumentError as error:
            return refusal(error, request)

    def _folder(self, request: Request) -> Response | Awaitable[Response]:
        path = request.path
        for name in self._index:
            try:
                return self._document(request, path + name)
            except (NotFound, NotFolder, IsFolder):
                continue
        if not self._documents.entry(path).folder:
            return page(404, request.fields)
        if self._listing is None:
            return page(403, request.fields)
        return self._listing.respond(request)

    def _document(self, request: Request, path: bytes) -> Response:
        fields = request.fields
        codings = accepted_codings(fields.joined(b"accept-encoding"))
        ranged = not request.plain and b"range" in fields
        form = self._shelf.take(path, codings, ranged)
        if not request.plain and _SPECIAL(fields.block):
            special = self._special(request, form)
            if special is not None:
                return special
        return form.whole()

    def _special(self, request: Request, form: Representation) -> Response | None:
        """What preconditions and ranges make of it, in the order of RFC 9110 13.2.2; None for the whole document."""
        fields = request.fields
        status = precondition(request.method, fields, form.etag, form.modified)
        if status is not None:
            if status == 412:
                return page(412, fields)
            return Response(304, Fields.of_block(form.validators))
        wanted = fields.get_all(b"range")
        size = form.size
        # RFC 9110 14.2: a range is GET's alone
        if request.method != b"GET" or len(wanted) != 1 or size is None:
            return None
        if not range_applies(fields, form.etag, form.modified, self._now.second()):
            return None
        try:
            ranges = parse_ranges(wanted[0], size)
        except Unsatisfiable:
            return page(416, fields, ((b"Content-Range", b"bytes */%d" % size),))
        if ranges is None:
            return None
        body = form.whole().body
        assert not isinstance(body, Stream)
        return partial_content(body, ranges, form.validators, form.media_type)
