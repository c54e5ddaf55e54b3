"""Kinds of addresses, against the standard library's table and any spelling."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address

from hypothesis import example, given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from netdaemon.wire.places import Place, is_address, place_of, plain

IPV4 = st.integers(0, (1 << 32) - 1).map(IPv4Address)
IPV6 = st.integers(0, (1 << 128) - 1).map(IPv6Address)


class PlaceTests(SynchronousTestCase):
    @given(IPV4)
    @example(IPv4Address("192.0.0.9"))
    @settings(max_examples=1000, deadline=None)
    def test_what_is_public_is_global(self, address: IPv4Address) -> None:
        if place_of(str(address)) is Place.PUBLIC:
            self.assertTrue(address.is_global, address)
            self.assertFalse(address.is_multicast or address.is_reserved or address.is_loopback)

    @given(IPV6)
    @settings(max_examples=1000, deadline=None)
    def test_in_ipv6_too(self, address: IPv6Address) -> None:
        if place_of(str(address)) is Place.PUBLIC and address.sixtofour is None:
            self.assertTrue(address.is_global or address in NAT64, address)
            self.assertFalse(address.is_multicast or address.is_reserved or address.is_link_local)

    @given(IPV4)
    @example(IPv4Address("127.0.0.1"))
    @example(IPv4Address("10.0.0.1"))
    @example(IPv4Address("169.254.169.254"))
    @example(IPv4Address("224.0.0.1"))
    @settings(max_examples=300, deadline=None)
    def test_an_address_within_an_address_is_as_bad_as_that(self, address: IPv4Address) -> None:
        place, bits = place_of(str(address)), int(address)
        for prefix, shift in (
            (0xFFFF << 32, 0),
            (0xFFFF << 48, 0),
            (0x64FF9B << 96, 0),
            (0x2002 << 112, 80),
            (0x20010000 << 96 | 0xF7F7F7F7, 64),
            (0x2606 << 112 | 0x5EFE << 32, 0),
        ):
            outer = IPv6Address(prefix | bits << shift)
            self.assertGreaterEqual(place_of(str(outer)).value, place.value, outer)
        teredo = IPv6Address(0x20010000 << 96 | 0x08080808 << 64 | bits ^ 0xFFFFFFFF)
        self.assertGreaterEqual(place_of(str(teredo)).value, place.value, teredo)

    def test_zones_do_not_matter(self) -> None:
        self.assertEqual(place_of("fe80::1%eth0"), Place.PRIVATE)

    def test_plain(self) -> None:
        self.assertEqual(plain("::ffff:8.8.8.8"), "8.8.8.8")
        self.assertEqual(plain("2606:4700:0::1111"), "2606:4700::1111")

    def test_is_address(self) -> None:
        self.assertEqual(
            [is_address(one) for one in ("1.2.3.4", "::1", "a", "1.2.3", "")], [True, True, False, False, False]
        )


class NAT64Prefix:
    def __contains__(self, address: object) -> bool:
        return isinstance(address, IPv6Address) and int(address) >> 32 == 0x64FF9B << 64


NAT64 = NAT64Prefix()
