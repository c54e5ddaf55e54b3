"""A door's own port for a factory, on the reactor that the tests run on."""

from __future__ import annotations

import socket
from typing import Any

from twisted.internet import reactor
from twisted.internet.interfaces import IProtocolFactory
from twisted.trial.unittest import TestCase

from netdaemon.run.gate import Gate, Tenant
from netdaemon.wire.port import StreamPort


def listen(test: TestCase, factory: Any) -> StreamPort:
    """Listen with a `StreamPort` on a free port of 127.0.0.1 until the test's end; sessions get our own transport."""
    return listen_behind(test, factory, factory)


def listen_behind(test: TestCase, factory: Any, entrance: IProtocolFactory) -> StreamPort:
    """The same with ``entrance`` before the sessions of ``factory``."""
    bound = socket.create_server(("127.0.0.1", 0))
    bound.setblocking(False)
    gate = Gate("[test] tcp:0", "test", reactor)  # type: ignore[arg-type]  # what a module poses as
    gate.serve(Tenant(factory.settings, factory, factory.deadlines), entrance)
    port = StreamPort(bound, gate, reactor)
    port.startListening()
    test.addCleanup(port.stopListening)
    return port
