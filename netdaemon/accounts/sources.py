"""What every place where accounts are kept has in common."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Protocol

from twisted.cred.checkers import ICredentialsChecker

from netdaemon.interfaces import Account, ScramVerifier


@dataclass(frozen=True)
class Record:
    """What a source knows of an account: enough to check a password and to make its avatars."""

    account: Account
    hash: str = field(repr=False)
    scram: ScramVerifier | None = field(default=None, repr=False)


class Source(Protocol):
    """A place where accounts are kept: the store, a passwd-like file, the demo's one account."""

    has_verifiers: bool
    """Has every account here a SCRAM verifier (but one whose password SCRAM doesn't allow)?"""

    def find(self, name: str, loopback: bool) -> Record | None:
        """The account of that (normal) name; ``loopback`` tells whether the one who asks is on this machine.

        Raises LoginUnavailable when the source can't be read.
        """

    def renew(self, record: Record, hash: str) -> None:
        """Keep a newer hash of the same password, if the source can be written and still has the old one.

        Called in the accounts' thread.
        """


def first(sources: Iterable[Source | ICredentialsChecker], name: str, loopback: bool) -> Record | None:
    """What the first source that has the name knows of it; strcred checkers among them can't be asked."""
    for source in sources:
        if not ICredentialsChecker.providedBy(source):
            record = source.find(name, loopback)
            if record is not None:
                return record
    return None
