"""ftp URLs, with an FTP server that the test plays."""

from __future__ import annotations

from base64 import b64encode

from tests.proxy.world import ORIGIN, Browser, Line, ProxyTests

URL = b"ftp://origin.example/"
EPSV = b"229 Entering Extended Passive Mode (|||40001|)\r\n"


class FTPTests(ProxyTests):
    def talk(self, server: Line, *turns: tuple[bytes, bytes]) -> None:
        """Hear each command, and answer it."""
        for command, reply in turns:
            heard = server.hear()
            self.assertEqual(heard, command + b"\r\n")
            server.say(reply)

    def logged_in(self, url: bytes = URL, *fields: bytes, method: bytes = b"GET", user: bytes = b"anonymous",
                  password: bytes = b"proxy@", **settings: object) -> tuple[Browser, Line]:  # fmt: skip
        browser = self.get(url, *fields, method=method, **settings)
        server = self.world.origin()
        server.say(b"220 Hello\r\n")
        self.talk(server, (b"USER " + user, b"331 And?\r\n"), (b"PASS " + password, b"230 In.\r\n"))
        # What the login asks besides differs; it gets what most servers say.
        return browser, server

    def until(self, server: Line, verb: bytes) -> bytes:
        """Say 502 to whatever comes before ``verb``; its line."""
        for _ in range(10):
            heard = server.hear()
            if heard.startswith(verb):
                return heard
            self.assertTrue(heard, f"nothing comes, and no {verb!r}")
            server.say(b"200 Fine\r\n" if heard.startswith(b"TYPE") else b"502 What?\r\n")
        raise AssertionError(f"no {verb!r}")

    def data(self, server: Line) -> Line:
        """The data connection, by EPSV."""
        self.until(server, b"EPSV")
        server.say(EPSV)
        self.assertEqual(self.world.dialled[-1], (ORIGIN, 40001))
        return self.world.origin()

    def test_a_document(self) -> None:
        browser, server = self.logged_in(URL + b"dir/a%20b.html")
        self.assertEqual(self.until(server, b"SIZE"), b"SIZE dir/a b.html\r\n")
        server.say(b"213 5\r\n")
        data = self.data(server)
        self.assertEqual(self.until(server, b"RETR"), b"RETR dir/a b.html\r\n")
        server.say(b"150 Here\r\n")
        data.say(b"hello")
        data.close()
        server.say(b"226 Done\r\n")
        reply = browser.reply()
        self.assertEqual((reply.status, reply.body, reply[b"Content-Length"]), (200, b"hello", b"5"))
        self.assertEqual(reply[b"Content-Type"], b"text/html; charset=utf-8")
        self.assertEqual(reply[b"X-Content-Type-Options"], b"nosniff")
        self.assertEqual(self.until(server, b"QUIT"), b"QUIT\r\n")

    def test_one_that_breaks_off(self) -> None:
        for size in (b"213 10\r\n", b"502 What?\r\n"):
            browser, server = self.logged_in(URL + b"x")
            self.until(server, b"SIZE")
            server.say(size)
            data = self.data(server)
            self.until(server, b"RETR")
            server.say(b"150 Here\r\n")
            data.say(b"hello")
            self.assertIn(b"hello", browser.hear())
            data.reset()
            server.say(b"426 Oh\r\n")
            self.world.wait(10)
            self.assertTrue(browser.aborted)

    def test_a_client_that_goes(self) -> None:
        browser, server = self.logged_in(URL + b"x")
        self.until(server, b"SIZE")
        server.say(b"213 10\r\n")
        data = self.data(server)
        self.until(server, b"RETR")
        server.say(b"150 Here\r\n")
        data.say(b"hello")
        browser.reset()
        self.assertTrue(server.aborted)
        self.assertTrue(data.ended)

    def test_the_server_is_read_no_faster_than_the_client_reads(self) -> None:
        browser, server = self.logged_in(URL + b"x")
        self.until(server, b"SIZE")
        server.say(b"213 5000000\r\n")
        data = self.data(server)
        self.until(server, b"RETR")
        server.say(b"150 Here\r\n")
        data.say(b"x" * 5_000_000)
        self.assertLess(len(browser.transport.unsent), 700_000)
        self.assertFalse(data.transport.reading)

    def test_a_passive_address_elsewhere_is_never_dialled(self) -> None:
        _browser, server = self.logged_in(URL + b"x")
        self.until(server, b"SIZE")
        server.say(b"213 5\r\n")
        self.until(server, b"EPSV")
        server.say(b"502 What?\r\n")
        self.until(server, b"PASV")
        server.say(b"227 Entering Passive Mode (127,0,0,1,156,65)\r\n")
        self.assertEqual({host for host, _ in self.world.dialled}, {ORIGIN})

    def test_nor_another_protocols_port_there(self) -> None:
        for port in (25, 80, 6379, 143):
            self.world.dialled.clear()
            browser, server = self.logged_in(URL + b"x")
            self.until(server, b"SIZE")
            server.say(b"213 5\r\n")
            self.until(server, b"EPSV")
            server.say(b"229 Entering (|||%d|)\r\n" % port)
            if server.hear().startswith(b"PASV"):
                server.say(b"227 Entering Passive Mode (203,0,113,7,%d,%d)\r\n" % divmod(port, 256))
            self.assertEqual(browser.reply().status, 502)
            self.assertEqual(self.world.dialled, [(ORIGIN, 21)])

    def test_a_folder(self) -> None:
        browser, server = self.logged_in(URL + b"pub/")
        self.until(server, b"FEAT")
        server.say(b"211-Yes\r\n MLST type*;size*;modify*;\r\n211 End\r\n")
        data = self.data(server)
        self.until(server, b"MLSD")
        server.say(b"150 Here\r\n")
        data.say(
            b"type=cdir; .\r\ntype=file;size=5;modify=20200102030405; <script>alert(1)</script>\r\n"
            b'type=dir;modify=20200102030405; sub\r\ntype=file; a:b"c\r\n'
        )
        data.close()
        server.say(b"226 Done\r\n")
        reply = browser.reply()
        self.assertEqual((reply.status, reply[b"Content-Type"]), (200, b"text/html; charset=utf-8"))
        self.assertIn(b"Content-Security-Policy", [name for name, _ in reply.fields])
        page = reply.body.decode()
        self.assertIn('<a href="sub/">', page)
        self.assertIn("2020-01-02 03:04", page)
        self.assertIn("&lt;script&gt;alert(1)&lt;/script&gt;", page)
        self.assertNotIn("<script", page)
        self.assertIn('href="a%3Ab%22c"', page)
        self.assertIn("1 folder, 2 documents", page)
        self.assertIn('<a href="../">', page)
        self.assertNotIn("?format=json", page)

    def test_an_endless_folder(self) -> None:
        browser, server = self.logged_in(URL)
        self.until(server, b"FEAT")
        server.say(b"211-Yes\r\n MLST type*;\r\n211 End\r\n")
        data = self.data(server)
        self.until(server, b"MLSD")
        server.say(b"150 Here\r\n")
        for start in range(0, 25_000, 1000):
            data.say(b"".join(b"type=file; n%d\r\n" % number for number in range(start, start + 1000)))
        page = browser.reply().body.decode()
        self.assertIn("Only 20,000 entries are shown.", page)
        self.assertEqual(page.count("<tr><td"), 20_000)
        self.assertTrue(server.aborted)

    def test_a_login_of_the_urls(self) -> None:
        self.logged_in(b"ftp://me:p%3Ass@origin.example/", user=b"me", password=b"p:ss")

    def test_a_login_that_the_client_was_asked_for(self) -> None:
        field = b"Authorization: Basic " + b64encode(b"me:secret")
        self.logged_in(URL, field, user=b"me", password=b"secret")

    def test_a_login_that_is_refused(self) -> None:
        browser = self.get(URL)
        server = self.world.origin()
        server.say(b"220 Hello\r\n")
        self.talk(server, (b"USER anonymous", b"530 Nobody comes in without a name.\r\n"))
        reply = browser.reply()
        self.assertEqual(reply.status, 401)
        self.assertEqual(reply[b"WWW-Authenticate"], b'Basic realm="ftp://origin.example", charset="UTF-8"')
        self.assertNotIn(b"without a name", reply.body)

    def test_what_is_not_there(self) -> None:
        browser, server = self.logged_in(URL + b"x")
        self.until(server, b"SIZE")
        server.say(b"550 No\r\n")
        self.data(server)
        self.until(server, b"RETR")
        server.say(b"550 No\r\n")
        self.until(server, b"CWD")
        server.say(b"550 No\r\n")
        self.assertEqual(browser.reply().status, 404)

    def test_what_is_no_ftp_server(self) -> None:
        for greeting, status in ((b"SSH-2.0-x\r\n", 502), (b"421 Busy\r\n", 503), (b"HTTP/1.1 400 No\r\n\r\n", 502)):
            browser = self.get(URL)
            self.world.origin().say(greeting)
            self.assertEqual(browser.reply().status, status, greeting)

    def test_silence(self) -> None:
        browser = self.get(URL, answer_timeout=10.0)
        self.world.wait(15)
        self.assertEqual(browser.reply().status, 504)

    def test_other_methods(self) -> None:
        for method in (b"PUT", b"POST", b"DELETE", b"OPTIONS"):
            reply = self.get(URL, method=method).reply()
            self.assertEqual((reply.status, reply[b"Allow"]), (405, b"GET, HEAD"))
        self.assertEqual(self.world.dialled, [])

    def test_a_head(self) -> None:
        browser, server = self.logged_in(URL + b"x.bin", method=b"HEAD")
        self.until(server, b"SIZE")
        server.say(b"213 77\r\n")
        reply = browser.reply(b"HEAD")
        self.assertEqual((reply.status, reply[b"Content-Length"]), (200, b"77"))
