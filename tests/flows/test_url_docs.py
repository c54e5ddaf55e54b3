"""Every line of docs/url.md is run, against our own servers."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from twisted.internet.utils import getProcessOutputAndValue
from twisted.trial.unittest import TestCase

from tests.kit.command import command
from tests.kit.daemon import CHECKOUT, Daemon
from tests.kit.webserver import certificate
from tests.test_docs import blocks

PAGE = CHECKOUT / "docs" / "url.md"

INI = """
[netdaemon]
hostname = localhost
[documents]
root = {root}
[tls]
certificate = {pem}
private-key = {pem}
[http]
listen = tcp:0:interface=127.0.0.1 tls:0:interface=127.0.0.1
listing = yes
protect = /secret *
redirect = /old /hello.txt
echo = /echo
[ftp]
listen = tcp:0:interface=127.0.0.1
anonymous = yes
[gopher]
listen = tcp:0:interface=127.0.0.1
[proxy]
listen = tcp:0:interface=127.0.0.1
allow-loopback = yes
"""


class PageTests(TestCase):
    """It takes its time, being some thirty commands."""

    async def test_every_line(self) -> None:
        folder = Path(self.mktemp()).absolute()
        root = folder / "root"
        (root / "site").mkdir(parents=True)
        (root / "secret").mkdir()
        (root / "hello.txt").write_bytes(b"hello\n")
        (root / "secret" / "x.txt").write_bytes(b"hidden\n")
        (root / "site" / "index.html").write_bytes(b"<a href=a.txt>a</a>")
        (root / "site" / "a.txt").write_bytes(b"a\n")
        (root / "big.bin").write_bytes(os.urandom(100_000))
        pem = certificate(folder / "server.pem", "127.0.0.1")
        daemon = Daemon(self, INI.format(root=root, pem=pem))
        password = b"trustno1"
        done = await command("-c", daemon.ini_file, "user", "add", "mulder", "--password-stdin", input=password)
        self.assertEqual(done.status, 0, done.err)
        await daemon.start()
        places = {
            "https://www.example.org": f"https://127.0.0.1:{daemon.port('http', 'tls')}",
            "www.example.org": f"127.0.0.1:{daemon.port('http')}",
            "ftp.example.org": f"127.0.0.1:{daemon.port('ftp')}",
            "gopher.example.org": f"localhost:{daemon.port('gopher')}",
            "proxy.example.org:3128": f"127.0.0.1:{daemon.port('proxy')}",
        }
        (folder / "netdaemon").write_text(f'#!/bin/sh\nexec {sys.executable} -m netdaemon "$@"\n')
        (folder / "netdaemon").chmod(0o755)
        environment = {
            **{name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")},
            "HOME": str(folder),
            "PATH": f"{folder}:{os.environ['PATH']}",
            "PYTHONPATH": f"{CHECKOUT}{os.pathsep}{os.environ.get('PYTHONPATH', '')}",
            "SSL_CERT_FILE": str(pem),
        }

        async def run(*words: str) -> str:
            out, err, status = await getProcessOutputAndValue(words[0], words[1:], env=environment, path=str(folder))
            self.assertEqual(status, 0, (words[-1], err))
            return out.decode("utf-8", "replace") + err.decode()

        def placed(block: str) -> str:
            for name, place in places.items():
                block = block.replace(name, place)
            return block

        said = ""
        for block in blocks(PAGE, "sh"):
            for line in placed(block).splitlines():
                said += await run("sh", "-c", line)
        self.assertGreaterEqual(said.count("hello\n"), 5)
        self.assertIn("hidden\n", said)
        self.assertIn("Content-Disposition: form-data", said)
        self.assertEqual((folder / "site" / "a.txt").read_bytes(), b"a\n")
        self.assertEqual((folder / "menus" / "a.txt").read_bytes(), b"a\n")
        self.assertEqual((folder / "here" / "big.bin").stat().st_size, 100_000)
        said = ""
        for block in blocks(PAGE, "python"):
            said += await run(sys.executable, "-W", "error", "-c", placed(block))
        for wanted in ("text/plain", "REFUSED", "HTTP/1.1 200", "CLOSE", "6 bytes in body", "Content-Length = 6"):
            self.assertIn(wanted, said)
