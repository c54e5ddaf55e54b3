"""The settings of [proxy], and what its keys may hold."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, TypeVar
from urllib.parse import unquote

from netdaemon.config.keys import Value, key
from netdaemon.config.settings import ServiceSettings
from netdaemon.config.values import Network, choice, duration, flag, integer, networks, optional, size
from netdaemon.protocols.http.grammar.message import Malformed
from netdaemon.proxy.grammar.target import parse_destination

T = TypeVar("T")


class HostRule(NamedTuple):
    """Hosts by name or address: ``name`` itself, or all beneath it, or all; at one port or at any."""

    name: str
    beneath: bool
    port: int | None

    def matches(self, host: str, port: int) -> bool:
        """Is that one of them? ``host`` is in lower case, an address in its usual form."""
        if self.port is not None and port != self.port:
            return False
        if self.beneath:
            return not self.name or host.endswith(f".{self.name}")
        return host == self.name

    def __str__(self) -> str:
        name = f"[{self.name}]" if ":" in self.name else self.name
        if self.beneath:
            name = f"*.{name}" if name else "*"
        return name if self.port is None else f"{name}:{self.port}"


@dataclass(frozen=True)
class UpstreamProxy:
    """The proxy that is asked in place of the origins."""

    host: str
    port: int
    user: str = ""
    password: str = field(default="", repr=False)

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{f'{self.user}:***@' if self.user else ''}{host}:{self.port}"


class PortRange(NamedTuple):
    """Ports from one to another, both among them."""

    first: int
    last: int

    def __str__(self) -> str:
        return str(self.first) if self.first == self.last else f"{self.first}-{self.last}"


def _parse_rule(word: str) -> HostRule:
    match = re.fullmatch(r"(\*|(?:\*\.)?[^*:\[\]\s/?#@]+|\[[0-9A-Fa-f:.]+\])(?::([0-9]{1,5}))?", word)
    if match is None or not 0 < int(match[2] or 1) < 65536:
        raise ValueError(f"{word!r} is no host such as example.org, *.example.org, [2001:db8::1] or example.org:8080")
    name, port = match[1].lower(), int(match[2]) if match[2] else None
    if name == "*":
        return HostRule("", True, port)
    beneath = name.startswith("*.")
    try:
        host = parse_destination(b"GET", b"http://%b/" % name.removeprefix("*.").encode("idna")).host
    except (Malformed, UnicodeError) as error:
        raise ValueError(f"{word!r} is no host") from error
    return HostRule(host, beneath, port)


def _parse_rules(text: str, directory: Path) -> tuple[HostRule, ...]:
    return tuple(map(_parse_rule, text.split()))


def _parse_ports(text: str, directory: Path) -> tuple[PortRange, ...]:
    ranges = []
    for word in text.split():
        match = re.fullmatch(r"([0-9]{1,5})(?:-([0-9]{1,5}))?|\*", word)
        if match is None:
            raise ValueError(f"{word!r} is no port such as 443, no range such as 8000-8999, and not *")
        one = PortRange(1, 65535) if word == "*" else PortRange(int(match[1]), int(match[2] or match[1]))
        if not 0 < one.first <= one.last < 65536:
            raise ValueError(f"{word!r}: ports go from 1 to 65535")
        ranges.append(one)
    return tuple(ranges)


def _parse_upstream(text: str, directory: Path) -> UpstreamProxy:
    match = re.fullmatch(r"http://(?:([^:@/\s]+):([^@/\s]*)@)?([^@/?#\s]+)/?", text)
    try:
        if match is None:
            raise ValueError
        to = parse_destination(b"GET", b"http://%b/" % match[3].encode("ascii"))
    except (Malformed, ValueError):
        # Not what was written: there may be a password in it.
        raise ValueError("this is not of the form http://HOST:PORT or http://USER:PASSWORD@HOST:PORT") from None
    return UpstreamProxy(to.host, to.port, unquote(match[1] or ""), unquote(match[2] or ""))


def _parse_token(text: str, directory: Path) -> str:
    if not re.fullmatch(r"[A-Za-z0-9._-]{1,64}", text):
        raise ValueError(f"{text!r} is no name of letters, digits, dots, hyphens and underscores")
    return text


def _value(name: str, parse: Callable[[str, Path], T], show: Callable[[T], str], syntax: str) -> Value[T]:
    return Value(name, parse, show, syntax)


def _show_words(words: tuple[object, ...]) -> str:
    return " ".join(map(str, words))


_hosts = _value(
    "hosts",
    _parse_rules,
    _show_words,
    "Names and addresses between white space, each with :PORT if wanted; *.example.org stands for every name beneath "
    "example.org, * for all.",
)
_ports = _value("ports", _parse_ports, _show_words, "Ports and ranges between white space, or *: 443 563 8000-8999.")
_upstream = _value("upstream proxy", _parse_upstream, str, "http://HOST:PORT, or http://USER:PASSWORD@HOST:PORT.")
_token = _value("name", _parse_token, str, "Letters, digits, dots, hyphens and underscores.")


@dataclass(frozen=True)
class ProxySettings(ServiceSettings):
    """[proxy]: a way out for browsers, to http, https, ftp and gopher."""

    access_log_format: str = key(
        choice("combined", "json"), "A line of the combined format a request, or an object of JSON.", default="combined"
    )
    allow_clients: tuple[Network, ...] = key(networks, "Whom it serves (403 for others).", default="127.0.0.0/8 ::1")
    login: bool = key(flag, "Serve accounts only, who say who they are by Basic authentication (407).", default="no")
    allow_loopback: bool = key(
        flag, "Let clients reach this host: loopback, and the addresses that are its own.", default="no"
    )
    allow_private: bool = key(
        flag,
        "Let clients reach private, link-local, carrier's and test networks. Places of no host, groups and the "
        "metadata services of clouds are never asked.",
        default="no",
    )
    connect_ports: tuple[PortRange, ...] = key(_ports, "Ports that CONNECT may reach.", default="443 563")
    allow: tuple[HostRule, ...] = key(
        _hosts, "The only hosts that may be asked; empty for all.", default="", example="*.example.org example.org:8080"
    )
    deny: tuple[HostRule, ...] = key(
        _hosts, "Hosts that may not be asked, whatever allow says.", default="", example="*.example.com"
    )
    upstream: UpstreamProxy | None = key(
        optional(_upstream),
        "A proxy to be asked in place of the origins, by CONNECT where the client does; empty: none. It resolves the "
        "names, so that of these only what is an address is checked here.",
        default="",
        example="http://proxy.example.org:3128",
        secret=True,
    )
    upstream_exceptions: tuple[HostRule, ...] = key(
        _hosts, "Hosts that are asked without the upstream proxy.", default="", example="*.example.org"
    )
    forwarded_for: bool = key(flag, "Tell origins the client's address (X-Forwarded-For).", default="no")
    via: str | None = key(
        optional(_token),
        "The name in Via, by which loops are found: no other proxy on the way may have it. Empty: made up at start.",
        default="",
        example="proxy.example.org",
    )
    head_timeout: float = key(
        duration, "The deadline of a request's header, from its first byte to its last (408).", default="20s"
    )
    idle_timeout: float = key(duration, "How long a client's connection is kept for another request.", default="60s")
    connect_timeout: float = key(
        duration, "How long looking up a name and reaching one of its addresses may take (504).", default="15s"
    )
    answer_timeout: float = key(
        duration, "How long an origin may take for the header of its response, once it has the request (504).",
        default="60s",
    )  # fmt: skip
    stall_timeout: float = key(
        duration,
        "How long a body may stand still, either way, before the exchange is dropped.",
        default="60s",
    )
    body_limit: int = key(size, "The largest body of a request (413 beyond it); 0 for no limit.", default="0")
    max_connections_per_origin: int = key(
        integer(1, 100_000), "Connections at one time to one origin; further requests wait (503 in the end).",
        default="64",
    )  # fmt: skip
    origin_idle_timeout: float = key(
        duration, "How long a connection to an origin is kept for another request.", default="15s"
    )
    tunnel_idle_timeout: float = key(
        duration, "How long a tunnel (CONNECT) may be silent before it is closed.", default="15m"
    )
    tunnel_lifetime: float = key(duration, "How long a tunnel may live in all; 0s for no limit.", default="1d")

    def problems(self) -> Iterator[tuple[str, str]]:
        """What the keys can't say each for itself."""
        yield from super().problems()
        for name in (
            "head-timeout",
            "idle-timeout",
            "connect-timeout",
            "answer-timeout",
            "stall-timeout",
            "tunnel-idle-timeout",
        ):
            if getattr(self, name.replace("-", "_")) <= 0:
                yield name, "this must be longer than 0s"
        if self.upstream_exceptions and self.upstream is None:
            yield "upstream-exceptions", "upstream-exceptions goes with upstream, which is not set"
