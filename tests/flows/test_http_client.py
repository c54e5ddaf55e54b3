"""The HTTP client over real sockets: the standard library's server, and TLS with all that can be wrong with it."""

from __future__ import annotations

import socket
import ssl
import threading
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

from twisted.internet import reactor as _reactor
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from netdaemon.config.settings import DocumentsSettings
from netdaemon.config.values import Listen
from netdaemon.documents.tree import Tree
from netdaemon.protocols.http import HTTPSettings, http
from netdaemon.protocols.http.client import (
    Broken,
    Client,
    ConnectFailed,
    Failed,
    Response,
    Timeouts,
    TLSFailed,
)
from netdaemon.protocols.http.client.resume import continues, ends_at, length_of, validator
from netdaemon.wire.tlsclient import Trust
from tests.kit.house import house
from tests.kit.webserver import PythonServer, certificate

reactor: Any = _reactor


class FlowCase(TestCase):
    def setUp(self) -> None:
        self.folder = Path(self.mktemp())
        self.folder.mkdir(parents=True)
        (self.folder / "hello.txt").write_bytes(b"hello\n")
        self.client = self.made()

    def made(self, **options: Any) -> Client:
        client = Client(reactor, **{"timeouts": Timeouts(20, 20, 20), **options})
        self.addCleanup(client.close)
        return client

    async def get(self, url: str, client: Client | None = None) -> tuple[Response, bytes]:
        response = await (client or self.client).get(url)
        return response, await response.read(100_000_000)

    async def refused(self, url: str, kind: type[Failed], client: Client | None = None) -> str:
        try:
            response, body = await self.get(url, client)
        except kind as error:
            return str(error)
        raise AssertionError(f"{url}: {response.status} {body[:100]!r}")


class PythonTests(FlowCase):
    """http.server speaks HTTP/1.0 unless told otherwise, and lists folders."""

    async def test_a_file(self) -> None:
        port = PythonServer(self, self.folder).port
        response, body = await self.get(f"http://127.0.0.1:{port}/hello.txt")
        self.assertEqual((response.status, body), (200, b"hello\n"))
        self.assertEqual(response.fields.get(b"content-type"), b"text/plain")

    async def test_by_name(self) -> None:
        port = PythonServer(self, self.folder).port
        self.assertEqual((await self.get(f"http://localhost:{port}/hello.txt"))[1], b"hello\n")

    async def test_over_ipv6(self) -> None:
        try:
            port = PythonServer(self, self.folder, interface="::1").port
        except OSError:
            self.skipTest("no IPv6 loopback here")
        self.assertEqual((await self.get(f"http://[::1]:{port}/hello.txt"))[1], b"hello\n")

    async def test_a_redirection_to_the_folder(self) -> None:
        (self.folder / "sub").mkdir()
        port = PythonServer(self, self.folder).port
        response, body = await self.get(f"http://127.0.0.1:{port}/sub")
        self.assertEqual((response.status, response.url), (200, f"http://127.0.0.1:{port}/sub/"))
        self.assertIn(b"Directory listing", body)

    async def test_what_is_not_there(self) -> None:
        port = PythonServer(self, self.folder).port
        self.assertEqual((await self.get(f"http://127.0.0.1:{port}/none"))[0].status, 404)

    async def test_a_large_file_whole_and_in_order(self) -> None:
        data = b"".join(number.to_bytes(4, "big") for number in range(2_000_000))
        (self.folder / "large").write_bytes(data)
        port = PythonServer(self, self.folder).port
        _, body = await self.get(f"http://127.0.0.1:{port}/large")
        self.assertTrue(body == data, len(body))

    async def test_nobody_there(self) -> None:
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            url = f"http://127.0.0.1:{unused.getsockname()[1]}/"
            self.assertIn("connection refused", await self.refused(url, ConnectFailed))

    async def test_no_such_host(self) -> None:
        self.assertIn("no such host", await self.refused("http://nowhere.invalid/", ConnectFailed))
        self.assertIn("no such host", await self.refused("http://a..invalid/", ConnectFailed))


class OwnServerTests(FlowCase):
    """Ours with ours."""

    def serve(self, **settings: Any) -> str:
        tree = Tree(DocumentsSettings(root=self.folder))
        self.addCleanup(tree.close)
        made = HTTPSettings(section="http", listen=(Listen("tcp"),), **settings)
        shared = house(clock=reactor, documents=tree)
        self.addCleanup(shared.deadlines.stop)
        factory = http.factory(made, shared)
        listening = reactor.listenTCP(0, factory, interface="127.0.0.1")
        # The client first, so that the server's sessions are over when its port closes.
        self.addCleanup(listening.stopListening)
        self.addCleanup(self.client.close)
        return f"http://127.0.0.1:{listening.getHost().port}/"

    async def test_files_over_one_connection(self) -> None:
        url = self.serve()
        for _ in range(3):
            response, body = await self.get(url + "hello.txt")
            self.assertEqual((response.status, body), (200, b"hello\n"))
        self.assertEqual((await self.get(url + "none"))[0].status, 404)

    async def test_a_large_file(self) -> None:
        data = b"".join(number.to_bytes(4, "big") for number in range(1_000_000))
        (self.folder / "large").write_bytes(data)
        _, body = await self.get(self.serve() + "large")
        self.assertTrue(body == data, len(body))

    async def test_head_and_conditions(self) -> None:
        url = self.serve() + "hello.txt"
        response = await self.client.head(url)
        self.assertEqual((response.status, length_of(response.fields), await response.read(0)), (200, 6, b""))
        etag = validator(response.fields)
        assert etag is not None
        response = await self.client.get(url, {"If-None-Match": etag})
        self.assertEqual((response.status, await response.read(0)), (304, b""))

    async def test_the_rest_of_a_file(self) -> None:
        url = self.serve() + "hello.txt"
        etag = validator((await self.client.head(url)).fields)
        assert etag is not None
        response = await self.client.get(url, {"Range": "bytes=4-", "If-Range": etag})
        self.assertEqual((response.status, continues(response.fields, 4, etag, 6)), (206, 6))
        self.assertEqual(await response.read(100), b"o\n")
        response = await self.client.get(url, {"Range": "bytes=6-", "If-Range": etag})
        self.assertEqual((response.status, ends_at(response.fields, 6)), (416, True))
        await response.read(10_000)
        response = await self.client.get(url, {"Range": "bytes=4-", "If-Range": '"another"'})
        self.assertEqual((response.status, await response.read(100)), (200, b"hello\n"))

    async def test_a_listing_behind_a_redirection(self) -> None:
        (self.folder / "sub").mkdir()
        (self.folder / "sub" / "leaf").write_bytes(b"")
        url = self.serve(listing=True)
        response, body = await self.get(url + "sub")
        self.assertEqual((response.status, response.url), (200, url + "sub/"))
        self.assertIn(b"leaf", body)


class Chatty(BaseHTTPRequestHandler):
    """HTTP/1.1 with chunks, octet by octet."""

    protocol_version = "HTTP/1.1"
    connections: set[Any]

    def do_GET(self) -> None:
        self.connections.add(self.client_address)
        answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n"
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for octet in answer:
            self.connection.sendall(bytes([octet]))

    def log_message(self, *arguments: object) -> None:
        pass


class KeptTests(FlowCase):
    async def test_several_requests_over_one_connection(self) -> None:
        seen: set[Any] = set()
        handler = type("Counted", (Chatty,), {"connections": seen})
        port = PythonServer(self, self.folder, handler=handler).port
        for _ in range(3):
            self.assertEqual((await self.get(f"http://127.0.0.1:{port}/"))[1], b"hello")
        self.assertEqual(len(seen), 1)


class BackPressureTests(FlowCase):
    async def test_the_server_waits_for_the_reader(self) -> None:
        """A server that writes as fast as it can stands still while nobody reads, and the client's memory too."""
        whole = 200_000_000
        listening = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(listening.close)
        stalled = threading.Event()

        def serve() -> int:
            connection, _ = listening.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % whole)
                connection.settimeout(0.5)
                sent = 0
                try:
                    while sent < whole:
                        sent += connection.send(bytes(65536))
                except OSError:
                    stalled.set()
                return sent

        serving = deferToThread(serve)
        response = await self.client.get(f"http://127.0.0.1:{listening.getsockname()[1]}/")
        sent = await serving
        self.assertTrue(stalled.is_set())
        self.assertLess(sent, whole // 4)
        with self.assertRaises(Broken):
            await response.read(whole)


class TLSTests(FlowCase):
    def serve(self, *names: str, days: int = 30) -> str:
        self.pem = certificate(Path(self.mktemp()), *names, days=days)
        return f"https://127.0.0.1:{PythonServer(self, self.folder, certificate=self.pem).port}/hello.txt"

    def trusting(self) -> Client:
        return self.made(trust=Trust(self.pem))

    async def test_a_certificate_that_is_trusted(self) -> None:
        url = self.serve("127.0.0.1", "localhost")
        client = self.trusting()
        self.assertEqual((await self.get(url, client))[1], b"hello\n")
        self.assertEqual((await self.get(url.replace("127.0.0.1", "localhost"), client))[1], b"hello\n")

    async def test_one_that_is_not(self) -> None:
        self.assertIn("certificate is not trusted", await self.refused(self.serve("127.0.0.1"), TLSFailed))

    async def test_one_of_another_host(self) -> None:
        for names in (("other.example",), ("127.0.0.2",)):
            url = self.serve(*names)
            self.assertIn("belongs to another host", await self.refused(url, TLSFailed, self.trusting()))

    async def test_one_that_has_expired(self) -> None:
        url = self.serve("127.0.0.1", days=-1)
        self.assertIn("expired", await self.refused(url, TLSFailed, self.trusting()))

    async def test_insecure_takes_them_all(self) -> None:
        for url in (self.serve("other.example"), self.serve("127.0.0.1", days=-1)):
            client = self.made(verify=False)
            self.assertEqual((await self.get(url, client))[1], b"hello\n")
            self.assertEqual((await self.get(url.replace("127.0.0.1", "localhost"), client))[1], b"hello\n")

    async def test_no_tls_there(self) -> None:
        port = PythonServer(self, self.folder).port
        self.assertIn("speaks no TLS", await self.refused(f"https://127.0.0.1:{port}/", TLSFailed))

    async def test_a_server_that_hangs_up(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listening:

            def serve() -> None:
                connection, _ = listening.accept()
                connection.recv(10)
                connection.close()

            serving = deferToThread(serve)
            url = f"https://127.0.0.1:{listening.getsockname()[1]}/"
            await self.refused(url, TLSFailed)
            await serving

    async def test_a_handshake_that_never_ends(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listening:
            url = f"https://127.0.0.1:{listening.getsockname()[1]}/"
            client = self.made(timeouts=Timeouts(connect=0.1))
            self.assertIn("within 0.1 s", await self.refused(url, ConnectFailed, client))

    async def test_a_body_until_close_needs_the_close_notify(self) -> None:
        """Without it anybody on the way could have ended the body."""
        self.pem = certificate(Path(self.mktemp()), "127.0.0.1")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.pem)
        for polite in (True, False):
            with socket.create_server(("127.0.0.1", 0)) as listening:

                def serve(listening: socket.socket = listening, polite: bool = polite) -> None:
                    plain, _ = listening.accept()
                    with context.wrap_socket(plain, server_side=True) as connection:
                        connection.recv(65536)
                        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\nhello")
                        if polite:
                            connection.unwrap()

                serving = deferToThread(serve)
                url = f"https://127.0.0.1:{listening.getsockname()[1]}/"
                if polite:
                    self.assertEqual((await self.get(url, self.trusting()))[1], b"hello")
                else:
                    await self.refused(url, Broken, self.trusting())
                await serving
