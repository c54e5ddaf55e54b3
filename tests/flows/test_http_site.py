"""A whole site behind the real daemon: accounts, uploads, redirects, error pages, counters, asked by real programs."""

from __future__ import annotations

import http.client
import json
import os
import socket
import ssl
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from prometheus_client.parser import text_string_to_metric_families
from twisted.internet.threads import deferToThread
from twisted.internet.utils import getProcessOutputAndValue
from twisted.trial.unittest import TestCase

from netdaemon.accounts.hashing import Hasher
from netdaemon.accounts.store import Store
from tests.accounts.kit import CHEAP
from tests.kit.browser import Browser
from tests.kit.daemon import Daemon
from tests.kit.programs import needs

T = TypeVar("T")
MULDER = {"Authorization": "Basic " + b64encode(b"mulder:trustno1").decode()}
PATIENCE = 30.0
BIG = os.urandom(1 << 20) * 3

INI = """
[netdaemon]
hostname = spam.egg
[documents]
root = {top}
[http]
listen = tcp:0:interface=127.0.0.1 tls:0:interface=127.0.0.1
protect = /private mulder
redirect = /old /new 308
error-page = 404 /lost.html
quote = /quote {folder}/quotes.txt
echo = /echo
status = /status
security-contact = mailto:security@spam.egg
hsts = 1d
access-log = {folder}/access.log
[http:clear]
listen = tcp:0:interface=127.0.0.1
https-redirect = {secure}
"""


class SiteCase(TestCase):
    async def setUp(self) -> None:
        self.folder = Path(self.mktemp()).absolute()
        self.top = self.folder / "top"
        (self.top / "private").mkdir(parents=True)
        (self.top / "hello.txt").write_bytes(b"hello\n")
        (self.top / "private" / "x.txt").write_bytes(b"the truth")
        (self.top / "lost.html").write_bytes(b"<p>lost in space")
        (self.folder / "quotes.txt").write_text("I want to believe.\n")
        self.daemon = Daemon(self, self.ini(1))
        self.daemon.data.mkdir(mode=0o700)
        store = Store(self.daemon.data)
        hasher = Hasher(CHEAP, iterations=4096)
        store.add("mulder", hasher.keep(b"trustno1"))
        store.add("scully", hasher.keep(b"starbuck"))
        store.set_right("scully", "/", "r")
        store.close()
        await self.daemon.start()
        self.port = self.daemon.port("http")
        self.secure = self.daemon.port("http", "tls")
        self.url = f"http://127.0.0.1:{self.port}"

    def ini(self, secure: int) -> str:
        return INI.format(top=self.top, folder=self.folder, secure=secure)

    async def curl(self, *arguments: str | Path) -> bytes:
        """What curl prints."""
        command = ["-sS", "--max-time", str(PATIENCE), *map(str, arguments)]
        out, err, status = await getProcessOutputAndValue(needs(self, "curl"), command, env=dict(os.environ))
        self.assertEqual(status, 0, err)
        return bytes(out)

    async def status_of(self, *arguments: str | Path) -> int:
        return int((await self.curl("-o", os.devnull, "-w", "%{http_code}", *arguments))[-3:])

    async def away(self, work: Callable[[], T]) -> T:
        """Blocking work in a thread."""
        return await deferToThread(work)

    def ask(self, method: str, path: str, body: object = None, **headers: str) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            connection.request(method, path, body, {**MULDER, **headers})  # type: ignore[arg-type]  # what it takes
            reply = connection.getresponse()
            return reply.status, reply.read()
        finally:
            connection.close()

    def names(self) -> list[str]:
        return sorted(path.name for path in self.top.iterdir())


class CurlTests(SiteCase):
    async def test_protected(self) -> None:
        target = f"{self.url}/private/x.txt"
        self.assertEqual(await self.status_of(target), 401)
        self.assertEqual(await self.curl("-u", "mulder:trustno1", target), b"the truth")
        self.assertEqual(await self.curl("-k", "--anyauth", "-u", "mulder:trustno1", target), b"the truth")
        self.assertEqual(await self.status_of("-u", "scully:starbuck", target), 403)
        self.assertEqual(await self.status_of("-u", "mulder:trustno2", target), 401)
        secure = f"https://127.0.0.1:{self.secure}/private/x.txt"
        self.assertEqual(await self.curl("-k", "-u", "mulder:trustno1", secure), b"the truth")
        await self.daemon.stop()
        users = [line.split(" ")[2] for line in (self.folder / "access.log").read_text().splitlines()]
        self.assertEqual(users, ["-", "mulder", "-", "mulder", "scully", "-", "mulder"])

    async def test_uploads(self) -> None:
        big = self.folder / "big"
        big.write_bytes(BIG)  # curl waits for 100 Continue
        login = ("-u", "mulder:trustno1")
        self.assertEqual(await self.status_of(*login, "-T", big, f"{self.url}/big"), 201)
        self.assertEqual((self.top / "big").read_bytes(), BIG)
        self.assertEqual(await self.status_of(*login, "-T", big, f"{self.url}/"), 204)  # its own name behind it
        self.assertEqual(await self.status_of(*login, "-C", "1000", "-T", big, f"{self.url}/big"), 400)
        self.assertEqual((self.top / "big").read_bytes(), BIG)
        self.assertEqual(await self.status_of("-T", big, f"{self.url}/more"), 401)
        self.assertEqual(await self.status_of("-u", "scully:starbuck", "-T", big, f"{self.url}/more"), 403)
        self.assertEqual(await self.status_of(*login, "-T", big, f"{self.url}/none/more"), 409)
        self.assertEqual(await self.status_of(*login, "-X", "DELETE", f"{self.url}/big"), 204)
        self.assertEqual(await self.status_of(*login, "-X", "DELETE", f"{self.url}/private/"), 409)
        self.assertEqual(self.names(), ["hello.txt", "lost.html", "private"])

    async def test_to_https(self) -> None:
        await self.daemon.reload(self.ini(self.secure))
        clear = f"http://127.0.0.1:{self.daemon.port('http:clear')}/hello.txt?x"
        self.assertEqual(await self.curl("-kL", clear), b"hello\n")
        fields = (await self.curl("-kIL", clear)).lower()  # HTTP/2 has its names in lower case
        self.assertIn(f"location: https://127.0.0.1:{self.secure}/hello.txt?x\r\n".encode(), fields)
        self.assertEqual(fields.count(b"strict-transport-security: max-age=86400\r\n"), 1)

    async def test_pages(self) -> None:
        self.assertEqual(await self.curl(f"{self.url}/none"), b"<p>lost in space")
        self.assertEqual(await self.status_of(f"{self.url}/none"), 404)
        self.assertEqual(await self.status_of(f"{self.url}/old/x"), 308)
        self.assertEqual(await self.curl("-H", "Accept: text/plain", f"{self.url}/quote"), b"I want to believe.\n")
        self.assertIn(b"Contact: mailto:security@spam.egg\n", await self.curl("-L", f"{self.url}/security.txt"))
        waiting = ("-H", "Expect: 100-continue", "--data-binary", "x" * 100)
        echoed = await self.curl("-u", "a:b", *waiting, f"{self.url}/echo")
        self.assertIn(b"POST /echo HTTP/1.1\r\n", echoed)
        self.assertIn(b"Authorization: ***\r\n", echoed)
        self.assertTrue(echoed.endswith(b"\r\n\r\n" + b"x" * 100))
        text = await self.curl("-H", "Accept: text/plain", f"{self.url}/status")
        families = {family.name for family in text_string_to_metric_families(text.decode())}
        self.assertLessEqual(
            {"netdaemon_start_time_seconds", "netdaemon_connections", "netdaemon_tls_cert_expiry_timestamp_seconds"},
            families,
        )
        self.assertEqual(await self.status_of("-H", "X-Forwarded-For: 192.0.2.7", f"{self.url}/status"), 403)


class UploadTests(SiteCase):
    async def test_one_that_breaks_off(self) -> None:
        def work() -> None:
            with socket.create_connection(("127.0.0.1", self.port), PATIENCE) as client:
                head = f"PUT /hello.txt HTTP/1.1\r\nHost: a\r\nAuthorization: {MULDER['Authorization']}\r\n"
                client.sendall(head.encode() + b"Content-Length: 1000000\r\nExpect: 100-continue\r\n\r\n")
                self.assertEqual(client.recv(100), b"HTTP/1.1 100 Continue\r\n\r\n")
                client.sendall(bytes(500_000))
            while self.names() != ["hello.txt", "lost.html", "private"]:
                self.ask("GET", "/hello.txt")  # until the daemon has seen the end
            self.assertEqual(self.ask("GET", "/hello.txt"), (200, b"hello\n"))

        await self.away(work)

    async def test_many_at_once_to_one_name(self) -> None:
        bodies = [bytes([number]) * 200_000 for number in range(12)]

        def pieces(body: bytes) -> object:
            return iter([body[start : start + 10_000] for start in range(0, len(body), 10_000)])

        jobs = [deferToThread(self.ask, "PUT", "/same", pieces(body)) for body in bodies]
        statuses = [(await job)[0] for job in jobs]
        self.assertEqual(statuses.count(201) + statuses.count(204), 12)
        body = (await self.away(lambda: self.ask("GET", "/same")))[1]
        self.assertIn(body, bodies)
        self.assertEqual((self.top / "same").read_bytes(), body)
        self.assertEqual(self.names(), ["hello.txt", "lost.html", "private", "same"])

    async def test_only_one_of_many_that_have_seen_the_same(self) -> None:
        def tag() -> str:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
            connection.request("HEAD", "/hello.txt")
            seen = connection.getresponse().headers["ETag"]
            connection.close()
            return str(seen)

        seen = await self.away(tag)
        jobs = [
            deferToThread(self.ask, "PUT", "/hello.txt", b"%d" % number, **{"If-Match": seen}) for number in range(8)
        ]
        self.assertEqual(sorted([(await job)[0] for job in jobs]), [204] + [412] * 7)

    async def test_over_tls(self) -> None:
        def work() -> tuple[int, str | None]:
            context = ssl.create_default_context()
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            client = http.client.HTTPSConnection("127.0.0.1", self.secure, timeout=PATIENCE, context=context)
            client.request("PUT", "/new", iter([b"some", b"thing"]), MULDER, encode_chunked=True)
            reply = client.getresponse()
            client.close()
            return reply.status, reply.headers["Strict-Transport-Security"]

        self.assertEqual(await self.away(work), (201, "max-age=86400"))
        self.assertEqual((self.top / "new").read_bytes(), b"something")


class BrowserTests(SiteCase):
    async def test_a_person(self) -> None:
        browser = Browser(self)
        await browser.start()
        await browser.go(f"{self.url}/status")
        self.assertEqual(await browser.title(), "netdaemon")
        self.assertIn("Connections", await browser.texts("h2"))
        await browser.go(f"{self.url}/quote")
        self.assertEqual(await browser.texts("blockquote"), ["I want to believe."])
        await browser.go(f"http://scully:starbuck@127.0.0.1:{self.port}/private/x.txt")
        self.assertEqual(await browser.texts("h1"), ["403 Forbidden"])
        await browser.go(f"http://mulder:trustno1@127.0.0.1:{self.port}/private/x.txt")
        self.assertEqual(await browser.texts("body"), ["the truth"])


class ReloadTests(SiteCase):
    async def test_what_is_protected_from_now_on(self) -> None:
        self.assertEqual(await self.status_of(f"{self.url}/hello.txt"), 200)
        ini = self.ini(1).replace("protect = /private mulder", "protect = / *")
        self.assertTrue(await self.daemon.reload(ini))
        self.assertEqual(await self.status_of(f"{self.url}/hello.txt"), 401)
        self.assertEqual(await self.status_of("-u", "scully:starbuck", f"{self.url}/hello.txt"), 200)
        self.assertEqual(json.loads(self.daemon.ready_file.read_text())["pid"], self.daemon.pid)
