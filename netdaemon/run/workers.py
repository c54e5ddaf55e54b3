"""Workforce: several processes in the place of one estate. The parent has the sockets, the workers serve them.

The parent opens every address, with a socket for each worker where the kernel shares out what comes (SO_REUSEPORT),
and keeps them all open: what waits in the backlog of a worker that died is served by the next one. A reload starts a
whole new crew on the same sockets; only when it is ready the old one lets nobody in any more, and ends with its last
session. Of what the workers know it passes on what the others need: who failed to log in, what has changed in the
message store, and what was counted.
"""

# mypy: disable-error-code="no-untyped-call"
# Twisted's reactors have no types.

from __future__ import annotations

import os
import secrets
import socket
from typing import Any

from twisted.internet.defer import Deferred, DeferredList
from twisted.logger import Logger

from netdaemon.config.read import Config
from netdaemon.config.settings import DaemonSettings
from netdaemon.run.control import Message
from netdaemon.run.crew import Crew, Hand
from netdaemon.run.door import Door
from netdaemon.run.errors import StartFailed, reason
from netdaemon.run.estate import ABORT_SECONDS
from netdaemon.run.house import certificates
from netdaemon.run.inherited import Inherited
from netdaemon.run.layout import Place, Places, bind
from netdaemon.run.logs import Log
from netdaemon.run.measure import Measure
from netdaemon.run.news import Chronicle, message_of, news_of
from netdaemon.run.sums import Sums
from netdaemon.wire.tls import Certificates

PATIENCE = 5.0
"""Seconds beyond the grace in which a worker must have ended."""


def count(settings: DaemonSettings) -> int:
    """How many processes serve, by `[netdaemon] workers`."""
    return settings.workers if settings.workers is not None else len(os.sched_getaffinity(0))


def wants_one_worker(config: Config, place: Place) -> bool:
    """Should all connections of an address come to one worker there? Behind a proxy they all have its address."""
    return config.tls.sticky and place.door.listen.transport == "tls" and not place.service.settings.proxy_protocol


class Workforce:
    """What the daemon needs of an `Estate`, done by ``workers`` processes."""

    _log = Logger()

    def __init__(self, reactor: Any, measure: Measure, workers: int, log: Log | None) -> None:
        self._reactor = reactor
        self._measure = measure
        self._workers = workers
        self._own_log = log
        self._inherited = Inherited([])
        self._places: Places | None = None
        self._config: Config | None = None
        self._tls: Certificates | None = None
        self._crew: Crew | None = None
        self._crews: list[Crew] = []
        """Every crew with a living worker: ours, one that is about to be, retired ones."""
        self._unsticky = False  # that was said
        self._key = secrets.token_hex(32)
        self._chronicle = Chronicle(reactor, 0.0)
        self._sums = Sums()
        measure.sum_up(self._sums)

    def addresses(self) -> dict[str, list[str]]:
        """Section to bound addresses."""
        return self._places.addresses() if self._places is not None else {}

    def connections(self) -> dict[str, float]:
        """None here: the workers' are in the sums."""
        return {}

    def queue(self) -> dict[str, float]:
        """None here, as with the connections."""
        return {}

    def expiry(self) -> dict[str, float]:
        """When each certificate expires, in Unix seconds, by its server name."""
        return self._tls.expiry if self._tls is not None else {}

    # --- opening ---------------------------------------------------------------------------------------------

    def bind(self, config: Config, inherited: Inherited) -> None:
        """Bind every address. Raises DoorError; then nothing is bound."""
        if self._own_log is None:
            raise StartFailed("[netdaemon] workers: more than one can't log through twistd's --logger or --syslog")
        self._inherited = inherited
        self._places = bind(config, inherited, self._reactor, self._measure.refused, copies=self._workers)

    def open(self, config: Config, tls: Certificates) -> None:
        """Begin to start the workers; `ready` tells of the end."""
        assert self._places is not None, "addresses are bound before the workers start"
        self._config, self._tls = config, tls
        self._chronicle = Chronicle(self._reactor, config.accounts.throttle_window)
        self._stick(config, self._places)
        self._crew = self._assemble(config, self._places)
        self._reactor.callWhenRunning(self._crew.start)
        tls.watch(self._reactor)

    def ready(self) -> Deferred[None]:
        """Fires when every worker is ready; fails with StartFailed."""
        assert self._crew is not None, "workers are started before they are ready"
        return self._crew.ready

    def _assemble(self, config: Config, places: Places) -> Crew:
        assert self._own_log is not None
        fallback = self._own_log.fallback
        boot = {
            "file": str(config.file),
            "text": config.text,
            "data": str(config.netdaemon.data),
            "workers": self._workers,
            "log": None if fallback is None else str(fallback),
            "key": self._key,
            "places": [[place.service.settings.section, str(place.door.listen)] for place in places.all],
            "sticky": [place.door.sticky for place in places.all],
        }
        sockets: list[list[socket.socket]] = [
            [place.door.share(number) for place in places.all] for number in range(self._workers)
        ]
        crew = Crew(self._reactor, self, boot, sockets)
        self._crews.append(crew)
        return crew

    def _stick(self, config: Config, places: Places) -> None:
        """A worker resumes the TLS sessions that it gave tickets for: let a client come back to the one it had."""
        for place in places.all:
            try:
                place.door.stick(wants_one_worker(config, place))
            except OSError as error:
                if not self._unsticky:
                    self._unsticky = True
                    self._log.info(
                        "clients can't be sent back to their worker, so TLS sessions are resumed less often: {error}",
                        error=reason(error),
                    )

    async def exchange(self, config: Config) -> None:
        """Take on another configuration whole, or raise and stay as it was. Sessions keep what they began with."""
        before, old, places_before = self._config, self._crew, self._places
        assert before is not None and old is not None and places_before is not None
        doors = [place.door for place in places_before.all]
        places = bind(config, self._inherited, self._reactor, self._measure.refused, doors, copies=self._workers)
        tls: Certificates | None = None
        try:
            tls = certificates(config, before, self._tls)
            same_accounts = before.accounts == config.accounts
            chronicle = self._chronicle
            if not same_accounts:  # as in one process: another throttle, which begins anew
                self._chronicle = Chronicle(self._reactor, config.accounts.throttle_window)
            try:
                self._stick(config, places)
                await self._start(self._assemble(config, places))
            except BaseException:
                self._chronicle = chronicle
                self._stick(before, places_before)
                raise
        except BaseException:
            places.dispose()
            if tls is not None and tls is not self._tls:
                tls.stop()
            raise
        self._take_on(config, places, tls)
        old.retire()
        for door in places.gone:
            door.close()

    async def _start(self, crew: Crew) -> None:
        """Start it; raises StartFailed, with its processes told to end."""
        crew.start()
        await crew.ready
        self._crew = crew

    def _take_on(self, config: Config, places: Places, tls: Certificates) -> None:
        for place in places.all:
            place.door.section = place.service.settings.section
        if tls is not self._tls:
            if self._tls is not None:
                self._tls.stop()
            tls.watch(self._reactor)
        self._config, self._places, self._tls = config, places, tls

    # --- what the workers tell -------------------------------------------------------------------------------

    def prepare(self, hand: Hand) -> None:
        """Tell a new worker of the logins before its time."""
        for ago, news in self._chronicle:
            hand.control.tell("login", ago=ago, **message_of(news))

    def login(self, hand: Hand, message: Message) -> None:
        """Pass it on to all others."""
        news = news_of(message)
        self._chronicle.add(news)
        for crew in self._crews:
            for other in crew.hands:
                if other is not hand:
                    other.control.tell("login", ago=0.0, **message_of(news))

    def change(self, hand: Hand, message: Message) -> None:
        """Pass it on to all others."""
        change = message["change"]
        if not isinstance(change, str):
            raise ValueError("no change")
        for crew in self._crews:
            for other in crew.hands:
                if other is not hand:
                    other.control.tell("change", change=change)

    def counts(self, hand: Hand, message: Message) -> None:
        self._sums.heard(hand, message)

    def gone(self, hand: Hand) -> None:
        self._sums.gone(hand)
        self._crews = [crew for crew in self._crews if crew is self._crew or crew.hands]

    # --- closing ---------------------------------------------------------------------------------------------

    async def close_doors(self) -> None:
        """Phase one: give up the parent's sockets; the workers close theirs when they drain."""
        await DeferredList([door.close() for door in self._doors()])
        self._inherited.close()

    async def drain(self, grace: float, hurry: Deferred[None]) -> None:
        """Phase two: have every worker drain; those that are left after ``grace`` or ``hurry`` are killed."""
        for crew in self._crews:
            crew.drain(grace)
        if await self._gone(grace + PATIENCE, hurry):
            return
        for crew in self._crews:
            crew.hurry()
        if await self._gone(ABORT_SECONDS + 1.0, Deferred()):
            return
        for crew in self._crews:
            for hand in crew.hands:
                self._log.error("worker {number} does not end: killed", number=hand.number)
            crew.kill()
        await self._gone(PATIENCE, Deferred())

    async def _gone(self, seconds: float, hurry: Deferred[None]) -> bool:
        """Wait until no worker is left, for ``seconds`` at most; are they all gone?"""
        gone = DeferredList([crew.when_gone() for crew in self._crews])
        if not gone.called:
            limit: Deferred[None] = Deferred()
            timer = self._reactor.callLater(seconds, limit.callback, None)
            either: list[Deferred[Any]] = [gone, limit, hurry]
            await DeferredList(either, fireOnOneCallback=True)
            if timer.active():
                timer.cancel()
        return not any(crew.hands for crew in self._crews)

    def close(self) -> None:
        """Phase three: nothing is left but to look at certificates no more."""
        if self._tls is not None:
            self._tls.stop()

    def abandon(self) -> None:
        """A start failed half-way: close everything now; the reactor will not run."""
        for door in self._doors():
            door.close()
        self._inherited.close()
        for crew in self._crews:
            crew.ready.addErrback(lambda failure: None)  # nobody waits for it any more
            crew.kill()
        self.close()

    def _doors(self) -> list[Door]:
        return [place.door for place in self._places.all] if self._places is not None else []
