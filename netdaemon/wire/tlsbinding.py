"""What a TLS connection can prove of itself: channel bindings (RFC 5056) and the name in a client's certificate."""

from __future__ import annotations

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import NameOID
from OpenSSL import SSL

from netdaemon.wire.tlscontext import ServerContext


def bindings(connection: SSL.Connection) -> dict[str, bytes]:
    """Channel bindings by name, the best first: what SCRAM-SHA-256-PLUS ties a login to. Either side's.

    Under TLS 1.3 that is ``tls-exporter`` (RFC 9266), and on both versions ``tls-server-end-point`` (RFC 5929), which
    some clients have alone. Empty before the handshake's end.
    """
    found: dict[str, bytes] = {}
    if not connection.get_finished():
        return found
    if connection.get_protocol_version_name() == "TLSv1.3":
        # RFC 9266 section 2. (RFC 5705 tells no context from an empty one; they are the same in TLS 1.3.)
        found["tls-exporter"] = connection.export_keying_material(b"EXPORTER-Channel-Binding", 32, b"")
    if isinstance(connection.get_context(), ServerContext):
        certificate = connection.get_certificate(as_cryptography=True)
    else:
        certificate = connection.get_peer_certificate(as_cryptography=True)
    if certificate is not None and (digest := _end_point(certificate)):
        found["tls-server-end-point"] = digest
    return found


def _end_point(certificate: x509.Certificate) -> bytes:
    """RFC 5929 section 4.1. Empty for signatures without a hash function of their own (Ed25519): it is undefined."""
    try:
        algorithm = certificate.signature_hash_algorithm
    except UnsupportedAlgorithm:
        return b""
    if algorithm is None:
        return b""
    if isinstance(algorithm, hashes.MD5 | hashes.SHA1):
        algorithm = hashes.SHA256()
    return certificate.fingerprint(algorithm)


def peer_identity(connection: SSL.Connection, hostname: str) -> str | None:
    """The name in the client's certificate, for SASL EXTERNAL (RFC 4422 appendix A); None if it showed none.

    That is the first e-mail address in subjectAltName (RFC 5280 section 4.2.1.6); of one beneath our own ``hostname``
    only what stands before the @, as that is the account's name. Without any it is the subject's common name.
    """
    # Shown is verified: a certificate that fails the verification ends the handshake.
    certificate = connection.get_peer_certificate(as_cryptography=True)
    if certificate is None:
        return None
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        addresses = names.get_values_for_type(x509.RFC822Name)
    except (x509.ExtensionNotFound, ValueError):
        addresses = []
    for address in addresses:
        local, _, domain = address.rpartition("@")
        return local if domain.lower() == hostname.lower() else address
    common = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(common[0].value) if len(common) == 1 and common[0].value else None
