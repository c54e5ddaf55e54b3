from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from netdaemon.documents.names import is_hidden, is_temporary, split, temporary
from netdaemon.interfaces import NotFound


class SplitTests(SynchronousTestCase):
    def test_forms(self) -> None:
        for path, parts, folder in [
            (b"", (), True),
            (b"/", (), True),
            (b"//", (), True),
            (b".", (), True),
            (b"/a", (b"a",), False),
            (b"a", (b"a",), False),
            (b"/a/", (b"a",), True),
            (b"/a/.", (b"a",), True),
            (b"/a/b/..", (b"a",), True),
            (b"//a///b", (b"a", b"b"), False),
            (b"/./a/./b", (b"a", b"b"), False),
            (b"/a/../b", (b"b",), False),
            (b"/a/b/../../c", (b"c",), False),
            (b"/a/..", (), True),
            (b"/a\\..\\b", (b"a\\..\\b",), False),
            (b"/\xff\xfe", (b"\xff\xfe",), False),
            (b"/%2e%2e/a", (b"%2e%2e", b"a"), False),
            (b"/a\r\nb", (b"a\r\nb",), False),
            (b"/a.b/c.", (b"a.b", b"c."), False),
        ]:
            self.assertEqual(split(path, hidden=False), (parts, folder), path)

    def test_never_above_the_root(self) -> None:
        for path in [b"..", b"/..", b"/../", b"/a/../..", b"/a/../../a", b"../a", b"/./../a", b"//..//a"]:
            self.assertRaises(NotFound, split, path, True)

    def test_nul(self) -> None:
        for path in [b"\0", b"/a\0", b"/a\0/../b", b"/a/\0b"]:
            self.assertRaises(NotFound, split, path, True)

    def test_hidden(self) -> None:
        for path in [b"/.a", b"/a/.b", b"/.a/b", b"/...", b"/..a", b"/.a/../b"]:
            self.assertRaises(NotFound, split, path, False)
        self.assertEqual(split(b"/.a/b", True), ((b".a", b"b"), False))
        self.assertEqual(split(b"/...", True), ((b"...",), False))

    def test_lengths(self) -> None:
        self.assertEqual(split(b"/" + b"a" * 255, False)[0], (b"a" * 255,))
        self.assertRaises(NotFound, split, b"/" + b"a" * 256, False)
        self.assertRaises(NotFound, split, b"a" * 256, False)
        self.assertRaises(NotFound, split, b"/b/" + b"a" * 256 + b"/c", False)
        self.assertEqual(len(split(b"/a" * 2048, False)[0]), 2048)
        self.assertRaises(NotFound, split, b"/a" * 2048 + b"/", False)

    def test_error_carries_the_path(self) -> None:
        error = self.assertRaises(NotFound, split, b"/a/../../b", False)
        self.assertEqual(error.path, b"/a/../../b")

    @given(st.lists(st.sampled_from([b"a", b"bb", b".", b"..", b"", b".h", b"\xff", b"c\\"]), max_size=12))
    @settings(deadline=None, max_examples=300)
    def test_parts_are_plain_names(self, steps: list[bytes]) -> None:
        path = b"/".join(steps)
        try:
            parts, _ = split(path, hidden=False)
        except NotFound:
            depth = 0
            for step in steps:
                depth += {b"..": -1, b".": 0, b"": 0}.get(step, 1)
                if depth < 0 or step == b".h":
                    return
            self.fail(f"{path!r} was refused")
        for part in parts:
            self.assertFalse(part.startswith(b".") or b"/" in part or not part)
        # taken apart again, it stays what it is
        self.assertEqual(split(b"/" + b"/".join(parts), hidden=False)[0], parts)


class TemporaryTests(SynchronousTestCase):
    def test_always_hidden(self) -> None:
        name = temporary()
        self.assertTrue(is_temporary(name))
        self.assertTrue(is_hidden(name, hidden=True))
        self.assertRaises(NotFound, split, b"/a/" + name, True)
        self.assertFalse(is_hidden(b".netdaemon", hidden=True))

    def test_never_the_same(self) -> None:
        self.assertEqual(len({temporary() for _ in range(100)}), 100)
