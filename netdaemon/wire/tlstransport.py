"""TLS spoken directly on the socket: the transport of ``tls:`` doors.

Twisted's own TLS reads and writes through a pair of memory buffers; here OpenSSL has the socket itself, which
costs a request little more than clear text does, and an idle connection half of the memory (docs/performance.md).
STARTTLS upgrades a connection in its middle and stays with Twisted's.
"""

# mypy: disable-error-code="no-untyped-call"
# Twisted's transports have no types.

from __future__ import annotations

import os
from typing import Any

from OpenSSL import SSL
from OpenSSL.crypto import X509
from twisted.internet import main
from twisted.internet.interfaces import IHandshakeListener, INegotiated, IProtocol, ISSLTransport
from zope.interface import implementer

from netdaemon.wire.tlscalls import RECORD, read, write
from netdaemon.wire.transport import CHUNK, FileJob, StreamTransport

TURN = 8
"""Records read in one turn, so that one fast peer can't hold the loop."""


@implementer(ISSLTransport, INegotiated)
class TLSTransport(StreamTransport):
    """A connection that is TLS from its first byte; `StreamPort` made it with the door's context."""

    _shaken = False
    _broken = False

    def secure(self, connection: SSL.Connection) -> None:
        """Speak TLS through ``connection``, which has our socket. Comes before `begin`."""
        self._tls = connection
        connection.set_accept_state()

    def seat(self, protocol: IProtocol) -> None:
        """Connect ``protocol`` in the place of the one that saw to the handshake."""
        self.protocol = protocol
        protocol.makeConnection(self)

    # --- the handshake --------------------------------------------------------------------------------------

    def _shake(self) -> Any:
        """Go on with the handshake; a reason when it failed. `_shaken` tells whether it is done."""
        try:
            self._tls.do_handshake()
        except SSL.WantReadError:
            return None
        except SSL.WantWriteError:
            self.startWriting()
            return None
        except SSL.Error:
            # Not TLS at all, no version, cipher or ALPN name in common, a peer that left: the peer's affair.
            self._broken = True
            return main.CONNECTION_LOST
        self._shaken = True
        if IHandshakeListener.providedBy(self.protocol):
            self.protocol.handshakeCompleted()
        return None

    # --- reading --------------------------------------------------------------------------------------------

    def doRead(self) -> Any:
        self._corked = True
        try:
            why = self._read()
        finally:
            self._corked = False
        if why is not None:
            return why
        return self._uncork() if self._shaken else None

    def _read(self) -> Any:
        if not self._shaken:
            why = self._shake()
            if why is not None or not self._shaken:
                return why
        for _ in range(TURN):
            if not self._wants_read or not self.connected or self._aborting or self.disconnecting:
                return None
            try:
                data = read(self._tls)
            except SSL.WantReadError:
                return None
            except SSL.WantWriteError:
                self.startWriting()
                return None
            except SSL.ZeroReturnError:
                return main.CONNECTION_DONE  # RFC 8446 6.1: close_notify, the orderly end
            except SSL.Error:
                self._broken = True
                return main.CONNECTION_LOST
            self.protocol.dataReceived(data)
            if len(data) < RECORD:
                # Most likely all there is, and asking OpenSSL in vain costs more than the poller's next turn.
                return None
        return None

    # --- writing --------------------------------------------------------------------------------------------

    def _send_now(self) -> bool:
        if not self._shaken:
            return False
        waiting = self._tempDataBuffer
        data = waiting[0] if len(waiting) == 1 else b"".join(waiting)
        if len(data) > RECORD:
            return False
        try:
            sent = write(self._tls, data)
        except SSL.Error:
            return False  # doWrite tries the same bytes again, as OpenSSL demands, and tells what is wrong
        self._tempDataBuffer = []
        self._tempDataLen = 0
        if sent == len(data):
            return self.producer is None or not self._owes_a_turn()
        self.dataBuffer = data
        self.offset = sent
        return False

    def writeSomeData(self, data: bytes) -> Any:
        sent = 0
        view = memoryview(data)[: self.SEND_LIMIT]
        try:
            while sent < len(view):
                sent += self._tls.send(view[sent : sent + RECORD])
        except (SSL.WantWriteError, SSL.WantReadError):
            pass
        except SSL.Error:
            self._broken = True
            return main.CONNECTION_LOST
        return sent

    def doWrite(self) -> Any:
        if not self._shaken and not self.disconnected:
            self.stopWriting()
            if self.disconnecting and not (self.dataBuffer or self._tempDataBuffer or self._file):
                return main.CONNECTION_DONE
            why = self._shake()
            if why is not None or not self._shaken:
                return why
        return super().doWrite()

    def _send_more(self, data: bytes) -> Any:
        return self.writeSomeData(data)

    def _send_part(self, job: FileJob) -> Any:
        data = os.pread(job.fd, min(job.count, CHUNK), job.offset)
        if not data:
            return 0
        return self.writeSomeData(data) or None  # 0 bytes taken is "not now", not the file's end

    # --- the end --------------------------------------------------------------------------------------------

    def _closeWriteConnection(self) -> None:
        self._notify()
        super()._closeWriteConnection()

    def _closeSocket(self, orderly: bool) -> None:
        if orderly:
            self._notify()
        super()._closeSocket(orderly)

    def _notify(self) -> None:
        """RFC 8446 6.1: say that we have sent everything, so that the peer can tell the end from a cut."""
        if self._shaken and not self._broken:
            try:
                self._tls.shutdown()
            except SSL.Error:
                pass  # the peer is past listening

    # --- what is known of the peer --------------------------------------------------------------------------

    def getHandle(self) -> SSL.Connection:  # type: ignore[override]  # ISSLTransport's; below it is the socket
        return self._tls

    def getPeerCertificate(self) -> X509 | None:
        return self._tls.get_peer_certificate()

    @property
    def negotiatedProtocol(self) -> bytes | None:
        return self._tls.get_alpn_proto_negotiated() or None

    def startTLS(self, ctx: Any, normal: bool = True) -> None:
        raise RuntimeError("this connection is under TLS already")
