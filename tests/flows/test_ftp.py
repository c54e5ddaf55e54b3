"""The FTP server over real sockets, with and without TLS: Python's own client, Twisted's, and by hand."""

from __future__ import annotations

import ftplib
import io
import os
import socket
import ssl
from typing import Any

from twisted.internet import reactor
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
from twisted.internet.protocol import Protocol
from twisted.protocols.ftp import FTPClient, FTPFileListProtocol

from tests.flows.ftpclients import (
    PASSWORD,
    PATIENCE,
    USER,
    FTPFlowTestCase,
    Implicit,
    Reusing,
    plain,
    protected,
    trusting,
)

BIG = os.urandom(1 << 20) * 3


def everything(test: FTPFlowTestCase, client: ftplib.FTP) -> None:
    """What a client does in its life."""
    got = io.BytesIO()
    client.retrbinary("RETR hello.txt", got.write)
    test.assertEqual(got.getvalue(), b"hello\n")
    client.mkd("sub")
    client.cwd("sub")
    client.storbinary("STOR big", io.BytesIO(BIG))
    test.assertEqual(client.size("big"), len(BIG))
    got = io.BytesIO()
    client.retrbinary("RETR big", got.write, rest=1_000_000)
    test.assertEqual(got.getvalue(), BIG[1_000_000:])
    client.storbinary("STOR big", io.BytesIO(b"tail"), rest=len(BIG))
    test.assertEqual((test.root / "sub" / "big").read_bytes(), BIG + b"tail")
    client.storlines("STOR text", io.BytesIO(b"a\nb\n"))
    test.assertEqual((test.root / "sub" / "text").read_bytes(), b"a\nb\n")
    lines: list[str] = []
    client.retrlines("RETR text", lines.append)
    test.assertEqual(lines, ["a", "b"])
    client.rename("text", "tëxt")
    test.assertEqual(sorted(client.nlst()), ["big", "tëxt"])
    facts = dict(client.mlsd())
    test.assertEqual((facts["big"]["type"], int(facts["big"]["size"])), ("file", len(BIG) + 4))
    listed: list[str] = []
    client.retrlines("LIST", listed.append)
    test.assertEqual(len(listed), 2)
    client.delete("big")
    client.delete("tëxt")
    client.cwd("/")
    client.rmd("sub")
    test.assertTrue(client.quit().startswith("221"))


class PythonTests(FTPFlowTestCase):
    async def test_in_every_way(self) -> None:
        """In clear and under TLS of both kinds, passive and active; one daemon, as starting it takes the longest."""

        def work() -> None:
            for passive in (True, False):
                for client in (plain(self.port), protected(self.port), protected(self.tls_port, Implicit)):
                    client.set_pasv(passive)
                    everything(self, client)

        await self.away(work)

    async def test_data_connections_resume_the_session(self) -> None:
        def work() -> list[bool]:
            client = protected(self.port, Reusing)
            client.voidcmd("TYPE I")
            resumed = []
            for _ in range(5):
                data = client.transfercmd("RETR hello.txt")
                self.assertEqual(data.recv(100), b"hello\n")
                self.assertEqual(data.recv(100), b"")
                resumed.append(data.session_reused)
                data.close()
                client.voidresp()
            client.quit()
            return resumed

        self.assertEqual(await self.away(work), [True] * 5)

    async def test_abort(self) -> None:
        """Python sends ABOR as urgent data, its last octet being the urgent one."""
        (self.root / "big").write_bytes(bytes(20 << 20))

        def work() -> None:
            client = plain(self.port)
            client.voidcmd("TYPE I")
            data = client.transfercmd("RETR big")
            data.recv(1000)
            self.assertTrue(client.abort().startswith("426"))
            data.close()
            self.assertTrue(client.voidresp().startswith("226"))
            self.assertTrue(client.pwd(), "/")
            client.quit()

        await self.away(work)

    async def test_anonymous_and_strangers(self) -> None:
        def work() -> None:
            client = ftplib.FTP(timeout=PATIENCE)
            client.connect("127.0.0.1", self.port)
            client.login()
            self.assertRaises(ftplib.error_perm, client.mkd, "x")
            self.assertRaises(ftplib.error_perm, client.storbinary, "STOR x", io.BytesIO(b""))
            self.assertRaises(ftplib.error_perm, client.login, USER, "wrong")
            client.close()

        await self.away(work)


class TLSTests(FTPFlowTestCase):
    async def test_bytes_in_clear_behind_auth_are_never_run(self) -> None:
        def work() -> None:
            for injected in (b"NOOP\r\n", b"USER anonymous\r\nPASS x\r\nDELE hello.txt\r\n", b"\x16\x03"):
                with socket.create_connection(("127.0.0.1", self.port), PATIENCE) as connection:
                    self.assertTrue(connection.recv(1000).startswith(b"220"))
                    connection.sendall(b"AUTH TLS\r\n" + injected)
                    self.assertEqual(_all(connection), b"")

        await self.away(work)

    async def test_what_was_said_in_clear_is_forgotten(self) -> None:
        def work() -> None:
            client = ftplib.FTP_TLS(timeout=PATIENCE, context=trusting())
            client.connect("127.0.0.1", self.port)
            client.login(USER, PASSWORD, secure=False)
            client.voidcmd("TYPE I")
            client.auth()
            self.assertRaisesRegex(ftplib.error_perm, "530", client.pwd)
            self.assertRaisesRegex(ftplib.error_perm, "503", client.voidcmd, "PROT P")
            self.assertRaisesRegex(ftplib.error_perm, "503 Already", client.voidcmd, "AUTH TLS")
            client.login(USER, PASSWORD)
            client.prot_p()
            self.assertRaisesRegex(ftplib.error_perm, "ASCII", client.voidcmd, "SIZE hello.txt")
            for command, code in (("PROT E", "536"), ("PROT X", "504"), ("CCC", "534"), ("PBSZ x", "501")):
                self.assertRaisesRegex(ftplib.error_perm, code, client.voidcmd, command)
            client.prot_c()
            self.assertEqual(client.nlst(), ["hello.txt"])
            client.quit()

        await self.away(work)

    async def test_an_upload_that_is_cut_off_is_none(self) -> None:
        """Anybody on the way can end the connection beneath TLS; only TLS's own farewell ends the data."""

        def work() -> None:
            client = protected(self.port)
            client.voidcmd("TYPE I")
            data = client.transfercmd("STOR new")
            data.sendall(b"half of i")
            os.close(data.detach())  # without a farewell
            self.assertRaisesRegex(ftplib.error_temp, "426", client.voidresp)
            self.assertEqual(client.size("new"), 9)
            client.quit()

        await self.away(work)
        self.assertFalse((self.root / "new").exists())
        self.assertEqual((self.root / "new.part").read_bytes(), b"half of i")

    async def test_nothing_is_said_to_who_uploads(self) -> None:
        """A session ticket that arrived behind its closing would have its kernel throw the rest of the upload away."""

        def work() -> None:
            client = protected(self.port)
            client.voidcmd("TYPE I")
            data = client.transfercmd("STOR new")
            data.sendall(b"first")
            while "5 bytes so far" not in client.sendcmd("STAT"):
                pass
            with socket.socket(fileno=os.dup(data.fileno())) as beneath:
                self.assertRaises(BlockingIOError, beneath.recv, 100, socket.MSG_PEEK | socket.MSG_DONTWAIT)
            data.unwrap()
            data.close()
            client.voidresp()
            client.quit()

        await self.away(work)
        self.assertEqual((self.root / "new").read_bytes(), b"first")

    async def test_a_data_connection_that_speaks_no_tls(self) -> None:
        def work() -> None:
            client = protected(self.port)
            data, _ = ftplib.FTP.ntransfercmd(client, "RETR hello.txt")
            data.sendall(b"this is no TLS, is it?\r\n" * 10)
            self.assertNotIn(b"hello", _all(data))
            self.assertRaisesRegex(ftplib.error_temp, "425", client.voidresp)
            client.quit()

        await self.away(work)


class StrictTests(FTPFlowTestCase):
    keys = "require-tls = yes\nrequire-session-reuse = yes"

    async def test_only_under_tls(self) -> None:
        def work() -> None:
            client = ftplib.FTP_TLS(timeout=PATIENCE, context=trusting())
            client.connect("127.0.0.1", self.port)
            self.assertRaisesRegex(ftplib.error_perm, "530", client.login, USER, PASSWORD, "", False)
            client.login(USER, PASSWORD)
            self.assertRaisesRegex(ftplib.error_perm, "521", client.nlst)
            self.assertRaisesRegex(ftplib.error_perm, "503", client.voidcmd, "PROT P")
            client.quit()

        await self.away(work)

    async def test_only_with_the_session_of_before(self) -> None:
        def work() -> None:
            client = protected(self.port)
            with self.assertRaises((ftplib.error_perm, ssl.SSLError, OSError)):
                client.nlst()
                client.voidresp()
            client.close()
            client = protected(self.port, Reusing)
            self.assertEqual(client.nlst(), ["hello.txt"])
            client.quit()

        await self.away(work)

    async def test_the_answer_to_a_new_session(self) -> None:
        def work() -> None:
            client = protected(self.port)
            data, _ = ftplib.FTP.ntransfercmd(client, "NLST")
            try:
                with trusting().wrap_socket(data) as under:
                    self.assertEqual(under.recv(100), b"")
            except OSError:
                pass
            self.assertRaisesRegex(ftplib.error_perm, "522", client.voidresp)
            client.quit()

        await self.away(work)


class TwistedTests(FTPFlowTestCase):
    """Stock Twisted's client."""

    async def test_its_whole_life(self) -> None:
        endpoint = TCP4ClientEndpoint(reactor, "127.0.0.1", self.port)
        client: Any = await connectProtocol(endpoint, FTPClient(USER, PASSWORD))
        listing = FTPFileListProtocol()
        await client.list(".", listing)
        self.assertEqual([(file["filename"], file["size"]) for file in listing.files], [("hello.txt", 6)])
        await client.makeDirectory("sub")
        await client.cwd("sub")
        storing, stored = client.storeFile("new")
        sender = await storing
        sender.transport.write(BIG)
        sender.finish()
        await stored
        self.assertEqual((self.root / "sub" / "new").read_bytes(), BIG)
        got = _Kept()
        await client.retrieveFile("new", got)
        self.assertEqual(b"".join(got.pieces), BIG)
        await client.rename("new", "old")
        await client.removeFile("old")
        await client.cdup()
        await client.removeDirectory("sub")
        self.assertEqual(await client.pwd(), ['257 "/" is the current directory.'])
        await client.quit()
        client.transport.loseConnection()


class _Kept(Protocol):
    def __init__(self) -> None:
        self.pieces: list[bytes] = []

    def dataReceived(self, data: bytes) -> None:
        self.pieces.append(data)


def _all(connection: socket.socket) -> bytes:
    """All that comes until the end, be it a rough one."""
    data = b""
    try:
        while more := connection.recv(65536):
            data += more
    except ConnectionResetError:
        pass
    return data
