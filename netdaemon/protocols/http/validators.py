"""The validators of a document, by what stat(2) says of it (RFC 9110 section 8.8)."""

from __future__ import annotations

from netdaemon.interfaces import Entry


def entity_tag(entry: Entry) -> bytes:
    """Its strong entity tag, with its quotes."""
    return b'"%x-%x-%x"' % (entry.inode, entry.modified_ns, entry.size)


def last_modified(entry: Entry, now: int | None) -> int:
    """When it last changed, in Unix seconds; ``now`` is the time of day, None when it can't be told."""
    modified = entry.modified_ns // 1_000_000_000
    # RFC 9110 8.8.2.1: never later than Date
    return modified if now is None else min(modified, now)
