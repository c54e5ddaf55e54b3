"""The server's side of SASL: what a session offers, and the exchange that follows.

offer = Offer(scram_verifier=house.logins.scram_verifier, plain=self.may_login_plain, bindings=bindings(connection))
self.send(b"250 AUTH " + " ".join(offer.names).encode())
...
exchange = offer.start(name)
answer = exchange.step(initial_response)          # None: the client sent none
while not isinstance(answer, Done):
    answer = exchange.step(decode_base64(await self.line(encode_base64(answer))))
login = await house.logins.login(answer.credentials, ...)
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import Any

from twisted.cred.credentials import UsernamePassword

from netdaemon.interfaces import ScramVerifier
from netdaemon.wire.sasl import scram
from netdaemon.wire.sasl.credentials import Disproved, Proven
from netdaemon.wire.sasl.encoding import LONGEST, SaslError, encode_base64

LONGEST_NAME = 255
"""Octets of a name (RFC 4616 section 2 has it for all of PLAIN's fields)."""


@dataclass(frozen=True)
class Done:
    """The exchange's end. ``credentials`` are for the portal, and not yet right: the portal says whether they are.

    ``data`` goes to the client with the success, if it comes to one and the protocol has a place for it.
    """

    credentials: Any
    data: bytes | None = None


Steps = Generator[bytes, bytes, Done]
"""Challenges out, responses in; raises SaslError."""


class ServerExchange:
    """One authentication under way; `Offer.start` makes it."""

    def __init__(self, name: str, steps: Steps) -> None:
        self.name = name
        """The mechanism."""
        self._steps = steps
        self._first: bytes | None = next(steps)
        self._over = False

    def step(self, response: bytes | None) -> bytes | Done:
        """The next challenge for the client's response, or the end.

        The first call takes the initial response, None when the client sent none. Raises SaslError, which ends the
        exchange, and what the `scram_verifier` raises.
        """
        first, self._first = self._first, None
        if response is None:
            if first is None:
                raise ValueError("only the first step goes without a response")
            return first
        if self._over:
            raise SaslError("the exchange is over")
        try:
            if len(response) > LONGEST:
                raise SaslError("the response is too long")
            return self._steps.send(response)
        except StopIteration as end:
            self._over = True
            done: Done = end.value
            return done
        except BaseException:
            self._over = True
            raise


@dataclass(frozen=True, kw_only=True)
class Offer:
    """What one session can do just now; after STARTTLS there is another one."""

    scram_verifier: Callable[[str], ScramVerifier] | None = None
    """`ILogins.scram_verifier`; None when not every account can have verifiers, as clients prefer SCRAM blindly."""

    plain: bool = False
    """May a password travel over this connection?"""

    bindings: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    """The connection's channel bindings (`netdaemon.wire.tls.bindings`), none without TLS."""

    identity: str | None = None
    """The name in the client's verified certificate (`Certificates.peer_identity`)."""

    success_data: bool = False
    """Has the protocol a place for data in its success reply (NNTP's 283)? Else SCRAM takes one more round."""

    @property
    def names(self) -> tuple[str, ...]:
        """The mechanisms, the strongest first. Only what works now is named."""
        return tuple(self._mechanisms())

    def start(self, name: str) -> ServerExchange:
        """Begin, by a mechanism's name in whatever case. Raises SaslError for one that is not offered."""
        mechanisms = self._mechanisms()
        begin = mechanisms.get(name.upper())
        if begin is None:
            raise SaslError("that mechanism is not offered here")
        return ServerExchange(name.upper(), begin())

    def _mechanisms(self) -> dict[str, Callable[[], Steps]]:
        mechanisms: dict[str, Callable[[], Steps]] = {}
        verifier = self.scram_verifier
        if verifier is not None:
            if self.bindings:
                mechanisms[scram.NAME_PLUS] = lambda: self._scram(scram.NAME_PLUS, verifier)
            mechanisms[scram.NAME] = lambda: self._scram(scram.NAME, verifier)
        identity = self.identity
        if identity is not None:
            mechanisms["EXTERNAL"] = lambda: _external(identity)
        if self.plain:
            mechanisms["PLAIN"] = _plain
            mechanisms["LOGIN"] = _login
        return mechanisms

    def _scram(self, name: str, verifier_of: Callable[[str], ScramVerifier]) -> Steps:
        """RFC 5802 section 5. A name that nobody has takes the same way to the same end as a wrong password."""
        first = scram.parse_client_first((yield b""))
        self._check_binding(name, first)
        _check_name(first.username.encode())
        _check_authorize(first.authorize, first.username)
        verifier = verifier_of(first.username)
        challenge = scram.ServerFirst(first.nonce + scram.nonce(), verifier.salt, verifier.iterations)
        final = scram.parse_client_final((yield str(challenge).encode()))
        expected = scram.cbind_input(first, self.bindings.get(first.binding, b""))
        if not hmac.compare_digest(final.binding, expected):
            raise SaslError("the channel binding is another connection's")
        if not hmac.compare_digest(final.nonce.encode(), challenge.nonce.encode()):
            raise SaslError("the nonce is another exchange's")
        messages = scram.auth_message(first, str(challenge), final.bare)
        if not scram.is_proof(verifier, final.proof, messages):
            return Done(Disproved(first.username.encode(), name))
        signature = scram.server_signature(verifier.server_key, messages)
        data = b"v=" + encode_base64(signature)
        if self.success_data:
            return Done(Proven(first.username, name), data)
        if (yield data):
            raise SaslError("an empty response was due")
        return Done(Proven(first.username, name))

    def _check_binding(self, name: str, first: scram.ClientFirst) -> None:
        """RFC 5802 section 6."""
        if name == scram.NAME_PLUS:
            if first.flag != "p":
                raise SaslError("this mechanism wants a channel binding")
            if first.binding not in self.bindings:
                raise SaslError("that channel binding is not known here")
        elif first.flag == "p":
            raise SaslError("a channel binding goes with the mechanism whose name ends in -PLUS")
        elif first.flag == "y" and self.bindings:
            # The client was told that we have none: somebody in between took it out of our offer.
            raise SaslError("this server does support channel bindings")


def _plain() -> Steps:
    """RFC 4616: ``[authorize] NUL name NUL password``."""
    fields = (yield b"").split(b"\0")
    if len(fields) != 3:
        raise SaslError("malformed PLAIN response")
    authorize, name, password = fields
    _check_authorize(authorize, name)
    return Done(_password(name, password))


def _login() -> Steps:
    """draft-murchison-sasl-login: the name, then the password. Some clients send the name at once."""
    name = yield b"Username:"
    _check_name(name)
    return Done(_password(name, (yield b"Password:")))


def _external(identity: str) -> Steps:
    """RFC 4422 appendix A: who the client is, TLS has shown; it may say who it wants to be."""
    _check_authorize((yield b""), identity.encode())
    return Done(Proven(identity, "EXTERNAL"))


def _password(name: bytes, password: bytes) -> UsernamePassword:
    _check_name(name)
    if not password or b"\0" in password:
        raise SaslError("malformed password")
    return UsernamePassword(name, password)


def _check_name(name: bytes) -> None:
    if not name or b"\0" in name or len(name) > LONGEST_NAME:
        raise SaslError("malformed name")
    try:
        name.decode()
    except UnicodeDecodeError:
        raise SaslError("the name is not UTF-8") from None


def _check_authorize(authorize: bytes | str, name: bytes | str) -> None:
    """Nobody here may act for others; to say one's own name is all right."""
    if authorize and authorize != name:
        raise SaslError("to log in as somebody and act as another is not possible here")
