"""AUTH (RFC 4954)."""

from __future__ import annotations

from base64 import b64decode, b64encode

from netdaemon.interfaces import LoginBanned, LoginUnavailable, TooManySessions
from netdaemon.protocols import smtp
from netdaemon.wire.sasl.client import client_exchange
from tests.kit.dialog import Peer
from tests.kit.pump import THERE
from tests.protocols.smtp.kit import PLAIN, SMTPTestCase


class AuthTests(SMTPTestCase):
    kind = smtp.submission

    async def local(self) -> Peer:
        return await self.greeted(client=THERE)

    async def test_plain(self) -> None:
        peer = await self.local()
        await peer.dialog(f"C: auth plain {PLAIN}", "S: 235 2.7.0 Logged in.", "C: AUTH PLAIN", "S: 503 5.5.1 ...")
        peer = await self.local()
        await peer.dialog("C: AUTH PLAIN", "S: 334 ", f"C: {PLAIN}", "S: 235 2.7.0 Logged in.")
        self.assertEqual(self.house.measure.commands["submission", "AUTH", "ok"], 2)

    async def test_login(self) -> None:
        peer = await self.local()
        await peer.dialog(
            "C: AUTH LOGIN",
            "S: 334 VXNlcm5hbWU6",
            f"C: {b64encode(b'mulder').decode()}",
            "S: 334 UGFzc3dvcmQ6",
            f"C: {b64encode(b'trustno1').decode()}",
            "S: 235 2.7.0 Logged in.",
        )

    async def scram(self, peer: Peer, password: str) -> str:
        exchange = client_exchange(["SCRAM-SHA-256"], "mulder", password)
        assert exchange.initial is not None
        peer.send(b"AUTH SCRAM-SHA-256 " + b64encode(exchange.initial) + b"\r\n")
        while (line := await peer.line()).startswith(b"334 "):
            peer.send(b64encode(exchange.step(b64decode(line[4:]))) + b"\r\n")
        if line.startswith(b"235"):
            exchange.finish()
        return line.decode()

    async def test_scram(self) -> None:
        peer = await self.greeted()  # from elsewhere, and in clear
        self.assertEqual(await self.scram(peer, "wrong"), "535 5.7.8 Wrong name or password.")
        self.assertEqual(await self.scram(peer, "trustno1"), "235 2.7.0 Logged in.")

    async def test_passwords_do_not_travel_in_clear(self) -> None:
        peer = await self.greeted()
        await peer.dialog(f"C: AUTH PLAIN {PLAIN}", "S: 538 5.7.11 ...", "C: AUTH LOGIN", "S: 538 5.7.11 ...")

    async def test_wrong_ones(self) -> None:
        peer = await self.local()
        wrong = b64encode(b"\0mulder\0wrong").decode()
        for _ in range(2):
            await peer.dialog(f"C: AUTH PLAIN {wrong}", "S: 535 5.7.8 Wrong name or password.")
        await peer.dialog(f"C: AUTH PLAIN {wrong}", "S: 535 5.7.8 Wrong name or password.", "-- closed")

    async def test_no_exchange(self) -> None:
        peer = await self.local()
        await peer.dialog(
            "C: AUTH",
            "S: 501 5.5.4 ...",
            "C: AUTH CRAM-MD5",
            "S: 504 5.5.4 ...",
            "C: AUTH PLAIN !!!",
            "S: 501 5.5.2 ...",
            "C: AUTH PLAIN",
            "S: 334 ",
            "C: *",
            "S: 501 5.7.0 ...",
            "C: AUTH PLAIN",
            "S: 334 ",
            "C: MAIL FROM:<a@b>",
            "S: 501 5.5.2 ...",
            f"C: AUTH PLAIN {b64encode(b'scully' + b64decode(PLAIN)).decode()}",
            "S: 501 5.5.2 ...",
            f"C: AUTH PLAIN {'A' * 12300}",
            "S: 500 5.5.2 The line is too long.",
            "C: AUTH PLAIN",
            "S: 334 ",
            f"C: {'A' * 12300}",
            "S: 500 5.5.2 The line is too long.",
        )

    async def test_our_own_troubles(self) -> None:
        for error, reply in (
            (LoginUnavailable("x"), "454 4.7.0 ..."),
            (LoginBanned(5.0), "421 4.7.0 ..."),
            (TooManySessions("x"), "421 4.7.0 ..."),
        ):
            self.logins.fails = error
            peer = await self.local()
            await peer.dialog(f"C: AUTH PLAIN {PLAIN}", f"S: {reply}")
            if reply.startswith("421"):
                await peer.dialog("-- closed")

    async def test_only_what_is_wanted(self) -> None:
        peer = await self.greeted(client=THERE, mechanisms=("PLAIN",))
        self.assertIn("AUTH PLAIN", await self.ehlo(peer))
        await peer.dialog("C: AUTH SCRAM-SHA-256 bixh", "S: 504 5.5.4 ...", f"C: AUTH PLAIN {PLAIN}", "S: 235 ...")
        peer = await self.greeted(kind=smtp.smtp, mechanisms=())
        await peer.dialog(f"C: AUTH PLAIN {PLAIN}", "S: 502 5.5.1 ...")

    async def test_no_secret_is_written_down(self) -> None:
        said: list[str] = []
        from netdaemon.wire.transcript import Transcript

        factory = self.factory()
        factory.transcript = lambda session: Transcript(said.append)
        peer = Peer(factory.buildProtocol(THERE), clock=self.clock, peer=THERE)
        self.peers.append(peer)
        await peer.dialog("S: 220 ...")
        await self.ehlo(peer)
        wrong = b64encode(b"\0mulder\0wrong").decode()
        await peer.dialog(
            f"C: AUTH PLAIN {wrong}", "S: 535 ...", "C: AUTH PLAIN", "S: 334 ", f"C: {PLAIN}", "S: 235 ..."
        )
        self.assertIn("C: AUTH PLAIN ***", said)
        self.assertNotIn(PLAIN, "".join(said))
        self.assertNotIn(wrong, "".join(said))
