"""The pages of errors and redirects: fixed text per status, nothing of the request in them."""

from __future__ import annotations

from types import MappingProxyType

from netdaemon.interfaces import DocumentError, Forbidden, Unavailable
from netdaemon.protocols.http.grammar.accept import preferred
from netdaemon.protocols.http.grammar.message import Fields
from netdaemon.protocols.http.request import Request
from netdaemon.protocols.http.response import PHRASES, Response

STYLE = (
    ":root{color-scheme:light dark;--ink:#1d2330;--dim:#667085;--paper:#fff;--line:#e4e7ec;--hover:#f5f7fa;"
    "--link:#1756b8}"
    "@media(prefers-color-scheme:dark){:root{--ink:#e6e9ef;--dim:#98a2b3;--paper:#14171d;--line:#2a2f3a;"
    "--hover:#1c2129;--link:#8ab4f8}}"
    "*{box-sizing:border-box}"
    "body{margin:0 auto;max-width:60rem;padding:1.5rem 1rem 3rem;color:var(--ink);background:var(--paper);"
    "font:16px/1.5 system-ui,-apple-system,'Segoe UI',Roboto,'Noto Sans',sans-serif}"
    "a{color:var(--link);text-decoration:none}a:hover,a:focus-visible{text-decoration:underline}"
)
"""What all our pages share: both colour schemes, readable on narrow screens."""

CONTENT_SECURITY = (
    b"default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; base-uri 'none'; form-action 'none'"
)
"""Content-Security-Policy of pages that we make: whatever slipped through the escaping, nothing runs, and nothing is
loaded but pictures of this site, which a README may show."""

_SENTENCES = {
    301: "The address of this page has changed.",
    400: "The request could not be understood.",
    403: "This may not be seen.",
    404: "There is nothing at this address.",
    405: "This cannot be done to what is at this address.",
    408: "The request took too long to arrive.",
    412: "What is here has changed, or is not what was asked for.",
    413: "The request is larger than this server takes.",
    414: "The address is longer than this server takes.",
    416: "The document does not have the part that was asked for.",
    417: "The request expects what this server does not do.",
    431: "The request's header is larger than this server takes.",
    500: "Something went wrong on our side.",
    501: "The request wants what this server does not do.",
    503: "This cannot be shown just now. Please try again later.",
    505: "This server speaks HTTP/1.0 and HTTP/1.1 only.",
}

_HTML = (
    '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
    '<meta name="viewport" content="width=device-width"><meta name="robots" content="noindex">'
    '<link rel="icon" href="data:,"><style>{style}h1{{font-size:1.5rem;margin:3rem 0 .5rem}}'
    "p{{margin:0;color:var(--dim)}}</style></head><body><h1>{title}</h1><p>{sentence}</p></body></html>\n"
)


def _pages() -> dict[tuple[int, bytes], bytes]:
    made = {}
    for status, sentence in _SENTENCES.items():
        title = f"{status} {PHRASES[status].decode()}"
        made[status, b"text/html"] = _HTML.format(title=title, style=STYLE, sentence=sentence).encode()
        made[status, b"text/plain"] = f"{title}\n{sentence}\n".encode()
    return made


_PAGES = MappingProxyType(_pages())
_BLOCKS = MappingProxyType(
    {
        b"text/html": b"\r\nContent-Type: text/html; charset=utf-8\r\nX-Content-Type-Options: nosniff"
        b"\r\nContent-Security-Policy: " + CONTENT_SECURITY,
        b"text/plain": b"\r\nContent-Type: text/plain; charset=utf-8\r\nX-Content-Type-Options: nosniff",
    }
)
_FORMS = (b"text/html", b"text/plain")


def page(status: int, fields: Fields | None = None, extra: tuple[tuple[bytes, bytes], ...] = ()) -> Response:
    """The response that says no more than its status, as HTML or as text by the request's Accept.

    ``fields`` are the request's, None when they could not be read; ``extra`` goes in front of the response's own.
    """
    form = None if fields is None else preferred(fields.joined(b"accept"), _FORMS)
    form = form or b"text/html"
    block = _BLOCKS[form]
    if extra:
        block = Fields(extra).block + block
    return Response(status, Fields.of_block(block), _PAGES[status, form])


def refusal(error: DocumentError, request: Request) -> Response:
    """The response for what the document tree would not do."""
    if isinstance(error, Unavailable):
        return page(503, request.fields, ((b"Retry-After", b"10"),))
    return page(403 if isinstance(error, Forbidden) else 404, request.fields)
