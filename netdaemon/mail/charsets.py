"""Octets of a named charset as text, without an exception whatever they are.

Only names that Python is known to have are looked up: it would search its files for each other name, and remember that
it has none. Codecs that are no charsets of mail, or that take more than linear time, have no name here.
"""

from __future__ import annotations

import re
from encodings.aliases import aliases

_UNFIT = {"idna", "punycode", "unicode_escape", "raw_unicode_escape", "undefined", "mbcs", "oem", "charmap"} | {
    name for name in aliases.values() if name.endswith("_codec") or name in ("rot_13", "tactis")
}
_PYTHON = {**{name: name for name in aliases.values()}, **aliases}
# What mail calls by another name, or by the name of a part of what it means (as the WHATWG's encoding standard has it).
_MAIL = {
    "": "utf_8", "ascii": "utf_8", "us_ascii": "utf_8", "unknown_8bit": "utf_8", "utf_8_sig": "utf_8_sig",
    "iso_8859_1": "cp1252", "iso8859_1": "cp1252", "latin_1": "cp1252", "latin1": "cp1252", "iso_latin_1": "cp1252",
    "x_sjis": "cp932", "shift_jis": "cp932", "windows_31j": "cp932", "ks_c_5601_1987": "cp949", "euc_kr": "cp949",
    "gb2312": "gb18030", "gbk": "gb18030", "x_gbk": "gb18030", "iso_8859_8_i": "iso8859_8", "iso_8859_9": "cp1254",
    "iso_8859_11": "cp874", "x_mac_roman": "mac_roman", "macintosh": "mac_roman", "x_euc_jp": "euc_jp",
    "iso_2022_jp": "iso2022_jp_2", "iso2022_jp": "iso2022_jp_2", "x_unicode_2_0_utf_7": "utf_7",
}  # fmt: skip
_CODECS = {name: codec for name, codec in _PYTHON.items() if codec not in _UNFIT} | _MAIL

_NO_LETTERS = re.compile("[^a-z0-9]+")
# Python's UTF-7 and UTF-16 may give halves of a pair, which cannot be written as UTF-8
_SURROGATE = re.compile("[\ud800-\udfff]")


def codec_name(charset: bytes) -> str | None:
    """The codec for a charset's name in any spelling, None when it is not known."""
    name = _NO_LETTERS.sub("_", charset[:40].decode("latin-1").lower().strip())
    return _CODECS.get(name)


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
