"""A site with real accounts, and visitors who say who they are."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

from netdaemon.accounts.open import Accounts
from netdaemon.documents.tree import Tree
from tests.accounts.kit import CountingHasher, accounts, folder
from tests.kit.house import Tally
from tests.protocols.http.peer import HTTPTests, Peer, Reply


def basic(name: str, password: str) -> bytes:
    """The Authorization field of that name and password."""
    return b"Authorization: Basic " + b64encode(f"{name}:{password}".encode())


MULDER = basic("mulder", "trustno1")
SCULLY = basic("scully", "starbuck")
WRONG = basic("mulder", "trustno2")


class VisitorTests(HTTPTests):
    """Visitors come over TLS unless a test says otherwise."""

    def visitor(self, factory: Any, **wire: Any) -> Peer:
        """A connection to that factory."""
        peer = Peer(factory, **{"tls": True, **wire})
        self.addCleanup(peer.leave)
        return peer

    def via(
        self,
        peer: Peer,
        target: str,
        *fields: bytes,
        method: bytes = b"GET",
        body: bytes | None = None,
        host: str = "a",
    ) -> Reply:
        """The one reply to one request on that connection."""
        before = len(peer.wire.written)
        lines = [b"%b %b HTTP/1.1" % (method, target.encode()), b"Host: " + host.encode(), *fields]
        if body is not None:
            lines.append(b"Content-Length: %d" % len(body))
        peer.send(b"\r\n".join(lines) + b"\r\n\r\n" + (body or b""))
        self.settle()
        data = b"".join(peer.wire.written[before:])
        (reply,) = _replies(data, method, peer.wire.ended)
        return reply

    def visit(self, target: str, *fields: bytes, method: bytes = b"GET", **settings: Any) -> Reply:
        """The same on a connection, and to a site, of its own."""
        return self.via(self.visitor(self.factory(**settings)), target, *fields, method=method)


def _replies(data: bytes, method: bytes, ended: bool) -> list[Reply]:
    from tests.protocols.http.peer import parse_reply

    replies = []
    while data:
        reply, data = parse_reply(data, method, ended)
        replies.append(reply)
    return replies


class AccountTests(VisitorTests):
    """Among the visitors are mulder and scully, who may do all that an account may."""

    keys: dict[str, Any] = {}
    """What `[accounts]` says."""
    accounts: Accounts

    def parts(self, tree: Tree) -> dict[str, Any]:
        self.hasher = CountingHasher()
        self.measure = Tally()
        self.accounts = accounts(
            folder(self.mktemp()),
            self.clock,
            hasher=self.hasher,
            measure=self.measure,
            documents=tree,
            **self.keys,
        )
        self.addCleanup(self.accounts.close)
        self.accounts.store.add("mulder", self.hasher.keep(b"trustno1"))
        self.accounts.store.add("scully", self.hasher.keep(b"starbuck"))
        return {"logins": self.accounts.logins, "measure": self.measure}
