"""The response as responders make it, whatever version of HTTP it leaves by (RFC 9110)."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, NamedTuple

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


class Takeover(NamedTuple):
    """What becomes of the connection behind the head: ``protocol`` gets it as if it had just been made
    (its transport maybe paused), with all that has come since, and then ``begin`` is called. ``protocol.sent`` are the
    octets that it wrote, for the access log."""

    protocol: Any
    begin: Callable[[], object]
    drop: Callable[[], object]
    """Called in place of all that when the client is gone."""


def unsent(length: int | None) -> Stream:
    """The body of an answer to HEAD where no more than its length is known, or not even that."""
    return Stream(_nothing(), length)


async def _nothing() -> AsyncGenerator[bytes, None]:
    for piece in tuple[bytes, ...]():
        yield piece


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
    line: bytes = b""
    """Another's status line, ``HTTP/1.1 200 OK``, where the response is his: nothing of ours (Server, Date) is put
    to it."""
    takeover: Takeover | None = None
    """Who has the connection behind the head; then there is no body."""


def length(body: Body) -> int | None:
    """Octets of a body, None when that shows only at its end."""
    return len(body) if isinstance(body, bytes) else body.length
