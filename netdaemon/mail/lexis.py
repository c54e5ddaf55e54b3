"""The words that structured fields are made of (RFC 5322 section 3.2, RFC 2045 section 5.1)."""

from __future__ import annotations

import re

# RFC 5322 3.2.3 atext; RFC 6532 3.1 adds UTF-8, and other octets above 127 are found in its place
ATEXT = rb"!#$%&'*+\-/0-9=?A-Z^_`a-z{|}~\x80-\xff"
# RFC 2045 5.1 token: atext and the dot, without tspecials
TOKEN = rb"[!#$%&'*+\-.0-9A-Z^_`a-z{|}~\x80-\xff]"
# The inside of a quoted string. Possessive: one pass, whatever follows.
QUOTED = rb'(?:[^"\\]++|\\.)*+'

_PAIR = re.compile(rb"\\(.)", re.DOTALL)
_OUTSIDE = re.compile(rb'"%b"?|\\.?|\(' % QUOTED, re.DOTALL)
_INSIDE = re.compile(rb"\\.?|\(+|\)", re.DOTALL)


def unescaped(text: bytes) -> bytes:
    """The inside of a quoted string or comment without the backslashes of its quoted pairs."""
    return _PAIR.sub(rb"\1", text) if b"\\" in text else text


def comment_end(text: bytes, start: int) -> int:
    """Where the comment that begins at ``start`` ends: behind its bracket, or the text's end when it has none."""
    depth = 0
    while True:
        match = _INSIDE.search(text, start)
        if match is None:
            return len(text)
        start = match.end()
        if match[0][0] == 0x28:
            depth += len(match[0])
        elif match[0] == b")":
            depth -= 1
            if depth == 0:
                return start


def without_comments(text: bytes) -> bytes:
    """``text`` with each comment, nested ones too, as a space; those in quoted strings are none."""
    if b"(" not in text:
        return text
    kept, start, at = [], 0, 0
    while True:
        match = _OUTSIDE.search(text, at)
        if match is None:
            kept.append(text[start:])
            return b" ".join(kept)
        at = match.end()
        if match[0] == b"(":
            kept.append(text[start : match.start()])
            start = at = comment_end(text, match.start())
