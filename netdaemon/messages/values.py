"""Flags, sets of UIDs, and the short form of a message in a folder."""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntFlag
from typing import NamedTuple, TypeAlias


class Flag(IntFlag):
    """The system flags (RFC 9051 section 2.3.2)."""

    SEEN = 1
    ANSWERED = 2
    FLAGGED = 4
    DELETED = 8
    DRAFT = 16


NO_FLAGS = Flag(0)

PRIVATE = Flag.SEEN | Flag.ANSWERED | Flag.FLAGGED
"""In folders that all share, these are each account's own."""

UidRange: TypeAlias = tuple[int, int]
UidSet: TypeAlias = Sequence[UidRange]
"""Ranges (first, last), both inside, in order and apart from each other. See `netdaemon.messages.uids`."""


class Entry(NamedTuple):
    """A message in a folder, without what it says: cheap enough for whole folders."""

    uid: int
    modseq: int
    flags: Flag
    keywords: tuple[str, ...]
    received: float
    """The internal date."""
    saved: float
    """When it came into this folder (RFC 8514)."""
    message: int
    """The message's number in the store, the same in every folder that shows it."""
    octets: int
