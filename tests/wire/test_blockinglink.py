"""The line client on a blocking socket: lines within their limits, requests whole, and every way it can go wrong."""

from __future__ import annotations

import socket
import threading
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from netdaemon.wire.blocking import Stream, run
from netdaemon.wire.blockinglink import BlockingLink, reach
from netdaemon.wire.failures import ConnectFailed, TLSFailed
from netdaemon.wire.lineclient import ConnectionLost, ProtocolError, Timeout
from netdaemon.wire.reaching import Timeouts
from netdaemon.wire.tlsclient import Trust
from netdaemon.wire.transcript import Transcript


class PageLink(BlockingLink[bytes]):
    max_line = 20


class Here:
    """A link, and the server's end of its connection, which has said ``said`` and takes no more."""

    def __init__(self, said: bytes = b"", answer: float = 0.0, closed: bool = False) -> None:
        ours, self.server = socket.socketpair()
        self.lines: list[str] = []
        self.link = PageLink(Stream(ours), Timeouts(answer=answer), Transcript(self.lines.append))
        self.server.sendall(said)
        if closed:
            self.server.shutdown(socket.SHUT_WR)

    def ask(self, line: bytes, secret: int | None = None) -> bytes:
        async def asked() -> bytes:
            async with self.link.alone():
                self.link.say(line, secret=secret)
                return await self.link.reply()

        return run(asked())

    def close(self) -> None:
        run(self.link.close())
        self.server.close()


class BlockingLinkTests(SynchronousTestCase):
    def here(self, said: bytes = b"", *, closed: bool = False) -> Here:
        made = Here(said, closed=closed)
        self.addCleanup(made.close)
        return made

    def test_requests(self) -> None:
        here = self.here(b"200 hello\r\n200 \xe9\r\n200 in\r\n")
        run(here.link.greet())
        self.assertEqual(here.link.greeting, b"200 hello")
        self.assertEqual(here.ask(b"NOOP"), b"200 \xe9")
        self.assertEqual(here.ask(b"PASS trustno1", secret=1), b"200 in")
        self.assertEqual(here.server.recv(1000), b"NOOP\r\nPASS trustno1\r\n")
        self.assertEqual([line[:3] for line in here.lines], ["S: ", "C: ", "S: ", "C: ", "S: "])
        self.assertNotIn("trustno1", "".join(here.lines))
        self.assertEqual((here.link.secure, here.link.gone, here.link.bindings()), (False, False, {}))

    def test_commands_at_once(self) -> None:
        here = self.here()
        here.link.say_all([b"a", b"b"])
        self.assertEqual(here.server.recv(1000), b"a\r\nb\r\n")

    def test_no_argument_becomes_a_command(self) -> None:
        here = self.here()
        for line in (b"a\rb", b"a\nb", b"a\0b"):
            self.assertRaises(ValueError, here.link.say_all, [b"fine", line])
        here.link.say(b"end")
        self.assertEqual(here.server.recv(1000), b"end\r\n")

    def test_the_limit(self) -> None:
        self.assertEqual(self.here(b"x" * 18 + b"\r\n").ask(b""), b"x" * 18)
        for said in (b"x" * 19 + b"\r\n", b"x" * 21):
            here = self.here(said)
            self.assertRaises(ProtocolError, here.ask, b"")
            self.assertTrue(here.link.gone)

    def test_flaws(self) -> None:
        for said in (b"a\nb\r\n", b"a\rb\r\n", b"a\0b\r\n"):
            here = self.here(said + b"200\r\n")
            self.assertRaises(ProtocolError, here.ask, b"")
            self.assertTrue(here.link.gone)

    def test_too_slow(self) -> None:
        here = self.here(b"200 begun")
        self.assertRaises(Timeout, here.ask, b"")
        self.assertTrue(here.link.gone)
        self.assertRaises(ConnectionLost, here.ask, b"")

    def test_closed_by_the_server(self) -> None:
        here = self.here(b"200 begun", closed=True)
        error = self.assertRaises(ConnectionLost, here.ask, b"")
        self.assertNotIsInstance(error, Timeout)
        self.assertTrue(here.link.gone)

    def test_a_server_that_takes_nothing(self) -> None:
        here = self.here()
        self.assertRaises(Timeout, here.link.write, bytes(16 * 1024 * 1024), 0.0)

    def test_what_is_there_now(self) -> None:
        here = self.here(b"ab")
        self.assertEqual([here.link.read(), here.link.read()], [b"ab", b""])

    def test_bytes_in_clear_before_tls(self) -> None:
        here = self.here(b"220 go on\r\n250 injected\r\n")
        self.assertEqual(here.ask(b"STARTTLS"), b"220 go on")
        with self.assertRaises(ProtocolError):
            run(here.link.start_tls(None))
        self.assertTrue(here.link.gone)

    @given(st.lists(st.binary(max_size=18).filter(lambda text: not set(b"\r\n\0") & set(text)), max_size=5))
    def test_byte_by_byte_and_whole(self, texts: list[bytes]) -> None:
        sent = b"".join(text + b"\r\n" for text in texts) + b"rest"
        for step in (1, len(sent)):
            here = Here()
            came = []
            for at in range(0, len(sent), step):
                here.server.sendall(sent[at : at + step])
                here.link._unread += here.link.read()
                while (line := here.link.next_line()) is not None:
                    came.append(line)
            self.assertEqual((came, bytes(here.link._unread)), (texts, b"rest"))
            here.close()


class ReachingTests(SynchronousTestCase):
    """With a server on a port of its own, which says one thing to one client and then waits for its end."""

    def reach(self, said: bytes, tls: Any = None) -> PageLink:
        listening = socket.create_server(("127.0.0.1", 0))

        def serve() -> None:
            with listening.accept()[0] as peer:
                peer.sendall(said)
                try:
                    while peer.recv(1000):
                        pass
                except ConnectionResetError:
                    pass

        server = threading.Thread(target=serve)
        server.start()
        self.addCleanup(server.join)
        self.addCleanup(listening.close)
        return reach(PageLink, "127.0.0.1", listening.getsockname()[1], tls, Timeouts())

    def test_greeted(self) -> None:
        link = self.reach(b"200 hello\r\n")
        self.assertEqual(link.greeting, b"200 hello")
        run(link.close())

    def test_dropped_when_it_is_not_greeted(self) -> None:
        self.assertRaises(ProtocolError, self.reach, b"x" * 100)

    def test_no_tls_there(self) -> None:
        self.assertRaises(TLSFailed, self.reach, b"200 hello\r\n" * 10, lambda: Trust().client("127.0.0.1"))

    def test_nobody_listens(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as gone:
            port = gone.getsockname()[1]
        self.assertRaises(ConnectFailed, reach, PageLink, "127.0.0.1", port, None, Timeouts())
