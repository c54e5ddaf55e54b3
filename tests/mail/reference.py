"""The structure of a message read line by line, as plainly as can be: what the reader is compared with."""

from __future__ import annotations

import re

from netdaemon.mail.content import MESSAGE, PLAIN, describe
from netdaemon.mail.header import Header
from netdaemon.mail.parameters import parameter
from netdaemon.mail.structure import LEAF, MULTIPART, RFC822, Part

_LINES = re.compile(rb"[^\n]*\n|[^\n]+\Z")


class _Reference:
    def __init__(self, octets: bytes) -> None:
        self.octets = octets
        self.root = Part(0)
        self.path = [self.root]
        self.boundaries: list[tuple[bytes, Part]] = []
        self.place = "header"
        at = 0
        for line in _LINES.findall(octets):
            self.line(line, at)
            at += len(line)
        if self.place == "header":
            self.end_header(at, at, whole=False)
        self.close(self.root, at)

    def line(self, line: bytes, at: int) -> None:
        found = self.boundary(line)
        if found is not None:
            boundary, owner = found
            before = at - 2 if self.octets[:at].endswith(b"\r\n") else at - 1
            if self.place == "header":
                end = max(before, self.path[-1].start)
                self.end_header(end, end, whole=False)
            end = max(before, self.path[-1].body)
            while self.path[-1] is not owner:
                self.close(self.path[-1], end)
            while self.boundaries[-1][1] is not owner:
                self.boundaries.pop()
            if line.startswith(b"--" + boundary + b"--"):
                self.boundaries.pop()
                self.place = "body"
            elif line.endswith(b"\n"):
                self.begin(at + len(line))
            else:
                self.place = "body"
        elif self.place == "header" and line in (b"\n", b"\r\n"):
            self.end_header(at, at + len(line), whole=True)

    def boundary(self, line: bytes) -> tuple[bytes, Part] | None:
        matching = [each for each in self.boundaries if line.startswith(b"--" + each[0])]
        return max(reversed(matching), key=lambda each: len(each[0])) if matching else None

    def begin(self, start: int) -> None:
        part = Part(start)
        self.path[-1].children.append(part)
        self.path.append(part)
        self.place = "header"

    def end_header(self, stop: int, body: int, *, whole: bool) -> None:
        part = self.path[-1]
        part.body = body
        self.place = "body"
        header = Header(self.octets[part.start : stop])
        parent = self.path[-2] if len(self.path) > 1 else None
        inside = parent is not None and parent.kind == MULTIPART
        digest = inside and parent is not None and parent.content.is_type(b"multipart", b"digest")
        part.content = describe(header, MESSAGE if digest else PLAIN, within_mime=inside)
        part.header = None if inside else header
        part.kind = LEAF
        if part.content.is_type(b"multipart"):
            part.kind = MULTIPART
            boundary = parameter(part.content.parameters, b"boundary")
            if boundary and whole:
                self.boundaries.append((boundary, part))
        elif part.content.is_type(b"message", b"rfc822") or part.content.is_type(b"message", b"global"):
            part.kind = RFC822
            self.begin(body)
            if not whole:
                self.path[-1].header = Header()
                self.path[-1].body = self.path[-1].end = body
                self.path.pop()
                self.place = "body"

    def close(self, part: Part, end: int) -> None:
        while True:
            last = self.path.pop()
            last.end = max(end, last.body)
            last.lines = self.octets.count(b"\n", last.body, last.end)
            if last is part:
                break


def reference(octets: bytes) -> Part:
    """The tree of a message within the usual limits."""
    return _Reference(octets).root
