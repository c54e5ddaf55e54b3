"""The beginning of a message's text, to be shown beside its subject (RFC 8970)."""

from __future__ import annotations

import html
import re

from netdaemon.mail.charsets import decode
from netdaemon.mail.content import Content
from netdaemon.mail.parameters import parameter
from netdaemon.mail.structure import Part
from netdaemon.mail.text import one_line
from netdaemon.mail.transfer import transfer_decoded

CHARACTERS = 200
"""RFC 8970 3.1: no preview is longer."""
OCTETS = 32 << 10
"""So much of a text is looked at: some HTML has a long style sheet in front."""
_ENOUGH, _ENOUGH_HTML = 1024, 4096  # in nearly every case
_BEYOND = 2 * CHARACTERS  # what stands at a cut, an entity by half, is not among what is shown

# Elements whose text nobody sees. Each is looked for once from where the one before ended.
_HIDDEN = re.compile(r"<(?:!--|(script|style|head|title|template)\b)", re.IGNORECASE)
# A "<" ends a tag that has no end: so no tag is read twice.
_TAG = re.compile(r"<[/!?a-zA-Z][^<>]*+>?")
_UNSEEN = re.compile("[\u00ad\u034f\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff]+")
_QUOTE = re.compile(r"(?m)^[ \t]*+>.*+$\n?")


class FirstText:
    """The beginning of a message's first text that is no attachment and not empty: a sink for its bodies."""

    def __init__(self, limit: int = OCTETS) -> None:
        self._limit = limit
        self._left = limit
        self._octets: list[bytes] = []
        self.content: Content | None = None
        """What it is; None when there is none."""

    @property
    def octets(self) -> bytes:
        """Still encoded."""
        return b"".join(self._octets)

    def begin(self, part: Part) -> bool:
        if self.content is not None or not _is_readable(part.content):
            return False
        self.content, self._left = part.content, self._limit
        return True

    def take(self, octets: bytes) -> bool:
        self._octets.append(octets[: self._left])
        self._left -= len(self._octets[-1])
        return self._left > 0

    def end(self) -> None:
        if not self.octets.strip():
            self.content = None
            self._octets.clear()


def _is_readable(content: Content) -> bool:
    is_text = content.is_type(b"text", b"plain") or content.is_type(b"text", b"html")
    return is_text and (content.disposition or b"").lower() != b"attachment"


def preview(octets: bytes, content: Content) -> str:
    """Up to 200 characters of a text part whose first octets these are, still encoded."""
    enough = _ENOUGH_HTML if content.is_type(b"text", b"html") else _ENOUGH
    text = _text(octets[:enough], content)
    if len(octets) > enough and len(text) < _BEYOND:
        text = _text(octets, content)
    return text[:CHARACTERS].rstrip()


def _text(octets: bytes, content: Content) -> str:
    text = decode(transfer_decoded(octets, content.encoding), parameter(content.parameters, b"charset") or b"")
    if content.is_type(b"text", b"html"):
        text = html.unescape(_without_markup(text))
    elif ">" in text:
        # What is quoted, the reader has seen; unless there is nothing else.
        own = _QUOTE.sub("", text.replace("\r\n", "\n"))
        text = own if own.strip() else text
    # What senders put in to hide what follows from previews is not shown, and so is half a character at the end.
    if not text.isascii():
        text = _UNSEEN.sub("", text).rstrip("\ufffd")
    text = " ".join(text.split())
    if not text.isprintable():
        text = " ".join(one_line(text).split())
    return text


def _without_markup(text: str) -> str:
    kept, at = [], 0
    while True:
        hidden = _HIDDEN.search(text, at)
        if hidden is None:
            kept.append(text[at:])
            break
        kept.append(text[at : hidden.start()])
        end = _end(text, hidden)
        if end is None:
            break
        at = end
    return _TAG.sub(" ", " ".join(kept))


def _end(text: str, hidden: re.Match[str]) -> int | None:
    """Behind a comment or an element that is not shown; None when it has no end."""
    name = hidden[1]
    ending = re.compile("-->" if name is None else rf"</{name}\b[^<>]*+>?", re.IGNORECASE)
    found = ending.search(text, hidden.end())
    return None if found is None else found.end()
