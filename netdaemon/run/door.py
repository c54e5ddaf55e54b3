"""Door: one listening address. It is open or it raises; a busy port ends the start, never a deaf daemon."""

from __future__ import annotations

import errno
import os
import socket
import stat
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, maybeDeferred, succeed
from twisted.internet.interfaces import IProtocolFactory
from twisted.internet.protocol import DatagramProtocol
from twisted.logger import Logger

from netdaemon.config.values import Listen
from netdaemon.run.errors import StartFailed, reason
from netdaemon.run.gate import Gate, Refused, Tenant
from netdaemon.run.sticky import stick, unstick
from netdaemon.wire.port import DatagramPort, StreamPort, UnixPort

BACKLOG = 4096
"""Connections that may wait to be accepted; the kernel cuts it to net.core.somaxconn."""

UNIX_MODE = 0o666
"""As systemd's SocketMode=: who may connect is decided by the rights of the folder."""


class DoorError(StartFailed):
    """An address that can't be listened on: which one, who asked for it, why not, what to do."""


class Door:
    """One listening address of one service: bound by `bind`, listening from `start` to `close`.

    ``section`` and ``where`` ("FILE:LINE") tell who asked for it. Each of ``bind``, ``start`` and ``close`` may be
    called once.
    """

    _log = Logger()

    def __init__(
        self,
        listen: Listen,
        section: str,
        where: str,
        reactor: Any,
        refused: Refused = lambda section, why: None,
        copies: int = 1,
    ) -> None:
        """``copies`` is how many processes serve it."""
        self.listen = listen
        self.section = section
        self.where = where
        self.address = str(listen)
        """The bound address as the ready-file shows it, "tcp:127.0.0.1:40001"; the listen word until bound."""
        self.gate = Gate(f"[{section}] {listen}", section, reactor, refused)
        self._reactor = reactor
        self._socket: socket.socket | None = None
        self._copies = copies
        self._twins: list[socket.socket] = []
        """More sockets of the same address; the kernel shares out what comes."""
        self.sticky = False
        """Do all connections of one address come to one of the processes?"""
        self._port: StreamPort | DatagramPort | None = None
        self._path: tuple[Path, int] | None = None
        """Where our UNIX socket stands, and its inode: nothing else that stands there is ever removed."""

    # --- binding ---------------------------------------------------------------------------------------------

    def bind(self, prefer: int = 0) -> None:
        """Bind and (streams) listen; nothing is accepted yet. Raises DoorError.

        ``prefer`` is tried first where the word says port 0: `udp:0` beside `tcp:0` likes its number.
        """
        if self.listen.transport == "unix":
            self._bind_unix(Path(self.listen.name))
        else:
            self._bind_internet(prefer)
        self._name()

    def adopt(self, handed_over: socket.socket) -> None:
        """Take a socket that systemd bound. Raises DoorError for one that doesn't listen."""
        if handed_over.type == socket.SOCK_STREAM and not handed_over.getsockopt(
            socket.SOL_SOCKET, socket.SO_ACCEPTCONN
        ):
            raise self._error("is a connection and no listening socket (the socket unit needs Accept=no)")
        self._socket = handed_over
        self._name()

    def share(self, worker: int) -> socket.socket:
        """The socket that one of the ``copies`` processes serves, from 0; UNIX and systemd's all serve the same."""
        assert self._socket is not None
        return [self._socket, *self._twins][worker] if self._twins else self._socket

    def stick(self, wanted: bool) -> None:
        """Have all connections of an address come to one process (`sticky`), or leave it to the kernel, which spreads
        them. With one socket there is nothing to do. Raises OSError where the kernel has no means for it.
        """
        if self._twins and wanted != self.sticky:
            assert self._socket is not None
            if wanted:
                stick(self._socket, 1 + len(self._twins))
            else:
                unstick(self._socket)
            self.sticky = wanted

    @property
    def datagrams(self) -> bool:
        """Is it a door for datagrams, not streams? Known once bound."""
        return self._socket is not None and self._socket.type == socket.SOCK_DGRAM

    @property
    def number(self) -> int:
        """The port number it is bound to, 0 for UNIX sockets."""
        assert self._socket is not None
        return 0 if self._socket.family == socket.AF_UNIX else int(self._socket.getsockname()[1])

    def _bind_internet(self, prefer: int) -> None:
        kind = socket.SOCK_DGRAM if self.listen.transport == "udp" else socket.SOCK_STREAM
        family = socket.AF_INET6 if ":" in self.listen.interface else socket.AF_INET
        try:
            made = socket.socket(family, kind)
        except OSError as error:
            raise self._error(f"is IPv6, which this system has not: {reason(error)}") from None
        try:
            made.setblocking(False)
            if family == socket.AF_INET6:
                # `::` is IPv6 alone, so that it and "" (IPv4) can both be listened on.
                made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            if kind == socket.SOCK_STREAM:
                made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self._bind_port(made, prefer)
            self._bind_twins(made)
            if kind == socket.SOCK_STREAM:
                made.listen(BACKLOG)
        except OSError as error:
            made.close()
            self._close_twins()
            raise self._error(self._advice(error)) from None
        self._socket = made

    def _bind_twins(self, first: socket.socket) -> None:
        """The other processes' sockets. ``first`` was bound for us alone: a port that is in use is still found out."""
        if self._copies > 1:
            first.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        for _ in range(self._copies - 1):
            twin = socket.socket(first.family, first.type)
            self._twins.append(twin)
            twin.setblocking(False)
            if first.family == socket.AF_INET6:
                twin.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            if first.type == socket.SOCK_STREAM:
                twin.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            twin.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            twin.bind(first.getsockname())
            if first.type == socket.SOCK_STREAM:
                twin.listen(BACKLOG)

    def _close_twins(self) -> None:
        for twin in self._twins:
            twin.close()
        self._twins.clear()

    def _bind_port(self, made: socket.socket, prefer: int) -> None:
        if prefer and not self.listen.port:
            try:
                made.bind((self.listen.interface, prefer))
                return
            except OSError:
                pass  # taken: any other will do
        made.bind((self.listen.interface, self.listen.port))

    def _bind_unix(self, path: Path) -> None:
        made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            made.setblocking(False)
            self._clear(path)
            made.bind(os.fspath(path))
            self._path = (path, path.stat().st_ino)
            path.chmod(UNIX_MODE)
            made.listen(BACKLOG)
        except OSError as error:
            made.close()
            self._remove_path()
            said = "the path is too long for a socket" if "too long" in str(error) else reason(error)
            raise self._error(f"can't be made: {said}") from None
        except DoorError:
            made.close()
            raise
        self._socket = made

    def _clear(self, path: Path) -> None:
        """Remove a socket that a killed daemon left behind, only if nobody answers there."""
        try:
            found = path.lstat()
        except FileNotFoundError:
            return
        if not stat.S_ISSOCK(found.st_mode):
            raise self._error("stands in the way of another file: choose another path, or remove it")
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            probe.setblocking(False)
            try:
                probe.connect(os.fspath(path))
            except ConnectionRefusedError:
                self._log.info("{path} was left behind, removed", path=str(path))
                path.unlink()
                return
            except OSError as error:
                if error.errno != errno.EAGAIN:  # its backlog is full: there is somebody
                    raise
        raise self._error("is taken: a running program answers there")

    def _name(self) -> None:
        assert self._socket is not None
        name = self._socket.getsockname()
        if self._socket.family == socket.AF_UNIX:
            self.address = f"unix:{os.fsdecode(name)}"
            return
        transport = self.listen.transport
        if transport == "systemd":
            transport = "udp" if self.datagrams else "tcp"
        host = f"[{name[0]}]" if ":" in name[0] else name[0]
        self.address = f"{transport}:{host}:{name[1]}"

    def _error(self, why: str) -> DoorError:
        return DoorError(f"{self.where}: [{self.section}] listen {self.listen} {why}")

    def _advice(self, error: OSError) -> str:
        port = self.listen.port
        if error.errno == errno.EADDRINUSE:
            option = "-lunp" if self.listen.transport == "udp" else "-ltnp"
            return (
                f"is taken: another program has port {port} (`ss {option} 'sport = :{port}'` shows which); "
                f"stop it or choose another port"
            )
        if error.errno == errno.EACCES and port < 1024:
            return (
                "is not permitted: ports below 1024 need root (with [netdaemon] user to drop to), "
                "CAP_NET_BIND_SERVICE, or a socket from systemd"
            )
        if error.errno == errno.EADDRNOTAVAIL:
            return f"is not here: no interface of this host has the address {self.listen.interface} (see `ip address`)"
        return f"can't be listened on: {reason(error)}"

    # --- listening -------------------------------------------------------------------------------------------

    def start(self, tenant: Tenant, entrance: IProtocolFactory | DatagramProtocol) -> None:
        """Take connections or datagrams for ``tenant``; ``entrance`` is the factory or protocol they meet."""
        bound = self._socket
        assert bound is not None, "a door is bound before it starts"
        if isinstance(entrance, DatagramProtocol):
            self._port = DatagramPort(bound, entrance, self._reactor)
        else:
            self.gate.serve(tenant, entrance)
            kind = UnixPort if bound.family == socket.AF_UNIX else StreamPort
            self._port = kind(bound, self.gate, self._reactor)
        self._port.startListening()

    def exchange(self, tenant: Tenant, entrance: IProtocolFactory | DatagramProtocol) -> None:
        """New connections and datagrams are ``tenant``'s from now on; the port stays open throughout."""
        self.section = tenant.settings.section
        if isinstance(entrance, DatagramProtocol):
            assert isinstance(self._port, DatagramPort)
            self._port.exchange(entrance)
        else:
            self.gate.serve(tenant, entrance)

    def close(self) -> Deferred[None]:
        """Stop listening (sessions go on); fires when the address is free again."""
        port, bound = self._port, self._socket
        self._port = self._socket = None
        self._close_twins()
        self._remove_path()
        if port is not None:
            return maybeDeferred(port.stopListening).addBoth(lambda ignored: None)
        if bound is not None:
            bound.close()
        return succeed(None)

    def _remove_path(self) -> None:
        if self._path is None:
            return
        path, inode = self._path
        self._path = None
        try:
            if path.lstat().st_ino == inode:
                path.unlink()
        except FileNotFoundError:
            pass
        except OSError as error:
            self._log.warn("{path} stays behind: {error}", path=str(path), error=reason(error))
