"""TLS contexts of our side: Mozilla's intermediate recommendations, SNI, and ALPN that is meant.

https://wiki.mozilla.org/Security/Server_Side_TLS, "Intermediate compatibility": TLS 1.2 and 1.3, forward secrecy and
authenticated encryption only, and the client's order of ciphers, as it knows what its hardware is good at.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from cryptography import x509
from OpenSSL import SSL
from OpenSSL.crypto import X509

from netdaemon.wire.certificate import CertificateError, Pair

CIPHERS = (
    b"ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
    b"ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
    b"ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305"
)
"""For TLS 1.2. Mozilla's DHE-RSA ones are left out: no client that needs them is alive, and they can be used to keep a
server busy (CVE-2002-20001). TLS 1.3's are OpenSSL's own three, which are Mozilla's."""

SESSION_CONTEXT = b"netdaemon"
"""Without a session id context OpenSSL resumes no session of a client that was asked for a certificate."""

_VERSIONS = {"1.2": SSL.TLS1_2_VERSION, "1.3": SSL.TLS1_3_VERSION}


class ServerContext(SSL.Context):
    """A context of our side, as what it is known again by (see `bindings`)."""


class NoApplicationProtocol(SSL.Error):
    """The peer's ALPN names none of ours (RFC 7301 section 3.2): the handshake ends with that alert."""

    def __init__(self) -> None:
        super().__init__([("SSL routines", "", "no application protocol")])


def server_context(
    pair: Pair,
    alpn: Sequence[bytes] = (),
    minimum: str = "1.2",
    authorities: Sequence[x509.Certificate] = (),
    server_name: Callable[[SSL.Connection], None] | None = None,
) -> ServerContext:
    """A context for ``pair``. Clients may (not must) show certificates of ``authorities``.

    ``server_name`` is called with the connection when the client names the host it wants. Raises CertificateError for
    a pair that OpenSSL won't have.
    """
    context = ServerContext(SSL.TLS_SERVER_METHOD)
    context.set_min_proto_version(_VERSIONS[minimum])
    context.set_cipher_list(CIPHERS)
    # OpenSSL's own groups stay: X25519MLKEM768 where it is known, X25519, P-256, P-384. pyOpenSSL could set but one.
    context.set_options(SSL.OP_NO_COMPRESSION | SSL.OP_NO_RENEGOTIATION | SSL.OP_SINGLE_DH_USE | SSL.OP_SINGLE_ECDH_USE)
    context.set_mode(SSL.MODE_RELEASE_BUFFERS)  # some 17 KiB less for each idle connection
    # Tickets are on unless forbidden; the cache is for TLS 1.2 clients without them.
    context.set_session_cache_mode(SSL.SESS_CACHE_SERVER)
    context.set_session_id(SESSION_CONTEXT)
    try:
        context.use_certificate(pair.certificate)
        for certificate in pair.chain[1:]:
            context.add_extra_chain_cert(certificate)
        context.use_privatekey(pair.key)  # type: ignore[arg-type]  # kinds that OpenSSL refuses raise, below
        context.check_privatekey()
    except (SSL.Error, TypeError) as error:
        raise CertificateError(f"OpenSSL will not have it: {_words(error)}") from None
    if authorities:
        store = context.get_cert_store()
        assert store is not None
        for authority in authorities:
            store.add_cert(X509.from_cryptography(authority))
            context.add_client_ca(authority)
        context.set_verify(SSL.VERIFY_PEER)
    if server_name is not None:
        context.set_tlsext_servername_callback(server_name)
    if alpn:
        context.set_alpn_select_callback(_chooser(tuple(alpn)))
    return context


def _chooser(ours: tuple[bytes, ...]) -> Callable[[SSL.Connection, list[bytes]], bytes]:
    def choose(connection: SSL.Connection, offered: list[bytes]) -> bytes:
        for name in ours:
            if name in offered:
                return name
        # pyOpenSSL sends the alert and raises this out of do_handshake; being an SSL.Error, it is to Twisted a
        # handshake that failed, like any other.
        raise NoApplicationProtocol

    return choose


def _words(error: Exception) -> str:
    if isinstance(error, SSL.Error) and error.args and error.args[0]:
        return str(error.args[0][0][-1])
    return str(error) or type(error).__name__
