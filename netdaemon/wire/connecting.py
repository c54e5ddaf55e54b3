"""Connections that we make: Twisted's own, whose writes go out at once when nothing waits before them.

The stock transport waits for the poller's next turn, which costs three calls of the kernel and the turn.
"""

# mypy: disable-error-code="no-untyped-call"
# Twisted's transports have no types.

from __future__ import annotations

from typing import Any

from twisted.internet import tcp


class Transport(tcp.Client):
    """The transport. Under TLS it is Twisted's in every way."""

    _aborting = False

    def write(self, data: bytes) -> None:
        if self.TLS or self.dataBuffer or self._tempDataBuffer or self.disconnecting or not self.connected:
            super().write(data)
            return
        if self._writeDisconnecting or self._writeDisconnected or self._aborting or not data:
            return
        try:
            sent = self.socket.send(data)
        except OSError:
            sent = 0  # the poller's turn will meet the error again and say it as Twisted does
        if sent < len(data):
            super().write(data[sent:])


class Connector(tcp.Connector):
    """Makes such transports."""

    def _makeTransport(self) -> tcp.Client:
        return Transport(self.host, self.port, self.bindAddress, self, self.reactor)


def connect_tcp(
    reactor: Any, host: str, port: int, factory: Any, timeout: float = 30, bindAddress: Any = None
) -> Connector:
    """As `IReactorTCP.connectTCP`, for reactors with descriptors."""
    connector = Connector(host, port, factory, timeout, bindAddress, reactor)
    connector.connect()
    return connector
