"""Transcripts: escaped, bounded, and without secrets."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase, TestCase

from netdaemon.wire.transcript import Transcript, masked
from tests.wire.toy import ToySession, toy


class TranscriptTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.lines: list[str] = []

    def test_lines(self) -> None:
        transcript = Transcript(self.lines.append)
        transcript.client(b"NOOP")
        transcript.server(b"250 \x1b[2J\xff")
        transcript.note("TLS")
        self.assertEqual(self.lines, ["C: NOOP", r"S: 250 \x1b[2J\xff", "-- TLS"])

    def test_secrets(self) -> None:
        transcript = Transcript(self.lines.append)
        with transcript.secret():
            transcript.client(b"dGhlIHNlY3JldA==")
            with transcript.secret():
                transcript.server(b"334 x")
            transcript.client(b"secret" * 500)
        transcript.client(b"NOOP")
        self.assertEqual(self.lines, ["C: ***", "S: ***", "C: ***", "C: NOOP"])

    def test_bounds(self) -> None:
        transcript = Transcript(self.lines.append, width=10, lines=3)
        for line in (b"x" * 7, b"x" * 10_000_000, b"\0" * 50, b"lost", b"lost too"):
            transcript.client(line)
        self.assertEqual(self.lines[0], "C: xxxxxxx")
        self.assertEqual(self.lines[1], "C: xxxxxxx...")
        self.assertEqual(self.lines[2], r"C: \x00\x0...")
        self.assertEqual(self.lines[3:], ["-- the transcript ends here: it has become too long"])

    def test_masked(self) -> None:
        self.assertEqual(masked(b"PASS a b c", 1), b"PASS ***")
        self.assertEqual(masked(b"AUTH PLAIN AGE=", 2), b"AUTH PLAIN ***")
        self.assertEqual(masked(b"AUTH PLAIN", 2), b"AUTH PLAIN")
        self.assertEqual(masked(b"PASS ", 1), b"PASS ")


class SessionTranscriptTests(TestCase):
    async def test_a_session(self) -> None:
        made = toy(traced=True)
        await made.peer.dialog(
            "S: 220 toy", "C: NOOP hi", "S: 250 hi", "C: user fox", "S: 331 more", "C: pass trustno1", "S: 535 no"
        )
        await made.peer.dialog("C: AUTH PLAIN x", "S: 334 ", "C: c2VzYW1l", "S: 235 8")
        await made.peer.dialog("C: trustno1", "S: 500 unknown", "C* LIT 6\r\nsecretDATA\r\nsecret\r\n.\r\n")
        await made.peer.dialog("S: 250 6", "S: 354 go on", "S: 250 8", "C: GET", "S* ..one\r\n..two\r\nthree\r\n.\r\n")
        await made.peer.dialog("C: MODE READER", "S: 250 OK", "C* NO\nOP\r\n", "S: 501 syntax")
        assert made.factory.traces is not None
        self.assertEqual(
            made.factory.traces,
            [
                "S: 220 toy",
                "C: NOOP hi",
                "S: 250 hi",
                "C: user fox",
                "S: 331 more",
                "C: pass ***",
                "S: 535 no",
                "C: AUTH PLAIN ***",
                "S: 334 ",
                "C: ***",
                "S: 235 8",
                "C: ***",
                "S: 500 unknown",
                "C: LIT 6",
                "C: [literal of 6 octets]",
                "S: 250 6",
                "C: DATA",
                "S: 354 go on",
                "C: [body of 8 octets]",
                "S: 250 8",
                "C: GET",
                "S: [body of 16 octets]",
                "C: MODE READER",
                "S: 250 OK",
                "C: *** (a line with bare LF)",
                "S: 501 syntax",
            ],
        )
        self.assertNotIn("trustno1", "".join(made.factory.traces))

    def test_every_verb_with_an_argument_that_is_secret_is_masked(self) -> None:
        self.assertEqual(ToySession.verbs.redact(b"MODE READER x"), b"MODE READER x")
        self.assertEqual(ToySession.verbs.redact(b"MODE trustno1"), b"MODE ***")
