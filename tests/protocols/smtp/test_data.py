"""DATA and BDAT: what is taken, what is refused and when it is answered."""

from __future__ import annotations

import errno

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred

from netdaemon.mail.interfaces import MailRefused
from netdaemon.messages.errors import StoreBroken, StoreFull
from netdaemon.wire.dot import stuffed
from tests.kit.dialog import Peer
from tests.protocols.smtp.kit import SMTPTestCase


class DataTests(SMTPTestCase):
    async def send(self, peer: Peer, octets: bytes, reply: str) -> None:
        """A message's octets behind DATA."""
        await peer.dialog("C: DATA", "S: 354 ...")
        peer.send(octets)
        await peer.dialog(f"S: {reply}")

    async def test_empty(self) -> None:
        await self.send(await self.addressed(), b".\r\n", "250 2.0.0 ...")
        self.assertEqual(self.taken.octets, b"")

    async def test_the_size_is_looked_at_as_it_comes(self) -> None:
        peer = await self.addressed(size=100)
        line = b"x" * 48 + b"\r\n"
        await self.send(peer, line * 2 + b".\r\n", "250 ...")
        await self.envelope(peer)
        await self.send(peer, line * 2 + b"y\r\n.\r\n", "552 5.3.4 The message is too large.")
        await self.envelope(peer)
        await self.send(peer, line * 2000 + b".\r\nNOOP\r\n", "552 5.3.4 The message is too large.")
        await peer.dialog("S: 250 2.0.0 OK")
        self.assertEqual(self.taken.octets, line * 2)
        self.assertLessEqual(max(spool.size for spool in self.delivery.spools), 101)

    async def test_a_line_too_long_stays_within_the_message(self) -> None:
        for longest, refused in ((998, True), (1000, False), (0, False)):
            peer = await self.addressed(text_line=longest)
            await self.send(peer, b"x" * 998 + b"\r\n.\r\n", "250 ...")
            await self.envelope(peer)
            reply = "500 5.6.0 A line of the message has more than 998 octets." if refused else "250 ..."
            await self.send(peer, b"MAIL " + b"x" * 994 + b"\r\n.\r\n", reply)
            await peer.dialog("-- silence")
            await self.envelope(peer)
            reply = "250 ..." if longest == 0 else "500 5.6.0 ..."
            await self.send(peer, b"a\r\n" + b"QUIT " * 40_000 + b"\r\nb\r\n.\r\n", reply)
            await peer.dialog("-- silence", "C: NOOP", "S: 250 2.0.0 OK")

    async def test_a_client_that_says_it_all_at_once(self) -> None:
        for piece in (None, 1, 7):
            peer = self.peer(piece=piece)
            peer.send(
                b"EHLO x\r\nMAIL FROM:<a@b>\r\nRCPT TO:<mulder@spam.egg>\r\nRCPT TO:<nobody@spam.egg>\r\nDATA\r\n"
                b"Subject: 1\r\n.\r\nMAIL FROM:<>\r\nRCPT TO:<scully@spam.egg>\r\nBDAT 6\r\none\r\n\r"
                b"BDAT 7 LAST\r\n\n.\r\ntwoQUIT\r\n"
            )
            codes = [line[:3] for line in (await peer.rest()).split(b"\r\n") if line[3:4] == b" "]
            self.assertEqual(codes, b"220 250 250 250 550 354 250 250 250 250 250 221".split())
            first, second = self.delivery.messages
            self.assertEqual(first.octets, b"Subject: 1\r\n")
            self.assertEqual(second.octets, b"one\r\n\r\n.\r\ntwo")
            self.delivery.messages.clear()

    async def test_what_was_sent_along_with_a_refused_sender_is_no_mistake(self) -> None:
        peer = await self.greeted(bad_commands_before_login=2, size=10)
        for _ in range(4):
            peer.send(b"MAIL FROM:<a@b> SIZE=11\r\n" + b"RCPT TO:<mulder@spam.egg>\r\n" * 5 + b"DATA\r\nRSET\r\n")
            replies = [(await peer.line())[:3] for _ in range(8)]
            self.assertEqual(replies, [b"552", *[b"503"] * 6, b"250"])
        await peer.dialog(
            "C: FOO", "S: 500 ...", "C: FOO", "S: 500 ...", "S: 421 4.7.0 Too many bad commands.", "-- closed"
        )

    async def test_only_a_delivered_message_is_a_yes(self) -> None:
        for error, reply in (
            (MailRefused(554, "5.7.1", "No."), "554 5.7.1 No."),
            (StoreFull("full"), "452 4.3.1 ..."),
            (StoreBroken("broken"), "451 4.3.0 ..."),
            (OSError(errno.EIO, "broken"), "451 4.3.0 ..."),
            (OSError(errno.ENOSPC, "full"), "452 4.3.1 ..."),
            (ZeroDivisionError(), "451 4.3.0 ..."),
        ):
            self.delivery.fails = error
            peer = await self.addressed()
            await self.send(peer, b"x\r\n.\r\n", reply)
            await peer.dialog("C: NOOP", "S: 250 2.0.0 OK")
        self.errors = len(self.flushLoggedErrors(ZeroDivisionError))
        self.check_none_taken()

    async def test_a_spool_that_fails(self) -> None:
        self.delivery.no_spool = StoreFull("full")
        peer = await self.addressed()
        await peer.dialog("C: DATA", "S: 452 4.3.1 ...", "C: BDAT 3", "C* abc", "S: 452 4.3.1 ...")
        self.delivery.no_spool = None
        for error, reply in (
            (StoreFull("full"), "452 4.3.1 ..."),
            (StoreBroken("broken"), "451 4.3.0 ..."),
            (OSError(errno.EDQUOT, "quota"), "452 4.3.1 ..."),
            (ZeroDivisionError(), "451 4.3.0 ..."),
        ):
            self.delivery.spool_fails = error
            peer = await self.addressed()
            await self.send(peer, b"x" * 500 + b"\r\nNOOP\r\n.\r\n", reply)
            await peer.dialog("-- silence")
            await self.envelope(peer)
            await peer.dialog(
                "C: BDAT 5", "C* NOOP\\n", f"S: {reply}", "C: BDAT 5 LAST", "C* NOOP\\n", "S: 503 5.5.1 ..."
            )
        self.errors = len(self.flushLoggedErrors(ZeroDivisionError))
        self.assertEqual(self.errors, 2)
        self.check_none_taken()

    async def test_the_answer_waits_for_delivery(self) -> None:
        gate: Deferred[None] = Deferred()
        self.delivery.wait = lambda: gate
        peer = await self.addressed()
        await peer.dialog("C: DATA", "S: 354 ...", "C* x\\r\\n.\\r\\nNOOP\\r\\n", "-- silence")
        gate.callback(None)
        await peer.dialog("S: 250 2.0.0 Taken ...", "S: 250 2.0.0 OK")

    async def test_a_delivery_outlives_its_client(self) -> None:
        gate: Deferred[None] = Deferred()
        self.delivery.wait = lambda: gate
        peer = await self.addressed()
        await peer.dialog("C: DATA", "S: 354 ...", "C* x\\r\\n.\\r\\n", "-- hangs up")
        (spool,) = self.delivery.spools
        self.assertFalse(spool.aborted)
        self.assertFalse(gate.called)
        gate.callback(None)
        self.assertEqual(self.taken.octets, b"x\r\n")
        self.assertTrue(spool.aborted)

    async def test_a_slow_spool_holds_the_client_back(self) -> None:
        gates: list[Deferred[None]] = []

        def wait() -> Deferred[None]:
            gates.append(Deferred())
            return gates[-1]

        peer = await self.addressed()
        await peer.dialog("C: DATA", "S: 354 ...")
        self.delivery.spools[0].wait = wait
        peer.send(b"x\r\n")
        peer.send(b"y\r\n")
        self.assertFalse(peer.transport.reading)
        self.assertEqual(len(gates), 1)
        peer.send(b".\r\n")
        while gates:
            gates.pop().callback(None)
            peer._turn()
        await peer.dialog("S: 250 2.0.0 ...")
        self.assertEqual(self.taken.octets, b"x\r\ny\r\n")

    async def test_refused_for_some_is_taken(self) -> None:
        self.delivery.refuses_later["scully"] = MailRefused(552, "5.2.2", "Full.")
        await self.send(await self.addressed("mulder@spam.egg", "scully@spam.egg"), b"x\r\n.\r\n", "250 2.0.0 ...")
        self.delivery.refuses_later["mulder"] = MailRefused(452, "4.2.2", "Later.")
        await self.send(await self.addressed("scully@spam.egg", "mulder@spam.egg"), b"x\r\n.\r\n", "452 4.2.2 Later.")

    async def test_nul(self) -> None:
        await self.send(await self.addressed(), b"a\0b\r\n.\r\n", "550 5.6.11 NUL in the message.")

    async def test_eight_bits(self) -> None:
        await self.send(await self.addressed(parameters=" BODY=8BITMIME"), b"\xfc\xff\r\n.\r\n", "250 ...")
        self.assertEqual(self.taken.octets, b"\xfc\xff\r\n")
        self.assertEqual(self.taken.envelope.body, "8BITMIME")


class ChunkTests(SMTPTestCase):
    async def test_chunks(self) -> None:
        peer = await self.addressed()
        await peer.dialog(
            "C* BDAT 4\\r\\nabc\\r", "S: 250 2.0.0 4 octets taken.",
            "C* BDAT 0\\r\\n", "S: 250 2.0.0 0 octets taken.",
            "C: RCPT TO:<scully@spam.egg>", "S: 503 5.5.1 ...",
            "C: DATA", "S: 503 5.5.1 What began with BDAT goes on with it.",
            "C* bdat 5 last\\r\\n\\n.\\r\\n.", "S: 250 2.0.0 Taken as ...",
            "C* BDAT 1 LAST\\r\\nx", "S: 503 5.5.1 Say MAIL first.",
        )  # fmt: skip
        self.assertEqual(self.taken.octets, b"abc\r\n.\r\n.")

    async def test_binary(self) -> None:
        peer = await self.addressed(parameters=" BODY=BINARYMIME")
        await peer.dialog("C: DATA", "S: 503 5.5.1 BINARYMIME goes by BDAT.")
        await peer.dialog("C* BDAT 6 LAST\\r\\n\\0\\n.\\n\\r\\xff", "S: 250 2.0.0 ...")
        self.assertEqual(self.taken.octets, b"\0\n.\n\r\xff")

    async def test_none_to_be_taken(self) -> None:
        peer = self.peer()
        await peer.dialog("S: 220 ...", "C* BDAT 6\\r\\nNOOP\\r\\n", "S: 503 5.5.1 Say EHLO first.", "-- silence")
        peer = await self.greeted()
        await peer.dialog(
            "C: MAIL FROM:<a@b>", "S: 250 ...", "C* BDAT 6\\r\\nNOOP\\r\\n", "S: 554 5.5.1 ...", "-- silence"
        )

    async def test_sizes_that_are_none(self) -> None:
        for argument in ("", "x", "-1", "1 FIRST", "1_0", "+1", "1" * 19):
            peer = await self.addressed()
            await peer.dialog(f"C: BDAT {argument}", "S: 501 5.5.4 ...", "-- closed")

    async def test_too_large(self) -> None:
        peer = await self.addressed(size=10)
        await peer.dialog("C* BDAT 8\\r\\n1234567\\n", "S: 250 ...", "C* BDAT 3\\r\\n123", "S: 552 5.3.4 ...")
        await peer.dialog("C* BDAT 3 LAST\\r\\n123", "S: 503 5.5.1 There is no message.", "C: NOOP", "S: 250 ...")
        await self.envelope(peer)
        await peer.dialog("C* BDAT 11 LAST\\r\\n12345678901", "S: 552 5.3.4 ...", "C: NOOP", "S: 250 ...")
        await self.envelope(peer)
        await peer.dialog("C: BDAT 999999999999999999 LAST", "S: 552 5.3.4 ...", "-- closed")
        self.check_none_taken()

    async def test_reset_between_chunks(self) -> None:
        peer = await self.addressed()
        await peer.dialog(
            "C* BDAT 3\\r\\nabc", "S: 250 ...", "C: RSET", "S: 250 ...", "C* BDAT 3 LAST\\r\\nabc", "S: 503 ..."
        )
        self.check_none_taken()


class SplitTests(SMTPTestCase):
    """However what a client sends is cut, the same comes of it."""

    @settings(max_examples=60, deadline=None)
    @given(
        bodies=st.lists(
            st.text(alphabet="ab.\r\n", max_size=40).map(
                lambda text: "".join(f"{line}\r\n" for line in text.replace("\r", "").split("\n")).encode()
            ),
            min_size=1,
            max_size=3,
        ),
        chunked=st.booleans(),
        cuts=st.lists(st.integers(1, 50), max_size=40),
    )
    def test_cut_anywhere(self, bodies: list[bytes], chunked: bool, cuts: list[int]) -> None:
        said = b"EHLO x\r\n"
        for body in bodies:
            said += b"MAIL FROM:<a@b>\r\nRCPT TO:<mulder@spam.egg>\r\n"
            if chunked:
                half = len(body) // 2
                said += b"BDAT %d\r\n%bBDAT %d LAST\r\n%b" % (half, body[:half], len(body) - half, body[half:])
            else:
                said += b"DATA\r\n" + stuffed(body)
        peer = self.peer()
        for cut in [*cuts, len(said)]:
            peer.send(said[:cut])
            said = said[cut:]
        self.assertEqual([taken.octets for taken in self.delivery.messages], bodies)
        self.assertNotIn(b"\r\n5", peer.unread)
        self.delivery.messages.clear()
