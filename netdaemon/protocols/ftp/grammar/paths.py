"""Paths: as arguments, against a current folder, and quoted in a 257 reply (RFC 959, RFC 2640, TVFS of RFC 3659).

Paths are bytes throughout. RFC 2640 has them in UTF-8; a name that isn't UTF-8 goes out and comes in as the bytes it
has on disk, so that it survives the round trip.
"""

from __future__ import annotations

from netdaemon.protocols.ftp.grammar import Malformed


def resolve(current: bytes, argument: bytes) -> bytes:
    """The absolute path, ``/`` first and none at the end, that ``argument`` means in the folder ``current``.

    RFC 3659 section 6 (TVFS): ``/`` between the parts, ``.`` and ``..`` as everywhere; above the root is the root.
    """
    parts: list[bytes] = [] if argument.startswith(b"/") else [part for part in current.split(b"/") if part]
    for part in argument.split(b"/"):
        if part == b"..":
            if parts:
                parts.pop()
        elif part not in (b"", b"."):
            parts.append(part)
    return b"/" + b"/".join(parts)


def join(folder: bytes, name: bytes) -> bytes:
    """The absolute path of a name in an absolute folder; the name is one part and taken as it is."""
    return folder.rstrip(b"/") + b"/" + name


def split(path: bytes) -> tuple[bytes, bytes]:
    """An absolute path's folder and its last part, which is empty for the root."""
    folder, _, name = path.rstrip(b"/").rpartition(b"/")
    return folder or b"/", name


def quote(path: bytes) -> bytes:
    """A path as a 257 reply has it: between quotes, those within it doubled (RFC 959 appendix II)."""
    return b'"%b"' % path.replace(b'"', b'""')


def parse_quoted(text: bytes) -> bytes:
    """The path in the text of a 257 reply: what stands between its first quote and that one's end.

    Raises Malformed when there is none.
    """
    begin = text.find(b'"')
    at = begin + 1
    while begin >= 0 and (end := text.find(b'"', at)) >= 0:
        if text[end + 1 : end + 2] != b'"':
            return text[begin + 1 : end].replace(b'""', b'"')
        at = end + 2
    raise Malformed("no quoted path in the reply")


def is_sendable(name: bytes) -> bool:
    """Can a line hold this name? One with CR, LF or NUL can't be told, nor asked for."""
    return not (b"\r" in name or b"\n" in name or b"\0" in name)
