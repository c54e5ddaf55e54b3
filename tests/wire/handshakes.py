"""TLS handshakes in memory: the standard library's client with connections of ours."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from typing import Any

from cryptography import x509
from OpenSSL import SSL


@dataclass
class Shaken:
    """A handshake that went well, from both sides."""

    client: ssl.SSLObject
    server: SSL.Connection

    @property
    def subject(self) -> str:
        """The common name of the certificate that the client saw."""
        der = self.client.getpeercert(binary_form=True)
        assert der is not None
        return x509.load_der_x509_certificate(der).subject.rfc4514_string().removeprefix("CN=")


class Refused(Exception):
    """The handshake failed; ``client`` and ``server`` are what they say, None for a side that noticed nothing."""

    def __init__(self, client: Exception | None, server: Exception | None) -> None:
        super().__init__(f"client: {client!r}, server: {server!r}")
        self.client = client
        self.server = server


def anybody(
    *alpn: str, least: ssl.TLSVersion = ssl.TLSVersion.TLSv1_2, most: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3
) -> ssl.SSLContext:
    """A client's context that believes everybody."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version, context.maximum_version = least, most
    if least < ssl.TLSVersion.TLSv1_2:
        context.set_ciphers("ALL:@SECLEVEL=0")
    if alpn:
        context.set_alpn_protocols(alpn)
    return context


def shake(creator: Any, context: ssl.SSLContext, name: str | None = None, session: Any = None) -> Shaken:
    """One handshake, up to the tickets behind it. Raises `Refused`."""
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = context.wrap_bio(back, there, server_hostname=name, session=session)
    server = creator.serverConnectionForTLS(None)
    server.set_accept_state()
    errors: list[Exception | None] = [None, None]
    done = [False, False]
    for _ in range(6):
        for side, (act, more) in enumerate(
            ((client.do_handshake, ssl.SSLWantReadError), (server.do_handshake, SSL.WantReadError))
        ):
            if not done[side] and errors[side] is None:
                try:
                    act()
                    done[side] = True
                except more:
                    pass
                except (ssl.SSLError, SSL.Error) as error:
                    errors[side] = error
            carry(there, back, server)
    if any(errors):
        raise Refused(*errors)
    assert all(done), "the handshake does not end"
    try:
        client.read(1)
    except ssl.SSLWantReadError:
        pass  # TLS 1.3's tickets were all there was
    return Shaken(client, server)


def carry(there: ssl.MemoryBIO, back: ssl.MemoryBIO, server: SSL.Connection) -> None:
    """Bring what each side has written to the other."""
    if there.pending:
        server.bio_write(there.read())
    while True:
        try:
            back.write(server.bio_read(1 << 15))
        except SSL.WantReadError:
            return
