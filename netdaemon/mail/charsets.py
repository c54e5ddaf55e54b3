"""Octets of a named charset as text, without an exception whatever they are.

Only names that Python is known to have are looked up: it would search its files for each other name, and remember that
it has none. Codecs that are no charsets of mail, or that take more than linear time, have no name here.
"""

from __future__ import annotations

import codecs
import re
from encodings.aliases import aliases
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

_UNFIT = {"idna", "punycode", "unicode_escape", "raw_unicode_escape", "undefined", "mbcs", "oem", "charmap"} | {
    name for name in aliases.values() if name.endswith("_codec") or name in ("rot_13", "tactis")
}
# Those that have no other name, too.
_ALONE = ["cp720", "cp737", "cp856", "cp875", "cp1006", "koi8_t", "koi8_u", "mac_arabic", "mac_croatian", "mac_farsi"]
_PYTHON = {**{name: name for name in [*aliases.values(), *_ALONE]}, **aliases}
# What mail calls by another name, or by the name of a part of what it means (as the WHATWG's encoding standard has it).
_MAIL = {
    "": "utf_8", "ascii": "utf_8", "us_ascii": "utf_8", "unknown_8bit": "utf_8", "utf_8_sig": "utf_8_sig",
    "iso_8859_1": "cp1252", "iso8859_1": "cp1252", "latin_1": "cp1252", "latin1": "cp1252", "iso_latin_1": "cp1252",
    "sjis": "cp932", "shift_jis": "cp932", "windows_31j": "cp932", "euc_kr": "cp949", "ks_c_5601_1987": "cp949",
    "gb2312": "gb18030", "gbk": "gb18030", "iso_8859_8_i": "iso8859_8", "iso_8859_9": "cp1254", "iso_8859_11": "cp874",
    "macintosh": "mac_roman", "mac_ce": "mac_latin2", "windows_874": "cp874", "koi8_ru": "koi8_u",
    "iso_2022_jp": "iso2022_jp_2", "iso2022_jp": "iso2022_jp_2", "unicode_2_0_utf_7": "utf_7",
}  # fmt: skip
_CODECS = {name: codec for name, codec in _PYTHON.items() if codec not in _UNFIT} | _MAIL

_NO_LETTERS = re.compile("[^a-z0-9]+")
# Python's UTF-7 and UTF-16 may give halves of a pair, which cannot be written as UTF-8
_SURROGATE = re.compile("[\ud800-\udfff]")


def codec_name(charset: bytes) -> str | None:
    """The codec for a charset's name in any spelling, None when it is not known."""
    name = _NO_LETTERS.sub("_", charset[:40].decode("latin-1").lower().strip())
    return _CODECS.get(name) or _CODECS.get(name.removeprefix("x_"))


def decode(octets: bytes, charset: bytes) -> str:
    """Text; octets that are none of the charset's become U+FFFD.

    Without a charset, and with one that is not known, they are UTF-8 or else windows-1252.
    """
    codec = codec_name(charset) if charset else "utf_8"
    if codec is None or codec == "utf_8":
        try:
            return octets.decode("utf-8")
        except UnicodeDecodeError:
            if codec is not None and charset.lower().startswith(b"utf"):
                return octets.decode("utf-8", "replace")
            codec = "cp1252"
    text = octets.decode(codec, "replace")
    return text if codec == "cp1252" else _SURROGATE.sub("\ufffd", text)


_BY_ITSELF = "netdaemon.mail.windows-1252"


def incremental_decoder(charset: bytes) -> codecs.IncrementalDecoder:
    """The same for octets that come in pieces. Without a known charset each octet that is no UTF-8 is taken for
    windows-1252 by itself."""
    codec = codec_name(charset) if charset else "utf_8"
    if codec in _MARKS:
        return _Wide(codec)
    certain = codec not in (None, "utf_8") or charset.lower().startswith(b"utf")
    return codecs.getincrementaldecoder(codec or "utf_8")("replace" if certain else _BY_ITSELF)


# What Python's own would refuse to decode in pieces unless a mark tells the order of its octets
_MARKS = {
    "utf_16": (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE),
    "utf_32": (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE),
}


class _Wide(codecs.IncrementalDecoder):
    """UTF-16 and UTF-32 with a mark in front, or little-endian."""

    def __init__(self, codec: str) -> None:
        super().__init__("replace")
        self._codec = codec
        self._begun = b""
        self._inner: codecs.IncrementalDecoder | None = None

    def decode(self, octets: ReadableBuffer, final: bool = False) -> str:
        if self._inner is None:
            octets = self._begun = self._begun + bytes(octets)
            little, big = _MARKS[self._codec]
            if len(self._begun) < len(big) and not final:
                return ""
            is_big = self._begun.startswith(big)
            self._inner = codecs.getincrementaldecoder(self._codec + ("_be" if is_big else "_le"))("replace")
            octets = self._begun.removeprefix(big if is_big else little)
        return self._inner.decode(octets, final)


def _by_itself(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeDecodeError)
    return error.object[error.start : error.end].decode("cp1252", "replace"), error.end


codecs.register_error(_BY_ITSELF, _by_itself)
