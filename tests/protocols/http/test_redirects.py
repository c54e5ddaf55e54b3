"""What has moved, and those who come in clear: sent where the operator says, and nowhere else."""

from __future__ import annotations

from netdaemon.protocols.http.settings import HTTPSettings, Protected, Redirect
from tests.protocols.http.peer import Reply
from tests.protocols.http.visitors import VisitorTests


class MovedTests(VisitorTests):
    def moved(self, source: str, to: str, target: str, status: int = 301, method: bytes = b"GET") -> bytes | None:
        reply = self.visit(target, method=method, redirect=(Redirect(source, to, status),))
        if reply[b"Location"] is not None:
            self.assertEqual(reply.status, status)
        return reply[b"Location"]

    def test_where_to(self) -> None:
        for source, to, target, location in (
            ("/old", "/new", "/old", b"/new"),
            ("/old", "/new", "/old/", b"/new/"),
            ("/old", "/new", "/old/a/b?c=d", b"/new/a/b?c=d"),
            ("/old", "/new/", "/old/a", b"/new/a"),
            ("/old", "/new/", "/old", b"/new/"),
            ("/old", "/", "/old/a", b"/a"),
            ("/old", "/", "/old", b"/"),
            ("/old", "https://e.org", "/old", b"https://e.org"),
            ("/old", "https://e.org", "/old/a", b"https://e.org/a"),
            ("/old", "https://e.org/x?y=z#end", "/old/a?b", b"https://e.org/x/a?y=z&b#end"),
            ("/old", "/new", "/old/%C3%A4%20%0d%0a?\xe4", b"/new/%C3%A4%20%0D%0A?%C3%A4"),
            ("/old", "/new", "/older", None),
            ("/old", "/new", "/Old", None),
            ("/", "https://e.org", "/a/b?c", b"https://e.org/a/b?c"),
            ("/", "https://e.org/", "/", b"https://e.org/"),
        ):
            self.assertEqual(self.moved(source, to, target), location, target)

    def test_to_no_other_host(self) -> None:
        for target in (
            "/old//evil.com",
            "/old/\\evil.com",
            "//evil.com/old",
            "/old/%2f%2fevil.com",
            "/old/..//evil.com",
        ):
            for to in ("/", "/new", "https://e.org", "https://e.org/"):
                location = self.moved("/old", to, target)
                if location is not None:
                    own = b"https://e.org/" if to.startswith("https") else b"/"
                    self.assertTrue(location.startswith(own) and not location.startswith(b"//"), (target, location))

    def test_statuses_and_methods(self) -> None:
        for status in (301, 302, 303, 307, 308):
            for method in (b"GET", b"HEAD", b"POST", b"PUT", b"DELETE", b"OPTIONS"):
                self.assertEqual(self.moved("/old", "/new", "/old/a", status, method), b"/new/a")
        self.assertIsNone(self.moved("/old", "/new", "/old/a", 301, b"BREW"))

    def test_the_longest_counts(self) -> None:
        lines = (Redirect("/a", "/x", 301), Redirect("/a/b", "/y", 301))
        self.assertEqual(self.visit("/a/b/c", redirect=lines)[b"Location"], b"/y/c")

    def test_before_anybody_is_asked_who_he_is(self) -> None:
        reply = self.visit("/a/b", redirect=(Redirect("/a", "/x", 301),), protect=(Protected("/", ()),))
        self.assertEqual((reply.status, reply[b"Location"]), (301, b"/x/b"))


class HTTPSTests(VisitorTests):
    def sent(self, target: str, host: str, port: int = 443, hosts: tuple[str, ...] = (), tls: bool = False) -> Reply:
        factory = self.factory(https_redirect=port, hosts=hosts)
        return self.via(self.visitor(factory, tls=tls), target, host=host)

    def test_to_https(self) -> None:
        for target, host, port, location in (
            ("/hello.txt", "a.egg", 443, b"https://a.egg/hello.txt"),
            ("/hello.txt", "A.egg:80", 443, b"https://a.egg/hello.txt"),
            ("/a%20b/?c=d&e", "a.egg:8080", 8443, b"https://a.egg:8443/a%20b/?c=d&e"),
            ("/", "[::1]:80", 8443, b"https://[::1]:8443/"),
            ("/", "127.0.0.1", 443, b"https://127.0.0.1/"),
            ("http://b.egg/x", "a.egg", 443, b"https://b.egg/x"),
        ):
            reply = self.sent(target, host, port)
            self.assertEqual((reply.status, reply[b"Location"]), (308, location))

    def test_not_for_those_who_came_by_it(self) -> None:
        self.assertEqual(self.sent("/hello.txt", "a.egg", tls=True).body, b"hello\n")

    def test_not_what_proves_the_host_to_an_authority(self) -> None:
        self.assertEqual(self.sent("/.well-known/acme-challenge/token", "a.egg").status, 404)
        self.assertEqual(self.sent("/.well-known/acme-challenge/../x", "a.egg").status, 308)
        self.assertEqual(self.sent("/.well-known/acme-challenger", "a.egg").status, 308)

    def test_to_no_host_of_the_clients_choice(self) -> None:
        for host in ("", ":80", "$(id)", "a%2eegg", "a!b", "[1::2::3]", "[v1.x]", "-"):
            self.assertEqual(self.sent("/", host).status, 400, host)
        hosts = ("a.egg", "*.b.egg")
        for host, status in (
            ("a.egg", 308),
            ("a.egg.:80", 308),
            ("x.b.egg", 308),
            ("b.egg", 400),
            ("xb.egg", 400),
            ("evil.com", 400),
        ):
            self.assertEqual(self.sent("/", host, hosts=hosts).status, status, host)

    def test_an_old_client_without_a_host(self) -> None:
        peer = self.visitor(self.factory(https_redirect=443), tls=False)
        peer.send(b"GET /hello.txt HTTP/1.0\r\n\r\n")
        self.assertEqual([reply.status for reply in peer.replies()], [400])

    def test_what_is_at_hand_stays_there(self) -> None:
        factory = self.factory(https_redirect=443)
        clear, secure = self.visitor(factory, tls=False), self.visitor(factory)
        for _ in range(3):
            self.assertEqual(self.via(secure, "/hello.txt").body, b"hello\n")
            self.assertEqual(self.via(clear, "/hello.txt").status, 308)
        self.assertTrue(any(known.at_hand for known in factory.heads._known.values()), "nothing was at hand")

    def test_every_method_and_no_body_is_asked_for(self) -> None:
        factory = self.factory(https_redirect=443)
        for method in (b"GET", b"HEAD", b"POST", b"PUT", b"DELETE", b"OPTIONS"):
            peer = self.visitor(factory, tls=False)
            peer.send(b"%b / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n" % method)
            self.assertEqual([reply.status for reply in peer.replies(method)], [308])

    def test_before_a_password_is_asked_for(self) -> None:
        factory = self.factory(https_redirect=443, protect=(Protected("/", ()),))
        self.assertEqual(self.via(self.visitor(factory, tls=False), "/hello.txt").status, 308)

    def test_a_virtual_host_by_itself(self) -> None:
        guest = HTTPSettings(section="http:b", listen=(), hosts=("b.egg",), https_redirect=443)
        peer = self.visitor(self.factory(guests=(guest,)), tls=False)
        self.assertEqual(self.via(peer, "/hello.txt", host="a.egg").status, 200)
        self.assertEqual(self.via(peer, "/hello.txt", host="b.egg").status, 308)
