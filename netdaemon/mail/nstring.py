"""IMAP's strings as they are kept, and as they are sent (RFC 9051 section 4.3, RFC 6855 section 3).

What is kept is a response's text in which strings of other octets than ASCII stand between two marks, and what only
BODYSTRUCTURE has, not BODY, between two others. So one kept text gives each form of a response by one replacement, and
most give it without any. No string holds a mark, CR, LF or NUL. The first octet tells the form: an ENVELOPE begins
with a bracket, a structure with a digit.
"""

from __future__ import annotations

import re

EXTENSION, NO_EXTENSION, STRING, NO_STRING = b"\1", b"\2", b"\3", b"\4"

_PLAIN = re.compile(rb"[\t -!#-\[\]-~]*+").fullmatch
_QUOTABLE = re.compile(rb'(["\\])')
_TAMED = bytes.maketrans(b"\0\1\2\3\4\r\n", b"?????  ")
_MARKED = re.compile(rb"\x03([^\x04]*+)\x04")
_EXTENSION = re.compile(rb"\x01[^\x02]*+\x02")


def nstring(value: bytes | None) -> bytes:
    """NIL, or the string as it is kept."""
    if value is None:
        return b"NIL"
    if _PLAIN(value):
        return b'"%b"' % value
    value = value.translate(_TAMED)
    return _quoted(value) if value.isascii() else STRING + value + NO_STRING


def extension(text: bytes) -> bytes:
    """What only BODYSTRUCTURE has."""
    return EXTENSION + text + NO_EXTENSION


def sent(kept: bytes, *, utf8: bool = False, extended: bool = True) -> bytes:
    """A response's text. Octets that are no ASCII go in literals; after ENABLE UTF8=ACCEPT (``utf8``) in quoted
    strings, if they are UTF-8. Not ``extended`` is BODY without extension data."""
    if EXTENSION in kept:
        kept = kept.translate(None, b"\1\2") if extended else _EXTENSION.sub(b"", kept)
    if STRING in kept:
        kept = _MARKED.sub(_quoted_utf8 if utf8 else _literal, kept)
    return kept


def _quoted(value: bytes) -> bytes:
    return b'"%b"' % _QUOTABLE.sub(rb"\\\1", value)


def _literal(match: re.Match[bytes]) -> bytes:
    return b"{%d}\r\n%b" % (len(match[1]), match[1])


def _quoted_utf8(match: re.Match[bytes]) -> bytes:
    try:
        match[1].decode("utf-8")
    except UnicodeDecodeError:
        return _literal(match)
    return _quoted(match[1])


# --- back to values ------------------------------------------------------------------------------------------

_TOKEN = re.compile(rb'([()])|NIL|"((?:[^"\\]++|\\.)*+)"|\x03([^\x04]*+)\x04', re.DOTALL)
_PAIR = re.compile(rb"\\(.)", re.DOTALL)

Value = bytes | None | list["Value"]
"""A string, NIL, or a list of these."""


def values(kept: bytes) -> list[Value]:
    """A kept text of strings and lists (an ENVELOPE) as values."""
    stack: list[list[Value]] = [[]]
    for match in _TOKEN.finditer(kept):
        bracket, quoted, marked = match.groups()
        if bracket == b"(":
            inner: list[Value] = []
            stack[-1].append(inner)
            stack.append(inner)
        elif bracket:
            stack.pop()
        elif quoted is not None:
            stack[-1].append(_PAIR.sub(rb"\1", quoted))
        else:
            stack[-1].append(marked)
    return stack[0]
