"""What URLs of every scheme have in common: a host, a port, a user, and ways to be misread (RFC 3986)."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection
from typing import NamedTuple
from urllib.parse import unquote_to_bytes, urlsplit

MAX_URL = 64 * 1024
"""Characters; servers take 8,000 octets of an HTTP target (RFC 9110 4.1) and few of them more."""

holds_control = re.compile(r"[\x00-\x1f\x7f]").search
_NAME = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,252})").fullmatch
_ZONE = re.compile(r"[A-Za-z0-9._~-]{1,64}").fullmatch


class Parts(NamedTuple):
    """A URL taken apart. Path, query and fragment are as they were written, still percent-encoded."""

    scheme: str
    host: str
    """A name in its ASCII form and lower case, or an IP address without brackets (IPv6 may have a zone)."""
    port: int | None
    userinfo: bytes | None
    """``user:password``, percent-encoded; None when there is none."""
    path: str
    query: str
    fragment: str


def split_url(text: str, schemes: Collection[str]) -> Parts:
    """A URL as somebody wrote it, of one of ``schemes``. Raises ValueError; its text has no password in it."""
    if len(text) > MAX_URL:
        raise ValueError("the URL is too long")
    if holds_control(text):  # urlsplit would drop some of these in silence
        raise ValueError(f"{shown(text)} holds a control character")
    try:
        parts = urlsplit(text)
    except ValueError as error:
        raise ValueError(f"{shown(text)}: {error}") from None
    if parts.scheme not in schemes:
        raise ValueError(f"{shown(text)} does not begin with {either(schemes)}")
    userinfo, at, hostport = parts.netloc.rpartition("@")
    if "@" in userinfo or "\\" in parts.netloc:  # which is the host? Readers differ.
        raise ValueError(f"{shown(text)}: the host is ambiguous")
    host, port = _host_and_port(hostport, text)
    user = userinfo.encode("utf-8", "surrogateescape") if at else None
    return Parts(parts.scheme, host, port, user, parts.path, parts.query, parts.fragment)


def login_of(userinfo: bytes) -> tuple[bytes, bytes | None]:
    """User and password, decoded; None when there is no colon, which may stand in a password (RFC 3986 3.2.1)."""
    user, colon, password = userinfo.partition(b":")
    return unquote_to_bytes(user), unquote_to_bytes(password) if colon else None


def netloc(host: str, port: int, default: int) -> str:
    """``host:port`` as it stands in a URL, without the port if it is the default one."""
    host = f"[{host.replace('%', '%25')}]" if ":" in host else host  # RFC 6874: the zone's form
    return host if port == default else f"{host}:{port}"


def shown(text: str) -> str:
    """A URL for a message: no password, controls escaped, no longer than a line."""
    text = re.sub(r"(?<=//).*@", "***@", text, flags=re.DOTALL)
    return repr(text if len(text) <= 200 else text[:200] + "...")


def either(schemes: Collection[str]) -> str:
    """The schemes for a message: "http:// or https://"."""
    *others, last = (f"{scheme}://" for scheme in schemes)
    return f"{', '.join(others)} or {last}" if others else last


def _host_and_port(hostport: str, text: str) -> tuple[str, int | None]:
    match = re.fullmatch(r"(\[[^\]]*\]|[^:\[\]]*)(?::([0-9]{0,5}))?", hostport)
    if match is None or not match[1]:
        raise ValueError(f"{shown(text)} has no host" if not hostport else f"{shown(text)}: the host is malformed")
    port = int(match[2]) if match[2] else None
    if port is not None and not 1 <= port <= 65535:
        raise ValueError(f"{shown(text)}: the port is not one from 1 to 65535")
    try:
        host = _literal(match[1][1:-1]) if match[1].startswith("[") else _name(match[1])
    except ValueError:
        raise ValueError(f"{shown(text)}: the host is malformed") from None
    return host, port


def _literal(text: str) -> str:
    """An IPv6 address, with a zone behind "%25" (RFC 6874) or "%" as everybody types it."""
    address, percent, zone = text.partition("%")
    zone = zone.removeprefix("25") or zone
    if percent and not _ZONE(zone):
        raise ValueError
    return str(ipaddress.IPv6Address(address)) + (f"%{zone}" if percent else "")


def _name(text: str) -> str:
    name = text if text.isascii() else text.encode("idna").decode("ascii")
    if not _NAME(name):
        raise ValueError
    return name.lower()
