"""DKIM: we sign what accounts here send (RFC 6376 section 5, RFC 8463)."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from netdaemon.mail.fields import folded
from netdaemon.mail.interfaces import ISpool
from netdaemon.mail.policies.canonical import RELAXED, canonical_field
from netdaemon.mail.policies.dkimtags import ED25519, RSA
from netdaemon.mail.policies.dkimverify import LEAST_BITS, MOST_BITS, body_hashes
from netdaemon.mail.policies.head import Head

LARGEST_FILE = 64 << 10

# RFC 6376 section 5.4.1. Of the first, one more is signed than there is, so that nobody adds another.
FROZEN = (
    *("From", "Reply-To", "Subject", "Date", "To", "Cc", "Message-ID", "In-Reply-To", "References"),
    *("MIME-Version", "Content-Type", "Content-Transfer-Encoding"),
)
SIGNED_IF_THERE = (
    *("Sender", "Resent-From", "Resent-To", "Resent-Cc", "Resent-Date", "Resent-Message-ID"),
    *("Content-ID", "Content-Description", "Content-Language"),
    *("List-Id", "List-Help", "List-Unsubscribe", "List-Unsubscribe-Post", "List-Subscribe", "List-Post"),
    *("List-Owner", "List-Archive"),
)
MOST_OF_A_NAME = 20
"""Fields of one name that are signed, the lowest."""
WORD = 64


@dataclass(frozen=True)
class SigningKey:
    """A domain's private key, and the selector at which the public one is found."""

    domain: str
    selector: str
    key: RSAPrivateKey | Ed25519PrivateKey

    @property
    def algorithm(self) -> str:
        return RSA if isinstance(self.key, RSAPrivateKey) else ED25519

    def sign(self, digest: bytes) -> bytes:
        """The signature of a SHA-256 digest."""
        if isinstance(self.key, RSAPrivateKey):
            return self.key.sign(digest, PKCS1v15(), Prehashed(SHA256()))
        return self.key.sign(digest)


def load_key(file: Path) -> RSAPrivateKey | Ed25519PrivateKey:
    """A private key in PEM. Raises OSError, and ValueError with what is wrong with it."""
    with file.open("rb") as stream:
        octets = stream.read(LARGEST_FILE)
    try:
        key = load_pem_private_key(octets, None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise ValueError("is no private key in PEM without a passphrase") from None
    if isinstance(key, RSAPrivateKey):
        if not LEAST_BITS <= key.key_size <= MOST_BITS:
            raise ValueError(f"is an RSA key of {key.key_size} bits: {LEAST_BITS} to {MOST_BITS} are wanted")
        return key
    if isinstance(key, Ed25519PrivateKey):
        return key
    raise ValueError("is neither an RSA nor an Ed25519 key")


def keys_for(keys: Sequence[SigningKey], domain: str) -> list[SigningKey]:
    """The keys that sign for an author at ``domain``: its own, or those of the nearest domain above it."""
    name = domain.lower()
    while name:
        found = [key for key in keys if key.domain == name]
        if found:
            return found
        name = name.partition(".")[2]
    return []


def sign(spool: ISpool, head: Head, keys: Sequence[SigningKey], now: float) -> bytes:
    """A DKIM-Signature field for each key. It reads the whole spool: ask in a thread."""
    if not keys:
        return b""
    body, _ = body_hashes(spool, head.body, {RELAXED})[RELAXED]
    return b"".join(_field(head, key, body, now) for key in keys)


def _field(head: Head, key: SigningKey, body: bytes, now: float) -> bytes:
    names: list[str] = []
    digest = sha256()
    for name in (*FROZEN, *SIGNED_IF_THERE):
        fields = head.all(name.lower().encode())
        for field in reversed(fields[-MOST_OF_A_NAME:]):
            digest.update(canonical_field(RELAXED, field.name, field.written))
        names += [name] * min(len(fields) + (name in FROZEN), MOST_OF_A_NAME)
    words = [
        "v=1;",
        f"a={key.algorithm};",
        "c=relaxed/relaxed;",
        f"d={key.domain};",
        f"s={key.selector};",
        f"t={int(now)};",
        f"h={names[0]}",
        *(f":{name}" for name in names[1:-1]),
        f":{names[-1]};",
        f"bh={b64encode(body).decode()};",
    ]
    unsigned = canonical_field(RELAXED, b"dkim-signature", folded("DKIM-Signature", [*words, "b="]))
    digest.update(unsigned.removesuffix(b"\r\n"))
    value = "b=" + b64encode(key.sign(digest.digest())).decode()
    return folded("DKIM-Signature", [*words, *(value[at : at + WORD] for at in range(0, len(value), WORD))])
