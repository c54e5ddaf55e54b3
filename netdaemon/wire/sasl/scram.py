"""SCRAM-SHA-256: its messages and its arithmetic (RFC 5802, RFC 7677), for both sides.

The exchange is our own: scramp's knows no ``tls-exporter`` (RFC 9266), the channel binding of TLS 1.3. From scramp
come the preparation of passwords (RFC 4013) and, in the tests, the other side.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass

from scramp import ScramException
from scramp.utils import saslprep

from netdaemon.interfaces import ScramVerifier
from netdaemon.wire.sasl.encoding import SaslError, decode_base64, encode_base64

NAME = "SCRAM-SHA-256"
NAME_PLUS = "SCRAM-SHA-256-PLUS"

ITERATIONS = 15_000
"""Rounds of a new verifier. RFC 7677 section 4 wants 4096 at least. It is the client who does them, at each login and
maybe on a telephone: some 5 ms here. OWASP's 600,000 are for servers that do it themselves; should verifiers be
stolen, the passwords' argon2id hashes lie beside them, and these must hold."""

FEWEST_ITERATIONS = 4096
MOST_ITERATIONS = 1_000_000
"""What a client does for a server that it doesn't know: no fewer, or the password could be guessed from the proof, and
no more, or the client would stand still (a million takes some 0.3 s)."""

SALT = 16
DIGEST = 32

_NONCE = re.compile(r"[\x21-\x2b\x2d-\x7e]+")
_NUMBER = re.compile("[1-9][0-9]{0,8}")
_EXTENSION = re.compile(r"[A-Za-z]=[^\0]+")
_BINDING_NAME = re.compile(r"[A-Za-z0-9.-]+")


def nonce() -> str:
    """144 random bits that may stand in a message."""
    return secrets.token_urlsafe(18)


# --- arithmetic (RFC 5802 section 3) -------------------------------------------------------------------------


def prepared(text: str) -> str:
    """A name or password as SCRAM takes it. Raises SaslError for what SASLprep prohibits (emoji, for one)."""
    try:
        result: str = saslprep(text)  # type: ignore[no-untyped-call]  # scramp has no types
    except ScramException:
        raise SaslError("this name or password can't be used with SCRAM") from None
    if not result:
        raise SaslError("an empty name or password can't be used with SCRAM")
    return result


def scram_verifier_of(password: str, iterations: int = ITERATIONS, salt: bytes | None = None) -> ScramVerifier:
    """What is kept of a password. Takes some milliseconds. Raises SaslError for what `prepared` refuses."""
    salt = secrets.token_bytes(SALT) if salt is None else salt
    keys = Keys.of(password, salt, iterations)
    return ScramVerifier(salt, iterations, _hash(keys.client), keys.server)


@dataclass(frozen=True, repr=False)
class Keys:
    """ClientKey and ServerKey."""

    client: bytes
    server: bytes

    @staticmethod
    def of(password: str, salt: bytes, iterations: int) -> Keys:
        """Raises SaslError for what `prepared` refuses."""
        salted = hashlib.pbkdf2_hmac("sha256", prepared(password).encode(), salt, iterations)
        return Keys(_mac(salted, b"Client Key"), _mac(salted, b"Server Key"))

    def proof(self, messages: bytes) -> bytes:
        """ClientProof: shows that ClientKey is known, to one who knows its hash."""
        return _xor(self.client, _mac(_hash(self.client), messages))


def is_proof(verifier: ScramVerifier, proof: bytes, messages: bytes) -> bool:
    """Does ``proof`` show that the client knows the verifier's password? In constant time."""
    client_key = _xor(proof, _mac(verifier.stored_key, messages))
    return hmac.compare_digest(_hash(client_key), verifier.stored_key)


def server_signature(server_key: bytes, messages: bytes) -> bytes:
    """ServerSignature: shows the client that the server knows its verifier."""
    return _mac(server_key, messages)


def _mac(key: bytes, data: bytes) -> bytes:
    return hmac.digest(key, data, "sha256")


def _hash(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def _xor(one: bytes, other: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(one, other, strict=True))


# --- messages (RFC 5802 section 7) ---------------------------------------------------------------------------


@dataclass(frozen=True)
class ClientFirst:
    """``n,,n=user,r=NONCE``; ``header`` is what stands before ``bare``, as it was sent.

    ``flag`` is n (the client has no channel binding), y (it has, and believes that the server has none) or p, then
    with the binding's name. ``authorize`` is who the client wants to be, empty for whoever it proves to be.
    """

    header: str
    flag: str
    binding: str
    authorize: str
    bare: str
    username: str
    nonce: str


def client_first(username: str, nonce: str, flag: str, binding: str = "") -> ClientFirst:
    """The message of a client."""
    header = f"p={binding},," if flag == "p" else f"{flag},,"
    bare = f"n={_escape(username)},r={nonce}"
    return ClientFirst(header, flag, binding, "", bare, username, nonce)


def parse_client_first(data: bytes) -> ClientFirst:
    """Raises SaslError."""
    text = _text(data)
    parts = text.split(",", 2)
    if len(parts) != 3:
        raise SaslError("malformed SCRAM message")
    flag, authorize, bare = parts
    binding = ""
    if flag.startswith("p="):
        flag, binding = "p", flag[2:]
        if not _BINDING_NAME.fullmatch(binding):
            raise SaslError("malformed SCRAM message")
    elif flag not in ("n", "y"):
        raise SaslError("malformed SCRAM message")
    if authorize:
        if not authorize.startswith("a="):
            raise SaslError("malformed SCRAM message")
        authorize = _unescape(authorize[2:])
    if bare.startswith("m="):
        raise SaslError("SCRAM extensions are not supported")
    username, nonce = _attributes(bare, "n", "r")
    return ClientFirst(text[: -len(bare)], flag, binding, authorize, bare, _unescape(username), _checked_nonce(nonce))


@dataclass(frozen=True)
class ServerFirst:
    """``r=NONCE,s=SALT,i=ITERATIONS``"""

    nonce: str
    salt: bytes
    iterations: int

    def __str__(self) -> str:
        return f"r={self.nonce},s={encode_base64(self.salt).decode()},i={self.iterations}"


def parse_server_first(data: bytes, nonce: str) -> ServerFirst:
    """The answer to a client that sent ``nonce``. Raises SaslError."""
    text = _text(data)
    if text.startswith("m="):
        raise SaslError("SCRAM extensions are not supported")
    if text.startswith("e="):
        raise SaslError("the server refuses the login")
    both, salt, iterations = _attributes(text, "r", "s", "i")
    if not _checked_nonce(both).startswith(nonce) or len(both) == len(nonce):
        raise SaslError("the server's nonce does not begin with ours: this is an answer to somebody else")
    if not _NUMBER.fullmatch(iterations):
        raise SaslError("malformed SCRAM message")
    rounds = int(iterations)
    if not FEWEST_ITERATIONS <= rounds <= MOST_ITERATIONS:
        raise SaslError(f"the server wants {rounds} iterations of SCRAM, not {FEWEST_ITERATIONS} to {MOST_ITERATIONS}")
    return ServerFirst(both, _octets(salt), rounds)


@dataclass(frozen=True)
class ClientFinal:
    """``c=BINDING,r=NONCE,p=PROOF``; ``bare`` is all before the proof, as it was sent."""

    bare: str
    binding: bytes
    nonce: str
    proof: bytes


def client_final_bare(first: ClientFirst, nonce: str, binding: bytes) -> str:
    """The message of a client, without its proof. ``binding`` is the channel's data, for flag p."""
    return f"c={encode_base64(cbind_input(first, binding)).decode()},r={nonce}"


def parse_client_final(data: bytes) -> ClientFinal:
    """Raises SaslError."""
    bare, found, proof = _text(data).rpartition(",p=")
    if not found:
        raise SaslError("malformed SCRAM message")
    binding, nonce = _attributes(bare, "c", "r")
    octets = _octets(proof)
    if len(octets) != DIGEST:
        raise SaslError("malformed SCRAM message")
    return ClientFinal(bare, _octets(binding), nonce, octets)


def parse_server_final(data: bytes) -> bytes:
    """The server's signature. Raises SaslError, also when the server tells an error."""
    text = _text(data)
    if text.startswith("e="):
        raise SaslError("the server refuses the login")
    (signature,) = _attributes(text, "v")
    return _octets(signature)


def cbind_input(first: ClientFirst, binding: bytes) -> bytes:
    """What ``c=`` must say: the header as it was sent, and with flag p the channel's data."""
    return first.header.encode() + (binding if first.flag == "p" else b"")


def auth_message(first: ClientFirst, server_first: str, client_final_bare: str) -> bytes:
    """AuthMessage: what both sides sign."""
    return f"{first.bare},{server_first},{client_final_bare}".encode()


def _attributes(text: str, *names: str) -> list[str]:
    """The values of ``names``, which come first and in that order; extensions behind them are let be."""
    parts = text.split(",")
    values = [part[2:] for part, name in zip(parts, names, strict=False) if part.startswith(f"{name}=")]
    if len(values) != len(names) or not all(map(_EXTENSION.fullmatch, parts)):
        raise SaslError("malformed SCRAM message")
    return values


def _text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise SaslError("the SCRAM message is not UTF-8") from None


def _octets(text: str) -> bytes:
    data = decode_base64(text.encode()) if text not in ("*", "=") else b""
    if not data:
        raise SaslError("malformed SCRAM message")
    return data


def _checked_nonce(text: str) -> str:
    if not _NONCE.fullmatch(text):
        raise SaslError("malformed SCRAM message")
    return text


def _escape(name: str) -> str:
    return name.replace("=", "=3D").replace(",", "=2C")


def _unescape(name: str) -> str:
    if not name or re.search("=(?!2C|3D)", name):
        raise SaslError("malformed SCRAM message")
    return name.replace("=2C", ",").replace("=3D", "=")
