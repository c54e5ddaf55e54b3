"""SIGTERM and SIGINT stop the daemon in good order, a second one at once; SIGHUP has it read its INI again."""

from __future__ import annotations

import signal
from collections.abc import Callable
from types import FrameType
from typing import Any

from twisted.logger import Logger

STOP = (signal.SIGTERM, signal.SIGINT)


class Signals:
    """The process's signals, each answered in the reactor's own time.

    Twisted's answer to SIGTERM also stops the reactor, but remembers the signal and dies of it in the end; systemd
    and the operator's script want exit status 0. So ours take the place of Twisted's.
    """

    _log = Logger()

    def __init__(
        self, reactor: Any, stop: Callable[[], object], hurry: Callable[[], object], reload: Callable[[], object]
    ) -> None:
        """``stop`` is called at the first SIGTERM or SIGINT, ``hurry`` at each further one."""
        self._reactor = reactor
        self._stop = stop
        self._hurry = hurry
        self._reload = reload
        self._stopping = False
        self._reload_waits = False

    def install(self) -> None:
        """Before the reactor runs (signals then wait until it does), and again once it put its own in place."""
        self._set()
        # The reactor's own handlers come in this very phase, from a trigger that is older than ours.
        self._reactor.addSystemEventTrigger("during", "startup", self._set)
        self._reactor.addSystemEventTrigger("before", "shutdown", self._forget)

    def _set(self) -> None:
        for number in STOP:
            signal.signal(number, self._on_stop)
        signal.signal(signal.SIGHUP, self._on_reload)

    def _forget(self) -> None:
        # One that came in the moment between was Twisted's to answer. It stops us all the same; nobody must die of it.
        self._reactor._exitSignal = None

    def _on_stop(self, number: int, frame: FrameType | None) -> None:
        self._reactor.callFromThread(self._ask_to_stop, signal.Signals(number).name)

    def _ask_to_stop(self, name: str) -> None:
        if self._stopping:
            self._log.warn("{signal} again: stopping at once", signal=name)
            self._hurry()
        else:
            self._stopping = True
            self._log.info("{signal}: stopping", signal=name)
            self._stop()

    def _on_reload(self, number: int, frame: FrameType | None) -> None:
        if not self._reload_waits:  # ten in a row are one
            self._reload_waits = True
            self._reactor.callFromThread(self._ask_to_reload)

    def _ask_to_reload(self) -> None:
        self._reload_waits = False
        if self._stopping:
            self._log.warn("SIGHUP while stopping: nothing is read again")
        else:
            self._reload()
