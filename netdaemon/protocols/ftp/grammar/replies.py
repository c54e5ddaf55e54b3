"""Replies (RFC 959 section 4.2), built and parsed."""

from __future__ import annotations

from collections.abc import Sequence

from netdaemon.protocols.ftp.grammar import Malformed
from netdaemon.wire.codereplies import CodeReply, CodeReplyReader

MAX_LINES = 1000
"""Lines that one reply may have; help texts and lists in 211 and 213 replies are the long ones."""


class Reply(CodeReply):
    """One reply."""

    @property
    def text(self) -> bytes:
        """The first line's text, where the protocol has its values (227, 229, 257, 213)."""
        return self.lines[0]

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


class ReplyReader(CodeReplyReader[Reply]):
    """Makes replies of lines, one line at a time."""

    def __init__(self, max_lines: int = MAX_LINES) -> None:
        # RFC 959 4.2: a code is 1yz to 5yz. RFC 2228 section 2 adds 6yz, for protected replies.
        super().__init__(Reply, "123456", max_lines, coded=False)


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
