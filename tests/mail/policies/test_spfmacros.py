"""SPF's macros and records, whatever they hold."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from netdaemon.mail.policies.spfmacros import BadMacro, expand, expand_name, parse_macros
from netdaemon.mail.policies.spfrecord import BadRecord, parse_record

VALUES = {letter: f"{letter}.b-c+d.example" for letter in "slodiphvcrt"}
_WORDS = """
    + - ~ ? all include: a mx ptr ip4: ip6: exists: redirect= exp= x=y / // 24 : :: 1.2.3.4 2001:db8:: %{ } %% %_ %- d
    l1r- %{d2r} example.org . org
"""
SPF_WORDS = st.sampled_from([" ", *_WORDS.split()])


class ExpandTests(SynchronousTestCase):
    def test_transformers(self) -> None:
        values = {"l": "a-b+c.d", "d": "w.x.y.z"}
        for text, expected in (
            ("%{l-}", "a.b+c.d"),
            ("%{l+-}", "a.b.c.d"),
            ("%{l2+-}", "b.c.d"),  # the dot is no delimiter then
            ("%{d1r}", "w"),
            ("%{d2}", "y.z"),
            ("%{d9}", "w.x.y.z"),
            ("%{dr}", "z.y.x.w"),
            ("%{D2}%%", "y.z%"),
            ("%{L}", "a-b%2Bc.d"),
        ):
            self.assertEqual(expand(parse_macros(text), values), expected, text)

    def test_a_long_name_loses_labels_on_the_left(self) -> None:
        values = {"l": ".".join(["x" * 60] * 4), "d": "example.org"}
        name = expand_name(parse_macros("%{l}.%{d}"), values)
        self.assertEqual(name, ".".join(["x" * 60] * 3 + ["example.org"]))
        for length, left in ((252, 252), (253, 253), (254, 252), (255, 253), (256, 0)):
            name = expand_name(parse_macros("%{l}"), {"l": f"a.{'b' * (length - 2)}"})
            self.assertEqual(len(name), left)

    @given(st.text(max_size=80))
    def test_any_text(self, text: str) -> None:
        for explaining in (False, True):
            try:
                macros = parse_macros(text, explaining=explaining)
            except BadMacro:
                continue
            self.assertLessEqual(len(expand_name(macros, VALUES)), 253)
            if "%" not in text:
                self.assertEqual(expand(macros, {}), text)

    @given(
        st.sampled_from("slodiphv"),
        st.one_of(st.just(""), st.integers(1, 999).map(str)),
        st.sampled_from(["", "r"]),
        st.text(".-+,/_=", max_size=4),
        st.text("ab.-+,/_=", max_size=40),
    )
    def test_against_a_plain_reading(self, letter: str, digits: str, reverse: str, delimiters: str, value: str) -> None:
        parts = [""]
        for character in value:
            if character in (delimiters or "."):
                parts.append("")
            else:
                parts[-1] += character
        if reverse:
            parts = parts[::-1]
        if digits:
            parts = parts[-int(digits) :]
        text = f"%{{{letter}{digits}{reverse}{delimiters}}}"
        self.assertEqual(expand(parse_macros(text), {letter: value}), ".".join(parts))


class RecordTests(SynchronousTestCase):
    @given(
        st.one_of(st.binary(max_size=100), st.lists(SPF_WORDS, max_size=12).map(lambda words: "".join(words).encode()))
    )
    def test_any_record(self, octets: bytes) -> None:
        try:
            record = parse_record(b"v=spf1 " + octets)
        except BadRecord:
            return
        self.assertTrue(octets.isascii())
        self.assertLessEqual(len(record.directives), len(octets.split()))
