"""How a data connection comes about: the client connects to a port of ours, or we to one of its.

Either is for one connection and for one address, the client's own (RFC 2577 sections 3 and 4): we connect nowhere
else, and whoever else connects is closed, and the waiting goes on.
"""

from __future__ import annotations

import errno
import os
import socket
from typing import Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

BACKLOG = 16
"""Connections that may wait at a passive port: others' must not crowd out the client's."""

TRIES = 64
"""Ports that are tried before they count as used up. Only other programs' are in the way."""

# accept(2): the system's troubles, not the peer's
_EXHAUSTED = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)

Arrived = tuple[socket.socket, Any]
"""A connected socket and its other end's address."""


class CannotConnect(Exception):
    """There is no data connection; the text tells why."""


def unmapped(host: str) -> str:
    """An address; an IPv4 one that is mapped into IPv6 as itself."""
    return host[7:] if host.lower().startswith("::ffff:") and "." in host else host


def plain(host: str) -> str:
    """An address to be compared: unmapped, and a link-local one without its zone."""
    return unmapped(host.partition("%")[0])


class PassivePorts:
    """The ports that data connections may come to; each is in use once.

    The system is not asked to choose one: with thousands of connections that are over and still remembered, each such
    question takes it milliseconds.
    """

    def __init__(self, ports: range) -> None:
        self._free = list(ports)

    def listen(self, host: str, family: int) -> tuple[socket.socket, int]:
        """A listening socket at ``host`` and its port, chosen at random (RFC 2577 section 8).

        Raises CannotConnect when no port is free, and for want of descriptors.
        """
        try:
            listening = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        except OSError as error:
            raise CannotConnect(os.strerror(error.errno or 0)) from error
        try:
            # Connections of that port that are over and still remembered must not be in the way.
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            return listening, self._bind(listening, host)
        except BaseException:
            listening.close()
            raise

    def give_back(self, port: int) -> None:
        """Nobody listens there any more."""
        self._free.append(port)

    def _bind(self, listening: socket.socket, host: str) -> int:
        free = self._free
        taken: list[int] = []
        try:
            while free and len(taken) < TRIES:
                at = int.from_bytes(os.urandom(4), "big") % len(free)
                free[at], free[-1] = free[-1], free[at]
                port = free.pop()
                if _listens(listening, host, port):
                    return port
                taken.append(port)
        finally:
            free += taken
        raise CannotConnect("no passive port is free")


def _listens(listening: socket.socket, host: str, port: int) -> bool:
    """Does it listen there now? No when the port is another's."""
    try:
        listening.bind((host, port))
        listening.listen(BACKLOG)
    except OSError as error:
        if error.errno in (errno.EADDRINUSE, errno.EACCES):
            return False
        raise CannotConnect(os.strerror(error.errno or 0)) from error
    return True


class Passive:
    """A port of ours that waits for one connection from ``host``; it is closed once that has come."""

    def __init__(self, reactor: Any, ports: PassivePorts, own_host: str, host: str) -> None:
        """Raises CannotConnect."""
        self._reactor = reactor
        self._ports = ports
        self._host = plain(host)
        family = socket.AF_INET6 if ":" in own_host else socket.AF_INET
        self._listening: socket.socket | None
        self._listening, self.port = ports.listen(own_host, family)
        self._waiting: Deferred[Arrived] | None = None

    def take(self) -> Arrived | None:
        """The client's connection if it is there already. Raises CannotConnect."""
        listening = self._listening
        while listening is not None:
            try:
                connection, address = listening.accept()
            except BlockingIOError:
                return None
            except OSError as error:
                if error.errno in _EXHAUSTED:
                    raise CannotConnect(os.strerror(error.errno or 0).lower()) from error
                continue  # gone again before we came to it
            if plain(address[0]) != self._host:
                connection.close()  # RFC 2577 section 4: somebody tries to have the data in the client's place
                continue
            self._shut()
            return connection, address
        raise CannotConnect("the port is closed")

    def wait(self) -> Deferred[Arrived]:
        """Fires with the client's connection. Fails with CannotConnect when closed; cancelling closes."""
        self._waiting = waiting = Deferred[Arrived](lambda waiting: self.close())
        self._reactor.addReader(self)
        return waiting

    def close(self) -> None:
        """Wait no longer."""
        self._shut()
        waiting, self._waiting = self._waiting, None
        if waiting is not None and not waiting.called:
            waiting.errback(CannotConnect("the port was closed"))

    def _shut(self) -> None:
        if self._listening is not None:
            if self._waiting is not None:
                self._reactor.removeReader(self)  # while it still has its descriptor
            self._listening.close()
            self._listening = None
            self._ports.give_back(self.port)

    # --- the reactor's side ----------------------------------------------------------------------------------

    def fileno(self) -> int:
        return -1 if self._listening is None else self._listening.fileno()

    def doRead(self) -> None:
        try:
            arrived = self.take()
        except CannotConnect:
            self.close()
            return
        if arrived is not None:
            waiting, self._waiting = self._waiting, None
            if waiting is not None:
                waiting.callback(arrived)

    def connectionLost(self, reason: Failure) -> None:
        self.close()

    def logPrefix(self) -> str:
        return "ftp"


class Dialled:
    """A connection that we made to the client, not yet used."""

    def __init__(self, connection: socket.socket, address: Any) -> None:
        self._arrived: Arrived | None = (connection, address)

    def take(self) -> Arrived:
        """The connection, once."""
        arrived, self._arrived = self._arrived, None
        if arrived is None:
            raise CannotConnect("it was used already")
        return arrived

    def close(self) -> None:
        """Drop it, unless it was taken."""
        arrived, self._arrived = self._arrived, None
        if arrived is not None:
            arrived[0].close()


class Dial:
    """Connecting to a port of the client's, in the poller until that is decided."""

    def __init__(self, reactor: Any, own_host: str, host: str, port: int) -> None:
        self._reactor = reactor
        self._address = (host, port)
        self._own = (own_host, 0)
        self._family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._socket: socket.socket | None = None
        self._done: Deferred[Dialled] | None = None

    def connect(self) -> Deferred[Dialled]:
        """Fires with the connection, or fails with CannotConnect; cancelling gives it up."""
        self._done = done = Deferred[Dialled](lambda done: self._end())
        try:
            self._socket = made = socket.socket(self._family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            made.bind(self._own)  # the client expects the address that it came to
            made.connect(self._address)
        except BlockingIOError:
            self._reactor.addWriter(self)
        except OSError as error:
            self._fail(error.errno or 0)
        else:
            self.doWrite()
        return done

    def give_up(self) -> None:
        """It takes too long."""
        self._fail(errno.ETIMEDOUT)

    def _end(self) -> None:
        if self._socket is not None:
            self._reactor.removeWriter(self)
            self._socket.close()
            self._socket = None

    def _fail(self, number: int) -> None:
        self._end()
        if self._done is not None and not self._done.called:
            self._done.errback(CannotConnect(os.strerror(number).lower()))

    # --- the reactor's side ----------------------------------------------------------------------------------

    def fileno(self) -> int:
        return -1 if self._socket is None else self._socket.fileno()

    def doWrite(self) -> None:
        made = self._socket
        if made is None or self._done is None:
            return
        number = made.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if number:
            self._fail(number)
            return
        self._reactor.removeWriter(self)
        self._socket = None
        self._done.callback(Dialled(made, self._address))

    def connectionLost(self, reason: Failure) -> None:
        made = self._socket  # the poller takes an error for the end, before anybody may ask which it is
        number = 0 if made is None else made.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        self._fail(number or errno.ECONNABORTED)

    def logPrefix(self) -> str:
        return "ftp"
