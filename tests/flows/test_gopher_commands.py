"""`netdaemon get` and `netdaemon browse` against a daemon, with a terminal and without one."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from twisted.internet.threads import deferToThread

from tests.flows.test_gopher import GopherFlow, Terminal
from tests.kit.command import CHECKOUT, command
from tests.kit.daemon import Daemon


class CommandFlow(GopherFlow):
    async def started(self) -> Daemon:
        daemon = await super().started()
        self.base = f"gopher://localhost:{self.port}"
        self.secure = f"gophers://localhost:{self.tls_port}"
        self.certificate = daemon.data / "tls" / "chain.pem"
        return daemon


class GetTests(CommandFlow):
    async def test_get(self) -> None:
        await self.started()
        text = (self.top / "poems" / "time.txt").read_bytes()
        done = await command("get", f"{self.base}/0/poems/time.txt")
        self.assertEqual((done.status, done.out, done.err), (0, text, ""))
        done = await command("get", f"{self.base}/I/cat.jpg")
        self.assertEqual((done.status, done.out), (0, self.picture))
        done = await command("get", f"{self.base}/")
        self.assertEqual(done.status, 0)
        self.assertRegex(done.out.decode(), r"(?m)^ *\[\d\] text +spam.txt ")
        self.assertIn(f"{self.base}/0/spam.txt\n", done.out.decode())
        done = await command("get", f"{self.base}/7/%09arrow")
        self.assertIn(f"{self.base}/0/poems/time.txt\n", done.out.decode())

    async def test_files(self) -> None:
        await self.started()
        folder = Path(self.mktemp()).absolute()
        folder.mkdir(parents=True)
        done = await command("get", "-o", folder / "menu", f"{self.base}/1/menu")
        self.assertEqual((done.status, done.out), (0, b""))
        self.assertTrue((folder / "menu").read_bytes().startswith(b"iThe menu\t\tnull.host\t1\r\n"))
        done = await command("get", "-o", folder, f"{self.base}/I/cat.jpg", f"{self.base}/0/spam.txt")
        self.assertEqual(done.status, 0, done.err)
        self.assertEqual((folder / "cat.jpg").read_bytes(), self.picture)
        self.assertEqual((folder / "spam.txt").read_bytes(), b"Spam, spam\n")

    async def test_tls(self) -> None:
        await self.started()
        url = f"{self.secure}/0/spam.txt"
        done = await command("get", url)
        self.assertEqual((done.status, done.out), (4, b""))
        self.assertIn("certificate", done.err)
        done = await command("get", "--insecure", url)
        self.assertEqual((done.status, done.out), (0, b"Spam, spam\n"))
        self.assertEqual((await command("get", f"gophers://localhost:{self.port}/0/spam.txt")).status, 4)

    async def test_failures(self) -> None:
        await self.started()
        for url, status, word in (
            (f"{self.base}/0/none", 6, "nothing by that name"),
            (f"{self.base}/9/none", 6, "nothing by that name"),
            (f"{self.base}/0a%0d%0ab", 2, "control character"),
            (f"{self.base}/8/x", 2, "telnet"),
            ("gopher://127.0.0.1:1/", 3, "refused"),
        ):
            done = await command("get", url)
            self.assertEqual((done.status, done.out), (status, b""), url)
            self.assertIn(word, done.err)
            self.assertEqual(done.err.count("\n"), 1)


class BrowseTests(CommandFlow):
    async def test_without_a_terminal(self) -> None:
        await self.started()
        done = await command("browse", f"{self.base}/1/menu")
        self.assertEqual((done.status, done.err), (0, ""))
        self.assertIn("The menu\n", done.out.decode())
        self.assertIn("  [2] http://a.egg/\n", done.out.decode())
        done = await command("browse", f"localhost:{self.port}/0/poems/time.txt")
        self.assertEqual(done.out, (self.top / "poems" / "time.txt").read_bytes())
        done = await command("browse", "-k", f"{self.secure}/1/menu")
        self.assertIn(f"{self.secure}/0/spam.txt\n", done.out.decode())
        for url, status in (
            (f"{self.base}/0/none", 6),
            (f"{self.secure}/", 4),
            (f"{self.base}/7/", 2),
            ("http://a/", 2),
        ):
            self.assertEqual((await command("browse", url)).status, status, url)

    async def test_on_a_terminal(self) -> None:
        await self.started()
        home = Path(self.mktemp()).absolute()
        home.mkdir(parents=True)
        browser = home / "browser"
        browser.write_text(f'#!/bin/sh\nprintf "%s" "$*" > {home}/opened\n')
        browser.chmod(0o755)

        def walk() -> None:
            words = [sys.executable, "-m", "netdaemon", "browse", f"{self.base}/"]
            paths = os.pathsep.join(filter(None, [str(CHECKOUT), os.environ.get("PYTHONPATH")]))
            with Terminal(
                words, PYTHONPATH=paths, HOME=str(home), XDG_DATA_HOME=str(home), BROWSER=str(browser), NO_COLOR="1"
            ) as terminal:
                terminal.until(r"> +1 menu +menu.*spam\.txt.*\? for help")
                terminal.send("1\r")
                terminal.until(r"The menu.*Eggs and.*Web.*\? for help")
                terminal.send("2\r")  # a web link, for $BROWSER
                terminal.until(r"opened http://a\.egg/")
                terminal.send("\r")  # the first item is marked
                terminal.until(r"Spam, spam.*\? for help")
                terminal.send("b")
                terminal.until(r"The menu.*\? for help")
                terminal.send("f")
                terminal.until(r"Spam, spam.*\? for help")
                terminal.send("a")
                terminal.until("kept")
                terminal.send("u")
                terminal.until(r"page\.html.*\? for help")
                terminal.send("jj\x1b[A")
                terminal.until(r"> +2 menu.*\? for help")
                terminal.send("99\r")
                terminal.until("there is no item 99")
                terminal.send("6\r")
                terminal.until("Search for: ")
                terminal.send("arrow\r")
                terminal.until(r"/poems/time\.txt.*\? for help")
                terminal.send("1\r")
                terminal.until(r"like an arrow.*\? for help")
                terminal.send("m")
                terminal.until(r"Bookmarks.*/0/spam\.txt.*\? for help")
                terminal.send("h")
                terminal.until(r"Where you have been.*\? for help")
                terminal.send(f"o{self.base}/I/cat.jpg\r")
                terminal.until("Save as: ")
                terminal.send(f"{home}/kept.jpg\r")
                terminal.until(r"300008 octets are in")
                terminal.send("?")
                terminal.until("where you have been")
                terminal.send("q")
                self.assertEqual(terminal.ended(), 0)

        await deferToThread(walk)
        self.assertEqual((home / "kept.jpg").read_bytes(), self.picture)
        self.assertEqual((home / "opened").read_text(), "http://a.egg/")
