"""The FTP client, awaitable and blocking, against real servers: pyftpdlib, vsftpd and our own."""

from __future__ import annotations

import io
import os
import socket
import ssl
import zlib
from pathlib import Path
from typing import Any, cast

from twisted.internet import reactor as _reactor
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from netdaemon.protocols.ftp.client import (
    FTP,
    TLS,
    Broken,
    ConnectFailed,
    Failed,
    NoAnswer,
    NotLoggedIn,
    NotSpoken,
    Refused,
    Settings,
    Timeouts,
    TLSFailed,
    blocking,
    connect,
    sockets,
)
from netdaemon.wire.blocking import run
from netdaemon.wire.tlsclient import Trust
from netdaemon.wire.transcript import Transcript
from tests.kit.command import command, start
from tests.kit.daemon import Daemon, Watched
from tests.kit.ftpserver import PASSWORD, USER, PyFTPServer, Vsftpd
from tests.kit.webserver import certificate

reactor: Any = _reactor
BIG = os.urandom(64 * 1024) * 20 + b"end"


async def exercise(ftp: FTP, folder: str, features: frozenset[str]) -> None:
    """What a client does in its life, in ``folder``; raises AssertionError."""
    await ftp.cwd(folder)
    here = await ftp.pwd()
    assert here.endswith(folder), here

    await ftp.store("big", [BIG[:100_000], BIG[100_000:]])
    assert await ftp.size("big") == len(BIG)
    chunks: list[bytes] = []
    await ftp.retrbinary("big", chunks.append)
    assert b"".join(chunks) == BIG
    chunks.clear()
    await ftp.retrbinary("big", chunks.append, offset=1_000_000)
    assert b"".join(chunks) == BIG[1_000_000:]

    await ftp.store("big", io.BytesIO(BIG[1_000_000:]), offset=1_000_000)
    await ftp.append("big", [b"more"])
    file = io.BytesIO()
    await ftp.download("big", file)
    assert file.getvalue() == BIG + b"more"

    await ftp.store("empty", [])
    assert await ftp.size("empty") == 0
    async with await ftp.retrieve("empty") as download:
        assert [chunk async for chunk in download] == []

    await ftp.upload(io.BytesIO(b"one\ntwo\n"), "text.txt")
    lines: list[str] = []
    await ftp.retrlines("text.txt", lines.append)
    assert lines == ["one", "two"], lines

    name = "sp ace \u20ac"
    assert (await ftp.mkd(name)).endswith(name)
    found = {entry.name: entry for entry in await ftp.folder()}
    assert found.keys() == {"big", "empty", "text.txt", name}, found
    assert found[name].folder and found["big"].size == len(BIG) + 4
    assert sorted(await ftp.nlst()) == sorted(found)
    assert len(await ftp.list_lines()) >= 4
    assert await ftp.folder(name) == []

    # Broken off, and the session goes on.
    download = await ftp.retrieve("big")
    await anext(download)
    await download.close()
    await ftp.noop()

    for work in (ftp.retrieve("none"), ftp.cwd("none"), ftp.size("none"), ftp.dele("none")):
        try:
            await work
        except Refused:
            pass
        else:
            raise AssertionError("there is no such thing")

    await ftp.rename("big", f"{name}/moved")
    if "MFMT" in await ftp.features():
        await ftp.mfmt(f"{name}/moved", 784111777.0)
        assert await ftp.mdtm(f"{name}/moved") == 784111777.0
        assert (await ftp.mlst(f"{name}/moved")).modified == 784111777.0
    if "HASH" in await ftp.features():
        digest = await ftp.hash("empty")
        assert digest.digest.hex().startswith("e3b0c442"), digest
    await ftp.dele(f"{name}/moved")
    await ftp.rmd(name)
    await ftp.dele("empty")
    await ftp.dele("text.txt")
    assert await ftp.folder() == []
    assert features <= (await ftp.features()).keys(), await ftp.features()


class ServerCase(TestCase):
    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).absolute()
        (self.folder / "root" / "pub").mkdir(parents=True)
        self.root = self.folder / "root"
        self.addCleanup(self.root.chmod, 0o755)
        self.pem = certificate(self.folder / "server.pem", "127.0.0.1")
        self.trust = Trust(self.pem)

    async def both(self, port: int, user: str = USER, features: frozenset[str] = frozenset(), **more: Any) -> None:
        """Exercise both clients, in passive and in active mode."""
        for active in (False, True):
            settings = Settings(trust=self.trust, active=active, **more)
            async with await connect(
                reactor, "127.0.0.1", port, user=user, password=PASSWORD, settings=settings
            ) as ftp:
                await exercise(ftp, "pub", features)

            def block(settings: Settings = settings) -> None:
                with blocking.connect("127.0.0.1", port, user=user, password=PASSWORD, settings=settings) as ftp:
                    run(exercise(ftp.session, "pub", features))

            await deferToThread(block)


class PyFTPTests(ServerCase):
    async def test_in_clear(self) -> None:
        server = await PyFTPServer(self, self.root).start()
        await self.both(server.port, features=frozenset({"MLST", "MFMT"}))
        await self.both(server.port, epsv=False, compress=True)  # it knows no MODE Z, and is not asked

    async def test_under_tls(self) -> None:
        server = await PyFTPServer(self, self.root, certificate=self.pem).start()
        await self.both(server.port, tls=TLS.EXPLICIT)
        for settings in (Settings(), Settings(tls=TLS.IMPLICIT)):
            with self.assertRaises(Failed):
                await connect(reactor, "127.0.0.1", server.port, user=USER, password=PASSWORD, settings=settings)

    async def test_whom_to_believe(self) -> None:
        other = certificate(self.folder / "other.pem", "other.example")
        for pem, trust, why in (
            (self.pem, Trust(), "not trusted"),
            (other, Trust(other), "belongs to another host"),
        ):
            server = await PyFTPServer(self, self.root, certificate=pem).start()
            settings = Settings(tls=TLS.EXPLICIT, trust=trust)
            with self.assertRaises(TLSFailed) as raised:
                await connect(reactor, "127.0.0.1", server.port, user=USER, password=PASSWORD, settings=settings)
            self.assertIn(why, str(raised.exception))
            with self.assertRaises(TLSFailed) as raised:
                await deferToThread(blocking.connect, "127.0.0.1", server.port, user=USER, settings=settings)
            self.assertIn(why, str(raised.exception))

    async def test_logins(self) -> None:
        server = await PyFTPServer(self, self.root).start()
        with self.assertRaises(NotLoggedIn):
            await connect(reactor, "127.0.0.1", server.port, user=USER, password="wrong")


class VsftpdTests(ServerCase):
    def setUp(self) -> None:
        super().setUp()
        (self.root / "pub").chmod(0o777)

    async def test_in_clear(self) -> None:
        server = await Vsftpd(self, self.root).start()
        await self.both(server.port, "anonymous", frozenset({"EPSV"}))

    async def test_data_connections_go_on_with_the_session(self) -> None:
        """vsftpd refuses (522) every data connection that does not."""
        server = await Vsftpd(self, self.root, certificate=self.pem).start()
        await self.both(server.port, "anonymous", tls=TLS.EXPLICIT)

    async def test_one_that_does_not_is_refused_and_that_is_said(self) -> None:
        server = await Vsftpd(self, self.root, certificate=self.pem).start()
        settings = Settings(tls=TLS.EXPLICIT, trust=self.trust)
        context = self.trust.client("127.0.0.1")

        async def work(ftp: FTP) -> None:
            ftp.data_tls = lambda session: context
            with self.assertRaises(Failed) as raised:
                await ftp.folder()
            self.assertIn("522 SSL connection failed", str(raised.exception))

        async with await connect(reactor, "127.0.0.1", server.port, settings=settings) as ftp:
            await work(ftp)

        def block() -> None:
            with blocking.connect("127.0.0.1", server.port, settings=settings) as ftp:
                run(work(ftp.session))

        await deferToThread(block)


class DaemonTests(ServerCase):
    """Our own server, which wants the session gone on with too."""

    async def test_ours(self) -> None:
        daemon = Daemon(
            self,
            f"[netdaemon]\n[documents]\nroot = {self.root}\n[tls]\ncertificate = {self.pem}\nprivate-key = {self.pem}\n"
            "[ftp]\nlisten = tcp:0:interface=127.0.0.1 tls:0:interface=127.0.0.1\nrequire-session-reuse = yes\n",
        )
        done = await command("-c", daemon.ini_file, "user", "add", USER, "--password-stdin", input=PASSWORD.encode())
        self.assertEqual(done.status, 0, done.err)
        await daemon.start()
        plain, secure = daemon.port("ftp"), daemon.port("ftp", "tls")
        features = frozenset({"MLST", "MFMT", "HASH", "UTF8"})
        await self.both(plain, features=features)
        await self.both(plain, features=features, tls=TLS.EXPLICIT)
        await self.both(secure, features=features, tls=TLS.IMPLICIT)
        for more in ({}, {"tls": TLS.EXPLICIT, "compress_level": 1}):
            await self.both(plain, features=features | {"MODE"}, compress=True, **more)
        await self.both(secure, features=features, tls=TLS.IMPLICIT, compress=True)

    async def serve(self, keys: str = "") -> Daemon:
        daemon = Daemon(
            self,
            f"[netdaemon]\n[documents]\nroot = {self.root}\n[tls]\ncertificate = {self.pem}\nprivate-key = {self.pem}\n"
            f"[ftp]\nlisten = tcp:0:interface=127.0.0.1 tls:0:interface=127.0.0.1\nanonymous = yes\n{keys}",
        )
        await daemon.start()
        return daemon

    async def test_deflated_data_are_less(self) -> None:
        """What goes over the data connections, as a meter between us and the server sees it."""
        daemon = await self.serve()
        (self.root / "song").write_bytes(b"a bottle of beer on the wall\n" * 100_000)
        came: dict[tuple[bool, str], int] = {}
        for compress in (False, True):
            settings = Settings(compress=compress)

            async def work(ftp: FTP, ground: str, compress: bool = compress) -> None:
                download = await ftp.retrieve("song")
                inner = getattr(download._transfer.data, "_data", download._transfer.data)
                read, octets = inner.read, [0]

                async def metered() -> bytes:
                    piece: bytes = await read()
                    octets[0] += len(piece)
                    return piece

                inner.read = metered
                self.assertEqual(b"".join([chunk async for chunk in download]), (self.root / "song").read_bytes())
                came[compress, ground] = octets[0]

            async with await connect(reactor, "127.0.0.1", daemon.port("ftp"), settings=settings) as ftp:
                await work(ftp, "reactor")

            def block(settings: Settings = settings, work: Any = work) -> None:
                with blocking.connect("127.0.0.1", daemon.port("ftp"), settings=settings) as ftp:
                    run(work(ftp.session, "sockets"))

            await deferToThread(block)
        for ground in ("reactor", "sockets"):
            self.assertEqual(came[False, ground], 2_900_000)
            self.assertLess(came[True, ground], 20_000)

    async def test_the_host_is_named(self) -> None:
        daemon = await self.serve("hosts = files.example\n")
        for tls in (TLS.NONE, TLS.EXPLICIT):
            lines: list[str] = []
            settings = Settings(tls=tls, verify=False, virtual_host=True, transcript=Transcript(lines.append))

            def begin(host: str, settings: Settings = settings) -> FTP:
                timeouts = settings.timeouts
                stream = sockets.reach("127.0.0.1", daemon.port("ftp"), timeouts.connect, host)
                control = sockets.SocketControl(stream, timeouts, settings.transcript)
                run(control.greet())
                made = FTP(control, sockets.SocketLinks(timeouts), host, settings)
                return run(made.begin("anonymous", "x@"))

            ftp = await deferToThread(begin, "Files.Example")
            self.assertEqual(await deferToThread(run, ftp.nlst("pub")), [])
            await deferToThread(run, ftp.quit())
            verbs = [line.split()[1] for line in lines if line.startswith("C: ")]
            self.assertEqual(verbs[verbs.index("FEAT") :][:3], ["FEAT", "HOST", "USER"], lines)
            self.assertEqual("AUTH" in verbs[: verbs.index("FEAT")], tls is TLS.EXPLICIT)
            with self.assertRaises(Refused) as raised:
                await deferToThread(begin, "other.example")
            self.assertEqual(raised.exception.reply.code, 504)

    async def test_another_login(self) -> None:
        daemon = await self.serve()
        settings = Settings(tls=TLS.EXPLICIT, trust=self.trust, compress=True)

        def block() -> None:
            with blocking.connect("127.0.0.1", daemon.port("ftp"), settings=settings) as ftp:
                self.assertEqual(ftp.nlst("pub"), [])
                ftp.rein()
                self.assertIsNone(ftp.session.mode)
                with self.assertRaises(NotLoggedIn):
                    ftp.nlst("pub")
                ftp.login("anonymous", "x@")
                self.assertEqual((ftp.nlst("pub"), ftp.session.mode), ([], b"Z"))

        await deferToThread(block)


class Scripted(Protocol):
    """Says ``script[command]`` to a command, and the greeting first."""

    def __init__(self, script: dict[bytes, bytes]) -> None:
        self.script = script
        self.heard: list[bytes] = []
        self.data = b""

    def connectionMade(self) -> None:
        cast(Any, self.transport).write(self.script.get(b"", b"220 ready\r\n"))

    def dataReceived(self, data: bytes) -> None:
        self.data += data
        *lines, self.data = self.data.split(b"\r\n")
        for line in lines:
            self.heard.append(line)
            answer = self.script.get(line.partition(b" ")[0], b"502 what?\r\n")
            cast(Any, self.transport).write(answer)


LOGIN = {b"USER": b"230 in\r\n", b"TYPE": b"200 ok\r\n", b"QUIT": b"221 bye\r\n"}


class SocketTests(TestCase):
    """Where a real socket makes the difference."""

    def serve(self, script: dict[bytes, bytes]) -> int:
        self.sessions: list[Scripted] = []

        def made() -> Scripted:
            self.sessions.append(Scripted(script))
            return self.sessions[-1]

        listening = reactor.listenTCP(0, Factory.forProtocol(made), interface="127.0.0.1")
        self.addCleanup(listening.stopListening)
        return int(listening.getHost().port)

    async def both(self, port: int, work: Any, settings: Settings, error: type[Exception], said: str = "") -> None:
        async def with_streams() -> None:
            async with await connect(reactor, "127.0.0.1", port, settings=settings) as ftp:
                await work(ftp)

        def with_sockets() -> None:
            with blocking.connect("127.0.0.1", port, settings=settings) as ftp:
                run(work(ftp.session))

        for way in (with_streams, lambda: deferToThread(with_sockets)):
            with self.assertRaises(error) as raised:
                await way()
            self.assertIn(said, str(raised.exception))

    @staticmethod
    async def fetch(ftp: FTP) -> None:
        async with await ftp.retrieve("name") as download:
            async for _ in download:
                pass

    async def test_nobody_listens(self) -> None:
        listening = reactor.listenTCP(0, Factory.forProtocol(Protocol), interface="127.0.0.1")
        port = listening.getHost().port
        await listening.stopListening()
        await self.both(port, self.fetch, Settings(), ConnectFailed, f"127.0.0.1 port {port}: connection refused")

    async def test_no_such_host(self) -> None:
        with self.assertRaises(ConnectFailed) as raised:
            await connect(reactor, "nowhere.invalid")
        self.assertEqual(str(raised.exception), "nowhere.invalid: no such host")
        with self.assertRaises(ConnectFailed) as raised:
            await deferToThread(blocking.connect, "nowhere.invalid")
        self.assertEqual(str(raised.exception), "nowhere.invalid: no such host")

    async def test_bytes_behind_the_go_ahead_for_tls(self) -> None:
        port = self.serve({b"AUTH": b"234 go\r\n230 you are in\r\n"})
        settings = Settings(tls=TLS.EXPLICIT, verify=False)
        await self.both(port, self.fetch, settings, NotSpoken, "bytes in clear")
        self.assertEqual([session.heard for session in self.sessions], [[b"AUTH TLS"]] * 2)

    async def test_a_silent_server(self) -> None:
        settings = Settings(timeouts=Timeouts(answer=0.2))
        await self.both(self.serve({b"": b""}), self.fetch, settings, NoAnswer, "in time")
        port = self.serve({b"AUTH": b"234 go\r\n"})
        settings = Settings(tls=TLS.EXPLICIT, verify=False, timeouts=Timeouts(connect=2, answer=2))
        await self.both(port, self.fetch, settings, TLSFailed)

    async def test_a_server_that_never_makes_the_data_connection(self) -> None:
        port = self.serve({**LOGIN, b"EPRT": b"200 ok\r\n", b"RETR": b"150 here\r\n"})
        settings = Settings(active=True, timeouts=Timeouts(connect=2))
        await self.both(port, self.fetch, settings, ConnectFailed, "made no data connection within 2 s")

    async def test_an_endless_reply(self) -> None:
        port = self.serve({**LOGIN, b"NOOP": b"200-" + b"x" * 100_000})
        await self.both(port, FTP.noop, Settings(), NotSpoken)
        port = self.serve({**LOGIN, b"NOOP": b"200-x\r\n" + b" y\r\n" * 5000})
        await self.both(port, FTP.noop, Settings(), NotSpoken, "too many lines")

    async def test_data_that_are_not_what_mode_z_says(self) -> None:
        whole = zlib.compress(b"hello world")
        sent: list[bytes] = []

        class Data(Protocol):
            def connectionMade(self) -> None:
                transport: Any = self.transport
                transport.write(sent[-1])
                transport.loseConnection()

        listening = reactor.listenTCP(0, Factory.forProtocol(Data), interface="127.0.0.1")
        self.addCleanup(listening.stopListening)
        port = self.serve(
            {
                **LOGIN,
                b"FEAT": b"211-so\r\n MODE Z\r\n211 end\r\n",
                b"MODE": b"200 ok\r\n",
                b"EPSV": b"229 (|||%d|)\r\n" % listening.getHost().port,
                b"RETR": b"150 here\r\n226 done\r\n",
            }
        )
        settings = Settings(compress=True, timeouts=Timeouts(answer=5))
        for data, why in (
            (whole[:-1], "in the middle"),
            (b"", "in the middle"),
            (whole[:-1] + b"x", "not deflated data"),
            (b"hello world", "not deflated data"),
            (whole + b"x", "octets behind the end"),
        ):
            sent.append(data)
            await self.both(port, self.fetch, settings, Broken, why)

    async def test_an_upload_that_is_killed_ends_in_a_reset(self) -> None:
        """An end in good order would make a whole document of what there is of it."""
        ended: Deferred[type[BaseException]] = Deferred()

        class Data(Protocol):
            def dataReceived(self, data: bytes) -> None:
                if process.transport.pid:
                    process.transport.signalProcess("KILL")

            def connectionLost(self, reason: Any = None) -> None:
                ended.callback(reason.type)

        listening = reactor.listenTCP(0, Factory.forProtocol(Data), interface="127.0.0.1")
        self.addCleanup(listening.stopListening)
        passive = b"229 (|||%d|)\r\n" % listening.getHost().port
        port = self.serve({**LOGIN, b"EPSV": passive, b"STOR": b"150 go on\r\n"})
        process: Any = Watched()
        start(process, "put", "-", f"ftp://127.0.0.1:{port}/name")
        process.transport.write(b"x" * 100_000)  # more than the client keeps to itself, and not the end
        self.assertEqual((await ended).__name__, "ConnectionLost")
        await process.ended()


class CutTests(TestCase):
    """Data under TLS that end without TLS saying so: somebody on the way may have ended them."""

    def setUp(self) -> None:
        folder = Path(self.mktemp()).absolute()
        folder.mkdir(parents=True)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(certificate(folder / "server.pem", "127.0.0.1"))
        self.server = socket.create_server(("127.0.0.1", 0))
        self.server.settimeout(30)
        self.addCleanup(self.server.close)

    def serve(self, announced: bytes, says_so: bool, sent: bytes) -> None:
        """One session under implicit TLS, with MODE Z and one RETR."""
        control = self.context.wrap_socket(self.server.accept()[0], server_side=True)
        passive = socket.create_server(("127.0.0.1", 0))
        with control, passive, control.makefile("rb") as lines:
            control.sendall(b"220 ready\r\n")
            for line in lines:
                verb = line.split()[0]
                if verb == b"EPSV":
                    control.sendall(b"229 (|||%d|)\r\n" % passive.getsockname()[1])
                elif verb == b"RETR":
                    raw = passive.accept()[0]
                    control.sendall(b"150 here" + announced + b"\r\n")
                    data = self.context.wrap_socket(raw, server_side=True)
                    data.sendall(sent)
                    if says_so:
                        data.unwrap().close()
                    else:
                        data.shutdown(socket.SHUT_WR)
                        data.close()
                    control.sendall(b"226 done\r\n")
                elif verb == b"USER":
                    control.sendall(b"230 in\r\n")
                elif verb == b"FEAT":
                    control.sendall(b"211-so\r\n MODE Z\r\n211 end\r\n")
                elif verb == b"QUIT":
                    control.sendall(b"221 bye\r\n")
                    return
                else:
                    control.sendall(b"200 ok\r\n")

    async def fetch(
        self, announced: bytes, says_so: bool, sent: bytes = b"hello", *, compress: bool = False
    ) -> list[Any]:
        """What comes of it with either client: octets or an exception."""
        port = self.server.getsockname()[1]
        settings = Settings(tls=TLS.IMPLICIT, verify=False, compress=compress)
        came: list[Any] = []

        async def work(ftp: FTP) -> None:
            chunks: list[bytes] = []
            try:
                await ftp.retrbinary("name", chunks.append)
            except Failed as error:
                came.append(type(error))
            else:
                came.append(b"".join(chunks))

        served = deferToThread(self.serve, announced, says_so, sent)
        async with await connect(reactor, "127.0.0.1", port, settings=settings) as ftp:
            await work(ftp)
        await served
        served = deferToThread(self.serve, announced, says_so, sent)

        def block() -> None:
            with blocking.connect("127.0.0.1", port, settings=settings) as ftp:
                run(work(ftp.session))

        await deferToThread(block)
        await served
        return came

    async def test_an_end_that_is_said(self) -> None:
        self.assertEqual(await self.fetch(b"", True), [b"hello", b"hello"])

    async def test_one_that_is_not(self) -> None:
        self.assertEqual(await self.fetch(b"", False), [Broken, Broken])

    async def test_all_that_was_announced_has_come(self) -> None:
        self.assertEqual(await self.fetch(b" (5 bytes)", False), [b"hello", b"hello"])

    async def test_less_has_come(self) -> None:
        self.assertEqual(await self.fetch(b" (6 bytes)", True), [Broken, Broken])

    async def test_deflated_data_have_an_end_of_their_own(self) -> None:
        whole = zlib.compress(b"hello")
        for says_so in (True, False):
            self.assertEqual(await self.fetch(b"", says_so, whole, compress=True), [b"hello", b"hello"])
            self.assertEqual(await self.fetch(b"", says_so, whole[:-1], compress=True), [Broken, Broken])


class HandshakeTests(ServerCase):
    async def test_data_are_verified_too(self) -> None:
        """A data connection that goes on with no session shows a certificate, and that is looked at."""
        other = certificate(self.folder / "other.pem", "other.example")
        server = await PyFTPServer(self, self.root, certificate=self.pem).start()
        settings = Settings(tls=TLS.EXPLICIT, trust=self.trust)
        async with await connect(
            reactor, "127.0.0.1", server.port, user=USER, password=PASSWORD, settings=settings
        ) as ftp:
            ftp.data_tls = lambda session: Trust(other).client("127.0.0.1")
            with self.assertRaises(TLSFailed) as raised:
                await ftp.folder()
            self.assertIn("data connection: the certificate is not trusted", str(raised.exception))
