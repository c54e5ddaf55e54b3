"""Headers with UTF-8 in them, for those who know none there (RFC 6857, RFC 6858)."""

from __future__ import annotations

from email import policy
from email.parser import BytesParser

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from netdaemon.mail.downgrade import downgraded
from netdaemon.mail.header import split_header
from netdaemon.mail.text import header_text


def written(text: str) -> str:
    return downgraded(text.replace("\n", "\r\n").encode()).decode("ascii").replace("\r\n", "\n")


def read(text: str) -> str:
    """One field, downgraded and then read, its encoded words decoded."""
    ((name, value),) = split_header(written(text).encode())
    return f"{name.decode()}: {header_text(value)}"


class DowngradeTests(SynchronousTestCase):
    def test_ascii_stays_to_the_octet(self) -> None:
        for block in (b"", b"\r\n", b"a: b\r\n  c\r\n\r\n", b"Subject:=?x?=\n\n", b"no field\r\n", b"To:\t<a@b>"):
            self.assertEqual(downgraded(block), block)

    def test_only_what_must_be_is_changed(self) -> None:
        before, behind = b"Received: x\r\n\ty\r\n", b"X:  odd  \r\n\r\n"
        for ends in (b"\r\n", b"\n"):
            block = (before + b"Subject: gr\xc3\xbcn\r\n" + behind).replace(b"\r\n", ends)
            made = downgraded(block)
            self.assertTrue(made.startswith(before.replace(b"\r\n", ends)))
            self.assertTrue(made.endswith(behind.replace(b"\r\n", ends)))

    def test_texts(self) -> None:
        self.assertEqual(read("Subject: =?iso-8859-1?q?gr=FCn?= und bl\u00fc\n"), "subject: gr\u00fcn und bl\u00fc")
        self.assertEqual(written("X-Own: \u00fc\n\n"), "X-Own: =?utf-8?b?w7w=?=\n\n")
        self.assertEqual(downgraded(b"Subject: gr\xfcn\r\n"), downgraded("Subject: gr\u00fcn\r\n".encode()))

    def test_addresses(self) -> None:
        invalid = "<invalid@internationalized-address.invalid>"
        for field, wanted in (
            ("Fox M\u00fclder <mulder@spam.egg>", None),
            (
                '"M\u00fclder, Fox" <mulder@spam.egg>, scully@spam.egg',
                "M\u00fclder, Fox <mulder@spam.egg>, scully@spam.egg",
            ),
            ("Fox <mulder@sp\u00e4m.egg>", "Fox <mulder@xn--spm-rla.egg>"),
            ("m\u00fclder@spam.egg", f"m\u00fclder@spam.egg {invalid}"),
            ("M <m\u00fclder@spam.egg>", f"M m\u00fclder@spam.egg {invalid}"),
            ("Friends: a@b.c, \u00fc <d@e.f>;, g@h.i", None),
            ("\u00fc:;", None),
        ):
            with self.subTest(field):
                self.assertEqual(read(f"To: {field}\n"), f"to: {wanted or field}")

    def test_parameters(self) -> None:
        self.assertEqual(
            written('Content-Type: application/pdf; name="gr\u00fcn.pdf"; x=y\n'),
            "Content-Type: application/pdf; name*=utf-8''gr%C3%BCn.pdf; x=y\n",
        )
        self.assertEqual(
            written("Content-Disposition: attachment; filename=\u00fc\n"),
            "Content-Disposition: attachment; filename*=utf-8''%C3%BC\n",
        )

    def test_what_has_no_form_in_ascii_is_left_out(self) -> None:
        self.assertEqual(
            written("Message-ID: <\u00fc@x>\nReceived: from \u00fc\n by x\n\u00fc: x\nno field \u00fc\nA: b\n"),
            "A: b\n",
        )

    def test_the_standard_library_reads_it(self) -> None:
        long = "\u00fc" * 300
        block = written(f"Subject: {long}\nFrom: {long[:20]} <a@b.c>\n\n").encode()
        self.assertLessEqual(max(map(len, block.splitlines())), 78)
        message = BytesParser(policy=policy.default).parsebytes(block)
        self.assertEqual(message["subject"], long)
        self.assertEqual(message["from"].addresses[0].display_name, long[:20])

    @given(st.lists(st.sampled_from(["Subject", "To", "From", "X", "Content-Type", "Date", "\u00fc"]), max_size=4),
           st.text(max_size=40), st.binary(max_size=40))  # fmt: skip
    def test_anything(self, names: list[str], text: str, octets: bytes) -> None:
        block = b"".join(f"{name}: {text}".encode("utf-8", "replace") + octets + b"\r\n" for name in names) + b"\r\n"
        made = downgraded(block)
        self.assertTrue(made.isascii())
        self.assertEqual(downgraded(made), made)

    @given(st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=60))
    def test_no_text_is_lost(self, text: str) -> None:
        ((_, value),) = split_header(downgraded(f"Subject: {text}\r\n".encode()))
        self.assertEqual(header_text(value), header_text(f"{text}".encode()))
