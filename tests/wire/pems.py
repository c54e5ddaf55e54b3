"""Certificates for tests: an authority of our own, and pairs that it signs. Keys are made once for each."""

from __future__ import annotations

import ipaddress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID

from netdaemon.wire.certificate import Pair


def name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)] if common else [])


class Authority:
    """Signs certificates; its own is ``certificate``."""

    def __init__(self, common: str = "an authority") -> None:
        self._name = name(common)
        self._key = ec.generate_private_key(ec.SECP256R1())
        self.certificate = self._sign(common, self._key, 3650, [], True, hashes.SHA256())

    def issue(
        self,
        common: str,
        *names: str,
        days: float = 90,
        emails: tuple[str, ...] = (),
        key: Any = None,
        algorithm: Any = None,
    ) -> Pair:
        """A pair for the hosts ``names`` (or addresses), good for ``days``; with negative ones it has expired."""
        key = key if key is not None else ec.generate_private_key(ec.SECP256R1())
        alternatives: list[x509.GeneralName] = [x509.RFC822Name(email) for email in emails]
        for host in names:
            try:
                alternatives.append(x509.IPAddress(ipaddress.ip_address(host)))
            except ValueError:
                alternatives.append(x509.DNSName(host))
        certificate = self._sign(common, key, days, alternatives, False, algorithm or hashes.SHA256())
        return Pair((certificate, self.certificate), key)

    def _sign(self, common: str, key: Any, days: float, names: list[Any], ca: bool, algorithm: Any) -> Any:
        now = datetime.now(UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(name(common))
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(min(now, now + timedelta(days=days)) - timedelta(days=1))
            .not_valid_after(now + timedelta(days=days))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        )
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        return builder.sign(self._key, algorithm)


def ed25519_pair(common: str) -> Pair:
    """Self-signed, without a hash function."""
    key = ed25519.Ed25519PrivateKey.generate()
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name(common))
        .issuer_name(name(common))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=9))
        .sign(key, None)
    )
    return Pair((certificate,), key)


def chain_pem(pair: Pair) -> bytes:
    return b"".join(certificate.public_bytes(Encoding.PEM) for certificate in pair.chain)


def key_pem(pair: Pair, password: str = "") -> bytes:
    encryption: KeySerializationEncryption = BestAvailableEncryption(password.encode()) if password else NoEncryption()
    return pair.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)


def put(folder: Path, pair: Pair) -> tuple[Path, Path]:
    """Write ``chain.pem`` and ``key.pem``; their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    chain, key = folder / "chain.pem", folder / "key.pem"
    chain.write_bytes(chain_pem(pair))
    key.write_bytes(key_pem(pair))
    return chain, key
