"""The Gopher server as it is started, asked by the programs that people have."""

from __future__ import annotations

import os
import pty
import re
import select
import subprocess
import time
from pathlib import Path
from typing import Any

from twisted.internet import reactor as _reactor
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from netdaemon.protocols.gopher.client import Client, Refused
from netdaemon.protocols.gopher.grammar.menu import parse_menu
from tests.kit.caller import call
from tests.kit.daemon import Daemon
from tests.kit.programs import needs

reactor: Any = _reactor

HOST = "127.0.0.1"
LOCAL = "interface=127.0.0.1"
INI = f"""[netdaemon]
hostname = localhost
[documents]
root = {{root}}
[gopher]
listen = tcp:0:{LOCAL} tls:0:{LOCAL}
admin = Fox Mulder <mulder@spam.egg>
"""
PATIENCE = 30.0


class GopherFlow(TestCase):
    """A daemon over a tree with something of everything in it."""

    ini = INI

    async def started(self) -> Daemon:
        self.top = Path(self.mktemp()).absolute()
        (self.top / "poems").mkdir(parents=True)
        (self.top / "poems" / "time.txt").write_text("Time\n.flies\nlike an arrow\n")
        (self.top / "poems" / "time.txt.abstract").write_text("On flight.\n")
        (self.top / "spam.txt").write_text("Spam, spam\n")
        self.picture = b"\x89PNG\r\n\x1a\n" + os.urandom(300_000)
        (self.top / "cat.jpg").write_bytes(self.picture)
        (self.top / "page.html").write_text("<!DOCTYPE html><title>x</title><p>Hello\n")
        (self.top / "menu").mkdir()
        (self.top / "menu" / "gophermap").write_text(
            "!The menu\nEggs and\n0Spam\t/spam.txt\nhWeb\tURL:http://a.egg/\n*\n"
        )
        daemon = Daemon(self, self.ini.format(root=self.top))
        await daemon.start()
        self.port, self.tls_port = daemon.port("gopher"), daemon.port("gopher", "tls")
        return daemon

    async def output(self, *command: str) -> bytes:
        done = await deferToThread(
            lambda: subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE)
        )
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout


class ProgramTests(GopherFlow):
    async def test_curl(self) -> None:
        curl = needs(self, "curl")
        await self.started()
        base = f"gopher://localhost:{self.port}"
        menu = parse_menu(await self.output(curl, "-sS", f"{base}/"))
        self.assertIn(("1", "/poems", "localhost", self.port), [(item.type, *item[2:5]) for item in menu])
        self.assertEqual(
            await self.output(curl, "-sS", f"{base}/0/poems/time.txt"), b"Time\r\n..flies\r\nlike an arrow\r\n.\r\n"
        )
        self.assertEqual(await self.output(curl, "-sS", f"{base}/I/cat.jpg"), self.picture)
        found = parse_menu(await self.output(curl, "-sS", f"{base}/7/%09arrow"))
        self.assertEqual([item.selector for item in found], ["/poems/time.txt"])
        self.assertIn(
            b"\r\n+ABSTRACT:\r\n On flight.\r\n", await self.output(curl, "-sS", f"{base}/0/poems/time.txt%09!")
        )
        secure = f"gophers://localhost:{self.tls_port}"
        self.assertEqual(await self.output(curl, "-sSk", f"{secure}/I/cat.jpg"), self.picture)
        menu = parse_menu(await self.output(curl, "-sSk", f"{secure}/"))
        self.assertIn(("0", "/spam.txt", "localhost", self.tls_port), [(item.type, *item[2:5]) for item in menu])
        refused = await self.output(curl, "-sS", "-w", "%{http_code}", f"http://localhost:{self.port}/")
        self.assertIn(b"This is a Gopher server", refused)
        self.assertTrue(refused.endswith(b"400"))

    async def test_lynx(self) -> None:
        lynx = needs(self, "lynx")
        await self.started()
        base = f"gopher://localhost:{self.port}"
        page = (await self.output(lynx, "-dump", f"{base}/1/")).decode()
        self.assertRegex(page, r"\(DIR\) \[\d+\]poems")
        self.assertIn(f"{base}/0/spam.txt", page)
        page = (await self.output(lynx, "-dump", f"{base}/1/menu")).decode()
        self.assertRegex(page, r"The menu\n.*Eggs and\n")
        self.assertRegex(page, r"\(FILE\) \[1\]Spam")
        self.assertIn(b"like an arrow", await self.output(lynx, "-dump", f"{base}/0/poems/time.txt"))
        self.assertIn(b"Hello", await self.output(lynx, "-dump", f"{base}/h/page.html"))
        self.assertIn(b"http://a.egg/", await self.output(lynx, "-dump", f"{base}/hURL:http://a.egg/"))
        self.assertEqual(await self.output(lynx, "-source", f"{base}/I/cat.jpg"), self.picture)

    async def test_w3m(self) -> None:
        w3m = needs(self, "w3m")
        await self.started()
        base = f"gopher://localhost:{self.port}"
        page = (await self.output(w3m, "-dump", f"{base}/1/")).decode()
        self.assertRegex(page, r"\[directory\] poems")
        self.assertRegex(page, r"\[text file\] spam.txt")
        self.assertIn(b"like an arrow", await self.output(w3m, "-dump", f"{base}/0/poems/time.txt"))
        self.assertIn(b"Hello", await self.output(w3m, "-dump", f"{base}/h/page.html"))

    async def test_the_gopher_client_of_minnesota(self) -> None:
        gopher = needs(self, "gopher")
        await self.started()
        home = self.mktemp()
        Path(home).mkdir(parents=True)

        def walk() -> str:
            with Terminal([gopher, "localhost", str(self.port)], HOME=home, PAGER="cat") as terminal:
                terminal.until("Press RETURN")
                terminal.send("\r")
                terminal.until(r"Search\s+<\?>")
                terminal.send("5\r")  # it counts its welcome in: menu, poems, cat.jpg come first
                terminal.until("Spam, spam|q.*to Quit.*Spam")
                terminal.send("q")
                return terminal.seen

        seen = await deferToThread(walk)
        for name in ("menu", "poems", "cat.jpg", "page.html <HTML>", "Search <?>"):
            self.assertIn(name, re.sub(r"\s+", " ", seen))


class Terminal:
    """A program that wants a terminal, and what it has written there, without its escape sequences."""

    def __init__(self, command: list[str], **environment: str) -> None:
        self.seen = ""
        self.fd, theirs = pty.openpty()
        self._process = subprocess.Popen(
            command,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
            env={**os.environ, "TERM": "vt100", "LINES": "40", "COLUMNS": "120", **environment},
        )
        os.close(theirs)

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *ignored: object) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self.fd)

    def send(self, keys: str) -> None:
        os.write(self.fd, keys.encode())

    def ended(self) -> int:
        """Wait until it has ended: its exit status."""
        return self._process.wait(PATIENCE)

    def until(self, pattern: str) -> None:
        """Wait until it has written something new that matches."""
        start, end = len(self.seen), time.monotonic() + PATIENCE
        raw = b""
        while not re.search(pattern, self.seen[start:], re.DOTALL):
            if time.monotonic() > end:
                raise AssertionError(f"no {pattern!r} in {self.seen[start:]!r}")
            if select.select([self.fd], [], [], 0.1)[0]:
                try:
                    raw += os.read(self.fd, 65536)
                except OSError:
                    raise AssertionError(f"it ended before {pattern!r}, after {self.seen!r}") from None
                text = re.sub(r"\x1b(?:\[[0-9;?]*[A-Za-z]|[()][A-Z0-9]|[=>78])", " ", raw.decode("utf-8", "replace"))
                self.seen = self.seen[:start] + text


class ServerTests(GopherFlow):
    def client(self, **options: Any) -> Client:
        client = Client(reactor, **options)
        self.addCleanup(lambda: Deferred.fromCoroutine(client.close()))
        return client

    async def test_our_own_client(self) -> None:
        daemon = await self.started()
        for client, port, secure in (
            (self.client(), self.port, False),
            (self.client(verify=False), self.tls_port, True),
        ):
            items = await client.get_directory("", "localhost", port, secure=secure)
            for item in items:
                if item.type in "01I" and item.leads_on:
                    await client.get_file(item.selector, item.host, item.port, type=item.type, secure=secure)
            text = await client.get_file("0/poems/time.txt", HOST, port, secure=secure)
            self.assertEqual(text, (self.top / "poems" / "time.txt").read_bytes())
            self.assertEqual(await client.get_file("/cat.jpg", HOST, port, type="I", secure=secure), self.picture)
            (found,) = await client.search("like arrow", "/", HOST, port, secure=secure)
            self.assertEqual(found.selector, "/poems/time.txt")
            told = await client.get_attributes("/poems/time.txt", HOST, port, secure=secure)
            self.assertEqual((told.abstract, told.admin), ("On flight.", "Fox Mulder <mulder@spam.egg>"))
            self.assertEqual(await client.get_view("/poems/time.txt", HOST, port, secure=secure), text)
            with self.assertRaises(Refused):
                await client.get_file("/../etc/passwd", HOST, port, secure=secure)
        (self.top / "fresh.txt").write_text("new")
        self.assertIn("/fresh.txt", [item.selector for item in await self.client().get_directory("", HOST, self.port)])
        status, output = await daemon.stop()
        self.assertEqual(status, 0, output)
        self.assertNotIn("Traceback", output)

    async def test_a_large_folder(self) -> None:
        daemon = await self.started()
        many = self.top / "many"
        many.mkdir()
        await deferToThread(lambda: [os.close(os.open(many / f"{number}.txt", os.O_CREAT)) for number in range(20_000)])
        caller = await call(self, self.port)
        caller.stop_reading()
        caller.send(b"/many\r\n")
        # Whoever comes meanwhile is served: the listing waits for its reader, who does not read yet.
        self.assertEqual(await self.client().get_file("/spam.txt", HOST, self.port), b"Spam, spam\n")
        caller.go_on_reading()
        others = 0
        while caller.lost is None:
            await self.client().get_file("/spam.txt", HOST, self.port)
            others += 1
        menu = bytes(caller.received)
        self.assertEqual(menu.count(b"\r\n0"), 20_000)
        self.assertTrue(menu.endswith(b"\r\n.\r\n"))
        self.assertGreater(others, 0)
        await daemon.stop()

    async def test_a_drain_lets_answers_end(self) -> None:
        daemon = await self.started()
        (self.top / "big.bin").write_bytes(bytes(20_000_000))
        caller = await call(self, self.port)
        caller.send(b"/big.bin\r\n")
        await caller.until(b"\0\0\0\0")
        idle = await call(self, self.port)
        daemon.signal(15)
        self.assertEqual(await idle.closed(), b"")
        await caller.closed()
        self.assertEqual(caller.total, 20_000_000)
        self.assertEqual((await daemon.wait())[0], 0)
