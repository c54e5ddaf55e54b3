"""Item types of documents, by their names and by how they begin (RFC 1436 section 3.8; ``h d p s ;`` by custom)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType

from netdaemon.documents.media import TYPES as MEDIA_TYPES
from netdaemon.documents.media import UNKNOWN, content_type

TEXT = b"0"
FOLDER = b"1"
SEARCH = b"7"
BINARY = b"9"

LOOK = 1024
"""Octets at a document's beginning that tell of what type it is."""

_ARCHIVES = frozenset(b"gzip zip x-tar x-xz x-7z-compressed x-bzip2 zstd java-archive".split())
_PLAIN_BINARY = frozenset(b"wasm vnd.sqlite3 x-iso9660-image x-rpm vnd.debian.binary-package ogg".split())
_TEXTUAL = re.compile(
    rb"application/(?:[a-z.-]+\+)?(?:json|xml|yaml|sql|pgp-keys|pgp-signature|manifest)\b|message/"
).match
# What RFC 1436 has a type of its own for, and media types have not; and archives that nobody serves on the web.
_BY_ENDING: Mapping[bytes, bytes] = MappingProxyType(
    {
        b"hqx": b"4", b"rar": b"5", b"lha": b"5", b"lzh": b"5", b"arj": b"5", b"zoo": b"5", b"z": b"5",
        b"uu": b"6", b"uue": b"6", b"djvu": b"d", b"au": b"s", b"aiff": b"s", b"mod": b"s", b"xm": b"s",
    }
)  # fmt: skip

_MEDIA = MappingProxyType(
    {
        b"0": b"text/plain", b"1": b"application/gopher-menu", b"7": b"application/gopher-menu",
        b"4": b"application/mac-binhex40", b"6": b"text/x-uuencode", b"g": b"image/gif", b"p": b"image/png",
        b"h": b"text/html",
    }
)  # fmt: skip


def by_media(media: bytes) -> bytes:
    """The item type of a Content-Type."""
    kind, _, name = media.partition(b";")[0].partition(b"/")
    if kind == b"image":
        return {b"gif": b"g", b"png": b"p"}.get(name, b"I")
    if kind == b"text":
        return b"h" if name == b"html" else TEXT
    if kind in (b"audio", b"video"):
        return b"s" if kind == b"audio" else b";"
    if name == b"xhtml+xml":
        return b"h"
    if _TEXTUAL(media):
        return TEXT
    if name in _ARCHIVES:
        return b"5"
    if kind != b"application" or name in _PLAIN_BINARY or media == UNKNOWN:
        return BINARY
    return b"d"


def _built_in() -> dict[bytes, bytes]:
    types = {ending: by_media(media) for ending, media in MEDIA_TYPES.items()}
    return {**types, **_BY_ENDING}


ENDINGS: Mapping[bytes, bytes] = MappingProxyType(_built_in())
"""Ending without its dot, lower case -> item type."""


def by_name(name: bytes, endings: Mapping[bytes, bytes] = ENDINGS) -> bytes | None:
    """The item type that a name tells of; None when only the contents can."""
    stem, dot, ending = name.rpartition(b".")
    if dot and stem:
        return endings.get(ending.lower())
    return None if content_type(name) == UNKNOWN else TEXT  # README and its like


_BEGINNINGS: tuple[tuple[Callable[[bytes], object], bytes], ...] = (
    (re.compile(rb"GIF8[79]a").match, b"g"),
    (re.compile(rb"\x89PNG\r\n\x1a\n").match, b"p"),
    (re.compile(rb"\xff\xd8\xff|BM.{4}\0{4}|II\*\0|MM\0\*|RIFF.{4}WEBP", re.DOTALL).match, b"I"),
    (re.compile(rb"%PDF-|%!PS|\{\\rtf|\xd0\xcf\x11\xe0").match, b"d"),
    (re.compile(rb"PK\x03\x04|\x1f\x8b|BZh[1-9]|\xfd7zXZ\0|7z\xbc\xaf|Rar!|\x28\xb5\x2f\xfd").match, b"5"),
    (re.compile(rb".{257}ustar", re.DOTALL).match, b"5"),
    (re.compile(rb"ID3|OggS|fLaC|MThd|\.snd|RIFF.{4}WAVE|FORM.{4}AIF", re.DOTALL).match, b"s"),
    (re.compile(rb".{4}ftyp|RIFF.{4}AVI |\x1aE\xdf\xa3|\0\0\x01[\xb3\xba]", re.DOTALL).match, b";"),
    (re.compile(rb"\s*<(?:!doctype html|html)[\s>]", re.IGNORECASE).match, b"h"),
    (re.compile(rb"begin [0-7]{3,4} \S").match, b"6"),
    (re.compile(rb"\(This file must be converted with BinHex").match, b"4"),
)  # fmt: skip

_NO_TEXT = re.compile(rb"[\x00-\x06\x0e-\x1a\x1c-\x1f\x7f]").search


def by_beginning(beginning: bytes) -> bytes:
    """The item type that a document's first octets (`LOOK` of them) tell of."""
    for begins, kind in _BEGINNINGS:
        if begins(beginning):
            return kind
    return BINARY if _NO_TEXT(beginning) else TEXT


def media_of(name: bytes, kind: bytes) -> bytes:
    """The media type that a view of Gopher+ has: by the name, or else by the item type."""
    named = content_type(name).partition(b";")[0]
    return named if named != UNKNOWN else _MEDIA.get(kind, UNKNOWN)
