"""Headers as they are written, and messages without some of their fields."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from netdaemon.mail.header import split_header
from netdaemon.mail.policies.head import MOST_HEADER, HeaderTooLong, Without, read_head
from tests.mail.policies.keys import head_of, spooled

LINES = st.lists(
    st.sampled_from([b"\r\n", b"\n", b"A: b", b"a :c", b" d", b"\t", b"no field", b":", b"B:"]), max_size=20
)


class HeadTests(SynchronousTestCase):
    def test_fields(self) -> None:
        octets = b"From : a\r\n b\r\nnothing\r\nTo:\r\n\tc\r\nX Y: z\r\n\r\nbody: x\r\n"
        head = head_of(octets)
        self.assertEqual([field.name for field in head.fields], [b"from", b"", b"to", b""])
        self.assertEqual(
            [octets[field.start : field.end] for field in head.fields], [one.written for one in head.fields]
        )
        self.assertEqual(head.fields[0].value, b" a\r\n b\r\n")
        self.assertEqual(octets[head.body :], b"body: x\r\n")

    def test_without_a_body(self) -> None:
        for octets, fields, body in (
            (b"", 0, 0),
            (b"\r\nx", 0, 2),
            (b"A: b\r\n", 1, 6),
            (b"A: b", 1, 4),
            (b"A: b\r\n\r\n", 1, 8),
        ):
            head = head_of(octets)
            self.assertEqual((len(head.fields), head.body), (fields, min(body, len(octets))), octets)

    def test_a_header_may_have_so_much(self) -> None:
        line = b"X: " + b"y" * 93 + b"\r\n"
        for octets in (line * (MOST_HEADER // 98), line * (MOST_HEADER // 98) + b"\r\n" + b"z" * (2 << 20)):
            self.assertEqual(len(head_of(octets).fields), MOST_HEADER // 98)
        for octets in (line * (MOST_HEADER // 98 + 1), line * (MOST_HEADER // 98 + 1) + b"\r\nx", b"x" * (2 << 20)):
            self.assertRaises(HeaderTooLong, head_of, octets)

    @given(LINES.map(b"".join))
    def test_the_same_fields_as_readers_see(self, octets: bytes) -> None:
        head = head_of(octets)
        self.assertEqual(
            b"".join(field.written for field in head.fields), octets[: sum(len(f.written) for f in head.fields)]
        )
        seen = [name for name, _ in split_header(octets[: head.body]) if name and not set(name) & set(b" \t")]
        ours = [field.name for field in head.fields if field.name]
        self.assertTrue(set(seen) <= set(ours), (seen, ours))


class WithoutTests(SynchronousTestCase):
    @given(
        st.binary(min_size=1, max_size=60),
        st.lists(st.integers(0, 60), max_size=6),
        st.integers(0, 70),
        st.integers(0, 70),
    )
    def test_any_cut(self, octets: bytes, places: list[int], offset: int, size: int) -> None:
        places = sorted(min(place, len(octets)) for place in places)
        cut = list(zip(places[::2], places[1::2], strict=False))
        expected = octets
        for start, end in reversed(cut):
            expected = expected[:start] + expected[end:]
        spool = Without(spooled(octets), cut)
        self.assertEqual(spool.size, len(expected))
        self.assertEqual(spool.read(offset, size), expected[offset : offset + size])
        self.assertEqual(spool.digest, spooled(expected).digest)

    def test_a_head_of_what_is_left(self) -> None:
        octets = b"A: 1\r\nB: 2\r\nA: 3\r\n\r\nbody"
        head = head_of(octets)
        spool = Without(spooled(octets), [(field.start, field.end) for field in head.all(b"a")])
        self.assertEqual(spool.read(0, 100), b"B: 2\r\n\r\nbody")
        self.assertEqual(read_head(spool).body, 8)
