"""The client's side of SASL: the strongest mechanism that both sides have, and the exchange by it.

exchange = client_exchange(offered, "mulder", "trustno1", bindings=bindings(connection), plain=True)
send(exchange.name, exchange.initial)
while the server challenges:  send(exchange.step(challenge))
the server says that all is well:  exchange.finish()
"""

from __future__ import annotations

import hmac
from collections.abc import Generator, Iterable, Mapping

from netdaemon.wire.sasl import scram
from netdaemon.wire.sasl.encoding import LONGEST, SaslError, encode_base64

Steps = Generator[bytes | None, bytes, bytes]
"""Responses out, challenges in; the last response is returned. Raises SaslError."""


class ClientExchange:
    """One authentication under way; `client_exchange` makes it."""

    def __init__(self, name: str, steps: Steps) -> None:
        self.name = name
        """The mechanism."""
        self.done = False
        """Has all been said, and has the server shown what it must?"""
        self._steps = steps
        self._over = False
        self.initial = self._advance(None)
        """The initial response, None when the server speaks first (LOGIN). A protocol that can't send it along sends
        it in answer to the server's first challenge, which is then empty."""

    def step(self, challenge: bytes) -> bytes:
        """The response to a challenge. Raises SaslError when it is wrong, and when none was due: then cancel."""
        response = self._advance(challenge)
        assert response is not None, "only the initial response may be missing"
        return response

    def finish(self, data: bytes | None = None) -> None:
        """The server says that we are in; ``data`` is what it sent along, if its protocol can.

        Raises SaslError when it has not shown that it knows us (SCRAM): it may be anybody, so hang up.
        """
        if data is not None:
            self._advance(data)
        if not self.done:
            raise SaslError("the server has not proved that it knows the password")

    def _advance(self, challenge: bytes | None) -> bytes | None:
        wanted = not self._over
        self.done, self._over = False, True  # until all has gone well
        if not wanted:
            raise SaslError("the server wants more than the mechanism has")
        if challenge is not None and len(challenge) > LONGEST:
            raise SaslError("the challenge is too long")
        try:
            response = next(self._steps) if challenge is None else self._steps.send(challenge)
        except StopIteration as end:
            self.done = True
            last: bytes = end.value
            return last
        self._over = False
        return response


def client_exchange(
    offered: Iterable[str],
    username: str,
    password: str,
    *,
    bindings: Mapping[str, bytes] | None = None,
    plain: bool = False,
    external: bool = False,
) -> ClientExchange:
    """Begin by the strongest mechanism of those that a server has ``offered`` (names in whatever case).

    ``bindings`` are the connection's (`netdaemon.wire.tls.bindings`); ``plain`` says that the password may travel over
    this connection; ``external`` that we have shown a certificate and want to be known by that. Raises SaslError when
    none is left to take.
    """
    names = {name.upper() for name in offered}
    if external and "EXTERNAL" in names:
        return ClientExchange("EXTERNAL", _external())
    bound = next(iter((bindings or {}).items()), None)
    if names & {scram.NAME, scram.NAME_PLUS} and _fit_for_scram(username, password):
        if bound is not None and scram.NAME_PLUS in names:
            return ClientExchange(scram.NAME_PLUS, _scram(username, password, "p", *bound))
        if scram.NAME in names:
            # RFC 5802 section 6: y lets the server find out that its -PLUS was taken out on the way to us
            flag = "n" if bound is None else "y"
            return ClientExchange(scram.NAME, _scram(username, password, flag))
    if plain and "PLAIN" in names:
        return ClientExchange("PLAIN", _plain(username, password))
    if plain and "LOGIN" in names:
        return ClientExchange("LOGIN", _login(username, password))
    why = "" if plain else " without sending the password in clear"
    raise SaslError(f"the server offers no way to log in{why}: {' '.join(sorted(names)) or 'nothing'}")


def _fit_for_scram(*texts: str) -> bool:
    try:
        return all(map(scram.prepared, texts))
    except SaslError:
        return False


def _scram(
    username: str, password: str, flag: str, binding: str = "", data: bytes = b"", nonce: str | None = None
) -> Steps:
    """RFC 5802 section 5."""
    first = scram.client_first(scram.prepared(username), nonce or scram.nonce(), flag, binding)
    challenge = yield (first.header + first.bare).encode()
    asked = scram.parse_server_first(challenge, first.nonce)
    keys = scram.Keys.of(password, asked.salt, asked.iterations)
    bare = scram.client_final_bare(first, asked.nonce, data)
    messages = scram.auth_message(first, challenge.decode(), bare)
    final = yield bare.encode() + b",p=" + encode_base64(keys.proof(messages))
    if not hmac.compare_digest(scram.parse_server_final(final), scram.server_signature(keys.server, messages)):
        raise SaslError("the server does not know the password: it is not the one we wanted")
    return b""


def _plain(username: str, password: str) -> Steps:
    """RFC 4616."""
    if "\0" in username or "\0" in password:
        raise SaslError("a name or password with NUL can't be sent")
    yield from ()
    return f"\0{username}\0{password}".encode()


def _login(username: str, password: str) -> Steps:
    """draft-murchison-sasl-login. What the challenges say differs from server to server, their order does not."""
    yield None
    yield username.encode()
    return password.encode()


def _external() -> Steps:
    """RFC 4422 appendix A: as whoever the certificate says."""
    yield from ()
    return b""
