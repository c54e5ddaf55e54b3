"""http and https URLs, as a client takes them apart (RFC 3986, RFC 9110 section 4.2)."""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import unquote_to_bytes, urljoin

from netdaemon.wire.failures import BadURL
from netdaemon.wire.urlparts import holds_control, netloc, shown, split_url

PORTS = {"http": 80, "https": 443}

BY_PROXY = {"ftp": 21, "gopher": 70}
"""What only a proxy can be asked for by HTTP."""

_PORTS = {**PORTS, **BY_PROXY}

# RFC 3986 3.3 and 3.4: pchar / "/" / "?"; what else is sent raw by many is percent-encoded here
_NOT_IN_TARGET = re.compile(rb"[^A-Za-z0-9._~!$&'()*+,;=:@/?%-]")
_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:").match


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
        where = netloc(self.host, self.port, _PORTS[self.scheme])
        return f"{self.scheme}://{where}{self.target.decode('ascii')}{fragment}"

    @property
    def origin(self) -> tuple[str, str, int]:
        """RFC 9110 4.3.1: scheme, host and port; credentials belong to one of these."""
        return self.scheme, self.host, self.port

    @property
    def authority(self) -> bytes:
        """The Host field's value: no user, no zone (RFC 6874 section 1), no default port."""
        host = f"[{self.host.partition('%')[0]}]" if ":" in self.host else self.host
        return (host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}").encode("ascii")


def parse_url(text: str, *, by_proxy: bool = False) -> URL:
    """A URL as somebody wrote it; ``by_proxy`` one of `BY_PROXY`. Raises BadURL."""
    ports = BY_PROXY if by_proxy else PORTS
    try:
        parts = split_url(text, ports)
    except ValueError as error:
        raise BadURL(str(error)) from None
    target = _quoted(parts.path or "/") + (b"?" + _quoted(parts.query) if parts.query else b"")
    return URL(
        parts.scheme,
        parts.host,
        ports[parts.scheme] if parts.port is None else parts.port,
        target,
        None if parts.userinfo is None else unquote_to_bytes(parts.userinfo),
        _quoted(parts.fragment).decode("ascii"),
    )


def join(base: URL, reference: bytes) -> URL:
    """What ``reference``, a Location field's value, means at ``base`` (RFC 9110 10.2.2). Raises BadURL.

    The base's fragment is inherited; a user or password in the reference is dropped: credentials come from whom
    asks, never from who is asked.
    """
    text = reference.decode("utf-8", "surrogateescape")
    if holds_control(text):
        raise BadURL("the redirection holds a control character")
    if not _ABSOLUTE(text):  # urljoin would forgive "http:x" and "http://"
        try:
            text = urljoin(str(base._replace(fragment="")), text)
        except ValueError as error:
            raise BadURL(f"{shown(text)}: {error}") from None
    url = parse_url(text)
    url = url._replace(target=_without_dots(url.target))
    return url._replace(userinfo=None, fragment=url.fragment or base.fragment)


def _without_dots(target: bytes) -> bytes:
    """RFC 3986 5.2.4: "." and ".." of the path are gone, also where the reference had a host of its own."""
    path, question, query = target.partition(b"?")
    kept: list[bytes] = []
    *folders, last = path.split(b"/")
    for segment in folders:
        if segment == b".." and len(kept) > 1:
            kept.pop()
        elif segment not in (b".", b".."):
            kept.append(segment)
    if last == b".." and len(kept) > 1:
        kept.pop()
    kept.append(b"" if last in (b".", b"..") else last)
    return b"/".join(kept) + question + query


def _quoted(text: str) -> bytes:
    return _NOT_IN_TARGET.sub(lambda match: b"%%%02X" % match[0][0], text.encode("utf-8", "surrogateescape"))
