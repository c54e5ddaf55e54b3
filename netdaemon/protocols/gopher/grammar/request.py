"""A request: one line, with a selector and what stands behind it (RFC 1436 section 2, Gopher+ section 2)."""

from __future__ import annotations

import re
from typing import NamedTuple

MAX_LINE = 8192
"""Octets of a request's line, without its end; selectors themselves are as long as paths may be."""

TYPES = b"0123456789+TgIhisdpc;:<MPrX"
"""The item types that may stand in front of a selector, as in ``1/dir``."""

_CONTROL = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]").search
_HTTP = re.compile(rb"(?:[A-Z]{3,10} \S+ HTTP/[0-9]|host:)", re.IGNORECASE).match

# Gopher+ 2.3 and 2.5: "!" or "$" and the names of attributes, "+" and the name of a view. What else begins so is a
# search for words that do.
_ATTRIBUTES = re.compile(rb"[!$](?:\+[A-Za-z0-9_-]{1,64}){0,16}").fullmatch
_VIEW = re.compile(rb"\+(?:[A-Za-z0-9.+_-]+/[A-Za-z0-9.+_-]+(?: [A-Za-z0-9_-]+)?)?").fullmatch


class Malformed(ValueError):
    """What came is no Gopher; the text says why, and holds nothing of what came."""


class Request(NamedTuple):
    """One request, taken apart."""

    selector: bytes
    search: bytes | None = None
    """The words of a search; None when there is none."""
    plus: bytes = b""
    """``+`` for Gopher+, ``!`` for an item's attributes, ``$`` for those of a folder's items, else nothing."""
    wanted: tuple[bytes, ...] = ()
    """The view, or the attributes, that are wanted; () for all there is."""
    data: bool = False
    """A block of data follows the line, as the answer to an ASK."""


def is_http(line: bytes) -> bool:
    """Is it a web browser's, that somebody has pointed here?"""
    return _HTTP(line) is not None


def parse_request(line: bytes) -> Request:
    """A request out of its line, which comes without its end. Raises Malformed."""
    if len(line) > MAX_LINE:
        raise Malformed("the request is too long")
    if _CONTROL(line):
        raise Malformed("the request holds a control character")
    selector, *fields = line.split(b"\t")
    search = None
    if fields and not _is_plus(fields[0]):
        search = fields.pop(0)
    if not fields or fields == [b""]:
        return Request(selector, search)
    plus, *data = fields
    if not _is_plus(plus) or len(data) > 1:
        raise Malformed("the request has a field too many")
    # Gopher+ 2.4: the flag that says that a block of data follows
    follows = data == [b"1"]
    if plus.startswith(b"+"):
        return Request(selector, search, b"+", (plus[1:],) if plus[1:] else (), follows)
    return Request(selector, search, plus[:1], tuple(plus[2:].split(b"+")) if plus[2:] else (), follows)


def build_request(selector: bytes, search: bytes | None = None, plus: bytes = b"") -> bytes:
    """The line of a request, with its end; ``plus`` is the whole Gopher+ field, ``!`` or ``+text/plain``.

    Raises Malformed for what would make more, or another, line of it.
    """
    fields = [selector]
    if search is not None:
        fields.append(search)
    if plus:
        if not _is_plus(plus):
            raise Malformed("that is no form of Gopher+")
        fields.append(plus)
    if any(b"\t" in field or _CONTROL(field) for field in fields):
        raise Malformed("a selector, or what is searched for, holds a control character")
    line = b"\t".join(fields)
    if len(line) > MAX_LINE:
        raise Malformed("the selector is too long")
    return line + b"\r\n"


def _is_plus(field: bytes) -> bool:
    return _ATTRIBUTES(field) is not None or _VIEW(field) is not None


def path_of(selector: bytes) -> bytes | None:
    """The document tree's path that a selector stands for: ``/`` first and between the parts, ``..`` resolved.

    A selector is the path, also without its first slash, or with an item's type in front: ``/dir``, ``dir``,
    ``1/dir``. None for one that would lead above the root.
    """
    if selector[1:2] == b"/" and selector[:1] in TYPES:
        selector = selector[1:]
    parts: list[bytes] = []
    for part in selector.split(b"/"):
        if part == b"..":
            if not parts:
                return None
            parts.pop()
        elif part not in (b"", b"."):
            parts.append(part)
    return b"/" + b"/".join(parts)
