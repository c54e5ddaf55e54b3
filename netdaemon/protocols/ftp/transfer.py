"""One transfer: from the data connection's coming about to the reply that ends it, with ears for ABOR."""

from __future__ import annotations

import socket
from collections.abc import Awaitable
from typing import TYPE_CHECKING, Any

from OpenSSL import SSL
from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from netdaemon.protocols.ftp.channel import Channel, DataLost, NoTLS, NotResumed, Stalled, Terms
from netdaemon.protocols.ftp.deflate import RATIO, Bomb
from netdaemon.protocols.ftp.grammar import Malformed
from netdaemon.protocols.ftp.rendezvous import Arrived, CannotConnect, Dialled, Passive
from netdaemon.protocols.ftp.transports import DataTransport, UploadTLS
from netdaemon.wire.line import Refused
from netdaemon.wire.tlstransport import TLSTransport

if TYPE_CHECKING:
    from netdaemon.protocols.ftp.server import FTPSession

_ALWAYS = frozenset({b"ABOR", b"STAT", b"QUIT", b"REIN", b"USER", b"NOOP"})
_OPENING = frozenset({b"PORT", b"PASV", b"EPRT", b"EPSV"})


class Aborted(Exception):
    """ABOR came."""


class Spoilt(Refused):
    """What came is not what it says it is: nobody could go on with it."""


class Transfer:
    """What a session does between a transfer command and the reply that ends it.

    With ``late`` the client may open its port once the command is under way.
    """

    _log = Logger()

    def __init__(self, session: FTPSession, direction: str, *, late: bool = False) -> None:
        self._session = session
        self._late = late
        self._aborted = False
        self._data: Passive | Dialled | None = None
        self._opening: Deferred[None] | None = None
        self.direction = direction
        """ "in" or "out"."""
        self.channel: Channel | None = None
        self.began = session.factory.house.clock.seconds()
        self.may_come = _ALWAYS
        """The commands that need not wait for its end."""

    # --- its course ------------------------------------------------------------------------------------------

    def terms(self) -> Terms:
        """What its channel must keep to."""
        session = self._session
        terms = session.terms.get(self.direction)
        if terms is None:
            settings, house = session.settings, session.factory.house
            terms = session.terms[self.direction] = Terms(
                house.clock,
                house.deadlines,
                settings.stall_timeout,
                settings.handshake_timeout,
                session.buckets.get(self.direction, ()),
                is_resumed if settings.require_session_reuse else None,
            )
        return terms

    async def run(self, channel: Channel) -> None:
        """Open the data connection and have ``channel`` do its work over it.

        Raises Refused (of which Spoilt is one) for what the peer is told, Aborted, DocumentError, and whatever else the
        channel's work does.
        """
        session = self._session
        session.transfer = self
        try:
            connection, address = await self._arrive()
            self.channel = channel
            self._seat(channel, connection, address)
            if not channel.done.called:
                channel.watch()
                session.overhear(session.overheard)
            await channel.done
        except (CannotConnect, DataLost, NoTLS, NotResumed, Stalled, Malformed, Bomb) as error:
            if self._aborted:
                raise Aborted from error
            kind = Spoilt if isinstance(error, (Malformed, Bomb)) else Refused
            raise kind(_told(error)) from error
        finally:
            self.may_come = frozenset()  # what comes now gets its answer behind the transfer's own
            session.transfer = None

    async def _arrive(self) -> Arrived:
        session = self._session
        if self._late and session.data is None:
            self.may_come = _ALWAYS | _OPENING
            self._opening = opening = Deferred[None]()
            deadline = self._within(self._open_too_late)
            session.overhear(session.overheard)
            try:
                await opening
            finally:
                deadline.cancel()
                self._opening = None
                self.may_come = _ALWAYS
        data, session.data = session.data, None
        if data is None:
            raise CannotConnect("PORT or PASV comes first")
        arrived = data.take()
        if arrived is None:
            assert isinstance(data, Passive), "what was dialled is there"
            self._data = data
            waiting = data.wait()
            deadline = self._within(data.close)
            session.overhear(session.overheard)  # ABOR may be there already
            try:
                arrived = await waiting
            finally:
                deadline.cancel()
                self._data = None
        return arrived

    def _within(self, too_late: Any) -> Any:
        session = self._session
        return session.factory.deadlines.after(session.settings.data_timeout, too_late)

    def _open_too_late(self) -> None:
        self._do_not_open(CannotConnect("neither PORT nor PASV has come"))

    def _do_not_open(self, why: CannotConnect) -> None:
        opening, self._opening = self._opening, None
        if opening is not None:
            opening.errback(why)

    def _seat(self, channel: Channel, connection: socket.socket, address: Any) -> None:
        session = self._session
        reactor = session.factory.house.reactor
        if not session.protect:
            DataTransport(connection, channel, address, None, 0, reactor).begin()
            return
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # a handshake goes to and fro
        if self.direction == "in":
            upload = UploadTLS(connection, channel, address, None, 0, reactor)
            upload.secure(SSL.Connection(session.tls_context))
            upload.begin()
        else:
            download = TLSTransport(connection, channel, address, None, 0, reactor)
            download.secure(SSL.Connection(session.tls_context, connection))
            download.begin()

    # --- what comes meanwhile --------------------------------------------------------------------------------

    def ready(self) -> None:
        """The client has opened a port, or we have."""
        if self._opening is not None:
            opening, self._opening = self._opening, None
            opening.callback(None)

    def abort(self) -> None:
        """ABOR: `run` raises Aborted."""
        self._aborted = True
        if self.channel is not None:
            self.channel.abort()
        elif self._data is not None:
            self._data.close()
        else:
            self._do_not_open(CannotConnect("aborted"))

    def beside(self, work: Awaitable[None]) -> None:
        """A command that takes its time while the transfer waits for it."""

        async def run() -> None:
            await work

        Deferred.fromCoroutine(run()).addErrback(self._failed_beside)

    def _failed_beside(self, failure: Failure) -> None:
        session = self._session
        if isinstance(failure.value, Refused):
            session.refuse(failure.value.text)
        elif not isinstance(failure.value, CancelledError):
            self._log.failure("ftp: a command beside a transfer failed", failure)
            session.factory.unhandled.inc()
            session.temporary_failure()


def _told(error: BaseException) -> bytes:
    """The reply for what became of a data connection."""
    if isinstance(error, CannotConnect):
        return b"425 Can't open data connection: %b." % str(error).encode()
    if isinstance(error, NoTLS):
        return b"425 Can't open data connection: no TLS handshake."
    if isinstance(error, NotResumed):
        return b"522 The data connection must resume a TLS session of the control connection's."
    if isinstance(error, Stalled):
        return b"426 Data connection timed out."
    if isinstance(error, Bomb):
        return b"552 The data becomes more than %d times itself." % RATIO
    if isinstance(error, Malformed):
        return b"451 The data is not what MODE Z says."
    return b"426 Data connection closed; transfer aborted."


def is_resumed(connection: SSL.Connection) -> bool:
    """Is the connection's TLS session a resumed one? pyOpenSSL has no call for it, and the library beneath it has."""
    library: Any = SSL._lib  # type: ignore[attr-defined]  # the binding, which pyOpenSSL does not declare
    return bool(library.SSL_session_reused(connection._ssl))
