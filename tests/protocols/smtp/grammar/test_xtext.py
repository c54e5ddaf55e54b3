"""xtext and ORCPT."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from netdaemon.mail import Malformed
from netdaemon.protocols.smtp.grammar.xtext import decode_xtext, encode_xtext, parse_orcpt, write_orcpt

PRINTABLE = st.text(alphabet=st.characters(min_codepoint=32, max_codepoint=126))


class XtextTests(SynchronousTestCase):
    def test_forms(self) -> None:
        self.assertEqual(decode_xtext(b"a+2Bb+3Dc+20d"), "a+b=c d")
        self.assertEqual(encode_xtext("a+b=c d"), b"a+2Bb+3Dc+20d")
        for text in (b"a=b", b"a+", b"a+2", b"a+2b", b"a+ZZ", b"a b", b"+0D+0A", b"+00", b"+7F", b"+C3+A9", b"\xe9"):
            with self.assertRaises(Malformed):
                decode_xtext(text)

    @given(PRINTABLE)
    def test_round(self, text: str) -> None:
        self.assertEqual(decode_xtext(encode_xtext(text)), text)

    @given(st.binary())
    def test_never_anything_else(self, text: bytes) -> None:
        try:
            decoded = decode_xtext(text)
        except Malformed:
            return
        self.assertTrue(decoded.isascii() and (decoded.isprintable()))

    def test_orcpt(self) -> None:
        self.assertEqual(parse_orcpt(b"RFC822;a+2Bb@c"), "rfc822;a+b@c")
        self.assertEqual(parse_orcpt(b"utf-8;f\\x{F6}x@c"), "utf-8;f\xf6x@c")
        self.assertEqual(parse_orcpt("utf-8;f\xf6x@c".encode(), utf8=True), "utf-8;f\xf6x@c")
        for value in (
            b"",
            b"x",
            b";x",
            b"rfc822;",
            b"rfc 822;x",
            b"utf-8;\xff",
            b"utf-8;\\x{0A}",
            b"utf-8;\\x{110000}",
            b"utf-8;\\x{D800}",
        ):
            with self.assertRaises(Malformed):
                parse_orcpt(value, utf8=True)
        with self.assertRaises(Malformed):
            parse_orcpt("utf-8;f\xf6x@c".encode())

    @given(
        st.text(alphabet=st.characters(min_codepoint=33, exclude_categories=("C", "Z")), min_size=1, max_size=40),
        st.booleans(),
    )
    def test_orcpt_round(self, address: str, utf8: bool) -> None:
        for original in (f"utf-8;{address}",) if not address.isascii() else (f"utf-8;{address}", f"rfc822;{address}"):
            written = write_orcpt(original, utf8=utf8)
            if len(written) <= 500:
                self.assertEqual(parse_orcpt(written, utf8=utf8), original)
