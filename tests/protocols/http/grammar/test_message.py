"""Heads and fields: bytes to values and back."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from netdaemon.protocols.http.grammar.message import (
    Fields,
    Malformed,
    check_partial_head,
    parse_request_head,
    parse_response_head,
)

names = st.text("!#$%&'*+-.^_`|~09azAZ", min_size=1, max_size=12).map(str.encode)
values = st.binary(max_size=20).filter(lambda value: not set(value) & {*range(9), *range(10, 32), 127}).map(bytes.strip)


class FieldsTests(SynchronousTestCase):
    def test_names_have_no_case(self) -> None:
        fields = Fields([(b"Host", b"a"), (b"ACCEPT", b"x"), (b"accept", b"y")])
        self.assertEqual(fields.get(b"hOST"), b"a")
        self.assertEqual(fields.get_all(b"Accept"), [b"x", b"y"])
        self.assertEqual(fields.joined(b"accept"), b"x, y")
        self.assertIn(b"host", fields)
        self.assertNotIn(b"hos", fields)
        self.assertNotIn(b"ost", fields)
        self.assertIsNone(fields.get(b"none"))
        self.assertIsNone(fields.joined(b"none"))
        self.assertEqual(fields.get(b"none", b"-"), b"-")

    def test_a_block_and_its_pairs(self) -> None:
        fields = Fields.of_block(b"\r\nA: b\r\nC:d\r\nE:\t f g \t\r\nEmpty:")
        self.assertEqual(fields.pairs, ((b"A", b"b"), (b"C", b"d"), (b"E", b"f g"), (b"Empty", b"")))
        self.assertEqual((len(fields), list(fields)[1]), (4, (b"C", b"d")))
        self.assertEqual(fields.get(b"e"), b"f g")
        self.assertEqual(fields.get(b"empty"), b"")
        self.assertEqual(Fields(fields.pairs), fields)
        self.assertEqual(Fields().block, b"")

    def test_no_field_of_somebody_elses(self) -> None:
        for pair in (
            (b"A", b"b\r\nSet-Cookie: c"), (b"A", b"b\r\n\r\nbody"), (b"A", b"b\nC: d"), (b"A", b"b\rC"), (b"A", b"\0"),
            (b"A: b\r\nC", b"d"), (b"A B", b"c"), (b"", b"c"), (b"A:", b"c\x01"),
        ):  # fmt: skip
            with self.assertRaises(ValueError):
                Fields([pair]).block  # noqa: B018  # asked for is written

    def test_secrets_are_not_shown(self) -> None:
        self.assertNotIn("secret", repr(Fields([(b"Authorization", b"secret")])))

    @settings(deadline=None, max_examples=100)
    @given(st.lists(st.tuples(names, values), max_size=6))
    def test_there_and_back(self, pairs: list[tuple[bytes, bytes]]) -> None:
        block = Fields(pairs).block
        head = parse_request_head(b"GET / HTTP/1.1" + block)
        self.assertEqual(head.fields.pairs, tuple(pairs))
        for name, _ in pairs:
            expected = [value for own, value in pairs if own.lower() == name.lower()]
            self.assertEqual(head.fields.get_all(name.upper()), expected)


class RequestHeadTests(SynchronousTestCase):
    def test_a_request(self) -> None:
        head = parse_request_head(b"GET /a?b HTTP/1.0\r\nHost: x")
        self.assertEqual((head.method, head.target, head.version), (b"GET", b"/a?b", (1, 0)))
        self.assertEqual(head.fields.pairs, ((b"Host", b"x"),))

    def test_every_octet_in_every_place(self) -> None:
        allowed = {
            b"%bET / HTTP/1.1": set(b"!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"),
            b"GET /%b HTTP/1.1": ({*range(33, 127), *range(128, 256)} - {ord("#")}),
            b"GET / HTTP/1.1\r\nA: b%bc": {9, *range(32, 127), *range(128, 256)},
        }
        for form, octets in allowed.items():
            for octet in range(256):
                try:
                    parse_request_head(form % bytes([octet]))
                except Malformed as error:
                    self.assertEqual(error.status, 400)
                    self.assertNotIn(octet, octets, form)
                else:
                    self.assertIn(octet, octets, form)

    @settings(deadline=None, max_examples=100)
    @given(st.binary(max_size=60), st.integers(0, 40))
    def test_a_partial_head_is_refused_only_when_the_whole_would_be(self, noise: bytes, place: int) -> None:
        whole = b"GET / HTTP/1.1\r\nHost: a\r\nX: y"
        data = whole[:place] + noise + whole[place:]
        end = (data + b"\r\n\r\n").find(b"\r\n\r\n")
        for size in range(end):
            try:
                check_partial_head(data[:size])
            except Malformed:
                self.assertRaises(Malformed, parse_request_head, data[:end])
                return


class ResponseHeadTests(SynchronousTestCase):
    def test_a_response(self) -> None:
        head = parse_response_head(b"HTTP/1.1 404 Not \xc3\xa4 Found\r\nA: b")
        self.assertEqual((head.version, head.status, head.reason), ((1, 1), 404, b"Not \xc3\xa4 Found"))
        self.assertEqual(head.fields.get(b"a"), b"b")
        for line in (b"HTTP/1.0 200", b"HTTP/1.0 200 "):
            self.assertEqual(parse_response_head(line).reason, b"")

    def test_folded_fields_are_joined(self) -> None:
        head = parse_response_head(b"HTTP/1.1 200 OK\r\nA: b\r\n \t c \r\n\td\r\nE: f")
        self.assertEqual(head.fields.pairs, ((b"A", b"b c d"), (b"E", b"f")))

    def test_malformed(self) -> None:
        for head in (
            b"", b"HTTP/2 200 OK", b"HTTP/1.1 20 OK", b"HTTP/1.1 2000 OK", b"HTTP/1.1 099 x", b"ICY 200 OK",
            b"HTTP/1.1  200 OK", b"HTTP/1.1 200 O\nK", b"HTTP/1.1 200 OK\r\n A: b", b"HTTP/1.1 200 OK\r\nA : b",
            b"HTTP/1.1 200 OK\r\nA: \0", b"HTTP/1.1 200 OK\r\nA: " + b"b" * 70000,
        ):  # fmt: skip
            self.assertEqual(self.assertRaises(Malformed, parse_response_head, head).status, 502)
