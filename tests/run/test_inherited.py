"""Sockets from systemd: the variables, the names, the descriptors."""

from __future__ import annotations

import os
import socket

from twisted.trial.unittest import SynchronousTestCase

from netdaemon.run import inherited
from netdaemon.run.inherited import Inherited


class InheritedTests(SynchronousTestCase):
    def give(self, *names: str) -> list[int]:
        """Sockets on descriptors in a row, as systemd gives them."""
        given = []
        first = 200
        for number in range(len(names)):
            made = socket.socket()
            os.dup2(made.fileno(), first + number)
            made.close()
            given.append(first + number)
        self.patch(inherited, "FIRST", first)
        self.environment = {
            "LISTEN_PID": str(os.getpid()),
            "LISTEN_FDS": str(len(names)),
            "LISTEN_FDNAMES": ":".join(names),
            "HOME": "/",
        }
        return given

    def test_by_name(self) -> None:
        self.give("http", "time", "http")
        taken = Inherited.take(self.environment)
        self.addCleanup(taken.close)
        self.assertEqual(taken.names(), ["http", "time"])
        both = taken.pop("http")
        self.assertEqual([one.fileno() for one in both], [200, 202])
        for one in both:
            self.assertFalse(os.get_inheritable(one.fileno()))
            self.assertEqual(one.gettimeout(), 0)
            one.close()
        self.assertEqual(taken.pop("http"), [])
        self.assertEqual(taken.names(), ["time"])

    def test_environment_is_cleared(self) -> None:
        self.give("http")
        Inherited.take(self.environment).close()
        self.assertEqual(self.environment, {"HOME": "/"})

    def test_unwanted_are_closed(self) -> None:
        self.give("http")
        Inherited.take(self.environment).close()
        self.assertRaises(OSError, os.fstat, 200)

    def test_for_another_process(self) -> None:
        (descriptor,) = self.give("http")
        self.environment["LISTEN_PID"] = "1"
        taken = Inherited.take(self.environment)
        self.assertEqual(taken.names(), [])
        self.assertEqual(self.environment, {"HOME": "/"})
        os.close(descriptor)

    def test_nothing(self) -> None:
        self.assertEqual(Inherited.take({}).names(), [])
        self.assertEqual(Inherited.take({"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "x"}).names(), [])

    def test_no_socket(self) -> None:
        self.give("http", "fifo")
        reader, writer = os.pipe()
        os.dup2(reader, 201)
        os.close(reader)
        os.close(writer)
        taken = Inherited.take(self.environment)
        self.addCleanup(taken.close)
        self.assertEqual(taken.names(), ["http"])
        os.close(201)

    def test_without_names(self) -> None:
        self.give("http")
        del self.environment["LISTEN_FDNAMES"]
        taken = Inherited.take(self.environment)
        self.addCleanup(taken.close)
        self.assertEqual(len(taken.names()), 1)
