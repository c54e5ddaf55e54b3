"""Estate: the house and the doors in use, and what earlier configurations left until their last visitor is gone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from twisted.internet.defer import Deferred, DeferredList, succeed
from twisted.logger import Logger

from netdaemon.config.read import Config
from netdaemon.interfaces import DocumentError
from netdaemon.run.door import Door
from netdaemon.run.errors import StartFailed
from netdaemon.run.gate import Gate
from netdaemon.run.house import House, build
from netdaemon.run.inherited import Inherited
from netdaemon.run.layout import Layout, Places, bind, lay_out
from netdaemon.run.mailroom import Mailroom
from netdaemon.run.measure import Measure
from netdaemon.wire.tls import Certificates

LEFT_BEHIND = 86_400.0
"""Seconds without a write after which an unfinished document is nobody's any more."""

ABORT_SECONDS = 2.0
"""How long connections that were cut off may take to be gone; a turn of the reactor is enough."""


@dataclass(frozen=True, eq=False)
class Tenancy:
    """One configuration's house and layout."""

    house: House
    layout: Layout

    @property
    def over(self) -> bool:
        """Has its last session gone?"""
        return not any(tenant.sessions for tenant in self.layout.tenants)


class Estate:
    """Binds, opens, exchanges at reload, drains and closes: everything that stands between a socket and a kind."""

    _log = Logger()

    def __init__(self, reactor: Any, measure: Measure) -> None:
        self._reactor = reactor
        self._measure = measure
        self._inherited = Inherited([])
        self._places: Places | None = None
        self._current: Tenancy | None = None
        self._earlier: list[Tenancy] = []
        """Exchanged ones, with sessions still under way."""
        self._leaving: set[Gate] = set()
        """Gates of doors that an exchange closed, with sessions still under way."""

    @property
    def house(self) -> House:
        """The house that new visitors meet."""
        assert self._current is not None, "the estate is not open"
        return self._current.house

    def addresses(self) -> dict[str, list[str]]:
        """Section to bound addresses."""
        return self._places.addresses() if self._places is not None else {}

    def connections(self) -> dict[str, float]:
        """Section to sessions under way."""
        counts: dict[str, float] = {}
        for gate in self._gates():
            counts[gate.section] = counts.get(gate.section, 0) + len(gate.sessions)
        return counts

    def expiry(self) -> dict[str, float]:
        """When each certificate expires, in Unix seconds, by its server name."""
        return {} if self._current is None else self.house.tls.expiry  # a worker counts a last time once all is closed

    def queue(self) -> Mapping[str, float]:
        """The messages of the outgoing queue by state, where it is this process that sends them."""
        return {} if self._current is None else self.house.mailroom.states()

    def _doors(self) -> list[Door]:
        return [place.door for place in self._places.all] if self._places is not None else []

    def _gates(self) -> list[Gate]:
        return [door.gate for door in self._doors()] + list(self._leaving)

    # --- opening ---------------------------------------------------------------------------------------------

    def bind(self, config: Config, inherited: Inherited) -> None:
        """Bind every address. Raises DoorError; then nothing is bound."""
        self._inherited = inherited
        self._places = bind(config, inherited, self._reactor, self._measure.refused)

    def adopt(self, places: Places) -> None:
        """Take doors that are bound already, instead of `bind`."""
        self._places = places

    def open(self, config: Config, tls: Certificates) -> None:
        """Build the house and let visitors in. Raises what `build` and `lay_out` do."""
        assert self._places is not None, "an estate is bound before it opens"
        house = build(config, self._reactor, tls=tls, measure=self._measure)
        try:
            layout = lay_out(self._places, config.services, house, self._sweep)
        except BaseException:
            house.close()
            house.deadlines.stop()
            raise
        self._current = Tenancy(house, layout)
        layout.open()
        house.tls.watch(self._reactor)
        house.mailroom.start()
        Deferred.fromCoroutine(self._tidy(house))

    async def _tidy(self, house: House) -> None:
        """Remove what writers that were killed left in the document tree: beside the start, and never in its way."""
        try:
            removed = await house.documents.sweep(house.wall() - LEFT_BEHIND)
        except (DocumentError, OSError) as error:  # the tree was closed meanwhile, or can't be read
            self._log.debug("the document tree was not swept: {error}", error=error)
            return
        if removed:
            self._log.info("{count} unfinished documents of killed writers removed", count=removed)

    def ready(self) -> Deferred[None]:
        """Fires when visitors are let in: since `open`."""
        return succeed(None)

    async def exchange(self, config: Config) -> None:
        """Take on another configuration whole, or raise and stay as it was. Sessions keep what they began with."""
        before = self._current
        assert before is not None, "an estate is open before it changes"
        places = bind(config, self._inherited, self._reactor, self._measure.refused, self._doors())
        house: House | None = None
        try:
            house = build(config, self._reactor, before=before.house)
            layout = lay_out(places, config.services, house, self._sweep)
        except BaseException:
            places.dispose()
            if house is not None:
                house.close((before.house,))
            raise
        # Nothing from here on refuses.
        for door in places.gone:
            if door.gate.sessions:
                self._leaving.add(door.gate)
                door.gate.when_empty().addCallback(self._left, door.gate)
        self._places, self._current = places, Tenancy(house, layout)
        self._earlier.append(before)
        house.move_in()
        try:
            layout.open()
        except StartFailed as error:
            # The others have changed already, and the old kind has ended: there is no way back.
            self._log.error("{error}", error=str(error))
        if house.tls is not before.house.tls:
            house.tls.watch(self._reactor)
        for tenant in before.layout.tenants:
            tenant.retire()
        self._sweep()
        Deferred.fromCoroutine(self._change_mailroom(before.house.mailroom, house.mailroom))

    async def _change_mailroom(self, before: Mailroom, after: Mailroom) -> None:
        """One queue, one sender: the next begins when the last has ended."""
        await before.stop(self.house.config.netdaemon.grace)
        if self._current is not None and self.house.mailroom is after:
            after.start()

    def _left(self, ignored: object, gate: Gate) -> None:
        self._leaving.discard(gate)

    def _sweep(self) -> None:
        """Close the houses of earlier tenancies that are over, but for what the others use."""
        over = [tenancy for tenancy in self._earlier if tenancy.over]
        self._earlier = [tenancy for tenancy in self._earlier if not tenancy.over]
        users = [*self._earlier, *([self._current] if self._current is not None else [])]
        for tenancy in over:
            tenancy.house.close(tuple(user.house for user in users))
            users.append(tenancy)  # what two of them share is closed once

    # --- closing ---------------------------------------------------------------------------------------------

    async def close_doors(self) -> None:
        """Phase one: stop listening."""
        await DeferredList([door.close() for door in self._doors()])
        self._inherited.close()

    async def finish(self) -> None:
        """Wait until the last session has gone by itself; the queue is another's from now on."""
        if self._current is not None:
            await self.house.mailroom.stop(self.house.config.netdaemon.grace)
        await DeferredList([gate.when_empty() for gate in self._gates()])

    async def drain(self, grace: float, hurry: Deferred[None]) -> None:
        """Phase two: tell every session, and cut off what is left after ``grace`` seconds or when ``hurry`` fires, and
        what the queue is sending then.
        """
        queue = Deferred.fromCoroutine(self._stop_queue(grace, hurry))
        await self._drain_sessions(grace, hurry)
        await queue

    async def _stop_queue(self, grace: float, hurry: Deferred[None]) -> None:
        if self._current is not None:
            try:
                await self.house.mailroom.stop(grace, hurry)
            except Exception:  # noqa: BLE001  # the sessions are to end in good order whatever it is
                self._log.failure("the queue did not stop in good order")

    async def _drain_sessions(self, grace: float, hurry: Deferred[None]) -> None:
        gates = self._gates()
        for gate in gates:
            gate.drain()
        if count := sum(len(gate.sessions) for gate in gates):
            self._log.info("sessions with {grace:g} s to finish: {count}", count=count, grace=grace)
        if await self._empty(gates, grace, hurry):
            return
        count = sum(gate.abort() for gate in gates)
        self._log.warn("sessions cut off: {count}", count=count)
        await self._empty(gates, ABORT_SECONDS, Deferred())

    async def _empty(self, gates: list[Gate], seconds: float, hurry: Deferred[None]) -> bool:
        """Wait until no gate has a session, for ``seconds`` at most; are they all gone?"""
        empty = DeferredList([gate.when_empty() for gate in gates])
        if not empty.called:
            limit: Deferred[None] = Deferred()
            timer = self._reactor.callLater(seconds, limit.callback, None)
            either: list[Deferred[Any]] = [empty, limit, hurry]
            await DeferredList(either, fireOnOneCallback=True)
            if timer.active():
                timer.cancel()
        return not any(gate.sessions for gate in gates)

    def close(self) -> None:
        """Phase three: close what the sessions stood on."""
        if self._current is not None:
            houses = [tenancy.house for tenancy in (*self._earlier, self._current)]
            self._current.house.deadlines.stop()
            for position, house in enumerate(houses):
                house.close(tuple(houses[position + 1 :]))
            self._earlier, self._current = [], None

    def abandon(self) -> None:
        """A start failed half-way: close everything now; the reactor will not run."""
        for door in self._doors():
            door.close()
        self._inherited.close()
        self.close()
