"""Menus: an item's line, both ways (RFC 1436 section 3.9).

An item is ``type description TAB selector TAB host TAB port``, with ``TAB +`` behind it where its server knows Gopher+.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from netdaemon.protocols.gopher.grammar.request import Malformed

END = b".\r\n"
"""RFC 1436 3.9: the line behind the last."""

NOWHERE = b"\t\tnull.host\t1\r\n"
"""What stands behind the text of an item that leads nowhere (``i`` and ``3``)."""

_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
# Octets that were no UTF-8 and would be C1 controls to whom reads them as Latin-1.
_UNFIT = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\udc80-\udc9f]").search
_PORT = re.compile(r"[0-9]{1,5}").fullmatch


class Item(NamedTuple):
    """One line of a menu. Octets of a selector that are no UTF-8 are surrogates in it, and survive the way back."""

    type: str
    description: str
    selector: str = ""
    host: str = ""
    port: int = 0
    extra: tuple[str, ...] = ()
    """The fields behind the port: ``+`` of Gopher+, ``?`` where it asks questions."""

    @property
    def plus(self) -> bool:
        """Does its server know Gopher+?"""
        return self.extra[:1] in (("+",), ("?",))

    @property
    def leads_on(self) -> bool:
        """Can it be followed, being neither text nor an error?"""
        return self.type not in "i3"


def is_fit(name: bytes) -> bool:
    """May it stand in a menu's line as it is? Nothing that ends a field or a line, or steers a terminal, may."""
    return not _UNFIT(name.decode("utf-8", "surrogateescape"))


def clean(text: str) -> str:
    """A description without its control characters."""
    return text if text.isprintable() else _CONTROLS.sub("", text)


def info(text: str) -> bytes:
    """The line of an item that is only text."""
    return b"i" + _octets(clean(text)) + NOWHERE


def error(text: str) -> bytes:
    """The line of an item that says what went wrong."""
    return b"3" + _octets(clean(text)) + NOWHERE


def build_item(item: Item) -> bytes:
    """An item's line, with its end. Raises Malformed when something in it would end a field or a line."""
    fields = (item.description, item.selector, item.host, *item.extra)
    if len(item.type) != 1 or any(_CONTROLS.search(field) for field in (item.type, *fields)):
        raise Malformed("an item holds a control character")
    if not 0 <= item.port <= 65535:
        raise Malformed("an item's port is none")
    line = "\t".join((item.type + item.description, item.selector, item.host, str(item.port), *item.extra))
    return _octets(line) + b"\r\n"


def parse_item(line: bytes) -> Item:
    """The item of a line that comes without its end.

    Never raises: a line that is no item is shown as the text that it is. RFC 1436 3.9 wants the type's octet, and
    fields behind the port to be ignored by who doesn't know them.
    """
    kind, fields = line[:1].decode("latin-1"), line[1:].split(b"\t")
    description = _readable(fields[0])
    if not kind.isascii() or not kind.isprintable() or not kind:
        return Item("i", _readable(line.replace(b"\t", b" ")))
    if kind in "i3":  # what stands behind these is anything, or nothing
        return Item(kind, description, *_rest(fields, strict=False))
    if len(fields) < 4 or not _PORT(_text(fields[3]).strip()) or int(fields[3]) > 65535:
        return Item("i", _readable(line.replace(b"\t", b" ")))
    return Item(kind, description, *_rest(fields, strict=True))


def parse_menu(data: bytes) -> list[Item]:
    """The items of a whole menu, up to the line with the dot if it has one (many servers close instead)."""
    items = []
    for line in data.split(b"\n"):
        line = line.removesuffix(b"\r")
        if line == b".":
            break
        if line:
            items.append(parse_item(line))
    return items


def _rest(fields: list[bytes], *, strict: bool) -> tuple[str, str, int, tuple[str, ...]]:
    selector, host, port = (_text(field) for field in (*fields[1:4], *[b""] * max(0, 4 - len(fields))))
    number = int(port) if strict or (_PORT(port) and int(port) <= 65535) else 0
    return selector, host.strip(), number, tuple(_text(field) for field in fields[4:])


def _text(octets: bytes) -> str:
    return octets.decode("utf-8", "surrogateescape")


def _readable(octets: bytes) -> str:
    """Text for people: what is no UTF-8 was Latin-1 when these menus were written."""
    try:
        return octets.decode("utf-8")
    except UnicodeDecodeError:
        return octets.decode("latin-1")


def _octets(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def refusal_in(data: bytes) -> str | None:
    """What an answer says that is an error's item and nothing else, where a document or a menu was asked for."""
    line, _, rest = data.partition(b"\n")
    if not line.startswith(b"3") or line.count(b"\t") < 3 or rest.strip(b"\r\n") not in (b"", b"."):
        return None
    return clean(parse_item(line.removesuffix(b"\r")).description) or "the server refuses"
