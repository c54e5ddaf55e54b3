"""Gopher's answers as pages of text: menus with numbers, texts wrapped; nothing in them steers the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from netdaemon.protocols.gopher.grammar.menu import Item
from netdaemon.protocols.gopher.grammar.url import GopherURL, url_of

_LABELS = {"0": "text", "1": "menu", "2": "phone", "3": "error", "4": "hqx", "5": "archive", "6": "uu", "7": "search",
           "8": "telnet", "9": "file", "T": "tn3270", "g": "picture", "I": "picture", "p": "picture", "h": "web",
           "s": "sound", "d": "document", ";": "video", "P": "document", ":": "picture"}  # fmt: skip
LABEL = 9
"""Columns of the longest label, and one."""


@dataclass(frozen=True)
class Row:
    """One line of a page; ``number`` is that of its item, None for text."""

    text: str
    number: int | None = None
    label: str = ""


@dataclass(frozen=True)
class Page:
    """What is shown of an answer. ``items`` are those that can be followed, counted from 1."""

    rows: Sequence[Row]
    items: Sequence[Item] = ()


def tame(text: str) -> str:
    """A line without anything that moves the cursor, colours, or turns the text around."""
    if text.isprintable():
        return text
    text = "".join([one for one in text if one.isprintable() or one.isspace()]).expandtabs()
    return "".join([one if one.isprintable() else " " for one in text])


def menu_page(items: Sequence[Item]) -> Page:
    """The page of a menu."""
    rows: list[Row] = []
    numbered: list[Item] = []
    for item in items:
        if item.leads_on:
            numbered.append(item)
            rows.append(Row(tame(item.description), len(numbered), _LABELS.get(item.type, "other")))
        else:
            rows.append(Row(tame(item.description), label="error" if item.type == "3" else ""))
    return Page(rows, numbered)


def text_page(data: bytes, width: int) -> Page:
    """The page of a text, its long lines wrapped."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    rows = []
    for line in text.split("\n"):
        line = tame(line.rstrip("\r"))
        rows += [Row(part) for part in wrapped(line, width)]
    while rows and not rows[-1].text:
        rows.pop()
    return Page(rows)


def wrapped(line: str, width: int) -> list[str]:
    """A line in pieces no longer than ``width``, cut at spaces where there are some."""
    pieces = []
    while len(line) > width:
        cut = line.rfind(" ", 1, width + 1)
        cut = cut if cut > 0 else width
        pieces.append(line[:cut].rstrip())
        line = line[cut:].lstrip()
    return [*pieces, line]


def printed(page: Page, base: GopherURL) -> str:
    """A menu for those who only print it: its lines, and where its numbers lead. ``base`` is the menu's own URL."""
    lines = []
    for row in page.rows:
        mark = "" if row.number is None else f"[{row.number}]"
        lines.append(f"{mark:>5} {row.label:<{LABEL}}{row.text}".rstrip())
    if page.items:
        lines.append("")
    for number, item in enumerate(page.items, 1):
        try:
            where = tame(link(item, base))
        except ValueError:
            where = "(leads nowhere)"
        lines.append(f"{f'[{number}]':>5} {where}")
    return "".join(f"{line}\n" for line in lines)


def link(item: Item, base: GopherURL) -> str:
    """An item's URL. What stands at the very server that spoke TLS is asked for by TLS. Raises ValueError."""
    return url_of(item, base.secure and (item.host.lower(), item.port) == (base.host, base.port))
