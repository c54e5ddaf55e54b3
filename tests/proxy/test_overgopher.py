"""gopher URLs, with a Gopher server that the test plays."""

from __future__ import annotations

from tests.protocols.http.peer import Reply
from tests.proxy.world import ORIGIN, ProxyTests

URL = b"gopher://origin.example/"


class GopherTests(ProxyTests):
    def answer(self, path: bytes, answer: bytes, selector: bytes, method: bytes = b"GET") -> Reply:
        """The page of a URL, whose server hears ``selector`` and says ``answer``."""
        self.world.origins.clear()
        browser = self.get(URL + path, method=method)
        server = self.world.origin()
        self.assertEqual(server.hear(), selector + b"\r\n")
        server.say(answer)
        server.close()
        return browser.reply(method)

    def test_a_menu(self) -> None:
        reply = self.answer(
            b"1/dir",
            b"iWelcome <b>\tx\tnull.host\t1\r\n0A text\t/a b\torigin.example\t70\r\n"
            b"1Elsewhere\t/\tother.example\t7070\r\n"
            b"hWeb\tURL:http://www.example/?a=b&c\torigin.example\t70\r\n"
            b"hEvil\tURL:javascript:alert(1)\torigin.example\t70\r\nhEvil\tURL:data:text/html,x\torigin.example\t70\r\n"
            b'1"><script>\t"><script>\torigin.example\t70\r\n8Telnet\t\tbbs.example\t23\r\n'
            b"7Find\t/find\torigin.example\t70\r\nXOdd\tx\torigin.example\t70\r\n.\r\n",
            b"/dir",
        )
        page = reply.body.decode()
        self.assertEqual((reply.status, reply[b"Content-Type"]), (200, b"text/html; charset=utf-8"))
        for part in (
            "<h1>gopher://origin.example/1/dir</h1>",
            "<bdi>Welcome &lt;b&gt;</bdi>",
            '<a href="gopher://origin.example/0/a%20b"><bdi>A text</bdi></a>',
            '<a href="gopher://other.example:7070/1/">',
            '<a href="http://www.example/?a=b&amp;c">',
            '<a href="telnet://bbs.example">',
            '<a href="gopher://origin.example/7/find">',
        ):
            self.assertIn(part, page)
        for part in ("<script", "javascript:", "data:text", '""'):
            self.assertNotIn(part, page)
        self.assertEqual([host for host, _ in self.world.dialled], [ORIGIN], "links are shown, and not followed")

    def test_a_text(self) -> None:
        reply = self.answer(b"0/a", b"one\r\n..two\r\n.\r\n", b"/a")
        self.assertEqual((reply.body, reply[b"Content-Type"]), (b"one\n.two\n", b"text/plain; charset=utf-8"))
        self.assertEqual(reply[b"X-Content-Type-Options"], b"nosniff")

    def test_types(self) -> None:
        for kind, name, media in (
            (b"9", b"/a.zip", b"application/zip"), (b"g", b"/a", b"image/gif"), (b"I", b"/a.jpg", b"image/jpeg"),
            (b"9", b"/a", b"application/octet-stream"), (b"h", b"/a", b"text/html; charset=utf-8"),
            (b"5", b"/x", b"application/octet-stream"), (b"s", b"/a.mp3", b"audio/mpeg"),
        ):  # fmt: skip
            reply = self.answer(kind + name, b"\0\r\n.\r\n", name)
            self.assertEqual((reply.body, reply[b"Content-Type"]), (b"\0\r\n.\r\n", media), kind)

    def test_searches(self) -> None:
        form = self.get(URL + b"7/find").reply()
        self.assertIn(b'<form method="get"><input name="q"', form.body)
        self.assertEqual(self.world.dialled, [])
        for path in (b"7/find?q=spam+egg", b"7/find?spam%20egg", b"7/find%09spam%20egg"):
            reply = self.answer(path, b"0Found\t/x\torigin.example\t70\r\n.\r\n", b"/find\tspam egg")
            self.assertIn(b"Found", reply.body)

    def test_a_question_mark_is_a_selectors_elsewhere(self) -> None:
        self.answer(b"0/a?b", b"x\r\n.\r\n", b"/a?b")

    def test_errors(self) -> None:
        for path, selector in ((b"0/a", b"/a"), (b"1/a", b"/a"), (b"9/a", b"/a")):
            reply = self.answer(path, b"3Not <b>here</b>\terror\tnull.host\t1\r\n.\r\n", selector)
            self.assertEqual(reply.status, 404)
            self.assertNotIn(b"<b>", reply.body)

    def test_nothing_at_all(self) -> None:
        self.assertEqual(self.answer(b"1/", b"", b"/").status, 200)
        self.assertEqual(self.answer(b"9/", b"", b"/").body, b"")

    def test_an_endless_menu(self) -> None:
        browser = self.get(URL)
        server = self.world.origin()
        server.hear()
        for _ in range(60):
            server.say(b"iLine after line after line\t\t\t\r\n" * 2000)
        page = browser.reply().body.decode()
        self.assertIn("The rest of this menu is not shown.", page)
        self.assertTrue(server.aborted)

    def test_a_large_document_streams(self) -> None:
        browser = self.get(URL + b"9/x")
        server = self.world.origin()
        server.hear()
        server.say(b"x" * 5_000_000)
        self.assertLess(len(browser.transport.unsent), 700_000)
        self.assertFalse(server.transport.reading)
        browser.reset()
        self.assertTrue(server.aborted)

    def test_one_that_breaks_off(self) -> None:
        browser = self.get(URL + b"9/x")
        server = self.world.origin()
        server.hear()
        server.say(b"x" * 5000)
        self.assertIn(b"xxx", browser.hear())
        server.reset()
        self.assertTrue(browser.aborted)

    def test_silence(self) -> None:
        browser = self.get(URL, stall_timeout=10.0)
        self.world.wait(15)
        self.assertEqual(browser.reply().status, 502)

    def test_other_methods(self) -> None:
        for method in (b"PUT", b"POST", b"DELETE"):
            self.assertEqual(self.get(URL, method=method).reply().status, 405)
        self.assertEqual(self.world.dialled, [])

    def test_a_head(self) -> None:
        reply = self.answer(b"9/x", b"hello", b"/x", b"HEAD")
        self.assertEqual((reply.status, reply.body), (200, b""))
