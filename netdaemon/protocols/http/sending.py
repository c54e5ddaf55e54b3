"""Responses on their way out over HTTP/1: their framing, and bodies too large for one write (RFC 9112 section 6)."""

from __future__ import annotations

import os
from collections.abc import Callable
from types import MappingProxyType
from typing import Any

from twisted.internet.defer import Deferred

from netdaemon.protocols.http.partial import CHUNK, Shrunk
from netdaemon.protocols.http.response import PHRASES, FileBody, Response, Stream
from netdaemon.wire.transport import FileShrank, file_sender


class _StatusLines(dict[int, bytes]):
    """The beginning of each response's header."""

    def __missing__(self, status: int) -> bytes:
        """Of a status that has no name here; scripts may use any (RFC 9110 15: its class tells what it means)."""
        return _status_line(status, b"")


def _status_line(status: int, phrase: bytes) -> bytes:
    # RFC 9110 2.5: the version that we speak, whatever the request's
    return b"HTTP/1.1 %d %b\r\nServer: netdaemon" % (status, phrase)


STATUS_LINES = MappingProxyType(
    _StatusLines({status: _status_line(status, phrase) for status, phrase in PHRASES.items()})
)
BODILESS = frozenset((204, 304))
"""Statuses whose responses never have a body (RFC 9110 6.4.1)."""


def frame(response: Response, newer: bool, keep: bool) -> tuple[bytes, bool, bool]:
    """(the fields that end the body and tell of the connection, whether it is chunked, whether that stays open).

    ``newer`` says that the request came by HTTP/1.1, ``keep`` that the connection may stay open.
    """
    body = response.body
    chunked = False
    size = len(body) if isinstance(body, bytes) else body.length
    if response.status in BODILESS:  # RFC 9110 8.6: never with 204, and better not with 304
        fields = b""
    elif size is not None:
        fields = b"\r\nContent-Length: %d" % size
    elif newer:
        fields = b"\r\nTransfer-Encoding: chunked"
        chunked = True
    else:  # HTTP/1.0 has no other way to end it
        fields = b""
        keep = False
    if not keep:
        fields += b"\r\nConnection: close"
    elif not newer:
        fields += b"\r\nConnection: keep-alive"
    return fields, chunked, keep


def read_whole(body: FileBody) -> bytes:
    """The octets of a small body, which is closed. Raises OSError and Shrunk."""
    try:
        data = os.pread(body.document.fd, body.length, body.offset)
    finally:
        body.close()
    if len(data) != body.length:
        raise Shrunk
    return data


class Sending:
    """One large body under way: written as fast as the transport takes it.

    Its session sets ``full`` when the transport says so, and calls `go_on` when it has room again. ``moved`` is called
    when a transport that reads the document itself begins, and each time another `CHUNK` of it is out.
    """

    def __init__(self, transport: Any, full: bool, moved: Callable[[], object]) -> None:
        self.full = full
        self._moved = moved
        self._progress = 0
        self.sent = 0
        """Octets of the body handed to the transport."""
        self._transport = transport
        self._waiting: Deferred[None] | None = None

    def go_on(self) -> None:
        """The transport has room."""
        self.full = False
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            waiting.callback(None)

    async def send_file(self, body: FileBody) -> None:
        """Send a document's octets; the one place that does. Raises OSError and Shrunk."""
        fd, position, end = body.document.fd, body.offset, body.offset + body.length
        native = file_sender(self._transport)
        if native is not None:
            self._moved()
            try:
                await native(fd, position, body.length, self._went)
            except FileShrank:
                raise Shrunk from None
            return
        while position < end:
            if self.full:
                await self._room()
            data = os.pread(fd, min(CHUNK, end - position), position)
            if not data:
                raise Shrunk
            self._transport.write(data)
            position += len(data)
            self.sent += len(data)

    def _went(self, count: int) -> None:
        self.sent += count
        self._progress += count
        if self._progress >= CHUNK:
            self._progress = 0
            self._moved()

    async def send_stream(self, stream: Stream, chunked: bool) -> None:
        """Send what a responder makes. Raises what that raises, and Shrunk when the length is not as promised."""
        try:
            async for data in stream.chunks:
                if not data:
                    continue  # as a chunk it would be the last
                self._transport.write(b"%x\r\n%b\r\n" % (len(data), data) if chunked else data)
                self.sent += len(data)
                if self.full:
                    await self._room()
        finally:
            await stream.chunks.aclose()
        if stream.length is not None and self.sent != stream.length:
            raise Shrunk
        if chunked:
            self._transport.write(b"0\r\n\r\n")

    def _room(self) -> Deferred[None]:
        self._waiting = waiting = Deferred[None]()
        return waiting
