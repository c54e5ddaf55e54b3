"""Parts of documents: one range, or several as multipart/byteranges (RFC 9110 section 14)."""

from __future__ import annotations

import os
import secrets
from collections.abc import AsyncGenerator, Sequence

from netdaemon.protocols.http.grammar.message import Fields
from netdaemon.protocols.http.response import FileBody, Response, Stream

CHUNK = 64 * 1024
"""Octets of a document that are read and written at once."""


class Shrunk(Exception):
    """A document is shorter than it was when its length was promised: the connection can only be aborted."""

    def __str__(self) -> str:
        return "the document became shorter"


def partial_content(
    whole: bytes | FileBody, ranges: Sequence[tuple[int, int]], block: bytes, content_type: bytes
) -> Response:
    """206 with ``ranges`` of a document; ``block`` holds the fields but for Content-Type and Content-Range."""
    size = len(whole) if isinstance(whole, bytes) else whole.length
    if len(ranges) == 1:
        first, stop = ranges[0]
        fields = b"%b\r\nContent-Type: %b\r\nContent-Range: bytes %d-%d/%d" % (
            block, content_type, first, stop - 1, size,
        )  # fmt: skip
        part = whole[first:stop] if isinstance(whole, bytes) else FileBody(whole.document, first, stop - first)
        return Response(206, Fields.of_block(fields), part)
    boundary = secrets.token_hex(12).encode("ascii")  # cannot be foreseen, so no document holds it on purpose
    heads = [
        b"\r\n--%b\r\nContent-Type: %b\r\nContent-Range: bytes %d-%d/%d\r\n\r\n"
        % (boundary, content_type, first, stop - 1, size)
        for first, stop in ranges
    ]
    end = b"\r\n--%b--\r\n" % boundary
    fields = b"%b\r\nContent-Type: multipart/byteranges; boundary=%b" % (block, boundary)
    body: bytes | Stream
    if isinstance(whole, bytes):
        parts = [head + whole[first:stop] for head, (first, stop) in zip(heads, ranges, strict=True)]
        body = b"".join((*parts, end))
    else:
        length = sum(map(len, heads)) + sum(stop - first for first, stop in ranges) + len(end)
        body = Stream(_parts(whole.document.fd, heads, ranges, end), length, whole.close)
    return Response(206, Fields.of_block(fields), body)


async def _parts(
    fd: int, heads: Sequence[bytes], ranges: Sequence[tuple[int, int]], end: bytes
) -> AsyncGenerator[bytes, None]:
    for head, (position, stop) in zip(heads, ranges, strict=True):
        yield head
        while position < stop:
            data = os.pread(fd, min(CHUNK, stop - position), position)
            if not data:
                raise Shrunk
            yield data
            position += len(data)
    yield end
