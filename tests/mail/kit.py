"""What the tests of mail share: messages in pieces, and trees as values."""

from __future__ import annotations

from collections.abc import Iterable

from hypothesis import strategies as st

from netdaemon.mail.structure import BodySink, Limits, Part, StructureReader

Tree = tuple[object, ...]

cuts = st.lists(st.integers(0, 2000), max_size=12)


def crlf(text: str) -> bytes:
    """A message as it is written in a test, without its first line end; lines end with CRLF."""
    return text.removeprefix("\n").replace("\n", "\r\n").encode()


def cut(octets: bytes, at: Iterable[int]) -> list[bytes]:
    """``octets`` in pieces, some of them empty."""
    ends = [*sorted(min(n, len(octets)) for n in at), len(octets)]
    return [octets[start:end] for start, end in zip([0, *ends], ends, strict=False)]


def read(
    pieces: Iterable[bytes], limits: Limits | None = None, *, gather: int = 0, sink: BodySink | None = None
) -> StructureReader:
    """A reader that has read these."""
    reader = StructureReader(limits, gather=gather, sink=sink)
    for piece in pieces:
        reader.feed(piece)
    reader.finish()
    return reader


def tree(part: Part) -> Tree:
    """All of a part, to be compared."""
    return (
        part.start, part.body, part.end, part.lines, part.kind, part.content, part.header is not None,
        tuple(map(tree, part.children)),
    )  # fmt: skip


def shape(part: Part, octets: bytes) -> Tree:
    """(type, body, parts...) of a part."""
    content = part.content
    return (
        (content.type + b"/" + content.subtype).decode(),
        octets[part.body : part.end].decode("latin-1"),
        *(shape(child, octets) for child in part.children),
    )
