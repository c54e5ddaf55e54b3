from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from netdaemon.messages.folding import base_subject, folded


class FoldingTests(SynchronousTestCase):
    def test_folded(self) -> None:
        for one, other in (("ABC", "abc"), ("STRASSE", "stra\u00dfe"), ("\u00dc", "u\u0308"), ("\u2126", "\u03c9")):
            self.assertEqual(folded(one), folded(other))

    def test_base_subject(self) -> None:
        """RFC 5256 section 2.1."""
        for subject, base, reply in (
            ("Hello", "hello", False),
            ("Re: Hello", "hello", True),
            ("RE : re: Hello", "hello", True),
            ("Re[2]: Hello", "hello", True),
            ("Fwd: Hello", "hello", True),
            ("FW: Hello (fwd)", "hello", True),
            ("Hello (fwd) (FWD)", "hello", True),
            ("[list] Hello", "hello", False),
            ("[list] Re: [other] Hello", "hello", True),
            ("[Fwd: Re: Hello]", "hello", True),
            ("  a \t b\r\n c ", "a b c", False),
            ("[only]", "[only]", False),
            ("Reply", "reply", False),
            ("", "", False),
            ("Re:", "", True),
        ):
            self.assertEqual(base_subject(subject), (base, reply), subject)

    def test_no_bomb(self) -> None:
        for text in ("[" * 8000, "re:" * 8000, "[a]" * 8000, "re[" * 4000, " " * 8000, "(fwd)" * 2000, "re [" * 2000):
            self.assertLessEqual(len(base_subject(text)[0]), len(text))

    @given(st.text(max_size=60))
    def test_an_answer_has_the_same(self, subject: str) -> None:
        base, _ = base_subject(subject)
        self.assertEqual(base_subject("Re: " + subject), (base, True))
