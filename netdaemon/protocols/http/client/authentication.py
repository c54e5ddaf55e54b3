"""How a client says who it is: Digest and Basic authentication (RFC 7616, RFC 7617, RFC 9110 section 11)."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from hmac import compare_digest
from typing import NamedTuple
from urllib.parse import quote_from_bytes

from netdaemon.protocols.http.client.fields import basic
from netdaemon.protocols.http.grammar.challenge import (
    Challenge,
    credentials,
    parse_challenges,
    parse_parameters,
    quoted,
)
from netdaemon.wire.failures import BadURL

MAX_ROUNDS = 4
"""Refusals of one request that are answered at most: the first, a stale nonce or two, another realm."""

MAX_SPACES = 16
"""Protection spaces of one origin that are remembered, and directories of each."""

Hash = Callable[[bytes], str]


def _hash(name: str, data: bytes) -> str:
    return hashlib.new(name, data, usedforsecurity=False).hexdigest()


# RFC 7616 3.7: the strongest first; what the library lacks (MD5 in some builds) is not known here either
_ALGORITHMS: dict[str, Hash] = {
    algorithm: partial(_hash, name)
    for algorithm, name in (("sha-256", "sha256"), ("sha-512-256", "sha512_256"), ("md5", "md5"))
    if name in hashlib.algorithms_available
}
_STRENGTH = {algorithm: len(_ALGORITHMS) - place for place, algorithm in enumerate(_ALGORITHMS)}


class Login(NamedTuple):
    """Who somebody says to be; text is UTF-8. Not shown: the password is in here."""

    user: bytes
    password: bytes

    def __repr__(self) -> str:
        return "Login(***)"


class Authenticator:
    """What one login is worth at one origin, or at one ``proxy``: the answers to its challenges, and then no more
    challenges. For another origin there is another one.

    ``cnonce`` makes a client's nonce, a token that nobody guesses.
    """

    def __init__(self, login: Login, *, proxy: bool = False, cnonce: Callable[[], str] | None = None) -> None:
        if any(octet < 32 or octet == 127 for octet in login.user + login.password):
            raise BadURL("the user or the password holds a control character")
        self._login = login
        self._proxy = proxy
        self._cnonce = cnonce or partial(secrets.token_hex, 16)
        self._spaces: dict[tuple[str, str], _Digest | _Basic] = {}

    def answer(
        self, challenges: Sequence[Challenge], method: bytes, target: bytes, sent: bytes | None = None
    ) -> bytes | None:
        """The Authorization value for the strongest of ``challenges`` that is known here; ``target`` as it stands in
        the request line.

        ``sent`` is the value that the refused request had, None when it had none. None comes back when the login is
        refused: it was sent to that realm already, and not with a nonce that was only stale. Who asks again and again
        counts to `MAX_ROUNDS`.
        """
        challenge = max(challenges, key=self._strength, default=None)
        if challenge is None or not self._strength(challenge):
            return None
        key = _space_of(challenge)
        if sent is not None and _sent_to(sent) == key and not _is_stale(challenge):
            self._spaces.pop(key, None)
            return None
        space = self._spaces.pop(key, None)
        if challenge.scheme == "digest":
            space = _Digest(self._login, challenge, self._cnonce())
        elif not isinstance(space, _Basic):
            space = _Basic(self._login)
        space.widen(target)
        self._spaces[key] = space
        while len(self._spaces) > MAX_SPACES:
            del self._spaces[next(iter(self._spaces))]
        return space.value(method, target)

    def again(self, method: bytes, target: bytes) -> bytes | None:
        """The value for another request that is going to be asked for it, None when that can't be told."""
        for space in reversed(self._spaces.values()):
            if self._proxy or space.holds(target):
                return space.value(method, target)
        return None

    def informed(self, info: bytes | None, target: bytes, sent: bytes) -> bool:
        """Take to heart the (Proxy-)Authentication-Info of a response to a request with the value ``sent``.

        False when the server claims to know the password, and does not: somebody else's response.
        """
        parameters = parse_parameters(info) if info is not None else {}
        space = self._spaces.get(_sent_to(sent))
        if not parameters or not isinstance(space, _Digest):
            return True
        known = space.is_from_who_knows(parameters, sent, target)
        if known and "nextnonce" in parameters:
            space.next_nonce(parameters["nextnonce"])
        return known

    def _strength(self, challenge: Challenge) -> int:
        if challenge.scheme == "basic":
            return int(b":" not in self._login.user)  # RFC 7617 2: it would end the name
        return 1 + _strength(challenge) if _strength(challenge) else 0


def _space_of(credentials: Challenge) -> tuple[str, str]:
    """What a refusal is about. Basic sends the same to every realm: who is refused in one is not let in by another."""
    realm = "" if credentials.scheme == "basic" else credentials.parameters.get("realm", "")
    return credentials.scheme, realm


def _sent_to(sent: bytes) -> tuple[str, str]:
    read = parse_challenges([sent])
    return _space_of(read[0]) if read else ("", "")


def _strength(challenge: Challenge) -> int:
    """Of a Digest challenge, 0 for one that can't be answered."""
    parameters = challenge.parameters
    if challenge.scheme != "digest" or "nonce" not in parameters or "realm" not in parameters:
        return 0
    algorithm, is_session = _algorithm(challenge)
    qop = parameters.get("qop")
    if qop is None:
        # RFC 2069's form has no cnonce, of which a session's key is made
        return 0 if is_session else _STRENGTH.get(algorithm, 0)
    return _STRENGTH.get(algorithm, 0) if "auth" in _words(qop) else 0


def _algorithm(challenge: Challenge) -> tuple[str, bool]:
    name = challenge.parameters.get("algorithm", "md5").lower()  # RFC 7616 3.3: MD5 when it is not there
    return name.removesuffix("-sess"), name.endswith("-sess")


def _is_stale(challenge: Challenge) -> bool:
    return challenge.parameters.get("stale", "").lower() == "true"


def _words(value: str) -> Iterable[str]:
    return [word.strip(" \t").lower() for word in value.split(",")]


@dataclass
class _Basic:
    login: Login
    directories: list[bytes] = field(default_factory=list)

    def value(self, method: bytes, target: bytes) -> bytes:
        return basic(self.login.user + b":" + self.login.password)

    def widen(self, target: bytes) -> None:
        # RFC 7617 2.2: all paths at or deeper than the depth of the last symbolic element in the path
        path = target.partition(b"?")[0]
        directory = path[: path.rfind(b"/") + 1]
        if not self.holds(target):
            self.directories = [one for one in self.directories if not one.startswith(directory)][-MAX_SPACES + 1 :]
            self.directories.append(directory)

    def holds(self, target: bytes) -> bool:
        return any(target.startswith(directory) for directory in self.directories)


class _Digest:
    """One challenge, and how often its nonce was used."""

    def __init__(self, login: Login, challenge: Challenge, cnonce: str) -> None:
        parameters = {name: value.encode("latin-1") for name, value in challenge.parameters.items()}
        algorithm, self._is_session = _algorithm(challenge)
        self._hash = _ALGORITHMS[algorithm]
        self._algorithm = parameters.get("algorithm")
        self._realm = parameters["realm"]
        self._nonce = parameters["nonce"]
        self._opaque = parameters.get("opaque")
        self._has_qop = "qop" in parameters
        self._cnonce = cnonce.encode("ascii")
        self._count = 0
        self._who = self._named(login, parameters)
        # RFC 7616 3.3: URIs, of which those with a host tell nothing here; without the list it is all of the origin
        domain = parameters.get("domain")
        self._paths = (b"/",) if not domain else tuple(path for path in domain.split() if path.startswith(b"/"))
        key = self._hash(b":".join((login.user, self._realm, login.password)))
        if self._is_session:
            # 3.4.2: made once, of the first nonces; both stay the same for servers that make it of each request's
            key = self._hash(b":".join((key.encode(), self._nonce, self._cnonce)))
        self._key = key.encode()

    def _named(self, login: Login, parameters: dict[str, bytes]) -> list[tuple[bytes, bytes]]:
        if parameters.get("userhash", b"").lower() == b"true":  # 3.4.4
            hashed = self._hash(login.user + b":" + self._realm)
            return [(b"username", quoted(hashed.encode())), (b"userhash", b"true")]
        if not login.user.isascii() and parameters.get("charset", b"").lower() == b"utf-8":
            # 3.4: what no quoted-string should hold, in the notation of RFC 8187
            return [(b"username*", b"UTF-8''" + quote_from_bytes(login.user, safe="").encode())]
        return [(b"username", quoted(login.user))]

    def widen(self, target: bytes) -> None:
        """The challenge itself says how wide it is."""

    def holds(self, target: bytes) -> bool:
        return any(target.startswith(path) for path in self._paths)

    def next_nonce(self, nonce: str) -> None:
        self._nonce = nonce.encode("latin-1")
        self._count = 0

    def value(self, method: bytes, target: bytes) -> bytes:
        self._count += 1
        count = b"%08x" % self._count
        response = self._response(method, target, self._nonce, count)
        parameters = [
            *self._who,
            (b"realm", quoted(self._realm)),
            (b"nonce", quoted(self._nonce)),
            (b"uri", quoted(target)),
        ]
        if self._has_qop:  # 3.4: qop, nc and algorithm stand without quotes
            parameters += [(b"cnonce", quoted(self._cnonce)), (b"nc", count), (b"qop", b"auth")]
        parameters.append((b"response", quoted(response)))
        if self._opaque is not None:
            parameters.append((b"opaque", quoted(self._opaque)))
        if self._algorithm is not None:
            parameters.append((b"algorithm", self._algorithm))
        return credentials(b"Digest", parameters)

    def _response(self, method: bytes, target: bytes, nonce: bytes, count: bytes) -> bytes:
        asked = self._hash(b"%b:%b" % (method, target)).encode()
        middle = (nonce, count, self._cnonce, b"auth") if self._has_qop else (nonce,)
        return self._hash(b":".join((self._key, *middle, asked))).encode()

    def is_from_who_knows(self, info: dict[str, str], sent: bytes, target: bytes) -> bool:
        """3.5: rspauth is made as response is, of everything but the method."""
        proof = info.get("rspauth")
        if proof is None or not self._has_qop or "auth" not in _words(info.get("qop", "auth")):
            return True
        ours = parse_challenges([sent])[0].parameters
        nonce, count = ours["nonce"].encode("latin-1"), ours["nc"].encode("latin-1")
        return compare_digest(self._response(b"", target, nonce, count), proof.lower().encode("latin-1"))
