"""Gophermaps: how somebody writes a menu by hand, read as gophernicus reads them.

!The spam shop          the menu's title
# nobody sees this      a comment
text without a TAB      is text
0Menu<TAB>menu.txt      an item of this server; host and port may follow
-secret.txt             not in the listing
:egg=0                  items that end in .egg are text, in this menu
~                       the users' folders          %  the virtual hosts
=other                  another map's lines, or what a program says
*                       the folder's listing, and no more of the map
.                       no more of the map
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto

MAX_MAP = 256 * 1024
"""Octets of a map that are read."""


@dataclass(frozen=True)
class Text:
    """A line of text; ``title`` is that of the menu."""

    text: str
    title: bool = False


@dataclass(frozen=True)
class Link:
    """An item; without a host it is this server's, and its selector may be relative to the map's folder."""

    type: bytes
    description: str
    selector: bytes
    host: bytes = b""
    port: int | None = None


@dataclass(frozen=True)
class Hide:
    """A name to be left out of the listing."""

    name: bytes


@dataclass(frozen=True)
class Retype:
    """Names with this ending (without its dot, lower case) are of that type."""

    ending: bytes
    type: bytes


@dataclass(frozen=True)
class Include:
    """A selector whose lines come here."""

    selector: bytes


class Mark(Enum):
    """Lines that are one character."""

    USERS = auto()
    HOSTS = auto()
    LISTING = auto()
    END = auto()


Entry = Text | Link | Hide | Retype | Include | Mark

_MARKS = {b"~": Mark.USERS, b"%": Mark.HOSTS, b"*": Mark.LISTING, b".": Mark.END}
_RETYPE = re.compile(rb":\.?([^\s=./]+)=([!-~])\s*").fullmatch
_PORT = re.compile(rb"[0-9]{1,5}").fullmatch


def parse_map(data: bytes) -> Iterator[Entry]:
    """The entries of a map, down to the mark that ends it. Never raises: what is nothing else is text."""
    for line in data.split(b"\n"):
        entry = parse_line(line.removesuffix(b"\r"))
        if entry is not None:
            yield entry
        if entry is Mark.LISTING or entry is Mark.END:
            return


def parse_line(line: bytes) -> Entry | None:
    """The entry of one line; None for a comment."""
    first, rest = line[:1], line[1:]
    if first == b"#":
        return None
    if first == b"!":
        return Text(_text(rest), title=True)
    if first == b"-" and rest.strip():
        return Hide(rest.strip())
    if first == b"=" and rest.strip():
        return Include(rest.strip())
    if first == b":" and (retype := _RETYPE(line)):
        return Retype(retype[1].lower(), retype[2])
    mark = _MARKS.get(line.rstrip())
    if mark is not None:
        return mark
    return _link(line) if b"\t" in line else Text(_text(line))


def _link(line: bytes) -> Entry:
    name, selector, host, port, *_ = *line[1:].split(b"\t"), b"", b"", b""
    kind, host, port = line[:1], host.strip(), port.strip()
    if kind == b"i":
        return Text(_text(name))
    if not b"!" <= kind <= b"~" or (port and (not _PORT(port) or not 0 < int(port) < 65536)):
        return Text(_text(line.replace(b"\t", b" ")))
    return Link(kind, _text(name), selector or name, host, int(port) if port else None)


def _text(octets: bytes) -> str:
    try:
        return octets.decode("utf-8")
    except UnicodeDecodeError:
        return octets.decode("latin-1")
