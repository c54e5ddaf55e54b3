"""What belongs to one client, or to the proxy itself, stays there."""

from __future__ import annotations

from base64 import b64encode

from tests.proxy.world import ProxyTests, names, request

URL = b"http://origin.example/"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
SECRET = b"Proxy-Authorization: Basic " + b64encode(b"mulder:trustno1")


class LeakTests(ProxyTests):
    def test_the_proxys_password_stays_here(self) -> None:
        for method, body in ((b"GET", b""), (b"POST", b"hello"), (b"TRACE", b"")):
            fields = (SECRET, b"proxy-AUTHORIZATION: x", *([b"Content-Length: 5"] if body else []))
            self.ask(request(URL, *fields, method=method, body=body))
            sent = self.world.origin().hear().lower()
            self.assertNotIn(b"proxy-", sent)
            self.assertNotIn(b64encode(b"mulder:trustno1").lower(), sent)

    def test_nor_does_a_connection_field_get_it_out(self) -> None:
        self.get(URL, b'Connection: x\tproxy-authorization, "proxy-authorization"', SECRET)
        self.assertNotIn(b"proxy-auth", b"\r\n".join(names(self.world.origin().hear())))

    def test_the_origins_password_goes_on(self) -> None:
        self.get(URL, b"Authorization: Basic eDp5", b"Cookie: a=b")
        sent = self.world.origin().hear()
        self.assertIn(b"Authorization: Basic eDp5\r\n", sent)
        self.assertIn(b"Cookie: a=b\r\n", sent)

    def test_clients_share_connections_and_nothing_else(self) -> None:
        factory = self.proxy()
        first, second = self.browser(factory), self.browser(factory)
        first.send(request(URL, b"Cookie: session=1", b"Authorization: Basic eDp5"))
        self.world.origin().hear()
        self.world.origin().say(b"HTTP/1.1 200 OK\r\nSet-Cookie: session=2\r\nContent-Length: 2\r\n\r\nhi")
        second.send(request(URL))
        self.assertEqual(len(self.world.dialled), 1)
        self.assertEqual(list(names(self.world.origin().hear())), [b"host", b"via"])
        self.world.origin().say(OK)
        self.assertNotIn(b"cookie", second.hear().lower())

    def test_requests_that_look_alike_are_asked_each(self) -> None:
        # There is no cache: what the origin says to one, nobody else is told.
        factory = self.proxy()
        for number in range(3):
            browser = self.browser(factory)
            browser.send(request(URL))
            self.world.origin().hear()
            self.world.origin().say(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n%d" % number)
            self.assertEqual(browser.reply().body, b"%d" % number)

    def test_a_response_cut_short_by_its_client_leaves_nothing(self) -> None:
        factory = self.proxy()
        browser = self.browser(factory)
        browser.send(request(URL))
        self.world.origin().say(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nsecr")
        browser.reset()
        self.assertTrue(self.world.origin().aborted)
        other = self.browser(factory)
        other.send(request(URL))
        self.assertEqual(len(self.world.dialled), 2)
        self.world.origin().say(OK)
        self.assertEqual(other.reply().body, b"hi")

    def test_one_that_leaves_before_the_answer_too(self) -> None:
        factory = self.proxy()
        browser = self.browser(factory)
        browser.send(request(URL))
        browser.reset()
        self.assertTrue(self.world.origin().aborted)
        other = self.browser(factory)
        other.send(request(URL))
        self.assertEqual(len(self.world.dialled), 2)

    def test_connections_are_of_one_host_port_and_scheme(self) -> None:
        self.world.names["other.example"] = self.world.names["origin.example"]
        browser = self.browser()
        for url in (URL, b"http://other.example/", b"http://origin.example:8080/"):
            browser.send(request(url))
            self.world.origin().say(OK)
        self.assertEqual(len(self.world.dialled), 3, "one address, but three origins")

    def test_passwords_of_urls_are_not_logged(self) -> None:
        self.world.refusing.add(("203.0.113.7", 21))
        browser = self.get(b"ftp://mulder:trustno1@origin.example/x@y")
        self.world.wait(1)
        self.assertEqual(browser.reply().status, 502)
        (line,) = self.log
        self.assertIn('"GET ftp://origin.example/x@y HTTP/1.1" 502', line)
        self.assertNotIn("trustno1", line)

    def test_nor_those_of_requests_that_are_refused(self) -> None:
        for url in (b"http://mulder:trustno1@origin.example/", b"wais://mulder:trustno1@a/", b"ftp://a:trustno1@b:0/"):
            self.get(url).reply()
            self.assertNotIn("trustno1", self.log[-1])

    def test_errors_say_nothing_of_the_house(self) -> None:
        self.world.refusing.add(("203.0.113.7", 80))
        reply = self.get(URL).reply()
        self.assertEqual(reply.status, 502)
        for word in (b"203.0.113", b"Errno", b"Traceback", b"refused"):
            self.assertNotIn(word, reply.body)
