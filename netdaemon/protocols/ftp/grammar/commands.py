"""Command lines and the arguments of those that have more than a path (RFC 959, 2228, 2389, 3659, 7151)."""

from __future__ import annotations

import re
from typing import Final

from netdaemon.protocols.ftp.grammar import Malformed
from netdaemon.protocols.ftp.grammar.times import parse_time

ASCII, IMAGE = "A", "I"
"""The two types of data there are: lines that end with CRLF on the wire, and octets as they are."""

# RFC 959 4.1.3: before ABOR a client sends Telnet's "interrupt process" and "synch": IAC IP IAC DM, the DM as urgent
# data. No command begins with an octet of that kind, and what is left of it depends on the client's and our system.
_TELNET = bytes(range(0xF0, 0x100))


def strip_synch(line: bytes) -> bytes:
    """A command line without the Telnet commands in front of it."""
    return line.lstrip(_TELNET) if line[:1] >= b"\xf0" else line


def parse_type(argument: bytes) -> str:
    """TYPE's argument: `ASCII` or `IMAGE`. Raises Malformed.

    RFC 959 3.1.1: ``A``, ``A N``, ``I``, ``L 8``, and as seven bits of each octet are what ASCII has, ``L 7``. The
    space may be missing, as some clients leave it out.
    """
    match = re.fullmatch(rb"([AILail])(?: ?([NTCntc]|[0-9]{1,3}))?", argument)
    if match is None:
        raise Malformed("no type")
    kind, second = match[1].upper(), (match[2] or b"").upper()
    if (kind, second) in ((b"A", b""), (b"A", b"N"), (b"L", b"7")):
        return ASCII
    if (kind, second) in ((b"I", b""), (b"L", b"8")):
        return IMAGE
    raise Malformed("a type that is not spoken here")


def parse_offset(argument: bytes) -> int:
    """REST's argument: octets. Raises Malformed."""
    if not re.fullmatch(rb"[0-9]{1,18}", argument):
        raise Malformed("not a number of octets")
    return int(argument)


def parse_range(argument: bytes) -> tuple[int, int]:
    """RANG's two arguments (draft-bryan-ftp-range): the first octet and the last one. Raises Malformed."""
    match = re.fullmatch(rb"([0-9]{1,18}) +([0-9]{1,18})", argument.strip(b" "))
    if match is None:
        raise Malformed("not two numbers of octets")
    return int(match[1]), int(match[2])


def parse_list(argument: bytes) -> tuple[frozenset[str], bytes]:
    """(the letters of ``ls`` options, the path) of LIST's or NLST's argument, as clients take for granted that there
    is an ``ls`` behind it. A path that begins with a hyphen is written ``./-path``.
    """
    options: set[str] = set()
    while match := re.match(rb"-([A-Za-z0-9]*)(?: +|$)", argument):
        options.update(match[1].decode("ascii"))
        argument = argument[match.end() :]
    return frozenset(options), argument


def is_pattern(name: bytes) -> bool:
    """Does a name hold what makes a pattern of it?"""
    return not {*b"*?["}.isdisjoint(name)


def parse_mode(argument: bytes) -> int:
    """Permission bits in octal, of 0o777: what CHMOD and the fact UNIX.mode have. Raises Malformed."""
    if not re.fullmatch(rb"0{0,2}[0-7]{3}", argument):
        raise Malformed("not permission bits in octal")
    return int(argument, 8)


def parse_utime(argument: bytes) -> tuple[float, bytes]:
    """(Unix seconds, path) of SITE UTIME's argument. Raises Malformed.

    Two forms are in use: ``TIME path``, and ``path ACCESSED MODIFIED CREATED UTC``.
    """
    match = re.fullmatch(rb"([0-9]{12,14}) (.+)", argument, re.DOTALL)
    if match is not None:
        return parse_time(match[1] if len(match[1]) == 14 else match[1].ljust(14, b"0")), match[2]
    match = re.fullmatch(rb"(.+) [0-9]{14} ([0-9]{14}) [0-9]{14} UTC", argument, re.DOTALL | re.IGNORECASE)
    if match is None:
        raise Malformed("neither a time and a path nor a path and three times")
    return parse_time(match[2]), match[1]


def parse_facts_to_change(argument: bytes) -> tuple[dict[bytes, bytes], bytes]:
    """(fact names in small letters to values, path) of MFF's argument (draft-somers-ftp-mfxx). Raises Malformed."""
    listed, space, path = argument.partition(b" ")
    facts: dict[bytes, bytes] = {}
    for fact in listed.removesuffix(b";").split(b";"):
        name, equals, value = fact.partition(b"=")
        if not name or not equals:
            raise Malformed("a fact without a value")
        facts[name.lower()] = value
    if not space or not path:
        raise Malformed("facts without a path")
    return facts, path


_HOST: Final = re.compile(rb"(?:[A-Za-z0-9-]{1,63}\.)*[A-Za-z0-9-]{1,63}\.?|\[[0-9A-Fa-f:.]{2,45}\]")


def parse_host(argument: bytes) -> str:
    """HOST's argument in small letters (RFC 7151 section 3.1): a name, or an address, IPv6 in brackets.

    Raises Malformed.
    """
    if len(argument) > 255 or _HOST.fullmatch(argument) is None:
        raise Malformed("not a host")
    return argument.decode("ascii").lower().removesuffix(".")
