"""Base64 as line protocols carry SASL in it."""

from __future__ import annotations

from base64 import b64encode

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from netdaemon.wire.sasl.encoding import LONGEST, Cancelled, SaslError, decode_base64, encode_base64


class DecodeTests(SynchronousTestCase):
    def test_octets(self) -> None:
        self.assertEqual(decode_base64(b"AG11bGRlcgB0cnVzdG5vMQ=="), b"\0mulder\0trustno1")

    def test_no_octets(self) -> None:
        self.assertEqual((decode_base64(b""), decode_base64(b"=")), (b"", b""))

    def test_a_star_cancels(self) -> None:
        self.assertRaises(Cancelled, decode_base64, b"*")

    def test_junk(self) -> None:
        for junk in (b"AG11", b"QQ==", b"QUI="):
            decode_base64(junk)  # what the next ones are made of is right
        for junk in (
            b"A", b"AG1", b"AG11 ", b" AG11", b"AG 11", b"AG11\r\n", b"AG11\0", b"AG1!", b"AG-_", b"*AG11", b"**",
            b"==", b"===", b"====", b"=AG1", b"QQ=", b"QQ", b"QQ===", b"QQ==QQ==", b"QUI=AG11", b"AG11=", b"AG11====",
            "ÄÖÜß".encode(),
        ):  # fmt: skip
            with self.subTest(junk):
                self.assertRaises(SaslError, decode_base64, junk)

    def test_bits_that_mean_nothing_must_be_none(self) -> None:
        """`QR==` would be `QQ==` again: two lines for one password."""
        for junk in (b"QR==", b"Qf==", b"QUJ="):
            with self.subTest(junk):
                self.assertRaises(SaslError, decode_base64, junk)

    def test_the_limit(self) -> None:
        self.assertEqual(len(decode_base64(b64encode(bytes(LONGEST)))), LONGEST)
        self.assertRaises(SaslError, decode_base64, b64encode(bytes(LONGEST + 3)))

    @settings(deadline=None, max_examples=200)
    @given(st.binary(max_size=200))
    def test_there_and_back(self, data: bytes) -> None:
        line = encode_base64(data, initial=True)
        self.assertEqual(decode_base64(line), data)
        self.assertEqual(encode_base64(data), b"" if not data else line)

    @settings(deadline=None, max_examples=300)
    @given(st.binary(max_size=40))
    def test_whatever_is_accepted_has_one_form(self, line: bytes) -> None:
        try:
            data = decode_base64(line)
        except SaslError:
            return
        self.assertIn(line, (encode_base64(data), encode_base64(data, initial=True)))
