"""INI text -> sections and entries with lines."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from netdaemon.config.problems import Problems
from netdaemon.config.text import Section, split

FILE = Path("x.ini")


def read(text: str) -> tuple[list[Section], list[str]]:
    problems = Problems(FILE)
    sections = split(text, problems)
    return sections, [str(problem).removeprefix("x.ini:") for problem in problems]


class TextTests(SynchronousTestCase):
    def values(self, text: str) -> dict[str, str]:
        """KEY -> value of the one section in ``text``, which must be without a mistake."""
        sections, problems = read(text)
        self.assertEqual(problems, [])
        self.assertEqual(len(sections), 1)
        return {key: entry.value for key, entry in sections[0].entries.items()}

    def wrong(self, text: str) -> list[str]:
        return read(text)[1]

    # --- what is right -----------------------------------------------------------------------------------

    def test_lines(self) -> None:
        sections, problems = read("; first\n\n[a]\nx = 1\n\ny=2\n[ b:c ]\n# z\nz = 3\n  4\nw = 5")
        self.assertEqual(problems, [])
        self.assertEqual([(section.name, section.line) for section in sections], [("a", 3), ("b:c", 7)])
        self.assertEqual({key: entry.line for key, entry in sections[0].entries.items()}, {"x": 4, "y": 6})
        self.assertEqual({key: entry.line for key, entry in sections[1].entries.items()}, {"z": 9, "w": 11})
        self.assertEqual(sections[1].entries["z"].lines, [(9, "3"), (10, "4")])

    def test_white_space(self) -> None:
        self.assertEqual(self.values("[a]  \nx\t =\t 1 2 \t\ny ="), {"x": "1 2", "y": ""})

    def test_only_the_first_equals_sign_parts(self) -> None:
        self.assertEqual(self.values("[a]\nx = b = c"), {"x": "b = c"})

    def test_comments(self) -> None:
        text = "[a] ; c\nx = 1 ; c ; c\ny = a;b#c # d\nz = ; all of it\n;w = 1\n#v = 1\n  ; indented\n\t# too\nu = 1\t;"
        self.assertEqual(self.values(text), {"x": "1", "y": "a;b#c # d", "z": "", "u": "1"})

    def test_a_semicolon_right_behind_the_equals_sign_is_a_value(self) -> None:
        self.assertEqual(self.values("[a]\nx =;b"), {"x": ";b"})

    def test_values_go_on(self) -> None:
        text = "[a]\nx = 1\n  2 ; two\n\n  ; between\n# also\n\t3\ny =\n  only here\n"
        self.assertEqual(self.values(text), {"x": "1\n2\n3", "y": "only here"})

    def test_nothing_is_interpolated(self) -> None:
        self.assertEqual(self.values("[a]\nx = %(y)s ${y} $y %%"), {"x": "%(y)s ${y} $y %%"})

    def test_default_is_a_section_like_any_other(self) -> None:
        sections, problems = read("[DEFAULT]\nx = 1\n[a]\n")
        self.assertEqual(problems, [])
        self.assertEqual(sections[1].entries, {})

    def test_byte_order_mark_and_crlf(self) -> None:
        self.assertEqual(self.values("\ufeff[a]\r\nx = 1\r\n  2\r\n\r\ny = 2"), {"x": "1\n2", "y": "2"})

    def test_a_comment_may_hold_what_cannot_be_seen(self) -> None:
        self.assertEqual(self.values("[a]\n; \u200d\u00a0\nx = 1 ; \u200d"), {"x": "1"})

    # --- what is wrong -----------------------------------------------------------------------------------

    def test_text_before_any_section(self) -> None:
        self.assertEqual(self.wrong("x = 1\n[a]"), ["1: 'x = 1' stands before any [section]"])

    def test_headers(self) -> None:
        self.assertEqual(self.wrong("[a\nx = 1\n[]\ny = 1\n[b] c"), [
            "1: '[a' lacks its ]",
            "3: a section without a name",
            "5: [b] 'c' stands behind the ]",
        ])  # fmt: skip

    def test_what_follows_a_wrong_header_is_not_the_section_before(self) -> None:
        sections, _ = read("[a]\nx = 1\n[b\nx = 2\ny = 3\n")
        self.assertEqual([list(section.entries) for section in sections], [["x"]])

    def test_no_equals_sign(self) -> None:
        self.assertEqual(self.wrong("[a]\nlisten: tcp:80\n= 1"), [
            "2: [a] 'listen: tcp:80' is neither [section] nor key = value",
            "3: [a] '= 1' lacks a key before its =",
        ])  # fmt: skip

    def test_twice(self) -> None:
        self.assertEqual(self.wrong("[a]\nx = 1\nx = 2\n[b]\n[a]\nx = 3"), [
            "3: [a] 'x' is set twice, first in line 2",
            "5: [a] the section stands twice, first in line 1",
        ])  # fmt: skip

    def test_the_first_of_two_counts(self) -> None:
        sections, _ = read("[a]\nx = 1\nx = 2\n[a]\nx = 3\n")
        self.assertEqual([section.entries["x"].value for section in sections], ["1"])

    def test_nothing_to_go_on_with(self) -> None:
        message = "is indented, and there is no value before it to go on with"
        self.assertEqual(self.wrong("  x = 1"), [f"1: 'x = 1' {message}"])
        self.assertEqual(self.wrong("[a]\nx = 1\n[b]\n  y = 1"), [f"4: [b] 'y = 1' {message}"])

    def test_control_characters(self) -> None:
        for char in "\0\x01\x0b\x0c\x1b\x7f\x85\x9b":
            self.assertEqual(
                self.wrong(f"[a]\nx = 1{char}2"),
                [f"2: [a] control character U+{ord(char):04X} in column 6"],
                repr(char),
            )
        self.assertEqual(self.wrong("[a]\n; \0"), ["2: [a] control character U+0000 in column 3"])
        self.assertEqual(
            self.wrong("[a]\rx = 1\n"),
            ["1: control character U+000D in column 4", "1: [a] 'x = 1' stands behind the ]"],
        )

    def test_what_cannot_be_seen(self) -> None:
        for char in "\u00a0\u200b\u202e\ufeff\u2028":
            self.assertEqual(
                self.wrong(f"[a]\nx{char}= 1"),
                [f"2: [a] a character that can't be seen, U+{ord(char):04X}, in column 2"],
                repr(char),
            )

    def test_invalid_utf8(self) -> None:
        text = b"[a]\nx = caf\xe9\n; \xff\n".decode("utf-8", "surrogateescape")
        self.assertEqual(
            self.wrong(text),
            ["2: [a] is not UTF-8: byte 0xE9 in column 8", "3: [a] is not UTF-8: byte 0xFF in column 3"],
        )

    def test_messages_stay_short(self) -> None:
        for text in ("x" * 100_000, "[" + "x" * 100_000, "[" + "x" * 100_000 + "]\nz", "[a]\n" + "x" * 100_000):
            for message in self.wrong(text):
                self.assertLess(len(message), 200)

    # --- anything ----------------------------------------------------------------------------------------

    @settings(deadline=None, max_examples=300)
    @given(st.lists(st.sampled_from(["[a]", "[b", "x = 1", "y", "  z", ";", "#", "", "\0", " ;x", "=", "\r", "[]"])))
    def test_every_line_is_somewhere(self, lines: list[str]) -> None:
        """Each line that is not blank or comment is part of a section, or has a problem; lines count from 1."""
        problems = Problems(FILE)
        sections = split("\n".join(lines), problems)
        spoken_for = {problem.line for problem in problems}
        self.assertTrue(all(1 <= line <= len(lines) for line in spoken_for))
        for section in sections:
            spoken_for.add(section.line)
            spoken_for |= {line for entry in section.entries.values() for line, _ in entry.lines}
        wrong_header = wrong_entry = False
        for number, line in enumerate(lines, 1):
            if line.startswith("["):
                wrong_header = number in {problem.line for problem in problems}
            elif line in ("x = 1", "y", "="):
                wrong_entry = wrong_header or number in {problem.line for problem in problems}
                self.assertTrue(wrong_header or number in spoken_for, (number, line))
            elif line == "  z":
                self.assertTrue(wrong_entry or wrong_header or number in spoken_for, (number, line))

    @settings(deadline=None, max_examples=200)
    @given(st.text(max_size=200))
    def test_any_text(self, text: str) -> None:
        problems = Problems(FILE)
        for section in split(text, problems):
            self.assertTrue(section.name.isprintable() and section.name)
            for key, entry in section.entries.items():
                self.assertTrue(key.isprintable() and key)
                self.assertTrue(all(c.isprintable() or c in "\t\n" for c in entry.value))
        self.assertTrue(all(str(problem).isprintable() for problem in problems))
