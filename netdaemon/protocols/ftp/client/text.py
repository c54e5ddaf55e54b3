"""Text on the way (TYPE A, RFC 959 section 3.1.1.1): lines that end with CRLF, whatever they end with here."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

from netdaemon.protocols.ftp.grammar.text import FromWire, ToWire
from netdaemon.wire.failures import TooLarge
from netdaemon.wire.outgoing import Chunks, each

MAX_LINE = 64 * 1024
"""Octets of a line of text or of a listing."""

_WORDS = """
asc bat c cfg conf cpp csv css h htm html ini java js json log md pl py rst sh sql svg tex toml tsv txt xml yaml yml
"""
TEXT = frozenset(_WORDS.split())
"""Extensions of documents that are text: `is_text`."""


def is_text(name: str) -> bool:
    """Is a document of that name sent as text, when nobody says otherwise? Its extension tells."""
    stem, dot, extension = name.rpartition("/")[2].rpartition(".")
    return bool(stem and dot) and extension.lower() in TEXT


class Lines:
    """Makes lines of octets as they come; they end with CRLF, or with LF alone."""

    def __init__(self, limit: int = MAX_LINE) -> None:
        self._limit = limit
        self._rest: list[bytes] = []
        self._held = 0

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The lines that are whole now, without their ends. Raises TooLarge for one beyond the limit."""
        *whole, rest = data.split(b"\n")
        for line in whole:
            if self._rest:
                line = b"".join([*self._rest, line])
                self._rest.clear()
                self._held = 0
            line = line.removesuffix(b"\r")
            self._check(len(line))
            yield line
        if rest:
            self._rest.append(rest)
            self._held += len(rest)
            self._check(self._held)

    def finish(self) -> Iterator[bytes]:
        """The last line, if nothing ended it."""
        if self._rest:
            yield b"".join(self._rest)
            self._rest.clear()

    def _check(self, size: int) -> None:
        if size > self._limit:
            raise TooLarge(f"a line of more than {self._limit} octets")


async def with_crlf(chunks: Chunks) -> AsyncIterator[bytes]:
    """Local text as the wire has it."""
    to_wire = ToWire()
    async for chunk in each(chunks):
        yield to_wire.feed(chunk)


async def without_cr(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Text from the wire as it stands in files here."""
    from_wire = FromWire()
    async for chunk in chunks:
        yield from_wire.feed(chunk)
    yield from_wire.finish()
