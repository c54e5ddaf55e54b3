"""Lists of addresses as stored messages have them."""

from __future__ import annotations

from email.headerregistry import Address as TheirAddress
from email.utils import formataddr, getaddresses

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from netdaemon.mail.addresslist import MAX_LISTED, Listed, parse_address_list

END = Listed(None, None, None, None)


def plain(local: bytes, domain: bytes, name: bytes | None = None, route: bytes | None = None) -> Listed:
    return Listed(name, route, local, domain)


class AddressListTests(SynchronousTestCase):
    def test_lists(self) -> None:
        for value, wanted in (
            (b"", []),
            (b" ", []),
            (b",,", []),
            (b"a@b", [plain(b"a", b"b")]),
            (b"<a@b>", [plain(b"a", b"b")]),
            (b"A <a@b>", [plain(b"a", b"b", b"A")]),
            (b"A B<a@b>", [plain(b"a", b"b", b"A B")]),
            (b'"A, B" <a@b>', [plain(b"a", b"b", b"A, B")]),
            (b'"A \\"B\\"" <a@b>', [plain(b"a", b"b", b'A "B"')]),
            (b'A "B C" D <a@b>', [plain(b"a", b"b", b"A B C D")]),
            (b"J. R. Hacker <a@b>", [plain(b"a", b"b", b"J. R. Hacker")]),
            (b"a@b, C <c@d>,e@f", [plain(b"a", b"b"), plain(b"c", b"d", b"C"), plain(b"e", b"f")]),
            (b"a@b (A (very) nice \\) one)", [plain(b"a", b"b", b"A (very) nice ) one")]),
            (b"(x) a (y) @ (z) b", [plain(b"a", b"b", b"z")]),
            (b"A (x) <a@b> (y)", [plain(b"a", b"b", b"A")]),
            (b'"a b"@c', [plain(b"a b", b"c")]),
            (b'<"a\\"@x"@c>', [plain(b'a"@x', b"c")]),
            (b"a . b @ c . d", [plain(b"a.b", b"c.d")]),
            (b"a@[192.0.2.1]", [plain(b"a", b"[192.0.2.1]")]),
            (b"a@[x\\]y] ", [plain(b"a", b"[x\\]y]")]),
            (b"<@r:a@b>", [plain(b"a", b"b", None, b"@r")]),
            (b"N <@r,,@s , @t:a@b>", [plain(b"a", b"b", b"N", b"@r,@s,@t")]),
            ("ü <ü@bücher>".encode(), [plain("ü".encode(), "bücher".encode(), "ü".encode())]),
            (b"G: a@b, C <c@d>;", [Listed(None, None, b"G", None), plain(b"a", b"b"), plain(b"c", b"d", b"C"), END]),
            (b"a@b, G H:; , c@d", [plain(b"a", b"b"), Listed(None, None, b"G H", None), END, plain(b"c", b"d")]),
            (b"undisclosed-recipients:", [Listed(None, None, b"undisclosed-recipients", None), END]),
        ):
            self.assertEqual(parse_address_list(value), wanted, value)

    def test_what_is_broken(self) -> None:
        for value, wanted in (
            (b"nobody", [plain(b"nobody", b"")]),
            (b"no body", [plain(b"no body", b"")]),
            (b"@b", [plain(b"", b"b")]),
            (b"a@", [plain(b"a", b"")]),
            (b"A <>", [plain(b"", b"", b"A")]),
            (b"<>", []),
            (b"A <a@b", [plain(b"a", b"b", b"A")]),
            (b"A <a@b> c <d@e>", [plain(b"a", b"b", b"A")]),
            (b'"A <a@b>', [plain(b"A <a@b>", b"")]),
            (b"(a@b", []),
            (b"a@b@c", [plain(b"a", b"b")]),
            (b"a@b c", [plain(b"a", b"b")]),
            (b"a@b <c@d>", [plain(b"c", b"d", b"a@b")]),
            (b"a@b;c@d", [plain(b"a", b"b"), plain(b"c", b"d")]),
            (b"a>b@c", [plain(b"ab", b"c")]),
            (b"\\a@b\x00", [plain(b"a", b"b")]),
        ):
            self.assertEqual(parse_address_list(value), wanted, value)

    def test_no_more_than_there_may_be(self) -> None:
        self.assertEqual(len(parse_address_list(b"a@b," * (MAX_LISTED + 5))), MAX_LISTED)
        self.assertEqual(len(parse_address_list(b"a@b,c@d,e@f", 2)), 2)
        self.assertEqual(len(parse_address_list(b"a@b,c@d", 2)), 2)
        self.assertEqual(parse_address_list(b"a@b", 0), [])
        self.assertEqual(parse_address_list(b"g: a@b,c@d;, e@f", 2)[1:], [plain(b"a", b"b"), END])

    @given(
        st.lists(
            st.sampled_from(
                [b"a", b"b.c", b"@", b"<", b">", b",", b";", b":", b'"', b"(", b")", b" ", b"[", b"]", b"\\"]
            )
        )
    )
    def test_anything_can_be_read(self, pieces: list[bytes]) -> None:
        depth = 0
        for listed in parse_address_list(b"".join(pieces)):
            if listed.domain is None:
                depth += 1 if listed.local is not None else -1
                self.assertIn(depth, (0, 1))
        self.assertEqual(depth, 0)

    names = st.text(st.sampled_from('ab ,."@()<>:;\\'), max_size=8).map(str.strip)
    atoms = st.from_regex(r"\A[a-z0-9!#$%&'*+/=?^_`{|}~-]{1,8}\Z")

    @given(st.lists(st.tuples(names, atoms, atoms), min_size=1, max_size=4))
    def test_like_the_standard_library(self, wanted: list[tuple[str, str, str]]) -> None:
        written = ", ".join([formataddr((name, f"{local}@{domain}")) for name, local, domain in wanted])
        found = parse_address_list(written.encode())
        ours = [((each.name or b"").decode(), b"%b@%b" % (each.local or b"", each.domain or b"")) for each in found]
        self.assertEqual([(name, address.decode()) for name, address in ours], getaddresses([written]))
        self.assertEqual(
            [each.domain for each in found],
            [TheirAddress(addr_spec=a).domain.encode() for _, a in getaddresses([written])],
        )
