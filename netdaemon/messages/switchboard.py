"""Switchboard: who is told of a change in a folder, in this process and in others."""

from __future__ import annotations

import json
from collections.abc import Callable

from twisted.logger import Logger

from netdaemon.messages.interfaces import (
    ARRIVED,
    CHANGED,
    CREATED,
    DELETED,
    EXPUNGED,
    RENAMED,
    UPDATED,
    Change,
)

KINDS = frozenset({ARRIVED, CHANGED, EXPUNGED, CREATED, DELETED, RENAMED, UPDATED})

LARGEST = 8192
"""Octets of a message between processes: a folder's name has 512 at most."""

Listener = Callable[[Change], object]


class Switchboard:
    """Listeners by folder and by account. What one of them raises is logged and hurts no other.

    ``relay`` takes what other processes are to hear, as `heard` there takes it.
    """

    _log = Logger()

    def __init__(self, relay: Callable[[bytes], object] | None = None) -> None:
        self.relay = relay
        self._folders: dict[int, dict[int, Listener]] = {}
        self._accounts: dict[str, dict[int, Listener]] = {}
        self._last = 0
        self._told: dict[int, int] = {}  # the modseq of each folder somebody listens to, as far as it was told

    def publish(self, change: Change) -> None:
        """Tell the listeners here, and other processes."""
        if self.relay is not None:
            self.relay(_message_of(change))
        self._tell(change)

    def heard(self, message: bytes) -> None:
        """Tell the listeners here of another process's change. Raises ValueError."""
        self._tell(_change_of(message))

    def noticed(self, change: Change) -> None:
        """Tell the listeners here only: every process notices by itself."""
        self._tell(change)

    def subscribe(self, folder: int, listener: Listener) -> Subscribed:
        """Call ``listener`` with each change in that folder."""
        return self._add(self._folders, folder, listener)

    def subscribe_account(self, account: str, listener: Listener) -> Subscribed:
        """Call ``listener`` with each change in any folder of that account."""
        return self._add(self._accounts, account, listener)

    def followed(self) -> list[int]:
        """The folders that somebody listens to."""
        return list(self._folders)

    def followed_accounts(self) -> list[str]:
        """The accounts that somebody listens to."""
        return list(self._accounts)

    def is_news(self, folder: int, modseq: int) -> bool:
        """Has nobody here been told yet that the folder has come so far?"""
        return modseq > self._told.get(folder, 0)

    def _add(self, table: dict, key: int | str, listener: Listener) -> Subscribed:  # type: ignore[type-arg]  # either
        self._last += 1
        number = self._last
        table.setdefault(key, {})[number] = listener

        def cancel() -> None:
            listeners = table.get(key)
            if listeners is not None and listeners.pop(number, None) is not None and not listeners:
                del table[key]
                if table is self._folders and isinstance(key, int):
                    self._told.pop(key, None)

        return Subscribed(cancel)

    def _tell(self, change: Change) -> None:
        if change.folder in self._folders:
            self._told[change.folder] = max(self._told.get(change.folder, 0), change.modseq)
        for listeners in (self._folders.get(change.folder), self._accounts.get(change.account)):
            for listener in list(listeners.values()) if listeners else ():
                try:
                    listener(change)
                except Exception:  # noqa: BLE001  # one session's trouble is not another's
                    self._log.failure("who was told of a change stumbled")


class Subscribed:
    """One subscription, until it is cancelled."""

    def __init__(self, cancel: Callable[[], None]) -> None:
        self._cancel = cancel

    def cancel(self) -> None:
        self._cancel()


def _message_of(change: Change) -> bytes:
    return json.dumps([change.what, change.account, change.folder, change.name, change.modseq]).encode()


def _change_of(message: bytes) -> Change:
    if len(message) > LARGEST:
        raise ValueError("a change with too much to say")
    try:
        what, account, folder, name, modseq = json.loads(message)
    except (TypeError, RecursionError) as error:
        raise ValueError("no change") from error
    if not (
        isinstance(what, str)
        and what in KINDS
        and isinstance(account, str)
        and type(folder) is int
        and isinstance(name, str)
        and type(modseq) is int
    ):
        raise ValueError("no change")
    return Change(what, account, folder, name, modseq)
