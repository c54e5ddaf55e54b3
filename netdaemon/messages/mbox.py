"""mbox in the form called mboxrd: read, and written.

A line `From SENDER DATE` begins a message; in it, lines that begin so (or with any `>` before it) have one `>` more.
Flags are in the fields Status, X-Status and X-Keywords, which are taken out of what is read and put into what is
written; line ends are LF.
"""

from __future__ import annotations

import calendar
import re
import time
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import IO

from netdaemon.messages.foreign import Found, open_for_reading
from netdaemon.messages.values import NO_FLAGS, Flag

LONGEST_LINE = 1 << 16
"""Octets that are looked at as one line."""
LONGEST_FROM = 1024
LARGEST_HEADER = 1 << 20
"""Octets of a header in which flags are looked for."""

_FROM = re.compile(rb"From \S*.*? (\w{3}) +(\d{1,2}) +(\d\d):(\d\d)(?::(\d\d))?(?: +[A-Z]{1,5}| +[+-]\d{4})* +(\d{4})")
_QUOTED = re.compile(rb">+From ")
_STATUS = re.compile(rb"(status|x-status|x-keywords):[ \t]*(.*?)[\r\n]*\Z", re.IGNORECASE | re.DOTALL)
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")

_LETTERS = {
    b"R": Flag.SEEN,
    b"A": Flag.ANSWERED,
    b"F": Flag.FLAGGED,
    b"T": Flag.DRAFT,
    b"D": Flag.DELETED,
}


def messages(path: Path) -> Iterator[Found]:
    """Every message of a file. Each must be read before the next is asked for."""
    with open_for_reading(path) as file:
        reading = _Reading(file)
        number = 0
        while (line := reading.begin()) is not None:
            number += 1
            where = f"{path}: message {number}"
            header, flags, keywords = reading.header()
            yield Found(partial(reading.pieces, header), flags, keywords, _date(line), where)
            for _ in reading.pieces(b""):  # what nobody wanted
                pass


class _Reading:
    """A file, line by line, up to each message's end."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._held = self._line()  # the next line, a From line at a message's end
        self._rest: Iterator[bytes] = iter(())
        self._whole = True  # does what is held begin a line?

    def _line(self) -> bytes:
        line = self._file.readline(LONGEST_LINE)
        return line + self._file.readline(1) if line.endswith(b"\r") else line

    def begin(self) -> bytes | None:
        """The From line of the next message; None at the end. What is in front of the first one is no message."""
        while self._held and not self._held.startswith(b"From "):
            self._held = self._line()
        line, self._held = self._held, self._line()
        self._whole = True
        return line or None

    def _lines(self) -> Iterator[bytes]:
        """The lines of the message, unquoted. The empty line in front of the next From line is not its own."""
        empty: bytes | None = None
        while self._held:
            line = self._held
            begins, self._whole = self._whole, line.endswith(b"\n")
            if begins and line.startswith(b"From ") and (empty is not None):
                break
            self._held = self._line()
            if empty is not None:
                yield empty
                empty = None
            if begins and line in (b"\n", b"\r\n"):
                empty = line
                continue
            yield line[1:] if begins and _QUOTED.match(line) else line

    def header(self) -> tuple[bytes, Flag, tuple[str, ...]]:
        """The header without the fields about flags, and what those say."""
        self._rest = self._lines()
        header, field, flags, keywords = bytearray(), bytearray(), NO_FLAGS, list[str]()

        def take(field: bytes) -> Flag:
            found = _STATUS.match(field)
            if found is None:
                header.extend(field)
                return NO_FLAGS
            if found[1].lower() == b"x-keywords":
                keywords.extend(word.decode("ascii", "replace") for word in found[2].split())
                return NO_FLAGS
            said = NO_FLAGS
            for letter, flag in _LETTERS.items():
                if letter in found[2]:
                    said |= flag
            return said

        size = 0
        for line in self._rest:
            size += len(line)
            if line[:1] not in b" \t" or not field:
                flags |= take(bytes(field))
                field = bytearray()
            field += line
            if size > LARGEST_HEADER:
                break
            if b":" not in line and line[:1] not in b" \t":
                break
        flags |= take(bytes(field))
        return bytes(header), flags, tuple(keywords)

    def pieces(self, header: bytes) -> Iterator[bytes]:
        """The message with CRLF at its line ends, in pieces of some size."""
        part = bytearray(_crlf(header))
        for line in self._rest:
            part += _crlf(line)
            if len(part) >= LONGEST_LINE:
                yield bytes(part)
                part.clear()
        if part:
            yield bytes(part)


def _crlf(lines: bytes) -> bytes:
    return lines.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def _date(line: bytes) -> float | None:
    """What a From line says, which is UTC by custom; None for what can't be understood."""
    found = _FROM.match(line[:LONGEST_FROM])
    if found is None:
        return None
    month, day, hour, minute, second, year = found.groups(b"0")
    name = month.decode("ascii", "replace").lower()
    if name not in _MONTHS:
        return None
    try:
        return float(
            calendar.timegm(
                (int(year), _MONTHS.index(name) + 1, int(day), int(hour), int(minute), int(second), 0, 0, 0)
            )
        )
    except ValueError:
        return None


def write(
    file: IO[bytes], pieces: Iterable[bytes], flags: Flag, keywords: tuple[str, ...], received: float, sender: str = ""
) -> None:
    """Append a message."""
    day = time.asctime(time.gmtime(int(received)))
    file.write(f"From {sender or 'MAILER-DAEMON'} {day}\n".encode("ascii", "replace"))
    fields = _fields(flags, keywords)
    last, in_header = b"\n", True
    for line in _lines(pieces):
        if in_header and line == b"\n":
            file.write(fields)
            in_header = False
        if last.endswith(b"\n") and (line.startswith(b"From ") or _QUOTED.match(line)):
            file.write(b">")
        file.write(line)
        last = line
    if not last.endswith(b"\n"):
        file.write(b"\n")
    if in_header:
        file.write(fields + b"\n")
    file.write(b"\n")


def _fields(flags: Flag, keywords: tuple[str, ...]) -> bytes:
    status = b"RO" if Flag.SEEN in flags else b"O"
    more = b"".join(letter for letter, flag in _LETTERS.items() if flag in flags and letter != b"R")
    lines = [b"Status: " + status]
    if more:
        lines.append(b"X-Status: " + more)
    if keywords:
        lines.append(b"X-Keywords: " + " ".join(keywords).encode())
    return b"".join(line + b"\n" for line in lines)


def _lines(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Lines with LF; what is longer than LONGEST_LINE comes in parts."""
    rest = b""
    for piece in pieces:
        rest += piece
        *lines, rest = rest.split(b"\n")
        for line in lines:
            yield line.removesuffix(b"\r") + b"\n"
        if len(rest) > LONGEST_LINE:
            keep = 1 if rest.endswith(b"\r") else 0
            yield rest[: len(rest) - keep]
            rest = rest[len(rest) - keep :]
    if rest:
        yield rest
