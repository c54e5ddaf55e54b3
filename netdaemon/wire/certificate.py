"""Certificates and keys on disk: PEM files read (RFC 7468), and the self-signed pair that stands in for them."""

from __future__ import annotations

import fcntl
import ipaddress
import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from netdaemon.wire.failures import LocalTrouble

BIGGEST = 1 << 20
"""Bytes of a PEM file; a chain has a few thousand."""

SELF_SIGNED = "self-signed.pem"
"""The generated key and certificate, in one file: so they are whole, and each other's, or absent."""

LIFE = timedelta(days=825)
"""Of a self-signed certificate. Apple's systems believe no longer one, not even when told to."""

RENEW_BEFORE = timedelta(days=30)
"""How long before its end a self-signed certificate is made anew."""

_KEY = re.compile(rb"-----BEGIN ([A-Z0-9 ]*)PRIVATE KEY-----.+?-----END \1PRIVATE KEY-----", re.DOTALL)


class CertificateError(LocalTrouble):
    """A certificate or key that can't be used: one line saying which file, why, and what to do."""


@dataclass(frozen=True, eq=False)
class Pair:
    """A host's certificate, with the chain behind it, and its private key."""

    chain: tuple[x509.Certificate, ...]
    key: PrivateKeyTypes

    @property
    def certificate(self) -> x509.Certificate:
        """The host's own."""
        return self.chain[0]

    @property
    def expiry(self) -> float:
        """When the first certificate of the chain expires, Unix seconds."""
        return min(certificate.not_valid_after_utc for certificate in self.chain).timestamp()


def read_pair(certificate: Path, key: Path, password: str = "") -> Pair:
    """Read a certificate with its chain, and its key, which may be in the same file. Raises CertificateError."""
    chain = read_certificates(certificate)
    private = _read_key(key, password)
    if not _belong_together(chain[0], private):
        if any(_belong_together(other, private) for other in chain[1:]):
            raise CertificateError(f"{certificate}: the host's own certificate must come first, the chain behind it")
        raise CertificateError(f"{key} is not the key of {certificate}: give the pair that was issued together")
    return Pair(chain, private)


def read_certificates(file: Path) -> tuple[x509.Certificate, ...]:
    """All certificates of a PEM file, at least one. Raises CertificateError."""
    data = _read(file)
    if b"-----BEGIN CERTIFICATE-----" not in data:
        raise CertificateError(
            f"{file} holds no certificate in PEM form (-----BEGIN CERTIFICATE-----); "
            f"convert DER with: openssl x509 -inform der -in FILE -out FILE.pem"
        )
    try:
        return tuple(x509.load_pem_x509_certificates(data))
    except ValueError:
        raise CertificateError(f"{file} holds a certificate that is damaged: copy it anew") from None


def _read_key(file: Path, password: str) -> PrivateKeyTypes:
    # Only the key's block: EC PARAMETERS (from openssl ecparam) or the certificate may stand before it.
    found = _KEY.search(_read(file))
    if found is None:
        raise CertificateError(f"{file} holds no private key in PEM form (-----BEGIN PRIVATE KEY-----)")
    block = found[0] + b"\n"
    encrypted = b"ENCRYPTED" in block
    if encrypted and not password:
        raise CertificateError(f"{file} is encrypted: set private-key-password or private-key-password-file")
    try:
        return load_pem_private_key(block, password.encode() if encrypted else None)
    except (ValueError, TypeError):
        why = "is damaged, or private-key-password is not its password" if encrypted else "is damaged: copy it anew"
        raise CertificateError(f"{file} holds a private key that {why}") from None
    except UnsupportedAlgorithm:
        raise CertificateError(f"{file} holds a private key of a kind that is not known here") from None


def _read(file: Path) -> bytes:
    try:
        with file.open("rb") as opened:
            data = opened.read(BIGGEST + 1)
    except FileNotFoundError:
        raise CertificateError(f"{file} does not exist") from None
    except PermissionError:
        raise CertificateError(f"{file} can't be read: the user who runs the daemon has no right to it") from None
    except OSError as error:
        raise CertificateError(f"{file} can't be read: {error.strerror}") from None
    if len(data) > BIGGEST:
        raise CertificateError(f"{file} is bigger than {BIGGEST} bytes: it is no certificate and no key")
    return data


def _belong_together(certificate: x509.Certificate, key: PrivateKeyTypes) -> bool:
    form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    try:
        return certificate.public_key().public_bytes(*form) == key.public_key().public_bytes(*form)
    except (ValueError, UnsupportedAlgorithm):
        return False


# --- self-signed ---------------------------------------------------------------------------------------------


def self_signed(folder: Path, hostname: str, now: float) -> Pair:
    """The pair in ``folder``, made on the first call, and anew before it expires or when the host's name changes.

    ``now`` is Unix seconds. The folder has mode 0700, the file 0600. Raises CertificateError. Of several processes
    that want one at the same time the first makes it, and the others get the same.
    """
    file = folder / SELF_SIGNED
    if (pair := _usable(file, hostname, now)) is not None:
        return pair
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _locked(folder):
            if (pair := _usable(file, hostname, now)) is None:
                pair = make(hostname, now)
                _write(file, pair)
    except OSError as error:
        raise CertificateError(
            f"{file} can't be written: {error.strerror}; make [netdaemon] data writable, "
            f"or set [tls] certificate and private-key"
        ) from None
    return pair


def _usable(file: Path, hostname: str, now: float) -> Pair | None:
    if not file.exists():
        return None
    try:
        pair = read_pair(file, file)
    except CertificateError:
        if not os.access(file, os.R_OK):
            raise
        return None  # damaged, and nobody's but ours: a new one takes its place
    return pair if not is_due(pair, now) and hostname in _names(pair.certificate) else None


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def is_due(pair: Pair, now: float) -> bool:
    """Does a self-signed pair end so soon that a new one is wanted (or begin only later, by the clock)?"""
    begin = pair.certificate.not_valid_before_utc.timestamp()
    return not begin <= now < pair.expiry - RENEW_BEFORE.total_seconds()


def make(hostname: str, now: float) -> Pair:
    """A self-signed certificate for ``hostname`` and for this machine's loopback, with a fresh key."""
    # P-256: a signature costs a fourteenth of what RSA-2048's does.
    key = ec.generate_private_key(ec.SECP256R1())
    begin = datetime.fromtimestamp(now, UTC).replace(microsecond=0) - timedelta(hours=1)  # clocks differ
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, hostname[:64])])  # RFC 5280 A.1: ub-common-name
    alternatives: list[x509.GeneralName] = [x509.DNSName(name) for name in dict.fromkeys([hostname, "localhost"])]
    alternatives += [x509.IPAddress(ipaddress.ip_address(address)) for address in ("127.0.0.1", "::1")]
    usage = {"digital_signature": True, "content_commitment": False, "key_encipherment": False}
    usage |= {"data_encipherment": False, "key_agreement": False, "key_cert_sign": False, "crl_sign": False}
    usage |= {"encipher_only": False, "decipher_only": False}
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(begin + LIFE)
        .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.KeyUsage(**usage), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    return Pair((certificate,), key)


def pem(pair: Pair) -> bytes:
    """Key and certificates, one behind the other."""
    key = pair.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return key + b"".join(certificate.public_bytes(Encoding.PEM) for certificate in pair.chain)


def _names(certificate: x509.Certificate) -> list[str]:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):
        return []
    return names.get_values_for_type(x509.DNSName)


def _write(file: Path, pair: Pair) -> None:
    """Whole under its name or absent, whatever happens; never readable by others, not for a moment."""
    temporary = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with open(descriptor, "wb") as opened:
            opened.write(pem(pair))
            opened.flush()
            os.fsync(opened.fileno())
        temporary.replace(file)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    folder = os.open(file.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
