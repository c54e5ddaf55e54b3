"""`netdaemon get` in a process of its own, against real servers and against scripted ones."""

from __future__ import annotations

import json
import os
import pty
import signal
import sys
from pathlib import Path
from typing import Any

from twisted.internet import reactor as _reactor
from twisted.internet.defer import Deferred
from twisted.internet.protocol import ProcessProtocol
from twisted.trial.unittest import TestCase

from tests.kit.command import Done, command
from tests.kit.daemon import Daemon
from tests.kit.webserver import PythonServer, ScriptedServer, certificate

reactor: Any = _reactor
BODY = b"0123456789"


class GetCase(TestCase):
    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).absolute()
        self.folder.mkdir(parents=True)
        self.out = self.folder / "out"
        self.served = self.folder / "served"
        self.served.mkdir()
        (self.served / "hello.txt").write_bytes(b"hello\n")

    def python(self) -> str:
        return f"http://127.0.0.1:{PythonServer(self, self.served).port}/"

    def says(self, octets: bytes) -> str:
        return ScriptedServer(self, lambda head: octets).url

    def names(self) -> list[str]:
        return sorted(path.name for path in self.folder.iterdir() if path != self.served)

    async def get(self, *arguments: str | Path, **environment: str) -> Done:
        return await command("get", *arguments, **environment)


class OutputTests(GetCase):
    async def test_to_standard_output(self) -> None:
        url = self.python() + "hello.txt"
        self.assertEqual(await self.get(url, url), Done(0, b"hello\nhello\n", ""))

    async def test_octets_go_through_as_they_are(self) -> None:
        data = bytes(range(256)) * 5000
        (self.served / "data").write_bytes(data)
        done = await self.get(self.python() + "data")
        self.assertTrue(done.out == data, len(done.out))

    async def test_to_a_file(self) -> None:
        self.assertEqual(await self.get(self.python() + "hello.txt", "-o", self.out), Done(0, b"", ""))
        self.assertEqual((self.names(), self.out.read_bytes()), (["out"], b"hello\n"))

    async def test_several_to_a_folder(self) -> None:
        (self.served / "other").write_bytes(b"other")
        self.out.mkdir()
        url = self.python()
        self.assertEqual(await self.get(url + "hello.txt", url + "other", "-o", self.out), Done(0, b"", ""))
        self.assertEqual((self.out / "hello.txt").read_bytes(), b"hello\n")
        self.assertEqual((self.out / "other").read_bytes(), b"other")

    async def test_a_reader_that_has_seen_enough(self) -> None:
        (self.served / "data").write_bytes(bytes(10_000_000))
        url = self.python() + "data"
        shell: Deferred[int] = Deferred()

        class Shell(ProcessProtocol):
            err = b""

            def errReceived(self, data: bytes) -> None:
                self.err += data

            def processEnded(self, reason: Any) -> None:
                shell.callback(reason.value.exitCode)

        watched = Shell()
        line = f"'{sys.executable}' -m netdaemon get {url} | head -c 10 | wc -c; exit ${{PIPESTATUS[0]}}"
        checkout = str(Path(__file__).resolve().parents[2])
        paths = os.pathsep.join([checkout, os.environ.get("PYTHONPATH", "")])
        reactor.spawnProcess(watched, "bash", ["bash", "-c", line], env={**os.environ, "PYTHONPATH": paths})
        self.assertEqual(await shell, 141)
        self.assertEqual(watched.err, b"")


class StatusTests(GetCase):
    """Exit statuses are for scripts."""

    async def check(self, status: int, *arguments: str | Path, said: str = "") -> None:
        done = await self.get(*arguments)
        self.assertEqual((done.status, done.out), (status, b""), done)
        self.assertTrue(done.err.startswith("netdaemon: ") or status == 2, done.err)
        self.assertIn(said, done.err)
        self.assertNotIn("Traceback", done.err)

    async def test_usage(self) -> None:
        await self.check(2)
        await self.check(2, "mailto:127.0.0.1", said="does not begin with ")
        await self.check(2, "http://u:trustno1@/", said="***@")
        await self.check(2, "http://127.0.0.1/", "--resume", said="wants -o FILE")
        await self.check(2, "http://127.0.0.1/a", "http://127.0.0.1/b", "-o", self.out, said="is not a folder")

    async def test_connect(self) -> None:
        await self.check(3, "http://nowhere.invalid/", said="nowhere.invalid: no such host")

    async def test_no_http(self) -> None:
        await self.check(3, self.says(b"220 spam.egg ESMTP\r\n"), said="speaks no HTTP/1")

    async def test_statuses(self) -> None:
        for status, code in ((401, 5), (403, 5), (404, 6), (300, 6), (503, 7)):
            url = self.says(b"HTTP/1.1 %d Wh\x9by\r\nContent-Length: 6\r\n\r\nsecret" % status)
            await self.check(code, url, said=f"{url}: {status} Wh\\u009by\n")

    async def test_no_file_is_made_of_an_error(self) -> None:
        url = self.says(b"HTTP/1.1 404 No\r\nContent-Length: 2\r\n\r\nno")
        await self.check(6, url, "-o", self.out, said="404 No")
        self.assertEqual(self.names(), [])

    async def test_redirections_to_other_schemes(self) -> None:
        url = self.says(b"HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\nContent-Length: 0\r\n\r\n")
        await self.check(6, url, said="redirects where one doesn't follow")

    async def test_redirections_in_circles(self) -> None:
        url = self.says(b"HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n")
        await self.check(6, url, said="more than 10 times")

    async def test_a_silent_server(self) -> None:
        server = ScriptedServer(self, lambda head: b"", closes=False)
        await self.check(7, server.url, "--timeout", "200ms", said="no response within 0.2 s")

    async def test_a_file_that_cannot_be_written(self) -> None:
        url = self.says(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n" + BODY)
        await self.check(9, url, "-o", self.folder / "none" / "out", said="No such file or directory")
        if Path("/dev/full").exists():
            await self.check(9, url, "-o", "/dev/full", said="No space left")

    async def test_a_short_body(self) -> None:
        done = await self.get(self.says(b"HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n" + BODY))
        self.assertEqual((done.status, done.out), (8, BODY))
        self.assertIn("broke off within the body", done.err)

    async def test_the_first_failure_counts_and_the_others_go_on(self) -> None:
        missing = self.says(b"HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n")
        later = self.says(b"HTTP/1.1 503 Later\r\nContent-Length: 0\r\n\r\n")
        done = await self.get(missing, self.python() + "hello.txt", later)
        self.assertEqual((done.status, done.out), (6, b"hello\n"))
        self.assertEqual(len(done.err.splitlines()), 2)


class TLSTests(GetCase):
    def serve(self) -> str:
        self.pem = certificate(self.folder / "server.pem", "127.0.0.1")
        return f"https://127.0.0.1:{PythonServer(self, self.served, certificate=self.pem).port}/hello.txt"

    async def test_believed_or_not(self) -> None:
        url = self.serve()
        done = await self.get(url)
        self.assertEqual((done.status, done.out), (4, b""))
        self.assertIn("certificate is not trusted", done.err)
        self.assertEqual((await self.get("-k", url))[:2], (0, b"hello\n"))
        # what the system believes can be said by OpenSSL's own variable
        self.assertEqual((await self.get(url, SSL_CERT_FILE=str(self.pem)))[:2], (0, b"hello\n"))


class DaemonTests(GetCase):
    """The daemon's own client, with its own certificate and its own account of what can be resumed."""

    async def test_http_https_and_the_rest_of_a_file(self) -> None:
        daemon = Daemon(
            self,
            f"[documents]\nroot = {self.served}\n"
            "[http]\nlisten = tcp:0:interface=127.0.0.1 tls:0:interface=127.0.0.1\n",
        )
        await daemon.start()
        plain = f"http://127.0.0.1:{daemon.port('http')}/hello.txt"
        secure = f"https://127.0.0.1:{daemon.port('http', 'tls')}/hello.txt"
        self.assertEqual(await self.get(plain), Done(0, b"hello\n", ""))
        self.assertEqual((await self.get(secure))[:2], (4, b""))
        self.assertEqual(await self.get("-k", secure), Done(0, b"hello\n", ""))
        self.assertEqual((await self.get(plain + "x")).status, 6)
        known = await self.get("-v", plain, "-o", self.out)
        etag = known.err.lower().partition("\n< etag: ")[2].partition("\n")[0]
        self.out.write_bytes(b"old")
        (self.folder / "out.part").write_bytes(b"HEL")
        note = {"url": plain, "validator": etag, "total": 6}
        (self.folder / "out.part.json").write_text(json.dumps(note))
        done = await self.get("-v", "-C", plain, "-o", self.out)
        self.assertIn("< HTTP/1.1 206 ", done.err)
        self.assertEqual((done.status, self.out.read_bytes(), self.names()), (0, b"HELlo\n", ["out"]))


class VerboseTests(GetCase):
    async def test_heads_without_secrets_and_controls(self) -> None:
        server = ScriptedServer(
            self,
            lambda head: b"HTTP/1.1 200 OK\r\nSet-Cookie: sesame\r\nX: \x9b\xe2\x80\xae\r\nContent-Length: 0\r\n\r\n",
        )
        done = await self.get("-v", "--basic", server.url.replace("//", "//mulder:trustno1@"))
        self.assertEqual(done.status, 0)
        self.assertIn(b"Authorization: Basic bXVsZGVyOnRydXN0bm8x", server.heard[0])
        self.assertIn("> GET / HTTP/1.1\n", done.err)
        self.assertIn("> Authorization: ***\n", done.err)
        self.assertIn("< Set-Cookie: ***\n", done.err)
        for hidden in ("trustno1", "bXVsZGVy", "sesame", "\x9b", "\u202e"):
            self.assertNotIn(hidden, done.err)

    async def test_quiet(self) -> None:
        self.assertEqual((await self.get("-q", self.python() + "hello.txt", "-o", self.out)).err, "")


class Ranges:
    """A server of one file that knows ranges, and may break off behind so many octets."""

    def __init__(self, test: TestCase, body: bytes = BODY, etag: bytes = b'"v1"') -> None:
        self.body = body
        self.etag = etag
        self.break_at: int | None = None
        self.heeds_if_range = True
        self.server = ScriptedServer(test, self.answer)
        self.url = self.server.url

    def last(self, name: bytes) -> bytes | None:
        for line in self.server.heard[-1].split(b"\r\n")[1:]:
            if line.lower().startswith(name + b": "):
                return line.partition(b": ")[2]
        return None

    def answer(self, head: bytes) -> bytes:
        start, wanted = self.last(b"range"), self.last(b"if-range")
        if start is None or (self.heeds_if_range and wanted != self.etag):
            part, first = self.body, b"200 OK\r\n"
        else:
            offset = int(start.removeprefix(b"bytes=").removesuffix(b"-"))
            size = len(self.body)
            if offset >= size:
                return b"HTTP/1.1 416 No\r\nContent-Range: bytes */%d\r\nContent-Length: 0\r\n\r\n" % size
            part = self.body[offset:]
            first = b"206 Partial\r\nContent-Range: bytes %d-%d/%d\r\n" % (offset, size - 1, size)
        made = b"HTTP/1.1 %bETag: %b\r\nContent-Length: %d\r\n\r\n" % (first, self.etag, len(part))
        return made + part[: self.break_at]


class ResumeTests(GetCase):
    async def break_off(self, server: Ranges) -> None:
        server.break_at = 4
        done = await self.get(server.url, "-o", self.out)
        server.break_at = None
        self.assertEqual(done.status, 8)
        self.assertIn("4 octets are in ", done.err)
        self.assertEqual(self.names(), ["out.part", "out.part.json"])

    async def finish(self, server: Ranges, body: bytes = BODY) -> str:
        done = await self.get(server.url, "-C", "-o", self.out)
        self.assertEqual((done.status, done.out), (0, b""), done)
        self.assertEqual((self.names(), self.out.read_bytes()), (["out"], body))
        return done.err

    async def test_the_rest_is_asked_for(self) -> None:
        server = Ranges(self)
        await self.break_off(server)
        self.assertEqual(await self.finish(server), "")
        self.assertEqual((server.last(b"range"), server.last(b"if-range")), (b"bytes=4-", b'"v1"'))
        self.assertEqual(server.last(b"accept-encoding"), b"identity")

    async def test_twice(self) -> None:
        server = Ranges(self)
        await self.break_off(server)
        server.break_at = 3
        self.assertEqual((await self.get(server.url, "-C", "-o", self.out)).status, 8)
        server.break_at = None
        await self.finish(server)
        self.assertEqual(server.last(b"range"), b"bytes=7-")

    async def test_without_resume_all_of_it_is(self) -> None:
        server = Ranges(self)
        await self.break_off(server)
        self.assertEqual((await self.get(server.url, "-o", self.out)).status, 0)
        self.assertIsNone(server.last(b"range"))
        self.assertEqual(self.out.read_bytes(), BODY)

    async def test_nothing_begun(self) -> None:
        server = Ranges(self)
        await self.finish(server)
        self.assertIsNone(server.last(b"range"))

    async def test_a_file_that_has_changed_is_fetched_anew(self) -> None:
        server = Ranges(self)
        await self.break_off(server)
        server.body, server.etag = b"abcdefghij", b'"v2"'
        self.assertIn("from the beginning", await self.finish(server, server.body))

    async def test_also_where_if_range_is_not_heeded(self) -> None:
        """The 206 of such a server would put one file's end behind another's beginning."""
        for body, etag in ((b"abcdefghij", b'"v2"'), (b"abc", b'"v1"'), (b"abcdefghijk", b'"v1"')):
            server = Ranges(self)
            await self.break_off(server)
            server.heeds_if_range = False
            server.body, server.etag = body, etag
            self.assertIn("from the beginning", await self.finish(server, body))
            self.out.unlink()

    async def test_all_of_it_is_there_already(self) -> None:
        server = Ranges(self)
        await self.break_off(server)
        (self.folder / "out.part").write_bytes(BODY)
        await self.finish(server)
        self.assertEqual(len(server.server.heard), 2)

    async def test_a_server_without_ranges(self) -> None:
        octets = b'HTTP/1.1 200 OK\r\nETag: "v"\r\nContent-Length: 10\r\n\r\n'
        server = ScriptedServer(self, lambda head: octets + BODY[:4])
        self.assertEqual((await self.get(server.url, "-o", self.out)).status, 8)
        server.answer = lambda head: octets + BODY
        done = await self.get(server.url, "-C", "-o", self.out)
        self.assertEqual((done.status, self.out.read_bytes(), self.names()), (0, BODY, ["out"]))

    async def test_python_s_server_has_none_either(self) -> None:
        (self.folder / "out.part").write_bytes(b"hel")
        url = self.python() + "hello.txt"
        (self.folder / "out.part.json").write_text(
            f'{{"url": "{url}", "validator": "Sun, 06 Nov 1994 08:49:37 GMT", "total": 6}}'
        )
        done = await self.get(url, "-C", "-o", self.out)
        self.assertEqual((done.status, self.out.read_bytes(), self.names()), (0, b"hello\n", ["out"]))

    async def test_an_error_leaves_the_part_alone(self) -> None:
        server = Ranges(self)
        await self.break_off(server)
        server.server.answer = lambda head: b"HTTP/1.1 503 Later\r\nContent-Length: 0\r\n\r\n"
        self.assertEqual((await self.get(server.url, "-C", "-o", self.out)).status, 7)
        server.server.answer = server.answer
        await self.finish(server)
        self.assertEqual(server.last(b"range"), b"bytes=4-")


class TerminalTests(GetCase):
    async def on_terminal(self, *arguments: str | Path, interrupt: bytes = b"") -> tuple[int, bytes]:
        """Run it with standard error on a terminal; (exit status, what the terminal showed)."""
        ours, theirs = pty.openpty()
        self.addCleanup(os.close, ours)
        ended: Deferred[int] = Deferred()

        class Watched(ProcessProtocol):
            def processEnded(self, reason: Any) -> None:
                ended.callback(reason.value.exitCode)

        words = [sys.executable, "-m", "netdaemon", "get", *map(str, arguments)]
        paths = os.pathsep.join([str(Path(__file__).resolve().parents[2]), os.environ.get("PYTHONPATH", "")])
        environment = {**os.environ, "PYTHONPATH": paths, "TERM": "xterm", "COLUMNS": "100"}
        process = reactor.spawnProcess(
            Watched(), sys.executable, words, env=environment, childFDs={0: "w", 1: "r", 2: theirs}
        )
        os.close(theirs)
        self.process = process
        status = await ended
        os.set_blocking(ours, False)
        shown = b""
        while True:
            try:
                data = os.read(ours, 65536)
            except OSError:
                break
            if not data:
                break
            shown += data
        return status, shown

    async def test_a_bar_beside_the_file(self) -> None:
        status, shown = await self.on_terminal(self.python() + "hello.txt", "-o", self.out)
        self.assertEqual(status, 0)
        self.assertIn(b"out", shown)
        self.assertIn(b"6/6 bytes", shown)

    async def test_none_where_it_is_not_wanted(self) -> None:
        status, shown = await self.on_terminal("-q", self.python() + "hello.txt", "-o", self.out)
        self.assertEqual((status, shown), (0, b""))

    async def test_interrupted(self) -> None:
        """Ctrl-C keeps what came, to be gone on with."""

        def answer(head: bytes) -> bytes:
            wait()
            return b'HTTP/1.1 200 OK\r\nETag: "v"\r\nContent-Length: 10\r\n\r\n' + BODY[:4]

        part = self.folder / "out.part"

        def wait() -> None:
            if part.exists() and part.stat().st_size == 4:
                self.process.signalProcess(signal.SIGINT)
            else:
                reactor.callLater(0.02, wait)

        server = ScriptedServer(self, answer, closes=False)
        status, _ = await self.on_terminal(server.url, "-o", self.out)
        self.assertEqual(status, 130)
        self.assertEqual(self.names(), ["out.part", "out.part.json"])
