"""PROXY headers as bytes: whole, byte by byte, with trailing bytes, and every way in which they can be wrong."""

from __future__ import annotations

import struct
from ipaddress import IPv4Address, IPv6Address
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from netdaemon.wire.proxygrammar import (
    LONGEST_V1,
    LONGEST_V2,
    SIGNATURE,
    Header,
    Internet,
    Malformed,
    Unix,
    parse,
    parse_v1,
    parse_v2,
)

FOUR = (Internet(IPv4Address("192.0.2.1"), 56324), Internet(IPv4Address("198.51.100.2"), 443))
SIX = (Internet(IPv6Address("2001:db8::1"), 56324), Internet(IPv6Address("2001:db8::2"), 443))


def v2(command: int, kind: int, body: bytes, length: int | None = None) -> bytes:
    return SIGNATURE + struct.pack("!BBH", command, kind, len(body) if length is None else length) + body


def ends(source: Internet, destination: Internet) -> bytes:
    ports = struct.pack("!HH", source.port, destination.port)
    return source.host.packed + destination.host.packed + ports


def tlv(kind: int, value: bytes) -> bytes:
    return struct.pack("!BH", kind, len(value)) + value


def unix(path: bytes) -> bytes:
    return path.ljust(108, b"\0")


GOOD: dict[str, tuple[bytes, tuple[Any, Any]]] = {
    "v1 TCP4": (b"PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\n", FOUR),
    "v1 TCP6": (b"PROXY TCP6 2001:db8::1 2001:db8::2 56324 443\r\n", SIX),
    "v1 the longest": (
        b"PROXY UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 65535 65535".ljust(LONGEST_V1 - 2, b"x") + b"\r\n",
        (None, None),
    ),
    "v1 UNKNOWN": (b"PROXY UNKNOWN\r\n", (None, None)),
    "v1 UNKNOWN with what is ignored": (b"PROXY UNKNOWN 192.0.2.1 junk \x7f\r\n", (None, None)),
    "v2 TCP4": (v2(0x21, 0x11, ends(*FOUR)), FOUR),
    "v2 TCP6": (v2(0x21, 0x21, ends(*SIX)), SIX),
    "v2 UNIX": (v2(0x21, 0x31, unix(b"/run/a") + unix(b"")), (Unix(b"/run/a"), Unix(b""))),
    "v2 UNIX the longest": (v2(0x21, 0x31, b"a" * 216), (Unix(b"a" * 108), Unix(b"a" * 108))),
    "v2 abstract UNIX": (v2(0x21, 0x31, unix(b"\0name") + unix(b"/b")), (Unix(b"\0name"), Unix(b"/b"))),
    "v2 with TLVs": (v2(0x21, 0x11, ends(*FOUR) + tlv(1, b"h2") + tlv(4, b"") + tlv(0xEA, b"x" * 300)), FOUR),
    "v2 the longest": (v2(0x21, 0x11, ends(*FOUR) + tlv(4, bytes(LONGEST_V2 - 16 - 12 - 3))), FOUR),
    "v2 LOCAL": (v2(0x20, 0x00, b""), (None, None)),
    "v2 LOCAL with addresses": (v2(0x20, 0x11, ends(*FOUR)), (None, None)),
    "v2 LOCAL with anything": (v2(0x20, 0xFF, b"junk"), (None, None)),
    "v2 UNSPEC": (v2(0x21, 0x00, b""), (None, None)),
    "v2 UNSPEC with anything": (v2(0x21, 0x00, b"\x01\xff\xffjunk"), (None, None)),
}

BAD = {
    "HTTP": b"GET / HTTP/1.1\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01",
    "small letters": b"proxy TCP4 192.0.2.1 198.51.100.2 56324 443\r\n",
    "white space first": b" PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\n",
    "a bare LF": b"PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\n",
    "a bare LF behind UNKNOWN": b"PROXY UNKNOWN\n",
    "a CR within": b"PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\r\n",
    "nothing": b"PROXY \r\n",
    "no family": b"PROXY 192.0.2.1 198.51.100.2 56324 443\r\n",
    "unknown family": b"PROXY UDP4 192.0.2.1 198.51.100.2 56324 443\r\n",
    "UNKNOWN and more": b"PROXY UNKNOWNS\r\n",
    "no ports": b"PROXY TCP4 192.0.2.1 198.51.100.2\r\n",
    "one port": b"PROXY TCP4 192.0.2.1 198.51.100.2 56324\r\n",
    "three ports": b"PROXY TCP4 192.0.2.1 198.51.100.2 56324 443 25\r\n",
    "two spaces": b"PROXY TCP4  192.0.2.1 198.51.100.2 56324 443\r\n",
    "a space at the end": b"PROXY TCP4 192.0.2.1 198.51.100.2 56324 443 \r\n",
    "a tab": b"PROXY TCP4\t192.0.2.1 198.51.100.2 56324 443\r\n",
    "a bad address": b"PROXY TCP4 192.0.2.256 198.51.100.2 56324 443\r\n",
    "a short address": b"PROXY TCP4 192.0.2 198.51.100.2 56324 443\r\n",
    "an octal address": b"PROXY TCP4 192.0.02.1 198.51.100.2 56324 443\r\n",
    "a number": b"PROXY TCP4 3221225985 198.51.100.2 56324 443\r\n",
    "a network": b"PROXY TCP4 192.0.2.1/24 198.51.100.2 56324 443\r\n",
    "a name": b"PROXY TCP4 localhost 198.51.100.2 56324 443\r\n",
    "the other family": b"PROXY TCP4 2001:db8::1 2001:db8::2 56324 443\r\n",
    "the other family, too": b"PROXY TCP6 192.0.2.1 198.51.100.2 56324 443\r\n",
    "a zone": b"PROXY TCP6 fe80::1%eth0 2001:db8::2 56324 443\r\n",
    "brackets": b"PROXY TCP6 [2001:db8::1] 2001:db8::2 56324 443\r\n",
    "a port too high": b"PROXY TCP4 192.0.2.1 198.51.100.2 65536 443\r\n",
    "a negative port": b"PROXY TCP4 192.0.2.1 198.51.100.2 -1 443\r\n",
    "a padded port": b"PROXY TCP4 192.0.2.1 198.51.100.2 056 443\r\n",
    "a port with a sign": b"PROXY TCP4 192.0.2.1 198.51.100.2 +56 443\r\n",
    "a port with an underscore": b"PROXY TCP4 192.0.2.1 198.51.100.2 5_6 443\r\n",
    "an empty port": b"PROXY TCP4 192.0.2.1 198.51.100.2  443\r\n",
    "digits of another script": "PROXY TCP4 192.0.2.1 198.51.100.2 ٥٦ 443\r\n".encode(),
    "eight bits": b"PROXY UNKNOWN \xff\r\n",
    "NUL": b"PROXY TCP4 192.0.2.1\0 198.51.100.2 56324 443\r\n",
    "v1 one too long": b"PROXY UNKNOWN".ljust(LONGEST_V1 - 1, b"x") + b"\r\n",
    "v1 without an end": b"PROXY UNKNOWN".ljust(LONGEST_V1, b"x"),
    "v2 version 1": v2(0x11, 0x11, ends(*FOUR)),
    "v2 version 3": v2(0x31, 0x11, ends(*FOUR)),
    "v2 unknown command": v2(0x22, 0x11, ends(*FOUR)),
    "v2 unknown family": v2(0x21, 0x41, ends(*FOUR)),
    "v2 no transport": v2(0x21, 0x10, ends(*FOUR)),
    "v2 unknown transport": v2(0x21, 0x13, ends(*FOUR)),
    "v2 UDP4": v2(0x21, 0x12, ends(*FOUR)),
    "v2 UDP6": v2(0x21, 0x22, ends(*SIX)),
    "v2 UNIX datagrams": v2(0x21, 0x32, unix(b"/a") + unix(b"/b")),
    "v2 one too long": v2(0x21, 0x11, ends(*FOUR) + tlv(4, bytes(LONGEST_V2 - 16 - 12 - 3 + 1))),
    "v2 as long as can be said": v2(0x21, 0x11, b"", 65535),
    "v2 LOCAL too long": v2(0x20, 0x00, bytes(LONGEST_V2 - 16 + 1)),
    "v2 TCP4 too short": v2(0x21, 0x11, ends(*FOUR)[:-1]),
    "v2 TCP6 too short": v2(0x21, 0x21, ends(*FOUR)),
    "v2 UNIX too short": v2(0x21, 0x31, bytes(215)),
    "v2 empty": v2(0x21, 0x11, b""),
    "v2 half a TLV": v2(0x21, 0x11, ends(*FOUR) + b"\x04"),
    "v2 a TLV without a length": v2(0x21, 0x11, ends(*FOUR) + b"\x04\x00"),
    "v2 a TLV too long": v2(0x21, 0x11, ends(*FOUR) + b"\x04\x00\x02x"),
    "v2 a second TLV too long": v2(0x21, 0x11, ends(*FOUR) + tlv(1, b"h2") + b"\x04\xff\xff"),
    "v2 signature": SIGNATURE[:-1] + b"\r" + v2(0x21, 0x11, ends(*FOUR))[12:],
}


class ParserTests(SynchronousTestCase):
    def test_whole(self) -> None:
        for what, (data, (source, destination)) in GOOD.items():
            with self.subTest(what):
                self.assertEqual(parse(data), Header(source, destination, len(data)))

    def test_cut_short(self) -> None:
        for what, (data, _) in GOOD.items():
            for end in range(len(data)):
                with self.subTest(what, end=end):
                    self.assertIsNone(parse(data[:end]))

    def test_trailing_bytes(self) -> None:
        for what, (data, expected) in GOOD.items():
            for more in (b"\n", b"\r\n", b"PROXY UNKNOWN\r\n", SIGNATURE, b"\x16\x03\x01", bytes(5000)):
                with self.subTest(what, more=more[:9]):
                    self.assertEqual(parse(data + more), Header(*expected, len(data)))

    def test_malformed(self) -> None:
        for what, data in BAD.items():
            with self.subTest(what):
                self.assertRaises(Malformed, parse, data)

    def test_malformed_byte_by_byte(self) -> None:
        """Refused at the latest when all is there, and never taken for good in between."""
        for what, data in BAD.items():
            with self.subTest(what), self.assertRaises(Malformed):
                for end in range(len(data) + 1):
                    self.assertIsNone(parse(data[:end]))

    def test_refused_early(self) -> None:
        """Who speaks another protocol does not hold the connection till the deadline."""
        for data in (b"G", b"\x16", b"PROXZ", b"\n", b"\r\r", b"\0", v2(0x11, 0, b"")[:13], v2(0x21, 0x11, b"")[:16]):
            with self.subTest(data):
                self.assertRaises(Malformed, parse, data)

    def test_nothing_yet(self) -> None:
        self.assertIsNone(parse(b""))

    def test_one_version_is_not_the_other(self) -> None:
        self.assertRaises(Malformed, parse_v1, GOOD["v2 TCP4"][0])
        self.assertRaises(Malformed, parse_v2, GOOD["v1 TCP4"][0])

    @settings(deadline=None, max_examples=300)
    @given(
        st.one_of(
            st.binary(max_size=200),
            st.binary(max_size=100).map(lambda rest: b"PROXY TCP4 " + rest),
            st.text(alphabet="PROXY TC46UNK.0129:a\r\n", max_size=120).map(lambda rest: b"PROXY " + rest.encode()),
            st.binary(max_size=100).map(lambda rest: SIGNATURE + rest),
            st.binary(max_size=100).map(lambda rest: SIGNATURE + b"\x21\x11\x00\x40" + rest),
        )
    )
    def test_anything(self, data: bytes) -> None:
        """A header within the data, None or Malformed; and cutting it up makes no difference."""
        whole = outcome(data)
        if isinstance(whole, Header):
            self.assertLessEqual(whole.length, len(data))
        seen = [outcome(data[:end]) for end in range(len(data) + 1)]
        decided = [one for one in seen if one is not None]
        self.assertEqual(decided, [decided[0]] * len(decided) if decided else [])

    @settings(deadline=None, max_examples=100)
    @given(st.ip_addresses(v=4) | st.ip_addresses(v=6), st.data(), st.integers(0, 65535), st.integers(0, 65535))
    def test_every_address(self, source: Any, data: Any, one: int, other: int) -> None:
        destination = data.draw(st.ip_addresses(v=source.version))
        both = (Internet(source, one), Internet(destination, other))
        line = f"PROXY TCP{source.version} {source} {destination} {one} {other}\r\n".encode()
        binary = v2(0x21, 0x11 if source.version == 4 else 0x21, ends(*both))
        if b"%" not in line:
            self.assertEqual(parse(line), Header(*both, len(line)))
        self.assertEqual(parse(binary), Header(*both, len(binary)))


def outcome(data: bytes) -> Header | str | None:
    try:
        return parse(data)
    except Malformed:
        return "malformed"
