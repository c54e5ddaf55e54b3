"""HTTP/2 over real sockets: curl, nghttp and Chromium with the daemon, and curl's uploads with a responder here."""

from __future__ import annotations

import hashlib
import os
import signal
import time
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.utils import getProcessOutputAndValue
from twisted.trial.unittest import TestCase

from netdaemon.config.settings import DocumentsSettings
from netdaemon.documents.tree import Tree
from netdaemon.protocols.http import HTTPSettings
from netdaemon.protocols.http import http as kind
from netdaemon.protocols.http.grammar.message import Fields
from netdaemon.protocols.http.request import Caller, Request
from netdaemon.protocols.http.responder import Route
from netdaemon.protocols.http.response import Response
from tests.flows.test_browser import CHROMIUM
from tests.kit.daemon import Daemon
from tests.kit.house import house
from tests.kit.programs import needs

BIG = os.urandom(1 << 20) * 3


class Programs(TestCase):
    async def run_program(self, name: str, *arguments: str) -> bytes:
        """What a program prints; it must end well."""
        out, err, status = await getProcessOutputAndValue(needs(self, name), arguments, env=dict(os.environ))
        self.assertEqual(status, 0, err or out)
        return bytes(out)

    async def curl(self, *arguments: str) -> bytes:
        return await self.run_program("curl", "-sS", "--max-time", "30", "--noproxy", "*", "-k", *arguments)


class DaemonTests(Programs):
    async def setUp(self) -> None:
        self.top = Path(self.mktemp()).absolute()
        (self.top / "folder").mkdir(parents=True)
        (self.top / "hello.txt").write_bytes(b"hello\n")
        (self.top / "big").write_bytes(BIG)
        (self.top / "folder" / "inner.txt").write_bytes(b"found inside")
        self.log = self.top.parent / "access.log"
        self.daemon = Daemon(
            self,
            f"[documents]\nroot = {self.top}\n[http]\nlisting = yes\naccess-log = {self.log}\n"
            "listen = tcp:0:interface=127.0.0.1 tls:0:interface=127.0.0.1\n",
        )
        await self.daemon.start()
        clear, secure = self.daemon.port("http"), self.daemon.port("http", "tls")
        self.ways = (
            ("--http2-prior-knowledge", f"http://127.0.0.1:{clear}/"),
            ("--http2", f"https://127.0.0.1:{secure}/"),
        )

    async def test_curl(self) -> None:
        for way, url in self.ways:
            said = await self.curl(way, "-w", "%{http_version} %{http_code} %{num_connects}\n", url + "hello.txt")
            self.assertEqual(said, b"hello\n2 200 1\n")
            head = await self.curl(way, "-I", url + "big")
            self.assertIn(b"content-length: %d\r\n" % len(BIG), head)
            part = await self.curl(way, "-r", "1000000-2000000", url + "big")
            self.assertEqual(part, BIG[1_000_000:2_000_001])
            said = await self.curl(way, "-o", os.devnull, "-w", "%{http_code}", "-d", "@" + str(self.top / "big"), url)
            self.assertEqual(said, b"413")  # more than anybody reads over

    async def test_curl_many_at_a_time(self) -> None:
        way, url = self.ways[1]  # by prior knowledge curl 7.88 fails, whatever the server
        folder = Path(self.mktemp())
        folder.mkdir()
        told = ("-o", str(folder / "#1"), "-w", "%{http_code} %{num_connects}\n")
        said = await self.curl(way, "-Z", "--parallel-max", "20", *told, url + "big?[1-20]")
        lines = said.decode().split("\n")[:-1]
        self.assertEqual([line.split()[0] for line in lines], ["200"] * 20)
        self.assertLess(sum(int(line.split()[1]) for line in lines), 20)  # they share connections
        wanted = hashlib.sha256(BIG).digest()
        self.assertEqual({hashlib.sha256(file.read_bytes()).digest() for file in folder.iterdir()}, {wanted})

    async def test_nghttp(self) -> None:
        for _, url in self.ways:
            said = await self.run_program("nghttp", "-nv", "-y", "--no-dep", url + "hello.txt", url + "big", url)
            self.assertEqual(said.count(b":status: 200"), 3, said[-2000:])
            self.assertNotIn(b"recv GOAWAY", said)
            said = await self.run_program("nghttp", "-y", "-d", str(self.top / "hello.txt"), url)
            self.assertIn(b"405", said)

    async def test_chromium(self) -> None:
        url = self.ways[1][1]
        arguments = [*CHROMIUM, f"--user-data-dir={self.mktemp()}", "--timeout=30000", "--dump-dom"]
        page = await self.run_program("chromium", *arguments, url)
        self.assertIn(b'href="folder/"', page)
        self.assertIn(b"found inside", await self.run_program("chromium", *arguments, url + "folder/inner.txt"))
        await self.daemon.stop()
        self.assertIn('"GET / HTTP/2.0" 200', self.log.read_text())

    async def test_the_stop_lets_a_download_end(self) -> None:
        (self.top / "large").write_bytes(BIG * 30)
        _, url = self.ways[0]
        file = self.top.parent / "got"
        coming = Deferred.fromCoroutine(
            self.curl(self.ways[0][0], "--limit-rate", "60M", "-o", str(file), "-w", "%{http_code}", url + "large")
        )
        await self.daemon.until(lambda: file.exists() and file.stat().st_size, "sends")
        self.daemon.signal(signal.SIGTERM)
        self.assertEqual(await coming, b"200")
        self.assertEqual(file.stat().st_size, 30 * len(BIG))
        self.assertEqual((await self.daemon.wait())[0], 0)


class UploadTests(Programs):
    def setUp(self) -> None:
        clock: Any = reactor
        top = Path(self.mktemp()).resolve()
        top.mkdir()
        tree = Tree(DocumentsSettings(root=top), clock)
        self.addCleanup(tree.close)
        made = house(clock, documents=tree, wall=time.time)
        self.addCleanup(made.deadlines.stop)
        factory: Any = kind.factory(HTTPSettings(section="http", listen=()), made)
        factory.sites.own.route = lambda request: Route(self, len(BIG))
        build = factory.buildProtocol
        gone: list[Deferred[None]] = []
        self.addCleanup(lambda: gone[-1])

        def build_watched(address: Any) -> Any:
            session, left = build(address), Deferred[None]()
            lost = session.connectionLost
            session.connectionLost = lambda reason: (lost(reason), left.callback(None))
            gone.append(left)
            return session

        factory.buildProtocol = build_watched
        port = clock.listenTCP(0, factory, interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        self.url = f"http://127.0.0.1:{port.getHost().port}/"
        self.file = top / "upload"

    async def respond(self, request: Request, caller: Caller) -> Response:
        """The digest of what came."""
        digest = hashlib.sha256()
        assert request.body is not None
        async for data in request.body:
            digest.update(data)
        return Response(200, Fields(), digest.hexdigest().encode())

    async def test_curl(self) -> None:
        for body in (BIG, BIG[:-1], b"x"):
            self.file.write_bytes(body)
            said = await self.curl("--http2-prior-knowledge", "-T", str(self.file), self.url)
            self.assertEqual(said, hashlib.sha256(body).hexdigest().encode())

    async def test_too_large(self) -> None:
        self.file.write_bytes(BIG + b"x")
        said = await self.curl(
            "--http2-prior-knowledge", "-o", os.devnull, "-w", "%{http_code}", "-T", str(self.file), self.url
        )
        self.assertEqual(said, b"413")
