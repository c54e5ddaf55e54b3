"""http and https URLs, as a client takes them apart (RFC 3986, RFC 9110 section 4.2)."""

from __future__ import annotations

import ipaddress
import re
from typing import NamedTuple
from urllib.parse import unquote_to_bytes, urljoin, urlsplit

from netdaemon.protocols.http.client.errors import BadURL

PORTS = {"http": 80, "https": 443}

MAX_URL = 64 * 1024
"""Characters; servers take 8,000 octets of a target (RFC 9110 4.1) and few of them more."""

_CONTROLS = re.compile(r"[\x00-\x1f\x7f]").search
# RFC 3986 3.3 and 3.4: pchar / "/" / "?"; what else is sent raw by many is percent-encoded here
_NOT_IN_TARGET = re.compile(rb"[^A-Za-z0-9._~!$&'()*+,;=:@/?%-]")
_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:").match
_NAME = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,252})").fullmatch
_ZONE = re.compile(r"[A-Za-z0-9._~-]{1,64}").fullmatch


class URL(NamedTuple):
    """One http or https URL; as text it stands without user and password, so that these reach no log."""

    scheme: str
    host: str
    """A name in its ASCII form and lower case, or an IP address without brackets (IPv6 may have a zone)."""
    port: int
    target: bytes
    """Path and query as they go into the request, percent-encoded."""
    userinfo: bytes | None = None
    """``user:password``, decoded; None when there is none."""
    fragment: str = ""

    def __str__(self) -> str:
        fragment = f"#{self.fragment}" if self.fragment else ""
        host = f"[{self.host.replace('%', '%25')}]" if ":" in self.host else self.host  # RFC 6874: the zone's form
        port = "" if self.port == PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{host}{port}{self.target.decode('ascii')}{fragment}"

    @property
    def origin(self) -> tuple[str, str, int]:
        """RFC 9110 4.3.1: scheme, host and port; credentials belong to one of these."""
        return self.scheme, self.host, self.port

    @property
    def authority(self) -> bytes:
        """The Host field's value: no user, no zone (RFC 6874 section 1), no default port."""
        host = f"[{self.host.partition('%')[0]}]" if ":" in self.host else self.host
        return (host if self.port == PORTS[self.scheme] else f"{host}:{self.port}").encode("ascii")


def parse_url(text: str) -> URL:
    """A URL as somebody wrote it. Raises BadURL."""
    if len(text) > MAX_URL:
        raise BadURL("the URL is too long")
    if _CONTROLS(text):  # urlsplit would drop some of these in silence
        raise BadURL(f"{shown(text)} holds a control character")
    try:
        parts = urlsplit(text)
    except ValueError as error:
        raise BadURL(f"{shown(text)}: {error}") from None
    if parts.scheme not in PORTS:
        raise BadURL(f"{shown(text)} does not begin with http:// or https://")
    userinfo, at, hostport = parts.netloc.rpartition("@")
    if "@" in userinfo or "\\" in parts.netloc:  # which is the host? Readers differ.
        raise BadURL(f"{shown(text)}: the host is ambiguous")
    host, port = _host_and_port(hostport, text)
    target = _quoted(parts.path or "/") + (b"?" + _quoted(parts.query) if parts.query else b"")
    return URL(
        parts.scheme,
        host,
        PORTS[parts.scheme] if port is None else port,
        target,
        unquote_to_bytes(userinfo) if at else None,
        _quoted(parts.fragment).decode("ascii"),
    )


def join(base: URL, reference: bytes) -> URL:
    """What ``reference``, a Location field's value, means at ``base`` (RFC 9110 10.2.2). Raises BadURL.

    The base's fragment is inherited; a user or password in the reference is dropped: credentials come from whom
    asks, never from who is asked.
    """
    text = reference.decode("utf-8", "surrogateescape")
    if _CONTROLS(text):
        raise BadURL("the redirection holds a control character")
    if not _ABSOLUTE(text):  # urljoin would forgive "http:x" and "http://"
        try:
            text = urljoin(str(base._replace(fragment="")), text)
        except ValueError as error:
            raise BadURL(f"{shown(text)}: {error}") from None
    url = parse_url(text)
    return url._replace(userinfo=None, fragment=url.fragment or base.fragment)


def shown(text: str) -> str:
    """A URL for a message: no password, controls escaped, no longer than a line."""
    text = re.sub(r"(?<=//).*@", "***@", text, flags=re.DOTALL)
    return repr(text if len(text) <= 200 else text[:200] + "...")


def _quoted(text: str) -> bytes:
    return _NOT_IN_TARGET.sub(lambda match: b"%%%02X" % match[0][0], text.encode("utf-8", "surrogateescape"))


def _host_and_port(hostport: str, text: str) -> tuple[str, int | None]:
    match = re.fullmatch(r"(\[[^\]]*\]|[^:\[\]]*)(?::([0-9]{0,5}))?", hostport)
    if match is None or not match[1]:
        raise BadURL(f"{shown(text)} has no host" if not hostport else f"{shown(text)}: the host is malformed")
    port = int(match[2]) if match[2] else None
    if port is not None and not 1 <= port <= 65535:
        raise BadURL(f"{shown(text)}: the port is not one from 1 to 65535")
    try:
        host = _literal(match[1][1:-1]) if match[1].startswith("[") else _name(match[1])
    except ValueError:
        raise BadURL(f"{shown(text)}: the host is malformed") from None
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
