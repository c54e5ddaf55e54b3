"""Control: the channel between the daemon's parent process and one worker, JSON objects, one a line.

From the parent: boot, login, change, retire, drain, hurry. From a worker: ready, failed, login, change, counts.
"""

# mypy: disable-error-code="no-untyped-call"
# Twisted's reactors have no types.

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Mapping
from typing import Any

from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory, Protocol
from twisted.logger import Logger
from twisted.python.failure import Failure

LARGEST = 8 << 20
"""Bytes of one message. An INI has up to 1 MiB, in JSON up to six times as much."""

Message = Mapping[str, Any]


class Control(Protocol):
    """One end. Who says what is no message, or not for us, is cut off."""

    _log = Logger()

    def __init__(self, heard: Mapping[str, Callable[[Message], object]], lost: Callable[[], object]) -> None:
        """``heard`` has what to call for each word; KeyError, TypeError and ValueError mean a wrong message.

        ``lost`` is called once, when the other end is gone.
        """
        self._heard = heard
        self._lost = lost
        self._parts: list[bytes] = []
        self._size = 0
        self.open = False

    def connectionMade(self) -> None:
        self.open = True

    def tell(self, word: str, **more: Any) -> None:
        """Send a message; nothing happens when the other end is gone."""
        if self.open and self.transport is not None:
            self.transport.write(json.dumps({"word": word, **more}).encode() + b"\n")

    def end(self) -> None:
        """Hang up behind what was told."""
        if self.open and self.transport is not None:
            self.transport.loseConnection()

    def dataReceived(self, data: bytes) -> None:
        *lines, rest = data.split(b"\n")
        for line in lines:
            whole = b"".join((*self._parts, line))
            self._parts, self._size = [], 0
            if len(whole) > LARGEST or not self._message(whole):
                self._cut_off()
                return
        self._parts.append(rest)
        self._size += len(rest)
        if self._size > LARGEST:
            self._cut_off()

    def _message(self, line: bytes) -> bool:
        try:
            message = json.loads(line)
            self._heard[message["word"]](message)
        except (KeyError, TypeError, ValueError, RecursionError) as error:
            self._log.error("a wrong message between the daemon's processes: {error}", error=repr(error))
            return False
        return True

    def _cut_off(self) -> None:
        self._parts, self._size = [], 0
        transport: Any = self.transport
        transport.abortConnection()

    def connectionLost(self, reason: Failure | None = None) -> None:
        self.open = False
        self._lost()


class _One(Factory):
    """Of a connection that is there already."""

    noisy = False

    def __init__(self, control: Control) -> None:
        self._control = control

    def buildProtocol(self, addr: IAddress | None) -> Control:
        return self._control


def attach(reactor: Any, end: socket.socket, control: Control) -> None:
    """Have ``control`` speak over ``end``, one of a socketpair(2)'s, which it takes over."""
    factory = _One(control)
    end.setblocking(False)
    with end:  # the reactor has a duplicate
        reactor.adoptStreamConnection(end.fileno(), socket.AF_UNIX, factory)
