"""`netdaemon get`, `put`, `post` and `mirror` over FTP and HTTP, in processes of their own."""

from __future__ import annotations

import os
import signal
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

from twisted.internet import reactor as _reactor
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from tests.kit.command import Done, command, start
from tests.kit.daemon import LIMIT, POLL, Daemon, Watched
from tests.kit.ftpserver import PASSWORD, USER, PyFTPServer, Vsftpd
from tests.kit.webserver import PythonServer, certificate

reactor: Any = _reactor
BIG = os.urandom(64 * 1024) * 32 + b"end"
RATE = 1_000_000
"""Octets a second of a server that takes its time, so that a client can be interrupted."""


class CommandCase(TestCase):
    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).absolute()
        self.root = self.folder / "root"
        self.here = self.folder / "here"
        (self.root / "pub").mkdir(parents=True)
        self.here.mkdir()
        self.addCleanup(self.root.chmod, 0o755)
        (self.root / "pub" / "hello.txt").write_bytes(b"hello\r\n")
        os.utime(self.root / "pub" / "hello.txt", (784111777, 784111777))

    async def serve(self, **how: Any) -> str:
        self.server = await PyFTPServer(self, self.root, **how).start()
        return self.url(self.server.port)

    def url(self, port: int, login: str = f"{USER}:{PASSWORD}@") -> str:
        return f"ftp://{login}127.0.0.1:{port}/"

    async def interrupted(self, when: Any, *words: str | Path) -> None:
        """Run a command and interrupt it, as by Ctrl-C, once ``when()`` is true."""
        process: Any = Watched()
        start(process, *words)
        end = reactor.seconds() + LIMIT
        while not when():
            self.assertIsNone(process.status, process.err)
            self.assertLess(reactor.seconds(), end)
            await deferLater(reactor, POLL)
        process.transport.signalProcess(signal.SIGINT)
        await process.ended()
        self.assertEqual(process.status, 130, process.err)

    def tree(self, folder: Path) -> dict[str, tuple[bytes, int] | None]:
        """Everything in a folder: content and time; None for folders."""
        return {
            str(path.relative_to(folder)): (path.read_bytes(), int(path.stat().st_mtime)) if path.is_file() else None
            for path in folder.rglob("*")
        }


class GetTests(CommandCase):
    async def test_deflated(self) -> None:
        """--compress is heard of where the server can, and no hindrance where it can't."""
        daemon = Daemon(
            self, f"[netdaemon]\n[documents]\nroot = {self.root}\n[ftp]\nlisten = tcp:0:interface=127.0.0.1\n"
        )
        done = await command("-c", daemon.ini_file, "user", "add", USER, "--password-stdin", input=PASSWORD.encode())
        self.assertEqual(done.status, 0, done.err)
        await daemon.start()
        (self.here / "song").write_bytes(b"a bottle of beer on the wall\n" * 10_000)
        for url, asked in ((self.url(daemon.port("ftp")), True), (await self.serve(), False)):
            target = self.here / "copy"
            for words in (
                ["put", self.here / "song", url + "pub/"],
                ["get", url + "pub/song", "-o", target],
                ["get", url + "pub/"],
                ["mirror", url + "pub", self.here / "mirrored"],
                ["mirror", self.here, url + "pub/again"],
            ):
                done = await command(words[0], "--compress", "-v", *words[1:])
                self.assertEqual(done.status, 0, done.err)
                self.assertEqual("C: MODE Z" in done.err, asked, done.err)
                done = await command(words[0], "-v", *words[1:])
                self.assertNotIn("C: MODE Z", done.err)
            for copy in (target, self.here / "mirrored" / "song", self.root / "pub" / "again" / "song"):
                self.assertEqual(copy.read_bytes(), (self.here / "song").read_bytes())

    async def test_documents_and_folders(self) -> None:
        url = await self.serve()
        (self.root / "pub" / "b\x1b[2J").mkdir()
        self.assertEqual(await command("get", url + "pub/hello.txt"), Done(0, b"hello\r\n", ""))
        self.assertEqual(await command("get", url + "pub/hello.txt;type=a"), Done(0, b"hello\n", ""))
        for path in ("pub/", "pub", "pub;type=d"):
            done = await command("get", url + path)
            lines = sorted(done.out.splitlines())
            self.assertEqual(lines[0], b"1994-11-06 08:49:37            7  hello.txt")
            self.assertTrue(lines[1].endswith(b"            -  b\\x1b[2J/"), lines)
            self.assertEqual((done.status, done.err, len(lines)), (0, "", 2))
        done = await command("get", url + "pub/hello.txt", url + "pub/", url + "pub/hello.txt", "-o", self.here / "x")
        self.assertEqual(done.status, 2)
        done = await command("get", url + "pub/hello.txt", url + "pub/", "-o", self.here)
        self.assertEqual((done.status, (self.here / "hello.txt").read_bytes()), (0, b"hello\r\n"))

    async def test_statuses(self) -> None:
        url = await self.serve()
        port = self.server.port
        for status, said, words in (
            (2, "CR, LF or NUL", [url + "a%0d%0aDELE%20b"]),
            (2, "no password", [self.url(port, f"{USER}@")]),
            (3, "no such host", ["ftp://nowhere.invalid/"]),
            (4, "offers no TLS", ["--starttls", url]),
            (5, "530 ", [self.url(port, "mulder:wrong@")]),
            (5, "530 ", [self.url(port, "")]),
            (6, "550 ", [url + "none"]),
            (6, "550 ", [url + "none/"]),
            (9, "No such file", [url + "pub/hello.txt", "-o", str(self.here / "none" / "x")]),
        ):
            done = await command("get", *words, HOME=str(self.folder))
            self.assertEqual((done.status, done.out), (status, b""), (words, done))
            self.assertIn(said, done.err)
            self.assertNotIn(PASSWORD, done.err)
            self.assertNotIn("Traceback", done.err)

    async def test_netrc_and_no_secrets_in_what_is_shown(self) -> None:
        await self.serve()
        netrc = self.folder / ".netrc"
        netrc.write_text(f"machine 127.0.0.1 login {USER} password {PASSWORD}\n")
        netrc.chmod(0o600)
        for login in ("", f"{USER}@"):
            url = self.url(self.server.port, login) + "pub/hello.txt"
            done = await command("get", "-v", url, HOME=str(self.folder))
            self.assertEqual((done.status, done.out), (0, b"hello\r\n"), done.err)
            self.assertIn(f"C: USER {USER}\nS: 331 ", done.err)
            self.assertIn("C: PASS ***\n", done.err)
            self.assertNotIn(PASSWORD, done.err)

    async def test_tls(self) -> None:
        pem = certificate(self.folder / "server.pem", "127.0.0.1")
        url = await self.serve(certificate=pem) + "pub/hello.txt"
        self.assertEqual((await command("get", "--starttls", url)).status, 4)
        self.assertEqual(await command("get", "--starttls", "-k", url), Done(0, b"hello\r\n", ""))
        done = await command("get", "--starttls", url, SSL_CERT_FILE=str(pem))
        self.assertEqual(done, Done(0, b"hello\r\n", ""))
        done = await command("get", url)
        self.assertEqual((done.status, done.out), (5, b""), done.err)

    async def test_the_rest_of_what_broke_off(self) -> None:
        url = await self.serve(rate=RATE)
        (self.root / "big").write_bytes(BIG)
        out = self.here / "big"
        part = self.here / "big.part"
        await self.interrupted(lambda: part.exists() and part.stat().st_size, "get", url + "big", "-o", out)
        self.assertEqual(sorted(path.name for path in self.here.iterdir()), ["big.part", "big.part.json"])
        began = part.stat().st_size
        self.assertLess(began, len(BIG))
        done = await command("get", "-C", "-v", url + "big", "-o", out)
        self.assertEqual((done.status, out.read_bytes() == BIG), (0, True), done.err)
        self.assertIn(f"C: REST {began}\n", done.err)
        self.assertEqual([path.name for path in self.here.iterdir()], ["big"])

    async def test_not_of_another_file(self) -> None:
        url = await self.serve(rate=RATE)
        (self.root / "big").write_bytes(BIG)
        part = self.here / "big.part"
        out = self.here / "big"
        await self.interrupted(lambda: part.exists() and part.stat().st_size, "get", url + "big", "-o", out)
        (self.root / "big").write_bytes(b"another")
        done = await command("get", "-C", url + "big", "-o", out)
        self.assertEqual((done.status, out.read_bytes()), (0, b"another"))
        self.assertIn("from the beginning", done.err)


class PutTests(CommandCase):
    async def test_files_and_standard_input(self) -> None:
        url = await self.serve()
        file = self.here / "a b"
        file.write_bytes(BIG)
        self.assertEqual(await command("put", file, url + "pub/"), Done(0, b"", ""))
        self.assertEqual((self.root / "pub" / "a b").read_bytes(), BIG)
        self.assertEqual(await command("put", "-", url + "pub/in", input=b"read"), Done(0, b"", ""))
        self.assertEqual((self.root / "pub" / "in").read_bytes(), b"read")

    async def test_statuses(self) -> None:
        url = await self.serve()
        file = self.here / "file"
        file.write_bytes(b"x")
        for status, words in (
            (2, ["put", "-", url]),
            (2, ["put", "-", url + "x", "-C"]),
            (2, ["put", file, "gopher://127.0.0.1/"]),
            (2, ["put", file, "ftp:///"]),
            (6, ["put", file, url + "none/x"]),
            (9, ["put", self.here / "none", url]),
            (9, ["put", self.here, url]),
            (3, ["put", file, "ftp://u:p@nowhere.invalid/x"]),
        ):
            done = await command(*words)
            self.assertEqual((done.status, done.out), (status, b""), (words, done))
            self.assertTrue(done.err.startswith("netdaemon: "), done.err)

    async def test_the_rest_of_what_broke_off(self) -> None:
        url = await self.serve()
        file = self.here / "big"
        file.write_bytes(BIG)
        there = self.root / "big"
        there.write_bytes(BIG[:1_000_000])
        done = await command("put", "-C", "-v", file, url + "big")
        self.assertEqual((done.status, there.read_bytes() == BIG), (0, True))
        self.assertIn("C: REST 1000000\n", done.err)
        done = await command("put", "-C", file, url + "big")
        self.assertEqual(done.status, 0)
        self.assertIn("all of it is there already", done.err)
        there.write_bytes(BIG + b"more")
        done = await command("put", "-C", file, url + "big")
        self.assertEqual((done.status, there.read_bytes() == BIG), (0, True))
        self.assertIn("from the beginning", done.err)


class Echo(BaseHTTPRequestHandler):
    """Answers with what was sent: method, path, and body."""

    protocol_version = "HTTP/1.1"

    def answer(self) -> None:
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            body = b""
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        else:
            body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path == "/moved":
            self.send_response(307)
            self.send_header("Location", "/here")
            said = b""
        else:
            self.send_response(401 if self.path == "/secret" else 200)
            said = f"{self.command} {self.path} {self.headers['Content-Type']} {len(body)}\n".encode() + body[-20:]
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    do_PUT = do_POST = answer

    def log_message(self, *arguments: object) -> None:
        pass


class HTTPTests(CommandCase):
    def setUp(self) -> None:
        super().setUp()
        self.web = f"http://127.0.0.1:{PythonServer(self, self.root, handler=Echo).port}/"

    async def test_post(self) -> None:
        done = await command("post", self.web + "cgi", input=b"name=spam")
        self.assertEqual(done, Done(0, b"POST /cgi application/octet-stream 9\nname=spam", ""))
        done = await command("post", "-t", "text/plain", self.web, input=b"")
        self.assertEqual(done, Done(0, b"POST / text/plain 0\n", ""))
        done = await command("post", self.web, input=BIG)
        self.assertEqual(done.out, b"POST / application/octet-stream %d\n" % len(BIG) + BIG[-20:])
        self.assertEqual((await command("post", self.web + "secret", input=b"x")).status, 5)
        self.assertEqual((await command("post", "ftp://a/", input=b"x")).status, 2)

    async def test_put(self) -> None:
        file = self.here / "file"
        file.write_bytes(BIG)
        done = await command("put", "-v", file, self.web)
        self.assertEqual((done.status, done.out), (0, b""))
        self.assertIn(f"> PUT /file HTTP/1.1\n> Host: 127.0.0.1:", done.err)  # noqa: F541
        self.assertIn(f"> Content-Length: {len(BIG)}\n", done.err)
        self.assertEqual((await command("put", file, self.web + "moved")).status, 0)
        done = await command("put", "-", self.web + "moved", input=b"x")
        self.assertEqual(done.status, 6)
        self.assertIn("can't be sent a second time", done.err)
        self.assertEqual((await command("put", "-C", file, self.web)).status, 2)
        self.assertEqual((await command("put", file, self.web + "secret")).status, 5)

    async def test_put_to_our_own_server(self) -> None:
        daemon = Daemon(
            self,
            f"[netdaemon]\n[documents]\nroot = {self.root}\n[http]\nlisten = tcp:0:interface=127.0.0.1\nwrite = yes\n",
        )
        done = await command("-c", daemon.ini_file, "user", "add", USER, "--password-stdin", input=PASSWORD.encode())
        self.assertEqual(done.status, 0, done.err)
        await daemon.start()
        where = f"127.0.0.1:{daemon.port('http')}/pub/"
        file = self.here / "file"
        file.write_bytes(BIG)
        self.assertEqual((await command("put", file, f"http://{where}")).status, 5)
        self.assertEqual(await command("put", file, f"http://{USER}:{PASSWORD}@{where}"), Done(0, b"", ""))
        self.assertEqual((self.root / "pub" / "file").read_bytes(), BIG)
        done = await command("put", "-", f"http://{USER}:{PASSWORD}@{where}in", input=b"read")
        self.assertEqual((done, (self.root / "pub" / "in").read_bytes()), (Done(0, b"", ""), b"read"))


class MirrorTests(CommandCase):
    def fill(self, folder: Path, count: int = 500) -> None:
        for number in range(count):
            place = folder / f"d{number % 7}" / f"e{number % 3}"
            place.mkdir(parents=True, exist_ok=True)
            (place / f"f {number}").write_bytes(b"%d\n" % number)
            os.utime(place / f"f {number}", (1_000_000_000 + number, 1_000_000_000 + number))
        (folder / "empty").mkdir(exist_ok=True)
        (folder / "big").write_bytes(BIG)

    async def test_download_interrupted_and_gone_on_with(self) -> None:
        url = await self.serve(rate=RATE)
        self.fill(self.root)
        out = self.here / "out"
        part = out / "big.part"

        def begun() -> bool:
            return part.exists() and part.stat().st_size > 0

        await self.interrupted(begun, "mirror", "-j", "4", url, out)
        began = part.stat().st_size
        self.assertLess(began, len(BIG))
        done = await command("mirror", "-v", "-j", "4", url, out)
        self.assertEqual(done.status, 0, done.err)
        self.assertIn(f"C: REST {began}\n", done.err)
        self.assertEqual(self.tree(out), self.tree(self.root))
        done = await command("mirror", url, out)
        self.assertEqual(done, Done(0, b"", "netdaemon: 0 copied (0 octets), 502 the same, 0 deleted, 0 not done\n"))

    async def test_upload_interrupted_and_gone_on_with(self) -> None:
        url = await self.serve(rate=RATE)
        source = self.here / "source"
        self.fill(source)
        os.utime(source / "big", (1_000_000_000, 1_000_000_000))
        there = self.root / "new" / "deep"
        big = there / "big"
        await self.interrupted(lambda: big.exists() and big.stat().st_size, "mirror", source, url + "new/deep")
        began = big.stat().st_size
        self.assertLess(began, len(BIG))
        done = await command("mirror", "-C", "-v", source, url + "new/deep")
        self.assertEqual(done.status, 0, done.err)
        self.assertIn("C: REST ", done.err)
        self.assertEqual(self.tree(there), self.tree(source))
        done = await command("mirror", source, url + "new/deep")
        self.assertEqual(done.err, "netdaemon: 0 copied (0 octets), 501 the same, 0 deleted, 0 not done\n")

    async def test_what_is_said_of_it(self) -> None:
        url = await self.serve()
        self.fill(self.root, 3)
        done = await command("mirror", "-n", url, self.here, "--exclude", "d1", "--exclude", "big")
        wanted = "make d0/,make d0/e0/,make d2/,make d2/e2/,make empty/,make pub/,copy d0/e0/f 0,copy d2/e2/f 2"
        self.assertEqual(
            done.out.decode().split("\n")[:-1], [f"{what:6} {path}" for what, path in (
                entry.split(" ", 1) for entry in (*wanted.split(","), "copy pub/hello.txt")
            )]
        )  # fmt: skip
        self.assertEqual(list(self.here.iterdir()), [])
        done = await command("mirror", "-q", url, self.here, "--include", "f *")
        self.assertEqual(done, Done(0, b"", ""))
        self.assertEqual(len([path for path in self.here.rglob("*") if path.is_file()]), 3)

    async def test_deleting(self) -> None:
        url = await self.serve()
        self.fill(self.root, 3)
        for name in ("gone", "kept"):
            (self.here / name).mkdir()
            (self.here / name / "x").touch()
        done = await command("mirror", url, self.here)
        self.assertEqual(done.status, 0)
        self.assertTrue((self.here / "gone" / "x").exists())
        done = await command("mirror", "--delete", url, self.here, "--exclude", "kept")
        self.assertIn(" 2 deleted", done.err)
        self.assertFalse((self.here / "gone").exists())
        self.assertTrue((self.here / "kept" / "x").exists())
        # and the other way round
        (self.here / "big").unlink()
        done = await command("mirror", "--delete", self.here, url, "--exclude", "kept")
        self.assertIn(" 1 deleted", done.err)
        self.assertFalse((self.root / "big").exists())

    async def test_where_times_cannot_be_set(self) -> None:
        """vsftpd lists by LIST, knows MDTM and no MFMT: what is younger there than its source is its copy."""
        (self.root / "pub").chmod(0o777)
        server = await Vsftpd(self, self.root).start()
        self.fill(self.here, 20)
        url = f"ftp://127.0.0.1:{server.port}/pub/m"
        done = await command("mirror", self.here, url)
        self.assertEqual(done.err, "netdaemon: 21 copied (2097205 octets), 0 the same, 0 deleted, 0 not done\n")
        for _ in range(2):
            done = await command("mirror", self.here, url)
            self.assertIn("0 copied (0 octets), 21 the same", done.err)
        (self.here / "d0" / "e0" / "f 0").write_bytes(b"9\n")
        future = (self.root / "pub" / "m" / "big").stat().st_mtime + 100
        os.utime(self.here / "d0" / "e0" / "f 0", (future, future))
        done = await command("mirror", self.here, url)
        self.assertIn("1 copied (2 octets), 20 the same", done.err)
        out = self.folder / "out"
        self.assertEqual((await command("mirror", url, out)).status, 0)
        self.assertEqual((out / "big").read_bytes(), BIG)
        self.assertIn("0 copied (0 octets), 21 the same", (await command("mirror", url, out)).err)

    async def test_a_server_that_lets_few_in(self) -> None:
        url = await self.serve(most=2)
        self.fill(self.root, 30)
        done = await command("mirror", "-j", "8", url, self.here)
        self.assertEqual(done.status, 0, done.err)
        self.assertEqual(self.tree(self.here), self.tree(self.root))

    async def test_usage(self) -> None:
        for words in (
            [self.here, self.here],
            ["ftp://a/", "ftp://b/"],
            ["http://a/", self.here],
            ["ftp:///", self.here],
            [self.here / "none", "ftp://a/"],
            ["-j", "0", "ftp://a/", self.here],
        ):
            done = await command("mirror", *words)
            self.assertEqual((done.status, done.out), (2, b""), done)

    async def test_statuses(self) -> None:
        url = await self.serve()
        (self.here / "pub").touch()
        for status, words in (
            (3, ["ftp://u:p@nowhere.invalid/", self.here]),
            (5, [self.url(self.server.port, "mulder:wrong@"), self.here]),
            (6, [url + "none", self.here]),
            (6, [url, self.here]),
        ):
            done = await command("mirror", *words)
            self.assertEqual((done.status, done.out), (status, b""), done)

    async def test_our_own_server(self) -> None:
        """It keeps a broken upload aside, and proves by HASH what it has of it: no --resume is needed."""
        daemon = Daemon(
            self,
            f"[netdaemon]\n[documents]\nroot = {self.root}\n[ftp]\nlisten = tcp:0:interface=127.0.0.1\n"
            f"rate-per-session = {RATE}\n",
        )
        done = await command("-c", daemon.ini_file, "user", "add", USER, "--password-stdin", input=PASSWORD.encode())
        self.assertEqual(done.status, 0, done.err)
        await daemon.start()
        url = self.url(daemon.port("ftp"))
        self.fill(self.here, 30)
        part = self.root / "m" / "big.part"

        def under_way() -> bool:
            return any(path.stat().st_size for path in (self.root / "m").glob(".*"))

        await self.interrupted(under_way, "mirror", self.here, url + "m")
        await daemon.until(part.exists, "keeps what has come")
        self.assertFalse((self.root / "m" / "big").exists(), "nothing half stands under its name")
        done = await command("mirror", "-v", self.here, url + "m")
        self.assertEqual(done.status, 0, done.err)
        self.assertTrue("C: HASH /m/big.part\n" in done.err and "C: REST " in done.err, "it went on with what was kept")
        self.assertEqual(self.tree(self.root / "m"), self.tree(self.here))
        out = self.folder / "out"
        self.assertEqual((await command("mirror", "-j", "2", url + "m", out)).status, 0)
        self.assertEqual(self.tree(out), self.tree(self.here))
