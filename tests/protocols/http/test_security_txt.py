"""security.txt (RFC 9116)."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial

from netdaemon.config.settings import DocumentsSettings
from netdaemon.documents.tree import Tree
from tests.protocols.http.peer import NOW, Reply
from tests.protocols.http.visitors import VisitorTests

CONTACTS = ("mailto:security@spam.egg", "https://spam.egg/report")
PATH = "/.well-known/security.txt"


class SecurityTextTests(VisitorTests):
    def lines(self, reply: Reply) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for line in reply.body.decode().splitlines():
            name, _, value = line.partition(": ")
            found.setdefault(name, []).append(value)
        return found

    def test_the_file(self) -> None:
        reply = self.visit(PATH, security_contact=CONTACTS)
        self.assertEqual((reply.status, reply[b"Content-Type"]), (200, b"text/plain; charset=utf-8"))
        lines = self.lines(reply)
        self.assertEqual(lines["Contact"], list(CONTACTS))
        (expires,) = lines["Expires"]
        left = (datetime.fromisoformat(expires) - datetime.fromtimestamp(NOW, UTC)).days
        self.assertTrue(100 < left < 365, left)
        self.assertEqual(set(lines), {"Contact", "Expires"})

    def test_the_same_all_day(self) -> None:
        bodies = set()
        for hour in range(24):
            wall = partial(float, NOW // 86400 * 86400 + hour * 3600 + 1)
            peer = self.visitor(self.factory(wall=wall, security_contact=CONTACTS))
            bodies.add(self.via(peer, PATH).body)
        self.assertEqual(len(bodies), 1)

    def test_canonical_where_it_is_known(self) -> None:
        factory = self.factory(security_contact=CONTACTS, hosts=("a.egg",))
        for host, tls, canonical in (
            ("a.egg", True, ["https://a.egg/.well-known/security.txt"]),
            ("spam.egg:8443", True, ["https://spam.egg:8443/.well-known/security.txt"]),
            ("a.egg", False, None),
            ("evil.com", True, None),
        ):
            lines = self.lines(self.via(self.visitor(factory, tls=tls), PATH, host=host))
            self.assertEqual(lines.get("Canonical"), canonical, host)

    def test_the_old_address(self) -> None:
        reply = self.visit("/security.txt?x", security_contact=CONTACTS)
        self.assertEqual((reply.status, reply[b"Location"]), (301, b"/.well-known/security.txt?x"))

    def test_none(self) -> None:
        for target in (PATH, "/security.txt"):
            self.assertEqual(self.visit(target).status, 404)
        for target in (PATH + "/x", "/security.txt/", "/.well-known/", "/.well-known/other"):
            self.assertEqual(self.visit(target, security_contact=CONTACTS).status, 404, target)

    def test_a_document_comes_first(self) -> None:
        self.file("security.txt", b"my own")
        self.assertEqual(self.visit("/security.txt", security_contact=CONTACTS).body, b"my own")
        self.file(".well-known/security.txt", b"my own")
        self.assertNotEqual(self.visit(PATH, security_contact=CONTACTS).body, b"my own", "hidden names are hidden")
        tree = Tree(DocumentsSettings(root=self.top, hidden=True), self.clock)
        self.addCleanup(tree.close)
        peer = self.visitor(self.factory(documents=tree, security_contact=CONTACTS))
        self.assertEqual(self.via(peer, PATH).body, b"my own")

    def test_without_a_clock(self) -> None:
        def stopped() -> float:
            raise OSError

        peer = self.visitor(self.factory(wall=stopped, security_contact=CONTACTS))
        self.assertEqual(self.via(peer, PATH).status, 503)

    def test_methods(self) -> None:
        reply = self.visit(PATH, method=b"PUT", security_contact=CONTACTS)
        self.assertEqual((reply.status, reply[b"Allow"]), (405, b"GET, HEAD, OPTIONS"))
