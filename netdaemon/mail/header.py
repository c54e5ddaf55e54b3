"""A header block as fields (RFC 5322 section 2.2).

Names are compared without case and given in lower case. Values are unfolded octets: RFC 6532 allows UTF-8 in them, and
what is stored may hold anything else.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterator

_FOLD = re.compile(rb"\n+(?=[ \t])")
# One field as it is written: a line, and those behind it that begin with white space
_WRITTEN = re.compile(rb"[^\n]++(?:\n|\Z)(?:[ \t][^\n]*+(?:\n|\Z))*+")


class Header:
    """The fields of one header block, or those of certain names. Of fields that may stand once, the first counts."""

    __slots__ = ("_values",)

    def __init__(self, block: bytes = b"", names: Container[bytes] | None = None) -> None:
        values: dict[bytes, list[bytes]] = {}
        for name, value in _fields(block):
            if names is not None and name not in names:
                continue
            known = values.get(name)
            if known is None:
                values[name] = [value]
            else:
                known.append(value)
        self._values = values

    def first(self, name: bytes) -> bytes | None:
        """The first value of a field, None when there is no such field. ``name`` in lower case."""
        values = self._values.get(name)
        return values[0] if values else None

    def all(self, name: bytes) -> list[bytes]:
        """Each value of a field, in order. ``name`` in lower case."""
        return self._values.get(name, [])

    def __contains__(self, name: bytes) -> bool:
        return name in self._values


def split_header(block: bytes) -> list[tuple[bytes, bytes]]:
    """(name in lower case, value unfolded and stripped) of each field.

    The block may have any line ends; lines that are no fields are passed over. A bare CR becomes a space, so that no
    value holds CR or LF.
    """
    return list(_fields(block))


def _fields(block: bytes) -> Iterator[tuple[bytes, bytes]]:
    if b"\r" in block:
        block = block.replace(b"\r\n", b"\n").replace(b"\r", b" ")
    # RFC 5322 2.2.3: unfolding removes the line's end, and nothing else
    block = _FOLD.sub(b"", block)
    for line in block.split(b"\n"):
        name, colon, value = line.partition(b":")
        if colon:
            # RFC 5322 4.5: the obsolete syntax allows white space in front of the colon
            yield name.rstrip(b" \t").lower(), value.strip(b" \t")


def select_fields(block: bytes, names: Container[bytes], *, others: bool = False) -> bytes:
    """The fields of these names as they are written, or all ``others``, with an empty line behind them.

    What HEADER.FIELDS and HEADER.FIELDS.NOT are made of (RFC 9051 section 6.4.5.1). ``names`` in lower case.
    """
    selected = []
    for match in _WRITTEN.finditer(block):
        written = match[0]
        name, colon, _ = written.partition(b":")
        if colon and (name.strip(b" \t").lower() in names) is not others:
            selected.append(written if written.endswith(b"\n") else written + b"\r\n")
    return b"".join(selected) + b"\r\n"
