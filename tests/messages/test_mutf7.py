from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from netdaemon.messages.mutf7 import decode, encode


class ModifiedUTF7Tests(SynchronousTestCase):
    def test_examples(self) -> None:
        """RFC 3501 section 5.1.3."""
        for name, text in (
            ("~peter/mail/\u53f0\u5317/\u65e5\u672c\u8a9e", "~peter/mail/&U,BTFw-/&ZeVnLIqe-"),
            ("a & b", "a &- b"),
            ("Entw\u00fcrfe", "Entw&APw-rfe"),
            ("\U0001f600", "&2D3eAA-"),
            ("", ""),
        ):
            self.assertEqual(encode(name), text)
            self.assertEqual(decode(text), name)

    def test_also(self) -> None:
        self.assertEqual(encode("a.b/\u00fc.", also="./"), "a&AC4-b&AC8-&APw-&AC4-")
        self.assertEqual(decode("a&AC4-b&AC8-&APw-&AC4-"), "a.b/\u00fc.")

    def test_wrong(self) -> None:
        for text in ("&", "a&b", "&AC4", "&A-", "&AC!-", "&\u00fc-", "\u00fc", "&2D0-"):
            with self.assertRaises(ValueError, msg=text):
                decode(text)

    @given(st.text(alphabet=st.characters(codec="utf-8"), max_size=40), st.sampled_from(["", ".", "./"]))
    def test_there_and_back(self, name: str, also: str) -> None:
        text = encode(name, also)
        self.assertTrue(text.isascii())
        self.assertEqual(decode(text), name)
        self.assertFalse(set(text) & set(also) - set("-"))
