"""Where a data connection goes: PORT and PASV (RFC 959 section 4.1.2), EPRT and EPSV (RFC 2428)."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from netdaemon.protocols.ftp.grammar import Malformed

IPV4, IPV6 = 1, 2
"""RFC 2428 section 2: the address families as numbers."""


@dataclass(frozen=True)
class HostPort:
    """An IP address, in its shortest form, and a port that is not 0."""

    host: str
    port: int

    @property
    def family(self) -> int:
        """`IPV4` or `IPV6`."""
        return IPV6 if ":" in self.host else IPV4


class NoAddress(Malformed):
    """What stands where an address should is none of the family that it is said to be."""


class UnknownFamily(Malformed):
    """A network protocol that is neither IPv4 nor IPv6: 522, with the ones that are spoken (RFC 2428 section 2)."""


# RFC 959 5.3.2: host-port = host-number "," port-number, each a decimal of 1 to 255
_NUMBER = rb"([0-9]{1,3})"
_PORT = re.compile(rb",".join([_NUMBER] * 6))


def _host_port(match: re.Match[bytes]) -> HostPort:
    numbers = [int(number) for number in match.groups()]
    if max(numbers) > 255:
        raise Malformed("a number above 255 in an address")
    return _made(".".join(map(str, numbers[:4])), numbers[4] << 8 | numbers[5])


def _made(host: str, port: int) -> HostPort:
    if not 0 < port < 65536:
        raise Malformed("no port")
    return HostPort(host, port)


def parse_port(argument: bytes) -> HostPort:
    """``h1,h2,h3,h4,p1,p2`` (PORT's argument). Raises Malformed."""
    match = _PORT.fullmatch(argument)
    if match is None:
        raise Malformed("not six numbers between commas")
    return _host_port(match)


def build_port(address: HostPort) -> bytes:
    """``h1,h2,h3,h4,p1,p2`` of an IPv4 address, for PORT and for the reply to PASV."""
    if address.family != IPV4:
        raise ValueError("PORT and PASV know IPv4 only")
    host = address.host.replace(".", ",").encode("ascii")
    return b"%b,%d,%d" % (host, address.port >> 8, address.port & 255)


def build_pasv_reply(address: HostPort) -> bytes:
    """The text of a 227 reply."""
    # Clients look for the parentheses, or for the first digit: RFC 1123 4.1.2.6.
    return b"Entering Passive Mode (%b)." % build_port(address)


def parse_pasv_reply(text: bytes) -> HostPort:
    """The address in a 227 reply's text. Raises Malformed.

    RFC 1123 4.1.2.6: parentheses can't be relied on; what is looked for are six numbers.
    """
    match = re.search(rb"(?<![0-9,])" + _PORT.pattern + rb"(?![0-9,])", text)
    if match is None:
        raise Malformed("no address in the reply to PASV")
    return _host_port(match)


# RFC 2428 2: EPRT<space><d><net-prt><d><net-addr><d><tcp-port><d>, <d> one of ASCII 33 to 126
_EPRT = re.compile(rb"([!-~])([0-9]{1,5})\1([!-~]{1,45}?)\1([0-9]{1,5})\1")


def parse_eprt(argument: bytes, families: Collection[int] = (IPV4, IPV6)) -> HostPort:
    """EPRT's argument, ``|1|132.235.1.2|6275|``. Raises Malformed; NoAddress and UnknownFamily, for a family that is
    not in ``families``, are among it.
    """
    match = _EPRT.fullmatch(argument)
    if match is None:
        raise Malformed("not a family, an address and a port between delimiters")
    family = int(match[2])
    if family not in families:
        raise UnknownFamily("another family of addresses")
    if b"%" in match[3]:
        raise NoAddress("a zone, which is the sender's own affair")
    try:
        address = (ipaddress.IPv4Address if family == IPV4 else ipaddress.IPv6Address)(match[3].decode("ascii"))
    except ValueError:
        raise NoAddress("no address of that family") from None
    return _made(str(address), int(match[4]))


def build_eprt(address: HostPort) -> bytes:
    """EPRT's argument. A zone (``fe80::1%eth0``) is the sender's own affair and left out."""
    return b"|%d|%b|%d|" % (address.family, address.host.partition("%")[0].encode("ascii"), address.port)


class All:
    """The argument ALL of EPSV: from now on nothing but EPSV opens a data connection (RFC 2428 section 4)."""


ALL: Final = All()


def parse_epsv(argument: bytes) -> int | All | None:
    """EPSV's argument: a family, `ALL`, or None when there is none. Raises Malformed, UnknownFamily among it."""
    argument = argument.strip(b" ")
    if not argument:
        return None
    if argument.upper() == b"ALL":
        return ALL
    if not re.fullmatch(rb"[0-9]{1,5}", argument):
        raise Malformed("neither a family nor ALL")
    if int(argument) not in (IPV4, IPV6):
        raise UnknownFamily("neither IPv4 nor IPv6")
    return int(argument)


def build_epsv_reply(port: int) -> bytes:
    """The text of a 229 reply."""
    return b"Entering Extended Passive Mode (|||%d|)" % port


# RFC 2428 3: the text in parentheses, with family and address left out
_EPSV = re.compile(rb"\(([!-~])\1\1([0-9]{1,5})\1\)")


def parse_epsv_reply(text: bytes) -> int:
    """The port in a 229 reply's text; the address is the one of the control connection. Raises Malformed."""
    match = _EPSV.search(text)
    if match is None or not 0 < int(match[2]) < 65536:
        raise Malformed("no port in the reply to EPSV")
    return int(match[2])
