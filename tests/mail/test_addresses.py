"""Addresses, domains and SMTP's paths."""

from __future__ import annotations

from email.headerregistry import Address as TheirAddress
from email.utils import getaddresses

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from netdaemon.mail import Malformed
from netdaemon.mail.addresses import Address, Mailbox, mailboxes, parse_address, phrase
from netdaemon.mail.domains import check_domain, comparable, same_domain, to_ascii
from netdaemon.mail.paths import parse_path, write_path

locals_ = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), min_size=1, max_size=16)


class DomainTests(SynchronousTestCase):
    def test_domains(self) -> None:
        for text in (
            "a",
            "a.b",
            "EXAMPLE.org",
            "1.2",
            "a-b.c_d",
            "xn--bcher-kva.example",
            "bücher.example",
            "a" * 63 + ".b",
            ".".join(["a" * 63] * 3 + ["a" * 63]),
            "[192.0.2.1]",
            "[IPv6:2001:db8::1]",
            "[ipv6:::ffff:1.2.3.4]",
            "[tag:x-y]",
        ):
            self.assertEqual(check_domain(text), text)

    def test_refused(self) -> None:
        for text in (
            "",
            ".",
            "a.",
            ".a",
            "a..b",
            "-a",
            "a-",
            "a b",
            "a\r\nb",
            "a\0",
            "a" * 64,
            ".".join(["a" * 63] * 4) + "a",
            "a@b",
            "[",
            "[]",
            "[1.2.3]",
            "[1.2.3.4",
            "1.2.3.4]",
            "[01.2.3.4]",
            "[IPv6:1.2.3.4]",
            "[IPv6:::1%eth0]",
            "[::1]",
            "[x:]",
            "[x: y]",
            "[ü:y]",
            "-ü.de",
            "ü" * 64,
            "ü" * 300,
            "a\u2028b",
            "<a>",
        ):
            self.assertRaises(Malformed, check_domain, text)

    def test_the_same(self) -> None:
        for one, other in (
            ("EXAMPLE.org", "example.ORG"),
            ("bücher.example", "xn--bcher-kva.example"),
            ("BÜCHER.example", "XN--BCHER-KVA.example"),
            ("[IPv6:::1]", "[ipv6:0:0:0:0:0:0:0:1]"),
            ("[192.0.2.1]", "[192.0.2.1]"),
            ("faß.de", "xn--fa-hia.de"),
        ):
            self.assertTrue(same_domain(one, other), (one, other))
        for one, other in (
            ("a.b", "a.c"),
            ("bücher.example", "bucher.example"),
            ("[IPv6:::1]", "[IPv6:::2]"),
            ("ü..", "u.."),
        ):
            self.assertFalse(same_domain(one, other), (one, other))
        self.assertEqual((to_ascii("Ü.DE"), comparable("[IPv6:x]")), ("xn--tda.de", "[ipv6:x]"))


class AddressTests(SynchronousTestCase):
    def test_written(self) -> None:
        for local, written in (
            ("a", "a@x"),
            ("a.b+c", "a.b+c@x"),
            ("ü", "ü@x"),
            ("a b", '"a b"@x'),
            ('a"\\b', '"a\\"\\\\b"@x'),
            (".a", '".a"@x'),
            ("a..b", '"a..b"@x'),
            ("a@b", '"a@b"@x'),
            ("a>b", '"a>b"@x'),
            ("(a)", '"(a)"@x'),
        ):
            self.assertEqual(str(Address(local, "x")), written)
            self.assertEqual(parse_address(written), Address(local, "x"))

    def test_refused(self) -> None:
        for local, domain in (
            ("", "x"),
            ("a\r", "x"),
            ("a\n", "x"),
            ("a\0", "x"),
            ("a\x7f", "x"),
            ("a\x85", "x"),
            ("\ud800", "x"),
            ("a" * 65, "x"),
            ("ü" * 33, "x"),
            ("a", ""),
            ("a", "b\r\nRCPT"),
            ("a" * 64, "b." * 94 + "bcd"),
        ):
            self.assertRaises(Malformed, Address, local, domain)
        for text in ("", "a", "@x", "a@", "a b@x", '"a@x', "a@b@c", '"a"b@x', "a.@x", '"a\rb"@x', "<a@b>", " a@b"):
            self.assertRaises(Malformed, parse_address, text)

    def test_limits(self) -> None:
        Address("a" * 64, "b")
        Address("ü" * 32, "b")
        longest = Address("a" * 64, "b." * 94 + "b")
        self.assertEqual(len(str(longest)), 254)

    def test_one_mailbox(self) -> None:
        self.assertTrue(Address("a", "BÜCHER.example").same_mailbox(Address("a", "xn--bcher-kva.EXAMPLE")))
        self.assertFalse(Address("a", "x").same_mailbox(Address("A", "x")))
        self.assertEqual(
            (Address("ü", "x").is_ascii, Address("a", "ü").is_ascii, Address("a", "x").is_ascii), (False, False, True)
        )

    @given(locals_)
    def test_there_and_back(self, local: str) -> None:
        address = Address(local, "example.org")
        self.assertEqual(parse_address(str(address)), address)
        self.assertEqual(parse_path(write_path(address) + b"> x", utf8=True), (address, b"> x"))
        self.assertEqual(mailboxes([str(address).encode()]), [Mailbox(address)])


class MailboxTests(SynchronousTestCase):
    def test_written(self) -> None:
        for name, written in (
            ("", "a@x"),
            ("A B", "A B <a@x>"),
            ("A, B", '"A, B" <a@x>'),
            ('A "B"', '"A \\"B\\"" <a@x>'),
            ("J. R.", '"J. R." <a@x>'),
            ("ü", "=?utf-8?b?w7w=?= <a@x>"),
            ("=?x", "=?utf-8?b?PT94?= <a@x>"),
            ("A  B", '"A  B" <a@x>'),
        ):
            self.assertEqual(str(Mailbox(Address("a", "x"), name)), written)

    def test_no_name_can_end_a_field(self) -> None:
        for name in ("a\r\nBcc: x", "a\n", "\0", "a\x7f", "\u2028"):
            self.assertRaises(Malformed, phrase, name)

    @given(
        st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp", "Cf"]), max_size=40).map(str.strip), locals_
    )
    def test_there_and_back(self, name: str, local: str) -> None:
        mailbox = Mailbox(Address(local, "example.org"), name)
        (found,) = mailboxes([str(mailbox).encode()])
        self.assertEqual(found.address, mailbox.address)
        self.assertEqual(found.name, name)

    @given(st.text(st.sampled_from('aü ,."<>@'), max_size=12).map(str.strip))
    def test_like_the_standard_library(self, name: str) -> None:
        written = str(Mailbox(Address("a", "x"), name))
        ((theirs, address),) = getaddresses([written])
        self.assertEqual(address, "a@x")
        if name.isascii():
            self.assertEqual(theirs, name)
        self.assertEqual(TheirAddress(addr_spec=address).username, "a")

    def test_what_no_mail_can_be_sent_to(self) -> None:
        found = mailboxes([b"A <a@x>, nobody, <>, g: b@x, c@-;, d@\xff", b"e@y"])
        self.assertEqual([str(each) for each in found], ["A <a@x>", "b@x", "e@y"])


class PathTests(SynchronousTestCase):
    def test_paths(self) -> None:
        a = Address("a", "b")
        for text, wanted in (
            (b"<a@b>", (a, b"")),
            (b"<a@b> SIZE=1", (a, b" SIZE=1")),
            (b"<a@b>x>", (a, b"x>")),
            (b"<>", (None, b"")),
            (b"<> BODY=8BITMIME", (None, b" BODY=8BITMIME")),
            (b"<@r:a@b>", (a, b"")),
            (b"<@r,@s,@[1.2.3.4]:a@b>x", (a, b"x")),
            (b"<@[IPv6:::1]:a@b>", (a, b"")),
            (b'<"a"@b>', (a, b"")),
            (b'<"\\a"@b>', (a, b"")),
            (b'<"a>@b"@b>', (Address("a>@b", "b"), b"")),
            (b"<a@[IPv6:::1]>", (Address("a", "[IPv6:::1]"), b"")),
            (b'<"@r:a"@b>', (Address("@r:a", "b"), b"")),
        ):
            self.assertEqual(parse_path(text), wanted, text)
            self.assertEqual(parse_path(text, utf8=True), wanted, text)

    def test_postmaster(self) -> None:
        self.assertEqual(parse_path(b"<PostMaster> X", postmaster="here"), (Address("postmaster", "here"), b" X"))
        self.assertRaises(Malformed, parse_path, b"<postmaster>")
        self.assertRaises(Malformed, parse_path, b"<postmaster1>", postmaster="here")

    def test_smtputf8(self) -> None:
        text = "<ü@bücher.example> X".encode()
        self.assertEqual(parse_path(text, utf8=True), (Address("ü", "bücher.example"), b" X"))
        self.assertRaises(Malformed, parse_path, text)
        self.assertRaises(Malformed, parse_path, b"<\xfc@x>", utf8=True)
        self.assertRaises(Malformed, parse_path, b"<a@\xfc>", utf8=True)
        self.assertEqual(parse_path(b"<a@b> \xff", utf8=True), (Address("a", "b"), b" \xff"))

    def test_refused(self) -> None:
        for text in (
            b"",
            b"a@b",
            b"<",
            b"<a",
            b"<a@",
            b"<a@b",
            b"<a>",
            b"<a@>",
            b"<@b>",
            b"< a@b>",
            b"<a @b>",
            b"<a@b >",
            b"<<a@b>>",
            b"<a@b@c>",
            b"<a\r\n@b>",
            b'<"a\n"@b>',
            b"<a@b\0>",
            b'<"a@b>',
            b"<:a@b>",
            b"<@r a@b>",
            b"<@r:>",
            b"<@:a@b>",
            b"<a,b@c>",
            b"<a..b@c>",
            b"[]",
            b"<" + b"a" * 65 + b"@b>",
            b"<a@" + b"b" * 64 + b">",
            b"<a@" + b"b." * 127 + b"b>",
            b"<" + b"a" * 5000,
        ):
            for utf8 in (False, True):
                self.assertRaises(Malformed, parse_path, text, utf8=utf8)

    def test_at_the_limit(self) -> None:
        domain = b"b." * 94 + b"b"
        text = b"<" + b"a" * 64 + b"@" + domain + b">"
        self.assertEqual(len(text), 256)
        self.assertEqual(parse_path(b"<@r:" + text[1:] + b" x")[1], b" x")
        self.assertRaises(Malformed, parse_path, text[:-1] + b"c>")

    def check_any(self, text: bytes, utf8: bool) -> None:
        try:
            address, rest = parse_path(b"<" + text, utf8=utf8)
        except Malformed:
            return
        self.assertTrue((b"<" + text).endswith(rest))
        if address is not None:
            self.assertFalse([letter for letter in str(address) if ord(letter) < 32])
            self.assertEqual(parse_path(write_path(address), utf8=True), (address, b""))

    @given(st.binary(max_size=40), st.booleans())
    def test_nothing_else_is_raised(self, text: bytes, utf8: bool) -> None:
        self.check_any(text, utf8)

    pieces = st.sampled_from([b"a", b"@", b">", b'"', b"\\", b".", b"[", b"]", b":", b",", b"\r", b" ", b"\xc3\xbc"])

    @given(st.lists(pieces, max_size=12), st.booleans())
    def test_nor_for_likely_ones(self, pieces: list[bytes], utf8: bool) -> None:
        self.check_any(b"".join(pieces), utf8)
