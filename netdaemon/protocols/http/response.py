"""The response as responders make it, whatever version of HTTP it leaves by (RFC 9110)."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import NamedTuple

from netdaemon.interfaces import OpenDocument
from netdaemon.protocols.http.grammar.message import Fields

PHRASES = {status.value: status.phrase.encode("ascii") for status in HTTPStatus}
# RFC 9110 15.5.14, 15.5.15, 15.5.17, 15.5.21 renamed these; older standard libraries have the old names
PHRASES |= {
    413: b"Content Too Large",
    414: b"URI Too Long",
    416: b"Range Not Satisfiable",
    422: b"Unprocessable Content",
}


class FileBody(NamedTuple):
    """``length`` octets of an open document from ``offset``; whoever writes or drops the response closes it."""

    document: OpenDocument
    offset: int
    length: int

    def close(self) -> None:
        self.document.close()


@dataclass(frozen=True)
class Stream:
    """A body that is made while it is sent, ``length`` octets when that is known beforehand.

    ``close`` gives back what the chunks hold on to, whether they were asked for or not.
    """

    chunks: AsyncGenerator[bytes, None]
    length: int | None = None
    close: Callable[[], None] = lambda: None


Body = bytes | FileBody | Stream


class Response(NamedTuple):
    """One response. The session adds Date, Content-Length and what concerns the connection.

    The body of an answer to HEAD is there like GET's: the session sends its length and not its octets. ``ready``, if
    it is not empty, is what ``fields`` and the length come to on a connection that stays open: made once for a
    document, it saves the making for each of its responses.
    """

    status: int
    fields: Fields
    body: Body = b""
    ready: bytes = b""
    user: str = ""
    """The account that it was made for, for the access log."""


def length(body: Body) -> int | None:
    """Octets of a body, None when that shows only at its end."""
    return len(body) if isinstance(body, bytes) else body.length
