"""Uploads whose daemon or client is killed: the old document or the new one, and never a part of it under its name.

The stages are told apart by what the client has been told, not by time.
"""

from __future__ import annotations

import ftplib
import os
import signal
import socket
import subprocess
import sys

from tests.flows.ftpclients import INI, FTPFlowTestCase, plain, protected
from tests.kit.daemon import Daemon

OLD, NEW = b"old" * 1000, os.urandom(1 << 20)


class KilledDaemonTests(FTPFlowTestCase):
    async def killed(self, stage: str) -> bytes:
        """What stands under the name after the daemon was killed at ``stage`` of an upload."""
        (self.root / "document").write_bytes(OLD)

        def work() -> None:
            client = plain(self.port)
            client.voidcmd("TYPE I")
            if stage == "asked":
                client.sendcmd("EPSV")
                client.sendcmd("STOR document")
            else:
                data = client.transfercmd("STOR document")
                if stage != "opened":
                    data.sendall(NEW if stage in ("sent", "closed", "told") else NEW[: len(NEW) // 2])
                if stage in ("closed", "told"):
                    data.close()
                if stage == "told":
                    client.voidresp()
                elif stage in ("half", "sent"):
                    wanted = len(NEW) if stage == "sent" else len(NEW) // 2
                    while f"{wanted} bytes so far" not in client.sendcmd("STAT"):
                        pass
            self.daemon.signal(signal.SIGKILL)
            try:
                while client.sock.recv(4096):
                    pass
            except ConnectionResetError:
                pass
            client.close()

        await self.away(work)
        await self.daemon.wait()
        return (self.root / "document").read_bytes()

    async def test_every_stage(self) -> None:
        for stage in ("asked", "opened", "half", "sent", "closed", "told"):
            found = await self.killed(stage)
            if stage == "told":
                self.assertEqual(found, NEW)
            elif stage == "closed":
                self.assertIn(found, (OLD, NEW))
            else:
                self.assertEqual(found, OLD, stage)
            names = [entry.name for entry in self.root.iterdir() if not entry.name.startswith(".netdaemon-")]
            self.assertEqual(sorted(names), ["document", "hello.txt"], stage)
            self.daemon = Daemon(self, INI.format(root=self.root, keys=""))
            await self.daemon.start()
            self.port = self.daemon.port("ftp")
            # what the killed one was writing nobody sees
            listed = await self.away(lambda: sorted(plain(self.port).nlst("-a")))
            self.assertEqual(listed, ["document", "hello.txt"], stage)


CLIENT = """\
import ftplib, os, socket, ssl, sys
port, tls, stage = int(sys.argv[1]), sys.argv[2] == "tls", sys.argv[3]
context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
client = ftplib.FTP_TLS(context=context) if tls else ftplib.FTP()
client.connect("127.0.0.1", port)
client.login("mulder", "trustno1")
if tls:
    client.prot_p()
client.voidcmd("TYPE I")
data = client.transfercmd("STOR document")
if stage == "half":
    data.sendall(bytes(100_000))
    while "100000 bytes so far" not in client.sendcmd("STAT"):
        pass
print("ready", flush=True)
sys.stdin.read()
"""


class KilledClientTests(FTPFlowTestCase):
    async def test_every_stage(self) -> None:
        for tls in ("clear", "tls"):
            for stage in ("opened", "half"):
                (self.root / "document").write_bytes(OLD)
                await self.away(lambda tls=tls, stage=stage: self.client(tls, stage))
                self.assertEqual((self.root / "document").read_bytes(), OLD, (tls, stage))

    def client(self, tls: str, stage: str) -> None:
        """A client that is killed, after which nothing of it is under way any more."""
        command = [sys.executable, "-c", CLIENT, str(self.port), tls, stage]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            self.assertEqual(process.stdout.readline(), b"ready\n")
            process.kill()
        (self.root / "document.part").unlink(missing_ok=True)
        client = protected(self.port) if tls == "tls" else plain(self.port)
        while self._temporaries():
            client.voidcmd("NOOP")
        client.quit()

    def _temporaries(self) -> list[str]:
        return [entry.name for entry in self.root.iterdir() if entry.name.startswith(".netdaemon-")]

    async def test_a_reset_is_no_end(self) -> None:
        def work() -> None:
            client = plain(self.port)
            client.voidcmd("TYPE I")
            data = client.transfercmd("STOR document")
            data.sendall(b"half of it")
            while "10 bytes so far" not in client.sendcmd("STAT"):
                pass
            data.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            data.close()
            self.assertRaisesRegex(ftplib.error_temp, "426", client.voidresp)
            client.quit()

        await self.away(work)
        self.assertFalse((self.root / "document").exists())
        self.assertEqual((self.root / "document.part").read_bytes(), b"half of it")
