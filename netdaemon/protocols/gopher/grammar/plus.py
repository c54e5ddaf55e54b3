"""Gopher+: responses with a header, and the attributes of items (Anklesaria and others, 1993)."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from netdaemon.protocols.gopher.grammar.menu import Item, clean, parse_item
from netdaemon.protocols.gopher.grammar.request import Malformed

DOTTED = b"+-1\r\n"
"""2.2: a dot on a line of its own ends what follows."""
UNTIL_CLOSE = b"+-2\r\n"
"""The connection's end does."""

NOT_AVAILABLE, TRY_LATER, MOVED = 1, 2, 3
"""2.2: the codes of errors."""

_HEADER = re.compile(rb"([+-])(-[12]|[0-9]{1,15})").fullmatch
_ADMIN = re.compile(r"(?:([^<>]*?)\s*)<([^<>]*)>").fullmatch
_VIEW = re.compile(r"([^:]+):\s*<([^<>]*)>").match


def sized(size: int) -> bytes:
    """The header in front of so many octets."""
    return b"+%d\r\n" % size


def failed(code: int, text: str) -> bytes:
    """A whole response that says what went wrong."""
    return b"--1\r\n%d %b\r\n.\r\n" % (code, clean(text).encode("utf-8", "replace"))


def parse_header(line: bytes) -> tuple[bool, int]:
    """(is it a success, how many octets follow; -1 up to a dot, -2 up to the end). Raises Malformed."""
    match = _HEADER(line)
    if match is None:
        raise Malformed("what answers there does not know Gopher+")
    return match[1] == b"+", int(match[2])


@dataclass(frozen=True)
class View:
    """One form that a document may be had in."""

    media: str
    """Its media type, with a language behind a space where it has one."""
    size: str = ""
    """As the server wrote it, ``12k``."""


@dataclass
class Attributes:
    """What a server says of one item; ``others`` are the blocks that have no field of their own, by name."""

    item: Item | None = None
    admin: str = ""
    modified: str = ""
    """``20240131120000``, the server's time."""
    views: list[View] = field(default_factory=list)
    abstract: str = ""
    others: dict[str, list[str]] = field(default_factory=dict)


def build_attributes(
    info: bytes,
    blocks: Sequence[bytes],
    *,
    admin: str = "",
    modified: float | None = None,
    views: Iterable[tuple[bytes, int]] = (),
    abstract: Iterable[str] = (),
) -> bytes:
    """An item's attributes: +INFO always, and of the others those that ``blocks`` name, or all that there are.

    ``info`` is the item's line with its end; ``modified`` are Unix seconds, ``views`` (media type, octets).
    """
    parts = [b"+INFO: ", info]
    if _wanted(b"ADMIN", blocks) and (admin or modified is not None):
        parts.append(b"+ADMIN:\r\n")
        if admin:
            parts.append(b" Admin: %b\r\n" % clean(admin).encode())
        if modified is not None:
            parts.append(b" Mod-Date: %b\r\n" % _date(modified).encode())
    sizes = [b" %b: <%dk>\r\n" % (media, -(-size // 1024)) for media, size in views]
    if sizes and _wanted(b"VIEWS", blocks):
        parts += [b"+VIEWS:\r\n", *sizes]
    lines = [b" %b\r\n" % clean(line).encode("utf-8", "replace") for line in abstract]
    if lines and _wanted(b"ABSTRACT", blocks):
        parts += [b"+ABSTRACT:\r\n", *lines]
    return b"".join(parts)


def _wanted(name: bytes, blocks: Sequence[bytes]) -> bool:
    return not blocks or name in (block.upper() for block in blocks)


def _date(seconds: float) -> str:
    moment = time.gmtime(min(max(seconds, 0), 253402300799))
    return time.strftime("%Y-%m-%d %H:%M:%S UTC <%Y%m%d%H%M%S>", moment)


def parse_attributes(data: bytes) -> list[Attributes]:
    """The attributes of each item, out of what stands between header and dot. Never raises: odd lines are left out."""
    found: list[Attributes] = []
    block = ""
    for octets in data.split(b"\n"):
        octets = octets.removesuffix(b"\r")
        if octets == b".":
            break
        line = octets.decode("utf-8", "surrogateescape")
        if line.startswith("+"):
            block, _, rest = line[1:].partition(":")
            block = block.strip().upper()
            if block == "INFO":
                found.append(Attributes(parse_item(octets.partition(b":")[2].removeprefix(b" "))))
            elif found and rest.strip():
                found[-1].others.setdefault(block, []).append(rest.strip())
        elif found and line:
            _take(found[-1], block, line.removeprefix(" "))
    return found


def _take(attributes: Attributes, block: str, line: str) -> None:
    if block == "ADMIN":
        name, _, value = line.partition(":")
        value = value.strip()
        if name.lower() == "admin":
            attributes.admin = value
        elif name.lower() == "mod-date" and (match := _ADMIN(value)):
            attributes.modified = match[2]
    elif block == "VIEWS":
        if match := _VIEW(line.strip()):
            attributes.views.append(View(match[1].strip(), match[2]))
    elif block == "ABSTRACT":
        attributes.abstract += ("\n" if attributes.abstract else "") + line
    elif block != "INFO":
        attributes.others.setdefault(block, []).append(line)
