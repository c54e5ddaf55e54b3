"""`netdaemon.url` and the commands that stand on it, against our own daemon."""

from __future__ import annotations

import gc
import hashlib
import json
import os
import resource
from pathlib import Path
from typing import Any

from twisted.internet import reactor as _reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.trial.unittest import TestCase

import netdaemon.url
from netdaemon.accounts.hashing import Hasher
from netdaemon.accounts.store import Store
from netdaemon.protocols.http.client.proxies import Proxies
from netdaemon.url import Category, Opened, Opener, StatusRefused, Wishes
from netdaemon.url.crawl import Crawl
from netdaemon.url.logins import nobody
from netdaemon.url.robots import RobotsRefused
from tests.accounts.kit import CHEAP
from tests.kit.command import Done, command
from tests.kit.daemon import Daemon
from tests.kit.webserver import ScriptedServer

reactor: Any = _reactor

INI = """
[netdaemon]
hostname = localhost
[documents]
root = {top}
[http]
listen = tcp:0:interface=127.0.0.1 tls:0:interface=127.0.0.1
listing = yes
protect = /secret *
redirect = /old /new 302
[ftp]
listen = tcp:0:interface=127.0.0.1 tls:0:interface=127.0.0.1
anonymous = yes
[gopher]
listen = tcp:0:interface=127.0.0.1 tls:0:interface=127.0.0.1
[proxy]
listen = tcp:0:interface=127.0.0.1
allow-loopback = yes
connect-ports = *
"""
TEXT = b"Spam, spam, spam.\n" * 1000


class URLCase(TestCase):
    async def setUp(self) -> None:
        self.folder = Path(self.mktemp()).absolute()
        self.top = self.folder / "top"
        (self.top / "secret").mkdir(parents=True)
        (self.top / "site" / "deep").mkdir(parents=True)
        (self.top / "new").write_bytes(b"new\n")
        (self.top / "spam.txt").write_bytes(TEXT)
        (self.top / "secret" / "x.txt").write_bytes(b"hidden\n")
        (self.top / "outside.txt").write_bytes(b"outside\n")
        (self.top / "site" / "index.html").write_bytes(
            b'<base href="."><a href="a%20b.txt?x=1#y">a</a> <A HREF=deep/>d</a> <img src="p.png">'
            b'<a href="../outside.txt">o</a><a href="http://other.example/">e</a><a href="javascript:x()">j</a>'
            b'<a href="missing.txt">m</a><link rel=stylesheet href="http://[bad">'
        )
        (self.top / "site" / "a b.txt").write_bytes(b"a\n")
        (self.top / "site" / "p.png").write_bytes(b"\x89PNG")
        (self.top / "site" / "deep" / "index.html").write_bytes(b'<a href="../index.html">up</a><a href="x.txt">x</a>')
        (self.top / "site" / "deep" / "x.txt").write_bytes(b"x\n")
        (self.top / "robots.txt").write_bytes(b"User-agent: *\nDisallow: /site/deep\n")
        for path in self.top.rglob("*"):
            os.utime(path, (1_700_000_000, 1_700_000_000))
        self.daemon = Daemon(self, INI.format(top=self.top))
        self.daemon.data.mkdir(mode=0o700)
        store = Store(self.daemon.data)
        store.add("mulder", Hasher(CHEAP, iterations=4096).keep(b"trustno1"))
        store.close()
        await self.daemon.start()
        self.http = f"http://127.0.0.1:{self.daemon.port('http')}"
        self.certificate = self.daemon.data / "tls" / "self-signed.pem"
        port = self.daemon.port
        self.bases = {
            "http": self.http,
            "https": f"https://localhost:{port('http', 'tls')}",
            "ftp": f"ftp://127.0.0.1:{port('ftp')}",
            "ftps": f"ftps://localhost:{port('ftp', 'tls')}",
            "gopher": f"gopher://127.0.0.1:{port('gopher')}/0",
            "gophers": f"gophers://localhost:{port('gopher', 'tls')}/0",
            "file": f"file://{self.top}",
        }
        self.wishes = Wishes(authorities=self.certificate, ask=nobody)

    def opener(self, **wishes: Any) -> Opener:
        opener = Opener(reactor, Wishes(**{**vars(self.wishes), **wishes}))
        self.addCleanup(lambda: Deferred.fromCoroutine(opener.close()))
        return opener

    async def read(self, opener: Opener, url: str, **more: Any) -> bytes:
        return await (await opener.open(url, **more)).read()

    async def get(self, *arguments: str | Path, **environment: str) -> Done:
        return await command("get", *arguments, HOME=str(self.folder), **environment)


class OpenTests(URLCase):
    async def test_every_scheme(self) -> None:
        opener = self.opener()
        for scheme, base in self.bases.items():
            opened = await opener.open(f"{base}/spam.txt")
            self.assertEqual(opened.headers.get_content_type(), "text/plain", scheme)
            self.assertTrue(opened.url.startswith(scheme + ":"))
            self.assertEqual(opened.status, 200 if scheme.startswith("http") else None)
            if "gopher" not in scheme:
                self.assertEqual((opened.size, int(opened.headers["content-length"])), (len(TEXT), len(TEXT)))
                self.assertIn("GMT", opened.headers["last-modified"])
            self.assertEqual(await opened.read(), TEXT, scheme)

    async def test_nothing_there(self) -> None:
        opener = self.opener()
        for scheme, base in self.bases.items():
            with self.assertRaises(netdaemon.url.Failed) as raised:
                await self.read(opener, f"{base}/nothing.txt")
            self.assertIn("nothing.txt" if "gopher" not in scheme else "", str(raised.exception))
            self.assertIn(raised.exception.category, (Category.REFUSED, Category.LOCAL))

    async def test_open_alone(self) -> None:
        opened = await netdaemon.url.open(f"{self.http}/old", reactor=reactor)
        self.assertEqual((opened.url, await opened.read()), (f"{self.http}/new", b"new\n"))
        opened = await netdaemon.url.open(f"{self.http}/spam.txt")
        await opened.close()

    async def test_statuses(self) -> None:
        opener = self.opener()
        with self.assertRaises(StatusRefused) as raised:
            await opener.open(f"{self.http}/nothing")
        self.assertEqual((raised.exception.status, raised.exception.category), (404, Category.REFUSED))
        self.assertIn("Content-Type", raised.exception.headers)
        opened = await opener.open(f"{self.http}/nothing", any_status=True)
        self.assertEqual(opened.status, 404)
        self.assertIn(b"404", await opened.read())

    async def test_methods_and_headers(self) -> None:
        opener = self.opener()
        opened = await opener.open(f"{self.http}/spam.txt", method="HEAD", headers={"X": "y"})
        self.assertEqual((opened.headers["Content-Length"], await opened.read()), (str(len(TEXT)), b""))
        opened = await opener.open(f"{self.http}/spam.txt", headers=[("Range", "bytes=0-3")])
        self.assertEqual((opened.status, await opened.read()), (206, b"Spam"))
        for scheme in ("ftp", "gopher", "file"):
            with self.assertRaises(netdaemon.url.BadURL):
                await opener.open(f"{self.bases[scheme]}/spam.txt", method="HEAD")
        with self.assertRaises(netdaemon.url.BadURL):
            await opener.open(self.http, headers={"X": "a\r\nb"})

    async def test_logins(self) -> None:
        opener = self.opener()
        url = f"{self.http}/secret/x.txt"
        with self.assertRaises(StatusRefused) as raised:
            await opener.open(url)
        self.assertEqual(raised.exception.category, Category.AUTHENTICATION)
        self.assertEqual(await self.read(opener, url.replace("//", "//mulder:trustno1@")), b"hidden\n")
        asked: list[tuple[str, str | None, str]] = []

        def ask(host: str, user: str | None, realm: str) -> netdaemon.url.logins.Login:
            asked.append((host, user, realm))
            return netdaemon.url.logins.Login("mulder", "trustno1")

        self.assertEqual(await self.read(self.opener(ask=ask), url), b"hidden\n")
        self.assertEqual(asked[0][:2], ("127.0.0.1", None))
        self.assertTrue(asked[0][2])

    async def test_compressed(self) -> None:
        opened = await self.opener(compressed=True).open(f"{self.http}/spam.txt")
        self.assertIn("Content-Encoding", opened.headers)
        self.assertIsNone(opened.size)
        self.assertEqual(await opened.read(), TEXT)

    async def test_by_proxy(self) -> None:
        proxies = Proxies(f"http://127.0.0.1:{self.daemon.port('proxy')}/")
        opener = self.opener(proxies=proxies, verify=False)
        for scheme in ("http", "https", "ftp", "gopher"):
            opened = await opener.open(f"{self.bases[scheme]}/spam.txt")
            self.assertEqual(opened.status, 200)
            if scheme == "http":
                self.assertIn("localhost-", opened.headers["Via"])
            self.assertEqual(await opened.read(), TEXT, scheme)

    async def test_robots(self) -> None:
        opener = self.opener(robots=True)
        self.assertEqual(await self.read(opener, f"{self.http}/site/a%20b.txt"), b"a\n")
        with self.assertRaises(RobotsRefused):
            await opener.open(f"{self.http}/site/deep/x.txt")

    async def test_a_site_that_cannot_say_what_it_asks(self) -> None:
        server = ScriptedServer(self, lambda head: b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n")
        with self.assertRaises(RobotsRefused):
            await self.opener(robots=True).open(server.url)

    async def test_a_thousand_at_once(self) -> None:
        (self.top / "big").write_bytes(bytes(1 << 20))
        opener = self.opener(timeout=300.0)
        await self.read(opener, f"{self.http}/spam.txt")
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, hard), hard))
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        gc.collect()
        before = _resident()

        async def one() -> Opened:
            return await opener.open(f"{self.http}/big")

        opened = await gatherResults([Deferred.fromCoroutine(one()) for _ in range(1000)])
        size = most = 0
        for each in opened:  # every one is there, and waits for its reader
            async for octets in each:
                size += len(octets)
            most = max(most, _resident())
        self.assertEqual(size, 1000 << 20)
        self.assertLess(most - before, 100 << 20)


class CrawlTests(URLCase):
    def kept(self, folder: Path) -> list[str]:
        return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())

    async def crawl(self, url: str, **wishes: Any) -> Crawl:
        crawl = Crawl(self.opener(**wishes), url, self.folder / "out")
        await crawl.run()
        return crawl

    async def test_a_site(self) -> None:
        crawl = await self.crawl(f"{self.http}/site/")
        out = self.folder / "out"
        self.assertEqual(
            self.kept(out), ["a b.txt?x=1", "deep/index.html", "deep/x.txt", "index.html", "p.png"]
        )  # index.html is there under both of its names
        self.assertEqual((out / "p.png").read_bytes(), b"\x89PNG")
        self.assertEqual(int((out / "p.png").stat().st_mtime), int((self.top / "site" / "p.png").stat().st_mtime))
        self.assertEqual([(one.url, one.category) for one in crawl.report.problems],
                         [(f"{self.http}/site/missing.txt", Category.REFUSED)])  # fmt: skip
        done = await command(
            "put", "-", f"{self.http}/site/deep/x.txt".replace("//", "//mulder:trustno1@", 1), input=b"changed\n"
        )
        self.assertEqual(done.status, 0, done.err)
        again = await self.crawl(f"{self.http}/site/")
        self.assertEqual((out / "deep" / "x.txt").read_bytes(), b"changed\n")
        self.assertEqual((again.report.copied, again.report.same), (1, 5))

    async def test_robots(self) -> None:
        crawl = await self.crawl(f"{self.http}/site/", robots=True)
        self.assertNotIn("deep/x.txt", self.kept(self.folder / "out"))
        self.assertEqual(len(crawl.report.problems), 2)

    async def test_menus_that_lead_elsewhere(self) -> None:
        (self.top / "site" / "gophermap").write_bytes(
            b"hThe web\tURL:http://other.example/\r\n8A session\t/x\r\n0A text\tdeep/x.txt\r\n"
        )
        crawl = await self.crawl(f"gopher://localhost:{self.daemon.port('gopher')}/1/site")
        self.assertEqual(crawl.report.problems, [])
        self.assertEqual(self.kept(self.folder / "out"), ["deep/x.txt", "gophermap"])

    async def test_menus(self) -> None:
        crawl = await self.crawl(f"gopher://localhost:{self.daemon.port('gopher')}/1/site")
        out = self.folder / "out"
        self.assertEqual(crawl.report.problems, [])
        self.assertEqual((out / "deep" / "x.txt").read_bytes(), b"x\n")
        self.assertEqual((out / "p.png").read_bytes(), b"\x89PNG")
        self.assertIn(b"a b.txt", (out / "gophermap").read_bytes())
        self.assertFalse((out / "outside.txt").exists())

    async def test_never_out_of_the_folder(self) -> None:
        out = self.folder / "out"
        out.mkdir()
        (out / "deep").symlink_to(self.top)
        crawl = await self.crawl(f"{self.http}/site/")
        self.assertFalse((self.top / "x.txt").exists())
        self.assertIn(Category.LOCAL, [one.category for one in crawl.report.problems])


class CommandTests(URLCase):
    async def test_headers_and_json(self) -> None:
        done = await self.get("-I", f"{self.http}/old")
        self.assertEqual(done.status, 0)
        self.assertTrue(done.out.startswith(b"HTTP 200 OK\n"))
        self.assertIn(b"Content-Length: 4\n", done.out)
        out = self.folder / "x"
        done = await self.get("--json", "-o", out, f"{self.http}/old")
        told = json.loads(done.out)
        self.assertEqual(
            (told["url"], told["final_url"], told["status"], told["octets"], told["exit"], told["file"]),
            (f"{self.http}/old", f"{self.http}/new", 200, 4, 0, str(out)),
        )
        self.assertEqual(told["sha256"], hashlib.sha256(b"new\n").hexdigest())
        done = await self.get("--json", "-o", out, f"{self.http}/nothing")
        told = json.loads(done.out)
        self.assertEqual((told["status"], told["exit"], done.status), (404, 6, 6))

    async def test_headers_of_one_s_own(self) -> None:
        server = ScriptedServer(self, lambda head: b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        self.assertEqual((await self.get("-H", "accept-encoding: gzip", server.url)).status, 0)
        self.assertEqual(server.heard[0].lower().count(b"accept-encoding:"), 1)
        for more in ((), ("-C", "-o", self.folder / "x")):
            (self.folder / "x.part").write_bytes(b"a")
            note = {"url": server.url, "validator": '"v"', "total": None}
            (self.folder / "x.part.json").write_text(json.dumps(note))
            done = await self.get("-H", "Host : x", "-H", "a b: c", *more, server.url)
            self.assertEqual((done.status, "Traceback" in done.err), (2, False), done.err)

    async def test_checksums(self) -> None:
        right = hashlib.sha256(TEXT).hexdigest()
        out = self.folder / "x"
        for scheme in ("http", "ftp", "gopher", "file"):
            out.unlink(missing_ok=True)
            url = f"{self.bases[scheme]}/spam.txt"
            self.assertEqual((await self.get("--checksum", f"sha256:{right}", "-o", out, url)).status, 0)
            self.assertEqual(out.read_bytes(), TEXT)
            out.unlink()
            done = await self.get("--checksum", f"sha256:{'0' * 64}", "-o", out, url)
            self.assertEqual((done.status, out.exists()), (8, False))
            self.assertEqual(list(self.folder.glob("x*")), [])
        self.assertEqual((await self.get("--checksum", "sha256:00", f"{self.http}/new")).status, 2)

    async def test_many_at_once_by_name(self) -> None:
        for number in range(20):
            (self.top / f"n{number}").write_bytes(b"%d" % number)
        out = self.folder / "many"
        out.mkdir()
        done = await self.get("-P", "8", "-o", out, *(f"{self.http}/n{number}" for number in range(20)))
        self.assertEqual((done.status, done.err), (0, ""))
        self.assertEqual({path.name: path.read_bytes() for path in out.iterdir()},
                         {f"n{number}": b"%d" % number for number in range(20)})  # fmt: skip

    async def test_cookies(self) -> None:
        heard: list[bytes] = []

        def answer(head: bytes) -> bytes:
            heard.append(head)
            return b"HTTP/1.1 200 OK\r\nSet-Cookie: a=b; Max-Age=1000\r\nContent-Length: 0\r\n\r\n"

        server = ScriptedServer(self, answer)
        jar = self.folder / "jar"
        for _ in range(2):
            self.assertEqual((await self.get("-b", jar, server.url)).status, 0)
        self.assertNotIn(b"Cookie:", heard[0])
        self.assertIn(b"\r\nCookie: a=b", heard[1])
        self.assertEqual(jar.stat().st_mode & 0o777, 0o600)
        jar.write_bytes(b"\xff\x00\t")
        done = await self.get("-b", jar, server.url)
        self.assertEqual(done.status, 9)
        self.assertIn(f"{jar}:1", done.err)
        for way in ((), ("--mirror", "-o", self.folder / "site")):  # it can't be kept
            done = await self.get("-b", self.folder / "nowhere" / "jar", *way, server.url)
            self.assertEqual(done.status, 9, done.err)
            self.assertNotIn("Traceback", done.err)

    async def test_netrc_and_no_terminal(self) -> None:
        url = f"{self.http}/secret/x.txt"
        self.assertEqual((await self.get(url)).status, 5)
        netrc = self.folder / ".netrc"
        netrc.write_text("machine 127.0.0.1 login mulder password trustno1\n")
        netrc.chmod(0o600)
        self.assertEqual((await self.get(url)).out, b"hidden\n")

    async def test_proxy_of_the_environment(self) -> None:
        proxy = f"http://127.0.0.1:{self.daemon.port('proxy')}"
        done = await self.get("-v", f"{self.http}/new", http_proxy=proxy)
        self.assertIn(f"> GET {self.http}/new HTTP/1.1", done.err)
        for way in (("--no-proxy",), ()):
            done = await self.get("-v", *way, f"{self.http}/new", http_proxy=proxy, no_proxy="" if way else "127.0.0.1")
            self.assertIn("> GET /new HTTP/1.1", done.err)
        done = await self.get("-x", proxy, f"{self.bases['ftp']}/spam.txt")
        self.assertEqual(done.out, TEXT)

    async def test_mirror(self) -> None:
        out = self.folder / "out"
        done = await self.get("--mirror", "-o", out, f"{self.http}/site/deep/")
        self.assertEqual(done.status, 0, done.err)
        self.assertIn("2 copied", done.err)
        self.assertEqual((out / "x.txt").read_bytes(), b"x\n")
        for wrong in (
            ("--mirror", f"{self.http}/"),
            ("--mirror", "-o", out, self.http, self.http),
            ("--mirror", "-o", out, "data:,x"),
            ("--mirror", "-o", out, f"{self.bases['ftp']}/"),
        ):
            self.assertEqual((await self.get(*wrong)).status, 2, wrong)

    async def test_post(self) -> None:
        server = ScriptedServer(self, lambda head: b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        done = await command("post", "-d", "a=b c", "-d", "d=\u00e9", server.url)
        self.assertEqual((done.status, done.out), (0, b"ok"))
        self.assertIn(b"\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 14", server.heard[0])
        done = await command("post", "-F", "a=b", "-F", f"f=@{self.top / 'new'}", server.url)
        self.assertEqual((done.status, done.out), (0, b"ok"))
        self.assertIn(b"Content-Type: multipart/form-data; boundary=", b"".join(server.heard))
        for wrong in (("-d", "x"), ("-d", "a=b", "-F", "c=d")):
            self.assertEqual((await command("post", *wrong, server.url)).status, 2)
        self.assertEqual((await command("post", "-F", "f=@/nothing/there", server.url)).status, 9)

    async def test_put_with_a_login_when_asked(self) -> None:
        url = f"{self.http}/secret/".replace("//", "//mulder:trustno1@", 1)
        done = await command("put", self.top / "new", url + "put.txt")
        self.assertEqual(done.status, 0, done.err)
        done = await command("put", "-", url + "piped.txt", input=b"x" * 3_000_000)
        self.assertEqual(done.status, 0, done.err)
        self.assertEqual((self.top / "secret" / "put.txt").read_bytes(), b"new\n")
        self.assertEqual((self.top / "secret" / "piped.txt").stat().st_size, 3_000_000)

    async def test_open(self) -> None:
        seen = self.folder / "seen"
        browser = self.folder / "browser"
        browser.write_text(f'#!/bin/sh\nprintf "%s" "$1" > {seen}\n')
        browser.chmod(0o755)
        done = await command("open", f"{self.http}/x?a=b&c=$HOME", BROWSER=str(browser))
        self.assertEqual((done.status, done.err), (0, ""))
        self.assertEqual(seen.read_text(), f"{self.http}/x?a=b&c=$HOME")
        for url in ("javascript:alert(1)", "http://a/ b", "-x", "http://a/\n"):
            self.assertEqual((await command("open", "--", url, BROWSER=str(browser))).status, 2, url)


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
