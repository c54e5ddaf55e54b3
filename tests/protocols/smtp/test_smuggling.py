"""SMTP smuggling: a message ends with CRLF.CRLF alone, and nothing that another host could take for it is passed on.

CVE-2023-51764 to -51766 and their kin, in and out.
"""

from __future__ import annotations

from itertools import product

from hypothesis import given, settings
from hypothesis import strategies as st

from netdaemon.protocols import smtp
from netdaemon.wire.dot import BareLineEnd, DotDecoder, stuffed
from tests.protocols.smtp.kit import SMTPTestCase

ENDS = (b"\r\n", b"\n", b"\r", b"\r\r\n", b"\n\r", b"")
NO_ENDS = [
    end
    for before, after in product(ENDS, ENDS)
    if b"\r\n.\r\n" not in (end := before + b"." + after) and before + after
]
"""Everything that might be taken for the end of a message, and isn't."""

NAMED = (
    b"\n.\n",
    b"\n.\r\n",
    b"\r\n.\n",
    b"\r.\r",
    b"\r\n.\r",
    b"\r.\r\n",
    b"\r\n.\n\r\n",
    b"\r\n\0.\r\n",
    b"\r\n.\0\r\n",
)

SECOND = b"MAIL FROM:<admin@spam.egg>\r\nRCPT TO:<scully@spam.egg>\r\nDATA\r\nSubject: smuggled\r\n\r\nx"


class InTests(SMTPTestCase):
    async def test_no_other_end(self) -> None:
        for end in {*NO_ENDS, *NAMED}:
            for piece in (None, 1):
                peer = await self.addressed(piece=piece)
                await peer.dialog("C: DATA", "S: 354 ...")
                peer.send(b"Subject: first\r\n\r\nx" + end + SECOND)
                await peer.dialog("-- silence")
                self.check_none_taken()
                peer.send(b"\r\n.\r\n")
                harmless = not holds_bare(end) and b"\0" not in end
                await peer.dialog(
                    "S: 250 ..." if harmless else "S: 550 5.6.11 ...", "-- silence", "C: NOOP", "S: 250 2.0.0 OK"
                )
                if harmless:
                    self.assertIn(b"smuggled", self.delivery.messages.pop().octets)
                self.check_none_taken()

    async def test_normalised_it_is_still_one_message(self) -> None:
        for end in {*NO_ENDS, *NAMED}:
            peer = await self.addressed(bare_line_ends="normalise")
            await peer.dialog("C: DATA", "S: 354 ...")
            peer.send(b"Subject: first\r\n\r\nx" + end + SECOND + b"\r\n.\r\n")
            await peer.dialog("S: 550 5.6.11 NUL ..." if b"\0" in end else "S: 250 ...", "-- silence")
            if b"\0" in end:
                continue
            octets = self.delivery.messages.pop().octets
            self.assertFalse(holds_bare(octets), (end, octets))
            self.assertIn(b"smuggled", octets)

    async def test_by_chunks(self) -> None:
        for end in {*NO_ENDS, *NAMED}:
            message = b"Subject: first\r\n\r\nx" + end + SECOND + b"\r\n.\r\nNOOP\r\n"
            for cut in (1, 18 + len(end), 18 + len(end) // 2, len(message) - 1):
                peer = await self.addressed()
                peer.send(b"BDAT %d\r\n%b" % (cut, message[:cut]))
                await peer.dialog("S: 250 2.0.0 ...")
                peer.send(b"BDAT %d LAST\r\n%b" % (len(message) - cut, message[cut:]))
                wrong = holds_bare(end) or b"\0" in end
                await peer.dialog("S: 550 5.6.11 ..." if wrong else "S: 250 ...", "-- silence")
                if not wrong:
                    self.assertEqual(self.delivery.messages.pop().octets, message)
                self.check_none_taken()

    async def test_lmtp_too(self) -> None:
        for end in NAMED:
            peer = self.peer(kind=smtp.lmtp)
            await peer.dialog("S: 220 ...")
            await self.ehlo(peer, "LHLO")
            await self.envelope(peer)
            await peer.dialog("C: DATA", "S: 354 ...")
            peer.send(b"x" + end + SECOND)
            await peer.dialog("-- silence")
            peer.send(b"\r\n.\r\n")
            await peer.dialog("S: 550 5.6.11 ...", "-- silence")

    async def test_commands_end_with_crlf_too(self) -> None:
        peer = await self.greeted()
        for end in ("\\n", "\\r"):
            await peer.dialog(f"C* NOOP{end}MAIL FROM:<a@b>\\r\\n", "S: 500 5.5.2 Bare ...", "-- silence")
        await peer.dialog("C: DATA", "S: 503 ...")
        await peer.dialog(
            "C* RCPT TO:<mulder@spam.egg>\\n\\r\\n", "S: 500 5.5.2 ...", "C* NO\\0OP\\r\\n", "S: 500 5.5.2 ..."
        )

    @settings(max_examples=150, deadline=None)
    @given(
        st.lists(st.sampled_from([b"\r", b"\n", b".", b"x", b"\r\n", b"\r\n.", b".\r\n"]), max_size=12).map(b"".join)
    )
    def test_any_mixture(self, body: bytes) -> None:
        """Against the plain definition: the first CRLF.CRLF ends it, and nothing else does."""
        said = b"MAIL FROM:<a@b>\r\nRCPT TO:<mulder@spam.egg>\r\nDATA\r\n"
        stream = body + b"\r\n.\r\n"
        whole = b"\r\n" + stream
        end = whole.index(b"\r\n.\r\n") + 5 - 2
        peer = self.peer()
        peer.send(b"HELO x\r\n" + said + stream[:end])
        replies = peer.unread.split(b"\r\n")
        self.assertEqual(len(replies), 7, replies)
        octets = b"\r\n".join(
            line[1:] if line.startswith(b".") else line for line in (b"\r\n" + stream[: end - 3]).split(b"\r\n")[1:]
        )
        if holds_bare(octets):
            self.assertTrue(replies[-2].startswith(b"550 5.6.11"), replies)
            self.check_none_taken()
        else:
            self.assertEqual(self.delivery.messages.pop().octets, octets)


class OutTests(SMTPTestCase):
    """What we send dot-stuffed is read back by the strictest and by the most lenient reader as one message."""

    def test_refused(self) -> None:
        for end in {*NO_ENDS, *NAMED}:
            if holds_bare(end):
                with self.assertRaises(BareLineEnd):
                    stuffed(b"x" + end + SECOND, refuse=True)

    def test_normalised(self) -> None:
        for end in {*NO_ENDS, *NAMED}:
            sent = stuffed(b"x" + end + SECOND)
            decoder = DotDecoder()
            decoder.feed(sent)
            self.assertTrue(decoder.finished)
            self.assertEqual(decoder.leftover, b"")
            lenient = sent.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
            self.assertEqual(lenient.index(b"\n.\n"), len(lenient) - 3)


def holds_bare(octets: bytes) -> bool:
    rest = octets.replace(b"\r\n", b"")
    return b"\r" in rest or b"\n" in rest
