"""PORT, PASV, EPRT and EPSV, built and parsed (RFC 959, RFC 2428)."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from netdaemon.protocols.ftp.grammar import Malformed
from netdaemon.protocols.ftp.grammar.address import (
    ALL,
    IPV4,
    IPV6,
    HostPort,
    UnknownFamily,
    build_eprt,
    build_epsv_reply,
    build_pasv_reply,
    build_port,
    parse_eprt,
    parse_epsv,
    parse_epsv_reply,
    parse_pasv_reply,
    parse_port,
)

_PORTS = st.integers(1, 65535)


class PortTests(SynchronousTestCase):
    def test_form(self) -> None:
        address = HostPort("127.0.0.1", 258)
        self.assertEqual(build_port(address), b"127,0,0,1,1,2")
        self.assertEqual(parse_port(b"127,0,0,1,1,2"), address)
        self.assertEqual(parse_port(b"127,000,00,01,1,2"), address)

    def test_refused(self) -> None:
        for argument in (
            b"", b"1,2,3,4,5", b"1,2,3,4,5,6,7", b"256,0,0,1,1,2", b"127,0,0,1,0,0", b"127,0,0,1,256,1", b"1,2,3,4,5,",
            b"-1,0,0,1,1,2", b"+1,0,0,1,1,2", b" 127,0,0,1,1,2", b"127,0,0,1,1,2 ", b"127, 0,0,1,1,2", b"1_0,0,0,1,1,2",
            b"\xef\xbc\x91,2,3,4,5,6", b"127,0,0,1,1,2\0", b"1000,2,3,4,5,6", b"127.0.0.1,1,2",
        ):  # fmt: skip
            self.assertRaises(Malformed, parse_port, argument)

    def test_ipv6_has_no_port_command(self) -> None:
        self.assertRaises(ValueError, build_port, HostPort("::1", 1))

    @given(st.ip_addresses(v=4), _PORTS)
    def test_round_trip(self, host: object, port: int) -> None:
        address = HostPort(str(host), port)
        self.assertEqual(parse_port(build_port(address)), address)
        self.assertEqual(parse_pasv_reply(build_pasv_reply(address)), address)

    def test_foreign_pasv_replies(self) -> None:
        address = HostPort("192.0.2.1", 513)
        for text in (
            b"Entering Passive Mode (192,0,2,1,2,1)",
            b"Entering Passive Mode. 192,0,2,1,2,1",
            b"=192,0,2,1,2,1",
            b"192,0,2,1,2,1 is where to go",
            b"Passive Mode 2 (192,0,2,1,2,1).",
        ):
            self.assertEqual(parse_pasv_reply(text), address)
        for text in (b"", b"Entering Passive Mode", b"(1,2,3,4,5)", b"(1,2,3,4,5,6,7)", b"(1,2,3,4,5,999)"):
            self.assertRaises(Malformed, parse_pasv_reply, text)


class ExtendedTests(SynchronousTestCase):
    def test_eprt(self) -> None:
        for argument, address in (
            (b"|1|132.235.1.2|6275|", HostPort("132.235.1.2", 6275)),
            (b"|2|1080::8:800:200C:417A|5282|", HostPort("1080::8:800:200c:417a", 5282)),
            (b"!2!0:0:0:0:0:0:0:1!1!", HostPort("::1", 1)),
        ):
            self.assertEqual(parse_eprt(argument), address)
            self.assertEqual(parse_eprt(build_eprt(address)), address)

    def test_eprt_refused(self) -> None:
        for argument in (
            b"", b"|1|127.0.0.1|80", b"1|127.0.0.1|80|", b"|1|127.0.0.1|0|", b"|1|127.0.0.1|65536|", b"|1|::1|80|",
            b"|2|127.0.0.1|80|", b"|1|localhost|80|", b"|1|127.0.0.1|80|x", b"|1|127.1|80|", b"|1!127.0.0.1|80|",
            b" 1 127.0.0.1 80 ", b"|1|127.0.0.1|+80|", b"|2|fe80::1%lo|80|", b"|1||80|",
        ):  # fmt: skip
            self.assertRaises(Malformed, parse_eprt, argument)
        self.assertRaises(UnknownFamily, parse_eprt, b"|3|127.0.0.1|80|")
        self.assertRaises(UnknownFamily, parse_eprt, b"|0|127.0.0.1|80|")

    def test_families(self) -> None:
        self.assertRaises(UnknownFamily, parse_eprt, b"|2|1.2.3.256|2048|", (IPV4,))
        self.assertRaises(UnknownFamily, parse_eprt, b"|1|127.0.0.1|2048|", (IPV6,))

    def test_a_zone_stays_at_home(self) -> None:
        self.assertEqual(build_eprt(HostPort("fe80::1%lo", 7)), b"|2|fe80::1|7|")

    @given(st.ip_addresses(), _PORTS)
    def test_round_trip(self, host: object, port: int) -> None:
        address = HostPort(str(host), port)
        self.assertEqual(address.family, IPV6 if ":" in str(host) else IPV4)
        self.assertEqual(parse_eprt(build_eprt(address)), address)
        self.assertEqual(parse_epsv_reply(build_epsv_reply(port)), port)

    def test_epsv(self) -> None:
        for argument, value in ((b"", None), (b" ", None), (b"1", IPV4), (b"2", IPV6), (b"ALL", ALL), (b"all", ALL)):
            self.assertEqual(parse_epsv(argument), value)
        for argument in (b"3", b"0", b"99999"):
            self.assertRaises(UnknownFamily, parse_epsv, argument)
        for argument in (b"x", b"1 2", b"-1", b"ALL 1", b"999999"):
            self.assertRaises(Malformed, parse_epsv, argument)

    def test_foreign_epsv_replies(self) -> None:
        self.assertEqual(parse_epsv_reply(b"Entering Extended Passive Mode (!!!7!)"), 7)
        for text in (b"", b"(|||0|)", b"(|||65536|)", b"|||7|", b"(||7|)", b"(|||7)", b"(||!7|)"):
            self.assertRaises(Malformed, parse_epsv_reply, text)

    @given(st.binary(max_size=50))
    def test_nothing_else_is_raised(self, data: bytes) -> None:
        parsers: tuple[Callable[[bytes], object], ...]
        parsers = (parse_port, parse_eprt, parse_epsv, parse_pasv_reply, parse_epsv_reply)
        for parse in parsers:
            try:
                parse(data)
            except Malformed:
                pass
