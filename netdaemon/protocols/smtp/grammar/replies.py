"""Replies: a code of three digits, an enhanced status code, and one or more lines (RFC 5321 section 4.2, RFC 2034)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from netdaemon.wire.codereplies import CodeReply, CodeReplyReader

MAX_LINES = 200
"""Lines that one reply may have; EHLO's and HELP's are the long ones."""
MAX_TEXT = 480
"""Characters of text that we put into one line: RFC 5321 4.5.3.1.5 allows 512 octets."""

_STATUS = re.compile(rb"([245]\.[0-9]{1,3}\.[0-9]{1,3})(?: |\Z)")
_UNFIT = re.compile("[^ -~]")


@dataclass(frozen=True)
class Reply(CodeReply):
    """One reply; ``lines`` are its texts without code, status and line end, at least one."""

    status: str = ""
    """The enhanced status code, ``5.1.1``; empty when there is none."""

    @property
    def temporary(self) -> bool:
        """4yz: not now."""
        return self.code // 100 == 4

    @property
    def text(self) -> str:
        """All lines as one, printable whatever the server sent."""
        return " ".join([line.decode("utf-8", "replace") for line in self.lines]).strip()

    def __str__(self) -> str:
        return " ".join(filter(None, [str(self.code), self.status, self.text]))


def reply_line(code: int, status: str, text: str) -> bytes:
    """A reply of one line, without its end. What of ``text`` is no printable ASCII becomes ``?``; it is cut if long.

    The text may be another host's: it must neither end the line nor look like a second one.
    """
    text = _UNFIT.sub("?", text[:MAX_TEXT])
    return (f"{code} {status} {text}" if status else f"{code} {text}").encode("ascii")


def sentence(error: Exception) -> str:
    """What an exception says, as a sentence."""
    text = str(error)
    return f"{text[:1].upper()}{text[1:]}."


def complaint(code: int, status: str, error: Exception) -> bytes:
    """A reply that says what an exception says."""
    return reply_line(code, status, sentence(error))


def reply_lines(code: int, status: str, *texts: str) -> list[bytes]:
    """A reply of a line for each of ``texts``; RFC 2034 section 4 wants the status in each."""
    lines = [reply_line(code, status, text) for text in texts]
    return [line[:3] + b"-" + line[4:] for line in lines[:-1]] + lines[-1:]


class ReplyReader(CodeReplyReader[Reply]):
    """Makes replies of lines, one line at a time."""

    def __init__(self) -> None:
        super().__init__(_reply, "2345", MAX_LINES - 1, coded=True)


def _reply(code: int, lines: tuple[bytes, ...]) -> Reply:
    """Take the status out of each line that has it."""
    first = _STATUS.match(lines[-1])
    # RFC 2034 section 4: the class is the code's first digit; anything else is text that looks like it
    if first is None or first[1][:1] != b"%d" % (code // 100):
        return Reply(code, lines)
    status = first[1]
    return Reply(
        code,
        tuple([line[len(status) :].lstrip(b" ") if line.startswith(status) else line for line in lines]),
        status.decode("ascii"),
    )
