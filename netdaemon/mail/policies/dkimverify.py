"""DKIM: whose signatures on a message hold? (RFC 6376 section 6, RFC 8301, RFC 8463)

The message is read from its spool in pieces, once, in a thread.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, TypeVar

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key
from twisted.internet.defer import Deferred, gatherResults

from netdaemon.mail.interfaces import ISpool
from netdaemon.mail.policies.canonical import Body, canonical_field, without_signature
from netdaemon.mail.policies.dkimtags import (
    ALGORITHMS,
    BadTags,
    KeyRecord,
    Signature,
    Unacceptable,
    parse_key,
    parse_signature,
)
from netdaemon.mail.policies.head import PIECE, Field, Head
from netdaemon.mail.policies.resolving import NoSuchName, Resolver, TemporarilyUnknown

T = TypeVar("T")
InThread = Callable[..., Awaitable[Any]]

MOST_SIGNATURES = 5
"""Signatures that are looked at, the uppermost; others are passed over."""
MOST_KEYS = 3
"""Records at one key's name that are looked at."""
LEAST_BITS = 1024
MOST_BITS = 8192
CLOCKS = 300
"""Seconds by which other hosts' clocks may differ."""

PASS = "pass"
FAIL = "fail"
POLICY = "policy"
NEUTRAL = "neutral"
TEMPERROR = "temperror"
PERMERROR = "permerror"


@dataclass(frozen=True)
class Checked:
    """What became of one signature: a result of RFC 8601 section 2.7.1, and why it is no pass."""

    result: str
    reason: str = ""
    signature: Signature | None = None
    """None when it can't be read."""
    testing: bool = False
    """The signer says that it means nothing yet (t=y)."""


@dataclass(frozen=True)
class _Candidate:
    """A signature that only its key can tell more of."""

    field: Field
    signature: Signature


async def verify(spool: ISpool, head: Head, resolver: Resolver, in_thread: InThread, now: float) -> list[Checked]:
    """Each signature, the uppermost first; none for an unsigned message. Never raises what a message can cause."""
    fields = head.all(b"dkim-signature")[:MOST_SIGNATURES]
    if not fields:
        return []
    prepared: list[Checked | _Candidate] = await in_thread(_prepare, spool, head, fields, now)
    keys = await gatherResults([Deferred.fromCoroutine(_keys(resolver, one)) for one in prepared], consumeErrors=True)
    checked: list[Checked] = await in_thread(_conclude, head, prepared, keys)
    return checked


# --- what the message says ---------------------------------------------------------------------------------------


def _prepare(spool: ISpool, head: Head, fields: Sequence[Field], now: float) -> list[Checked | _Candidate]:
    parsed = [_parsed(field, head, now) for field in fields]
    hows = {one.signature.body_how for one in parsed if isinstance(one, _Candidate)}
    bodies = body_hashes(spool, head.body, hows)
    return [one if isinstance(one, Checked) else _with_body(one, *bodies[one.signature.body_how]) for one in parsed]


def body_hashes(spool: ISpool, start: int, hows: set[str]) -> dict[str, tuple[bytes, int]]:
    """The SHA-256 of the canonical body, and its length, for each canonicalisation; one pass over the spool."""
    bodies = {how: Body(how, sha256()) for how in hows}
    while bodies and (piece := spool.read(start, PIECE)):
        start += len(piece)
        for body in bodies.values():
            body.write(piece)
    return {how: (body.finish(), body.length) for how, body in bodies.items()}


def _parsed(field: Field, head: Head, now: float) -> Checked | _Candidate:
    try:
        signature = parse_signature(field.value)
    except BadTags as error:
        return Checked(NEUTRAL, str(error))
    except Unacceptable as error:
        return Checked(POLICY, str(error))
    if signature.expires is not None and signature.expires < now - CLOCKS:
        return Checked(FAIL, "the signature has expired", signature)
    if signature.signed is not None and signature.signed > now + CLOCKS:
        return Checked(FAIL, "the signature is of the future", signature)
    # RFC 6376 8.15: what is shown as the author must be what was signed
    if len(head.all(b"from")) > signature.fields.count(b"from"):
        return Checked(POLICY, "a From that is not signed", signature)
    return _Candidate(field, signature)


def _with_body(one: _Candidate, digest: bytes, length: int) -> Checked | _Candidate:
    signature = one.signature
    if signature.length is not None and signature.length < length:
        # RFC 6376 8.2: anybody may have written the rest
        return Checked(POLICY, "a part of the body is not signed", signature)
    if (signature.length or 0) > length or digest != signature.body_hash:
        return Checked(FAIL, "the body was changed", signature)
    return one


# --- what the signer's domain says -------------------------------------------------------------------------------


async def _keys(resolver: Resolver, one: Checked | _Candidate) -> list[KeyRecord] | Checked:
    if isinstance(one, Checked):
        return one
    try:
        records = await resolver.txt(one.signature.key_name)
    except NoSuchName:
        records = []
    except TemporarilyUnknown:
        return Checked(TEMPERROR, "the key can't be had just now", one.signature)
    keys, problem = [], "there is no key"
    for record in records[:MOST_KEYS]:
        try:
            keys.append(parse_key(record))
        except BadTags as error:
            problem = str(error)
    return keys or Checked(PERMERROR, problem, one.signature)


def _conclude(
    head: Head, prepared: Sequence[Checked | _Candidate], keys: Sequence[list[KeyRecord] | Checked]
) -> list[Checked]:
    checked = []
    for one, found in zip(prepared, keys, strict=True):
        if isinstance(found, Checked) or isinstance(one, Checked):
            assert isinstance(found, Checked), "there are no keys for what needs none"
            checked.append(found)
            continue
        digest = header_hash(head, one.field, one.signature)
        results = [_by_key(one.signature, digest, key) for key in found]
        checked.append(next((result for result in results if result.result == PASS), results[0]))
    return checked


def header_hash(head: Head, field: Field, signature: Signature) -> bytes:
    """The SHA-256 of the signed fields and of the signature itself (RFC 6376 section 3.7)."""
    digest = sha256()
    # section 5.4.2: of several fields of a name the lowest first; one that isn't there is nothing
    left = {name: head.all(name) for name in set(signature.fields)}
    for name in signature.fields:
        if left[name]:
            digest.update(canonical_field(signature.header_how, name, left[name].pop().written))
    own = canonical_field(signature.header_how, field.name, without_signature(field.written))
    digest.update(own.removesuffix(b"\r\n"))
    return digest.digest()


def _by_key(signature: Signature, digest: bytes, key: KeyRecord) -> Checked:
    result, reason = _verified(signature, digest, key)
    if key.testing and result != PASS:
        result = NEUTRAL  # section 3.6.1: as if it were not signed
    return Checked(result, reason, signature, testing=key.testing)


def _verified(signature: Signature, digest: bytes, key: KeyRecord) -> tuple[str, str]:
    if not key.octets:
        return PERMERROR, "the key was revoked"
    if key.kind != ALGORITHMS[signature.algorithm]:
        return PERMERROR, "the key is for another algorithm"
    if key.strict and signature.identity.rpartition("@")[2].lower() != signature.domain:
        return PERMERROR, "the key is not for sub-domains"
    try:
        if key.kind == "ed25519":
            # RFC 8463 section 3: what is signed is the hash
            Ed25519PublicKey.from_public_bytes(key.octets).verify(signature.signature, digest)
            return PASS, ""
        public = load_der_public_key(key.octets)
        if not isinstance(public, RSAPublicKey):
            return PERMERROR, "the key is of another kind"
        if not LEAST_BITS <= public.key_size <= MOST_BITS or public.public_numbers().e.bit_length() > 64:
            return POLICY, f"an RSA key of {public.key_size} bits"  # RFC 8301 section 3.2
        public.verify(signature.signature, digest, PKCS1v15(), Prehashed(SHA256()))
    except InvalidSignature:
        return FAIL, "the header was changed"
    except (ValueError, UnsupportedAlgorithm):
        return PERMERROR, "the key is none"
    return PASS, ""
