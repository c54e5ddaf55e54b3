"""Fields as text to be shown, searched and sorted by: decoded, on one line, without control characters."""

from __future__ import annotations

import re

from netdaemon.mail.encodedwords import decode_words
from netdaemon.mail.lexis import without_comments

_SPACES = dict.fromkeys((9, 10, 11, 12, 13, 0x85, 0x2028, 0x2029), " ")
_TAMED = dict.fromkeys([*range(32), *range(127, 160)]) | _SPACES


def one_line(text: str) -> str:
    """Text without control characters; tabs and line ends are spaces."""
    return text if text.isprintable() else text.translate(_TAMED)


def header_text(value: bytes | None) -> str:
    """An unfolded field's text, empty for a field that isn't there."""
    return "" if value is None else one_line(decode_words(value)).strip()


MAX_REFERENCES = 200
"""Of more, the first and the last ones are kept: what THREAD asks for is the root and the parents."""

# RFC 5322 3.6.4 msg-id, as loose as those that are seen; possessive, so one pass
_MESSAGE_ID = re.compile(rb"<[^<>\s]{1,994}+>")


def message_id(value: bytes | None) -> str:
    """The first message-id in a field, with its brackets; empty when there is none."""
    found = None if value is None else _MESSAGE_ID.search(value)
    return "" if found is None else one_line(found[0].decode("utf-8", "replace"))


def references(references_field: bytes | None, in_reply_to: bytes | None) -> tuple[str, ...]:
    """The message-ids of References; without any, the first of In-Reply-To (RFC 5256 section 3, REFERENCES)."""
    found = _MESSAGE_ID.findall(without_comments(references_field)) if references_field else []
    if not found:
        first = message_id(without_comments(in_reply_to)) if in_reply_to else ""
        return (first,) if first else ()
    if len(found) > MAX_REFERENCES:
        found = [found[0], *found[1 - MAX_REFERENCES :]]
    # each once, where it stands first
    return tuple(dict.fromkeys([one_line(each.decode("utf-8", "replace")) for each in found]))
