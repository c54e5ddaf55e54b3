"""The transports of data connections: in clear, and of uploads under TLS. Downloads have `wire.tlstransport`'s."""

# mypy: disable-error-code="no-untyped-call"
# Twisted's transports have no types.

from __future__ import annotations

import errno
from typing import Any

from OpenSSL import SSL
from twisted.internet import main
from twisted.internet.interfaces import ISSLTransport
from zope.interface import implementer

from netdaemon.wire.transport import StreamTransport


class DataTransport(StreamTransport):
    """A data connection in clear: larger reads than those of a session, and an end with a call less."""

    bufferSize = 1 << 18

    def _closeSocket(self, orderly: bool) -> None:
        if orderly:
            self.socket.close()
        else:
            super()._closeSocket(orderly)


@implementer(ISSLTransport)
class UploadTLS(StreamTransport):
    """An upload under TLS, by way of memory, so that what OpenSSL says behind the handshake can be held back.

    Those are the session tickets of TLS 1.3. Who uploads does not read: he writes, says farewell and closes, and what
    arrives then his kernel answers with a reset, which throws away what of the upload has not left yet. pyOpenSSL has
    no call that forbids tickets, so they go out behind the client's farewell, with ours.
    """

    bufferSize = 1 << 18
    _shaken = False

    def secure(self, connection: SSL.Connection) -> None:
        """Speak TLS through ``connection``, which has no socket. Comes before `begin`."""
        self._tls = connection
        connection.set_accept_state()

    def getHandle(self) -> Any:
        return self._tls

    def getPeerCertificate(self) -> Any:
        return self._tls.get_peer_certificate()

    def doRead(self) -> Any:
        try:
            data = self.socket.recv(self.bufferSize)
        except OSError as problem:
            return None if problem.errno == errno.EAGAIN else main.CONNECTION_LOST
        if not data:
            return main.CONNECTION_LOST  # an end without TLS's farewell could be anybody's doing
        self._corked = True
        try:
            self._tls.bio_write(data)
            why = None if self._shaken else self._shake()
            if self._shaken:
                why = self._deliver()
        except SSL.ZeroReturnError:
            why = main.CONNECTION_DONE  # RFC 8446 6.1: close_notify, the orderly end
        except SSL.Error:
            self._shaken = False  # there is nothing more to be said
            why = main.CONNECTION_LOST
        finally:
            self._corked = False
        return self._uncork() if why is None else why

    def _shake(self) -> Any:
        try:
            self._tls.do_handshake()
        except SSL.WantReadError:
            self._say()
            return None
        self._shaken = True
        if self._tls.get_protocol_version_name() != "TLSv1.3":
            self._say()  # there the handshake's last word is ours
        channel: Any = self.protocol
        channel.handshakeCompleted()
        return None

    def _deliver(self) -> Any:
        # All of it, also when the protocol wants a rest: what is in memory no poller would tell of again.
        while self.connected and not self._aborting:
            try:
                data = self._tls.recv(self.bufferSize)
            except SSL.WantReadError:
                return None
            self.protocol.dataReceived(data)
        return None

    def _pending(self) -> bytes:
        pieces = []
        try:
            while True:
                pieces.append(self._tls.bio_read(1 << 16))
        except SSL.Error:
            return b"".join(pieces)

    def _say(self) -> None:
        self.write(self._pending())

    def _closeSocket(self, orderly: bool) -> None:
        if orderly and self._shaken:
            try:
                self._tls.shutdown()
                self.socket.send(self._pending())
            except (SSL.Error, OSError):
                pass  # the peer is past listening
        super()._closeSocket(orderly)
