"""Accounts only: 407, and what a login is worth."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

from twisted.cred.portal import Portal
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress, ISSLTransport
from zope.interface import alsoProvides

from netdaemon.config.settings import ServiceSettings
from netdaemon.interfaces import (
    Account,
    Login,
    LoginBanned,
    LoginFailed,
    LoginUnavailable,
    ScramVerifier,
    TooManySessions,
)
from tests.proxy.world import ProxyTests, request

URL = b"http://origin.example/"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"


def basic(name: bytes = b"mulder", password: bytes = b"trustno1") -> bytes:
    return b"Proxy-Authorization: Basic " + b64encode(name + b":" + password)


class Desk:
    """Lets mulder in, and counts who is in."""

    def __init__(self) -> None:
        self.portal = Portal(None)
        self.inside = 0
        self.trouble: Exception | None = None
        self.waiting: Deferred[None] | None = None

    async def login(self, credentials: Any, peer: IAddress, settings: ServiceSettings, *interfaces: Any) -> Login:
        if self.waiting is not None:
            await self.waiting
        if self.trouble is not None:
            raise self.trouble
        if (credentials.username, credentials.password) != (b"mulder", b"trustno1"):
            raise LoginFailed
        self.inside += 1
        return Login(Account("mulder"), tuple(None for _ in interfaces), self._out)

    def _out(self) -> None:
        self.inside -= 1

    def scram_verifier(self, name: str) -> ScramVerifier:
        raise AssertionError


class LoginTests(ProxyTests):
    def setUp(self) -> None:
        super().setUp()
        self.desk = Desk()

    def parts(self) -> dict[str, Any]:
        return {"logins": self.desk}

    def test_who_does_not_say_who_he_is(self) -> None:
        browser = self.get(URL, login=True)
        reply = browser.reply()
        self.assertEqual((reply.status, reply[b"WWW-Authenticate"]), (407, None))
        self.assertEqual(reply[b"Proxy-Authenticate"], b'Basic realm="spam.egg", charset="UTF-8"')
        self.assertFalse(browser.ended, "the password comes over the same connection")
        self.assertEqual(self.world.dialled, [])

    def test_who_does(self) -> None:
        browser = self.get(URL, basic(), login=True)
        self.assertEqual(self.desk.inside, 1)
        self.assertNotIn(b"roxy-", self.world.origin().hear())
        self.world.origin().say(OK)
        self.assertEqual(browser.reply().body, b"hi")
        self.assertEqual(self.desk.inside, 0)
        self.assertRegex(self.log[0], r"^127\.0\.0\.1 - mulder \[")

    def test_wrong_ones(self) -> None:
        for field in (basic(b"mulder", b"x"), basic(b"scully"), b"Proxy-Authorization: Bearer x",
                      b"Proxy-Authorization: Basic x",
                      b"Authorization: Basic " + b64encode(b"mulder:trustno1")):  # fmt: skip
            self.assertEqual(self.get(URL, field, login=True).reply().status, 407, field)
        self.assertEqual(self.get(URL, basic(), basic(), login=True).reply().status, 400)
        self.assertEqual((self.world.dialled, self.desk.inside), ([], 0))

    def test_troubles(self) -> None:
        for trouble, status in ((LoginBanned(30), 429), (TooManySessions(), 503), (LoginUnavailable(), 503)):
            self.desk.trouble = trouble
            self.assertEqual(self.get(URL, basic(), login=True).reply().status, status)

    def test_no_password_is_asked_for_in_clear(self) -> None:
        from ipaddress import ip_network

        factory = self.proxy(login=True, allow_clients=(ip_network("0.0.0.0/0"),))
        browser = self.browser(factory, peer="192.0.2.7")
        browser.send(request(URL, basic()))
        reply = browser.reply()
        self.assertEqual((reply.status, reply[b"Proxy-Authenticate"]), (403, None))
        browser = self.browser(factory, peer="192.0.2.7")
        alsoProvides(browser.transport, ISSLTransport)
        browser.send(request(URL, basic()))
        self.assertEqual(len(self.world.dialled), 1)

    def test_a_login_lasts_as_long_as_a_stream(self) -> None:
        browser = self.get(URL, basic(), login=True)
        self.world.origin().say(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nhi")
        self.assertEqual(self.desk.inside, 1)
        self.world.origin().say(b"hi")
        self.assertEqual((browser.reply().body, self.desk.inside), (b"hihi", 0))

    def test_and_no_longer_than_its_client(self) -> None:
        for answer in (b"", b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nhi"):
            browser = self.get(URL, basic(), login=True)
            self.world.origin().say(answer)
            self.assertEqual(self.desk.inside, 1)
            browser.reset()
            self.assertEqual(self.desk.inside, 0, answer)

    def test_refusals_end_it(self) -> None:
        for url in (b"http://origin.example:25/", b"http://nowhere.example/"):
            self.get(url, basic(), login=True).reply()
            self.assertEqual(self.desk.inside, 0)

    def test_a_tunnels_lasts_as_long_as_the_tunnel(self) -> None:
        ask = request(b"origin.example:443", basic(), method=b"CONNECT")
        for ends_first in ("browser", "origin"):
            browser = self.ask(ask, login=True)
            browser.hear()
            origin = self.world.origin()
            self.assertEqual(self.desk.inside, 1)
            {"browser": browser, "origin": origin}[ends_first].close()
            browser.hear()
            origin.hear()
            self.assertEqual(self.desk.inside, 0, ends_first)
            self.assertRegex(self.log[-1], r"^127\.0\.0\.1 - mulder \[.*CONNECT")

    def test_tunnels_are_for_accounts_too(self) -> None:
        browser = self.ask(request(b"origin.example:443", method=b"CONNECT"), login=True)
        self.assertEqual(browser.reply().status, 407)
        self.assertEqual(self.world.dialled, [])

    def test_one_that_goes_while_he_is_looked_up(self) -> None:
        self.desk.waiting = Deferred()
        browser = self.get(URL, basic(), login=True)
        browser.reset()
        self.assertEqual((self.world.dialled, self.desk.inside), ([], 0))
