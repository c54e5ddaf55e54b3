"""Tunnels: what comes in at one end comes out at the other, as fast as it is taken, to the end of either."""

from __future__ import annotations

from twisted.internet.interfaces import ISSLTransport
from zope.interface import alsoProvides

from tests.proxy.world import ORIGIN, Browser, Line, ProxyTests, request

OPEN = b"HTTP/1.1 200 Connection established\r\n\r\n"
ASK = request(b"origin.example:443", method=b"CONNECT")


class TunnelTests(ProxyTests):
    def tunnel(self, early: bytes = b"", **settings: object) -> tuple[Browser, Line]:
        """Both ends of an open tunnel."""
        browser = self.browser(**settings)
        browser.send(ASK + early)
        self.assertEqual(browser.hear(), OPEN)
        return browser, self.world.origin()

    def test_octets_go_both_ways(self) -> None:
        browser, origin = self.tunnel()
        self.assertEqual(self.world.dialled, [(ORIGIN, 443)])
        browser.send(b"GET / HTTP/1.1\r\n\r\n\0\xff")
        self.assertEqual(origin.hear(), b"GET / HTTP/1.1\r\n\r\n\0\xff")
        origin.say(b"\x16\x03\x01")
        self.assertEqual(browser.hear(), b"\x16\x03\x01")

    def test_what_came_along_with_the_request(self) -> None:
        _, origin = self.tunnel(b"\x16\x03\x01hello")
        self.assertEqual(origin.hear(), b"\x16\x03\x01hello")

    def test_what_comes_before_it_is_open(self) -> None:
        self.world.silent.add((ORIGIN, 443))
        browser = self.ask(ASK)
        browser.send(b"early")
        self.assertEqual(browser.hear(), b"")
        self.world.wait(20)
        self.assertEqual(browser.reply(b"CONNECT_").status, 504)

    def test_an_origin_that_speaks_first(self) -> None:
        browser = self.browser()
        browser.send(ASK)
        self.world.origin().say(b"220 hello\r\n")
        self.assertEqual(browser.hear(), OPEN + b"220 hello\r\n")

    def test_each_direction_ends_alone(self) -> None:
        for first, second in ((0, 1), (1, 0)):
            ends = self.tunnel()
            one, other = ends[first], ends[second]
            one.say(b"last words")
            one.finish()
            self.assertEqual(other.hear(), b"last words")
            self.assertTrue(other.transport.finished)
            self.assertTrue(one.transport.connected)
            other.say(b"x" * 100_000)
            self.assertEqual(len(one.hear()), 100_000)
            other.finish()
            one.hear()
            other.hear()
            self.assertFalse(one.transport.connected or other.transport.connected)

    def test_an_end_waits_for_what_is_on_its_way(self) -> None:
        browser, origin = self.tunnel()
        origin.say(b"x" * 60_000)
        origin.close()
        self.assertTrue(browser.transport.connected)
        self.assertEqual(len(browser.hear()), 60_000)
        self.assertFalse(browser.transport.connected)
        self.assertFalse(browser.aborted)

    def test_a_broken_connection_breaks_the_other(self) -> None:
        for end in (0, 1):
            ends = self.tunnel()
            ends[end].reset()
            self.assertTrue(ends[1 - end].aborted)

    def test_under_tls_there_are_no_halves(self) -> None:
        browser = self.browser()
        alsoProvides(browser.transport, ISSLTransport)
        browser.send(ASK)
        browser.hear()
        self.world.origin().say(b"last words")
        self.world.origin().finish()
        self.assertEqual(browser.hear(), b"last words")
        self.assertFalse(browser.transport.finished)
        self.assertFalse(browser.transport.connected)

    def test_neither_end_is_read_faster_than_the_other_takes(self) -> None:
        for first, second in ((0, 1), (1, 0)):
            ends = self.tunnel()
            one, other = ends[first], ends[second]
            one.say(b"x" * 10_000_000)
            self.assertLess(len(other.transport.unsent), 200_000)
            self.assertFalse(one.transport.reading)
            taken = 0
            while data := other.hear(50_000):
                taken += len(data)
                self.assertLess(len(other.transport.unsent), 200_000)
            self.assertEqual(taken, 10_000_000)

    def test_silence(self) -> None:
        browser, origin = self.tunnel(tunnel_idle_timeout=60.0)
        for _ in range(3):
            self.world.wait(50)
            origin.say(b"x")
        self.world.wait(50)
        browser.send(b"y")
        self.world.wait(55)
        self.assertFalse(browser.aborted or origin.aborted)
        self.world.wait(10)
        self.assertTrue(browser.aborted and origin.aborted)

    def test_a_reader_that_takes_nothing(self) -> None:
        browser, origin = self.tunnel(tunnel_idle_timeout=60.0)
        origin.say(b"x" * 1_000_000)
        self.world.wait(65)
        self.assertTrue(browser.aborted and origin.aborted)

    def test_a_life_has_an_end(self) -> None:
        browser, origin = self.tunnel(tunnel_lifetime=100.0)
        for _ in range(9):
            self.world.wait(10)
            browser.send(b"x")
        self.assertFalse(browser.aborted)
        self.world.wait(12)
        self.assertTrue(browser.aborted and origin.aborted)

    def test_or_none(self) -> None:
        browser, _ = self.tunnel(tunnel_lifetime=0.0)
        for _ in range(100):
            self.world.wait(600)
            browser.send(b"x")
        self.assertFalse(browser.aborted)

    def test_at_the_daemons_stop_it_ends_when_it_is_silent(self) -> None:
        browser, origin = self.tunnel()
        browser.transport.protocol.drain()
        browser.send(b"x")
        origin.say(b"y")
        self.assertEqual((origin.hear(), browser.hear()), (b"x", b"y"))
        self.world.wait(3)
        self.assertTrue(browser.aborted and origin.aborted)

    def test_it_is_logged_with_what_was_sent_when_it_ends(self) -> None:
        browser, origin = self.tunnel()
        origin.say(b"x" * 1000)
        browser.hear()
        self.assertEqual(self.log, [])
        origin.close()
        (line,) = self.log
        self.assertIn('"CONNECT origin.example:443 HTTP/1.1" 200 1000 ', line)
        self.assertEqual(self.house.measure.commands["proxy", "CONNECT", "2xx"], 1)

    def test_nobody_there(self) -> None:
        self.world.refusing.add((ORIGIN, 443))
        browser = self.ask(ASK)
        self.assertEqual(browser.reply().status, 502)
        browser.send(request(b"http://origin.example/"))
        self.assertEqual(len(self.world.origins), 1, "the connection is one for requests still")

    def test_a_client_that_goes_while_it_is_dialled(self) -> None:
        self.world.mute.add("slow.example")
        browser = self.ask(request(b"slow.example:443", method=b"CONNECT"))
        browser.reset()
        self.world.wait(20)
        self.assertEqual(self.world.dialled, [])

    def test_one_that_says_its_last_while_it_is_dialled(self) -> None:
        self.world.mute.add("origin.example")
        browser = self.browser()
        browser.send(ASK + b"all of it")
        browser.finish()
        self.world.answer()
        origin = self.world.origin()
        self.assertEqual(origin.hear(), b"all of it")
        self.assertTrue(origin.transport.finished)
        origin.say(b"the answer")
        origin.finish()
        self.assertEqual(browser.hear(), OPEN + b"the answer")
        self.assertFalse(browser.transport.connected)

    def test_an_end_behind_a_full_buffer(self) -> None:
        browser, origin = self.tunnel()
        browser.send(b"x" * 200_000)
        browser.finish()
        while len(origin.got) < 200_000:
            self.assertTrue(origin.hear())
        self.assertTrue(origin.transport.told_finished, "who has ended is not asked for more")

    def test_nothing_waits_for_a_tunnel_that_is_gone(self) -> None:
        browser, origin = self.tunnel()
        browser.close()
        origin.hear()
        self.assertFalse(origin.transport.connected)
        self.world.wait(3)
        self.assertEqual(self.world.getDelayedCalls(), [])

    def test_bad_targets(self) -> None:
        for target in (b"origin.example", b"origin.example:", b"origin.example:0", b"origin.example:99999", b":443",
                       b"http://origin.example:443/", b"/", b"*", b"a@origin.example:443",
                       b"origin.example:443/x"):  # fmt: skip
            browser = self.ask(request(target, method=b"CONNECT"))
            self.assertEqual(browser.reply().status, 400, target)
        self.assertEqual(self.world.dialled, [])
