"""Paths against a current folder, and in quotes (RFC 959 appendix II, RFC 3659 section 6)."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from netdaemon.protocols.ftp.grammar import Malformed
from netdaemon.protocols.ftp.grammar.paths import is_sendable, join, parse_quoted, quote, resolve, split


class ResolvingTests(SynchronousTestCase):
    def test_forms(self) -> None:
        for current, argument, path in (
            (b"/", b"", b"/"),
            (b"/a/b", b"", b"/a/b"),
            (b"/a/b", b".", b"/a/b"),
            (b"/a/b", b"..", b"/a"),
            (b"/a/b", b"../..", b"/"),
            (b"/a/b", b"../../../../etc/passwd", b"/etc/passwd"),
            (b"/a/b", b"c", b"/a/b/c"),
            (b"/a/b", b"/c", b"/c"),
            (b"/a/b", b"//c///d/", b"/c/d"),
            (b"/a", b"..b", b"/a/..b"),
            (b"/a", b"...", b"/a/..."),
            (b"/a", b" b ", b"/a/ b "),
            (b"/", b"\xff\xe4", b"/\xff\xe4"),
            (b"/", b"a\\..\\b", b"/a\\..\\b"),
        ):
            self.assertEqual(resolve(current, argument), path)

    @given(st.binary(max_size=20), st.binary(max_size=40))
    def test_it_is_always_absolute_and_has_no_dots(self, current: bytes, argument: bytes) -> None:
        path = resolve(resolve(b"/", current), argument)
        self.assertTrue(path.startswith(b"/"))
        if path != b"/":
            self.assertFalse({b"", b".", b".."} & set(path[1:].split(b"/")))
        self.assertEqual(resolve(b"/elsewhere", path), path)

    def test_join_and_split(self) -> None:
        self.assertEqual(join(b"/", b"a"), b"/a")
        self.assertEqual(join(b"/a", b"b"), b"/a/b")
        self.assertEqual(split(b"/a/b"), (b"/a", b"b"))
        self.assertEqual(split(b"/a"), (b"/", b"a"))
        self.assertEqual(split(b"/"), (b"/", b""))


class QuotingTests(SynchronousTestCase):
    def test_quotes_are_doubled(self) -> None:
        self.assertEqual(quote(b'/a"b'), b'"/a""b"')
        self.assertEqual(parse_quoted(b'"/a""b" is the current folder'), b'/a"b')
        self.assertEqual(parse_quoted(b'""'), b"")

    def test_refused(self) -> None:
        for text in (b"", b"/a", b'"/a', b'"/a""', b'"'):
            self.assertRaises(Malformed, parse_quoted, text)

    @given(st.binary(max_size=40), st.binary(max_size=10).filter(lambda text: not text.startswith(b'"')))
    def test_round_trip(self, path: bytes, behind: bytes) -> None:
        self.assertEqual(parse_quoted(quote(path) + behind), path)

    def test_what_no_line_can_hold(self) -> None:
        self.assertTrue(is_sendable(b"a b\xff\t"))
        for name in (b"a\rb", b"a\nb", b"a\0b"):
            self.assertFalse(is_sendable(name))
