"""Where a section of a message is: BODY[1.2.MIME] by offsets alone (RFC 9051 section 6.4.5.1)."""

from __future__ import annotations

from dataclasses import dataclass

from netdaemon.mail.bodystructure import ENCODINGS, rows_of
from netdaemon.mail.structure import MULTIPART, RFC822

_ROW = 5


@dataclass(frozen=True)
class Section:
    """A part, or the whole message. Offsets are octets from the message's beginning."""

    start: int
    """Its header begins here: [n.MIME] is what lies up to `body`, with the empty line."""
    body: int
    """[n] is what lies from here up to `end`."""
    end: int
    encoding: bytes | None
    """Its Content-Transfer-Encoding in lower case; None for one that is not known."""
    multipart: bool
    message: tuple[int, int, int] | None
    """(start, body, end) of the whole message, or of the one that a message/rfc822 part holds: [n.HEADER] is what lies
    between the first two, [n.TEXT] between the last two. None where there is no message."""


def find_section(kept: bytes, path: tuple[int, ...]) -> Section | None:
    """The part with these numbers, each 1 or more; the whole message for none. ``kept`` is what
    `bodystructure.kept_structure` gave. None when there is no such part."""
    rows = rows_of(kept)
    whole: int | None = 0  # the message or multipart that the next number counts in
    part = 0
    for number in path:
        if whole is None:
            return None
        if rows[whole] % 3 == MULTIPART:
            child = _child(rows, whole, number)
            if child is None:
                return None
            part = child
        elif number == 1:
            part = whole  # a message that is no multipart has one part, its body
        else:
            return None
        kind = rows[part] % 3
        whole = part if kind == MULTIPART else part + _ROW if kind == RFC822 else None
    return _section(rows, part, is_message=not path)


def _section(rows: list[int], part: int, *, is_message: bool) -> Section:
    first, _, start, body, end = rows[part : part + _ROW]
    encoding, kind = divmod(first, 3)
    message = None
    if is_message:
        message = (start, body, end)
    elif kind == RFC822:
        message = (rows[part + _ROW + 2], rows[part + _ROW + 3], rows[part + _ROW + 4])
    known = ENCODINGS[encoding] if encoding < len(ENCODINGS) else None
    return Section(start, body, end, known, kind == MULTIPART, message)


def _child(rows: list[int], part: int, number: int) -> int | None:
    """The index of the ``number``th child's row."""
    if not 0 < number <= rows[part + 1]:
        return None
    child = part + _ROW
    for _ in range(number - 1):
        child = _behind(rows, child)
    return child


def _behind(rows: list[int], part: int) -> int:
    """The index behind a part's row and those of all that is within it."""
    left = 1
    while left:
        left += rows[part + 1] - 1
        part += _ROW
    return part
