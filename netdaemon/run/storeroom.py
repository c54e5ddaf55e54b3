"""Storeroom: the message store, opened when a kind first asks for it, and open as long as the daemon runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from netdaemon.accounts.names import AccountError
from netdaemon.accounts.quota import Quotas
from netdaemon.interfaces import LoginUnavailable
from netdaemon.messages.errors import StoreBusy, StoreError
from netdaemon.messages.interfaces import IMessages, Quota
from netdaemon.run.errors import StartFailed

if TYPE_CHECKING:
    from netdaemon.messages.store import Store

LOOK_SECONDS = 1.0
"""How often it is asked whether other processes have changed anything."""
COLLECT_SECONDS = 3600.0
"""How often octets are collected that nobody needs any more."""


class Storeroom:
    """The store in the data directory, or none yet. It outlives every reload: the directory is never another."""

    _log = Logger()

    def __init__(self, data: Path, reactor: Any) -> None:
        self._data = data
        self._reactor = reactor
        self._store: Store | None = None
        self._quotas: Quotas | None = None
        self._relay: Callable[[bytes], object] | None = None
        self._timer: Any = None
        self._collect_at = 0.0
        self._collecting: Deferred[int] | None = None
        self._failing = False

    @property
    def messages(self) -> IMessages:
        """The store. Raises StartFailed when it can't be opened."""
        if self._store is None:
            self._open()
        assert self._store is not None
        return self._store

    def share(self, relay: Callable[[bytes], object]) -> None:
        """There are sibling processes: ``relay`` tells them of changes, as `hear` there takes them."""
        self._relay = relay
        if self._store is not None:
            self._store.switchboard.relay = relay

    def hear(self, change: bytes) -> None:
        """A sibling has changed something. Raises ValueError for what is no such message."""
        if self._store is not None:
            self._store.switchboard.heard(change)

    def close(self) -> None:
        """Finish what is being written, and give the files back."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        store, self._store = self._store, None
        if store is not None:
            store.close()
        if self._quotas is not None:
            self._quotas.close()
            self._quotas = None

    def _open(self) -> None:
        from netdaemon.messages.store import Store  # here, for daemons that need none

        try:
            self._quotas = Quotas(self._data)
            self._store = Store(self._data, self._reactor.callFromThread, limit=self._limit, relay=self._relay)
        except (StoreError, AccountError) as error:
            if self._quotas is not None:
                self._quotas.close()
                self._quotas = None
            raise StartFailed(f"the message store can't be opened: {error}") from None
        self._collect_at = self._reactor.seconds() + COLLECT_SECONDS
        self._timer = self._reactor.callLater(LOOK_SECONDS, self._look)

    def _limit(self, account: str) -> Quota | None:
        """Asked in the store's thread."""
        assert self._quotas is not None, "the quotas are there as long as the store is"
        try:
            return Quota(self._quotas.octets(account))
        except LoginUnavailable as error:
            raise StoreBusy(str(error)) from error

    # --- keeping house ---------------------------------------------------------------------------------------

    def _look(self) -> None:
        assert self._store is not None
        now = self._reactor.seconds()
        self._timer = self._reactor.callLater(LOOK_SECONDS, self._look)
        try:
            self._store.look()
        except StoreError as error:
            if not self._failing:
                self._log.error("the message store: {error}", error=str(error))
            self._failing = True
        else:
            self._failing = False
        if now >= self._collect_at and self._collecting is None:
            self._collect_at = now + COLLECT_SECONDS
            self._collecting = self._store.collect()
            self._collecting.addCallbacks(self._collected, self._not_collected)

    def _collected(self, octets: int) -> None:
        self._collecting = None
        if octets:
            self._log.info("{octets} octets of messages that are gone were removed", octets=octets)

    def _not_collected(self, failure: Failure) -> None:
        self._collecting = None
        if not isinstance(failure.value, StoreBusy):  # the daemon stops; or there will be another time
            self._log.error("not collected: {error}", error=failure.getErrorMessage())
