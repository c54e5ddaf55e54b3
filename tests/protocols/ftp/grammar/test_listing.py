"""Lines of LIST in the formats that servers have."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from netdaemon.protocols.ftp.grammar import Malformed
from netdaemon.protocols.ftp.grammar.facts import parse_facts
from netdaemon.protocols.ftp.grammar.listing import DAY, MINUTE, Listed, listed_of, parse_listed
from netdaemon.protocols.ftp.grammar.times import format_ls


def when(*date: int) -> float:
    return datetime(*date, tzinfo=UTC).timestamp()  # type: ignore[misc, arg-type]


NOW = when(2024, 3, 10, 12, 0)
NAMES = st.binary(min_size=1, max_size=30).filter(lambda name: not set(name) & set(b"\r\n\0"))
PIECES = [b"-rw-r--r-- ", b" 1 ", b"Jan 2 2020 ", b"1,", b" ", b"5 ", b"x", b"10:00 "]


class UnixTests(SynchronousTestCase):
    def check(self, line: str, *wanted: object, **more: object) -> None:
        found = parse_listed(line.encode(), NOW)
        self.assertEqual(found, Listed(*wanted, **more), line)  # type: ignore[arg-type]

    def test_columns(self) -> None:
        modified = when(2023, 11, 6, 8, 49)
        for columns in (
            "   1 user     group    ",
            " 1 user ",
            " 1 user group ",
            " ",
            " 1 DOM\\user Domain Users ",
            " 1 0 0 ",
        ):
            for mode in ("-rw-r--r--", "-rwsr-Sr-t", "-rw-r--r--+", "-rw-r--r--@", "-rw-r--r--."):
                line = f"{mode}{columns}    1234 Nov  6 08:49 a name"
                self.check(line, b"a name", "file", 1234, modified, MINUTE)

    def test_kinds(self) -> None:
        modified = when(2020, 1, 2)
        self.check("drwxr-xr-x 2 u g 4096 Jan  2 2020 d", b"d", "dir", None, modified, DAY)
        self.check("lrwxrwxrwx 1 u g 4 Jan  2 2020 l -> /a -> b", b"l -> /a", "link", None, modified, DAY, b"b")
        self.check("lrwxrwxrwx 1 u g 4 Jan  2 2020 l", b"l", "link", None, modified, DAY)
        for line in (
            "crw-rw-rw- 1 root root   1,   3 Jan  2 2020 x",
            "brw-rw-rw- 1 root root 1,3 Jan  2 2020 x",
            "srwxrwxrwx 1 u g 0 Jan  2 2020 x",
            "prw-r--r-- 1 u g 0 Jan  2 2020 x",
        ):
            self.check(line, b"x", "other", None, modified, DAY)

    def test_times(self) -> None:
        for text, modified, precision in (
            ("Mar 10 12:00", when(2024, 3, 10, 12), MINUTE),
            ("Mar 11 11:59", when(2024, 3, 11, 11, 59), MINUTE),  # a server a day ahead of us
            ("Mar 12 12:01", when(2023, 3, 12, 12, 1), MINUTE),
            ("Feb 29 10:00", when(2024, 2, 29, 10), MINUTE),
            ("Dec 31 23:59", when(2023, 12, 31, 23, 59), MINUTE),
            ("10 Mar 12:00", when(2024, 3, 10, 12), MINUTE),
            ("10. Mar 2019", when(2019, 3, 10), DAY),
            ("mar 10  2019", when(2019, 3, 10), DAY),
            ("2019-03-10 12:34", when(2019, 3, 10, 12, 34), MINUTE),
            ("2019-03-10 12:34:56.789012345 +0100", when(2019, 3, 10, 12, 34), MINUTE),
            ("Mrz 10  2019", None, DAY),
            ("Feb 30  2019", None, DAY),
            ("Mar 10 25:00", None, MINUTE),
        ):
            self.check(f"-rw-r--r-- 1 u g 5 {text} x", b"x", "file", 5, modified, precision)

    def test_a_leap_day_of_another_year(self) -> None:
        found = parse_listed(b"-rw-r--r-- 1 u g 5 Feb 29 10:00 x", when(2026, 3, 1))
        assert found is not None
        self.assertEqual(found.modified, when(2024, 2, 29, 10))

    def test_names_keep_their_spaces(self) -> None:
        self.check("-rw-r--r-- 1 u g 5 Jan  2  2020  a ", b" a ", "file", 5, when(2020, 1, 2), DAY)
        self.check(
            "-rw-r--r-- 1 u g 5 Jan  2 2020 9 Jan  3 2020 a", b"9 Jan  3 2020 a", "file", 5, when(2020, 1, 2), DAY
        )

    @given(NAMES, st.integers(0, 10**18), st.floats(0, NOW))
    def test_what_ls_prints_is_understood(self, name: bytes, size: int, modified: float) -> None:
        line = b"-rw-r--r--   1 owner    group %12d %b %b" % (size, format_ls(modified, NOW), name)
        found = parse_listed(line, NOW)
        assert found is not None and found.modified is not None
        self.assertEqual((found.name, found.size), (name, size))
        self.assertLess(abs(found.modified - modified), found.precision)


class OtherTests(SynchronousTestCase):
    def test_dos(self) -> None:
        at = when(1994, 11, 6, 20, 49)
        for line, wanted in (
            (b"11-06-94  08:49PM       <DIR>          a b", Listed(b"a b", "dir", None, at, MINUTE)),
            (b"11-06-1994  20:49           1,234,567 a", Listed(b"a", "file", 1234567, at, MINUTE)),
            (b"11/06/94 08:49 pm 12  a", Listed(b" a", "file", 12, at, MINUTE)),
            (b"11-06-94  08:49PM       <JUNCTION>     a [C:\\b]", Listed(b"a", "link", None, at, MINUTE, b"C:\\b")),
            (b"11-06-94  08:49PM       <ODD>     a", Listed(b"a", "other", None, at, MINUTE)),
            (b"02-30-94  12:49AM  0 a", Listed(b"a", "file", 0, None, MINUTE)),
            (b"01-02-24  12:00AM  0 a", Listed(b"a", "file", 0, when(2024, 1, 2), MINUTE)),
        ):
            self.assertEqual(parse_listed(line, NOW), wanted, line)

    def test_for_machines(self) -> None:
        for line, wanted in (
            (b"+i8388621.48594,m825718503,r,s280,\tdjb.html", Listed(b"djb.html", "file", 280, 825718503.0)),
            (b"+m825718503,/,\t a", Listed(b" a", "dir", None, 825718503.0)),
            (b"+\ta", Listed(b"a", "other")),
            (b"type=file;size=3;modify=20200102000000; a", Listed(b"a", "file", 3, when(2020, 1, 2))),
            (
                b"d [R----F--] mulder    512   Jan 16 18:53    login",
                Listed(b"login", "dir", None, when(2024, 1, 16, 18, 53), MINUTE),
            ),
            (b"- [R----F--] mulder  2141   Jan 16 2020    a b", Listed(b"a b", "file", 2141, when(2020, 1, 16), DAY)),
        ):
            self.assertEqual(parse_listed(line, NOW), wanted, line)

    def test_nothing(self) -> None:
        for line in (b"", b"  ", b"total 12", b"total 1.2M", b"Total 0 "):
            self.assertIsNone(parse_listed(line, NOW), line)

    def test_unknown(self) -> None:
        for line in (
            b"hello",
            b"ls: a: Permission denied",
            b"-rw-r--r-- 1 u g 5 Jan  2 2020",
            b"-rw-r--r-- 1 u g 5 Jan  2 2020 ",
            b"-rw-r--r-- 1 u g x Jan  2 2020 a",
            b"zrw-r--r-- 1 u g 5 Jan  2 2020 a",
            b"11-06-94  08:49PM a",
            b"+r,s3 a",
            b"=;a",
        ):
            self.assertRaises(Malformed, parse_listed, line, NOW)

    @given(st.binary(max_size=200), st.floats(-(10**11), 10**11))
    def test_any_octets(self, line: bytes, now: float) -> None:
        try:
            found = parse_listed(line, now)
        except Malformed:
            return
        if found is not None:
            self.assertTrue(found.name)

    @given(
        st.lists(
            st.sampled_from([b"-rw-r--r-- ", b" 1 ", b"Jan 2 2020 ", b"1,", b" ", b"5 ", b"x", b"10:00 "]), max_size=60
        )
    )
    def test_pieces_of_lines(self, pieces: list[bytes]) -> None:
        try:
            parse_listed(b"".join(pieces), NOW)
        except Malformed:
            pass


class FactsTests(SynchronousTestCase):
    def test_kinds(self) -> None:
        for line, wanted in (
            (b"type=file;size=1; a", Listed(b"a", "file", 1)),
            (b"TYPE=Dir;size=1; a", Listed(b"a", "dir")),
            (b"type=cdir; a", None),
            (b"type=pdir; a", None),
            (b"type=dir; ..", None),
            (b"type=OS.unix=slink:/A B; a", Listed(b"a", "link", target=b"/A B")),
            (b"type=OS.unix=slink; a", Listed(b"a", "link")),
            (b"type=OS.unix=symlink; a", Listed(b"a", "link")),
            (b"type=OS.unix=sock; a", Listed(b"a", "other")),
            (b" a", Listed(b"a", "other")),
        ):
            self.assertEqual(listed_of(parse_facts(line)), wanted, line)
