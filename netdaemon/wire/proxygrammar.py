"""Grammar of the PROXY protocol's headers (HAProxy's proxy-protocol.txt, versions 1 and 2): bytes to addresses.

Each parser takes what has come so far and gives a `Header`, or None when more is needed; it raises Malformed as soon
as no more bytes could make it right.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
"""Section 2.2: a version 2 header begins so."""

LONGEST_V1 = 107
"""Octets of a version 1 header with its CRLF (section 2.1)."""

LONGEST_V2 = 4096
"""Octets of a version 2 header in all. It could say 65,551; addresses and TLVs take a few hundred."""

_PORT = re.compile("0|[1-9][0-9]{0,4}")
_V2 = struct.Struct("!12sBBH")
_ENDS = {0x11: struct.Struct("!4s4sHH"), 0x21: struct.Struct("!16s16sHH"), 0x31: struct.Struct("!108s108s")}
_LOCAL, _PROXY = 0x20, 0x21
_UNSPEC = 0x00


class Malformed(Exception):
    """These octets begin no PROXY header."""


@dataclass(frozen=True)
class Internet:
    """One end of a TCP connection."""

    host: IPv4Address | IPv6Address
    port: int


@dataclass(frozen=True)
class Unix:
    """One end of a UNIX socket's connection; the path as the system has it, empty for an unnamed one."""

    path: bytes


End = Internet | Unix


@dataclass(frozen=True)
class Header:
    """Who is connected to whom in truth; both None when the sender speaks for itself (LOCAL) or does not know.

    ``length`` octets were the header's; the connection's own begin behind them.
    """

    source: End | None
    destination: End | None
    length: int


def parse(data: bytes) -> Header | None:
    """A header of either version."""
    if data[:1] == SIGNATURE[:1]:
        return parse_v2(data)
    return parse_v1(data)


# --- version 1 -----------------------------------------------------------------------------------------------


def parse_v1(data: bytes) -> Header | None:
    """``PROXY TCP4 192.0.2.1 192.0.2.2 56324 443 CRLF`` (section 2.1)."""
    start = b"PROXY "
    if data[: len(start)] != start[: len(data)]:
        raise Malformed("no PROXY header")
    end = data.find(b"\n", 0, LONGEST_V1)
    if end < 0:
        if len(data) >= LONGEST_V1:
            raise Malformed("version 1 header without an end")
        return None
    if data[end - 1 : end] != b"\r":
        raise Malformed("version 1 header that ends in a bare LF")
    try:
        words = data[len(start) : end - 1].decode("ascii").split(" ")
    except UnicodeDecodeError:
        raise Malformed("version 1 header that is no ASCII") from None
    if words[0] == "UNKNOWN":  # whatever stands behind it is to be ignored
        return Header(None, None, end + 1)
    if len(words) != 5 or words[0] not in ("TCP4", "TCP6"):
        raise Malformed("version 1 header of no known form")
    kind = IPv4Address if words[0] == "TCP4" else IPv6Address
    source, destination = (
        Internet(_address(kind, words[1]), _port(words[3])),
        Internet(_address(kind, words[2]), _port(words[4])),
    )
    return Header(source, destination, end + 1)


def _address(kind: type[IPv4Address] | type[IPv6Address], text: str) -> IPv4Address | IPv6Address:
    try:
        if "%" not in text:  # a zone means nothing on another host
            return kind(text)
    except ValueError:
        pass
    raise Malformed("version 1 header with a bad address")


def _port(text: str) -> int:
    if not _PORT.fullmatch(text) or int(text) > 65535:
        raise Malformed("version 1 header with a bad port")
    return int(text)


# --- version 2 -----------------------------------------------------------------------------------------------


def parse_v2(data: bytes) -> Header | None:
    """The binary form (section 2.2). TLVs must be whole, and are not looked into."""
    if data[: len(SIGNATURE)] != SIGNATURE[: len(data)]:
        raise Malformed("no PROXY header")
    if len(data) > 12 and data[12] not in (_LOCAL, _PROXY):
        raise Malformed("version 2 header of an unknown version or command")
    if len(data) < _V2.size:
        return None
    _, command, kind, rest = _V2.unpack_from(data)
    length = _V2.size + rest
    if length > LONGEST_V2:
        raise Malformed(f"version 2 header of more than {LONGEST_V2} octets")
    if command == _PROXY and kind != _UNSPEC:
        if kind not in _ENDS:
            raise Malformed("version 2 header for datagrams or an unknown family")
        if rest < _ENDS[kind].size:
            raise Malformed("version 2 header too short for its addresses")
    if len(data) < length:
        return None
    if command == _LOCAL or kind == _UNSPEC:  # the addresses, if any, are to be skipped
        return Header(None, None, length)
    _check_tlvs(data[_V2.size + _ENDS[kind].size : length])
    source, destination = _ends(kind, data)
    return Header(source, destination, length)


def _ends(kind: int, data: bytes) -> tuple[End, End]:
    fields = _ENDS[kind].unpack_from(data, _V2.size)
    if kind == 0x31:
        source, destination = fields
        return Unix(source.rstrip(b"\0")), Unix(destination.rstrip(b"\0"))
    family = IPv4Address if kind == 0x11 else IPv6Address
    return Internet(family(fields[0]), fields[2]), Internet(family(fields[1]), fields[3])


def _check_tlvs(data: bytes) -> None:
    """Section 2.2.1: type (1), length (2), value."""
    position = 0
    while position < len(data):
        if position + 3 > len(data):
            raise Malformed("version 2 header with a TLV cut short")
        position += 3 + int.from_bytes(data[position + 1 : position + 3], "big")
    if position != len(data):
        raise Malformed("version 2 header with a TLV longer than the header")
