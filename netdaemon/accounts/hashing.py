"""Passwords to argon2id hashes (RFC 9106) and SCRAM-SHA-256 verifiers (RFC 5802, RFC 7677), and back to yes or no."""

from __future__ import annotations

import re
import secrets
import unicodedata
from base64 import b64encode
from dataclasses import dataclass, field

from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError

from netdaemon.accounts.names import AccountError
from netdaemon.interfaces import ScramVerifier
from netdaemon.wire.sasl.encoding import SaslError
from netdaemon.wire.sasl.scram import ITERATIONS, scram_verifier_of

LONGEST_PASSWORD = 1024
"""Bytes. Longer ones are no password of anybody here, and are not hashed at all."""

MOST_MEMORY = 1 << 20
MOST_PASSES = 64
MOST_LANES = 64
"""Bounds (KiB, passes, lanes) of hashes that others made: one line of a file must not take the machine's memory."""


@dataclass(frozen=True)
class Kept:
    """What is kept of a password: its argon2id hash in PHC form, and a verifier where SCRAM can know the password."""

    hash: str = field(repr=False)
    scram: ScramVerifier | None = field(repr=False)


class Hasher:
    """The work itself, done wherever it is called: in a thread by the daemon, at once by a command."""

    def __init__(self, argon2: PasswordHasher | None = None, iterations: int = ITERATIONS) -> None:
        self._argon2 = argon2 if argon2 is not None else PasswordHasher()
        self.iterations = iterations
        self.nobody = self._nobody()
        """A hash of this hasher's own cost that no password has: what unknown names are checked against."""

    def keep(self, password: bytes) -> Kept:
        """What to keep of a password. Raises AccountError for one that is empty or too long."""
        if not password:
            raise AccountError("the password is empty")
        if len(password) > LONGEST_PASSWORD:
            raise AccountError(f"the password has more than {LONGEST_PASSWORD} bytes")
        return Kept(self.hash(password), self._verifier(password))

    def hash(self, password: bytes) -> str:
        """``$argon2id$v=19$m=...,t=...,p=...$SALT$HASH``."""
        return self._argon2.hash(_prepared(password))

    def verify(self, hash: str, password: bytes) -> bool:
        """Is it the password of that hash? Raises argon2's errors for what is no hash, and out of memory."""
        try:
            return self._argon2.verify(hash, _prepared(password))
        except VerifyMismatchError:
            return False

    def is_stale(self, hash: str) -> bool:
        """Was it made with other parameters than today's?"""
        return self._argon2.check_needs_rehash(hash)

    def _verifier(self, password: bytes) -> ScramVerifier | None:
        # RFC 5802 2.2: the password is prepared by SASLprep; one it prohibits can't be used with SCRAM at all
        try:
            return scram_verifier_of(password.decode(), self.iterations)
        except (UnicodeDecodeError, SaslError):
            return None

    def _nobody(self) -> str:
        salt = b64encode(secrets.token_bytes(self._argon2.salt_len)).rstrip(b"=").decode()
        digest = b64encode(secrets.token_bytes(self._argon2.hash_len)).rstrip(b"=").decode()
        memory, passes, lanes = self._argon2.memory_cost, self._argon2.time_cost, self._argon2.parallelism
        return f"$argon2id$v=19$m={memory},t={passes},p={lanes}${salt}${digest}"


_PHC = re.compile(
    r"\$argon2id\$v=19\$m=([0-9]{1,7}),t=([0-9]{1,3}),p=([0-9]{1,3})\$[A-Za-z0-9+/]{11,86}\$[A-Za-z0-9+/]{16,172}"
)


def check_hash(text: str) -> str:
    """A hash that somebody else made, if it is argon2id and can be checked at a bearable cost. Raises AccountError."""
    match = _PHC.fullmatch(text)
    if match is None:
        raise AccountError("the hash is not of the form $argon2id$v=19$m=...,t=...,p=...$SALT$HASH")
    memory, passes, lanes = map(int, match.groups())
    if memory > MOST_MEMORY or passes > MOST_PASSES or lanes > MOST_LANES:
        raise AccountError(
            f"the hash costs too much: m={MOST_MEMORY}, t={MOST_PASSES} and p={MOST_LANES} are the most that is checked"
        )
    if memory < 8 * lanes or not passes or not lanes:  # RFC 9106 3.1
        raise AccountError("the hash has parameters that argon2id does not know")
    return text


def _prepared(password: bytes) -> bytes:
    # RFC 8265 4.2 (OpaqueString): the same accented letter, however the keyboard composed it. Passwords that are
    # no UTF-8 are the bytes they are.
    if password.isascii():
        return password
    try:
        return unicodedata.normalize("NFC", password.decode()).encode()
    except UnicodeDecodeError:
        return password
