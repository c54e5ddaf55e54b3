"""Which proxy stands between us and a host: what was set, or what the environment says, as curl reads it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import NamedTuple

from netdaemon.protocols.http.client.url import URL, parse_url
from netdaemon.wire.failures import BadURL
from netdaemon.wire.urlparts import shown

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://").match
_SEPARATORS = re.compile(r"[\s,]+")
_BRACKETS = re.compile(r"\A\[([^\[\]]*)\]")
_PORT = re.compile(r"(.*?):([0-9]{1,5})").fullmatch


class Proxy(NamedTuple):
    """An HTTP proxy. Its URL's user and password are for it and nobody else; as text they are not shown."""

    url: URL

    def __repr__(self) -> str:
        return f"Proxy({self.url})"


class Proxies:
    """The choice of a proxy.

    ``proxy`` is the one that was set: a URL for every scheme, "" for none at all, and None leaves it to
    ``environment``: http_proxy, https_proxy, ftp_proxy, gopher_proxy and so on, then all_proxy, each in lower case
    first and then in upper case. HTTP_PROXY is no such name: to a CGI script it would be a request's Proxy field. One
    that is there and empty means no proxy. ``no_proxy`` (else no_proxy or NO_PROXY) says for whom there is none:
    names, which mean those below as well, addresses and networks, each with ``:port`` if only that one is meant, or
    ``*`` for everybody. There are no others: who wants none for localhost says so.
    """

    def __init__(
        self, proxy: str | None = None, no_proxy: str | None = None, environment: Mapping[str, str] | None = None
    ) -> None:
        self._environment = environment or {}
        self._proxy = proxy
        if no_proxy is None:
            no_proxy = self._variable("no_proxy") or ""
        self._without = [_exception(word) for word in _SEPARATORS.split(no_proxy) if word]

    def proxy_for(self, scheme: str, host: str, port: int) -> Proxy | None:
        """The proxy for URLs of that origin, None for none. Raises BadURL for one that is no ``http://`` proxy."""
        text = self._text(scheme)
        if not text or any(exception.holds(host, port) for exception in self._without):
            return None
        return parse_proxy(text)

    def _text(self, scheme: str) -> str | None:
        if self._proxy is not None:
            return self._proxy
        found = self._variable(f"{scheme}_proxy")
        return found if found is not None else self._variable("all_proxy")

    def _variable(self, name: str) -> str | None:
        value = self._environment.get(name)
        if value is None and name != "http_proxy":
            value = self._environment.get(name.upper())
        return value


def parse_proxy(text: str) -> Proxy:
    """``http://[user:password@]host[:port]``, the scheme left out by many. Raises BadURL.

    The port is 80 unless it is said, as for every http URL (curl alone takes 1080).
    """
    match = _SCHEME(text)
    if match is None:
        text = "http://" + text
    elif match[1].lower() != "http":
        raise BadURL(f"{shown(text)}: only http:// proxies are spoken to")
    return Proxy(parse_url(text)._replace(target=b"/", fragment=""))


class _Exception(NamedTuple):
    """One of those that need no proxy: a name, "*" for everybody, or a network."""

    name: str = ""
    network: IPv4Network | IPv6Network | None = None
    port: int | None = None

    def holds(self, host: str, port: int) -> bool:
        if self.port is not None and self.port != port:
            return False
        if self.network is not None:
            address = _address(host)
            return address is not None and address in self.network
        host = host.rstrip(".")
        return self.name in ("*", host) or (host.endswith("." + self.name) and _address(host) is None)


def _exception(word: str) -> _Exception:
    """What can't be read is a name that nobody has."""
    port = None
    # An IPv6 address has colons of its own: a port only behind brackets
    if (match := _PORT(word)) and (":" not in match[1] or match[1].endswith("]")):
        word, port = match[1], int(match[2])
    try:
        return _Exception(network=ip_network(_BRACKETS.sub(r"\1", word), strict=False), port=port)
    except ValueError:
        pass
    name = word.lower().strip(".")
    if not name.isascii():
        try:
            name = name.encode("idna").decode("ascii")
        except UnicodeError:
            pass
    return _Exception(name, port=port)


def _address(host: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(host.partition("%")[0])
    except ValueError:
        return None
