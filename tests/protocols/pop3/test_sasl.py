"""AUTH, as transcripts (RFC 5034), and in clear (RFC 2595 section 7)."""

from __future__ import annotations

from netdaemon.interfaces import LoginUnavailable
from netdaemon.wire.sasl.client import client_exchange
from netdaemon.wire.sasl.encoding import decode_base64, encode_base64
from tests.kit.dialog import Peer
from tests.protocols.pop3.kit import FAR, HELLO, OUTSIDE, POP3TestCase


class AuthTests(POP3TestCase):
    async def test_capabilities(self) -> None:
        peer = await self.greeted(login_delay=1.5)
        lines = (
            "S: +OK This works here:", "S: TOP", "S: UIDL", "S: RESP-CODES", "S: AUTH-RESP-CODE", "S: PIPELINING",
            "S: USER", "S: SASL SCRAM-SHA-256 PLAIN LOGIN", "S: STLS", "S: EXPIRE NEVER", "S: LOGIN-DELAY 2",
            "S: UTF8 USER", "S: LANG", "S: IMPLEMENTATION netdaemon", "S: .",
        )  # fmt: skip
        await peer.dialog("C: CAPA", *lines, "C: USER mulder", "S: +OK ...", "C: PASS trustno1", "S: +OK ...")
        await peer.dialog("C: CAPA", *lines)

    async def test_expire_is_told(self) -> None:
        for days in (0, 30):
            peer = await self.greeted(expire=days)
            peer.send(b"CAPA\r\nQUIT\r\n")
            self.assertIn(b"\r\nEXPIRE %d\r\n" % days, await peer.rest())

    async def test_from_elsewhere_in_clear(self) -> None:
        peer = self.peer(host=OUTSIDE, client=FAR)
        await peer.dialog("S: +OK ...", "C: AUTH", "S: +OK Mechanisms:", "S: SCRAM-SHA-256", "S: .")
        clear = "S: -ERR This connection is in clear: begin with STLS."
        await peer.dialog(
            "C: USER mulder", clear, "C: AUTH PLAIN AG11bGRlcgB0cnVzdG5vMQ==", "S: -ERR That mechanism ..."
        )
        peer.send(b"CAPA\r\n")
        lines = [await peer.line() for _ in range(13)]
        self.assertNotIn(b"USER", lines)
        self.assertIn(b"SASL SCRAM-SHA-256", lines)
        self.assertEqual(lines[-1], b".")
        self.assertEqual(self.logins.tried, 0)
        await self.scram(peer)

    async def test_never_in_clear(self) -> None:
        peer = await self.greeted(plaintext_login="never")
        await peer.dialog("C: USER mulder", "S: -ERR This connection is in clear: begin with STLS.")

    async def test_accounts_without_verifiers(self) -> None:
        self.logins.has_verifiers = False
        peer = await self.greeted()
        await peer.dialog("C: AUTH", "S: +OK Mechanisms:", "S: PLAIN", "S: LOGIN", "S: .")
        await peer.dialog("C: AUTH SCRAM-SHA-256", "S: -ERR That mechanism is not offered here.")
        peer = self.peer(host=OUTSIDE, client=FAR)
        peer.send(b"CAPA\r\nQUIT\r\n")
        self.assertNotIn(b"SASL", await peer.rest())

    async def test_plain(self) -> None:
        self.store.put("mulder", HELLO)
        response = encode_base64(b"\0mulder\0trustno1").decode()
        peer = await self.greeted()
        await peer.dialog(
            f"C: AUTH PLAIN {response}", f"S: +OK 1 messages ({len(HELLO)} octets)", "C: QUIT", "S: +OK ..."
        )
        peer = await self.greeted()
        await peer.dialog("C: auth plain", "S: + ", f"C: {response}", "S: +OK 1 ...", "C: STAT", "S: +OK 1 ...")

    async def test_login(self) -> None:
        peer = await self.greeted()
        await peer.dialog("C: AUTH LOGIN", "S: + VXNlcm5hbWU6", "C: bXVsZGVy", "S: + UGFzc3dvcmQ6", "C: dHJ1c3RubzE=")
        await peer.dialog("S: +OK 0 messages (0 octets)")

    async def scram(self, peer: Peer, password: str = "trustno1") -> None:
        exchange = client_exchange(["SCRAM-SHA-256"], "mulder", password)
        assert exchange.initial is not None
        peer.send(b"AUTH SCRAM-SHA-256 " + encode_base64(exchange.initial) + b"\r\n")
        for _ in range(2):
            line = await peer.line()
            if not line.startswith(b"+ "):
                break
            peer.send(encode_base64(exchange.step(decode_base64(line[2:]))) + b"\r\n")
        else:
            line = await peer.line()
            exchange.finish()
        wanted = b"+OK 0 messages (0 octets)" if password == "trustno1" else b"-ERR [AUTH] Wrong name or password."
        self.assertEqual(line, wanted)

    async def test_scram(self) -> None:
        await self.scram(await self.greeted())

    async def test_scram_with_a_wrong_password(self) -> None:
        peer = await self.greeted()
        await self.scram(peer, "wrong")
        await peer.dialog("C: STAT", "S: -ERR Log in first.")

    async def test_wrong_syntax(self) -> None:
        peer = await self.greeted(login_attempts=3)
        await peer.dialog(
            "C: AUTH PLAIN", "S: + ", "C: *", "S: -ERR As you like.",
            "C: AUTH PLAIN *", "S: -ERR As you like.",
            "C: AUTH PLAIN =", "S: -ERR Malformed PLAIN response.",
            "C: AUTH PLAIN !!", "S: -ERR The response is not base64.",
            "C: AUTH PLAIN", "S: + ", "C: spam", "S: -ERR ...",
            "C: AUTH GSSAPI", "S: -ERR That mechanism is not offered here.",
            "C: AUTH PLAIN a b", "S: -ERR A mechanism is wanted.",
            "C: NOOP", "S: +OK",
        )  # fmt: skip
        self.assertEqual(self.logins.tried, 0)

    async def test_too_long(self) -> None:
        peer = await self.greeted()
        await peer.dialog("C: AUTH PLAIN", "S: + ")
        peer.send(b"A" * 12_287 + b"\r\n")
        await peer.dialog("S: -ERR The line is too long.", "C: NOOP", "S: +OK")
        peer.send(b"AUTH PLAIN " + b"A" * 11_000 + b"\r\n")
        await peer.dialog("S: -ERR The response is too long.", "C: NOOP", "S: +OK")

    async def test_a_name_given_before_is_forgotten(self) -> None:
        peer = await self.greeted()
        await peer.dialog("C: USER mulder", "S: +OK ...", "C: AUTH PLAIN *", "S: -ERR ...", "C: PASS trustno1")
        await peer.dialog("S: -ERR USER comes first.")

    async def test_an_account_store_that_fails(self) -> None:
        def fail(name: str) -> None:
            raise LoginUnavailable("no disk")

        self.patch(self.logins, "scram_verifier", fail)
        peer = await self.greeted()
        first = encode_base64(b"n,,n=mulder,r=abcdef").decode()
        await peer.dialog(f"C: AUTH SCRAM-SHA-256 {first}", "S: -ERR [SYS/TEMP] Logins don't ...", "-- closed")
