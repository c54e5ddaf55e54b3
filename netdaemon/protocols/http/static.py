"""Documents of the tree as HTTP resources: validators, conditions, ranges, index and listing (RFC 9110)."""

from __future__ import annotations

import re
from collections.abc import Awaitable
from functools import lru_cache

from netdaemon.interfaces import (
    DocumentError,
    IDocuments,
    IsFolder,
    NotFolder,
    NotFound,
    OpenDocument,
)
from netdaemon.protocols.http import HTTPSettings
from netdaemon.protocols.http.grammar.conditions import precondition, range_applies
from netdaemon.protocols.http.grammar.dates import format_date
from netdaemon.protocols.http.grammar.message import Fields
from netdaemon.protocols.http.grammar.ranges import Unsatisfiable, parse_ranges
from netdaemon.protocols.http.grammar.target import quote_path, quote_query
from netdaemon.protocols.http.listing import Listing
from netdaemon.protocols.http.media import content_type
from netdaemon.protocols.http.now import Now
from netdaemon.protocols.http.pages import page, refusal
from netdaemon.protocols.http.partial import partial_content
from netdaemon.protocols.http.request import Request
from netdaemon.protocols.http.response import FileBody, Response

# Most requests are neither conditional nor partial: one look tells.
_SPECIAL = re.compile(rb"\r\n(?:if-|range:)", re.IGNORECASE).search

_VALIDATORS = b"\r\nLast-Modified: %b\r\nETag: %b\r\nAccept-Ranges: bytes\r\nX-Content-Type-Options: nosniff"
_DOCUMENT = _VALIDATORS + b"\r\nContent-Type: %b"


class Static:
    """Answers GET and HEAD out of a document tree; both alike, for the session leaves the octets of HEAD unsent."""

    def __init__(self, settings: HTTPSettings, documents: IDocuments, listing: Listing | None, now: Now) -> None:
        self._documents = documents
        self._index = tuple(name.encode() for name in settings.index)
        self._listing = listing
        self._now = now
        self._date = lru_cache(maxsize=1024)(format_date)

    def respond(self, request: Request) -> Response | Awaitable[Response]:
        """The document at the request's path, or what stands in for it."""
        path = request.path
        try:
            if path.endswith(b"/"):
                return self._folder(request)
            return self._document(request, path, self._documents.open(path))
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
                return self._document(request, path + name, self._documents.open(path + name))
            except (NotFound, NotFolder, IsFolder):
                continue
        if not self._documents.entry(path).folder:
            return page(404, request.fields)
        if self._listing is None:
            return page(403, request.fields)
        return self._listing.respond(request)

    def _document(self, request: Request, path: bytes, document: OpenDocument) -> Response:
        entry = document.entry
        modified = entry.modified_ns // 1_000_000_000
        if modified > self._now.latest:
            now = self._now.second()
            if now is not None and modified > now:
                modified = now  # RFC 9110 8.8.2.1: never later than Date
        etag = b'"%x-%x-%x"' % (entry.inode, entry.modified_ns, entry.size)
        media_type = content_type(path)
        if _SPECIAL(request.fields.block):
            special = self._special(request, document, media_type, etag, modified)
            if special is not None:
                return special
        block = _DOCUMENT % (self._date(modified), etag, media_type)
        return Response(200, Fields.of_block(block), FileBody(document, 0, entry.size))

    def _special(
        self, request: Request, document: OpenDocument, media_type: bytes, etag: bytes, modified: int
    ) -> Response | None:
        """What preconditions and ranges make of it, in the order of RFC 9110 13.2.2; None for the whole document."""
        fields = request.fields
        status = precondition(request.method, fields, etag, modified)
        if status is not None:
            document.close()
            if status == 412:
                return page(412, fields)
            return Response(304, Fields.of_block(_VALIDATORS % (self._date(modified), etag)))
        wanted = fields.get_all(b"range")
        # RFC 9110 14.2: a range is GET's alone
        if request.method != b"GET" or len(wanted) != 1:
            return None
        if not range_applies(fields, etag, modified, self._now.second()):
            return None
        size = document.entry.size
        try:
            ranges = parse_ranges(wanted[0], size)
        except Unsatisfiable:
            document.close()
            return page(416, fields, ((b"Content-Range", b"bytes */%d" % size),))
        if ranges is None:
            return None
        return partial_content(document, ranges, _VALIDATORS % (self._date(modified), etag), media_type)
