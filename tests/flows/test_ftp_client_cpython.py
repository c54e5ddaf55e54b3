"""CPython's own test server of ftplib (test.test_ftplib), asked by our clients what its tests ask.

It is as plain as a server can be: it knows no FEAT, answers SIZE with 250, names a foreign address in its reply to
PASV, and never answers an EPSV over IPv4.
"""

from __future__ import annotations

import importlib
import io
import sys
import sysconfig
import warnings
from typing import Any

from twisted.internet import reactor as _reactor
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import SkipTest, TestCase

from netdaemon.protocols.ftp.client import FTP, TLS, Refused, Settings, TooLarge, TryLater, blocking, connect
from netdaemon.wire.blocking import run


def _cpython_tests() -> Any:
    """The module, None where it isn't: not every Python has its tests, and from 3.12 on these lack what they need."""
    standard = sysconfig.get_path("stdlib")
    sys.path.insert(0, standard)  # in trial's workers there is another package "test" before it
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of asyncore and asynchat, on which it stands
            return importlib.import_module("test.test_ftplib")
    except (ImportError, AttributeError, SkipTest):
        return None
    finally:
        sys.path.remove(standard)


cpython = _cpython_tests()
reactor: Any = _reactor


class CPythonCase(TestCase):
    """Every test is run with both clients."""

    settings = Settings(epsv=False)
    address = "127.0.0.1"
    secure = False

    def setUp(self) -> None:
        if cpython is None:
            raise SkipTest("this Python comes without its tests of ftplib")
        made = cpython.DummyTLS_FTPServer if self.secure else cpython.DummyFTPServer
        family = cpython.socket.AF_INET6 if ":" in self.address else cpython.socket.AF_INET
        try:
            self.dummy = made((self.address, 0), af=family)
        except OSError:
            raise SkipTest(f"there is no {self.address} here") from None
        self.dummy.start()

    async def tearDown(self) -> None:
        await deferToThread(self.dummy.stop)
        cpython.asyncore.close_all(ignore_all=True)

    @property
    def handler(self) -> Any:
        return self.dummy.handler_instance

    async def both(self, work: Any, settings: Settings | None = None) -> None:
        settings = settings or self.settings
        async with await connect(reactor, self.address, self.dummy.port, settings=settings) as ftp:
            await work(ftp)

        def block() -> None:
            with blocking.connect(self.address, self.dummy.port, settings=settings) as ftp:
                run(work(ftp.session))

        await deferToThread(block)


class PlainTests(CPythonCase):
    async def test_kinds_of_replies(self) -> None:
        async def work(ftp: FTP) -> None:
            self.assertEqual(ftp.control.greeting.text, b"welcome")
            for line in ("echo 40\r\n0", "echo 40\n0", "echo 40\r0"):
                with self.assertRaises(ValueError):
                    await ftp.ask(line.encode())
            for code, error in (
                ("400", TryLater),
                ("499", TryLater),
                ("500", Refused),
                ("599", Refused),
                ("300", Refused),
            ):
                with self.assertRaises(error):
                    await ftp.do("echo", code)
            await ftp.do("echo", "200")

        await self.both(work)

    async def test_commands(self) -> None:
        async def work(ftp: FTP) -> None:
            await ftp.rename("a", "b")
            await ftp.dele("foo")
            self.assertEqual(await ftp.size("foo"), 1000)
            self.assertEqual(await ftp.mkd("/foo"), "/foo")
            await ftp.rmd("foo")
            await ftp.cwd("/foo")
            self.assertEqual(await ftp.pwd(), "pwd ok")
            await ftp.abor()

        await self.both(work)

    async def test_retrbinary(self) -> None:
        async def work(ftp: FTP) -> None:
            for offset in (0, 10, 20):
                chunks: list[bytes] = []
                await ftp.retrbinary("x", chunks.append, offset=offset)
                self.assertEqual(b"".join(chunks), cpython.RETR_DATA[offset:].encode())

        await self.both(work)

    async def test_retrlines(self) -> None:
        async def work(ftp: FTP) -> None:
            lines: list[str] = []
            await ftp.retrlines("x", lines.append)
            self.assertEqual("".join(line + "\r\n" for line in lines), cpython.RETR_DATA)

        await self.both(work)

    async def test_a_long_line(self) -> None:
        async def work(ftp: FTP) -> None:
            await ftp.ask(b"setlongretr 65537")
            with self.assertRaises(TooLarge):
                await ftp.retrlines("x", print)

        await self.both(work)

    async def test_storbinary(self) -> None:
        data = cpython.RETR_DATA.encode()

        async def work(ftp: FTP) -> None:
            heard: list[bytes] = []
            await ftp.storbinary("x", io.BytesIO(data), heard.append)
            self.assertEqual(bytes(self.handler.last_received_data), data)
            self.assertEqual(b"".join(heard), data)
            await ftp.storbinary("x", io.BytesIO(data), offset=30)
            self.assertEqual(self.handler.rest, "30")

        await self.both(work)

    async def test_storlines(self) -> None:
        async def work(ftp: FTP) -> None:
            await ftp.storlines("x", io.BytesIO(cpython.RETR_DATA.replace("\r\n", "\n").encode()))
            self.assertEqual(bytes(self.handler.last_received_data), cpython.RETR_DATA.encode())

        await self.both(work)

    async def test_listings(self) -> None:
        async def work(ftp: FTP) -> None:
            self.assertEqual(await ftp.nlst(), cpython.NLST_DATA.split("\r\n")[:-1])
            self.assertEqual(await ftp.list_lines(), cpython.LIST_DATA.split("\r\n")[:-1])
            entries = await ftp.folder("/")
            names = [line.partition("; ")[2] for line in cpython.MLSD_DATA.split("\r\n")[2:-1]]
            self.assertEqual([entry.name for entry in entries], names)
            self.assertEqual(
                [entry.kind for entry in entries],
                ["link", "other", "other", "file", "dir", "dir"]
                + ["file"] * 3 + ["dir"] + ["file"] * 3 + ["dir", "file"],
            )  # fmt: skip
            self.assertEqual(entries[0].target, "/foobar")

        await self.both(work)

    async def test_lines_of_mlsd(self) -> None:
        async def work(ftp: FTP) -> None:
            for name in ("name", "na me", "name ", " name", "n am  e", "na;me", ";name", ";name;", ";;;;", "a; b"):
                self.handler.next_data = f"type=ty=pe;perm=perm;UNIQUE==unique; {name}\r\n"
                self.assertEqual([entry.name for entry in await ftp.folder()], [name])
            self.handler.next_data = ""
            self.assertEqual(await ftp.folder(), [])

        await self.both(work)

    async def test_the_server_connects_to_us(self) -> None:
        async def work(ftp: FTP) -> None:
            chunks: list[bytes] = []
            await ftp.retrbinary("x", chunks.append)
            self.assertEqual(b"".join(chunks), cpython.RETR_DATA.encode())

        for epsv in (True, False):
            await self.both(work, Settings(active=True, epsv=epsv, tls=self.settings.tls, verify=False))


class TLSTests(PlainTests):
    settings = Settings(epsv=False, tls=TLS.EXPLICIT, verify=False)
    secure = True


class IPv6Tests(PlainTests):
    settings = Settings()
    address = "::1"

    async def test_the_server_connects_to_us(self) -> None:
        async def work(ftp: FTP) -> None:
            await ftp.retrbinary("x", lambda chunk: None)
            self.assertEqual(self.handler.last_received_cmd, "retr")

        await self.both(work, Settings(active=True))
