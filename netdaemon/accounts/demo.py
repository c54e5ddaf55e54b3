"""The demo's account: everybody knows it, so it works on this machine only."""

from __future__ import annotations

from twisted.logger import Logger

from netdaemon.accounts.hashing import Hasher
from netdaemon.accounts.sources import Record
from netdaemon.interfaces import Account

NAME = "mulder"
PASSWORD = b"trustno1"

log = Logger()


class Demo:
    """A source with that one account. From any other address it is there and can't log in, like a locked one."""

    has_verifiers = True

    def __init__(self, hasher: Hasher) -> None:
        kept = hasher.keep(PASSWORD)
        self._here = Record(Account(NAME), kept.hash, kept.scram)
        # the same work is done for it; but no password is right
        self._elsewhere = Record(Account(NAME, enabled=False), hasher.nobody)

    def find(self, name: str, loopback: bool) -> Record | None:
        """The account, as it is for somebody on this machine (``loopback``) or elsewhere."""
        if name != NAME:
            return None
        if not loopback:
            log.warn("the demo account {user} is for loopback connections only: refused", user=NAME)
            return self._elsewhere
        return self._here

    def renew(self, record: Record, hash: str) -> None:
        """Made anew at every start: nothing to do."""
