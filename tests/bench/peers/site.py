"""What every server of a part is given alike: the documents, and a certificate."""

from __future__ import annotations

import datetime
import os
from pathlib import Path

SMALL, SMALL_SIZE = "/small.html", 1024
LARGE, LARGE_SIZE = "/large.bin", 100 * 1024 * 1024


def documents(folder: Path) -> Path:
    """The folder with the documents, beside the server's own; made by the first who asks."""
    site = folder.parent / "site"
    if not site.exists():
        site.mkdir()
        (site / SMALL[1:]).write_bytes((b"<p>netdaemon" + b"." * SMALL_SIZE)[:SMALL_SIZE])
        block = os.urandom(1 << 20)
        with (site / LARGE[1:]).open("wb") as file:
            for _ in range(LARGE_SIZE // len(block)):
                file.write(block)
    return site


def certificate(folder: Path) -> tuple[Path, Path]:
    """PEM files of a chain of one, on P-256, and of its key: the same for every server of a part."""
    chain, key = folder.parent / "chain.pem", folder.parent / "key.pem"
    if not key.exists():
        _make(chain, key)
    return chain, key


def _make(chain: Path, key: Path) -> None:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    private = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=30))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(private, hashes.SHA256())
    )
    chain.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    key.write_bytes(
        private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    key.chmod(0o600)
