"""What DKIM writes down: tag lists, a signature, a public key's record (RFC 6376 sections 3.2, 3.5 and 3.6.1)."""

from __future__ import annotations

import re
from base64 import b64decode
from binascii import Error
from dataclasses import dataclass

from netdaemon.mail.policies.canonical import RELAXED, SIMPLE
from netdaemon.mail.policies.resolving import NoSuchName, usable_name

LARGEST = 16 << 10
"""Octets of a signature's field, or of a key's record."""
MOST_NAMES = 1000

RSA = "rsa-sha256"
ED25519 = "ed25519-sha256"
ALGORITHMS = {RSA: "rsa", ED25519: "ed25519"}

_FOLD = re.compile(r"\r?\n")
_WHITE = re.compile(r"[ \t\r\n]++")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_NUMBER = re.compile(r"[0-9]{1,12}")
_FIELD_NAME = re.compile(r"[!-9<-~]+")  # neither colon nor semicolon


class BadTags(Exception):
    """What is not as the grammar says."""


class Unacceptable(Exception):
    """Well-formed, and nothing that we rely on."""


def parse_tags(text: str) -> dict[str, str]:
    """A tag list, values without the white space around them. Raises BadTags."""
    pieces = _FOLD.sub("", text).split(";")
    if not pieces[-1].strip(" \t"):
        pieces.pop()
    tags: dict[str, str] = {}
    for piece in pieces:
        name, equals, value = piece.partition("=")
        name = name.strip(" \t")
        if not equals or _NAME.fullmatch(name) is None:
            raise BadTags("what is no tag")
        if name in tags:
            raise BadTags(f"{name}= twice")
        tags[name] = value.strip(" \t")
    return tags


@dataclass(frozen=True)
class Signature:
    """One DKIM-Signature field."""

    algorithm: str
    domain: str
    """d=, in lower case."""
    selector: str
    identity: str
    """i=, ``local@domain`` or ``@domain``."""
    header_how: str
    body_how: str
    fields: tuple[bytes, ...]
    """h=, in lower case."""
    body_hash: bytes
    signature: bytes
    length: int | None = None
    """l=: how many octets of the body are signed; None is all."""
    signed: int | None = None
    expires: int | None = None

    @property
    def key_name(self) -> str:
        """Where its public key is."""
        return f"{self.selector}._domainkey.{self.domain}"


def parse_signature(value: bytes) -> Signature:
    """The value of a DKIM-Signature field (RFC 6376 section 6.1.1). Raises BadTags and Unacceptable."""
    if len(value) > LARGEST:
        raise BadTags("a signature that is too long")
    try:
        tags = parse_tags(value.decode("ascii"))
    except UnicodeDecodeError:
        raise BadTags("octets that are not ASCII") from None
    for name in ("v", "a", "b", "bh", "d", "h", "s"):
        if not tags.get(name):
            raise BadTags(f"no {name}=")
    if tags["v"] != "1":
        raise BadTags("an unknown version")
    domain, selector = _name(tags["d"]), _name(tags["s"])
    _name(f"{selector}._domainkey.{domain}")
    identity = tags.get("i", f"@{domain}")
    if not _beneath(identity.rpartition("@")[2].lower(), domain) or "@" not in identity or not identity.isprintable():
        raise BadTags("i= is not within d=")
    if "q" in tags and "dns/txt" not in _list(tags["q"].lower()):
        raise BadTags("no way to its key")
    how, _, body_how = tags.get("c", SIMPLE).lower().partition("/")
    body_how = body_how or SIMPLE
    if {how, body_how} - {SIMPLE, RELAXED}:
        raise BadTags("an unknown canonicalisation")
    names = _list(tags["h"])
    if len(names) > MOST_NAMES or not all(map(_FIELD_NAME.fullmatch, names)):
        raise BadTags("no names of fields in h=")
    fields = tuple(name.lower().encode() for name in names)
    if b"from" not in fields:
        raise BadTags("From is not signed")
    signed, expires = _number(tags, "t"), _number(tags, "x")
    if signed is not None and expires is not None and expires < signed:
        raise BadTags("it ended before it began")
    algorithm = tags["a"].lower()
    found = Signature(
        algorithm,
        domain,
        selector,
        identity,
        how,
        body_how,
        fields,
        _base64(tags["bh"]),
        _base64(tags["b"]),
        _number(tags, "l"),
        signed,
        expires,
    )
    if algorithm == "rsa-sha1":
        raise Unacceptable("rsa-sha1")  # RFC 8301 section 3.1
    if algorithm not in ALGORITHMS:
        raise BadTags("an unknown algorithm")
    return found


@dataclass(frozen=True)
class KeyRecord:
    """A public key as the DNS has it."""

    kind: str
    """rsa or ed25519."""
    octets: bytes
    """SubjectPublicKeyInfo, or the 32 octets of an Ed25519 key; empty when it was revoked."""
    testing: bool = False
    strict: bool = False
    """t=s: identities of sub-domains are not signed for."""


def parse_key(record: bytes) -> KeyRecord:
    """A key's TXT record. Raises BadTags."""
    if len(record) > LARGEST:
        raise BadTags("a key that is too long")
    try:
        tags = parse_tags(record.decode("ascii"))
    except UnicodeDecodeError:
        raise BadTags("octets that are not ASCII") from None
    if "v" in tags and (tags["v"] != "DKIM1" or next(iter(tags)) != "v"):
        raise BadTags("an unknown version")
    if "h" in tags and "sha256" not in _list(tags["h"].lower()):
        raise BadTags("a key for other hashes")
    if "s" in tags and not {"*", "email"} & set(_list(tags["s"].lower())):
        raise BadTags("a key for other services")
    if "p" not in tags:
        raise BadTags("no key")
    kind = tags.get("k", "rsa").lower()
    if kind not in ALGORITHMS.values():
        raise BadTags("an unknown kind of key")
    flags = _list(tags.get("t", "").lower())
    return KeyRecord(kind, _base64(tags["p"]), "y" in flags, "s" in flags)


def _list(text: str) -> list[str]:
    return [_WHITE.sub("", word) for word in text.split(":")]


def _number(tags: dict[str, str], name: str) -> int | None:
    if name not in tags:
        return None
    if _NUMBER.fullmatch(tags[name]) is None:
        raise BadTags(f"{name}= is no number")
    return int(tags[name])


def _base64(text: str) -> bytes:
    try:
        return b64decode(_WHITE.sub("", text), validate=True)
    except Error:
        raise BadTags("what is no base64") from None


_DOMAIN = re.compile(r"[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*+")


def _name(text: str) -> str:
    try:
        name = usable_name(text)
    except NoSuchName:
        raise BadTags("no domain, or no selector") from None
    if _DOMAIN.fullmatch(name) is None:
        raise BadTags("no domain, or no selector")
    return name


def _beneath(name: str, domain: str) -> bool:
    return name == domain or name.endswith(f".{domain}")
