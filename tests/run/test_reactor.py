"""The lean loop: whom an event is for."""

from __future__ import annotations

import os
from collections.abc import Callable

from twisted.internet.epollreactor import EPollReactor
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from netdaemon.run.reactor import lean_iteration


class Reader:
    """The reading end of a pipe, which tells what it is told."""

    def __init__(self, fd: int, on_read: Callable[[], object] = lambda: None) -> None:
        self.fd = fd
        self.on_read = on_read
        self.told: list[str] = []

    def fileno(self) -> int:
        return self.fd

    def logPrefix(self) -> str:
        return "reader"

    def doRead(self) -> None:
        self.told.append("read")
        self.on_read()

    def connectionLost(self, reason: Failure) -> None:
        self.told.append("lost")
        self.on_read()


class LeanTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.reactor = EPollReactor()
        self.addCleanup(self.reactor._poller.close)
        self.iterate = lean_iteration(self.reactor)
        self.open: list[int] = []
        self.addCleanup(lambda: [os.close(fd) for fd in self.open])

    def pipe(self) -> tuple[int, int]:
        ends = os.pipe()
        self.open += ends
        return ends

    def test_an_event_is_for_whom_it_came(self) -> None:
        """Two hang up at once; the first to be served closes the other, and another comes to have its number."""
        first, second, third = self.pipe(), self.pipe(), self.pipe()
        newcomers: list[Reader] = []

        def close_the_other() -> None:
            other = readers[1] if readers[0].told else readers[0]
            if other.told or newcomers:
                return
            self.reactor.removeReader(other)
            os.dup2(third[0], other.fd)  # closes it, and opens another
            newcomers.append(Reader(other.fd))
            self.reactor.addReader(newcomers[0])

        readers = [Reader(first[0], close_the_other), Reader(second[0], close_the_other)]
        for reader in readers:
            self.reactor.addReader(reader)
        for _, writing in (first, second):
            os.close(writing)
            self.open.remove(writing)
        self.iterate(0)
        self.assertEqual(newcomers[0].told, [])
        self.assertIn(newcomers[0], self.reactor.getReaders())

    def test_what_is_there_is_read(self) -> None:
        reading, writing = self.pipe()
        reader = Reader(reading)
        self.reactor.addReader(reader)
        self.iterate(0)
        os.write(writing, b"x")
        self.iterate(0)
        self.assertEqual(reader.told, ["read"])
