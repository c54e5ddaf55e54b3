"""The lean event loop: the stock epoll reactor, with fewer steps between an event and its transport.

Twisted's loop wraps every event in a logging context and calls through a chain that serves all kinds of reactors.
Here a readable socket means ``doRead`` and a writable one ``doWrite``; whatever is rarer (errors, hang-ups, both at
once) goes the stock way. Everything else of the reactor (timers, threads, signals, processes) stays as it is.
"""

# mypy: disable-error-code="no-untyped-call"
# Twisted's reactors have no types.

from __future__ import annotations

from collections.abc import Callable
from select import EPOLLIN, EPOLLOUT
from typing import Any

from twisted.internet.epollreactor import EPollReactor
from twisted.logger import Logger
from twisted.python.log import callWithLogger

log = Logger()

EVENTS = 256
"""Events taken from the kernel in one turn."""


def make_lean(reactor: Any) -> bool:
    """Have ``reactor`` iterate the lean way from now on. False (and nothing done) for all but the epoll reactor."""
    if type(reactor) is not EPollReactor:
        return False
    reactor.doIteration = lean_iteration(reactor)  # type: ignore[method-assign]  # the loop asks for it each turn
    return True


def lean_iteration(reactor: EPollReactor) -> Callable[[float | None], None]:
    """The reactor's ``doIteration``: wait at most so many seconds (None: for ever) and serve what is ready."""
    # Bound once: a turn of the loop is the most frequent thing that ever happens here.
    poll = reactor._poller.poll
    find: Callable[[int], Any] = reactor._selectables.get
    the_stock_way = reactor._doReadOrWrite
    lose = reactor._disconnectSelectable

    def doIteration(timeout: float | None) -> None:
        try:
            events = poll(-1 if timeout is None else timeout, EVENTS)
        except InterruptedError:
            return
        # Whose they are is asked before any of them is served: one may close a descriptor and open another of the same
        # number, which a hang-up that was the first one's would cut off.
        for selectable, descriptor, event in [(find(number), number, what) for number, what in events]:
            if selectable is None or find(descriptor) is not selectable:
                continue  # an earlier event of this turn closed it
            if event == EPOLLIN:
                try:
                    why = selectable.doRead()
                except BaseException as problem:  # noqa: BLE001 - as the stock loop: it costs one connection
                    log.failure("Unhandled error in {selectable}", selectable=selectable.logPrefix())
                    why = problem
                if why is not None:
                    lose(selectable, why, True)
            elif event == EPOLLOUT:
                try:
                    why = selectable.doWrite()
                except BaseException as problem:  # noqa: BLE001
                    log.failure("Unhandled error in {selectable}", selectable=selectable.logPrefix())
                    why = problem
                if why is not None:
                    lose(selectable, why, False)
            else:
                callWithLogger(selectable, the_stock_way, selectable, descriptor, event)

    return doIteration
