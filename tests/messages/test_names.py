from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from netdaemon.messages.errors import BadName
from netdaemon.messages.names import DEEPEST, LONGEST_NAME, Pattern, beneath, folder_name, keyword, parents


class NameTests(SynchronousTestCase):
    def test_good(self) -> None:
        for text, name in (
            ("INBOX", "INBOX"),
            ("iNbOx", "INBOX"),
            ("inbox/a", "INBOX/a"),
            ("a/inbox", "a/inbox"),
            ("inbox2", "inbox2"),
            ("...", "..."),
            ("a b&c\\", "a b&c\\"),
            ("x" * LONGEST_NAME, "x" * LONGEST_NAME),
            ("/".join("a" * DEEPEST), "/".join("a" * DEEPEST)),
            ("u\u0308", "\u00fc"),
        ):
            self.assertEqual(folder_name(text), name)
        self.assertEqual(folder_name("inbox", shared=True), "inbox")

    def test_bad(self) -> None:
        for text in (
            *(
                "",
                "/",
                "a/",
                "/a",
                "a//b",
                ".",
                "..",
                "a/..",
                "../a",
                "a\0",
                "a\r",
                "a\n",
                "\x7f",
                "\x85",
                "\u2028",
                "%",
                "a*",
            ),
            *("\udc80", "x" * (LONGEST_NAME + 1), "\u00fc" * (LONGEST_NAME // 2 + 1), "/".join("a" * (DEEPEST + 1))),
        ):
            with self.assertRaises(BadName, msg=text):
                folder_name(text)

    def test_above_and_beneath(self) -> None:
        self.assertEqual(parents("a/b/c"), ["a", "a/b"])
        self.assertEqual(parents("a"), [])
        first, end = beneath("a")
        for name, inside in (
            ("a", False),
            ("a/", True),
            ("a/\U0010ffff", True),
            ("a0", False),
            ("a-", False),
            ("ab", False),
        ):
            self.assertIs(first <= name < end, inside, name)

    def test_keywords(self) -> None:
        for word in ("a", "$Forwarded", "A-Z_0.9", "x" * 64, "[x"):
            self.assertEqual(keyword(word), word)
        for word in ("", " ", "a b", "(", ")", "{", "%", "*", '"', "\\", "]", "\x7f", "\u00e4", "x" * 65, "a\n"):
            with self.assertRaises(BadName, msg=word):
                keyword(word)


class PatternTests(SynchronousTestCase):
    def test_matches(self) -> None:
        for pattern, name, found in (
            ("", "", True),
            ("", "a", False),
            ("*", "", True),
            ("*", "a/b", True),
            ("%", "ab", True),
            ("%", "a/b", False),
            ("%/%", "a/b", True),
            ("%/%", "a/b/c", False),
            ("*/%", "a/b/c", True),
            ("%*%", "a/b", True),
            ("%%", "a/b", False),
            ("a*c", "abc/c", True),
            ("a%c", "ab/c", False),
            ("*b*", "abc", True),
            ("inbox", "INBOX", True),
            ("INBOX/%", "INBOX/x", True),
            ("inbox*", "INBOX/x", True),
            ("inboxes", "INBOXes", False),
            ("I%", "INBOX", True),
            ("i%", "INBOX", False),
        ):
            self.assertIs(Pattern(pattern).matches(name), found, (pattern, name))

    @given(st.text("ab/%*", max_size=8), st.text("ab/", max_size=8))
    def test_as_a_regular_expression(self, pattern: str, name: str) -> None:
        expression = "".join({"*": ".*", "%": "[^/]*"}.get(character, re.escape(character)) for character in pattern)
        self.assertIs(Pattern(pattern).matches(name), re.fullmatch(expression, name) is not None)

    def test_many_wildcards_are_no_bomb(self) -> None:
        """What a backtracking matcher takes years for."""
        pattern = Pattern("*a%" * 300 + "b")
        self.assertFalse(pattern.matches("a" * 512))

    def test_too_long(self) -> None:
        Pattern("a" * 1024)
        with self.assertRaises(BadName):
            Pattern("a" * 1025)
