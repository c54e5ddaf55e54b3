"""A response's content codings undone: gzip, deflate, br and zstd (RFC 9110 section 8.4.1, RFC 8878, RFC 9659).

A few octets can stand for gigabytes. So no step makes much of them, however little came, and what swells beyond all
measure is refused.
"""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from importlib import import_module
from typing import Any, Protocol, Self

from netdaemon.protocols.http.client.body import Body
from netdaemon.wire.failures import Broken, TooLarge


def _library(name: str) -> Any:
    """The library, None where the extra is not installed."""
    try:
        return import_module(name)
    except ImportError:
        return None


brotli, zstandard = _library("brotli"), _library("zstandard")
if not hasattr(getattr(brotli, "Decompressor", None), "can_accept_more_data"):
    brotli = None  # before 1.2 nothing kept it from making gigabytes in one step

STEP = 128 * 1024
"""Octets that one step makes; brotli's rounds it up, to less than `MOST_AT_ONCE`."""
MOST_AT_ONCE = 256 * 1024
"""Octets of one piece at most."""
MAX_CODINGS = 5
"""Codings one upon the other; nobody means more than one."""
MAX_SWELLING = 100
"""Octets that may come out for each one that came in, once `FREE` came out; text comes to ten of them."""
FREE = 32 * 1024 * 1024
MAX_BEHIND = 64 * 1024
"""Octets behind the end of what was coded that are overlooked."""
_WINDOW = 8 * 1024 * 1024  # RFC 9659 3: what a decoder of zstd has to have room for, and we have no more


def accepted() -> bytes:
    """The Accept-Encoding value that says what can be undone here, best first."""
    return b", ".join(coding for coding in (b"br", b"zstd", b"gzip", b"deflate") if coding in _CODINGS)


class Decoded(AsyncIterator[bytes]):
    """A body as it was before ``encodings``, the values of Content-Encoding, were done to it; read as a `Body` is.

    Raises Broken also for what can't be undone: an unknown coding, as curl does once there is a body (to show what
    nobody can read would be no better), a malformed or a truncated one; and TooLarge also for what swells to more
    than ``swelling`` times its size, when that is more than ``free`` octets. A body without a single octet is empty,
    whatever it is said to be.
    """

    def __init__(
        self, body: Body, encodings: Iterable[bytes], *, swelling: int = MAX_SWELLING, free: int = FREE
    ) -> None:
        self._body = body
        self._swelling = swelling
        self._free = free
        self._came = 0
        self._error: Exception | None = None
        self._finished = False
        self._pieces: Iterator[bytes] = iter(())
        self._stages: list[_Stage] = []
        self._unknown: str | None = None
        for coding in reversed(_named(encodings)):
            begin = _CODINGS.get(coding)
            if begin is None:
                self._unknown = f"its content coding {coding[:40].decode('latin-1')!r} is not known here"
            else:
                self._stages.append(_Stage(coding.decode("ascii"), begin))
        if len(self._stages) > MAX_CODINGS:
            self._unknown = f"it has more than {MAX_CODINGS} content codings"

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        if self._error is not None:
            raise self._error
        try:
            while True:
                if (piece := next(self._pieces, None)) is not None:
                    return piece
                async for data in self._body:
                    self._came += len(data)
                    if self._unknown is not None:
                        raise Broken(self._unknown)
                    self._pieces = self._through(0, data)
                    break
                else:
                    if not all(stage.whole for stage in self._stages):
                        raise Broken("it ends within its content coding")
                    self._finished = True
                    raise StopAsyncIteration
        except (Broken, TooLarge) as error:
            self._error = error
            self.close()
            raise

    def _through(self, place: int, data: bytes) -> Iterator[bytes]:
        """What comes out behind the last stage when ``data`` goes into the one at ``place``."""
        if place == len(self._stages):
            yield data
            return
        stage = self._stages[place]
        for piece in stage.undo(data):
            # Between two stages as well: who packs a bomb twice shows only its wrapping at the end.
            if stage.made > self._free and stage.made > self._swelling * self._came:
                raise TooLarge(
                    f"it swells to more than {self._swelling} times its size, beyond {self._free // 1024} KiB"
                )
            yield from self._through(place + 1, piece)

    async def read(self, limit: int) -> bytes:
        """All of it, at most ``limit`` octets. Raises TooLarge and Broken."""
        pieces = []
        async for piece in self:
            pieces.append(piece)
            limit -= len(piece)
            if limit < 0:
                self.close()
                raise TooLarge("it is larger than wanted")
        return b"".join(pieces)

    def close(self) -> None:
        """Read no further; at the end it does nothing."""
        self._pieces = iter(())
        if self._error is None and not self._finished:
            self._error = Broken("it was closed by its reader")
        self._body.close()


def _named(encodings: Iterable[bytes]) -> list[bytes]:
    """The codings in the order they were done in; RFC 9110 8.4.1.3: x-gzip is gzip."""
    names = (name.strip(b" \t").lower() for value in encodings for name in value.split(b","))
    return [{b"x-gzip": b"gzip"}.get(name, name) for name in names if name not in (b"", b"identity", b"none")]


# --- one coding ----------------------------------------------------------------------------------------------


class _Member(Protocol):
    """A coding from its beginning to its end: a member of gzip, a frame of zstd."""

    slice: int
    """Octets that may go in at once."""
    again: Sequence[bytes]
    """What the next one behind its end begins with; nothing when there is only one."""

    def undo(self, data: bytes) -> Iterator[bytes]: ...

    @property
    def rest(self) -> bytes | None:
        """What came behind its end; None before it."""


class _Stage:
    """One coding being undone. ``whole`` as long as nothing is missing, ``made`` counts what came out."""

    def __init__(self, name: str, begin: Callable[[], _Member]) -> None:
        self._name = name
        self._begin = begin
        self._member: _Member | None = begin()
        self._again: Sequence[bytes] = ()
        self._held = b""  # between two members: too little to tell whether there is another one
        self._behind = 0
        self.whole = True
        self.made = 0

    def undo(self, data: bytes) -> Iterator[bytes]:
        """What ``data`` stands for, in pieces. Raises Broken."""
        try:
            position = 0
            while position < len(data):
                size = self._member.slice if self._member is not None else 8192
                yield from self._slice(data[position : position + size])
                position += size
        except _MALFORMED as error:
            raise Broken(f"its content coding {self._name} is malformed: {error}") from None

    def _slice(self, data: bytes) -> Iterator[bytes]:
        while data:
            if self._member is None and not self._goes_on(data):
                return
            self.whole = False
            if self._held:
                data, self._held = self._held + data, b""
            assert self._member is not None
            for piece in self._member.undo(data):
                for start in range(0, len(piece), MOST_AT_ONCE):
                    part = piece[start : start + MOST_AT_ONCE]
                    self.made += len(part)
                    yield part
            rest = self._member.rest
            if rest is None:
                return
            self.whole = True
            self._again = self._member.again
            self._member = None
            data = rest

    def _goes_on(self, data: bytes) -> bool:
        """Behind an end: does another member begin?

        What is none is overlooked, as browsers and gzip(1) do (curl fails): tapes and careless servers pad with zeros.
        """
        if not self._behind:
            self._held += data
            if any(self._held.startswith(magic) for magic in self._again):
                self._held = self._held[: -len(data)]
                self._member = self._begin()
                return True
            if any(magic.startswith(self._held) for magic in self._again):
                return False
            data, self._held = self._held, b""
        self._behind += len(data)
        if self._behind > MAX_BEHIND:
            raise Broken(f"it goes on behind the end of its content coding {self._name}")
        return False


class _Zlib:
    slice = 8 * 1024  # the rest of a slice is copied for each member in it
    again: Sequence[bytes] = ()

    def __init__(self, bits: int) -> None:
        self._bits = bits
        self._decompressor: Any = None if bits == 0 else zlib.decompressobj(bits)
        self._head = b""

    def undo(self, data: bytes) -> Iterator[bytes]:
        if self._decompressor is None:
            self._head += data
            if len(self._head) < 2:
                return
            # RFC 9110 8.4.1.2: deflate is zlib's format (RFC 1950), and some send it without its wrapping (RFC 1951)
            wrapped = self._head[0] & 15 == 8 and int.from_bytes(self._head[:2], "big") % 31 == 0
            self._decompressor = zlib.decompressobj(15 if wrapped else -15)
            data = self._head
        while True:
            piece = self._decompressor.decompress(data, STEP)
            data = self._decompressor.unconsumed_tail
            if piece:
                yield piece
            if self._decompressor.eof or (not data and len(piece) < STEP):
                return

    @property
    def rest(self) -> bytes | None:
        done = self._decompressor is not None and self._decompressor.eof
        return self._decompressor.unused_data if done else None


class _Gzip(_Zlib):
    again: Sequence[bytes] = (b"\x1f\x8b",)  # RFC 1952 2.2: a file is a series of members

    def __init__(self) -> None:
        super().__init__(31)


def _deflate() -> _Member:
    return _Zlib(0)


class _Brotli:
    slice = 64 * 1024
    again: Sequence[bytes] = ()  # what comes behind its end is malformed to the library, as it is to curl

    def __init__(self) -> None:
        self._decompressor = brotli.Decompressor()

    def undo(self, data: bytes) -> Iterator[bytes]:
        # Until nothing more comes: that it can accept more data doesn't mean that it has said all it can.
        while (piece := self._decompressor.process(data, output_buffer_limit=STEP)) or data:
            yield piece
            data = b""

    @property
    def rest(self) -> bytes | None:
        return b"" if self._decompressor.is_finished() else None


class _Zstd:
    # Its interface has no bound for what comes out, but a block makes 128 KiB at most and has four octets at least:
    # this is what keeps a step at 4 MiB.
    slice = 128
    # RFC 8878 3.1.1 and 3.1.2: frames, and those to be skipped
    again: Sequence[bytes] = (b"\x28\xb5\x2f\xfd", *(b"%c\x2a\x4d\x18" % (0x50 + number) for number in range(16)))

    def __init__(self) -> None:
        self._decompressor = zstandard.ZstdDecompressor(max_window_size=_WINDOW).decompressobj()

    def undo(self, data: bytes) -> Iterator[bytes]:
        yield self._decompressor.decompress(data)

    @property
    def rest(self) -> bytes | None:
        return self._decompressor.unused_data if self._decompressor.eof else None


_CODINGS: dict[bytes, Callable[[], _Member]] = {b"gzip": _Gzip, b"deflate": _deflate}
_MALFORMED: tuple[type[Exception], ...] = (zlib.error,)
if brotli is not None:
    _CODINGS[b"br"] = _Brotli
    _MALFORMED += (brotli.error,)
if zstandard is not None:
    _CODINGS[b"zstd"] = _Zstd
    _MALFORMED += (zstandard.ZstdError,)
