"""Framing: however the bytes are cut, the same commands; nothing but CRLF ends a line; every line has its cap."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase, TestCase

from netdaemon.wire.framing import Framing
from tests.kit.pump import Transport
from tests.wire.test_dot import cut, cuts, decode_by_line
from tests.wire.toy import ToySession, toy


class Recorder(Framing):
    """Keeps what framing makes of the bytes."""

    max_line = 20

    def __init__(self) -> None:
        super().__init__()
        self.got: list[Any] = []

    def lineReceived(self, line: bytes) -> None:
        self.got.append(line)

    def bad_line(self, line: bytes, reason: str) -> None:
        self.got.append((reason, line))

    def line_too_long(self) -> None:
        self.got.append("too long")

    def endless_line(self) -> None:
        self.got.append("endless")
        self.held = 4

    def rawDataReceived(self, data: bytes) -> None:
        self.got.append(("raw", data))


def framed(pieces: list[bytes], recorder: Recorder | None = None) -> list[Any]:
    recorder = recorder or Recorder()
    Transport(recorder).begin()
    for piece in pieces:
        recorder.dataReceived(piece)
    return recorder.got


def by_line(stream: bytes, most: int) -> list[Any]:
    """The reference: what a line at a time makes of it."""
    got: list[Any] = []
    while b"\r\n" in stream:
        line, _, stream = stream.partition(b"\r\n")
        if len(line) + 2 > most:
            got.append("too long")
        elif b"\n" in line:
            got.append(("bare LF", line))
        elif b"\r" in line:
            got.append(("bare CR", line))
        elif b"\0" in line:
            got.append(("NUL", line))
        else:
            got.append(line)
    return got


class FramingTests(SynchronousTestCase):
    def check(self, stream: bytes, *got: Any) -> None:
        n = len(stream)
        for at in [[], list(range(n)), *([k] for k in range(n))]:
            self.assertEqual(framed(cut(stream, at)), list(got), (stream, at))

    def test_lines(self) -> None:
        self.check(b"")
        self.check(b"one")
        self.check(b"one\r\n", b"one")
        self.check(b"\r\n", b"")
        self.check(b"\r\n\r\n", b"", b"")
        self.check(b"one\r\ntwo\r\nthr", b"one", b"two")

    def test_flaws(self) -> None:
        self.check(b"NOOP\nQUIT\r\nNOOP\r\n", ("bare LF", b"NOOP\nQUIT"), b"NOOP")
        self.check(b"NOOP\rQUIT\r\nNOOP\r\n", ("bare CR", b"NOOP\rQUIT"), b"NOOP")
        self.check(b"NOOP\r\r\nNOOP\r\n", ("bare CR", b"NOOP\r"), b"NOOP")
        self.check(b"\nNOOP\r\n", ("bare LF", b"\nNOOP"))
        self.check(b"NO\0OP\r\nNOOP\r\n", ("NUL", b"NO\0OP"), b"NOOP")
        self.check(b"NOOP\n\n\n")

    def test_eight_bits(self) -> None:
        recorder = Recorder()
        self.assertEqual(framed([b"\xc3\xbc\r\n"], recorder), [b"\xc3\xbc"])
        recorder.eight_bit = False
        self.assertEqual(framed([b"\xc3\xbc\r\nab\r\n"], recorder)[1:], [("8-bit octet", b"\xc3\xbc"), b"ab"])

    def test_not_strict(self) -> None:
        recorder = Recorder()
        recorder.strict = False
        self.assertEqual(framed([b"a\nb\0\xff\r\nc\r\n"], recorder), [b"a\nb\0\xff", b"c"])

    def test_the_cap_and_one_past_it(self) -> None:
        self.check(b"x" * 18 + b"\r\nNOOP\r\n", b"x" * 18, b"NOOP")
        self.check(b"x" * 19 + b"\r\nNOOP\r\n", "too long", b"NOOP")
        self.check(b"x" * 500 + b"\r\nNOOP\r\n", "too long", b"NOOP")
        self.check(b"x" * 18 + b"\r\r\nNOOP\r\n", "too long", b"NOOP")
        self.check(
            b"NOOP\r\n" + b"x" * 30 + b"\r\n" + b"y" * 30 + b"\r\nNOOP\r\n", b"NOOP", "too long", "too long", b"NOOP"
        )

    def test_an_endless_line(self) -> None:
        for size in (1, 1000, 65536):
            got = framed([b"x" * size] * ((Framing.max_skip + 3 * 65536) // size))
            self.assertEqual(got, ["endless"])
        self.assertEqual(framed([b"\n" * 65536] * 4), ["endless"])
        self.assertEqual(framed([b"x" * Framing.max_skip, b"\r\nNOOP\r\n"]), ["too long", b"NOOP"])

    def test_the_cap_changes_between_two_lines_of_one_read(self) -> None:
        class Growing(Recorder):
            def lineReceived(self, line: bytes) -> None:
                super().lineReceived(line)
                self.max_line = 40 if line == b"MORE" else 20

        stream = b"MORE\r\n" + b"x" * 30 + b"\r\n" + b"y" * 30 + b"\r\nMORE\r\n" + b"z" * 30 + b"\r\n"
        for at in ([], list(range(len(stream)))):
            self.assertEqual(framed(cut(stream, at), Growing()), [b"MORE", b"x" * 30, "too long", b"MORE", b"z" * 30])

    def test_a_cap_that_grows_within_a_skipped_line_makes_no_line_of_its_end(self) -> None:
        recorder = Recorder()
        framed([b"x" * 30], recorder)
        recorder.max_line = 1000
        recorder.dataReceived(b"DELE 1\r\nNOOP\r\n")
        self.assertEqual(recorder.got, ["too long", b"NOOP"])

    def test_raw_mode_and_back(self) -> None:
        class Switching(Recorder):
            def lineReceived(self, line: bytes) -> None:
                super().lineReceived(line)
                if line == b"RAW":
                    self.setRawMode()

            def rawDataReceived(self, data: bytes) -> None:
                super().rawDataReceived(data[:3])
                self.setLineMode(data[3:])

        self.assertEqual(
            framed([b"a\r\nRAW\r\nxyzb\r\nc\r\n", b"d\r\n"], Switching()),
            [b"a", b"RAW", ("raw", b"xyz"), b"b", b"c", b"d"],
        )
        self.assertEqual(framed([b"RAW\r\n", b"xyz", b"b\r\n"], Switching()), [b"RAW", ("raw", b"xyz"), b"b"])

    def test_held_in_the_middle_of_a_read(self) -> None:
        class Holding(Recorder):
            def lineReceived(self, line: bytes) -> None:
                super().lineReceived(line)
                self.held = int(line == b"HOLD")

        recorder = Holding()
        framed([b"a\r\nHOLD\r\nb\r\nHOLD\r\nc"], recorder)
        recorder.dataReceived(b"d\r\n")
        self.assertEqual(recorder.got, [b"a", b"HOLD"])
        self.assertTrue(recorder.waiting)
        recorder.held = 0
        recorder.pump()
        self.assertEqual(recorder.got, [b"a", b"HOLD", b"b", b"HOLD"])
        recorder.held = 0
        recorder.pump()
        self.assertEqual(recorder.got[4:], [b"cd"])
        self.assertFalse(recorder.waiting)

    def test_data_that_comes_while_a_line_is_delivered_waits_for_its_turn(self) -> None:
        class Nested(Recorder):
            def lineReceived(self, line: bytes) -> None:
                super().lineReceived(line)
                if line == b"NEST":
                    self.dataReceived(b"late\r\n")
                    self.got.append("nested")

        for stream in (b"NEST\r\n", b"NEST\r\na\r\n", b"NEST\r\na\r\nb"):
            got = framed([stream, b"\r\n"], Nested())
            self.assertEqual(got[:2], [b"NEST", "nested"])
            rest = stream.removeprefix(b"NEST\r\n") + b"late\r\n\r\n"
            self.assertEqual(got[2:], by_line(rest, 20))

    def test_clearing(self) -> None:
        class Clearing(Recorder):
            cleared = b""

            def lineReceived(self, line: bytes) -> None:
                super().lineReceived(line)
                if line == b"CLEAR":
                    self.cleared = self.clearLineBuffer()

        recorder = Clearing()
        self.assertEqual(framed([b"CLEAR\r\na\r\nb", b"c\r\n"], recorder), [b"CLEAR", b"c"])
        self.assertEqual(recorder.cleared, b"a\r\nb")

    def test_many_lines_in_one_read_are_one_pass(self) -> None:
        recorder = Recorder()
        framed([b"\r\n" * (1 << 19)], recorder)
        self.assertEqual(len(recorder.got), 1 << 19)

    @settings(deadline=None, max_examples=300)
    @given(
        st.lists(st.sampled_from([b"\r\n", b"\r", b"\n", b"\0", b"ab", b"NOOP\r\n", b"x" * 19]), max_size=30).map(
            b"".join
        ),
        cuts,
    )
    def test_like_the_reference_however_cut(self, stream: bytes, at: list[int]) -> None:
        self.assertEqual(framed(cut(stream, at)), by_line(stream, 20))


def seen_by_reference(stream: bytes) -> list[bytes]:
    """What ToySession notes of a stream of NOOP, LIT and DATA commands."""
    seen = []
    while b"\r\n" in stream:
        line, _, stream = stream.partition(b"\r\n")
        if line == b"NOOP":
            seen.append(line)
        elif line.startswith(b"LIT "):
            size = int(line[4:])
            seen.append(stream[:size])
            stream = stream[size:]
        elif line == b"DATA":
            decoded = decode_by_line(stream)
            assert decoded is not None
            body, stream = decoded
            seen.append(body)
    return seen


def stuffed_by_line(body: bytes) -> bytes:
    lines = [b"." + line if line.startswith(b".") else line for line in body.split(b"\r\n")]
    return b"\r\n".join(lines) + b"\r\n.\r\n"


octets = st.lists(
    st.sampled_from([b"\r\n", b".", b"\r", b"\n", b"NOOP\r\n", b"\0\xff", b"QUIT\r\n", b"x" * 90]), max_size=8
).map(b"".join)
commands = st.one_of(
    st.just(b"NOOP\r\n"),
    octets.map(lambda data: b"LIT %d\r\n%b" % (len(data), data)),
    octets.map(lambda data: b"DATA\r\n" + stuffed_by_line(data)),
    st.just(b"LIT 0\r\n"),
    st.just(b"DATA\r\n.\r\n"),
)


class MixedTests(TestCase):
    @settings(deadline=None, max_examples=200)
    @given(st.lists(commands, max_size=10).map(b"".join), cuts)
    def test_commands_literals_and_bodies_however_cut(self, stream: bytes, at: list[int]) -> None:
        made = toy()
        for piece in cut(stream, at):
            made.peer.send(piece)
        self.assertEqual(made.session.seen, seen_by_reference(stream))
        self.assertFalse(made.session.waiting)
        self.assertEqual(made.session.bad, 0)

    async def test_byte_by_byte_is_the_same_dialog(self) -> None:
        for piece in (None, 1, 2, 7):
            made = toy(piece=piece)
            await made.peer.dialog(
                "S: 220 toy",
                "C: noop",
                "S: 250 OK",
                r"C* LIT 5\r\nab\r\ncNOOP\r\n",
                "S: 250 5",
                "S: 250 OK",
                r"C* DATA\r\n..a\r\n.\r\nNOOP x\r\nNO",
                "S: 354 go on",
                "S: 250 4",
                "S: 250 x",
                r"C* OP\r\n",
                "S: 250 OK",
                "-- silence",
            )

    async def test_a_literal_may_hold_anything(self) -> None:
        made = toy()
        await made.peer.dialog("S: 220 toy")
        for data in (b"", b"\r\n", b"NOOP\r\nQUIT\r\n", bytes(range(256)), b".\r\n", b"x" * 1000):
            made.peer.send(b"LIT %d\r\n%b" % (len(data), data))
            await made.peer.dialog(f"S: 250 {len(data)}")
            self.assertEqual(made.session.seen[-1], data)

    async def test_a_refused_literal_is_swallowed(self) -> None:
        for piece in (None, 100):
            made = toy(piece=piece)
            made.peer.send(b"LIT 1001\r\n" + (b"QUIT\r\n" * 200)[:1001] + b"NOOP\r\n")
            await made.peer.dialog("S: 220 toy", "S: 552 too big", "S: 250 OK", "-- silence")

    def test_reentrant_take_over(self) -> None:
        # Two commands in one read, the first of which reads a literal from that very read.
        made = toy()
        made.peer.send(b"LIT 2\r\nabLIT 3\r\ncdeNOOP\r\n")
        self.assertEqual(made.session.seen, [b"ab", b"cde", b"NOOP"])

    def test_fast_path_and_slow_path_agree(self) -> None:
        made = toy()
        made.peer.send(b"NOOP\r\n")
        made.peer.send(b"NOO")
        made.peer.send(b"P\r\nNOOP\r\n")
        self.assertEqual(made.session.seen, [b"NOOP"] * 3)
        self.assertIsInstance(made.session, ToySession)
