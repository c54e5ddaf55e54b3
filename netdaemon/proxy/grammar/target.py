"""Request targets as a proxy takes them: whole URLs, and host:port of CONNECT (RFC 9112 section 3.2, RFC 3986).

Of a path nothing is decoded here: the origin is to read what the client has written, to the octet.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address
from types import MappingProxyType
from typing import NamedTuple

from netdaemon.protocols.http.grammar.message import Malformed
from netdaemon.protocols.http.grammar.target import Target, parse_host

PORTS: Mapping[bytes, int] = MappingProxyType({b"http": 80, b"https": 443, b"ftp": 21, b"gopher": 70})
"""The schemes that are known, and their ports."""

Address = IPv4Address | IPv6Address

# RFC 3986 3.1, 3.2; the head's grammar has refused blanks, controls and "#" before
_ABSOLUTE = re.compile(rb"([A-Za-z][A-Za-z0-9+.-]*)://([^/?]*)(.*)", re.DOTALL).fullmatch
# RFC 3986 3.2.1: userinfo = *( unreserved / pct-encoded / sub-delims / ":" )
_USERINFO = re.compile(rb"(?:[A-Za-z0-9._~!$&'()*+,;=:-]|%[0-9A-Fa-f]{2})*").fullmatch
_HOSTPORT = re.compile(rb"(\[[^]]*\]|[^:]*)(?::([0-9]*))?").fullmatch
_NAME = re.compile(r"[a-z0-9_](?:[a-z0-9._-]*[a-z0-9_])?").fullmatch
_NUMBER = re.compile(r"0x[0-9a-f]*|[0-9]+").fullmatch


class Destination(NamedTuple):
    """Where a request is to go."""

    scheme: bytes
    """One of `PORTS`, or b"connect"."""
    host: str
    """A name in lower case without a dot at its end, or an IP address in its usual form, without brackets."""
    port: int
    authority: bytes
    """The Host field's value for whoever is asked."""
    target: bytes
    """Path and query in origin form (RFC 9112 3.2.1), ``*`` for OPTIONS of the whole server; empty for CONNECT."""
    userinfo: bytes | None = None
    """``user:password`` of an ftp URL, percent-encoded."""

    @property
    def secure(self) -> bool:
        """Is it asked for by TLS?"""
        return self.scheme == b"https"

    @property
    def url(self) -> bytes:
        """The URL, without user and password."""
        return b"%b://%b%b" % (self.scheme, self.authority, self.target)


def parse_target(method: bytes, target: bytes) -> Target:
    """A request target as the session wants it, its path as sent. Raises Malformed (400, 501).

    The origin and asterisk forms are those of somebody who takes the proxy for a server.
    """
    if method != b"CONNECT":
        if target.startswith(b"/"):
            path, _, query = target.partition(b"?")
            return Target("origin", path, query)
        if target == b"*" and method == b"OPTIONS":
            return Target("asterisk", b"")
    to = parse_destination(method, target)
    if method == b"CONNECT":
        return Target("authority", b"", authority=to.authority)
    path, _, query = to.target.partition(b"?")
    return Target("absolute", path, query, to.authority, to.scheme)


@lru_cache(maxsize=256)  # asked twice for each request, and pages ask many times of the same few hosts
def parse_destination(method: bytes, target: bytes) -> Destination:
    """The destination of a request in absolute form, or of a CONNECT. Raises Malformed (400, 501)."""
    if method == b"CONNECT":  # RFC 9112 3.2.3: authority-form = uri-host ":" port
        host, port = _host_and_port(target)
        if port is None:
            raise Malformed(400, "CONNECT wants host:port")
        return Destination(b"connect", host, port, _bracketed(target), b"")
    match = _ABSOLUTE(target)
    if match is None:
        raise Malformed(400, "the request target is no URL")
    scheme, authority, rest = match.groups()
    scheme = scheme.lower()
    if scheme not in PORTS:
        raise Malformed(501, "the URL's scheme is not known here")
    userinfo, at, hostport = authority.rpartition(b"@")
    if at and (scheme != b"ftp" or not _USERINFO(userinfo)):
        # RFC 9110 4.2.4: in an http URL from elsewhere it is there to deceive
        raise Malformed(400, "there is a user in the URL")
    host, port = _host_and_port(hostport)
    if not rest and method == b"OPTIONS" and scheme in (b"http", b"https"):
        rest = b"*"  # RFC 9112 3.2.4
    elif not rest.startswith(b"/"):
        rest = b"/" + rest
    return Destination(
        scheme, host, PORTS[scheme] if port is None else port, _bracketed(hostport), rest, userinfo if at else None
    )


def _bracketed(hostport: bytes) -> bytes:
    return parse_host(hostport).removesuffix(b":")


def _host_and_port(hostport: bytes) -> tuple[str, int | None]:
    match = _HOSTPORT(parse_host(hostport))
    if match is None:
        raise Malformed(400, "the host is malformed")
    name, digits = match[1].decode("ascii"), match[2]
    port = int(digits) if digits else None
    if port is not None and not 0 < port < 65536:
        raise Malformed(400, "the port is none")
    if name.startswith("["):
        try:
            return str(IPv6Address(name[1:-1])), port
        except ValueError:
            raise Malformed(400, "the host is malformed") from None
    name = name.removesuffix(".")
    # "%31%32%37.0.0.1" would be one host to us and another to whoever decodes it
    if len(name) > 253 or not _NAME(name) or ".." in name:
        raise Malformed(400, "the host is malformed")
    return _in_usual_form(name), port


def _in_usual_form(name: str) -> str:
    """A name, or an IPv4 address in whatever way it was written: ``0x7f.1``, ``2130706433``, ``017700000001``.

    Resolvers take them so (inet_aton), and which names are numbers they decide by the last part.
    """
    parts = name.split(".")
    if not _NUMBER(parts[-1]):
        return name
    if len(parts) > 4 or not all(map(_NUMBER, parts)):
        raise Malformed(400, "the host is neither a name nor an address")
    try:
        numbers = [_number(part) for part in parts]
    except ValueError:
        raise Malformed(400, "the host is neither a name nor an address") from None
    *firsts, last = numbers
    if any(number > 255 for number in firsts) or last >= 1 << 8 * (5 - len(numbers)):
        raise Malformed(400, "the host is neither a name nor an address")
    for place, number in enumerate(firsts):
        last += number << 8 * (3 - place)
    return str(IPv4Address(last))


def _number(part: str) -> int:
    if part.startswith("0x"):
        return int(part[2:] or "0", 16)
    return int(part, 8 if part.startswith("0") else 10)
