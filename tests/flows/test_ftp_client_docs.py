"""Every line of docs/ftp-client.md is run, against our own server."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from twisted.internet.utils import getProcessOutputAndValue
from twisted.trial.unittest import TestCase

from tests.kit.command import command
from tests.kit.daemon import CHECKOUT, Daemon
from tests.kit.ftpserver import PASSWORD, USER
from tests.kit.webserver import certificate
from tests.test_docs import blocks

PAGE = CHECKOUT / "docs" / "ftp-client.md"


class PageTests(TestCase):
    """It takes its time, being some twenty commands."""

    async def test_every_line(self) -> None:
        folder = Path(self.mktemp()).absolute()
        root = folder / "root"
        (root / "pub").mkdir(parents=True)
        (root / "incoming").mkdir()
        (root / "pub" / "hello.txt").write_bytes(b"hello\n")
        (root / "pub" / "big.bin").write_bytes(os.urandom(100_000))
        pem = certificate(folder / "server.pem", "127.0.0.1")
        daemon = Daemon(
            self,
            f"[netdaemon]\n[documents]\nroot = {root}\n[tls]\ncertificate = {pem}\nprivate-key = {pem}\n"
            "[ftp]\nlisten = tcp:0:interface=127.0.0.1 tls:0:interface=127.0.0.1\n",
        )
        done = await command("-c", daemon.ini_file, "user", "add", USER, "--password-stdin", input=PASSWORD.encode())
        self.assertEqual(done.status, 0, done.err)
        await daemon.start()
        plain, secure = daemon.port("ftp"), daemon.port("ftp", "tls")
        (folder / "netdaemon").write_text(f'#!/bin/sh\nexec {sys.executable} -m netdaemon "$@"\n')
        (folder / "netdaemon").chmod(0o755)
        (folder / "home").mkdir()
        environment = {
            **os.environ,
            "HOME": str(folder / "home"),
            "PATH": f"{folder}:{os.environ['PATH']}",
            "PYTHONPATH": f"{CHECKOUT}{os.pathsep}{os.environ.get('PYTHONPATH', '')}",
            "SSL_CERT_FILE": str(pem),
        }

        async def run(*words: str) -> str:
            out, err, status = await getProcessOutputAndValue(words[0], words[1:], env=environment, path=str(folder))
            self.assertEqual(status, 0, (words[-1], err))
            return out.decode() + err.decode()

        said = ""
        for block in blocks(PAGE, "sh"):
            block = block.replace("ftps://ftp.example.org", f"ftps://127.0.0.1:{secure}")
            block = block.replace("ftp://ftp.example.org", f"ftp://127.0.0.1:{plain}")
            block = block.replace("ftp.example.org", "127.0.0.1")
            for line in block.splitlines():
                said += await run("sh", "-c", line)
        self.assertEqual(said.count("hello\n"), 4)
        self.assertEqual((root / "incoming" / "copy" / "big.bin").stat().st_size, 100_000)
        for block in blocks(PAGE, "python"):
            block = block.replace('"ftp.example.org"', f'"127.0.0.1", {plain}')
            said = await run(sys.executable, "-W", "error", "-c", block)
            self.assertIn("hello.txt", said)
        self.assertTrue((root / "incoming" / "renamed.txt").exists())
