"""Worker: an estate on sockets and a configuration that the parent gave, led over the control channel.

It ends when the parent says so, or is gone.
"""

# mypy: disable-error-code="no-untyped-call"
# Twisted's reactors have no types.

from __future__ import annotations

import socket
from collections.abc import Coroutine, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.logger import Logger, globalLogBeginner

from netdaemon.accounts.throttle import News
from netdaemon.config.read import Config, parse
from netdaemon.kinds import Kinds
from netdaemon.run.control import Control, Message
from netdaemon.run.entry import FIRST_SOCKET
from netdaemon.run.errors import StartFailed, explain
from netdaemon.run.estate import Estate
from netdaemon.run.house import certificates
from netdaemon.run.layout import adopt
from netdaemon.run.logs import Log
from netdaemon.run.measure import Measure
from netdaemon.run.news import message_of, news_of
from netdaemon.run.openfiles import raise_open_files

COUNTS_SECONDS = 5.0
"""How often the parent is told what was counted; what a killed worker counted since is lost."""


def portion(config: Config, workers: int) -> Config:
    """What one of so many workers holds of each limit: its share, rounded up."""

    def share(limit: int) -> int:
        return -(-limit // workers)

    services = tuple(
        replace(
            service,
            settings=replace(
                service.settings,
                max_connections=share(service.settings.max_connections),
                max_connections_per_address=share(service.settings.max_connections_per_address),
                max_connections_per_account=share(service.settings.max_connections_per_account),
            ),
        )
        for service in config.services
    )
    return replace(config, services=services)


class Worker:
    """An estate on its parent's sockets, led over the control channel."""

    _log = Logger()

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self._measure = Measure(reactor)
        self._estate = Estate(reactor, self._measure)
        self._grace = 0.0
        self._logins: list[Message] = []
        """Of those who logged in elsewhere before we began."""
        self._begun = False
        self._over = False
        self._hurry: Deferred[None] = Deferred()
        self._timer: Any = None
        self.status = 0
        """The process's exit status."""
        heard = {
            "boot": self._boot,
            "login": self._login,
            "change": self._change,
            "begin": self._begin,
            "retire": self._retire,
            "drain": self._drain,
            "hurry": self._hasten,
        }
        self.control = Control(heard, self._orphaned)

    # --- the begin -------------------------------------------------------------------------------------------

    def _boot(self, message: Message) -> None:
        self._boot_message = message

    def _begin(self, message: Message) -> None:
        try:
            self._open(self._boot_message)
        except Exception as error:  # noqa: BLE001  # whatever it is, the parent says it in one line
            self.status = 1
            self._fail(str(explain(error)))
            return
        self._begun = True
        self.control.tell("ready")
        self._count()

    def _fail(self, why: str) -> None:
        self.control.tell("failed", why=why)
        self._end()

    def _open(self, boot: Message) -> None:
        config = portion(parse(boot["text"], Path(boot["file"]), Kinds()), boot["workers"])
        # What only a restart can change is as the parent has it.
        config = replace(config, netdaemon=replace(config.netdaemon, data=Path(boot["data"])))
        self._config = config
        self._grace = config.netdaemon.grace
        self._own_log = Log(config.log, None if boot["log"] is None else Path(boot["log"]))
        self._own_log.failures = self._measure.failed
        globalLogBeginner.beginLoggingTo([self._own_log])
        raise_open_files(config.netdaemon.open_files)
        places = adopt(config, self._sockets(boot["places"]), self._reactor, self._measure.refused)
        for place, sticky in zip(places.all, boot["sticky"], strict=True):
            place.door.gate.undivided = boot["workers"] if sticky else 1
        self._estate.adopt(places)
        self._estate.open(config, certificates(config))
        self._measure.watch_doors(self._estate.connections, self._estate.expiry, self._estate.queue)
        self._measure.start(None)
        throttle = self._estate.house.accounts.throttle
        throttle.share(bytes.fromhex(boot["key"]), self._tell_login)
        for login in self._logins:
            self._hear(login)
        self._logins.clear()
        self._estate.house.storeroom.share(self._tell_change)

    def _sockets(self, places: Sequence[Sequence[str]]) -> list[tuple[str, str, socket.socket]]:
        found = []
        for position, (section, word) in enumerate(places):
            bound = socket.socket(fileno=FIRST_SOCKET + position)
            bound.set_inheritable(False)
            bound.setblocking(False)
            found.append((section, word, bound))
        return found

    # --- what we know and the others don't -------------------------------------------------------------------

    def _tell_login(self, news: News) -> None:
        self.control.tell("login", **message_of(news))

    def _login(self, message: Message) -> None:
        if self._begun:
            self._hear(message)
        else:
            self._logins.append(message)

    def _hear(self, message: Message) -> None:
        self._estate.house.accounts.throttle.hear(news_of(message), float(message["ago"]))

    def _tell_change(self, change: bytes) -> None:
        self.control.tell("change", change=change.decode())

    def _change(self, message: Message) -> None:
        if self._begun:  # who comes later reads it from the disk
            self._estate.house.storeroom.hear(message["change"].encode())

    def _count(self) -> None:
        self._timer = self._reactor.callLater(COUNTS_SECONDS, self._count)
        self._tell_counts()

    def _tell_counts(self) -> None:
        self.control.tell("counts", families=self._measure.report())

    # --- the end ---------------------------------------------------------------------------------------------

    def _retire(self, message: Message) -> None:
        """Another crew has our sockets now: end with the last session."""
        self._leave(self._estate.finish())
        if not self._over:
            self._reopen_logs()

    def _drain(self, message: Message) -> None:
        self._leave(self._estate.drain(float(message["grace"]), self._hurry))

    def _hasten(self, message: Message) -> None:
        if not self._hurry.called:
            self._hurry.callback(None)
        self._leave(self._estate.drain(0.0, self._hurry))

    def _orphaned(self) -> None:
        """The parent is gone: what is under way may end in good order, and so do we."""
        if self._over:
            self._stop_reactor()
        elif self._begun:
            self._log.error("the parent process is gone: stopping")
            self._leave(self._estate.drain(self._grace, self._hurry))
        else:
            self._end()

    def _leave(self, goodbye: Coroutine[Any, Any, object]) -> None:
        """Shut the doors, say ``goodbye``, end."""

        async def leave() -> None:
            try:
                await self._estate.close_doors()
                await goodbye
            except Exception:  # noqa: BLE001  # the stores must be closed whatever happened before
                self._log.failure("the stop is not in good order")
            self._end()

        Deferred.fromCoroutine(leave())

    def _reopen_logs(self) -> None:
        """The parent read its INI again: logs may have been rotated away."""
        try:
            self._own_log.change(self._config.log, self._own_log.open(self._config.log))
        except StartFailed as error:
            self._log.error("{error}", error=str(error))
        self._measure.reopen()

    def _end(self) -> None:
        if self._over:
            return
        self._over = True
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        if self._begun:
            self._measure.stop()
            self._estate.close()
            self._tell_counts()
        if self.control.open:
            self.control.end()  # and what was told goes out; `_orphaned` comes next
        else:
            self._stop_reactor()

    def _stop_reactor(self) -> None:
        if self._reactor.running:
            self._reactor.stop()
