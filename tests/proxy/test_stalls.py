"""Slow peers and silent ones, on both sides: each wait has an end, and nothing piles up meanwhile."""

from __future__ import annotations

from tests.proxy.world import ORIGIN, ProxyTests, request

URL = b"http://origin.example/"


class OriginTests(ProxyTests):
    def test_a_name_that_nobody_answers_for(self) -> None:
        self.world.mute.add("slow.example")
        browser = self.get(b"http://slow.example/", connect_timeout=5.0)
        self.world.wait(4)
        self.assertEqual(browser.hear(), b"")
        self.world.wait(2)
        self.assertEqual(browser.reply().status, 504)

    def test_an_address_that_does_not_answer(self) -> None:
        self.world.silent.add((ORIGIN, 80))
        browser = self.get(URL, connect_timeout=5.0)
        self.world.wait(4)
        self.assertEqual(browser.hear(), b"")
        self.world.wait(2)
        self.assertEqual(browser.reply().status, 504)

    def test_another_address_is_tried_meanwhile(self) -> None:
        self.world.names["origin.example"] = [ORIGIN, "203.0.113.8"]
        self.world.silent.add((ORIGIN, 80))
        browser = self.get(URL)
        self.world.wait(1)
        self.assertEqual(self.world.dialled, [(ORIGIN, 80), ("203.0.113.8", 80)])
        self.world.origin().say(b"HTTP/1.1 204 No\r\n\r\n")
        self.assertEqual(browser.reply().status, 204)

    def test_no_first_byte(self) -> None:
        browser = self.get(URL, answer_timeout=10.0)
        self.world.wait(9)
        self.assertEqual(browser.hear(), b"")
        self.world.wait(3)
        self.assertEqual(browser.reply().status, 504)
        self.assertTrue(self.world.origin().aborted)

    def test_half_a_head(self) -> None:
        browser = self.get(URL, answer_timeout=10.0)
        for _ in range(12):
            self.world.origin().say(b"HTTP/1.1 200 OK\r\nX: y\r\n"[_ : _ + 1])
            self.world.wait(1)
        self.assertEqual(browser.reply().status, 504, "the deadline is the whole head's")

    def test_interim_responses_are_no_answer(self) -> None:
        browser = self.get(URL, answer_timeout=10.0)
        for _ in range(12):
            self.world.origin().say(b"HTTP/1.1 102 Processing\r\n\r\n")
            self.world.wait(1)
        browser.hear()
        self.assertIn(b"HTTP/1.1 504 ", browser.got)

    def test_a_body_that_stands_still(self) -> None:
        browser = self.get(URL, stall_timeout=10.0)
        self.world.origin().say(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nx")
        self.assertTrue(browser.hear().endswith(b"x"))
        for _ in range(5):
            self.world.wait(9)
            self.world.origin().say(b"x")
            browser.hear()
        self.assertFalse(browser.aborted)
        self.world.wait(12)
        self.assertTrue(browser.aborted)
        self.assertTrue(self.world.origin().aborted)

    def test_one_that_takes_no_upload(self) -> None:
        browser = self.ask(
            request(URL, b"Content-Length: 10000000", method=b"POST", body=b"x" * 1_000_000), stall_timeout=10.0
        )
        origin = self.world.origin()
        self.assertLess(len(origin.transport.unsent), 300_000)
        self.assertFalse(browser.transport.reading)
        self.world.wait(12)
        self.assertEqual(browser.reply().status, 502)
        self.assertTrue(origin.aborted)

    def test_one_that_resets_in_the_middle(self) -> None:
        browser = self.get(URL)
        self.world.origin().say(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
        browser.hear()
        self.world.origin().reset()
        self.assertTrue(browser.aborted)


class ClientTests(ProxyTests):
    def test_the_origin_is_read_no_faster_than_the_client_reads(self) -> None:
        for fields in (b"Content-Length: 10000000", b"X: y"):
            browser = self.get(URL)
            origin = self.world.origin()
            origin.say(b"HTTP/1.1 200 OK\r\n%b\r\n\r\n" % fields + b"x" * 10_000_000)
            self.assertLess(len(browser.transport.unsent), 600_000)
            self.assertFalse(origin.transport.reading)
            if fields == b"X: y":
                origin.transport.peer_finished = True
            total = 0
            while data := browser.hear(100_000):
                total += len(data)
                self.assertLess(len(browser.transport.unsent), 600_000)
            self.assertGreater(total, 10_000_000)
            self.assertFalse(browser.aborted)

    def test_a_client_that_reads_nothing(self) -> None:
        browser = self.get(URL, stall_timeout=10.0)
        self.world.origin().say(b"HTTP/1.1 200 OK\r\nContent-Length: 10000000\r\n\r\n" + b"x" * 10_000_000)
        self.world.wait(12)
        self.assertTrue(browser.aborted)
        self.world.settle()
        self.assertTrue(self.world.origin().aborted)

    def test_an_upload_that_stands_still(self) -> None:
        browser = self.ask(request(URL, b"Content-Length: 100", method=b"POST", body=b"x"), stall_timeout=10.0)
        self.assertTrue(self.world.origin().hear().endswith(b"\r\n\r\nx"))
        self.world.wait(12)
        self.assertEqual(browser.reply().status, 408)
        self.assertTrue(self.world.origin().aborted)

    def test_the_client_is_read_no_faster_than_the_origin_reads(self) -> None:
        for fields, body in (
            (b"Content-Length: 5000000", b"x" * 5_000_000),
            (b"Transfer-Encoding: chunked", b"%x\r\n" % 5_000_000 + b"x" * 5_000_000 + b"\r\n0\r\n\r\n"),
        ):
            browser = self.ask(request(URL, fields, method=b"POST", body=body))
            origin = self.world.origin()
            self.assertFalse(browser.transport.reading)
            total = 0
            while data := origin.hear(100_000):
                total += len(data)
                self.assertLess(len(origin.transport.unsent), 300_000)
            self.assertGreater(total, 5_000_000)
            origin.say(b"HTTP/1.1 204 No\r\n\r\n")
            self.assertEqual(browser.reply().status, 204)

    def test_a_client_that_asks_for_nothing(self) -> None:
        browser = self.browser(idle_timeout=10.0, head_timeout=5.0)
        self.world.wait(7)
        self.assertTrue(browser.ended)
        browser = self.ask(b"GET http://origin.exam", head_timeout=5.0)
        self.world.wait(7)
        self.assertEqual(browser.reply().status, 408)
        self.assertEqual(self.world.dialled, [])

    def test_at_the_daemons_stop_the_answer_under_way_is_finished(self) -> None:
        browser = self.get(URL)
        browser.transport.protocol.drain()
        self.assertFalse(browser.ended)
        self.world.origin().say(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")
        self.assertEqual(browser.reply().body, b"hi")
        self.assertTrue(browser.ended)
