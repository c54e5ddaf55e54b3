"""The HTTP server over real sockets, asked by the standard library, by curl and by hand."""

from __future__ import annotations

import email.parser
import email.policy
import http.client
import os
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from shutil import which
from typing import Any, TypeVar

from twisted.internet import reactor
from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import SkipTest, TestCase

from netdaemon.config.settings import DocumentsSettings
from netdaemon.documents.tree import Tree
from netdaemon.protocols.http import HTTPSettings
from netdaemon.protocols.http import http as kind
from tests.kit.house import house

T = TypeVar("T")
BIG = os.urandom(1 << 20) * 3
PATIENCE = 30.0


class HTTPFlowTests(TestCase):
    def setUp(self) -> None:
        self.top = Path(self.mktemp()).resolve()
        (self.top / "folder").mkdir(parents=True)
        (self.top / "hello.txt").write_bytes(b"hello\n")
        (self.top / "big").write_bytes(BIG)
        (self.top / "folder" / "a b.txt").write_bytes(b"a b")
        # This module's clock is the real one: it stands on an entry point's side.
        clock: Any = reactor
        tree = Tree(DocumentsSettings(root=self.top), clock)
        self.addCleanup(tree.close)
        self.house = house(clock, documents=tree, wall=time.time)
        self.addCleanup(self.house.deadlines.stop)
        settings = HTTPSettings(section="http", listen=(), listing=True)
        self.gone: list[Deferred[None]] = []
        self.addCleanup(lambda: DeferredList(self.gone))
        port = clock.listenTCP(0, self.watched(kind.factory(settings, self.house)), interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        self.port: int = port.getHost().port

    def watched(self, factory: Any) -> Any:
        """``factory``, its sessions noted in ``self.gone``: a test ends when each has heard that its peer went."""
        build = factory.buildProtocol

        def build_watched(address: Any) -> Any:
            session = build(address)
            lost, gone = session.connectionLost, Deferred[None]()
            session.connectionLost = lambda reason: (lost(reason), gone.callback(None))
            self.gone.append(gone)
            return session

        factory.buildProtocol = build_watched
        return factory

    async def away(self, work: Callable[[], T]) -> T:
        """Blocking work in a thread, while the server works here."""
        return await deferToThread(work)

    async def test_http_client(self) -> None:
        def work() -> None:
            client = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
            for path, body in (("/hello.txt", b"hello\n"), ("/big", BIG), ("/folder/a%20b.txt", b"a b")):
                client.request("GET", path)
                reply = client.getresponse()
                self.assertEqual((reply.status, reply.read()), (200, body))
            own = client.sock
            client.request("HEAD", "/big")
            reply = client.getresponse()
            self.assertEqual((reply.headers["Content-Length"], reply.read()), (str(len(BIG)), b""))
            tag = reply.headers["ETag"]
            client.request("GET", "/big", headers={"If-None-Match": tag})
            reply = client.getresponse()
            self.assertEqual((reply.status, reply.read()), (304, b""))
            client.request("GET", "/big", headers={"Range": "bytes=1000000-2000000", "If-Range": tag})
            reply = client.getresponse()
            self.assertEqual((reply.status, reply.read()), (206, BIG[1000000:2000001]))
            client.request("POST", "/hello.txt", iter([b"some", b"body"]))
            reply = client.getresponse()
            self.assertEqual(reply.status, 405)
            reply.read()
            client.request("GET", "/folder")
            reply = client.getresponse()
            self.assertEqual((reply.status, reply.headers["Location"]), (301, "/folder/"))
            reply.read()
            client.request("GET", "/folder/")
            self.assertIn(b'href="a%20b.txt"', client.getresponse().read())
            self.assertIs(client.sock, own, "the connection was not kept")
            client.close()

        await self.away(work)
        self.assertEqual(self.house.measure.errors, 0)

    async def test_several_ranges_as_the_standard_library_reads_them(self) -> None:
        def work() -> None:
            client = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
            client.request("GET", "/big", headers={"Range": "bytes=0-9,1000-200000,-5"})
            reply = client.getresponse()
            head = b"Content-Type: " + reply.headers["Content-Type"].encode() + b"\r\n\r\n"
            message = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(head + reply.read())
            bodies = [part.get_payload(decode=True) for part in message.get_payload()]  # type: ignore[union-attr]
            self.assertEqual(bodies, [BIG[:10], BIG[1000:200001], BIG[-5:]])
            client.close()

        await self.away(work)

    async def test_curl(self) -> None:
        curl = which("curl")
        if curl is None:
            raise SkipTest("curl is not installed")
        base = f"http://127.0.0.1:{self.port}"

        def run(*arguments: str) -> bytes:
            command = [curl, "-sS", "--max-time", str(PATIENCE), *arguments]
            return subprocess.run(command, capture_output=True, check=True, timeout=2 * PATIENCE).stdout

        def work() -> None:
            self.assertEqual(
                run(f"{base}/hello.txt", f"{base}/big", f"{base}/hello.txt"), b"hello\n" + BIG + b"hello\n"
            )
            self.assertEqual(run("-r", "5-9", f"{base}/big"), BIG[5:10])
            self.assertEqual(
                run("-L", "-w", "%{num_redirects}", "-H", "Accept: text/plain", f"{base}/folder")[-1:], b"1"
            )
            self.assertEqual(run("-0", f"{base}/hello.txt"), b"hello\n")
            # A body of this size makes curl wait for "100 Continue".
            form = run("-T", str(self.top / "big"), "-w", "%{http_code}", "-o", os.devnull, f"{base}/new")
            self.assertEqual(form, b"401")
            self.assertEqual(
                run("--path-as-is", "-w", "%{http_code}", "-o", os.devnull, f"{base}/../../etc/passwd"), b"400"
            )
            self.assertEqual(run("-I", "-w", "%{http_code}", "-o", os.devnull, f"{base}/none"), b"404")

        await self.away(work)
        self.assertFalse((self.top / "new").exists())

    def talk(self, data: bytes, end: bool = False) -> bytes:
        """All that comes back until the server closes."""
        with socket.create_connection(("127.0.0.1", self.port), PATIENCE) as client:
            client.sendall(data)
            if end:
                client.shutdown(socket.SHUT_WR)
            received = b""
            while part := client.recv(65536):
                received += part
            return received

    async def test_a_client_that_ends_its_side_first(self) -> None:
        request = b"GET /big HTTP/1.1\r\nHost: a\r\n\r\n"
        received = await self.away(lambda: self.talk(request + request.replace(b"big", b"hello.txt"), end=True))
        self.assertIn(BIG, received)
        self.assertTrue(received.endswith(b"\r\n\r\nhello\n"))

    async def test_a_refusal_reaches_a_client_that_still_sends(self) -> None:
        # Closing with octets unread would reset the connection and lose the answer.
        request = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9999999\r\n\r\n" + bytes(300_000)
        received = await self.away(lambda: self.talk(request))
        self.assertTrue(received.startswith(b"HTTP/1.1 413 "), received[:100])
        received = await self.away(lambda: self.talk(b"GET / HTTP/1.1\r\nHost: a@b\r\n\r\n" + bytes(300_000)))
        self.assertTrue(received.startswith(b"HTTP/1.1 400 "), received[:100])

    async def test_pipelining(self) -> None:
        request = b"GET /hello.txt HTTP/1.1\r\nHost: a\r\n\r\n"
        last = b"GET /big HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
        received = await self.away(lambda: self.talk(request * 1000 + last))
        self.assertEqual(received.count(b"HTTP/1.1 200 OK\r\n"), 1001)
        self.assertTrue(received.endswith(BIG))

    async def test_a_client_that_goes_in_the_middle(self) -> None:
        def work() -> None:
            for _ in range(5):
                with socket.create_connection(("127.0.0.1", self.port), PATIENCE) as client:
                    client.sendall(b"GET /big HTTP/1.1\r\nHost: a\r\n\r\n")
                    client.recv(1000)
            # Answered only when the ones before are dealt with
            self.assertIn(b"hello\n", self.talk(b"GET /hello.txt HTTP/1.0\r\n\r\n"))

        await self.away(work)
        self.assertEqual(self.house.measure.errors, 0)
        self.assertEqual(self.flushLoggedErrors(), [])
