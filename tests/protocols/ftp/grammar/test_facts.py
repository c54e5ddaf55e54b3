"""Facts and times of RFC 3659, and the dates of ``ls``."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from netdaemon.protocols.ftp.grammar import Malformed
from netdaemon.protocols.ftp.grammar.facts import Facts, build_facts, parse_facts, parse_wanted
from netdaemon.protocols.ftp.grammar.times import format_ls, format_time, parse_time


class FactsTests(SynchronousTestCase):
    def test_one_line(self) -> None:
        line = b"type=file;size=4161;modify=19970214165800; a name; with = all"
        facts = parse_facts(line)
        self.assertEqual((facts.kind, facts.size, facts.modified), ("file", 4161, 855939480.0))
        self.assertEqual(facts.name, b"a name; with = all")
        self.assertEqual(build_facts([(b"type", b"file"), (b"size", b"1")], b" x"), b"type=file;size=1;  x")

    def test_any_case_and_unknown_ones(self) -> None:
        facts = parse_facts(b"Type=DIR;UNIX.mode=0755;X.y=; d")
        self.assertEqual(facts, Facts({"type": b"DIR", "unix.mode": b"0755", "x.y": b""}, b"d"))
        self.assertEqual((facts.kind, facts.size, facts.modified), ("dir", None, None))

    def test_no_facts_at_all(self) -> None:
        self.assertEqual(parse_facts(b" name"), Facts({}, b"name"))

    def test_values_that_are_none(self) -> None:
        facts = parse_facts(b"size=-1;modify=yesterday; x")
        self.assertEqual((facts.size, facts.modified), (None, None))

    def test_refused(self) -> None:
        for line in (b"", b"name", b"type=file;", b"type=file; ", b"type=file name", b"type; x", b"=file; x", b";; x"):
            self.assertRaises(Malformed, parse_facts, line)

    def test_wanted(self) -> None:
        self.assertEqual(parse_wanted(b"Type;Size;"), [b"type", b"size"])
        self.assertEqual(parse_wanted(b""), [])
        self.assertRaises(Malformed, parse_wanted, b"type")
        self.assertRaises(Malformed, parse_wanted, b"a b;")
        self.assertRaises(Malformed, parse_wanted, b";;")

    @given(
        st.dictionaries(
            st.from_regex(rb"\A[a-z.]{1,8}\Z"), st.binary(max_size=8).filter(lambda v: not {*b" ;"} & {*v}), max_size=4
        ),
        st.binary(min_size=1, max_size=20),
    )
    def test_round_trip(self, facts: dict[bytes, bytes], name: bytes) -> None:
        back = parse_facts(build_facts(facts.items(), name))
        self.assertEqual(back, Facts({key.decode(): value for key, value in facts.items()}, name))

    @given(st.binary(max_size=60))
    def test_nothing_else_is_raised(self, line: bytes) -> None:
        try:
            facts = parse_facts(line)
        except Malformed:
            return
        self.assertIsInstance((facts.kind, facts.size, facts.modified), tuple)


class TimeTests(SynchronousTestCase):
    def test_forms(self) -> None:
        self.assertEqual(format_time(784111777), b"19941106084937")
        self.assertEqual(parse_time(b"19941106084937"), 784111777)
        self.assertEqual(parse_time(b"19941106084937.25"), 784111777.25)
        self.assertEqual(parse_time(b"19700101000000"), 0)
        self.assertEqual(parse_time(b"19691231235959"), -1)
        self.assertEqual(parse_time(b"19981231235960"), parse_time(b"19990101000000"))
        self.assertEqual(parse_time(b"191000101000000"), parse_time(b"20000101000000"))

    def test_the_ends_of_time(self) -> None:
        self.assertEqual(format_time(-1e18), b"00010101000000")
        self.assertEqual(format_time(1e18), b"99991231235959")

    def test_refused(self) -> None:
        for text in (
            b"", b"1994110608493", b"199411060849370", b"19941306084937", b"19940230084937", b"19941106244937",
            b"19941106086037", b"19941106084961", b"19941106084937.", b"1994-1106084937", b"00000101000000",
        ):  # fmt: skip
            self.assertRaises(Malformed, parse_time, text)

    @given(st.integers(-62135596800, 253402300799))
    def test_round_trip(self, seconds: int) -> None:
        self.assertEqual(parse_time(format_time(seconds)), seconds)

    def test_as_ls_has_it(self) -> None:
        now = 784111777.0
        self.assertEqual(format_ls(now, now), b"Nov  6 08:49")
        self.assertEqual(format_ls(now + 3600, now), b"Nov  6 09:49")
        self.assertEqual(format_ls(now + 3601, now), b"Nov  6  1994")
        self.assertEqual(format_ls(now - 182 * 86400, now), b"May  8  1994")
        self.assertEqual(format_ls(now - 182 * 86400 + 1, now), b"May  8 08:49")
        self.assertEqual(format_ls(0, now), b"Jan  1  1970")
