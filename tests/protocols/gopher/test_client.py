"""The client against a server whose every octet is the test's, and against our own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet import reactor as _reactor
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from netdaemon.protocols.gopher.client import (
    OTHERS_PORTS,
    BadURL,
    Broken,
    Client,
    ConnectFailed,
    Failed,
    Item,
    NotPlus,
    Refused,
    Timeouts,
    TLSFailed,
    TooLarge,
    decoded,
    plain,
)
from netdaemon.protocols.gopher.client.plain import send_selector

reactor: Any = _reactor
HOST = "127.0.0.1"


class Scripted(Protocol):
    """Answers its one line, and closes if the test says so."""

    def __init__(self, server: Scripts) -> None:
        self._server = server
        self._data = b""

    def dataReceived(self, data: bytes) -> None:
        transport: Any = self.transport
        self._data += data
        if self._data.endswith(b"\n") or self._data[:1] == b"\x16":
            self._server.heard.append(self._data)
            transport.write(self._server.answer(self._data))
            if self._server.closes:
                transport.loseConnection()
            elif self._server.aborts:
                transport.abortConnection()


class Scripts:
    def __init__(self, test: TestCase, answer: Callable[[bytes], bytes]) -> None:
        self.answer = answer
        self.heard: list[bytes] = []
        self.closes, self.aborts = True, False
        listening = reactor.listenTCP(0, Factory.forProtocol(lambda: Scripted(self)), interface=HOST)
        self.port = int(listening.getHost().port)
        test.addCleanup(listening.stopListening)


class ClientTests(TestCase):
    def setUp(self) -> None:
        self.answer = b""
        self.server = Scripts(self, lambda line: self.answer)
        self.port = self.server.port

    def client(self, **options: Any) -> Client:
        client = Client(reactor, **options)
        self.addCleanup(lambda: Deferred.fromCoroutine(client.close()))
        return client

    async def test_directories(self) -> None:
        self.answer = b"iHello\t\tnull\t1\r\n0Spam\t/s\tspam.egg\t70\t+\r\n1Egg\t\tegg\t71\r\nbad line\r\n.\r\n"
        items = await self.client().get_directory("/x", HOST, self.port)
        self.assertEqual(self.server.heard, [b"/x\r\n"])
        self.assertEqual(
            items,
            [("i", "Hello", "", "null", 1, ()), ("0", "Spam", "/s", "spam.egg", 70, ("+",)),
             ("1", "Egg", "", "egg", 71, ()), ("i", "bad line", "", "", 0, ())],
        )  # fmt: skip
        self.assertEqual(await deferToThread(plain.get_directory, "/x", HOST, self.port), items)

    async def test_searches(self) -> None:
        self.answer = b".\r\n"
        self.assertEqual(await self.client().search("sp\u00e4m egg", "/s", HOST, self.port), [])
        self.assertEqual(await deferToThread(plain.get_directory, "/s", HOST, self.port, search="x"), [])
        self.assertEqual(self.server.heard, ["/s\tsp\u00e4m egg\r\n".encode(), b"/s\tx\r\n"])

    async def test_files(self) -> None:
        self.answer = b"one\r\n..two\r\n.\r\n"
        for kind, wanted in (("0", b"one\n.two\n"), ("9", self.answer), ("h", self.answer), ("I", self.answer)):
            self.assertEqual(await self.client().get_file("/s", HOST, self.port, type=kind), wanted)
            self.assertEqual(await deferToThread(plain.get_file, "/s", HOST, self.port, type=kind), wanted)

    async def test_refusals(self) -> None:
        self.answer = b"3Not \x1b[1mhere\t\terror.host\t1\r\n.\r\n"
        client = self.client()
        for asked in (client.get_file("/s", HOST, self.port), client.get_directory("/s", HOST, self.port)):
            with self.assertRaisesRegex(Refused, r"\ANot \[1mhere\Z"):
                await asked
        await self.assertFailure(deferToThread(plain.get_file, "/s", HOST, self.port), Refused)
        # a menu, or a text, that has more in it is none
        self.answer = b"3No\t\te\t1\r\n0Spam\t/s\th\t70\r\n.\r\n"
        self.assertEqual([item.type for item in await client.get_directory("/s", HOST, self.port)], ["3", "0"])

    async def test_octets_as_they_come(self) -> None:
        self.answer = bytes(range(256)) * 4096
        answer = await self.client().send_selector(b"/caf\xe9", HOST, self.port)
        self.assertEqual(await answer.read(1 << 20), self.answer)
        self.assertEqual(self.server.heard, [b"/caf\xe9\r\n"])
        self.assertEqual(await deferToThread(send_selector, "/caf\udce9", HOST, self.port), self.answer)

    async def test_decoding_on_the_way(self) -> None:
        for kind, sent, wanted in (
            ("0", b"a\r\n" * 100_000 + b".\r\n", b"a\n" * 100_000),
            ("0", b"3 pints\r\n.\r\n", b"3 pints\n"),
            ("0", b"", b""),
            ("9", b"\0.\r\n", b"\0.\r\n"),
            ("1", b"0a\tb\tc\t1\r\n.\r\n", b"0a\tb\tc\t1\r\n.\r\n"),
        ):
            self.answer = sent
            answer = await self.client().send_selector("/", HOST, self.port)
            self.assertEqual(b"".join([data async for data in decoded(answer, kind)]), wanted)
        self.answer = b"3gone\t\te\t1\r\n.\r\n"
        with self.assertRaisesRegex(Refused, "gone"):
            async for _ in decoded(await self.client().send_selector("/", HOST, self.port), "9"):
                self.fail("nothing is to come of it")

    async def test_limits(self) -> None:
        self.answer = b"x" * 1001
        client = self.client(limit=1000)
        for asked in (client.get_file("/", HOST, self.port), client.get_directory("/", HOST, self.port)):
            with self.assertRaises(TooLarge):
                await asked
        await self.assertFailure(deferToThread(lambda: send_selector("/", HOST, self.port, limit=1000)), TooLarge)
        self.answer = b"x" * 1000
        self.assertEqual(len(await client.get_file("/", HOST, self.port)), 1000)

    async def test_time(self) -> None:
        self.answer = b"some"
        self.server.closes = False
        client = self.client(timeouts=Timeouts(stall=0.05))
        with self.assertRaisesRegex(Broken, "nothing came for 0.05 s"):
            await client.get_file("/", HOST, self.port)
        await self.assertFailure(deferToThread(lambda: send_selector("/", HOST, self.port, timeout=0.05)), Broken)

    async def test_an_end_that_is_none(self) -> None:
        self.answer = b"some"
        self.server.closes, self.server.aborts = False, True
        with self.assertRaises(Broken):
            await self.client().get_file("/", HOST, self.port, type="9")
        await self.assertFailure(deferToThread(plain.get_file, "/", HOST, self.port), Broken)

    async def test_cancelling(self) -> None:
        self.server.closes = False
        client = self.client()
        asking = Deferred.fromCoroutine(client.get_file("/", HOST, self.port))
        reactor.callLater(0.02, asking.cancel)
        with self.assertRaises(CancelledError):
            await asking
        await client.close()

    async def test_connections(self) -> None:
        closed = reactor.listenTCP(0, Factory(), interface=HOST)
        port = closed.getHost().port
        await closed.stopListening()
        with self.assertRaisesRegex(ConnectFailed, f"{HOST} port {port}: connection refused"):
            await self.client().get_file("/", HOST, port)
        await self.assertFailure(deferToThread(plain.get_file, "/", HOST, port), ConnectFailed)
        with self.assertRaises(TLSFailed):
            await self.client().get_file("/", HOST, self.port, secure=True)
        for host in ("a b", "", "x" * 300):
            with self.assertRaises(ConnectFailed):
                await self.client().get_file("/", host, self.port)

    async def test_nobody_is_asked(self) -> None:
        client = self.client(refused_ports=OTHERS_PORTS | {self.port})
        for port in (25, 6379, self.port, 0, 65536, -1):
            with self.assertRaises(BadURL):
                await client.get_file("/", HOST, port)
        for selector in ("/a\r\nRSET", "/a\n", "/a\tb", "/\0", "x" * 9000):
            with self.assertRaises(BadURL):
                await client.send_selector(selector, HOST, self.port)
            with self.assertRaises(BadURL):
                send_selector(selector, HOST, self.port)
            with self.assertRaises(BadURL):
                await client.search(selector, "/", HOST, self.port)
        with self.assertRaises(BadURL):
            await client.open("gopher://127.0.0.1/0a%0d%0ab")
        self.assertEqual(self.server.heard, [])
        self.assertNotIn(70, OTHERS_PORTS)

    async def test_urls(self) -> None:
        self.answer = b"x"
        answer = await self.client().open(f"gopher://{HOST}:{self.port}/7/a%20b%09c%09%2B")
        self.assertEqual(await answer.read(10), b"x")
        self.assertEqual(self.server.heard, [b"/a b\tc\t+\r\n"])

    async def test_gopher_plus(self) -> None:
        client = self.client()
        self.answer = b"+-1\r\n+INFO: 0Spam\t/s\th\t70\t+\r\n+VIEWS:\r\n text/plain: <1k>\r\n.\r\n"
        one = await client.get_attributes("/s", HOST, self.port, names=["VIEWS"])
        self.assertEqual((one.item, one.views[0].media), (Item("0", "Spam", "/s", "h", 70, ("+",)), "text/plain"))
        self.assertEqual(len(await client.get_all_attributes("/", HOST, self.port)), 1)
        self.assertEqual(self.server.heard, [b"/s\t!+VIEWS\r\n", b"/\t$\r\n"])
        for self.answer, wanted in (
            (b"+-1\r\none\r\n..\r\n.\r\n", b"one\n.\n"),
            (b"+-2\r\n\0\r\n", b"\0\r\n"),
            (b"+3\r\n\0\1\2rest", b"\0\1\2"),
        ):
            self.assertEqual(await client.get_view("/s", HOST, self.port, media="text/plain"), wanted)
        self.assertEqual(self.server.heard[-1], b"/s\t+text/plain\r\n")
        for self.answer, error in ((b"--1\r\n1 Gone away\r\n.\r\n", Refused), (b"0a\tb\tc\t1\r\n", NotPlus),
                                   (b"+9\r\nshort", Broken), (b"", NotPlus)):  # fmt: skip
            with self.assertRaises(error):
                await client.get_view("/s", HOST, self.port)
        with self.assertRaises(Failed):
            await client.get_view("/s", HOST, self.port, media="a\r\nb")
