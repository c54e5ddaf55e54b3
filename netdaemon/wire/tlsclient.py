"""The client side of TLS: whom we believe, and how we make sure that it is who we asked for (RFC 9525)."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

import idna
from OpenSSL import SSL
from OpenSSL.crypto import X509
from service_identity import VerificationError
from service_identity.cryptography import extract_patterns
from service_identity.exceptions import CertificateError as UnusableCertificate
from service_identity.hazmat import DNS_ID, IPAddress_ID, ServiceID, verify_service_identity
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from netdaemon.wire.certificate import read_certificates

_log = Logger()


class Contexts(Protocol):
    """What makes the TLS side of connections: `Trust`, or a house's ITLS."""

    def client(self, hostname: str, alpn: Sequence[bytes], verify: bool) -> Any: ...


class Trust:
    """Makes client connections that believe the authorities of the system, and those of a PEM file if one is given.

    Contexts are kept: reading the system's authorities takes tens of milliseconds.
    """

    def __init__(self, authorities: Path | None = None) -> None:
        self._authorities = authorities
        self._contexts: dict[tuple[tuple[bytes, ...], bool], SSL.Context] = {}

    def client(self, hostname: str, alpn: Sequence[bytes] = (), verify: bool = True) -> Client:
        """A creator of connections to ``hostname``, a name or an IP address, as IOpenSSLClientConnectionCreator.

        Without ``verify`` any certificate will do, and nobody knows who answers. Raises ValueError for what is no
        host's name, CertificateError for authorities that can't be read.
        """
        asked = (tuple(alpn), verify)
        context = self._contexts.get(asked)
        if context is None:
            context = self._contexts[asked] = self._context(*asked)
        return Client(context, hostname, verify)

    def _context(self, alpn: tuple[bytes, ...], verify: bool) -> SSL.Context:
        context = SSL.Context(SSL.TLS_CLIENT_METHOD)
        context.set_min_proto_version(SSL.TLS1_2_VERSION)
        context.set_options(SSL.OP_NO_COMPRESSION | SSL.OP_NO_RENEGOTIATION)
        context.set_mode(SSL.MODE_RELEASE_BUFFERS)
        if alpn:
            context.set_alpn_protos(list(alpn))
        if verify:
            context.set_default_verify_paths()
            if self._authorities is not None:
                store = context.get_cert_store()
                assert store is not None
                for authority in read_certificates(self._authorities):
                    store.add_cert(X509.from_cryptography(authority))
        return context


@implementer(IOpenSSLClientConnectionCreator)
class Client:
    """Makes connections to one host; `Trust.client` makes it."""

    def __init__(self, context: SSL.Context, hostname: str, verify: bool) -> None:
        self._context = context
        self._verify = verify
        hostname = hostname.rstrip(".")  # RFC 6066 section 3
        self._wanted: ServiceID
        try:
            # Certificates name no zones.
            self._wanted = IPAddress_ID(str(ipaddress.ip_address(hostname.partition("%")[0])))
            self._server_name = b""  # RFC 6066 section 3: literal addresses are not sent
        except ValueError:
            self._server_name = dns_name(hostname)
            self._wanted = DNS_ID(self._server_name.decode())

    def clientConnectionForTLS(self, tlsProtocol: Any) -> SSL.Connection:
        connection = SSL.Connection(self._context, None)
        if self._server_name:
            connection.set_tlsext_host_name(self._server_name)
        if self._verify:
            connection.set_verify(SSL.VERIFY_PEER, _verifier(self._wanted, tlsProtocol))
        return connection


def why_no_tls(error: BaseException | None) -> str:
    """What went wrong in a handshake, for the one who asked."""
    if isinstance(error, VerificationError):
        return "the certificate belongs to another host"
    if isinstance(error, UnusableCertificate):
        return "the certificate names no host"
    if isinstance(error, SSL.Error) and error.args and isinstance(error.args[0], list) and error.args[0]:
        reason = str(error.args[0][0][-1])
        if "certificate verify failed" in reason:
            return "the certificate is not trusted: nobody known here has signed it, or it has expired"
        if "wrong version number" in reason or "record layer failure" in reason:
            return "what answers there speaks no TLS"
        return f"the TLS handshake failed: {reason}"
    return "the server closed within the TLS handshake"


def dns_name(hostname: str) -> bytes:
    """A host's name as the DNS, and who is told of it, has it. Raises ValueError."""
    if hostname.isascii() and hostname:
        return hostname.lower().encode()  # as it is: real names hold underscores, which IDNA would refuse
    try:
        return idna.encode(hostname, uts46=True)
    except idna.IDNAError as error:
        raise ValueError(f"{hostname!r} is no host's name: {error}") from None


def _verifier(wanted: ServiceID, protocol: Any) -> Callable[[SSL.Connection, X509, int, int, int], bool]:
    """Called by OpenSSL for each certificate of the chain, whether it is to be trusted being known already."""
    verified: list[Any] = [protocol]

    def verify(connection: SSL.Connection, certificate: X509, error: int, depth: int, ok: int) -> bool:
        if depth or not ok:
            return bool(ok)
        # The connection holds this function: hold no protocol longer than needed, or only the collector frees them.
        waiting = verified.pop() if verified else None
        try:
            verify_service_identity(extract_patterns(certificate.to_cryptography()), [wanted], [])
        except (VerificationError, UnusableCertificate):
            if waiting is not None:
                # What is raised here is not an SSL.Error, and would be logged as a defect.
                waiting.failVerification(Failure())  # type: ignore[no-untyped-call]  # Twisted's
            return False
        except Exception:  # noqa: BLE001  # through OpenSSL nothing can be raised
            _log.failure("a certificate can't be verified")
            return False
        return True

    return verify
