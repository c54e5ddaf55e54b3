"""No path leads out of the tree, or to another host: 400 or 404, never 500 and never a byte from outside."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.protocols.http.peer import HTTPTests

CLIMBS = (
    b"..", b"%2e%2e", b".%2e", b"%2e.", b"%2E%2E", b"%252e%252e", b"..%2f..", b"%2e%2e%2f", b"..\\..", b"..%5c..",
    b"%c0%ae%c0%ae", b"%e0%80%ae%e0%80%ae", b"%f0%80%80%ae%f0%80%80%ae", b"\xc0\xae\xc0\xae", b"..%c0%af..",
    b"..%00", b"%00..", b"....//", b"..;", b".", b"", b"%u002e%u002e", b"..%ef%bc%8f..", b"\xe2\x80\xa5",
)  # fmt: skip


class TraversalTests(HTTPTests):
    def setUp(self) -> None:
        super().setUp()
        (self.top / "escape").symlink_to(self.outside / "secret")
        (self.top / "escape-folder").symlink_to(self.outside)
        (self.top / "up").symlink_to("../outside")
        self.file("sub/inner.txt")
        self.file(".hidden")
        self.file(".git/config")

    def test_climbing(self) -> None:
        for climb in CLIMBS:
            for start in (b"/", b"/sub/", b"/sub/x/../"):
                for count in (1, 2, 5):
                    target = start + b"/".join([climb] * count) + b"/outside/secret"
                    reply = self.get(target, listing=True)
                    self.assertIn(reply.status, (400, 404), target)
                    self.assertNotIn(b"SECRET", reply.body)

    def test_the_root_is_the_top(self) -> None:
        for target in (b"/..", b"/../", b"/%2e%2e/", b"/..%2f", b"/..%5c", b"/sub/../..", b"/sub/%2e%2e/%2e%2e/"):
            self.assertEqual(self.get(target, listing=True).status, 400, target)

    def test_links(self) -> None:
        for target in (b"/escape", b"/escape-folder/secret", b"/escape-folder/", b"/up/secret", b"/escape-folder"):
            self.assertEqual(self.get(target, listing=True).status, 404, target)

    def test_hidden(self) -> None:
        for target in (b"/.hidden", b"/%2ehidden", b"/.git/config", b"/%2egit/config", b"/.git/", b"/sub/../.hidden"):
            self.assertEqual(self.get(target, listing=True).status, 404, target)

    def test_nul_backslash_overlong_and_broken_escapes(self) -> None:
        for target in (
            b"/hello.txt%00", b"/hello.txt%00.html", b"/%00", b"/a\\b", b"/a%5Cb", b"/%c0%af", b"/%e0%80%af",
            b"/\xc1\x9c",
            b"/%", b"/%1", b"/%zz", b"/hello%2", b"/%2", b"/sub%2finner.txt", b"/sub%2Finner.txt", b"/%%32%65",
        ):  # fmt: skip
            self.assertEqual(self.get(target).status, 400, target)

    def test_decoded_once(self) -> None:
        self.file("100%.txt", b"percent")
        self.file("%2e%2e", b"a name of escapes")
        self.assertEqual(self.get("/100%25.txt").body, b"percent")
        self.assertEqual(self.get("/%252e%252e").body, b"a name of escapes")
        self.assertEqual(self.get("/%68%65llo.txt").body, b"hello\n")

    def test_what_is_no_climb(self) -> None:
        self.file("..a/b..", b"dots")
        self.file("a b/ü+?#.txt", b"odd")
        self.file(b"caf\xe9.txt", b"latin")
        self.assertEqual(self.get("/sub/../hello.txt").body, b"hello\n")
        self.assertEqual(self.get("/./sub/./inner.txt").body, b"data")
        self.assertEqual(self.get("//sub///inner.txt").body, b"data")
        self.assertEqual(self.get("/a%20b/%c3%bc+%3F%23.txt").body, b"odd")
        self.assertEqual(self.get("/a%20b/ü+%3F%23.txt".encode()).body, b"odd")
        self.assertEqual(self.get("/caf%e9.txt").body, b"latin")
        self.assertEqual(self.get("/caf%e9.txt?x=%00").body, b"latin")

    def test_redirects_stay_here(self) -> None:
        (self.top / "evil.com" / "x").mkdir(parents=True)
        for target in (b"//evil.com", b"///evil.com", b"//evil.com/x", b"/evil.com", b"/./evil.com",
                       b"//x@evil.com/..",
                       b"//evil.com/..", b"//evil.com/%2e%2e", b"/\\evil.com", b"/%5cevil.com",
                       b"//evil.com//x"):  # fmt: skip
            reply = self.get(target, listing=True)
            location = reply[b"Location"]
            if reply.status == 301:
                assert location is not None
                self.assertRegex(location, rb"\A/[^/\\]", target)
            else:
                self.assertIsNone(location)
        self.assertEqual(self.get(b"//evil.com")[b"Location"], b"/evil.com/")
        self.assertEqual(self.get(b"//evil.com/..", listing=True).status, 200)

    def test_no_field_is_injected_by_a_redirect(self) -> None:
        (self.top / "a\r\nSet-Cookie: x=y").mkdir()
        reply = self.get(b"/a%0d%0aSet-Cookie:%20x=y?q=%0d%0aX:y\xff\"'<")
        self.assertEqual(reply.status, 301)
        self.assertEqual(reply[b"Location"], b"/a%0D%0ASet-Cookie:%20x=y/?q=%0d%0aX:y%FF%22'%3C")
        self.assertIsNone(reply[b"Set-Cookie"])

    def test_forms_of_targets(self) -> None:
        for target in (b"hello.txt", b"*", b"http:hello.txt", b"http://", b"http:///hello.txt", b"ftp://a/hello.txt",
                       b"http://u@a/hello.txt", b"file:///etc/passwd", b"?x", b"#", b"/#", b"/hello.txt#x",
                       b"http://a b/", b"http://:80/"):  # fmt: skip
            self.assertEqual(self.get(target).status, 400, target)

    @settings(deadline=None, max_examples=150)
    @given(
        st.lists(st.sampled_from((*CLIMBS, b"outside", b"secret", b"sub", b"escape-folder", b"/", b"%2f")), max_size=9)
    )
    def test_any_mixture(self, parts: list[bytes]) -> None:
        reply = self.get(b"/" + b"/".join(parts))
        self.assertIn(reply.status, (301, 400, 403, 404))
        self.assertNotIn(b"SECRET", reply.body)
