"""The POP3 client and its commands, with our own server."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from twisted.internet import reactor as _reactor

from netdaemon.protocols.pop3.client import TLS, Refused, Settings, connect, plain
from netdaemon.wire.tlsclient import Trust
from netdaemon.wire.transcript import Transcript
from tests.flows.pop3flow import FIRST, HOST, PASSWORD, SECOND, USER, POP3Flow
from tests.kit.command import command
from tests.kit.mail import inbox

reactor: Any = _reactor


class ClientTests(POP3Flow):
    async def test_ours(self) -> None:
        daemon = await self.started(FIRST, SECOND)
        trust = Trust(Path(self.certificate(daemon)))
        for tls, port in ((TLS.NONE, self.port), (TLS.EXPLICIT, self.port), (TLS.IMPLICIT, self.tls_port)):
            settings = Settings(tls=tls, trust=trust)
            async with await connect(
                reactor, "localhost", port, user=USER, password=PASSWORD, settings=settings
            ) as box:
                self.assertEqual(await box.stat(), (2, len(FIRST) + len(SECOND)))
                self.assertEqual(await box.message(1), FIRST)
                self.assertEqual([number async for number, _ in box.tops([1, 2, 3])], [1, 2, 3])
                self.assertIn("SCRAM-SHA-256", " ".join((await box.capabilities())["SASL"]))

            def blocking(tls: TLS = tls, port: int = port) -> None:
                settings = Settings(tls=tls, trust=trust)
                with plain.connect("localhost", port, user=USER, password=PASSWORD, settings=settings) as box:
                    self.assertEqual(box.list(), {1: len(FIRST), 2: len(SECOND)})
                    self.assertEqual(box.message(2), SECOND + b"\r\n")
                    self.assertEqual(dict(box.tops([1, 9])), {1: FIRST[: FIRST.index(b"Hello")], 9: None})
                    self.assertRaises(Refused, box.delete, 3)
                    self.assertEqual(len(set(box.uidl().values())), 2)
                    box.noop()

            await self.in_thread(blocking)
        await daemon.stop()

    async def test_scram_is_bound_to_the_connection(self) -> None:
        daemon = await self.started(FIRST)
        said: list[str] = []
        settings = Settings(
            tls=TLS.IMPLICIT, trust=Trust(Path(self.certificate(daemon))), transcript=Transcript(said.append)
        )
        box = await connect(reactor, "localhost", self.tls_port, user=USER, password=PASSWORD, settings=settings)
        await box.quit()
        self.assertIn("C: AUTH SCRAM-SHA-256-PLUS ***", said)
        self.assertNotIn(PASSWORD, "\n".join(said))


class CommandTests(POP3Flow):
    async def test_list_and_read(self) -> None:
        daemon = await self.started(FIRST, SECOND)
        where = f"pop3://{USER}:{PASSWORD}@{HOST}:{self.port}"
        done = await command("mail", "list", where)
        self.assertEqual(
            (done.status, done.out.decode(), done.err),
            (0, f"1\t{len(FIRST)}\t-\tScully <scully@spam.egg>\tgr\u00fcn\n2\t{len(SECOND)}\t-\t-\tsecond\n", ""),
        )
        done = await command("mail", "read", where, "1")
        self.assertEqual(
            done.out.decode(),
            "From: Scully <scully@spam.egg>\nTo: mulder@spam.egg\nSubject: gr\u00fcn\n\nHello\n.\n..x\n",
        )
        self.assertEqual((await command("mail", "read", f"{where}/2", "--raw")).out, SECOND + b"\r\n")
        secure = f"pop3s://{USER}:{PASSWORD}@{HOST}:{self.tls_port}"
        self.assertEqual((await command("mail", "read", secure, "1", "--insecure", "--raw")).out, FIRST)
        self.assertEqual((await command("mail", "read", where, "1", "--starttls", "-k", "--raw")).out, FIRST)
        secure = f"pop3s://{USER}:{PASSWORD}@localhost:{self.tls_port}"
        done = await command("mail", "read", secure, "1", "--raw", "--cacert", self.certificate(daemon))
        self.assertEqual((done.status, done.out), (0, FIRST))
        home = self.home()
        (home / ".netrc").write_text(f"machine {HOST} login {USER} password {PASSWORD}\n")
        (home / ".netrc").chmod(0o600)
        done = await command("mail", "list", f"pop3://{HOST}:{self.port}", HOME=str(home))
        self.assertEqual((done.status, done.out.count(b"\n")), (0, 2))
        await daemon.stop()
        self.assertEqual(inbox(daemon.data, USER), [FIRST, SECOND])

    async def test_exit_statuses(self) -> None:
        daemon = await self.started(FIRST)
        where = f"pop3://{USER}:{PASSWORD}@{HOST}:{self.port}"
        home = str(self.home())
        for status, words in (
            (2, ("list", "http://localhost/")),
            (2, ("list", f"pop3://{HOST}:{self.port}")),
            (2, ("read", where)),
            (2, ("read", where, "0")),
            (4, ("list", f"pop3s://{USER}:{PASSWORD}@{HOST}:{self.tls_port}")),
            (9, ("list", f"pop3s://{USER}:{PASSWORD}@{HOST}:{self.tls_port}", "--cacert", "/nowhere")),
            (5, ("list", f"pop3://{USER}:wrong@{HOST}:{self.port}")),
            (6, ("read", where, "2")),
        ):
            done = await command("mail", *words, HOME=home)
            self.assertEqual(done.status, status, (words, done))
            self.assertEqual(done.out, b"")
            self.assertNotIn(PASSWORD, done.err)
        await daemon.stop()
        self.assertEqual((await command("mail", "list", where)).status, 3)
