"""Content codings: what is worth compressing, and how (RFC 9110 section 8.4).

gzip is always there; br and zstd as far as their libraries are installed (the extra ``compression``). What was
compressed beforehand and lies beside a document needs none of them.
"""

from __future__ import annotations

import zlib
from collections.abc import AsyncGenerator, Callable
from importlib import import_module
from typing import Any, Protocol

from netdaemon.documents.media import TYPES
from netdaemon.protocols.http.grammar.message import Fields
from netdaemon.protocols.http.response import FileBody, Response, Stream


def _library(name: str) -> Any:
    """The library, None where the extra is not installed."""
    try:
        return import_module(name)
    except ImportError:
        return None


brotli, zstandard = _library("brotli"), _library("zstandard")

SUFFIXES = {b"br": b".br", b"zstd": b".zst", b"gzip": b".gz"}
"""By coding, what the name of a compressed copy ends in."""
LEAST = 256
"""Octets that a document must have for its compression to save anything."""

# What shrinks, besides text/*: structured text by its suffix, and these.
_SHRINKING = frozenset(
    b"application/" + name
    for name in (b"json", b"ld+json", b"manifest+json", b"xml", b"yaml", b"sql", b"rtf", b"wasm", b"postscript",
                 b"x-tar", b"vnd.ms-fontobject", b"vnd.apple.mpegurl", b"pgp-keys")
) | {b"font/ttf", b"font/otf", b"font/collection", b"image/bmp", b"image/vnd.microsoft.icon", b"message/rfc822",
     b"model/stl"}  # fmt: skip


class Compressor(Protocol):
    """One body being compressed."""

    def compress(self, data: bytes) -> bytes:
        """What can be told of the body so far."""

    def flush(self) -> bytes:
        """The rest."""


def shrinks(content_type: bytes) -> bool:
    """Is it worth compressing?"""
    kind = content_type.partition(b";")[0]
    return kind.startswith(b"text/") or kind in _SHRINKING or kind.endswith((b"+xml", b"+json"))


SHRINKING_TYPES = frozenset(kind for kind in TYPES.values() if shrinks(kind))


def _gzip() -> Compressor:
    return zlib.compressobj(6, zlib.DEFLATED, 31)


class _Brotli:
    def __init__(self) -> None:
        # 5 of 11: better than gzip's best and as fast as its 6; what is above takes ten times as long
        self._compressor = brotli.Compressor(quality=5)

    def compress(self, data: bytes) -> bytes:
        return bytes(self._compressor.process(data))

    def flush(self) -> bytes:
        return bytes(self._compressor.finish())


def _zstd() -> Compressor:
    made: Compressor = zstandard.ZstdCompressor(level=6).compressobj()
    return made


COMPRESSORS: dict[bytes, Callable[[], Compressor]] = {b"gzip": _gzip}
"""By coding, what begins a body."""
if brotli is not None:
    COMPRESSORS[b"br"] = _Brotli
if zstandard is not None:
    COMPRESSORS[b"zstd"] = _zstd


def compress(data: bytes, coding: bytes) -> bytes:
    """A whole body, compressed."""
    compressor = COMPRESSORS[coding]()
    return compressor.compress(data) + compressor.flush()


def coded(response: Response, codings: tuple[bytes, ...]) -> Response:
    """A response of ours that shrinks, as one who takes ``codings`` gets it; its fields tell that they vary already."""
    coding = next((coding for coding in codings if coding in COMPRESSORS), None)
    body = response.body
    if coding is None or isinstance(body, FileBody) or (isinstance(body, bytes) and len(body) < LEAST):
        return response
    fields = Fields.of_block(response.fields.block + b"\r\nContent-Encoding: " + coding)
    if isinstance(body, bytes):
        return response._replace(fields=fields, body=compress(body, coding))
    return response._replace(fields=fields, body=Stream(compressed(body.chunks, coding), close=body.close))


async def compressed(chunks: AsyncGenerator[bytes, None], coding: bytes) -> AsyncGenerator[bytes, None]:
    """A body made as it is sent, compressed as it is made."""
    compressor = COMPRESSORS[coding]()
    try:
        async for chunk in chunks:
            if data := compressor.compress(chunk):
                yield data
        yield compressor.flush()
    finally:
        await chunks.aclose()
