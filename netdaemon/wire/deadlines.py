"""The wheel on which the time-outs of all sessions turn: one timer, however many they are.

Time is counted in ticks. A time-out stands in the slot of a tick no later than its own; when the slot's turn comes,
what has been postponed meanwhile goes on to a later one. So to postpone, which every command does, costs an attribute.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from math import ceil, inf

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from zope.interface import implementer

from netdaemon.interfaces import IDeadline, IDeadlines

_EPSILON = 1e-6  # of a tick: sums of floating point times are off by less

NAPS = 3
"""How often within a tick the wheel puts its timer away for want of time-outs, before it keeps it for the next one."""


@implementer(IDeadline)
class Deadline:
    """One time-out; `Wheel.after` makes it."""

    __slots__ = ("_run", "_slot", "_slot_time", "_time", "_wheel")

    def __init__(self, wheel: Wheel, run: Callable[[], object]) -> None:
        self._wheel = wheel
        self._run = run
        self._time = 0.0  # when it fires
        self._slot = 0  # the tick in whose slot it stands, once armed
        self._slot_time = inf  # the time of that tick, never after _time; not armed: no time is late enough

    @property
    def armed(self) -> bool:
        """Is it going to fire?"""
        return self._slot_time != inf

    def postpone(self, seconds: float) -> None:
        time = self._time = self._wheel._clock.seconds() + seconds
        if time < self._slot_time:
            self._wheel._put(self)

    def cancel(self) -> None:
        if self._slot_time != inf:
            self._wheel._remove(self)


@implementer(IDeadlines)
class Wheel:
    """Provides IDeadlines on the reactor's timers. With nothing to wait for it has no timer, but for the last one when
    time-outs come and go all the time.

    What a time-out runs must not raise; if it does, that is logged and the others are served.
    """

    _log = Logger()

    def __init__(self, clock: IReactorTime, tick: float = 1.0) -> None:
        self._clock = clock
        self._tick = tick
        self._slots: dict[int, dict[Deadline, None]] = {}
        self._order: list[int] = []  # a heap of the slots' ticks
        self._armed = 0
        self._served = int(clock.seconds() / tick)  # slots up to this tick have had their turn
        self._timer: IDelayedCall | None = None
        self._timer_tick = 0
        self._naps = 0  # within the tick _nap_tick
        self._nap_tick = 0
        self._stopped = False

    def after(self, seconds: float, run: Callable[[], object]) -> Deadline:
        deadline = Deadline(self, run)
        deadline.postpone(seconds)
        return deadline

    def stop(self) -> None:
        """Forget every time-out; from now on none fires."""
        self._stopped = True
        for slot in self._slots.values():
            for deadline in slot:
                deadline._slot_time = inf
        self._sleep()

    # --- for Deadline ----------------------------------------------------------------------------------------

    def _tick_at(self, time: float) -> int:
        """The first tick that is not before ``time``."""
        return ceil(time / self._tick - _EPSILON)

    def _put(self, deadline: Deadline) -> None:
        """Put it into the slot of its tick (if that has had its turn, the next one's), or leave it in a sooner one."""
        due = max(self._tick_at(deadline._time), self._served + 1)
        if deadline._slot_time == inf:
            self._add(deadline, due)
        elif due < deadline._slot:
            self._take_out(deadline)
            self._add(deadline, due)

    def _add(self, deadline: Deadline, due: int) -> None:
        if self._stopped:
            return
        deadline._slot = due
        deadline._slot_time = due * self._tick
        slot = self._slots.get(due)
        if slot is None:
            slot = self._slots[due] = {}
            heapq.heappush(self._order, due)
        slot[deadline] = None
        self._armed += 1
        if self._timer is None or due < self._timer_tick:
            self._wake_at(due)

    def _take_out(self, deadline: Deadline) -> None:
        # An emptied slot stays until its turn, or its tick would be pushed onto the heap again and again.
        slot = self._slots.get(deadline._slot)
        if slot is not None:  # None: the slot is having its turn
            slot.pop(deadline, None)
        deadline._slot_time = inf
        self._armed -= 1

    def _remove(self, deadline: Deadline) -> None:
        self._take_out(deadline)
        if not self._armed:
            self._rest()

    # --- the timer -------------------------------------------------------------------------------------------

    def _rest(self) -> None:
        """There is nothing to wait for. Sleep; but where short connections follow each other, timer and slots stay."""
        now = int(self._clock.seconds() / self._tick)
        if now != self._nap_tick:
            self._nap_tick = now
            self._naps = 0
        self._naps += 1
        if self._naps <= NAPS:
            self._sleep()

    def _sleep(self) -> None:
        self._armed = 0
        self._slots.clear()
        self._order.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _wake_at(self, tick: int) -> None:
        delay = max(0.0, tick * self._tick - self._clock.seconds())
        self._timer_tick = tick
        if self._timer is None:
            self._timer = self._clock.callLater(delay, self._turn)
        else:
            self._timer.reset(delay)

    def _turn(self) -> None:
        self._timer = None
        now = int(self._clock.seconds() / self._tick + _EPSILON)
        self._served = max(self._served, now)
        while self._order and self._order[0] <= now:
            tick = heapq.heappop(self._order)
            for deadline in self._slots.pop(tick):
                if deadline._slot_time == inf or deadline._slot != tick:
                    continue  # cancelled or moved by one that fired before it
                self._armed -= 1
                deadline._slot_time = inf
                due = self._tick_at(deadline._time)
                if due > now:
                    self._add(deadline, due)
                else:
                    self._fire(deadline)
        self._wake()

    def _fire(self, deadline: Deadline) -> None:
        try:
            deadline._run()
        except Exception:  # noqa: BLE001  # one session's defect must not stop the time-outs of all
            self._log.failure("a time-out failed")

    def _wake(self) -> None:
        """Set the timer to the next slot. One of the turn's own _add may have set it, to a later one."""
        if not self._armed:
            self._sleep()
        elif self._timer is None or self._order[0] < self._timer_tick:
            self._wake_at(self._order[0])
