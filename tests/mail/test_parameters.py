"""Content-Type, Content-Disposition, and parameters that RFC 2231 spreads over many."""

from __future__ import annotations

from email.message import Message
from email.utils import collapse_rfc2231_value

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from netdaemon.mail.parameters import (
    MAX_PARAMETERS,
    decoded_parameter,
    parameter,
    parse_content_type,
    parse_disposition,
    parse_word,
)


class ParameterTests(SynchronousTestCase):
    def parameters(self, text: bytes) -> list[tuple[bytes, bytes]]:
        parsed = parse_content_type(b"a/b" + text)
        assert parsed is not None
        return list(parsed[2])

    def test_types(self) -> None:
        self.assertEqual(parse_content_type(b"text/plain"), (b"text", b"plain", ()))
        self.assertEqual(parse_content_type(b" Text / (x) X-Y ; a=b"), (b"Text", b"X-Y", ((b"a", b"b"),)))
        self.assertEqual(parse_content_type(b"image/svg+xml;"), (b"image", b"svg+xml", ()))
        for nothing in (b"", b"text", b"text/", b"/plain", b"text plain", b"\xff", b"text/;a=b", b'"text"/plain'):
            self.assertIn(parse_content_type(nothing), (None,), nothing)

    def test_words_and_dispositions(self) -> None:
        self.assertEqual(parse_word(b" (x) BASE64 (y)"), b"BASE64")
        self.assertIsNone(parse_word(b"(base64)"))
        self.assertEqual(parse_disposition(b'attachment; filename="a b"'), (b"attachment", ((b"filename", b"a b"),)))
        self.assertIsNone(parse_disposition(b"; filename=x"))

    def test_values(self) -> None:
        for text, wanted in (
            (b"; a=b", [(b"a", b"b")]),
            (b";a = b;C=d", [(b"a", b"b"), (b"C", b"d")]),
            (b'; a="b;c=d"; e="f\\"\\\\g"', [(b"a", b"b;c=d"), (b"e", b'f"\\g')]),
            (b'; a=""; b=', [(b"a", b""), (b"b", b"")]),
            (b'; a="b', [(b"a", b"b")]),
            (b"; a=b c; d=e", [(b"a", b"b"), (b"d", b"e")]),
            (b"; a=(x) b (y); (z) d=e", [(b"a", b"b"), (b"d", b"e")]),
            (b"; ; a=b; c; =d", [(b"a", b"b")]),
            (b"; name==?utf-8?q?x?=; a=b", [(b"name", b"=?utf-8?q?x?="), (b"a", b"b")]),
            (b"; a=\xc3\xbc", [(b"a", b"\xc3\xbc")]),
            (b"a=b", []),
        ):
            self.assertEqual(self.parameters(text), wanted, text)

    def test_sections(self) -> None:
        for text, wanted in (
            (b"; a*0=b; a*1=c", [(b"a", b"bc")]),
            (b"; a*1=c; x=y; a*0=b", [(b"x", b"y"), (b"a", b"bc")]),
            (b"; a*=utf-8'de'%C3%BC", [(b"a*", b"utf-8'de'%C3%BC")]),
            (b"; a*0*=utf-8''%C3%BC; a*1=\"100%\"; a*2*=%20", [(b"a*", b"utf-8''%C3%BC100%25%20")]),
            (b"; a*0=x; a*1*=%20", [(b"a*", b"''x%20")]),
            (b"; a*0=b; a*2=c", [(b"a*0", b"b"), (b"a*2", b"c")]),
            (b"; a*0=b; a*0=c", [(b"a*0", b"b"), (b"a*0", b"c")]),
            (b"; a*1=b", [(b"a*1", b"b")]),
            (b"; a*x=b; *0=c; a**=d; a*12345=e", [(b"a*x", b"b"), (b"*0", b"c"), (b"a**", b"d"), (b"a*12345", b"e")]),
            (b"; b*0=1; a*0=2; B*1=3", [(b"a", b"2"), (b"b", b"13")]),
        ):
            self.assertEqual(self.parameters(text), wanted, text)

    def test_decoded(self) -> None:
        def decoded(text: bytes) -> str | None:
            return decoded_parameter(tuple(self.parameters(text)), b"a")

        self.assertEqual(decoded(b"; A=b"), "b")
        self.assertEqual(decoded(b"; a=\xc3\xbc"), "ü")
        self.assertEqual(decoded(b"; a*=iso-8859-1'de'%FCx"), "üx")
        self.assertEqual(decoded(b"; a=plain; a*=utf-8''%C3%BC"), "ü")
        self.assertEqual(decoded(b"; a*=no-such''%C3%BC%ZZ"), "ü%ZZ")
        self.assertEqual(decoded(b"; a*=%C3%BC"), "ü")
        self.assertEqual(decoded(b"; a*=one'%C3%BC"), "one'ü")
        self.assertIsNone(decoded(b"; b=c"))
        self.assertEqual(parameter(((b"A", b"b"), (b"a", b"c")), b"a"), b"b")
        self.assertEqual(parameter(((b"a*", b"x'y'b%20c"), (b"b*", b"d%")), b"a"), b"b c")
        self.assertEqual(parameter(((b"a*", b"x'y'b%20c"), (b"b*", b"d%")), b"b"), b"d%")
        self.assertIsNone(parameter(((b"a*", b"b"),), b"b"))

    def test_no_more_than_there_may_be(self) -> None:
        many = b"".join([b"; p%d=%d" % (n, n) for n in range(MAX_PARAMETERS + 9)])
        self.assertEqual(len(self.parameters(many)), MAX_PARAMETERS)

    @given(st.binary(max_size=60))
    def test_anything_can_be_read(self, text: bytes) -> None:
        for name, _ in self.parameters(text):
            self.assertTrue(name)
            decoded_parameter(tuple(self.parameters(text)), name.lower())

    tokens = st.from_regex(r"\A[a-z]{1,6}\Z")

    # It writes neither an empty value nor backslashes and semicolons so that it reads them again.
    values = st.text("aü中 %'=*.,", min_size=1, max_size=30)

    @given(st.dictionaries(tokens, values, max_size=4))
    def test_like_the_standard_library(self, wanted: dict[str, str]) -> None:
        message = Message()
        message["Content-Type"] = "a/b"
        for name, value in wanted.items():
            message.set_param(name, value if value.isascii() else ("utf-8", "", value), requote=True)
        written = str(message["Content-Type"]).encode()
        parsed = parse_content_type(written)
        assert parsed is not None
        for name in wanted:
            theirs = collapse_rfc2231_value(message.get_param(name))  # type: ignore[arg-type]
            self.assertEqual(decoded_parameter(parsed[2], name.encode()), theirs)
