"""The client's HTTP/2 over real sockets: with our own server, with nghttp2's, and with those that know only HTTP/1."""

from __future__ import annotations

import hashlib
import time
from collections.abc import AsyncGenerator, Iterator
from typing import Any

from twisted.internet import reactor as _reactor
from twisted.internet.defer import Deferred, gatherResults

from netdaemon.config.settings import DocumentsSettings
from netdaemon.documents.tree import Tree
from netdaemon.protocols.http import HTTPSettings, http
from netdaemon.protocols.http.client import Client, Failed, NotSpoken, Upload
from netdaemon.protocols.http.client.http2.connection import STREAM_WINDOW
from netdaemon.protocols.http.client.url import parse_url
from netdaemon.protocols.http.grammar.message import Fields
from netdaemon.protocols.http.incoming import Incoming
from netdaemon.protocols.http.request import Caller, Request
from netdaemon.protocols.http.responder import Route
from netdaemon.protocols.http.response import Response, Stream
from netdaemon.wire.inflow import HIGH_WATER
from tests.flows.test_http_client import FlowCase
from tests.kit.command import command
from tests.kit.daemon import Daemon
from tests.kit.house import house
from tests.kit.nghttpd import NGHTTPD
from tests.kit.webserver import PythonServer, certificate

reactor: Any = _reactor

PIECE = bytes(range(256)) * 256
"""64 KiB"""
LARGE = 64 * 1024 * 1024
SENT = 32 * 1024 * 1024


def sent() -> Iterator[bytes]:
    for _ in range(SENT // len(PIECE)):
        yield PIECE


class VersionCase(FlowCase):
    """``versions`` are those of the responses."""

    def setUp(self) -> None:
        self.versions: list[bytes] = []
        super().setUp()

    def made(self, **options: Any) -> Client:
        return super().made(**{"trace": self.trace, "http2": "prior", "verify": False, **options})

    def trace(self, direction: str, head: bytes) -> None:
        if direction == "<":
            self.versions.append(head.partition(b" ")[0])

    def connections(self) -> int:
        """How many the client has."""
        return len(self.client._pool._lines)

    async def together(self, urls: list[str]) -> list[bytes]:
        """The bodies, asked for at the same time."""
        asked = [Deferred.fromCoroutine(self.body(url)) for url in urls]
        bodies: list[bytes] = await gatherResults(asked, consumeErrors=True)  # type: ignore[no-untyped-call]
        return bodies

    async def body(self, url: str) -> bytes:
        return (await self.get(url))[1]

    async def slowly(self, large: str, small: str, size: int) -> None:
        """A large body, whose reader asks for something small after each piece of it, comes in bounded memory."""
        response = await self.client.get(large)
        digest, received, most = hashlib.sha256(), 0, 0
        async for piece in response.body:
            most = max(most, len(piece))
            digest.update(piece)
            received += len(piece)
            self.assertEqual(await self.body(small), b"hello\n")
            most = max(most, response.body._waiting)
        self.assertEqual(received, size)
        whole = hashlib.sha256(PIECE * (size // len(PIECE)))
        self.assertEqual(digest.hexdigest(), whole.hexdigest())
        self.assertLessEqual(most, HIGH_WATER + STREAM_WINDOW)
        self.assertEqual(self.connections(), 1)


class DaemonTests(VersionCase):
    """Our own server in a process of its own."""

    async def setUp(self) -> None:  # type: ignore[override]  # trial waits for it
        super().setUp()
        for number in range(100):
            (self.folder / f"{number}").write_bytes(b"%d\n" % number * 5000)
        with (self.folder / "large").open("wb") as file:
            for _ in range(LARGE // len(PIECE)):
                file.write(PIECE)
        self.daemon = Daemon(
            self,
            f"[documents]\nroot = {self.folder.absolute()}\n[http]\n"
            "listen = tcp:0:interface=127.0.0.1 tls:0:interface=127.0.0.1\n"
            "[proxy]\nlisten = tcp:0:interface=127.0.0.1\nallow-clients = 127.0.0.0/8\nallow-loopback = yes\n"
            "connect-ports = *\n",
        )
        await self.daemon.start()
        self.clear = f"http://127.0.0.1:{self.daemon.port('http')}/"
        self.secure = f"https://127.0.0.1:{self.daemon.port('http', 'tls')}/"

    async def test_a_hundred_at_a_time_over_one_connection(self) -> None:
        for url in (self.clear, self.secure):
            self.client = self.made()
            bodies = await self.together([f"{url}{number}" for number in range(100)])
            self.assertEqual(bodies, [b"%d\n" % number * 5000 for number in range(100)])
            self.assertEqual(self.connections(), 1)
            self.assertEqual(await self.body(url + "hello.txt"), b"hello\n")
            self.assertEqual((await self.get(url + "none"))[0].status, 404)
            self.assertEqual(set(self.versions), {b"HTTP/2"})

    async def test_through_a_proxy(self) -> None:
        """What is in a tunnel is agreed upon within it; the proxy itself is asked by HTTP/1."""
        proxy = parse_url(f"http://127.0.0.1:{self.daemon.port('proxy')}/")
        self.client = self.made(proxy_for=lambda url: proxy)
        bodies = await self.together([f"{self.secure}{number}" for number in range(20)])
        self.assertEqual(bodies, [b"%d\n" % number * 5000 for number in range(20)])
        self.assertEqual(self.connections(), 1)
        self.assertEqual(self.versions, [b"HTTP/1.1"] + [b"HTTP/2"] * 20)
        self.assertEqual(await self.body(self.clear + "hello.txt"), b"hello\n")
        self.assertEqual(self.versions[21:], [b"HTTP/1.1"])

    async def test_only_http1(self) -> None:
        self.client = self.made(http2=False)
        for url in (self.clear, self.secure):
            await self.together([url + "hello.txt"] * 4)
        self.assertEqual(set(self.versions), {b"HTTP/1.1"})
        self.assertEqual(self.connections(), 8)

    async def test_http2_only_where_it_is_offered(self) -> None:
        self.client = self.made(http2=True)
        await self.get(self.clear + "hello.txt")
        await self.get(self.secure + "hello.txt")
        self.assertEqual(self.versions, [b"HTTP/1.1", b"HTTP/2"])

    async def test_a_slow_reader(self) -> None:
        await self.slowly(self.clear + "large", self.clear + "hello.txt", LARGE)

    async def test_a_slow_reader_under_tls(self) -> None:
        await self.slowly(self.secure + "large", self.secure + "hello.txt", LARGE)

    async def test_a_body_that_is_closed_leaves_the_connection(self) -> None:
        for _ in range(20):
            response = await self.client.get(self.secure + "large")
            await anext(response.body)
            response.close()
        self.assertEqual(await self.body(self.secure + "hello.txt"), b"hello\n")
        self.assertEqual(self.connections(), 1)

    async def test_the_command(self) -> None:
        for version, url, option in (
            ("HTTP/2", self.secure, ()),
            ("HTTP/1.1", self.secure, ("--http1.1",)),
            ("HTTP/1.1", self.clear, ()),
            ("HTTP/2", self.clear, ("--http2-prior-knowledge",)),
        ):
            done = await command("get", "-k", "-v", *option, url + "hello.txt", url.replace("//", "//u:secret@") + "1")
            self.assertEqual((done.status, done.out), (0, b"hello\n" + b"1\n" * 5000), done.err)
            self.assertIn(f"> GET /hello.txt {version}\n", done.err)
            self.assertIn(f"< {version} 200", done.err)
            self.assertNotIn("secret", done.err)

    async def test_the_daemon_stops(self) -> None:
        await self.body(self.secure + "hello.txt")
        self.assertEqual(self.connections(), 1)
        await self.daemon.stop()
        with self.assertRaises(Failed):
            await self.body(self.secure + "hello.txt")


class UploadTests(VersionCase):
    """Our own server, with a responder here that sends back what it gets."""

    def setUp(self) -> None:
        super().setUp()
        tree = Tree(DocumentsSettings(root=self.folder.absolute()), reactor)
        self.addCleanup(tree.close)
        shared = house(reactor, documents=tree, wall=time.time)
        self.addCleanup(shared.deadlines.stop)
        factory: Any = http.factory(HTTPSettings(section="http", listen=()), shared)
        factory.sites.own.route = lambda request: Route(self, SENT)
        port = reactor.listenTCP(0, factory, interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        self.addCleanup(self.client.close)  # first, so that the server's session is over
        self.url = f"http://127.0.0.1:{port.getHost().port}/"

    async def respond(self, request: Request, caller: Caller) -> Response:
        assert request.body is not None

        async def back(body: Incoming) -> AsyncGenerator[bytes, None]:
            async for data in body:
                yield data

        return Response(200, Fields(), Stream(back(request.body)))

    async def both_ways(self, url: str, body: Upload) -> None:
        response = await self.client.request("POST", url, body=body)
        digest, received = hashlib.sha256(), 0
        async for piece in response.body:
            digest.update(piece)
            received += len(piece)
        self.assertEqual(received, SENT)
        self.assertEqual(digest.hexdigest(), hashlib.sha256(PIECE * (SENT // len(PIECE))).hexdigest())
        self.assertEqual(set(self.versions), {b"HTTP/2"})

    async def test_both_ways_at_once(self) -> None:
        await self.both_ways(self.url, Upload(sent, SENT))
        await self.both_ways(self.url, Upload(sent))

    async def test_several_at_once(self) -> None:
        async def one(number: int) -> bytes:
            body = b"%d " % number * 100_000
            return await (await self.client.request("POST", self.url, body=body)).read(10_000_000)

        asked = [Deferred.fromCoroutine(one(number)) for number in range(10)]
        bodies: list[bytes] = await gatherResults(asked)  # type: ignore[no-untyped-call]
        self.assertEqual(bodies, [b"%d " % number * 100_000 for number in range(10)])
        self.assertEqual(self.connections(), 1)

    async def test_too_large(self) -> None:
        response = await self.client.request("POST", self.url, body=Upload(sent, SENT + 1))
        self.assertEqual(response.status, 413)
        await response.read(10_000)


class NGHTTPDTests(VersionCase):
    async def serve(self, *options: str, tls: bool = False) -> str:
        made = certificate(self.folder.parent / f"{self.folder.name}.pem", "127.0.0.1") if tls else None
        server = NGHTTPD(self, self.folder, *options, certificate=made)
        await server.start()
        return server.url

    async def test_files(self) -> None:
        for tls in (False, True):
            url = await self.serve(tls=tls)
            self.client = self.made()
            self.assertEqual(await self.together([url + "hello.txt"] * 100), [b"hello\n"] * 100)
            self.assertEqual((await self.get(url + "none"))[0].status, 404)
            self.assertEqual(self.connections(), 1)
            await self.client.close()
        self.assertEqual(set(self.versions), {b"HTTP/2"})

    async def test_few_streams_at_a_time(self) -> None:
        url = await self.serve("-m", "5")
        await self.body(url + "hello.txt")  # with this its settings have come
        self.assertEqual(await self.together([url + "hello.txt"] * 20), [b"hello\n"] * 20)
        self.assertGreaterEqual(self.connections(), 4)

    async def test_a_slow_reader(self) -> None:
        (self.folder / "large").write_bytes(PIECE * (SENT // len(PIECE)))
        url = await self.serve(tls=True)
        await self.slowly(url + "large", url + "hello.txt", SENT)

    async def test_bodies_that_are_closed(self) -> None:
        (self.folder / "large").write_bytes(PIECE * (SENT // len(PIECE)))
        url = await self.serve()
        for _ in range(20):
            response = await self.client.get(url + "large")
            await anext(response.body)
            response.close()
        self.assertEqual(await self.body(url + "hello.txt"), b"hello\n")
        self.assertEqual(self.connections(), 1)

    async def test_an_upload(self) -> None:
        url = await self.serve("--echo-upload")
        body = PIECE * 100
        response = await self.client.request("POST", url, body=Upload(lambda: [PIECE] * 100, len(body)))
        self.assertTrue(await response.read(len(body)) == body)


class OlderTests(VersionCase):
    async def test_a_server_that_knows_http1_only(self) -> None:
        file = certificate(self.folder.parent / f"{self.folder.name}.pem", "127.0.0.1")
        port = PythonServer(self, self.folder, certificate=file).port
        url = f"https://127.0.0.1:{port}/hello.txt"
        self.assertEqual(await self.together([url] * 5), [b"hello\n"] * 5)
        self.assertTrue(set(self.versions) <= {b"HTTP/1.0", b"HTTP/1.1"}, self.versions)
        self.assertIn(parse_url(url).origin, [place[:3] for place in self.client._pool._older])

    async def test_a_server_that_is_asked_without_knowing_it(self) -> None:
        port = PythonServer(self, self.folder).port
        await self.refused(f"http://127.0.0.1:{port}/hello.txt", NotSpoken)
