"""Which responses may be put behind what is there already."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from netdaemon.protocols.http.client.resume import continues, ends_at, length_of, validator
from netdaemon.protocols.http.grammar.message import Fields

MODIFIED = b"Sun, 06 Nov 1994 08:49:37 GMT"


def fields(**named: bytes) -> Fields:
    return Fields([(name.replace("_", "-").encode(), value) for name, value in named.items()])


class ValidatorTests(SynchronousTestCase):
    def test_a_strong_etag(self) -> None:
        self.assertEqual(validator(fields(etag=b'"abc"', last_modified=MODIFIED)), '"abc"')

    def test_weak_or_broken_ones_are_none(self) -> None:
        for etag in (b'W/"abc"', b"abc", b'"a"b"', b'"', b"", b'"\xff"'):
            self.assertIsNone(validator(fields(etag=etag, last_modified=MODIFIED)), etag)

    def test_a_date_is_strong_one_second_later(self) -> None:
        for date, expected in [
            (b"Sun, 06 Nov 1994 08:49:38 GMT", MODIFIED.decode()),
            (b"Sun, 06 Nov 1994 08:49:37 GMT", None),
            (b"Sun, 06 Nov 1994 08:49:36 GMT", None),
            (b"yesterday", None),
        ]:
            self.assertEqual(validator(fields(last_modified=MODIFIED, date=date)), expected, date)
        self.assertIsNone(validator(fields(last_modified=MODIFIED)))
        self.assertIsNone(validator(fields(last_modified=b"yesterday", date=MODIFIED)))
        self.assertIsNone(validator(fields()))


class ContinuesTests(SynchronousTestCase):
    def check(self, content_range: bytes, total: int | None = 10, **more: bytes) -> int | None:
        return continues(fields(content_range=content_range, **more), 4, '"abc"', total)

    def test_the_rest(self) -> None:
        self.assertEqual(self.check(b"bytes 4-9/10"), 10)
        self.assertEqual(self.check(b"bytes 4-9/10", None), 10)
        self.assertEqual(self.check(b"bytes 4-9/10", etag=b'"abc"'), 10)

    def test_something_else(self) -> None:
        for value in (
            b"bytes 3-9/10", b"bytes 5-9/10", b"bytes 0-9/10", b"bytes 4-8/10", b"bytes 4-10/11", b"bytes 4-9/*",
            b"bytes */10", b"4-9/10", b"lines 4-9/10", b"bytes 4-9/10, 4-9/10", b"bytes +4-9/10", b"",
        ):  # fmt: skip
            self.assertIsNone(self.check(value), value)
        self.assertIsNone(continues(fields(), 4, '"abc"', 10))

    def test_another_file(self) -> None:
        self.assertIsNone(self.check(b"bytes 4-9/10", etag=b'"xyz"'))
        self.assertIsNone(self.check(b"bytes 4-9/10", etag=b'W/"abc"'))
        date = MODIFIED.decode()
        self.assertIsNone(continues(fields(content_range=b"bytes 4-9/10", last_modified=b"x"), 4, date, 10))
        same = fields(content_range=b"bytes 4-9/10", last_modified=MODIFIED)
        self.assertEqual(continues(same, 4, date, 10), 10)


class LengthTests(SynchronousTestCase):
    def test_lengths(self) -> None:
        self.assertEqual(length_of(fields(content_length=b"12")), 12)
        self.assertIsNone(length_of(fields()))
        self.assertTrue(ends_at(fields(content_range=b"bytes */4"), 4))
        self.assertFalse(ends_at(fields(content_range=b"bytes */5"), 4))
        self.assertFalse(ends_at(fields(content_range=b"bytes 0-3/4"), 4))
        self.assertFalse(ends_at(fields(), 4))
