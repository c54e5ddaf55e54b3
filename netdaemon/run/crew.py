"""Crew: the worker processes of one configuration. Each stands at a post; one that dies is replaced, ever later."""

# mypy: disable-error-code="no-untyped-call"
# Twisted's processes have no types.

from __future__ import annotations

import os
import signal
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Protocol

from twisted.internet.defer import Deferred, succeed
from twisted.internet.error import ProcessDone, ProcessExitedAlready
from twisted.internet.protocol import ProcessProtocol
from twisted.logger import Logger
from twisted.python.failure import Failure

from netdaemon.run.control import Control, Message, attach
from netdaemon.run.entry import CONTROL, FIRST_SOCKET, command
from netdaemon.run.errors import StartFailed, reason

START_SECONDS = 60.0
"""How long a worker may take to be ready; under one on a quiet machine."""

FIRST_PAUSE = 0.1
LONGEST_PAUSE = 10.0
STEADY = 60.0
"""Seconds of life after which a death is a first one again."""

Heard = Callable[["Hand", Message], object]


class Hand(ProcessProtocol):
    """One worker process, from its start to its end."""

    def __init__(self, number: int, heard: Mapping[str, Heard], ended: Callable[[Hand], object]) -> None:
        """``number`` is its post's; ``heard`` has what to call for each word it says, ``ended`` is called once."""
        self.number = number
        self.control = Control({word: partial(call, self) for word, call in heard.items()}, lambda: None)
        self.why = ""
        """What it says, or we know, about its failure."""
        self._ended = ended
        self._process: Any = None

    def spawn(self, reactor: Any, sockets: Sequence[socket.socket], boot: Mapping[str, Any]) -> None:
        """Start it, with ``sockets`` as its descriptors from `FIRST_SOCKET` on. Raises OSError."""
        ours, theirs = socket.socketpair()
        with theirs, open(os.devnull, "rb") as nothing:
            descriptors = {0: nothing.fileno(), 1: 1, 2: 2, CONTROL: theirs.fileno()}
            descriptors |= {FIRST_SOCKET + position: one.fileno() for position, one in enumerate(sockets)}
            argv = command(reactor, self.number)
            try:
                self._process = reactor.spawnProcess(self, sys.executable, argv, os.environ, childFDs=descriptors)
            except BaseException:
                ours.close()
                raise
        attach(reactor, ours, self.control)
        self.control.tell("boot", **boot)

    @property
    def pid(self) -> int:
        return int(self._process.pid)

    def kill(self) -> None:
        try:
            self._process.signalProcess("KILL")
        except ProcessExitedAlready:
            pass

    def processEnded(self, reason: Failure) -> None:
        ended: Any = reason.value
        if reason.check(ProcessDone):
            how = "it ended by itself"
        elif ended.signal is not None:
            how = f"killed by {signal.Signals(ended.signal).name}"
        else:
            how = f"exit status {ended.exitCode}"
        self.why = self.why or how
        self.control.end()
        self._ended(self)


class IForeman(Protocol):
    """What a crew tells of its hands."""

    def prepare(self, hand: Hand) -> None:
        """``hand`` has been told its boot and waits for what more it must know to begin."""

    def login(self, hand: Hand, message: Message) -> None:
        """It has told of a login."""

    def change(self, hand: Hand, message: Message) -> None:
        """It has told of a change in the message store."""

    def counts(self, hand: Hand, message: Message) -> None:
        """It has told what it counted."""

    def gone(self, hand: Hand) -> None:
        """It has ended."""


class Post:
    """One worker's place: the sockets it serves, who stands there, and when the next one comes."""

    _log = Logger()

    def __init__(self, crew: Crew, number: int, sockets: Sequence[socket.socket]) -> None:
        self.number = number
        self.sockets = sockets
        self.hand: Hand | None = None
        self.ready = False
        self._crew = crew
        self._began = 0.0
        self._pause = FIRST_PAUSE
        self._timer: Any = None

    @property
    def empty(self) -> bool:
        return self.hand is None

    def fill(self) -> None:
        """Start a worker here."""
        crew = self._crew
        self._began = crew.reactor.seconds()
        heard: dict[str, Heard] = {
            "ready": self._is_ready,
            "failed": self._has_failed,
            "login": crew.foreman.login,
            "change": crew.foreman.change,
            "counts": crew.foreman.counts,
        }
        hand = Hand(self.number, heard, self._ended)
        try:
            hand.spawn(crew.reactor, self.sockets, crew.boot | {"number": self.number})
        except OSError as error:
            hand.why = reason(error)
            self._again(hand)
            return
        self.hand = hand
        self._timer = crew.reactor.callLater(START_SECONDS, self._too_late, hand)
        crew.foreman.prepare(hand)
        hand.control.tell("begin")

    def leave(self) -> None:
        """Nobody comes here any more."""
        if self._timer is not None and self._timer.active():
            self._timer.cancel()

    def _is_ready(self, hand: Hand, message: Message) -> None:
        if self.ready:
            return
        self.ready = True
        self._timer.cancel()
        self._crew.has_begun(self)

    def _has_failed(self, hand: Hand, message: Message) -> None:
        hand.why = str(message["why"])

    def _too_late(self, hand: Hand) -> None:
        hand.why = f"not ready after {START_SECONDS:.0f} s"
        hand.kill()

    def _ended(self, hand: Hand) -> None:
        self.hand = None
        self.ready = False
        if self._timer.active():
            self._timer.cancel()
        self._crew.foreman.gone(hand)
        self._again(hand)

    def _again(self, hand: Hand) -> None:
        crew = self._crew
        if not crew.has_lost(self, hand.why):
            return
        if crew.reactor.seconds() - self._began >= STEADY:
            self._pause = FIRST_PAUSE
        self._log.error(
            "worker {number} died: {why}; another comes in {pause:g} s",
            number=self.number,
            why=hand.why,
            pause=self._pause,
        )
        self._timer = crew.reactor.callLater(self._pause, self.fill)
        self._pause = min(2 * self._pause, LONGEST_PAUSE)


class Crew:
    """One generation of workers: begins, is kept complete, retires or drains, is gone."""

    def __init__(
        self,
        reactor: Any,
        foreman: IForeman,
        boot: Mapping[str, Any],
        sockets: Sequence[Sequence[socket.socket]],
    ) -> None:
        """``boot`` is what each worker is told first; ``sockets`` has those of each of them."""
        self.reactor = reactor
        self.foreman = foreman
        self.boot = dict(boot)
        self.ready: Deferred[None] = Deferred()
        """Fires when all are ready for the first time; fails with StartFailed when one of them can't be."""
        self._posts = [Post(self, number, one) for number, one in enumerate(sockets, 1)]
        self._leaving = False
        self._gone: list[Deferred[None]] = []

    @property
    def hands(self) -> list[Hand]:
        """The living."""
        return [post.hand for post in self._posts if post.hand is not None]

    def start(self) -> None:
        """The first worker makes what isn't there yet (databases, files); the others begin when it is ready."""
        if not self._leaving:
            self._posts[0].fill()

    def has_begun(self, post: Post) -> None:
        """The worker at ``post`` is ready."""
        if self.ready.called:
            return
        if post is self._posts[0]:
            for other in self._posts[1:]:
                other.fill()
        if all(one.ready for one in self._posts):
            self.ready.callback(None)

    def has_lost(self, post: Post, why: str) -> bool:
        """The worker at ``post`` is gone; is another wanted?"""
        if not self.ready.called:
            self.ready.errback(StartFailed(why))
            self.kill()
        if self._leaving and not self.hands:
            waiting, self._gone = self._gone, []
            for deferred in waiting:
                deferred.callback(None)
        return not self._leaving

    # --- the end ---------------------------------------------------------------------------------------------

    def retire(self) -> None:
        """Another crew has the doors: let nobody in, and end when the last session has."""
        self._leave("retire")

    def drain(self, grace: float) -> None:
        """Tell the sessions, and end after ``grace`` seconds at the latest."""
        self._leave("drain", grace=grace)

    def hurry(self) -> None:
        """End at once."""
        self._leave("hurry")

    def kill(self) -> None:
        """End them from outside."""
        self._leave("hurry")
        for hand in self.hands:
            hand.kill()

    def when_gone(self) -> Deferred[None]:
        """Fires when the last worker has ended, once they were told to."""
        if not self.hands:
            return succeed(None)
        deferred: Deferred[None] = Deferred()
        self._gone.append(deferred)
        return deferred

    def _leave(self, word: str, **more: Any) -> None:
        self._leaving = True
        if not self.ready.called:
            self.ready.errback(StartFailed("the daemon stops"))
        for post in self._posts:
            post.leave()
        for hand in self.hands:
            hand.control.tell(word, **more)
