"""Crews: how workers begin, die, are replaced and end. Processes are stand-ins; the flows have real ones."""

from __future__ import annotations

import json
import signal
import socket
from typing import Any

from twisted.internet import task
from twisted.internet.error import ProcessDone, ProcessExitedAlready, ProcessTerminated
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from netdaemon.run.control import Message
from netdaemon.run.crew import LONGEST_PAUSE, START_SECONDS, STEADY, Crew, Hand
from netdaemon.run.entry import CONTROL, FIRST_SOCKET
from netdaemon.run.errors import StartFailed


class Process:
    """A worker as its parent sees it."""

    def __init__(self, protocol: Hand, descriptors: dict[int, int]) -> None:
        self.protocol = protocol
        self.descriptors = descriptors
        self.channel = StringTransport()
        self.signals: list[str] = []
        self.alive = True
        self.pid = 4711

    def signalProcess(self, name: str) -> None:
        if not self.alive:
            raise ProcessExitedAlready
        self.signals.append(name)

    def say(self, word: str, **more: Any) -> None:
        self.protocol.control.dataReceived(json.dumps({"word": word, **more}).encode() + b"\n")

    def end(self, status: int = 0, signal: int | None = None) -> None:
        self.alive = False
        over = ProcessTerminated(status, signal) if status or signal else ProcessDone(0)
        self.protocol.processEnded(Failure(over))

    @property
    def told(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.channel.value().splitlines()]

    @property
    def words(self) -> list[str]:
        return [message["word"] for message in self.told]


class Reactor(task.Clock):
    """Time, and processes that do what the test says."""

    def __init__(self) -> None:
        super().__init__()
        self.processes: list[Process] = []
        self.refuses: OSError | None = None

    def spawnProcess(self, protocol: Any, executable: str, argv: Any, env: Any, childFDs: dict[int, int]) -> Process:
        if self.refuses is not None:
            raise self.refuses
        self.processes.append(Process(protocol, dict(childFDs)))
        return self.processes[-1]

    def adoptStreamConnection(self, descriptor: int, family: int, factory: Any) -> None:
        factory.buildProtocol(None).makeConnection(self.processes[-1].channel)


class Foreman:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, Hand, Message]] = []

    def prepare(self, hand: Hand) -> None:
        hand.control.tell("login", ago=1.0)

    def login(self, hand: Hand, message: Message) -> None:
        self.told.append(("login", hand, message))

    def change(self, hand: Hand, message: Message) -> None:
        self.told.append(("change", hand, message))

    def counts(self, hand: Hand, message: Message) -> None:
        self.told.append(("counts", hand, message))

    def gone(self, hand: Hand) -> None:
        self.told.append(("gone", hand, {}))


class CrewTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.reactor = Reactor()
        self.foreman = Foreman()
        self.sockets = [socket.socket() for _ in range(3)]
        for one in self.sockets:
            self.addCleanup(one.close)
        self.crew = Crew(self.reactor, self.foreman, {"file": "x.ini"}, [[one] for one in self.sockets])

    @property
    def processes(self) -> list[Process]:
        return self.reactor.processes

    def begun(self) -> list[Process]:
        """Every worker ready."""
        self.crew.start()
        self.processes[0].say("ready")
        self.processes[1].say("ready")
        self.processes[2].say("ready")
        self.successResultOf(self.crew.ready)
        return self.processes[:]

    def test_the_others_begin_when_the_first_is_ready(self) -> None:
        self.crew.start()
        self.assertEqual(len(self.processes), 1)
        self.processes[0].say("ready")
        self.assertEqual(len(self.processes), 3)
        self.processes[1].say("ready")
        self.processes[1].say("ready")
        self.assertNoResult(self.crew.ready)
        self.processes[2].say("ready")
        self.successResultOf(self.crew.ready)

    def test_what_a_worker_is_given(self) -> None:
        self.begun()
        for number, (process, bound) in enumerate(zip(self.processes, self.sockets, strict=True), 1):
            self.assertEqual(sorted(process.descriptors), [0, 1, 2, CONTROL, FIRST_SOCKET])
            self.assertEqual(process.descriptors[FIRST_SOCKET], bound.fileno())
            self.assertEqual(process.words, ["boot", "login", "begin"])
            self.assertEqual(process.told[0], {"word": "boot", "file": "x.ini", "number": number})

    def test_what_a_worker_tells(self) -> None:
        process = self.begun()[1]
        process.say("login", where="x")
        process.say("change", change="[]")
        process.say("counts", families=[])
        told = [(word, hand.number) for word, hand, _ in self.foreman.told]
        self.assertEqual(told, [("login", 2), ("change", 2), ("counts", 2)])

    def test_a_start_that_fails(self) -> None:
        self.crew.start()
        self.processes[0].say("ready")
        self.processes[1].say("failed", why="[echo] no such thing")
        self.processes[1].end(1)
        self.assertEqual(str(self.failureResultOf(self.crew.ready, StartFailed).value), "[echo] no such thing")
        self.assertEqual([process.signals for process in self.processes], [["KILL"], [], ["KILL"]])
        gone = self.crew.when_gone()
        for process in (self.processes[0], self.processes[2]):
            self.assertNoResult(gone)
            process.end(signal=signal.SIGKILL)
        self.successResultOf(gone)
        self.reactor.advance(60)
        self.assertEqual(len(self.processes), 3)

    def test_a_death_before_it_is_ready(self) -> None:
        self.crew.start()
        self.processes[0].end(3)
        self.assertEqual(str(self.failureResultOf(self.crew.ready, StartFailed).value), "exit status 3")

    def test_never_ready(self) -> None:
        self.crew.start()
        self.reactor.advance(START_SECONDS)
        self.assertEqual(self.processes[0].signals, ["KILL"])
        self.processes[0].end(signal=signal.SIGKILL)
        self.assertIn("not ready after 60 s", str(self.failureResultOf(self.crew.ready, StartFailed).value))

    def test_no_process_to_be_had(self) -> None:
        self.reactor.refuses = OSError(12, "Cannot allocate memory")
        self.crew.start()
        self.assertIn("Cannot allocate", str(self.failureResultOf(self.crew.ready, StartFailed).value))

    def test_pauses(self) -> None:
        """0.1 s before the next, doubling up to 10 s, from the beginning again after a minute of life."""
        self.begun()
        pauses = [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, LONGEST_PAUSE, LONGEST_PAUSE]
        for pause in pauses:
            before = len(self.processes)
            self.processes[-1].end(signal=signal.SIGSEGV)
            self.reactor.advance(pause * 0.99)
            self.assertEqual(len(self.processes), before)
            self.reactor.advance(pause * 0.02)
            self.assertEqual(len(self.processes), before + 1)
            self.assertEqual(self.processes[-1].descriptors[FIRST_SOCKET], self.sockets[2].fileno())
        self.processes[-1].say("ready")
        self.reactor.advance(STEADY)
        before = len(self.processes)
        self.processes[-1].end(signal=signal.SIGSEGV)
        self.reactor.advance(0.11)
        self.assertEqual(len(self.processes), before + 1)

    def test_a_replacement_that_fails_is_replaced(self) -> None:
        self.begun()
        self.processes[2].end(1)
        self.reactor.advance(0.11)
        self.processes[3].say("failed", why="the disk is full")
        self.processes[3].end(1)
        self.reactor.advance(0.21)
        self.assertEqual(len(self.processes), 5)
        self.reactor.refuses = OSError(12, "Cannot allocate memory")
        self.processes[4].end(1)
        self.reactor.advance(0.41)
        self.reactor.refuses = None
        self.reactor.advance(0.81)
        self.assertEqual(len(self.processes), 6)
        self.assertEqual([signals for process in self.processes for signals in process.signals], [])

    def test_nonsense_ends_it(self) -> None:
        """A worker that is cut off ends; here only the cutting is seen."""
        process = self.begun()[0]
        process.channel.abortConnection = process.channel.loseConnection  # type: ignore[attr-defined]  # as a socket's
        process.protocol.control.dataReceived(b"boo\n")
        self.assertTrue(process.channel.disconnecting)

    def test_retire(self) -> None:
        processes = self.begun()
        processes[1].end(signal=signal.SIGSEGV)  # its successor is not here yet, and never comes
        self.crew.retire()
        gone = self.crew.when_gone()
        self.reactor.advance(60)
        self.assertEqual(len(self.processes), 3)
        for process in (processes[0], processes[2]):
            self.assertEqual(process.words[-1], "retire")
            self.assertNoResult(gone)
            process.end()
        self.successResultOf(gone)
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_drain(self) -> None:
        processes = self.begun()
        self.crew.drain(7.0)
        self.assertEqual(processes[0].told[-1], {"word": "drain", "grace": 7.0})
        self.crew.hurry()
        self.assertEqual(processes[0].words[-1], "hurry")
        self.crew.kill()
        self.assertEqual(processes[0].signals, ["KILL"])
        for process in processes:
            process.end(signal=signal.SIGKILL)
        self.successResultOf(self.crew.when_gone())

    def test_drain_while_beginning(self) -> None:
        self.crew.start()
        self.crew.drain(7.0)
        self.failureResultOf(self.crew.ready, StartFailed)
        self.processes[0].say("ready")
        self.assertEqual(len(self.processes), 1)
        self.processes[0].end()
        self.successResultOf(self.crew.when_gone())

    def test_drain_before_the_begin(self) -> None:
        self.crew.drain(7.0)
        self.failureResultOf(self.crew.ready, StartFailed)
        self.crew.start()
        self.assertEqual(self.processes, [])
        self.successResultOf(self.crew.when_gone())
