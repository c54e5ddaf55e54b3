"""What answers a request, before the session sends it."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import NamedTuple

from netdaemon.interfaces import DocumentError, OpenDocument, Unavailable
from netdaemon.protocols.gopher.grammar import menu, plus

WHOLE = 64 * 1024
"""Octets up to which an answer is made before any of it is sent."""


class FileBody(NamedTuple):
    """A document that is sent as it is; ``header`` goes in front of it."""

    document: OpenDocument
    header: bytes = b""


Chunks = AsyncGenerator[bytes, None]


class Reply(NamedTuple):
    """One answer; whoever has it sends its body or closes it."""

    body: bytes | FileBody | Chunks
    name: str
    """What was asked for, one word out of a few: it is counted by that."""
    result: str = "ok"
    """ok, refused or failed."""


def refusal(
    text: str, name: str, *, asked: bytes = b"", code: int = plus.NOT_AVAILABLE, result: str = "refused"
) -> Reply:
    """The answer that there is none: an item of type 3 (RFC 1436 3.8), or Gopher+'s own form for who asked by that."""
    if asked:
        return Reply(plus.failed(code, text), name, result)
    return Reply(menu.error(text) + menu.END, name, result)


def refused(error: DocumentError, name: str, asked: bytes = b"") -> Reply:
    """The answer for what the document tree would not do. It tells nothing of what is there and hidden."""
    if isinstance(error, Unavailable):
        return refusal("Try again later", name, asked=asked, code=plus.TRY_LATER, result="failed")
    return refusal("There is nothing by that name here", name, asked=asked)


async def gathered(chunks: Chunks, name: str) -> Reply:
    """The reply of what is made chunk by chunk, in one piece when it is short. Raises what making that raises."""
    begun: list[bytes] = []
    size = 0
    async for chunk in chunks:
        begun.append(chunk)
        size += len(chunk)
        if size > WHOLE:
            return Reply(_rest(b"".join(begun), chunks), name)
    return Reply(b"".join(begun), name)


async def _rest(begun: bytes, chunks: Chunks) -> Chunks:
    try:
        yield begun
        async for chunk in chunks:
            yield chunk
    finally:
        await chunks.aclose()
