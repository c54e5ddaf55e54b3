"""Encoded words, charsets and transfer encodings."""

from __future__ import annotations

import base64
import quopri
from email.header import decode_header, make_header
from email.quoprimime import header_encode

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from netdaemon.mail.charsets import codec_name, decode
from netdaemon.mail.encodedwords import LONGEST, decode_words, encode_words
from netdaemon.mail.transfer import from_base64, from_quoted_printable, transfer_decoded

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=120)


class DecodeTests(SynchronousTestCase):
    def test_words(self) -> None:
        for value, text in (
            (b"plain", "plain"),
            (b"=?utf-8?q?Gr=C3=BC=C3=9Fe_aus?= Ulm", "Grüße aus Ulm"),
            (b"a =?UTF-8?B?w7w=?= b", "a ü b"),
            (b"a=?utf-8?q?b?=c", "abc"),
            # RFC 2047 section 8
            (b"=?ISO-8859-1?Q?a?=", "a"),
            (b"=?ISO-8859-1?Q?a?= b", "a b"),
            (b"=?ISO-8859-1?Q?a?= =?ISO-8859-1?Q?b?=", "ab"),
            (b"=?ISO-8859-1?Q?a?=  \t =?ISO-8859-1?Q?b?=", "ab"),
            (b"=?ISO-8859-1?Q?a_b?=", "a b"),
            (b"=?ISO-8859-1?Q?a?= =?ISO-8859-2?Q?_b?=", "a b"),
            # a character in two words, in base64 too
            (b"=?utf-8?q?=C3?= =?utf-8?Q?=BC?=", "ü"),
            (b"=?utf-8?b?w7zD?= =?utf-8?b?vA==?=", "üü"),
            (b"=?utf-8?q?=C3?= =?utf-8?b?vA==?=", "ü"),
            (b"=?us-ascii*en-US?q?a?= =?utf-8*de?q?b?=", "ab"),
            (b"=?iso-2022-jp?b?GyRCJCIbKEI=?=", "あ"),
            (b"=?gb2312?b?1tDOxA==?=", "中文"),
            (b"=?windows-1252?q?=80?= =?iso-8859-1?q?=80?=", "€€"),
            (b"=?utf-8?q?not in=20one word?=", "not in one word"),
        ):
            self.assertEqual(decode_words(value), text, value)

    def test_what_is_broken(self) -> None:
        for value, text in (
            (b"=?utf-8?b?w7w?=", "ü"),
            (b"=?utf-8?b?w7w=w7w=?=", "üü"),
            (b"=?utf-8?b?w7w!\x00\xff*?=", "ü"),
            (b"=?utf-8?b?x?=", ""),
            (b"=?utf-8?b??=x", "x"),
            (b"=?utf-8?q?=C3=ZZ=?=", "\ufffd=ZZ"),
            (b"=?no-such-charset?q?=C3=BC?=", "ü"),
            (b"=?no-such-charset?q?=FC?=", "ü"),
            (b"=?utf-8?x?a?=", "=?utf-8?x?a?="),
            (b"=?utf-8?q?a", "=?utf-8?q?a"),
            (b"=??q?a?=", "=??q?a?="),
            (b"=?utf-8?q?=FC?=", "\ufffd"),
            (b"raw \xc3\xbc", "raw ü"),
            (b"raw \xfc \x80", "raw ü €"),
            (b"\xff=?utf-8?q?a?=", "ÿa"),
            (b"=?idna?q?xn--a?=", "xn--a"),
            (b"=?unicode_escape?q?=5Cx00?=", "\\x00"),
            (b"=?zlib?b?eJwDAAAAAAE=?=", decode(base64.b64decode("eJwDAAAAAAE="), b"")),
        ):
            self.assertEqual(decode_words(value), text, value)

    @given(
        st.lists(
            st.sampled_from([b"=?", b"utf-8", b"?", b"q", b"b", b"?=", b"=", b"C3", b" ", b"w7w=", b"\xfc"]),
            max_size=30,
        )
    )
    def test_anything_can_be_read(self, pieces: list[bytes]) -> None:
        decode_words(b"".join(pieces)).encode()

    @given(
        st.lists(
            st.tuples(st.sampled_from(["b", "q"]), st.text("aü中 ", min_size=1, max_size=8)), min_size=1, max_size=4
        )
    )
    def test_like_the_standard_library(self, words: list[tuple[str, str]]) -> None:
        value = " ".join(
            [
                f"=?utf-8?b?{base64.b64encode(text.encode()).decode()}?="
                if how == "b"
                else header_encode(text.encode(), "utf-8")
                for how, text in words
            ]
        )
        self.assertEqual(decode_words(value.encode()), str(make_header(decode_header(value))))


class EncodeTests(SynchronousTestCase):
    @given(texts.filter(bool), st.integers(0, LONGEST))
    def test_there_and_back(self, text: str, first: int) -> None:
        words = encode_words(text, first)
        self.assertEqual(decode_words(" ".join(words).encode("ascii")), text)
        self.assertTrue(all(len(word) <= LONGEST for word in words), words)
        self.assertLessEqual(len(words[0]), max(first, 24))

    def test_the_shorter_one(self) -> None:
        self.assertEqual(encode_words("Müller und Meier"), ["=?utf-8?q?M=C3=BCller_und_Meier?="])
        self.assertEqual(encode_words("中文"), ["=?utf-8?b?5Lit5paH?="])

    def test_each_word_can_be_read_alone(self) -> None:
        words = encode_words("中ü" * 60)
        self.assertGreater(len(words), 3)
        for word in words:
            self.assertNotIn("\ufffd", decode_words(word.encode()))


class CharsetTests(SynchronousTestCase):
    def test_names(self) -> None:
        for name, codec in (
            (b"UTF-8", "utf_8"),
            (b"utf8", "utf_8"),
            (b"ISO-8859-15", "iso8859_15"),
            (b"KOI8-R", "koi8_r"),
            (b"Big5", "big5"),
            (b"windows-1251", "cp1251"),
            (b"KOI8-U", "koi8_u"),
            (b"x-sjis", "cp932"),
            (b"x-mac-roman", "mac_roman"),
            (b"ks_c_5601-1987", "cp949"),
            (b"ISO-2022-JP", "iso2022_jp_2"),
            (b"x", None),
            (b"utf-8" * 1000, None),
            (b"\xff", None),
            (b"rot13", None),
            (b"hex", None),
            (b"punycode", None),
            (b"idna", None),
        ):
            self.assertEqual(codec_name(name), codec, name)

    def test_no_half_pairs(self) -> None:
        for octets, charset in ((b"+2AA-", b"utf-7"), (b"\x00\xd8", b"utf-16-le"), (b"\xed\xa0\x80", b"utf-8")):
            decode(octets, charset).encode("utf-8")

    @given(
        st.binary(max_size=40),
        st.sampled_from([b"", b"utf-7", b"utf-16", b"iso-2022-kr", b"hz", b"big5", b"cp932", b"what"]),
    )
    def test_any_octets(self, octets: bytes, charset: bytes) -> None:
        decode(octets, charset).encode("utf-8")


class TransferTests(SynchronousTestCase):
    @given(st.binary(max_size=200))
    def test_there_and_back(self, octets: bytes) -> None:
        self.assertEqual(from_base64(base64.encodebytes(octets)), octets)
        octets = octets.replace(b"\r", b"")  # its encoder makes all line ends alike
        self.assertEqual(transfer_decoded(quopri.encodestring(octets), b"Quoted-Printable"), octets)
        self.assertEqual(transfer_decoded(octets, b"8bit"), octets)

    def test_what_is_there_by_half(self) -> None:
        self.assertEqual(from_base64(b"YWJj\r\nZA"), b"abcd")
        self.assertEqual(from_base64(b"YWJjZ"), b"abc")
        self.assertEqual(from_base64(b"YQ==YQ=="), b"aa")
        self.assertEqual(from_base64(b"=="), b"")
        self.assertEqual(from_quoted_printable(b"a=\r\nb= \nc=3D=3"), b"abc==3")
        self.assertEqual(from_quoted_printable(b"==\n=3"), b"=\n=3")

    @given(st.binary(max_size=60))
    def test_any_octets(self, octets: bytes) -> None:
        for encoding in (b"base64", b"quoted-printable", b"x"):
            self.assertLessEqual(len(transfer_decoded(octets, encoding)), len(octets))
