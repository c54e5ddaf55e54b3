"""gopher and gophers URLs (RFC 4266): ``gopher://host:port/TYPE SELECTOR [%09 SEARCH [%09 GOPHER+]]``."""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import quote_from_bytes, unquote_to_bytes

from netdaemon.protocols.gopher.grammar.menu import Item
from netdaemon.wire.urlparts import netloc, shown, split_url

PORT = 70
SCHEMES = ("gopher", "gophers")

# RFC 3986 3.3: what may stand in a path unquoted
_SAFE = "/~!$&'()*+,;=:@"
_UNFIT = re.compile(rb"[\x00-\x1f\x7f]").search
_HOST = re.compile(r"[^\s/?#@%\[\]\\]+").fullmatch


class GopherURL(NamedTuple):
    """One URL, decoded."""

    scheme: str
    host: str
    port: int
    type: str = "1"
    """The item's type; a folder where the URL has none (RFC 4266 2.1)."""
    selector: bytes = b""
    search: bytes | None = None
    plus: bytes = b""
    """The whole field of Gopher+: ``+``, ``+text/plain``, ``!``."""

    def __str__(self) -> str:
        place = f"{self.scheme}://{netloc(self.host, self.port, PORT)}/"
        parts = [quote_from_bytes(self.selector, safe=_SAFE)]
        if self.search is not None or self.plus:
            # RFC 4266 2.2: a search string stands there, empty, in front of what Gopher+ wants
            parts.append(quote_from_bytes(self.search or b"", safe=_SAFE))
        if self.plus:
            parts.append(quote_from_bytes(self.plus, safe=_SAFE))
        if self.type == "1" and parts == [""]:
            return place
        return place + quote_from_bytes(self.type.encode("latin-1"), safe=_SAFE) + "%09".join(parts)

    @property
    def secure(self) -> bool:
        """Does it ask for TLS?"""
        return self.scheme == "gophers"


def parse_url(text: str) -> GopherURL:
    """A URL as somebody wrote it. Raises ValueError; its text holds no password."""
    parts = split_url(text, SCHEMES)
    # RFC 4266 2.1: "?" is an octet of the selector like any other, also at its end
    mark = "?" if parts.query or text.partition("#")[0].endswith("?") else ""
    path = f"{parts.path}{mark}{parts.query}"
    octets = unquote_to_bytes(path.removeprefix("/").encode("utf-8", "surrogateescape"))
    kind, rest = octets[:1] or b"1", octets[1:]
    if _UNFIT(kind) or kind > b"~":
        raise ValueError(f"{shown(text)} names no type of item")
    selector, *fields = rest.split(b"\t")
    if len(fields) > 2 or any(_UNFIT(part) for part in (selector, *fields)):
        # A CR or LF would begin another line, which might be another protocol's.
        raise ValueError(f"{shown(text)} holds a control character where none may be")
    search = fields[0] if fields and (fields[0] or len(fields) < 2) else None
    plus = fields[1] if len(fields) > 1 else b""
    port = PORT if parts.port is None else parts.port
    return GopherURL(parts.scheme, parts.host, port, kind.decode("ascii"), selector, search, plus)


def url_of(item: Item, secure: bool = False) -> str:
    """The URL of a menu's item, which for an ``h`` item may be somebody else's (``URL:http://...``).

    Raises ValueError for an item that leads nowhere.
    """
    for prefix in ("URL:", "/URL:"):
        if item.type == "h" and item.selector.startswith(prefix):
            return item.selector[len(prefix) :]
    if not item.leads_on or not item.port or not _HOST(item.host):
        raise ValueError("this line leads nowhere")
    if item.type in "8T":
        scheme = "telnet" if item.type == "8" else "tn3270"
        url = f"{scheme}://{netloc(item.host, item.port, 23)}"
        split_url(url, (scheme,))
        return url
    selector = item.selector.encode("utf-8", "surrogateescape")
    parts = GopherURL("gophers" if secure else "gopher", item.host, item.port, item.type, selector)
    return str(parse_url(str(parts)))  # a host, or a selector, that can't be one is refused here
