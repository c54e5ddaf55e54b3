"""Command lines and their arguments."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from netdaemon.protocols.ftp.grammar import Malformed
from netdaemon.protocols.ftp.grammar.commands import (
    ASCII,
    IMAGE,
    is_pattern,
    parse_facts_to_change,
    parse_host,
    parse_list,
    parse_mode,
    parse_offset,
    parse_range,
    parse_type,
    parse_utime,
    strip_synch,
)


class CommandTests(SynchronousTestCase):
    def test_synch(self) -> None:
        for line, stripped in (
            (b"ABOR", b"ABOR"),
            (b"\xff\xf4\xff\xf2ABOR", b"ABOR"),
            (b"\xff\xf4\xffABOR", b"ABOR"),
            (b"\xf4\xffabor", b"abor"),
            (b"RETR \xff\xf4", b"RETR \xff\xf4"),
            (b"\xef\xbb\xbfNOOP", b"\xef\xbb\xbfNOOP"),
            (b"\xff\xf2", b""),
            (b"", b""),
        ):
            self.assertEqual(strip_synch(line), stripped)

    def test_types(self) -> None:
        for argument, kind in (
            (b"A", ASCII),
            (b"a n", ASCII),
            (b"I", IMAGE),
            (b"L 8", IMAGE),
            (b"l8", IMAGE),
            (b"L7", ASCII),
        ):
            self.assertEqual(parse_type(argument), kind)
        for argument in (b"", b"E", b"A T", b"A C", b"I N", b"L", b"L 9", b"L 36", b"X", b"A  N", b"AN N"):
            self.assertRaises(Malformed, parse_type, argument)

    def test_offsets_and_ranges(self) -> None:
        self.assertEqual(parse_offset(b"0"), 0)
        self.assertEqual(parse_offset(b"9" * 18), 10**18 - 1)
        for argument in (b"", b"-1", b"+1", b"1.0", b"1_0", b" 1", b"9" * 19, "１".encode()):  # noqa: RUF001
            self.assertRaises(Malformed, parse_offset, argument)
        self.assertEqual(parse_range(b"0 99"), (0, 99))
        self.assertEqual(parse_range(b" 5  1 "), (5, 1))
        for argument in (b"", b"1", b"1-2", b"1 2 3", b"-1 2", b"a b"):
            self.assertRaises(Malformed, parse_range, argument)

    def test_list_arguments(self) -> None:
        for argument, options, path in (
            (b"", "", b""),
            (b"path", "", b"path"),
            (b"-la", "al", b""),
            (b"-l -a a b", "al", b"a b"),
            (b"-la -x", "alx", b""),
            (b"./-la", "", b"./-la"),
            (b"-", "", b""),
            (b"-a*b", "", b"-a*b"),
            (b" -l", "", b" -l"),
        ):
            self.assertEqual(parse_list(argument), (frozenset(options), path), argument)

    def test_patterns(self) -> None:
        self.assertTrue(all(map(is_pattern, (b"*", b"a?", b"[a]"))))
        self.assertFalse(any(map(is_pattern, (b"", b"a", b"{a,b}", b"]", b"~"))))

    def test_modes(self) -> None:
        self.assertEqual([parse_mode(text) for text in (b"755", b"0644", b"000", b"00777")], [0o755, 0o644, 0, 0o777])
        for text in (b"", b"4755", b"04755", b"8", b"778", b"77", b"-77", b"u+x"):
            self.assertRaises(Malformed, parse_mode, text)

    def test_times_to_set(self) -> None:
        self.assertEqual(parse_utime(b"19941106084937 a b"), (784111777, b"a b"))
        self.assertEqual(parse_utime(b"199411060849 a"), (784111740, b"a"))
        self.assertEqual(parse_utime(b"a b 20000101000000 19941106084937 20000101000000 UTC"), (784111777, b"a b"))
        for argument in (b"", b"a", b"1994 a", b"19941106084937", b"a 19941106084937 UTC", b"19941306084937 a"):
            self.assertRaises(Malformed, parse_utime, argument)

    def test_facts_to_change(self) -> None:
        self.assertEqual(
            parse_facts_to_change(b"Modify=1;UNIX.mode=2; a b"), ({b"modify": b"1", b"unix.mode": b"2"}, b"a b")
        )
        for argument in (b"", b"a", b"modify=1;", b"modify=1; ", b"modify; a", b"=1; a", b"; a"):
            self.assertRaises(Malformed, parse_facts_to_change, argument)

    def test_hosts(self) -> None:
        for argument, host in (
            (b"FTP.example.org", "ftp.example.org"),
            (b"a.", "a"),
            (b"127.0.0.1", "127.0.0.1"),
            (b"[::1]", "[::1]"),
        ):
            self.assertEqual(parse_host(argument), host)
        for argument in (
            b"",
            b"a b",
            b"a..b",
            b".",
            b"::1",
            b"[x]",
            b"a/b",
            b"a:21",
            b"x" * 64,
            b"a." * 130 + b"b",
            b"\xff",
        ):
            self.assertRaises(Malformed, parse_host, argument)

    @given(st.binary(max_size=60))
    def test_nothing_else_is_raised(self, data: bytes) -> None:
        parsers: tuple[Callable[[bytes], object], ...] = (
            strip_synch,
            parse_type,
            parse_offset,
            parse_range,
            parse_list,
            parse_mode,
            parse_utime,
            parse_facts_to_change,
            parse_host,
            is_pattern,
        )
        for parse in parsers:
            try:
                parse(data)
            except Malformed:
                pass
