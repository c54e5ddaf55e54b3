"""A page with a quote chosen by chance."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence
from html import escape as escape_html
from pathlib import Path

from twisted.logger import Logger

from netdaemon.protocols.http.grammar.accept import preferred
from netdaemon.protocols.http.grammar.message import Fields
from netdaemon.protocols.http.pages import BLOCKS, RETRY, html, page
from netdaemon.protocols.http.request import Caller, Request
from netdaemon.protocols.http.responder import Responder
from netdaemon.protocols.http.response import Response

LOOK = 1.0
"""Seconds between two looks at the file."""
LARGEST = 4 << 20
"""Octets of the file that are read."""

# Empty lines, or lines with a single % as fortune(6) has them
_BETWEEN = re.compile(r"\n(?:[ \t]*+(?:%[ \t]*+)?\n)++")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_STYLE = (
    "blockquote{margin:4rem 0 0;padding:0 0 0 1.25rem;border-left:3px solid var(--line);"
    "font-size:1.25rem;white-space:pre-line;overflow-wrap:anywhere}"
)
_FORMS = (b"text/html", b"text/plain")
_FRESH = b"\r\nCache-Control: no-store\r\nVary: Accept"


class Quote(Responder):
    """Another quote out of ``file`` for each request; the file is read again when it has changed."""

    _log = Logger()

    def __init__(
        self, file: Path, seconds: Callable[[], float], choose: Callable[[Sequence[str]], str] = random.choice
    ) -> None:
        self._file = file
        self._seconds = seconds
        self._choose = choose
        self._looked: float | None = None
        self._print: tuple[int, ...] = ()
        """What stat(2) said of the file when it was read."""
        self._quotes: list[str] = []

    def respond(self, request: Request, caller: Caller) -> Response:
        """One of the quotes, as HTML or as text by the request's Accept."""
        self._look()
        if not self._quotes:
            return page(503, request.fields, RETRY)
        quote = self._choose(self._quotes)
        form = preferred(request.fields.joined(b"accept"), _FORMS) or _FORMS[0]
        if form == b"text/plain":
            body = f"{quote}\n".encode()
        else:
            body = html("Quote", _STYLE, f"<blockquote>{escape_html(quote)}</blockquote>")
        return Response(200, Fields.of_block(BLOCKS[form] + _FRESH), body)

    def _look(self) -> None:
        now = self._seconds()
        if self._looked is not None and 0.0 <= now - self._looked < LOOK:
            return
        self._looked = now
        try:
            status = self._file.stat()
            seen = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)
            if seen != self._print:
                with self._file.open("rb") as file:
                    self._quotes = parse_quotes(file.read(LARGEST))
                self._print = seen
        except OSError as error:
            if self._quotes or not self._print:
                self._log.error("{file} can't be read: {error}", file=str(self._file), error=error.strerror)
            self._quotes, self._print = [], (-1,)


def parse_quotes(data: bytes) -> list[str]:
    """The quotes of a file's text: set apart by empty lines or by lines with a single %, none of them empty."""
    text = data.decode("utf-8-sig", "replace").replace("\r\n", "\n")
    pieces = _BETWEEN.split(f"\n{text}\n")
    return [piece for piece in (_CONTROL.sub("", piece).strip() for piece in pieces) if piece]
