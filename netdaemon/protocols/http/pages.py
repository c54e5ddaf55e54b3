"""Our own pages: of errors and redirects, fixed text per status, nothing of the request in them."""

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
    302: "This page is at another address for now.",
    303: "The answer is at another address.",
    307: "This page is at another address for now.",
    308: "The address of this page has changed.",
    400: "The request could not be understood.",
    401: "This is for those who say who they are. The name or the password was wrong, or missing.",
    403: "This may not be seen.",
    404: "There is nothing at this address.",
    405: "This cannot be done to what is at this address.",
    407: "This proxy is for those who say who they are. The name or the password was wrong, or missing.",
    408: "The request took too long to arrive.",
    409: "What is here stands in the way, or what it would stand in is missing.",
    412: "What is here has changed, or is not what was asked for.",
    413: "The request is larger than this server takes.",
    414: "The address is longer than this server takes.",
    415: "What was sent is of a kind that is not taken here.",
    416: "The document does not have the part that was asked for.",
    417: "The request expects what this server does not do.",
    429: "There were too many wrong passwords. Please try again later.",
    431: "The request's header is larger than this server takes.",
    500: "Something went wrong on our side.",
    501: "The request wants what this server does not do.",
    502: "What was to answer this gave no answer that could be passed on.",
    503: "This cannot be shown just now. Please try again later.",
    504: "What was to answer this took too long.",
    505: "This server speaks HTTP/1.0, HTTP/1.1 and HTTP/2 only.",
    507: "There is no more room for what was sent.",
    508: "The request has come through here before.",
}

_STYLE = "h1{font-size:1.5rem;margin:3rem 0 .5rem}p{margin:0;color:var(--dim)}"


def html(title: str, style: str, body: str) -> bytes:
    """A page of ours. All three stand in it as they are: what others wrote must be escaped already."""
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        '<meta name="viewport" content="width=device-width"><meta name="robots" content="noindex">'
        f'<link rel="icon" href="data:,"><style>{STYLE}{style}</style></head><body>{body}</body></html>\n'
    ).encode()


def _text(status: int, form: bytes, sentence: str) -> bytes:
    title = f"{status} {PHRASES[status].decode()}"
    if form == b"text/plain":
        return f"{title}\n{sentence}\n".encode()
    return html(title, _STYLE, f"<h1>{title}</h1><p>{sentence}</p>")


_FORMS = (b"text/html", b"text/plain")
_PAGES = MappingProxyType(
    {(status, form): _text(status, form, sentence) for status, sentence in _SENTENCES.items() for form in _FORMS}
)
BLOCKS = MappingProxyType(
    {
        b"text/html": b"\r\nContent-Type: text/html; charset=utf-8\r\nX-Content-Type-Options: nosniff"
        b"\r\nContent-Security-Policy: " + CONTENT_SECURITY,
        b"text/plain": b"\r\nContent-Type: text/plain; charset=utf-8\r\nX-Content-Type-Options: nosniff",
    }
)
"""The fields of pages of ours, as they stand on the wire, by their media types."""


RETRY = ((b"Retry-After", b"10"),)
"""What goes with 503 where nobody knows when things will be better."""


def page(
    status: int, fields: Fields | None = None, extra: tuple[tuple[bytes, bytes], ...] = (), sentence: str = ""
) -> Response:
    """The response that says no more than its status, as HTML or as text by the request's Accept.

    ``fields`` are the request's, None when they could not be read; ``extra`` goes in front of the response's own;
    ``sentence``, which is text of ours, says more than the status does.
    """
    form = None if fields is None else preferred(fields.joined(b"accept"), _FORMS)
    form = form or b"text/html"
    block = BLOCKS[form]
    if extra:
        block = Fields(extra).block + block
    if sentence:
        return Response(status, Fields.of_block(block), _text(status, form, sentence))
    return Response(status, Fields.of_block(block), _PAGES[status, form])


def is_page(response: Response) -> bool:
    """Is its body a page of ours that says no more than the status?"""
    return any(response.body is _PAGES.get((response.status, form)) for form in _FORMS)


def refusal(error: DocumentError, request: Request) -> Response:
    """The response for what the document tree would not do."""
    if isinstance(error, Unavailable):
        return page(503, request.fields, RETRY)
    return page(403 if isinstance(error, Forbidden) else 404, request.fields)
