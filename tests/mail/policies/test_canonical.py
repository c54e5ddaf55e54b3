"""DKIM's canonicalisations, against a plain reading of RFC 6376 and against dkimpy's."""

from __future__ import annotations

import re
from collections.abc import Sequence

from dkim.canonicalization import CanonicalizationPolicy
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from netdaemon.mail.policies.canonical import RELAXED, SIMPLE, Body, canonical_field, without_signature

OCTETS = st.lists(st.sampled_from([b"\r\n", b"\r", b"\n", b" ", b"\t", b"x", b"  y", b"\r\n\r\n"]), max_size=25)


class Collected:
    def __init__(self) -> None:
        self.octets = b""

    def update(self, data: bytes, /) -> None:
        self.octets += data

    def digest(self) -> bytes:
        return self.octets


def canonical(how: str, pieces: Sequence[bytes]) -> bytes:
    body = Body(how, Collected())
    for piece in pieces:
        body.write(piece)
    octets = body.finish()
    assert body.length == len(octets)
    return octets


def plain(how: str, octets: bytes) -> bytes:
    """Sections 3.4.3 and 3.4.4, line by line."""
    lines = octets.split(b"\r\n")
    if how == RELAXED:
        lines = [re.sub(rb"[ \t]+", b" ", line).rstrip(b" ") for line in lines]
    while lines and not lines[-1]:
        lines.pop()
    if not lines:
        return b"\r\n" if how == SIMPLE else b""
    return b"\r\n".join(lines) + b"\r\n"


class BodyTests(SynchronousTestCase):
    def test_examples(self) -> None:
        # section 3.4.5's
        octets = b" C \r\nD \t E\r\n\r\n\r\n"
        self.assertEqual(canonical(RELAXED, [octets]), b" C\r\nD E\r\n")
        self.assertEqual(canonical(SIMPLE, [octets]), b" C \r\nD \t E\r\n")
        for empty in ([], [b""], [b"\r\n"], [b"\r\n\r\n"]):
            self.assertEqual(canonical(SIMPLE, empty), b"\r\n")
            self.assertEqual(canonical(RELAXED, empty), b"")
        self.assertEqual(canonical(RELAXED, [b" \t\r\n \r\n"]), b"")
        self.assertEqual(canonical(SIMPLE, [b"x"]), b"x\r\n")

    @given(st.lists(OCTETS.map(b"".join), max_size=6))
    def test_any_octets_in_any_pieces(self, pieces: list[bytes]) -> None:
        octets = b"".join(pieces)
        for how in (SIMPLE, RELAXED):
            expected = plain(how, octets)
            self.assertEqual(canonical(how, pieces), expected)
            self.assertEqual(canonical(how, [bytes([octet]) for octet in octets]), expected)

    @given(OCTETS.map(b"".join))
    def test_as_dkimpy_has_it(self, octets: bytes) -> None:
        for how in (SIMPLE, RELAXED):
            theirs = CanonicalizationPolicy.from_c_value(f"{how}/{how}".encode())
            whole = octets + b"\r\n"  # what does not end with one, it takes for something else
            self.assertEqual(canonical(how, [whole]), theirs.canonicalize_body(whole))


class FieldTests(SynchronousTestCase):
    def test_fields(self) -> None:
        for written, relaxed in (
            (b"A: X\r\n", b"a:X\r\n"),
            (b"B : Y\t\r\n\tZ  \r\n", b"b:Y Z\r\n"),
            (b"C:\r\n", b"c:\r\n"),
            (b"d:  \r\n \t x:y \t\r\n", b"d:x:y\r\n"),
        ):
            name = written[:1].lower()
            self.assertEqual(canonical_field(RELAXED, name, written), relaxed)
            self.assertEqual(canonical_field(SIMPLE, name, written), written)

    def test_without_signature(self) -> None:
        for written, expected in (
            (b"DKIM-Signature: a=b; b=xyz=; bh=abc\r\n", b"DKIM-Signature: a=b; b=; bh=abc\r\n"),
            (b"DKIM-Signature: bh=b=; b = x\r\n y\r\n", b"DKIM-Signature: bh=b=; b ="),
            (b"DKIM-Signature: b=x", b"DKIM-Signature: b="),
            (b"DKIM-Signature:\r\n b=x;\r\n", b"DKIM-Signature:\r\n b=;\r\n"),
            (b"DKIM-Signature: x; b\r\n", b"DKIM-Signature: x; b\r\n"),
        ):
            self.assertEqual(without_signature(written), expected)
