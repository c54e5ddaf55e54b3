"""Replies: a code of three digits and one or more lines of text (RFC 959 section 4.2, RFC 5321 section 4.2)."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from netdaemon.wire.malformed import Malformed

R = TypeVar("R")


@dataclass(frozen=True)
class CodeReply:
    """One reply; ``lines`` are its texts without code and line end, at least one."""

    code: int
    lines: tuple[bytes, ...]

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
        """3yz: the next command of a sequence, or what it is about, is wanted."""
        return self.code // 100 == 3


class CodeReplyReader(Generic[R]):
    """Makes replies of lines, one line at a time.

    ``make`` makes one of its code and its lines' texts. ``first`` are the first digits that a code may have; before its
    last line a reply may have ``most`` others. ``coded``: each of those has the code too (RFC 5321 4.2.1); else they
    may be anything (RFC 959 4.2).
    """

    def __init__(self, make: Callable[[int, tuple[bytes, ...]], R], first: str, most: int, *, coded: bool) -> None:
        self._make = make
        self._match = re.compile(rb"([%b][0-9]{2})(?:([ -])(.*))?" % first.encode(), re.DOTALL).fullmatch
        self._most = most
        self._coded = coded
        self._code = b""
        self._lines: list[bytes] = []

    @property
    def within(self) -> bool:
        """Has a reply begun, and not ended?"""
        return bool(self._lines)

    def feed(self, line: bytes) -> R | None:
        """One more line, without its end; the reply when it is the last. Raises Malformed."""
        match = self._match(line)
        if match is not None and (not self._lines or match[1] == self._code):
            # Some servers leave out the space when nothing follows it, and of FTP's some put "code-" before every line.
            self._code, separator, text = match.groups(b"")
        elif self._lines and not self._coded:
            separator, text = b"-", line
        elif match is None:
            raise Malformed("a reply does not begin with a code")
        else:
            raise Malformed("the lines of a reply have different codes")
        if separator == b"-" and len(self._lines) >= self._most:
            raise Malformed("a reply has too many lines")
        self._lines.append(text)
        if separator == b"-":
            return None
        lines, self._lines = self._lines, []
        return self._make(int(self._code), tuple(lines))
