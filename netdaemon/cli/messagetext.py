"""A message as text for a terminal: the fields that people read, its text, and what is attached to it.

Nothing of it controls the terminal.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from html.parser import HTMLParser

from netdaemon.mail.charsets import decode
from netdaemon.mail.dates import parse_date
from netdaemon.mail.header import Header
from netdaemon.mail.parameters import decoded_parameter, parameter
from netdaemon.mail.structure import LEAF, MULTIPART, Part, read_structure
from netdaemon.mail.text import header_text, one_line
from netdaemon.mail.transfer import transfer_decoded

FIELDS = ("From", "To", "Cc", "Date", "Subject")

MOST_HTML = 1 << 20
"""Characters of an HTML part that are looked at."""

# UAX 9: what makes text read backwards; `one_line` deals with what else is not to be seen
_DIRECTIONS = dict.fromkeys((0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)))


def heading(header: bytes, moment: Callable[[int], str]) -> tuple[str, str, str]:
    """(date, sender, subject) of a header; ``moment`` writes Unix seconds. What isn't there is ``-``."""
    fields = Header(header)
    date = fields.first(b"date")
    second = None if date is None else parse_date(date)
    try:
        told = "-" if second is None else moment(second)
    except (OverflowError, ValueError, OSError):  # a year that the system's clock does not know
        told = "-"
    return told, _shown(header_text(fields.first(b"from"))) or "-", _shown(header_text(fields.first(b"subject"))) or "-"


def as_text(message: bytes) -> str:
    """The whole message, its lines ended by LF."""
    root = read_structure([message])
    header = Header(message[root.start : root.body])
    lines = [f"{name}: {text}" for name in FIELDS if (text := _shown(header_text(header.first(name.lower().encode()))))]
    bodies: list[str] = []
    attached: list[str] = []
    _walk(message, root, bodies, attached)
    for body in bodies:
        lines += ["", *map(_shown, body.rstrip().splitlines())]
    if attached:
        lines += ["", *attached]
    return "\n".join([*lines, ""])


def _walk(message: bytes, part: Part, bodies: list[str], attached: list[str]) -> None:
    content = part.content
    if part.kind == MULTIPART:
        if content.is_type(b"multipart", b"alternative"):
            chosen = _best(part)
            _walk(message, chosen, bodies, attached) if chosen is not None else None
            return
        for child in part.children:
            _walk(message, child, bodies, attached)
    elif part.kind == LEAF and content.type.lower() == b"text" and not _is_attachment(part):
        bodies.append(_text(message, part))
    else:
        name = decoded_parameter(content.disposition_parameters, b"filename") or decoded_parameter(
            content.parameters, b"name"
        )
        kind = one_line((content.type + b"/" + content.subtype).decode("utf-8", "replace")).lower()
        octets = len(transfer_decoded(message[part.body : part.end], content.encoding))
        attached.append(f"[{_shown(name or 'without a name')}: {_shown(kind)}, {octets} octets]")


def _best(part: Part) -> Part | None:
    """Of alternatives the plainest that can be read (RFC 2046 section 5.1.4 has the plainest first)."""

    def readable(child: Part) -> Iterator[Part]:
        if child.kind == LEAF:
            if child.content.type.lower() == b"text":
                yield child
        else:
            for below in child.children:
                yield from readable(below)

    for wanted in (b"plain", None):
        for child in part.children:
            if any(wanted is None or leaf.content.is_type(b"text", wanted) for leaf in readable(child)):
                return child
    return part.children[0] if part.children else None


def _is_attachment(part: Part) -> bool:
    return (part.content.disposition or b"").lower() == b"attachment"


def _text(message: bytes, part: Part) -> str:
    content = part.content
    octets = transfer_decoded(message[part.body : part.end], content.encoding)
    text = decode(octets, parameter(content.parameters, b"charset") or b"")
    if content.is_type(b"text", b"html"):
        reader = _HTML()
        reader.feed(text[:MOST_HTML])
        reader.close()
        return reader.text()
    return text


def _shown(line: str) -> str:
    return one_line(line.expandtabs()).translate(_DIRECTIONS)


class _HTML(HTMLParser):
    """The text of an HTML document, a line for each block."""

    _UNSEEN = frozenset({"script", "style", "head", "title", "template"})
    _BLOCKS = (
        frozenset(
            {"address", "article", "aside", "blockquote", "br", "dd", "div", "dl", "dt", "footer", "form", "header"}
        )
        | frozenset({"hr", "li", "main", "nav", "ol", "p", "pre", "section", "table", "tr", "ul"})
        | frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})
    )

    def __init__(self) -> None:
        super().__init__()
        self._parts: list[str] = []
        self._within = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in self._UNSEEN:
            self._within += 1
        elif tag in self._BLOCKS:
            self._parts.append("\n")
        elif tag in ("td", "th"):
            self._parts.append(" ")

    def handle_endtag(self, tag: str) -> None:
        if tag in self._UNSEEN:
            self._within = max(0, self._within - 1)
        elif tag in self._BLOCKS:
            self._parts.append("\n")

    def handle_data(self, data: str) -> None:
        if not self._within:
            self._parts.append(re.sub(r"\s+", " ", data))

    def text(self) -> str:
        lines = [line.strip() for line in "".join(self._parts).split("\n")]
        return re.sub("\n{3,}", "\n\n", "\n".join(lines)).strip("\n")
