"""LMTP (RFC 2033)."""

from __future__ import annotations

from netdaemon.mail.interfaces import MailRefused
from netdaemon.protocols import smtp
from tests.kit.dialog import Peer
from tests.protocols.smtp.kit import SMTPTestCase


class LMTPTests(SMTPTestCase):
    kind = smtp.lmtp

    async def addressed_here(self) -> Peer:
        peer = self.peer()
        await peer.dialog("S: 220 spam.egg LMTP netdaemon")
        lines = await self.ehlo(peer, "LHLO")
        self.assertIn("PIPELINING", lines)
        self.assertNotIn("AUTH", " ".join(lines))
        await self.envelope(peer, "mulder@spam.egg", "scully@spam.egg", "mulder+x@spam.egg")
        return peer

    async def test_an_answer_for_each(self) -> None:
        self.delivery.refuses_later["scully"] = MailRefused(452, "4.2.2", "Full.")
        for message in ("DATA", "BDAT"):
            peer = await self.addressed_here()
            if message == "DATA":
                await peer.dialog("C: DATA", "S: 354 ...", "C* x\\r\\n.\\r\\n")
            else:
                await peer.dialog("C* BDAT 1\\r\\nx", "S: 250 2.0.0 ...", "C* BDAT 2 LAST\\r\\n\\r\\n")
            await peer.dialog(
                "S: 250 2.1.5 ...", "S: 452 4.2.2 Full.", "S: 250 2.1.5 ...", "-- silence", "C: NOOP", "S: 250 2.0.0 OK"
            )
            self.assertEqual(self.delivery.messages.pop().envelope.protocol, "LMTP")

    async def test_a_message_that_is_refused_is_so_for_each(self) -> None:
        peer = await self.addressed_here()
        await peer.dialog("C: DATA", "S: 354 ...", "C* x\\ny\\r\\n.\\r\\n", *["S: 550 5.6.11 ..."] * 3, "-- silence")
        await self.envelope(peer, "mulder@spam.egg", "scully@spam.egg")
        self.delivery.fails = ZeroDivisionError()
        await peer.dialog("C: DATA", "S: 354 ...", "C* x\\r\\n.\\r\\n", *["S: 451 4.3.0 ..."] * 2, "-- silence")
        await self.envelope(peer, "mulder@spam.egg", "scully@spam.egg")
        self.delivery.fails, self.delivery.spool_fails = None, ZeroDivisionError()
        await peer.dialog("C: DATA", "S: 354 ...", "C* x\\r\\n.\\r\\n", *["S: 451 4.3.0 ..."] * 2, "-- silence")
        self.errors = len(self.flushLoggedErrors(ZeroDivisionError))
        self.assertEqual(self.errors, 2)

    async def test_no_smtp(self) -> None:
        peer = self.peer()
        await peer.dialog("S: 220 ...")
        for command in ("HELO x", "EHLO x", "AUTH PLAIN", "ETRN x", "EXPN x", "SEND", "TURN"):
            await peer.dialog(f"C: {command}", "S: 500 5.5.1 There is no such command.")
        await peer.dialog("C: MAIL FROM:<a@b>", "S: 503 5.5.1 Say LHLO first.")

    async def test_no_relaying(self) -> None:
        peer = self.peer()
        await peer.dialog("S: 220 ...")
        await self.ehlo(peer, "LHLO")
        await peer.dialog("C: MAIL FROM:<a@b>", "S: 250 ...", "C: RCPT TO:<x@example.org>", "S: 550 5.7.1 ...")
