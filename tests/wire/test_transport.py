"""The corked transport at its edges: short writes, EAGAIN, files that shrink, aborts, producers, closing in a cork."""

from __future__ import annotations

import errno
import os
import socket
import tempfile
from collections.abc import Callable
from typing import Any, cast
from unittest.mock import patch

from twisted.internet.defer import Deferred
from twisted.internet.epollreactor import EPollReactor
from twisted.internet.error import ConnectionAborted, ConnectionDone, ConnectionLost
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from netdaemon.wire.transport import UNSENT, FileShrank, StreamTransport, file_sender
from tests.wire.producers import Told

CONTENT = bytes(range(256)) * 4096


class Scripted(Protocol):
    """Runs the test's function at each read; remembers how the connection ended."""

    lost: Failure | None = None
    react: Callable[[bytes], object] = staticmethod(lambda data: None)

    def dataReceived(self, data: bytes) -> None:
        self.react(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.lost = reason


class SlowSocket:
    """A socket that takes at most so many bytes at a time and answers every other call with EAGAIN."""

    def __init__(self, real: socket.socket, most: int) -> None:
        self._real, self._most, self.calls = real, most, 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def send(self, data: bytes, *flags: int) -> int:
        self.calls += 1
        if self.calls % 2:
            raise BlockingIOError(errno.EAGAIN, "again")
        return self._real.send(bytes(data)[: self._most], *flags)


class WatchedSocket:
    """A socket that writes down what it is given to send."""

    def __init__(self, real: socket.socket) -> None:
        self._real = real
        self.sends: list[tuple[bytes, int]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def send(self, data: bytes, flags: int = 0) -> int:
        self.sends.append((bytes(data), flags))
        return self._real.send(data, flags)


class TransportCase(SynchronousTestCase):
    """A transport on one end of a socket pair, its peer the other; the reactor is stepped by hand."""

    def setUp(self) -> None:
        self.reactor = EPollReactor()
        ours, self.peer = socket.socketpair()
        self.peer.setblocking(False)
        self.protocol = Scripted()
        self.transport = StreamTransport(ours, self.protocol, ("127.0.0.1", 1), None, 1, self.reactor)
        self.file = tempfile.TemporaryFile()  # noqa: SIM115  # closed at the end
        self.file.write(CONTENT)
        self.file.flush()
        self.addCleanup(self.clean)

    def clean(self) -> None:
        if self.transport.connected:
            self.transport.connectionLost(Failure(ConnectionDone()))
        self.peer.close()
        self.file.close()
        self.reactor.removeAll()
        self.reactor.disconnectAll()
        self.reactor._poller.close()

    def turn(self, times: int = 1) -> None:
        for _ in range(times):
            self.reactor.runUntilCurrent()
            self.reactor.doIteration(0)

    def received(self, turns: int = 4000) -> bytes:
        """All that reaches the peer until nothing more comes in a good many turns."""
        got, quiet = [], 0
        for _ in range(turns):
            self.turn()
            try:
                data = self.peer.recv(1 << 20)
            except BlockingIOError:
                quiet += 1
                if quiet > 20:
                    break
                continue
            except ConnectionError:
                break
            if not data:
                break
            quiet = 0
            got.append(data)
        return b"".join(got)

    def in_a_read(self, react: Callable[[bytes], object]) -> None:
        """Have the protocol do this while it handles a read."""
        self.protocol.react = react
        self.peer.send(b"now")
        self.turn()
        self.protocol.react = lambda data: None

    def writers(self) -> list[Any]:
        return [writer for writer in self.reactor.getWriters() if writer is self.transport]


class CorkTests(TransportCase):
    def watch(self) -> list[tuple[bytes, int]]:
        """From now on, what is sent and with which flags, call by call."""
        watched = WatchedSocket(self.transport.socket)
        self.transport.socket = cast(Any, watched)
        return watched.sends

    def test_a_reads_writes_leave_in_one_call_without_the_poller(self) -> None:
        self.transport.begin()
        sends = self.watch()

        def react(data: bytes) -> None:
            self.transport.write(b"a")
            self.transport.writeSequence([b"b", b"c"])
            self.transport.write(b"d")
            self.assertEqual(sends, [])

        self.in_a_read(react)
        self.assertEqual(sends, [(b"abcd", 0)])
        self.assertEqual(self.writers(), [])
        self.assertEqual(self.received(), b"abcd")

    def test_the_end_shares_a_packet_with_the_last_words(self) -> None:
        self.transport.begin()
        sends = self.watch()

        def farewell(data: bytes) -> None:
            self.transport.write(b"bye")
            self.transport.loseConnection()

        self.in_a_read(farewell)
        self.assertEqual(sends, [(b"bye", socket.MSG_MORE)])
        self.assertTrue(self.transport.disconnected)
        self.assertEqual(self.received(), b"bye")

    def test_last_words_that_are_not_the_last_wait_for_no_other(self) -> None:
        self.transport.begin()
        sends = self.watch()

        chunks = [b"one ", b"word more: ", b"bye"]

        class Pull:
            def resumeProducing(producer) -> None:
                if len(chunks) == 1:
                    self.transport.unregisterProducer()
                self.transport.write(chunks.pop(0))

            def stopProducing(producer) -> None:
                pass

        def farewell(data: bytes) -> None:
            self.transport.registerProducer(Pull(), False)
            self.transport.loseConnection()

        self.in_a_read(farewell)
        self.assertEqual(sends[0], (b"one ", 0))
        self.assertEqual(self.received(), b"one word more: bye")

    def test_a_greeting_and_farewell_never_meet_the_poller(self) -> None:
        added = []
        self.patch(self.reactor, "addReader", added.append)
        self.patch(self.reactor, "addWriter", added.append)

        def made() -> None:
            self.transport.write(b"1234")
            self.transport.loseConnection()

        self.protocol.connectionMade = made  # type: ignore[method-assign]
        self.transport.begin()
        self.assertEqual(added, [])
        self.assertIsInstance(self.protocol.lost.value, ConnectionDone)
        self.assertEqual(self.peer.recv(100), b"1234")
        self.assertEqual(self.peer.recv(100), b"")

    def test_the_first_read_is_tried_at_once(self) -> None:
        seen = []
        self.protocol.react = seen.append
        self.peer.send(b"GET /")
        self.transport.begin()
        self.assertEqual(seen, [b"GET /"])

    def test_paused_before_the_first_read(self) -> None:
        seen = []
        self.protocol.react = seen.append
        self.protocol.connectionMade = lambda: self.transport.pauseProducing()  # type: ignore[method-assign]
        self.peer.send(b"early")
        self.transport.begin()
        self.turn(3)
        self.assertEqual(seen, [])
        self.transport.resumeProducing()
        self.turn()
        self.assertEqual(seen, [b"early"])

    def test_short_writes_and_eagain_at_every_place(self) -> None:
        for most in (1, 7, 1000):
            with self.subTest(most=most):
                self.clean()
                self.setUp()
                self.transport.begin()
                self.transport.socket = SlowSocket(self.transport.socket, most)
                self.in_a_read(lambda data: [self.transport.write(b"%d " % number) for number in range(300)])
                self.transport.write(b"end")
                self.assertEqual(self.received(), b"".join(b"%d " % number for number in range(300)) + b"end")

    def test_lose_connection_in_a_cork_sends_first(self) -> None:
        self.transport.begin()
        self.in_a_read(lambda data: (self.transport.write(b"bye"), self.transport.loseConnection()))
        self.assertIsInstance(self.protocol.lost.value, ConnectionDone)
        self.assertEqual(self.received(), b"bye")

    def test_lose_connection_in_a_cork_with_a_peer_that_does_not_read(self) -> None:
        self.transport.begin()
        self.in_a_read(lambda data: (self.transport.write(CONTENT), self.transport.loseConnection()))
        self.assertIsNone(self.protocol.lost)
        self.assertEqual(self.received(), CONTENT)
        self.assertIsInstance(self.protocol.lost.value, ConnectionDone)

    def test_one_event_for_reading_and_writing_when_the_read_ends_it(self) -> None:
        self.transport.begin()
        self.transport.startWriting()
        self.in_a_read(lambda data: self.transport.loseConnection())
        self.assertIsInstance(self.protocol.lost.value, ConnectionDone)
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_one_event_for_reading_and_writing_when_the_read_half_closes(self) -> None:
        self.transport.begin()
        self.transport.send_file(self.file.fileno(), 0, 1)
        self.in_a_read(lambda data: self.transport.loseWriteConnection())
        self.assertEqual(self.received(), CONTENT[:1])
        self.assertIsNone(self.protocol.lost)
        self.transport.loseWriteConnection()  # again: nothing more to do, and nothing to wait for
        self.turn(3)
        self.assertIsNone(self.protocol.lost)
        self.assertEqual(self.writers(), [])

    def test_abort_in_a_cork_sends_nothing(self) -> None:
        self.transport.begin()
        self.in_a_read(lambda data: (self.transport.write(b"secret"), self.transport.abortConnection()))
        self.turn()
        self.assertIsInstance(self.protocol.lost.value, ConnectionAborted)
        self.assertEqual(self.received(), b"")

    def test_a_read_that_raises_ends_the_connection(self) -> None:
        self.transport.begin()

        def react(data: bytes) -> None:
            raise ZeroDivisionError

        self.in_a_read(react)
        self.assertIsInstance(self.protocol.lost.value, ZeroDivisionError)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_a_peer_that_is_gone_is_met_in_the_loop_not_in_write(self) -> None:
        self.transport.begin()
        self.transport.stopReading()
        self.peer.close()
        self.transport.write(b"into the void")
        self.assertIsNone(self.protocol.lost)
        self.turn(2)
        self.assertIsInstance(self.protocol.lost.value, ConnectionLost)

    def test_text_is_refused_as_ever(self) -> None:
        self.transport.begin()
        self.assertRaises(TypeError, self.transport.write, "text")


class ProducerTests(TransportCase):
    def test_a_producer_registered_in_a_cork_is_paused_and_resumed(self) -> None:
        self.transport.begin()
        told = Told()

        def react(data: bytes) -> None:
            self.transport.registerProducer(told, True)
            self.transport.write(CONTENT)

        self.in_a_read(react)
        self.assertEqual(told, ["pause"])
        self.assertEqual(self.received(), CONTENT)
        self.assertEqual(told, ["pause", "resume"])
        self.transport.abortConnection()
        self.turn()
        self.assertEqual(told, ["pause", "resume", "stop"])

    def test_a_streaming_producer_that_is_not_paused_costs_no_trip_through_the_poller(self) -> None:
        self.transport.begin()

        told = Told()
        self.transport.registerProducer(told, True)
        added = []
        self.patch(self.reactor, "addWriter", added.append)
        self.in_a_read(lambda data: self.transport.write(b"answer"))
        self.assertEqual(self.received(), b"answer")
        self.assertEqual((added, told), ([], []))

    def test_a_pull_producer_is_asked_until_it_ends(self) -> None:
        self.transport.begin()
        chunks = [b"one ", b"two ", b"three"]
        transport = self.transport

        class Puller:
            def resumeProducing(self) -> None:
                if chunks:
                    transport.write(chunks.pop(0))
                else:
                    transport.unregisterProducer()
                    transport.loseConnection()

            def stopProducing(self) -> None:
                chunks.clear()

        self.in_a_read(lambda data: transport.registerProducer(Puller(), False))
        self.assertEqual(self.received(), b"one two three")
        self.assertIsInstance(self.protocol.lost.value, ConnectionDone)


class SendFileTests(TransportCase):
    def send(self, offset: int = 0, count: int = len(CONTENT)) -> Deferred[None]:
        return self.transport.send_file(self.file.fileno(), offset, count)

    def test_in_order_with_what_is_before_and_behind(self) -> None:
        self.transport.begin()

        def react(data: bytes) -> None:
            self.transport.write(b"<")
            self.send(10, 500_000)
            self.transport.write(b"|")
            self.send(20, 3)
            self.send(0, 0)
            self.transport.write(b">")
            self.transport.loseConnection()

        self.in_a_read(react)
        self.assertEqual(self.received(), b"<" + CONTENT[10:500_010] + b"|" + CONTENT[20:23] + b">")
        self.assertIsInstance(self.protocol.lost.value, ConnectionDone)

    def test_a_close_behind_a_file_sends_nothing_more(self) -> None:
        self.transport.begin()
        self.transport.socket = counted = SlowSocket(self.transport.socket, 1)

        def react(data: bytes) -> None:
            self.send(0, 100)
            self.transport.loseConnection()

        self.in_a_read(react)
        self.assertEqual(self.received(), CONTENT[:100])
        self.assertIsInstance(self.protocol.lost.value, ConnectionDone)
        self.assertEqual(counted.calls, 0)

    def test_what_waits_in_the_kernel_is_bounded(self) -> None:
        """For a large file, once; where the socket can't, the file goes all the same."""
        self.transport.begin()
        asked: list[tuple[int, ...]] = []
        self.transport.socket = WatchedSocket(self.transport.socket)

        def refuse(*option: int) -> None:
            asked.append(option)
            raise OSError(errno.EOPNOTSUPP, "no such thing here")

        self.transport.socket.setsockopt = refuse
        self.send(0, UNSENT)
        self.send(0, UNSENT + 1)
        self.send(0, UNSENT + 1)
        self.assertEqual(self.received(), CONTENT[:UNSENT] + 2 * CONTENT[: UNSENT + 1])
        self.assertEqual(asked, [(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT)])

    def test_the_next_file_may_begin_in_the_first_ones_callback(self) -> None:
        self.transport.begin()
        self.in_a_read(lambda data: self.send(0, 400_000).addCallback(lambda done: self.send(400_000, 100)))
        self.assertEqual(self.received(), CONTENT[:400_100])

    def test_small_ones_leave_in_one_turn(self) -> None:
        self.transport.begin()
        turns = []
        write = self.transport.doWrite

        def counted() -> Any:
            turns.append(1)
            return write()

        self.transport.doWrite = counted  # type: ignore[method-assign]
        for start in range(5):
            self.transport.send_file(self.file.fileno(), start, 10)
            self.transport.write(b"|")
        self.turn()
        self.assertEqual(len(turns), 1)
        self.assertEqual(self.received(), b"".join(CONTENT[start : start + 10] + b"|" for start in range(5)))

    def test_eagain_at_every_place(self) -> None:
        self.transport.begin()
        self.transport.socket = SlowSocket(self.transport.socket, 3)
        real, calls = os.sendfile, [0]

        def sendfile(out: int, source: int, offset: int, count: int) -> int:
            calls[0] += 1
            if calls[0] % 2:
                raise BlockingIOError(errno.EAGAIN, "again")
            return real(out, source, offset, min(count, 777))

        with patch("os.sendfile", sendfile):
            self.in_a_read(
                lambda data: (self.transport.write(b"head"), self.send(5, 10_000), self.transport.write(b"tail"))
            )
            self.assertEqual(self.received(), b"head" + CONTENT[5:10_005] + b"tail")

    def test_a_file_that_shrinks_aborts(self) -> None:
        self.transport.begin()
        self.file.truncate(1000)
        done = self.send(0, 2000)
        self.assertEqual(self.received(), CONTENT[:1000])
        self.failureResultOf(done, FileShrank)
        self.assertIsInstance(self.protocol.lost.value, ConnectionAborted)

    def test_abort_in_the_middle(self) -> None:
        self.transport.begin()
        done, second = self.send(), self.send()
        self.turn(2)
        self.assertNoResult(done)
        self.transport.abortConnection()
        self.turn()
        self.failureResultOf(done, ConnectionAborted)
        self.failureResultOf(second, ConnectionAborted)

    def test_a_peer_that_goes_away_in_the_middle(self) -> None:
        self.transport.begin()
        done = self.send()
        self.turn(2)
        self.peer.close()
        self.turn(3)
        self.failureResultOf(done, ConnectionLost, ConnectionDone)

    def test_a_peer_that_stops_reading_holds_it_without_spinning(self) -> None:
        self.transport.begin()
        done = self.send()
        self.turn(10)
        with patch("os.sendfile", side_effect=AssertionError("spins")):
            self.turn(10)
        self.assertNoResult(done)
        self.assertEqual(self.received(), CONTENT)
        self.successResultOf(done)
        self.assertEqual(self.writers(), [])

    def test_what_waits_behind_pauses_a_producer(self) -> None:
        self.transport.begin()
        told = Told()

        self.send()
        self.transport.registerProducer(told, True)
        self.transport.write(b"x" * 100_000)
        self.assertEqual(told, ["pause"])
        self.assertEqual(self.received(), CONTENT + b"x" * 100_000)
        self.assertEqual(told, ["pause", "resume"])

    def test_half_close_behind_a_producer_that_has_no_more(self) -> None:
        self.transport.begin()

        class Empty:
            def resumeProducing(producer) -> None:
                self.transport.unregisterProducer()

            def stopProducing(producer) -> None:
                pass

        self.transport.write(b"all")
        self.transport.producer, self.transport.streamingProducer = Empty(), False
        self.transport.loseWriteConnection()
        self.turn(3)
        self.assertEqual((self.peer.recv(10), self.peer.recv(10)), (b"all", b""))

    def test_half_close_behind_a_file(self) -> None:
        self.transport.begin()
        self.in_a_read(lambda data: (self.send(0, 300_000), self.transport.loseWriteConnection()))
        self.assertEqual(self.received(), CONTENT[:300_000])
        self.assertIsNone(self.protocol.lost)
        seen = []
        self.protocol.react = seen.append
        self.peer.send(b"still here")
        self.turn()
        self.assertEqual(seen, [b"still here"])

    def test_progress_is_told(self) -> None:
        self.transport.begin()
        told: list[int] = []
        self.transport.send_file(self.file.fileno(), 0, len(CONTENT), told.append)
        self.received()
        self.assertEqual(sum(told), len(CONTENT))
        self.assertGreater(len(told), 1)

    def test_whom_to_trust_with_a_file(self) -> None:
        class Wrapper:
            """As Twisted's wrappers are: what it hasn't it claims to have from its transport."""

            def __init__(self, transport: Any) -> None:
                self.transport = transport

            def __getattr__(self, name: str) -> Any:
                return getattr(self.transport, name)

        self.assertIsNotNone(file_sender(self.transport))
        self.assertIsNone(file_sender(Wrapper(self.transport)))
        self.transport.TLS = True
        self.assertIsNone(file_sender(self.transport))
        self.transport.TLS = False

    def test_after_the_end_it_fails(self) -> None:
        self.transport.begin()
        self.transport.abortConnection()
        self.turn()
        self.failureResultOf(self.send(), ConnectionDone)
