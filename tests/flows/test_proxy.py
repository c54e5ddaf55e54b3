"""Real programs through the real proxy, to this daemon's own http, https, ftp and gopher services."""

from __future__ import annotations

import os
import re
import socket
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

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
BIG = os.urandom(1 << 20) * 3
PATIENCE = 30.0

INI = """
[netdaemon]
hostname = localhost
[documents]
root = {top}
[http]
listen = tcp:0:interface=127.0.0.1 tls:0:interface=127.0.0.1
listing = yes
[ftp]
listen = tcp:0:interface=127.0.0.1
anonymous = yes
[gopher]
listen = tcp:0:interface=127.0.0.1
[proxy]
listen = tcp:0:interface=127.0.0.1 tls:0:interface=127.0.0.1
allow-clients = 127.0.0.0/8 ::1
allow-loopback = yes
allow = 127.0.0.1 127.0.0.2 localhost
connect-ports = *
access-log = {folder}/proxy.log
[proxy:accounts]
listen = tcp:0:interface=127.0.0.1
allow-loopback = yes
login = yes
connect-ports = *
[proxy:strict]
listen = tcp:0:interface=127.0.0.1
"""


class ProxyCase(TestCase):
    """The daemon; ``self.proxy`` is its proxy's URL."""

    async def setUp(self) -> None:
        self.folder = Path(self.mktemp()).absolute()
        self.top = self.folder / "top"
        (self.top / "folder").mkdir(parents=True)
        (self.top / "hello.txt").write_bytes(b"hello\n")
        (self.top / "big.bin").write_bytes(BIG)
        (self.top / "folder" / "inner.txt").write_bytes(b"found inside\n")
        (self.top / "a b&<c>.txt").write_bytes(b"odd\n")
        certificate = self.folder / "certificate.pem"
        self.daemon = Daemon(
            self,
            INI.format(top=self.top, folder=self.folder),
            # The daemon made its certificate itself: this is how it comes to believe it.
            environment={"SSL_CERT_FILE": str(certificate)},
        )
        certificate.symlink_to(self.daemon.data / "tls" / "self-signed.pem")
        await self.before_start()
        await self.daemon.start()
        self.proxy = f"http://127.0.0.1:{self.daemon.port('proxy')}"
        self.http = f"http://127.0.0.1:{self.daemon.port('http')}"
        self.https = f"https://localhost:{self.daemon.port('http', 'tls')}"
        self.ftp = f"ftp://127.0.0.1:{self.daemon.port('ftp')}"
        self.gopher = f"gopher://127.0.0.1:{self.daemon.port('gopher')}"

    async def before_start(self) -> None:
        """What a test needs to be there first."""

    async def run_program(self, name: str, *arguments: str, **environment: str) -> tuple[str, int]:
        """(what it says, its exit status)."""
        clean = {key: value for key, value in os.environ.items() if "proxy" not in key.lower()}
        out, err, status = await getProcessOutputAndValue(
            needs(self, name), arguments, env={**clean, "TERM": "dumb", "HOME": str(self.folder), **environment}
        )
        return (out + (err if status else b"")).decode("utf-8", "replace"), status

    async def curl(self, *arguments: str, proxy: str = "") -> str:
        said, status = await self.run_program("curl", "-sS", "-m", "30", "-x", proxy or self.proxy, *arguments)
        self.assertEqual(status, 0, said)
        return said

    async def exchange(self, work: Callable[[socket.socket], T], section: str = "proxy") -> T:
        """``work`` on a connection to the proxy, in a thread."""

        def connected() -> T:
            with socket.create_connection(("127.0.0.1", self.daemon.port(section)), PATIENCE) as sock:
                return work(sock)

        return await deferToThread(connected)


class CurlTests(ProxyCase):
    async def test_http(self) -> None:
        said = await self.curl("-i", f"{self.http}/hello.txt")
        self.assertTrue(said.startswith("HTTP/1.1 200 OK\r\nServer: netdaemon\r\n"), said)
        self.assertRegex(said, r"\r\nVia: 1\.1 localhost-[0-9a-f]{8}\r\n")
        self.assertTrue(said.endswith("\r\n\r\nhello\n"))
        said = await self.curl("-w", "%{num_connects} ", *[f"{self.http}/hello.txt"] * 3)
        self.assertEqual(said.split(), ["hello", "1", "hello", "0", "hello", "0"])

    async def test_large_both_ways(self) -> None:
        target = self.folder / "got"
        await self.curl("-o", str(target), f"{self.http}/big.bin")
        self.assertEqual(target.read_bytes(), BIG)
        await self.curl("-o", str(target), f"{self.ftp}/big.bin")
        self.assertEqual(target.read_bytes(), BIG)

    async def test_https_by_a_tunnel(self) -> None:
        target = self.folder / "got"
        await self.curl("-k", "-o", str(target), f"{self.https}/big.bin")
        self.assertEqual(target.read_bytes(), BIG)
        log = self.folder / "proxy.log"
        await self.daemon.until(lambda: log.exists() and "CONNECT" in log.read_text(), "has logged")
        sent = re.search(r'"CONNECT localhost:[0-9]+ HTTP/1\.1" 200 ([0-9]+) ', log.read_text())
        assert sent is not None
        self.assertGreater(int(sent[1]), len(BIG))

    async def test_https_by_the_proxy_itself(self) -> None:
        # No curl asks so; the proxy makes sure that it is who it says.
        def ask(sock: socket.socket) -> bytes:
            sock.sendall(b"GET %b/hello.txt HTTP/1.0\r\n\r\n" % self.https.encode())
            return b"".join(iter(lambda: sock.recv(65536), b""))

        said = await self.exchange(ask)
        self.assertTrue(said.startswith(b"HTTP/1.1 200 OK\r\n"), said)
        self.assertTrue(said.endswith(b"hello\n"))
        self.https = self.https.replace("localhost", "127.0.0.2")  # whom the certificate doesn't name
        self.assertTrue((await self.exchange(ask)).startswith(b"HTTP/1.1 502 "))

    async def test_over_tls_to_the_proxy(self) -> None:
        proxy = f"https://127.0.0.1:{self.daemon.port('proxy', 'tls')}"
        said = await self.curl("--proxy-insecure", f"{self.http}/hello.txt", proxy=proxy)
        self.assertEqual(said, "hello\n")
        said = await self.curl("--proxy-insecure", "-k", f"{self.https}/hello.txt", proxy=proxy)
        self.assertEqual(said, "hello\n")

    async def test_ftp(self) -> None:
        said = await self.curl("-i", f"{self.ftp}/folder/inner.txt")
        self.assertIn("Content-Type: text/plain", said)
        self.assertTrue(said.endswith("\r\n\r\nfound inside\n"))
        said = await self.curl(f"{self.ftp}/")
        for part in (
            'href="folder/"',
            'href="a%20b&amp;%3Cc%3E.txt"',
            "a b&amp;&lt;c&gt;.txt",
            "3.0 MiB",
            "Index of /",
        ):
            self.assertIn(part, said)
        said = await self.curl("-i", f"{self.ftp}/folder")
        self.assertTrue(said.startswith("HTTP/1.1 302 "), said)
        self.assertIn("\r\nLocation: ./folder/\r\n", said)
        said = await self.curl("-i", f"{self.ftp}/nothing")
        self.assertTrue(said.startswith("HTTP/1.1 404 "), said)
        said = await self.curl("-I", f"{self.ftp}/big.bin")
        self.assertIn(f"\r\nContent-Length: {len(BIG)}\r\n", said)

    async def test_gopher(self) -> None:
        # curl would tunnel it: this is what lynx and w3m ask.
        def ask(path: str) -> Callable[[socket.socket], str]:
            def work(sock: socket.socket) -> str:
                sock.sendall(f"GET {self.gopher}{path} HTTP/1.0\r\n\r\n".encode())
                return b"".join(iter(lambda: sock.recv(65536), b"")).decode("utf-8", "replace")

            return work

        page = await self.exchange(ask("/"))
        self.assertRegex(page, r'<a href="gopher://localhost:[0-9]+/0/hello\.txt"><bdi>hello\.txt')
        self.assertIn("Content-Type: text/html", page)
        text = await self.exchange(ask("/0/hello.txt"))
        self.assertIn("Content-Type: text/plain; charset=utf-8", text)
        self.assertTrue(text.endswith("\r\n\r\nhello\n"))
        form = await self.exchange(ask("/7/"))
        self.assertIn('<form method="get"><input name="q"', form)
        self.assertIn("form-action 'self'", form)
        found = await self.exchange(ask("/7/?q=inner"))
        self.assertIn("inner.txt", found)
        self.assertNotIn("hello.txt", found)
        self.assertIn("HTTP/1.1 404 ", await self.exchange(ask("/0/nothing.txt")))

    async def test_what_is_refused_by_default(self) -> None:
        strict = f"http://127.0.0.1:{self.daemon.port('proxy:strict')}"
        for url in (f"{self.http}/hello.txt", f"{self.ftp}/hello.txt", self.https.replace("https", "http")):
            said = await self.curl("-i", url, proxy=strict)
            self.assertTrue(said.startswith("HTTP/1.1 403 "), said)

    async def test_through_itself(self) -> None:
        said, status = await self.run_program(
            "curl", "-sS", "-i", "-p", "-x", self.proxy, "--proxy-header", "Via: 1.1 x", f"{self.http}/hello.txt"
        )
        self.assertEqual(status, 0, said)
        self.assertTrue(said.startswith("HTTP/1.1 200 "), said)


class AccountTests(ProxyCase):
    async def before_start(self) -> None:
        self.daemon.data.mkdir(mode=0o700)
        store = Store(self.daemon.data)
        store.add("mulder", Hasher(CHEAP, iterations=4096).keep(b"trustno1"))
        store.close()

    async def test_a_login(self) -> None:
        proxy = f"http://127.0.0.1:{self.daemon.port('proxy:accounts')}"
        url = f"{self.http}/hello.txt"
        said = await self.curl("-i", url, proxy=proxy)
        self.assertTrue(said.startswith("HTTP/1.1 407 "), said)
        self.assertEqual(await self.curl(url, "-U", "mulder:trustno1", proxy=proxy), "hello\n")
        self.assertTrue((await self.curl("-i", url, "-U", "mulder:x", proxy=proxy)).startswith("HTTP/1.1 407 "))
        tunnelled = f"{self.https}/hello.txt"
        self.assertEqual(await self.curl("-k", tunnelled, "-U", "mulder:trustno1", proxy=proxy), "hello\n")
        said, status = await self.run_program("curl", "-sS", "-k", "-x", proxy, tunnelled)
        self.assertEqual(status, 56, said)  # CURLE_RECV_ERROR: CONNECT refused
        self.assertIn("407", said)

    async def test_ftp_logins(self) -> None:
        url = f"{self.ftp}/hello.txt"
        self.assertEqual(await self.curl("-u", "mulder:trustno1", url), "hello\n")
        said = await self.curl("-i", "-u", "mulder:x", url)
        self.assertTrue(said.startswith("HTTP/1.1 401 "), said)
        self.assertRegex(said, r'\r\nWWW-Authenticate: Basic realm="ftp://127\.0\.0\.1:[0-9]+"')


class OtherProgramTests(ProxyCase):
    async def test_wget(self) -> None:
        for url, name in ((self.http, "http_proxy"), (self.ftp, "ftp_proxy")):
            said, status = await self.run_program("wget", "-q", "-O", "-", f"{url}/hello.txt", **{name: self.proxy})
            self.assertEqual((said, status), ("hello\n", 0))
        said, status = await self.run_program(
            "wget", "-q", "--no-check-certificate", "-O", "-", f"{self.https}/hello.txt", https_proxy=self.proxy
        )
        self.assertEqual((said, status), ("hello\n", 0))

    async def test_lynx(self) -> None:
        for url, name in ((self.http, "http_proxy"), (self.ftp, "ftp_proxy"), (self.gopher, "gopher_proxy")):
            said, status = await self.run_program("lynx", "-dump", f"{url}/", **{name: f"{self.proxy}/"})
            self.assertEqual(status, 0, said)
            self.assertIn("hello.txt", said)
            self.assertIn("big.bin", said)
        self.assertRegex(said, r"gopher://localhost:[0-9]+/1/folder")

    async def test_w3m(self) -> None:
        for url, option in ((self.http, "http_proxy"), (self.ftp, "ftp_proxy"), (self.gopher, "gopher_proxy")):
            said, status = await self.run_program(
                "w3m", "-dump", "-o", f"{option}={self.proxy}/", "-o", "no_proxy=", f"{url}/"
            )
            self.assertEqual(status, 0, said)
            self.assertIn("hello.txt", said, option)

    async def test_chromium(self) -> None:
        # What else it asks for of its own accord, [proxy] allow keeps from being looked up.
        browser = Browser(
            self, insecure=True, arguments=(f"--proxy-server={self.proxy}", "--proxy-bypass-list=<-loopback>")
        )
        await browser.start()
        await browser.go(f"{self.http}/")
        self.assertIn("hello.txt", " ".join(await browser.texts("td.n")))
        await browser.click("a[href='folder/']")
        await browser.click("a[href='inner.txt']")
        self.assertEqual(await browser.texts("pre"), ["found inside"])
        await browser.go(f"{self.https.replace('localhost', '127.0.0.1')}/hello.txt")
        self.assertEqual(await browser.texts("pre"), ["hello"])
        await browser.go("http://127.0.0.1:25/")
        log = self.folder / "proxy.log"
        line = f'"GET {self.http}/folder/inner.txt HTTP/1.1" 200 '
        await self.daemon.until(lambda: line in log.read_text(), "has logged")


class ChainTests(ProxyCase):
    """One proxy behind another, which is all that it reaches."""

    async def setUp(self) -> None:
        await super().setUp()
        self.behind = Daemon(
            self,
            f"[proxy]\nlisten = tcp:0:interface=127.0.0.1\nupstream = {self.proxy}\nallow-loopback = yes\n"
            "connect-ports = *\n",
            environment={"SSL_CERT_FILE": str(self.folder / "certificate.pem")},
        )
        await self.behind.start()
        self.first = f"http://127.0.0.1:{self.behind.port('proxy')}"

    async def test_all_ways(self) -> None:
        said = await self.curl("-i", f"{self.http}/hello.txt", proxy=self.first)
        self.assertTrue(said.endswith("\r\n\r\nhello\n"), said)
        self.assertEqual(len(re.findall(r"\r\nVia: 1\.1 localhost-[0-9a-f]{8}", said)), 2)
        target = self.folder / "got"
        await self.curl("-k", "-o", str(target), f"{self.https}/big.bin", proxy=self.first)
        self.assertEqual(target.read_bytes(), BIG)
        self.assertIn("inner.txt", await self.curl(f"{self.ftp}/folder/", proxy=self.first))

    async def test_https_by_the_proxy_itself(self) -> None:
        def work() -> bytes:
            with socket.create_connection(("127.0.0.1", self.behind.port("proxy")), PATIENCE) as sock:
                sock.sendall(b"GET %b/big.bin HTTP/1.0\r\n\r\n" % self.https.encode())
                return b"".join(iter(lambda: sock.recv(65536), b""))

        said = await deferToThread(work)
        self.assertTrue(said.startswith(b"HTTP/1.1 200 OK\r\n"), said[:500])
        self.assertEqual(said.partition(b"\r\n\r\n")[2], BIG)
        self.https = self.https.replace("localhost", "127.0.0.2")
        self.assertTrue((await deferToThread(work)).startswith(b"HTTP/1.1 502 "))


class SocketTests(ProxyCase):
    async def test_a_tunnel_that_is_closed_by_halves(self) -> None:
        def work(sock: socket.socket) -> bytes:
            port = self.daemon.port("gopher")
            sock.sendall(b"CONNECT 127.0.0.1:%d HTTP/1.1\r\nHost: a\r\n\r\n/hello.txt\r\n" % port)
            sock.shutdown(socket.SHUT_WR)
            return b"".join(iter(lambda: sock.recv(65536), b""))

        said = await self.exchange(work)
        self.assertEqual(said, b"HTTP/1.1 200 Connection established\r\n\r\nhello\r\n.\r\n")

    async def test_an_end_behind_all_that_is_on_its_way(self) -> None:
        listener = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(listener.close)
        port = listener.getsockname()[1]

        def origin() -> None:
            connection, _ = listener.accept()
            with connection:
                octets = 0
                while data := connection.recv(10_000):
                    octets += len(data)
                connection.sendall(b"%d" % octets)

        def work(sock: socket.socket) -> bytes:
            sock.sendall(b"CONNECT 127.0.0.1:%d HTTP/1.1\r\nHost: a\r\n\r\n" % port)
            head = sock.recv(65536)
            sock.sendall(BIG * 3)
            sock.shutdown(socket.SHUT_WR)
            return head + b"".join(iter(lambda: sock.recv(65536), b""))

        ended = deferToThread(origin)
        said = await self.exchange(work)
        await ended
        self.assertTrue(said.endswith(b"\r\n\r\n%d" % (3 * len(BIG))), said)

    async def test_an_origin_that_resets_in_the_middle(self) -> None:
        listener = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(listener.close)
        port = listener.getsockname()[1]

        def origin() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
                connection.recv(1)  # until the client has that
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")

        def work(sock: socket.socket) -> bytes:
            sock.sendall(b"POST http://127.0.0.1:%d/ HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n" % port)
            got = b""
            while b"hello" not in got:
                got += sock.recv(65536)
            sock.sendall(b"x")
            while data := sock.recv(65536):
                got += data
            return got

        ended = deferToThread(origin)
        try:
            got = await self.exchange(work)
        except ConnectionResetError:
            got = b""
        await ended
        self.assertNotIn(b"0\r\n\r\n", got, "an end in good order")
        self.assertEqual(got, b"", "the client sees that it broke off")

    async def test_a_stop_waits_for_what_is_under_way(self) -> None:
        def work(sock: socket.socket) -> bytes:
            port = self.daemon.port("http")
            sock.sendall(b"CONNECT 127.0.0.1:%d HTTP/1.1\r\nHost: a\r\n\r\n" % port)
            self.assertIn(b"200", sock.recv(65536))
            self.daemon.signal(15)
            return sock.recv(65536)  # the tunnel ends when it is silent

        self.assertEqual(await self.exchange(work), b"")
        status, _ = await self.daemon.wait()
        self.assertIn(status, (0, -15))

    async def test_tls_in_a_tunnel_is_the_origins(self) -> None:
        def work(sock: socket.socket) -> bytes:
            port = self.daemon.port("http", "tls")
            sock.sendall(b"CONNECT localhost:%d HTTP/1.1\r\nHost: a\r\n\r\n" % port)
            head = sock.recv(65536)
            context = ssl.create_default_context(cafile=str(self.daemon.data / "tls" / "self-signed.pem"))
            with context.wrap_socket(sock, server_hostname="localhost") as secure:
                secure.sendall(b"GET /hello.txt HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                return head + b"".join(iter(lambda: secure.recv(65536), b""))

        said = await self.exchange(work)
        self.assertTrue(said.startswith(b"HTTP/1.1 200 Connection established\r\n\r\nHTTP/1.1 200 OK\r\n"))
        self.assertNotIn(b"Via:", said)
