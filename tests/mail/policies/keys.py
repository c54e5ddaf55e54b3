"""Keys for DKIM's tests, made once a run, and a message to be signed."""

from __future__ import annotations

from base64 import b64encode
from functools import cache
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa

from netdaemon.mail.policies.dkimsign import SigningKey
from netdaemon.mail.policies.head import Head, read_head
from tests.kit.delivery import MemorySpool

MESSAGE = (
    b"From: Fox <fox@example.org>\r\n"
    b"To: dana@spam.egg\r\n"
    b"Subject: \t Lunch  \t today\r\n"
    b"\tor tomorrow \r\n"
    b"X-Other: 1\r\n"
    b"Date: Wed, 25 Nov 2026 12:00:00 +0000\r\n"
    b"\r\n"
    b"Hello,  \r\n"
    b"\t  the usual \t place?\r\n"
    b"\r\n"
    b" \r\n"
    b"\r\n"
)


@cache
def rsa_key(bits: int = 2048) -> Any:
    return rsa.generate_private_key(65537, bits)


@cache
def ed25519_key() -> Any:
    return ed25519.Ed25519PrivateKey.generate()


def pem(key: Any) -> bytes:
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    octets: bytes = key.private_bytes(encoding, form, serialization.NoEncryption())
    return octets


def record(key: Any, tags: str = "") -> str:
    """The TXT record of its public key."""
    public = key.public_key()
    if isinstance(key, ed25519.Ed25519PrivateKey):
        octets, kind = public.public_bytes_raw(), "ed25519"
    else:
        encoding, form = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        octets, kind = public.public_bytes(encoding, form), "rsa"
    return f"TXT v=DKIM1; k={kind}; {tags}p={b64encode(octets).decode()}"


RSA_SIGNER = SigningKey("example.org", "one", rsa_key())
ED25519_SIGNER = SigningKey("example.org", "two", ed25519_key())


def spooled(octets: bytes) -> MemorySpool:
    spool = MemorySpool()
    spool.write(octets)
    return spool.finish()


def head_of(octets: bytes) -> Head:
    return read_head(spooled(octets))


async def at_once(work: Any, *arguments: Any) -> Any:
    """What stands for `house.in_thread`."""
    return work(*arguments)


def written(key: Any, folder: str, name: str) -> Path:
    """Its file."""
    file = Path(folder) / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(pem(key))
    return file.absolute()
