"""The tree of a message's parts, with offsets (RFC 2045, RFC 2046, RFC 5322).

A message is read once, in pieces of any size, and nothing of its bodies is kept. Any octets are a message: what lies
beyond a limit is described as one part without a look inside. Lines end with LF; a CR in front of it belongs to it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Protocol

from netdaemon.mail.content import MESSAGE, OPAQUE, PLAIN, Content, describe
from netdaemon.mail.header import Header
from netdaemon.mail.parameters import parameter

LEAF, MULTIPART, RFC822 = 0, 1, 2


@dataclass(frozen=True)
class Limits:
    """How much of a message is looked into."""

    depth: int = 100
    """Parts within parts; deeper ones are application/octet-stream."""
    parts: int = 1000
    """All of a message; the last one reaches to the message's end."""
    header: int = 256 << 10
    """Octets of one header that are read; fields beyond are not seen."""
    headers: int = 1 << 20
    """Octets of all headers together, likewise."""
    boundary: int = 256
    """Octets (RFC 2046 5.1.1 allows 70). A multipart with a longer one has no parts."""
    lookalikes: int = 1_000_000
    """Lines that begin as a boundary does and are none. After so many no boundary is looked for any more: the last part
    reaches to the message's end."""


class Part:
    """A part of a message, or the whole of it. Offsets are octets from the message's beginning."""

    __slots__ = ("body", "children", "content", "end", "header", "kind", "lines", "start")

    def __init__(self, start: int) -> None:
        self.start = start
        """Where its header begins."""
        self.body = start
        """Where its body begins, behind the empty line."""
        self.end = start
        """Where its body ends: in front of the line end that belongs to the next boundary."""
        self.lines = 0
        """Line ends in its body."""
        self.kind = LEAF
        self.content: Content = PLAIN
        self.header: Header | None = None
        """Of messages: the whole one, and those in message/rfc822. None for a multipart's parts. It has the fields
        that ENVELOPE and a summary are made of."""
        self.children: list[Part] = []
        """A multipart's parts; the one message of message/rfc822."""


class BodySink(Protocol):
    """Who looks at bodies as they pass: those of parts that have none within, still encoded."""

    def begin(self, part: Part) -> bool:
        """A part's body begins; what it is is known, not where it ends. Shall its octets be given?"""

    def take(self, octets: bytes) -> bool:
        """The next ones. Shall there be more?"""

    def end(self) -> None:
        """That part's body has ended, whether it was asked for or not."""


def read_structure(octets: Iterable[bytes], limits: Limits | None = None) -> Part:
    """The parts of a message whose octets come in pieces."""
    reader = StructureReader(limits)
    for piece in octets:
        reader.feed(piece)
    return reader.finish()


# RFC 2046 5.1.1: "Boundary string comparisons must compare the boundary value with the beginning of each candidate
# line". What may be one, and the empty line, are found from the line end in front of them.
_EMPTY = re.compile(rb"\n\r?\n")
_EMPTY_OR_DASHES = re.compile(rb"\n(?:\r?\n|--)")
_DIGEST = (b"multipart", b"digest")
_FIELDS = frozenset(
    b"date subject from sender reply-to to cc bcc in-reply-to message-id references mime-version content-type "
    b"content-id content-description content-transfer-encoding content-md5 content-disposition content-language "
    b"content-location".split()
)
_CR = 13


class StructureReader:
    """Takes a message as it comes: ``feed(piece)``, then ``finish()`` gives its tree.

    A ``sink`` is offered the bodies of its parts as they pass. Pieces wait until there are ``gather`` octets.
    """

    def __init__(self, limits: Limits | None = None, *, sink: BodySink | None = None, gather: int = 4096) -> None:
        self._limits = limits or Limits()
        self._gather = gather
        self._waiting: list[bytes] = []
        self._waiting_size = 0
        # The message stands behind a line's end, so that its first line is found as every other.
        self._data = b"\n"
        self._base = -1  # the offset of the data's first octet; all else that is "at" somewhere is an index into it
        self._at = 0  # from where on the data is to be looked through
        self._keep = 0  # from where on it is still needed
        self._final = False
        self._step: Callable[[], bool] = self._header

        self.root = Part(0)
        self._path = [self.root]  # from the whole message down to the part that is being read
        self._lines_before = [0]  # line ends in front of each one's body
        self._parts = 1
        self._allowance = self._limits.headers
        self._begun: bytes | None = None  # the beginning of a header that is longer than its limit
        self._boundaries: list[tuple[bytes, int]] = []  # each with its multipart's place in the path
        self._candidates: tuple[bytes, ...] = ()
        self._delimiter = b""  # what all of them begin with, from the line end on
        self._reach = 0  # so many octets from a line end on tell whether a boundary stands there
        self._closing = False
        self._lookalikes = 0

        self._line_ends = 0
        self._passed = 0  # the offset up to which they are counted
        self._sink = sink
        self._offered = False  # the part that is being read
        self._taken = False

    def feed(self, piece: bytes) -> None:
        """The next octets."""
        if not piece:
            return
        self._waiting.append(piece)
        self._waiting_size += len(piece)
        # A header without an end is kept. As much again must come before it is put together anew, or many small
        # pieces would cost the square of its length.
        if self._waiting_size >= self._gather and self._waiting_size >= len(self._data) - self._keep:
            self._read()

    def finish(self) -> Part:
        """The whole message, once there are no more octets."""
        self._final = True
        self._read()
        end = len(self._data)
        if self._step == self._header:
            self._end_header(end, end, whole=False)
        self._pass(end)
        self._close(0, end)
        return self.root

    def _read(self) -> None:
        keep = self._keep
        self._pass(keep)
        if self._waiting:
            rest = self._data[keep:]
            self._data = b"".join([rest, *self._waiting]) if rest or len(self._waiting) > 1 else self._waiting[0]
            self._waiting.clear()
            self._waiting_size = 0
            self._base += keep
            self._at -= keep
            self._keep = 0
        while self._step():
            pass

    # --- steps: true once it is another one's turn, false when more octets are needed ----------------------------

    def _header(self) -> bool:
        """From the line end in front of a header to its empty line, or to a boundary that comes first."""
        data, start = self._data, self._path[-1].start - self._base
        ends = _EMPTY_OR_DASHES if self._boundaries else _EMPTY
        at = self._at
        while True:
            match = ends.search(data, at)
            if match is None:
                self._at = max(at, len(data) - 2)  # the beginning of what is looked for may stand there
                break
            at = match.start()
            if not data.startswith(b"--", at + 1):
                self._end_header(at + 1, match.end())
                return True
            if len(data) < at + self._reach and not self._final:
                self._at = at
                break
            if data.startswith(self._candidates, at + 3):
                end = max(self._line_start(at), start)
                self._end_header(end, end, whole=False)
                self._delimit(at)
                return True
            at += 1
            if self._give_up(at):
                return True
        if self._begun is None and len(data) - start > self._limits.header:
            self._begun = data[start : start + self._limits.header]
        self._keep = max(start - 1 if self._begun is None else self._at - 1, 0)
        return False

    def _body(self) -> bool:
        """From the line end in front of a body to the next boundary."""
        data, at = self._data, self._at
        if not self._boundaries:
            self._at = self._keep = len(data)
            return False
        while True:
            found = data.find(self._delimiter, at)
            if found < 0:
                at = max(at, len(data) - len(self._delimiter) + 1)  # its beginning may stand there
                break
            if len(data) < found + self._reach and not self._final:
                at = found
                break
            if data.startswith(self._candidates, found + 3):
                self._delimit(found)
                return True
            at = found + 1
            if self._give_up(at):
                return True
        self._at = at
        self._keep = max(at - 1, 0)  # with the CR in front of it
        return False

    def _rest_of_line(self) -> bool:
        """Behind a boundary: RFC 2046 5.1.1 allows white space there; whatever stands there is taken for it."""
        found = self._data.find(b"\n", self._at)
        # The CR in front of the line end stays: both may belong to the next boundary
        self._at = len(self._data) if found < 0 else found
        self._keep = max(self._at - 1, 0)
        if found < 0:
            return False
        if self._closing:
            self._step = self._body
        else:
            self._begin(found + 1)
        return True

    def _give_up(self, at: int) -> bool:
        """One more line up to ``at`` that is no boundary, though it begins so. Have there been too many?"""
        self._lookalikes += 1
        if self._lookalikes <= self._limits.lookalikes:
            return False
        self._at = at
        self._boundaries.clear()
        return True

    # --- what is found -------------------------------------------------------------------------------------------

    def _begin(self, start: int) -> None:
        """A part within the one that is being read. The octet in front of ``start`` is a line end."""
        part = Part(self._base + start)
        self._path[-1].children.append(part)
        self._path.append(part)
        self._lines_before.append(0)
        self._parts += 1
        self._begun = None
        self._at = self._keep = start - 1
        self._step = self._header

    def _end_header(self, stop: int, body: int, *, whole: bool = True) -> None:
        """The header's fields end at ``stop``, its empty line at ``body``. Without that line (not ``whole``) there is
        no body either: the message or the part ends here."""
        part, depth = self._path[-1], len(self._path)
        parent = self._path[-2] if depth > 1 else None
        part.body = self._base + body
        self._pass(body)
        self._lines_before[-1] = self._line_ends
        header = Header(self._header_block(part.start - self._base, stop), _FIELDS)
        within_mime = parent is not None and parent.kind == MULTIPART
        default = MESSAGE if parent is not None and within_mime and parent.content.is_type(*_DIGEST) else PLAIN
        part.content = content = describe(header, default, within_mime=within_mime)
        if not within_mime:
            part.header = header
        self._at, self._step = body - 1, self._body
        self._keep = max(body - 1, 0)
        multipart = content.is_type(b"multipart")
        if multipart or content.is_type(b"message", b"rfc822") or content.is_type(b"message", b"global"):
            if depth > self._limits.depth or self._parts >= self._limits.parts:
                part.content = replace(content, type=OPAQUE.type, subtype=OPAQUE.subtype, parameters=())
            elif multipart:
                part.kind = MULTIPART
                boundary = parameter(content.parameters, b"boundary")
                if boundary and b"\n" not in boundary and len(boundary) <= self._limits.boundary and whole:
                    self._boundaries.append((boundary, depth - 1))
                    self._note_boundaries()
            else:
                part.kind = RFC822
                if whole:
                    self._begin(body)
                else:
                    empty = Part(part.body)
                    empty.header = Header()
                    part.children.append(empty)
        elif self._sink is not None and whole:
            self._offered = True
            self._taken = self._sink.begin(part)
        if self._parts >= self._limits.parts:
            self._boundaries.clear()  # the last one: it reaches to the end

    def _header_block(self, start: int, stop: int) -> bytes:
        limit = min(self._limits.header, self._allowance)
        block = self._data[start : min(stop, start + limit)] if self._begun is None else self._begun[:limit]
        if self._begun is not None or len(block) < stop - start:
            block = block[: block.rfind(b"\n") + 1]  # no field that is there by half
        self._allowance -= len(block)
        return block

    def _delimit(self, found: int) -> None:
        """A boundary stands behind the line end at ``found``."""
        data = self._data
        # RFC 2046 5.1.2: the innermost multipart's first. One may begin as another does; the longest is meant then.
        place = max(
            (n for n in range(len(self._boundaries)) if data.startswith(self._boundaries[n][0], found + 3)),
            key=lambda n: (len(self._boundaries[n][0]), n),
        )
        boundary, level = self._boundaries[place]
        behind = found + 3 + len(boundary)
        self._closing = data.startswith(b"--", behind)
        # The line end belongs to the boundary, unless it has ended the header or another boundary's line
        self._close(level + 1, max(self._line_start(found), self._path[-1].body - self._base))
        del self._boundaries[place + (not self._closing) :]
        self._note_boundaries()
        self._at = self._keep = behind
        self._step = self._rest_of_line

    def _close(self, level: int, end: int) -> None:
        """What lies that deep in the path, and deeper, ends."""
        self._pass(end)
        if self._offered and self._sink is not None:
            self._sink.end()
            self._offered = self._taken = False
        for part, before in zip(self._path[level:], self._lines_before[level:], strict=True):
            part.end = self._base + end
            part.lines = self._line_ends - before
        del self._path[level:], self._lines_before[level:]

    def _line_start(self, found: int) -> int:
        """Where the line end at ``found`` begins: with its CR if it has one."""
        return found - 1 if found and self._data[found - 1] == _CR else found

    def _note_boundaries(self) -> None:
        self._candidates = tuple([boundary for boundary, _ in self._boundaries])
        self._delimiter = b"\n--" + _common_beginning(self._candidates)
        self._reach = 3 + max(map(len, self._candidates), default=0) + 2

    def _pass(self, index: int) -> None:
        """What stands in front of ``index`` is read: its line ends are counted, and a body goes to the sink."""
        behind = self._base + index
        if behind <= self._passed:
            return
        start = self._passed - self._base
        self._line_ends += self._data.count(b"\n", start, index)
        if self._taken and self._sink is not None:
            self._taken = self._sink.take(self._data[start:index])
        self._passed = behind


def _common_beginning(texts: tuple[bytes, ...]) -> bytes:
    if len(texts) < 2:
        return b"".join(texts)
    lowest, highest = min(texts), max(texts)
    return lowest[: next((n for n, octet in enumerate(lowest) if octet != highest[n]), len(lowest))]
