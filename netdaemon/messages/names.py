"""Names of folders and of keywords, and the patterns of IMAP's LIST (RFC 9051 sections 5.1 and 6.3.9)."""

from __future__ import annotations

import re
import unicodedata

from netdaemon.messages.errors import BadName

SEPARATOR = "/"
INBOX = "INBOX"

LONGEST_NAME = 512
"""Octets of a folder's name in UTF-8."""
DEEPEST = 32
"""Parts of a folder's name."""
LONGEST_KEYWORD = 64
LONGEST_PATTERN = 1024

_UNWANTED = re.compile(r"[\x00-\x1f\x7f-\x9f%*\u2028\u2029\ud800-\udfff]")
# RFC 9051 section 9: flag-keyword is an atom
_KEYWORD = re.compile(r"[!#$&'+,\-./0-9:;<=>?@A-Z\[^_`a-z|}~]+")


def folder_name(text: str, *, shared: bool = False) -> str:
    """The name in the one form it is kept in: NFC, and INBOX in capitals but among shared folders. Raises BadName."""
    if _UNWANTED.search(text):
        raise BadName("a folder's name holds no control characters, * or %")
    name = unicodedata.normalize("NFC", text)
    parts = name.split(SEPARATOR)
    if not all(parts) or {".", ".."} & set(parts):
        raise BadName("a folder's name has no empty parts, and none that is . or ..")
    if len(name.encode()) > LONGEST_NAME or len(parts) > DEEPEST:
        raise BadName(f"a folder's name has at most {LONGEST_NAME} octets and {DEEPEST} parts")
    if not shared and parts[0].upper() == INBOX:
        parts[0] = INBOX
    return SEPARATOR.join(parts)


def parents(name: str) -> list[str]:
    """The names of the folders above it, the topmost first."""
    parts = name.split(SEPARATOR)
    return [SEPARATOR.join(parts[:length]) for length in range(1, len(parts))]


def beneath(name: str) -> tuple[str, str]:
    """Names of folders beneath this one are at or after the first and before the second."""
    return name + SEPARATOR, name + chr(ord(SEPARATOR) + 1)


def keyword(text: str) -> str:
    """A keyword as it came, if it can be one. Raises BadName."""
    if len(text) > LONGEST_KEYWORD or not _KEYWORD.fullmatch(text):
        raise BadName(f"a keyword is an atom of at most {LONGEST_KEYWORD} characters")
    return text


class Pattern:
    """A pattern of LIST: `*` is anything, `%` anything but the separator.

    All places of the pattern where a name may have come to are the bits of one number, so that a name takes time by
    its length, whatever wildcards there are.
    """

    def __init__(self, pattern: str) -> None:
        if len(pattern) > LONGEST_PATTERN:
            raise BadName(f"a pattern has at most {LONGEST_PATTERN} characters")
        pattern = unicodedata.normalize("NFC", pattern)
        if pattern[: len(INBOX)].upper() == INBOX and pattern[len(INBOX) :][:1] in ("", SEPARATOR, "*", "%"):
            pattern = INBOX + pattern[len(INBOX) :]
        # a row of wildcards is one: anything, if a * is in it
        pattern = re.sub(r"[*%]{2,}", lambda row: "*" if "*" in row[0] else "%", pattern)
        self._literal: dict[str, int] = {}
        self._anything = self._anything_in_part = 0
        for place, character in enumerate(pattern):
            if character == "*":
                self._anything |= 1 << place
            elif character == "%":
                self._anything_in_part |= 1 << place
            else:
                self._literal[character] = self._literal.get(character, 0) | 1 << place
        self._end = 1 << len(pattern)
        self._wild = self._anything | self._anything_in_part

    def matches(self, name: str) -> bool:
        """Does the whole name match?"""
        places = 1 | (1 & self._wild) << 1
        for character in name:
            stay = self._anything if character == SEPARATOR else self._wild
            places = (places & self._literal.get(character, 0)) << 1 | (places & stay)
            places |= (places & self._wild) << 1
            if not places:
                return False
        return bool(places & self._end)
