"""The stores that the contract is run against: SQLite without threads, and as the daemon has it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from twisted.internet import reactor as installed
from twisted.trial.unittest import TestCase

from netdaemon.messages.store import Store

reactor: Any = installed


class OnSQLite(TestCase):
    """All is done at once."""

    from_thread: Any = None

    def open_store(self, **keys: Any) -> Store:
        if not hasattr(self, "data"):
            self.data = Path(self.mktemp()).resolve()
            self.data.mkdir(parents=True)
        store = Store(self.data, self.from_thread, limit=self.limits.get, wall=lambda: self.now, **keys)
        self.addCleanup(store.close)
        return store

    def reopen(self) -> None:
        self.store.close()
        self.store = self.open_store()


class OnThreads(OnSQLite):
    """A writer and readers in threads of their own."""

    from_thread = staticmethod(reactor.callFromThread)
