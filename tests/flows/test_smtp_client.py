"""The SMTP client, awaitable and blocking, against real servers: aiosmtpd, Postfix' smtp-sink, and our own."""

from __future__ import annotations

import io
import socket
import time
from typing import Any

from twisted.internet.threads import blockingCallFromThread, deferToThread
from twisted.trial.unittest import SkipTest

from netdaemon.mail.addresses import Address
from netdaemon.mail.interfaces import Envelope, Recipient
from netdaemon.protocols.smtp.client import (
    TLS,
    AllRefused,
    ConnectFailed,
    NoAnswer,
    NotLoggedIn,
    NotSpoken,
    NoWayIn,
    Settings,
    Timeouts,
    TLSFailed,
    TryLater,
    Unsendable,
    connect,
    plain,
)
from netdaemon.protocols.smtp.server import SMTPSession
from netdaemon.wire.blocking import run
from tests.bench.peers.smtp import postfix
from tests.bench.processes import Missing
from tests.flows.smtppost import MAIL, PASSWORD, USER, PostTestCase, reactor
from tests.kit.daemon import short_folder
from tests.kit.mailserver import Aiosmtpd, SmtpSink
from tests.kit.programs import needs

ME, HER = "mulder@localhost", "scully@localhost"
BIG = b"Subject: big\r\n\r\n" + (b"." * 77 + b"\r\n") * 20_000


def letter(*recipients: str) -> Envelope:
    return Envelope(
        "t", Address("mulder", "localhost"), tuple(Recipient(Address(name, "localhost")) for name in recipients)
    )


async def exercise(mail: Any, chunks: bool = True) -> None:
    """What a client does in its life; raises AssertionError. The server knows scully and not nobody."""
    assert await mail.sendmail(ME, [HER], MAIL) == {}
    refused = await mail.sendmail(ME, ["nobody@localhost", HER], MAIL)
    assert [address.local for address in refused] == ["nobody"], refused
    try:
        await mail.sendmail(ME, ["nobody@localhost"], MAIL)
    except AllRefused as error:
        assert error.reply.code == 550, error
    else:
        raise AssertionError("nobody was refused")
    answers = await mail.send(letter("nobody", "scully"), BIG)
    assert [answer.ok for answer in answers] == [False, True], answers
    answers = await mail.send(letter("scully"), io.BytesIO(MAIL))
    assert answers[0].ok
    if chunks:
        answers = await mail.send(letter("scully"), [MAIL[:7], MAIL[7:]])
        assert answers[0].ok
    assert mail.usable
    await mail.noop()
    await mail.reset()


EXPECTED = [MAIL, MAIL, BIG, MAIL, MAIL]


class OurServerTests(PostTestCase):
    async def test_awaitable(self) -> None:
        for port, tls in (("submission", TLS.NONE), ("submission", TLS.EXPLICIT), ("tls", TLS.IMPLICIT)):
            settings = Settings(tls=tls, trust=self.trust)
            client = await connect(
                reactor, "localhost", self.ports[port], user=USER, password=PASSWORD, settings=settings
            )
            async with client:
                await exercise(client)
            self.assertEqual([taken.octets for taken in self.delivery.messages], EXPECTED)
            self.delivery.messages.clear()

    async def test_blocking(self) -> None:
        def work() -> None:
            for port, tls in (("submission", TLS.NONE), ("submission", TLS.EXPLICIT), ("tls", TLS.IMPLICIT)):
                for chunking in (False, True):
                    settings = Settings(tls=tls, trust=self.trust, chunking=chunking)
                    with plain.connect(
                        "localhost", self.ports[port], user=USER, password=PASSWORD, settings=settings
                    ) as client:
                        self.assertEqual(client.secure, tls is not TLS.NONE)
                        run(exercise(client.session))
                        client.noop()
                        self.assertEqual(client.verify("scully").code, 250)
                        self.assertEqual(client.expand("scully").code, 550)
                        self.assertEqual(client.sendmail(ME, HER, MAIL), {})
                        self.assertTrue(client.send(letter("scully"), MAIL)[0].ok)
                    self.assertFalse(client.usable)

        await self.away(work)
        self.assertEqual([taken.octets for taken in self.delivery.messages], [*EXPECTED, MAIL, MAIL] * 6)

    async def test_lmtp(self) -> None:
        client = await connect(reactor, "127.0.0.1", self.ports["lmtp"], settings=Settings(lmtp=True))
        async with client:
            answers = await client.send(letter("scully", "nobody", "mulder"), MAIL)
        self.assertEqual([answer.code for answer in answers], [250, 550, 250])

    async def test_a_server_that_stops(self) -> None:
        sessions: list[Any] = []
        made = SMTPSession.connectionMade

        def remember(session: SMTPSession) -> None:
            sessions.append(session)
            made(session)

        def drain() -> None:
            for session in sessions:
                session.drain()

        def work() -> None:
            client = plain.connect("127.0.0.1", self.ports["smtp"])
            self.assertTrue(client.usable)
            blockingCallFromThread(reactor, drain)
            end = time.monotonic() + 30
            while client.usable:
                self.assertLess(time.monotonic(), end)
            with self.assertRaises(TryLater):  # its farewell is the answer to whatever is asked
                client.noop()
            client.quit()

        self.patch(SMTPSession, "connectionMade", remember)
        await self.away(work)


class FailureTests(PostTestCase):
    async def test_each_in_its_own_way(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            nobody = free.getsockname()[1]

        def work() -> None:
            with self.assertRaises(ConnectFailed):
                plain.connect("127.0.0.1", nobody)
            with self.assertRaises(NotLoggedIn):
                plain.connect("127.0.0.1", self.ports["submission"], user=USER, password="wrong")
            with self.assertRaises(TLSFailed):
                plain.connect("localhost", self.ports["tls"], settings=Settings(tls=TLS.IMPLICIT))

        await self.away(work)
        with self.assertRaises(ConnectFailed):
            await connect(reactor, "127.0.0.1", nobody)
        with self.assertRaises(NotLoggedIn):
            await connect(reactor, "127.0.0.1", self.ports["submission"], user=USER, password="wrong")

    async def test_what_is_no_server(self) -> None:
        for said in (b"SSH-2.0-x\r\n", b"* OK IMAP\r\n", b"x" * 20_000):
            for blocking in (False, True):
                listening = socket.create_server(("127.0.0.1", 0))
                listening.listen()
                port = listening.getsockname()[1]

                def serve(listening: socket.socket = listening, said: bytes = said) -> None:
                    with listening.accept()[0] as connection:
                        connection.settimeout(10)
                        try:
                            connection.sendall(said)
                            while connection.recv(4096):
                                pass
                        except OSError:
                            pass

                serving = deferToThread(serve)
                settings = Settings(timeouts=Timeouts(5.0, 5.0, 5.0))
                with self.assertRaises((NotSpoken, NoAnswer)):
                    if blocking:
                        await self.away(lambda: plain.connect("127.0.0.1", port, settings=settings))  # noqa: B023
                    else:
                        await connect(reactor, "127.0.0.1", port, settings=settings)
                await serving
                listening.close()


class AiosmtpdTests(PostTestCase):
    async def test_both_clients(self) -> None:
        (self.folder / "taken").mkdir()
        server = await Aiosmtpd(self, self.folder / "taken", self.folder / "host.pem").start()
        settings = Settings(tls=TLS.EXPLICIT, trust=self.trust)
        client = await connect(reactor, "localhost", server.port, user=USER, password=PASSWORD, settings=settings)
        async with client:
            await exercise(client)
            with self.assertRaises(Unsendable):  # it has no REQUIRETLS
                await client.send(Envelope("t", None, letter("scully").recipients, require_tls=True), MAIL)
            umlaut = Envelope("t", None, (Recipient(Address("f\xf6x", "localhost")),), utf8=True, body="8BITMIME")
            self.assertTrue((await client.send(umlaut, "Subject: \xfc\r\n".encode()))[0].ok)

        def work() -> None:
            with plain.connect("localhost", server.port, user=USER, password=PASSWORD, settings=settings) as client:
                run(exercise(client.session))

        await self.away(work)
        messages = server.messages()
        octets = [message["octets"] for message in messages]
        self.assertEqual(octets, [*EXPECTED, "Subject: \xfc\r\n".encode(), *EXPECTED])
        self.assertEqual(messages[5]["recipients"], ["f\xf6x@localhost"])
        self.assertEqual({message["tls"] for message in messages}, {True})

    async def test_logins(self) -> None:
        (self.folder / "taken").mkdir()
        server = await Aiosmtpd(self, self.folder / "taken", self.folder / "host.pem").start()
        with self.assertRaises(NotLoggedIn):
            settings = Settings(tls=TLS.EXPLICIT, trust=self.trust)
            await connect(reactor, "localhost", server.port, user=USER, password="wrong", settings=settings)
        with self.assertRaises(NoWayIn):  # in clear it offers no login
            await connect(reactor, "localhost", server.port, user=USER, password=PASSWORD)


class SmtpSinkTests(PostTestCase):
    async def test_messages(self) -> None:
        for words, settings in (
            ((), Settings()),
            (("-p",), Settings()),
            (("-L",), Settings(lmtp=True)),
            (("-e",), Settings()),
        ):
            server = await SmtpSink(self, *words).start()
            client = await connect(reactor, "127.0.0.1", server.port, settings=settings)
            async with client:
                for message in (MAIL, BIG):
                    answers = await client.send(letter("scully", "mulder"), message)
                    self.assertTrue(all(answer.ok for answer in answers), (words, answers))
            messages = [message.replace(b"\r\n", b"\n").rstrip() for message in server.messages()]
            self.assertEqual(len(messages), 2, words)
            for message in (MAIL, BIG):
                expected = message.replace(b"\r\n", b"\n").rstrip()
                self.assertTrue(any(each.endswith(expected) for each in messages), words)

    async def test_refusals(self) -> None:
        for words, code in ((("-f", "RCPT"), 5), (("-f", "DATA"), 5), (("-f", "."), 5), (("-r", "RCPT,."), 4)):
            server = await SmtpSink(self, *words).start()
            client = await connect(reactor, "127.0.0.1", server.port)
            for _ in range(2):
                answers = await client.send(letter("scully"), MAIL)
                self.assertEqual(answers[0].code // 100, code, (words, str(answers[0])))
                if not client.usable:
                    break
            await client.quit()


class PostfixTests(PostTestCase):
    """Postfix itself, with a queue of its own: root alone can start it."""

    async def setUp(self) -> None:
        await super().setUp()
        needs(self, "postfix")
        self.place = short_folder(self) / "postfix"  # its users must get in
        self.place.mkdir()
        try:
            self.server = await deferToThread(postfix(chain=self.folder / "host.pem"), self.place)
        except Missing as missing:
            raise SkipTest(str(missing)) from None
        self.addCleanup(deferToThread, self.server.stop)
        self.port = self.server.ports["tcp"]

    def maildir(self) -> list[bytes]:
        return [file.read_bytes() for file in (self.place / "mail" / "bench" / "new").glob("*")]

    async def test_messages(self) -> None:
        here, elsewhere = Address("bench", "localhost"), Address("x", "example.org")
        recipients = (Recipient(here, frozenset({"NEVER"}), "rfc822;bench@localhost"), Recipient(elsewhere))
        both = Envelope("t", Address("mulder", "localhost"), recipients, envelope_id="a b", return_full=True)
        for tls, chunking in ((TLS.NONE, True), (TLS.NONE, False), (TLS.EXPLICIT, True), (TLS.OPPORTUNISTIC, False)):
            settings = Settings(tls=tls, trust=self.trust, chunking=chunking)
            async with await connect(reactor, "localhost", self.port, settings=settings) as mail:
                self.assertEqual(mail.secure, tls is not TLS.NONE)
                self.assertTrue(
                    {"PIPELINING", "DSN", "CHUNKING", "SMTPUTF8", "SIZE"} <= mail.extensions.keywords.keys()
                )
                for message in (MAIL, BIG):
                    answers = await mail.send(both, message)
                    self.assertEqual(
                        [(answer.code, answer.status) for answer in answers][1], (554, "5.7.1"), str(answers[1])
                    )
                    self.assertTrue(answers[0].ok)

        def work() -> None:
            with plain.connect("localhost", self.port, settings=Settings(tls=TLS.EXPLICIT, trust=self.trust)) as mail:
                self.assertEqual(mail.sendmail("mulder@localhost", "bench@localhost", MAIL), {})

        await self.away(work)
        end = time.monotonic() + 30
        while len(messages := self.maildir()) < 9:
            self.assertLess(time.monotonic(), end, "it does not deliver")
            await deferToThread(time.sleep, 0.05)
        bodies = sorted(message.replace(b"\n", b"\r\n").partition(b"\r\n\r\n")[2] for message in messages)
        expected = sorted([MAIL.partition(b"\r\n\r\n")[2]] * 5 + [BIG.partition(b"\r\n\r\n")[2]] * 4)
        self.assertTrue(bodies == expected, [len(body) for body in bodies])
