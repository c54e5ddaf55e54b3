"""Connections for programs without a reactor: a blocking socket, in clear or under TLS, every wait of which is bounded.

A client whose coroutines stand on such sockets never waits, and `run` takes it from its beginning to its end.

TLS is OpenSSL's on memory, with the contexts of `wire.tlsclient`: a socket's own would take the descriptor, and with it
the deadlines.
"""

from __future__ import annotations

import os
import select
import socket
import struct
import time
from collections.abc import Awaitable
from typing import Any, TypeVar

from OpenSSL import SSL
from twisted.python.failure import Failure

from netdaemon.wire.failures import ConnectFailed, TLSFailed
from netdaemon.wire.tlsclient import why_no_tls

T = TypeVar("T")

READ = 64 * 1024


def run(work: Awaitable[T]) -> T:
    """The result of what stands on blocking sockets. Raises what it raises."""
    step: Any = work
    try:
        step.send(None)
    except StopIteration as done:
        result: T = done.value
        return result
    step.close()
    raise RuntimeError("what is to be awaited here needs a reactor")


def reach(host: str, port: int, seconds: float, where: str) -> Stream:
    """A connection. Raises ConnectFailed."""
    try:
        return Stream(socket.create_connection((host, port), timeout=seconds))
    except (socket.gaierror, UnicodeError):
        raise ConnectFailed(f"{host}: no such host") from None
    except TimeoutError:
        raise ConnectFailed(f"{where}: no answer") from None
    except OSError as error:
        why = os.strerror(error.errno).lower() if error.errno else str(error)
        raise ConnectFailed(f"{where}: {why}") from None


def end_by_reset(sock: socket.socket, wanted: bool) -> None:
    """Have a socket closed by a reset, whoever closes it.

    An upload's end is the end of its connection (RFC 959 section 3.4.1): a client that is killed within it would make a
    whole document of its beginning, since the kernel closes in good order what nobody closes.
    """
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", wanted, 0))
    except OSError:
        pass  # it is closed already


class Late(Exception):
    """A deadline has passed."""


class Closed(Exception):
    """The other side has closed; ``clean`` when it has said so, which under TLS is an alert."""

    def __init__(self, clean: bool) -> None:
        super().__init__()
        self.clean = clean


class Stream:
    """A connected socket, in clear and then under TLS. Waits are bounded by a moment of `time.monotonic`."""

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        self.socket = sock
        self.tls: SSL.Connection | None = None
        self.gone = False
        self._unverified: BaseException | None = None

    def failVerification(self, reason: Failure) -> None:
        """What the verifier of `wire.tlsclient` calls."""
        self._unverified = reason.value

    def wait(self, events: int, until: float, *others: Stream) -> list[Stream]:
        """Who of us and ``others`` (for reading) is ready. Raises Late."""
        poll = select.poll()
        poll.register(self.socket, events)
        for other in others:
            poll.register(other.socket, select.POLLIN)
        ready = {descriptor for descriptor, _ in poll.poll(max(0.0, until - time.monotonic()) * 1000)}
        if not ready:
            raise Late
        return [stream for stream in (self, *others) if stream.socket.fileno() in ready]

    def read(self) -> bytes:
        """What is there now, b"" when nothing is. Raises Closed."""
        if self.gone:
            raise Closed(False)
        if self.tls is None:
            data = self._receive()
            if data == b"":
                raise Closed(True)
            return data or b""
        while True:
            try:
                return self.tls.recv(READ)
            except SSL.WantReadError:
                pass
            except SSL.ZeroReturnError:
                raise Closed(True) from None
            except SSL.Error:
                raise Closed(False) from None
            data = self._receive()
            if data is None:
                return b""
            if data == b"":
                raise Closed(False)
            self.tls.bio_write(data)

    def _receive(self) -> bytes | None:
        try:
            return self.socket.recv(READ)
        except BlockingIOError:
            return None
        except OSError:
            raise Closed(False) from None

    def write(self, data: bytes, seconds: float) -> None:
        """All of ``data``, ``seconds`` at most from one piece to the next. Raises Late and Closed."""
        if self.gone:
            raise Closed(False)
        view = memoryview(data)
        try:
            if self.tls is None:
                self._send(view, seconds)
                return
            while view:
                view = view[self.tls.send(view[:READ]) :]
                self._flush(seconds)
        except (OSError, SSL.Error):
            raise Closed(False) from None

    def _send(self, view: memoryview, seconds: float) -> None:
        while view:
            try:
                view = view[self.socket.send(view) :]
            except BlockingIOError:
                self.wait(select.POLLOUT, time.monotonic() + seconds)

    def _flush(self, seconds: float) -> None:
        assert self.tls is not None
        while True:
            try:
                data = self.tls.bio_read(READ)
            except SSL.WantReadError:
                return
            self._send(memoryview(data), seconds)

    def start_tls(self, context: Any, seconds: float) -> None:
        """Raises TLSFailed."""
        until = time.monotonic() + seconds
        self.tls = connection = context.clientConnectionForTLS(self)
        connection.set_connect_state()
        try:
            while True:
                try:
                    connection.do_handshake()
                    self._flush(seconds)
                    return
                except SSL.WantReadError:
                    self._flush(seconds)
                self.wait(select.POLLIN, until)
                data = self._receive()
                if data == b"":
                    raise Closed(True)
                if data:
                    connection.bio_write(data)
        except Late:
            self.abort()
            raise TLSFailed(f"no TLS handshake within {seconds:g} s") from None
        except (Closed, SSL.Error, OSError) as error:
            self.abort()
            raise TLSFailed(why_no_tls(self._unverified or error)) from None

    def finish(self, seconds: float) -> None:
        """No more is sent. Raises Late and Closed."""
        try:
            if self.tls is not None:
                self.tls.shutdown()
                self._flush(seconds)
            self.socket.shutdown(socket.SHUT_WR)
        except (OSError, SSL.Error):
            raise Closed(False) from None

    def close(self) -> None:
        if not self.gone:
            self.gone = True
            self.socket.close()

    def abort(self) -> None:
        """Close it by a reset."""
        if not self.gone:
            end_by_reset(self.socket, True)
            self.close()
