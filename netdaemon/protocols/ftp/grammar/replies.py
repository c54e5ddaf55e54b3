"""Replies: a code of three digits and one or more lines of text (RFC 959 section 4.2)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from netdaemon.protocols.ftp.grammar import Malformed

MAX_LINES = 1000
"""Lines that one reply may have; help texts and lists in 211 and 213 replies are the long ones."""

# RFC 959 4.2: a code is 1yz to 5yz. RFC 2228 section 2 adds 6yz, for protected replies.
_FIRST = re.compile(rb"([1-6][0-9]{2})(?:([ -])(.*))?", re.DOTALL).fullmatch


@dataclass(frozen=True)
class Reply:
    """One reply; ``lines`` are its texts without code and line end, at least one."""

    code: int
    lines: tuple[bytes, ...]

    @property
    def text(self) -> bytes:
        """The first line's text, where the protocol has its values (227, 229, 257, 213)."""
        return self.lines[0]

    @property
    def preliminary(self) -> bool:
        """1yz: another reply to the same command follows."""
        return self.code // 100 == 1

    @property
    def ok(self) -> bool:
        """2yz: done."""
        return self.code // 100 == 2

    @property
    def intermediate(self) -> bool:
        """3yz: the next command of a sequence is wanted."""
        return self.code // 100 == 3

    @property
    def transient(self) -> bool:
        """4yz: not now."""
        return self.code // 100 == 4

    @property
    def refused(self) -> bool:
        """5yz: no."""
        return self.code // 100 >= 5


def reply_lines(code: int, *texts: bytes) -> list[bytes]:
    """The lines, without their ends, of a reply with one line for each of ``texts``.

    Those in between begin with a space, so that none can be taken for the last (RFC 959 4.2, and as RFC 2389 3.2
    demands of FEAT).
    """
    first, *between = texts
    if not between:
        return [b"%d %b" % (code, first)]
    last = between.pop()
    return [b"%d-%b" % (code, first), *(b" " + text for text in between), b"%d %b" % (code, last)]


def with_crlf(data: bytes, *, behind_cr: bool = False) -> bytes:
    """What came of replies; where all of it ends with LF alone, with CRLF. ``behind_cr``: a CR came just before it.

    There are servers that end replies so, and who waits for the CR waits in vain. Only the very last LF is taken for
    an end: one with more behind it may stand in a name that somebody made to have a second reply seen.
    """
    if not data.endswith(b"\n") or data.endswith(b"\r\n") or (behind_cr and data == b"\n"):
        return data
    return data[:-1] + b"\r\n"


class ReplyReader:
    """Makes replies of lines, one line at a time."""

    def __init__(self, max_lines: int = MAX_LINES) -> None:
        self._max_lines = max_lines
        self._code = b""
        self._lines: list[bytes] = []

    @property
    def within(self) -> bool:
        """Has a reply begun, and not ended?"""
        return bool(self._lines)

    def feed(self, line: bytes) -> Reply | None:
        """One more line, without its end; the reply when it is the last. Raises Malformed."""
        if not self._lines:
            match = _FIRST(line)
            if match is None:
                raise Malformed("a reply does not begin with a code")
            self._code = match[1]
            text = match[3] or b""
            if match[2] != b"-":
                return Reply(int(self._code), (text,))
            self._lines = [text]
            return None
        # RFC 959 4.2: the last line begins with the same code and a space. Some servers leave out the space when
        # nothing follows it, and some put "code-" before every line.
        code, lines = self._code, self._lines
        if line == code or line.startswith(code + b" "):
            self._lines = []
            return Reply(int(code), (*lines, line[4:]))
        if len(lines) >= self._max_lines:
            raise Malformed("a reply has too many lines")
        lines.append(line[4:] if line.startswith(code + b"-") else line)
        return None


def parse_reply(lines: Sequence[bytes]) -> Reply:
    """The reply that ``lines`` are, all of them. Raises Malformed."""
    reader = ReplyReader()
    reply = None
    for line in lines:
        if reply is not None:
            raise Malformed("lines behind a reply's last")
        reply = reader.feed(line)
    if reply is None:
        raise Malformed("a reply without an end")
    return reply
