"""Names of messages and threads that stay (RFC 8474): made of the octets, so that they outlive a restored backup."""

from __future__ import annotations

import base64

DIGEST = 18
"""Octets of the digest that a name holds."""


def email_id(digest: bytes) -> str:
    """The same for the same octets, wherever and whenever they came; ``digest`` is their SHA-256."""
    return "M" + _name(digest)


def thread_id(digest: bytes) -> str:
    """The thread that this message began."""
    return "T" + _name(digest)


def _name(digest: bytes) -> str:
    return base64.urlsafe_b64encode(digest[:DIGEST]).decode()


def digest_of(email_id: str) -> bytes:
    """The beginning of the digest that an email id was made of; nothing for what is no email id."""
    if len(email_id) != 25 or not email_id.startswith("M"):
        return b""
    try:
        return base64.urlsafe_b64decode(email_id[1:])
    except ValueError:
        return b""
