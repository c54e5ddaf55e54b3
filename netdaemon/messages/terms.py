"""What a search looks for: terms, put together with All, AnyOf and Not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from netdaemon.messages.values import Entry, Flag, UidSet


class Found(Protocol):
    """A message that a search looks into, in a thread."""

    @property
    def entry(self) -> Entry: ...

    def chunks(self) -> Iterator[bytes]:
        """Its octets from the beginning, in pieces of up to 256 KiB."""


@dataclass(frozen=True)
class HasFlags:
    """All of these system flags are set."""

    flags: Flag


@dataclass(frozen=True)
class HasKeyword:
    keyword: str


@dataclass(frozen=True)
class Within:
    """Its UID is in the set."""

    uids: UidSet


@dataclass(frozen=True)
class Between:
    """``lowest <= value < below`` for received, saved, date, octets or modseq; None leaves a side open. A message
    without a date of its own counts by its internal date."""

    column: str
    lowest: float | None = None
    below: float | None = None


@dataclass(frozen=True)
class Holds:
    """msgid, subject, from_, to or preview holds that text, whatever the case (RFC 5051)."""

    column: str
    text: str


@dataclass(frozen=True)
class IsThread:
    thread_id: str


@dataclass(frozen=True)
class IsEmail:
    email_id: str


@dataclass(frozen=True)
class Scan:
    """``test`` says so, having looked into the message. It runs in a thread, only for messages that nothing cheaper
    rules out, and must be quick to give up."""

    test: Callable[[Found], bool]


@dataclass(frozen=True)
class All:
    """Every one of them; All(()) is every message."""

    terms: tuple[Term, ...]


@dataclass(frozen=True)
class AnyOf:
    terms: tuple[Term, ...]


@dataclass(frozen=True)
class Not:
    term: Term


Term: TypeAlias = "HasFlags | HasKeyword | Within | Between | Holds | IsThread | IsEmail | Scan | All | AnyOf | Not"
