"""[mail]: which addresses are ours, who stands behind them, and how mail for elsewhere leaves."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from netdaemon.config import disk
from netdaemon.config.keys import Value, key
from netdaemon.config.values import (
    Secret,
    choice,
    duration,
    flag,
    hostname,
    integer,
    optional,
    path,
    secret,
    text,
)

SMTP = 25
SMTPS = 465


@dataclass(frozen=True)
class HostPort:
    """A host (a name or an IP address, IPv6 without brackets) and its port, 0 where none was written."""

    host: str
    port: int = 0

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}" if self.port else host


_HOST_PORT = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([^\[\]:\s]+))(?::([0-9]{1,5}))?")
_ADDRESS = re.compile(r"[0-9.]+|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*")


def _parse_host_port(word: str, directory: Path) -> HostPort:
    match = _HOST_PORT.fullmatch(f"[{word}]" if word.count(":") > 1 and "[" not in word else word)
    if match is None:
        raise ValueError(f"{word!r} is not HOST, HOST:PORT or [IPV6]:PORT")
    host = match[1] or match[2]
    if _ADDRESS.fullmatch(host):
        from ipaddress import ip_address

        try:
            host = str(ip_address(host))
        except ValueError:
            raise ValueError(f"{word!r}: {host!r} is not an IP address") from None
    else:
        host = hostname.parse(host, directory)
    port = int(match[3] or 0)
    if match[3] and not 0 < port < 65536:
        raise ValueError(f"{word!r}: {match[3]!r} is not a port from 1 to 65535")
    return HostPort(host, port)


def _parse_host_ports(words: str, directory: Path) -> tuple[HostPort, ...]:
    return tuple(_parse_host_port(word, directory) for word in words.split())


def _parse_domains(words: str, directory: Path) -> tuple[str, ...]:
    return tuple(hostname.parse(word, directory).lower() for word in words.split())


def _parse_durations(words: str, directory: Path) -> tuple[float, ...]:
    found = tuple(duration.parse(word, directory) for word in words.split())
    if not found or min(found) < 1:
        raise ValueError("durations of a second or more are wanted, such as 5m 15m 1h")
    return found


host_port: Value[HostPort] = Value("host and port", _parse_host_port, str, "HOST, HOST:PORT or [IPV6]:PORT.")
host_ports: Value[tuple[HostPort, ...]] = Value(
    "hosts and ports", _parse_host_ports, lambda value: " ".join(map(str, value)), "The same, between white space."
)
names: Value[tuple[str, ...]] = Value(
    "domains",
    _parse_domains,
    " ".join,
    "Between white space: example.org mail.example.org (xn--... if not ASCII).",
)
durations: Value[tuple[float, ...]] = Value(
    "durations", _parse_durations, lambda value: " ".join(map(duration.show, value)), "Between white space: 5m 15m 1h."
)


@dataclass(frozen=True)
class MailSettings:
    """[mail]: which addresses are ours, who stands behind them, and how mail for elsewhere leaves."""

    domains: tuple[str, ...] = key(
        names, "The domains whose addresses are here; the host's own name is always one of them.", default=""
    )
    aliases: Path | None = key(
        optional(path),
        "A file of lines `NAME: TARGET, TARGET`, read again at SIGHUP: aliases, groups and forwards.",
        default="",
        example="/etc/netdaemon/aliases",
    )
    separator: str = key(
        text,
        "What stands between an account's name and a folder of it, as in mulder+lists@...; empty means no such "
        "addresses.",
        default="+",
    )
    catch_all: str = key(
        text, "Who gets mail for addresses that are nobody's: an account, an alias or an address.", default=""
    )
    postmaster: str = key(
        text, "Who gets mail to postmaster, where neither an alias nor an account has that name.", default=""
    )
    smarthost: HostPort | None = key(
        optional(host_port), "The host that takes all mail for elsewhere; empty means the recipients' own.", default=""
    )
    smarthost_tls: str = key(
        choice("starttls", "implicit", "opportunistic", "never"),
        "TLS towards the smarthost: verified by STARTTLS, verified from the first byte, whatever it offers, or none.",
        default="starttls",
    )
    smarthost_user: str = key(text, "The name to log in with at the smarthost; empty means no login.", default="")
    smarthost_password: Secret = key(secret, "Its password.", default="", secret=True)
    require_tls: tuple[str, ...] = key(
        names, "Domains that get mail under verified TLS only; others, under whatever TLS they offer.", default=""
    )
    port: int = key(integer(1, 65535), "The port that other hosts are asked at.", default="25")
    resolvers: tuple[HostPort, ...] = key(
        host_ports, "Name servers that are asked about mail; empty means those of /etc/resolv.conf.", default=""
    )
    allow_loopback: bool = key(
        flag, "Deliver to domains whose MX leads to this host: loopback, and its own addresses.", default="no"
    )
    allow_private: bool = key(
        flag, "Deliver to domains whose MX leads to private, link-local, carrier's and test networks.", default="no"
    )
    connections: int = key(integer(1, 10_000), "Connections to other hosts at one time.", default="20")
    connections_per_domain: int = key(integer(1, 1000), "Connections for one domain at one time.", default="2")
    retry: tuple[float, ...] = key(
        durations,
        "How long to wait after each try that failed for now; the last one goes for all that follow.",
        default="5m 15m 30m 1h 3h",
    )
    warn_after: float = key(duration, "Tell the sender of a delay after this long; 0s means never.", default="4h")
    give_up_after: float = key(duration, "Return to its sender what could not be sent for this long.", default="5d")
    double_bounces: str = key(
        choice("postmaster", "drop"), "Where a report goes that its own addressee's host refuses.", default="postmaster"
    )

    def problems(self) -> Iterator[tuple[str, str]]:
        if self.aliases is not None and (wrong := disk.unreadable(self.aliases)):
            yield "aliases", wrong
        if len(self.separator) > 1 or self.separator not in "+-=_.!#$%&'*/?^`{}~":
            yield "separator", f"{self.separator!r} is not one character such as + or -"
        for name, target in (("catch-all", self.catch_all), ("postmaster", self.postmaster)):
            if target and (not target.isprintable() or set(target) & set(' ,:;<>"()')):
                yield name, f"{target!r} is neither an account nor an alias nor an address"
        if self.smarthost_user and self.smarthost is None:
            yield "smarthost-user", "smarthost-user goes with smarthost, which is not set"
        if self.smarthost_password and not self.smarthost_user:
            yield "smarthost-password", "smarthost-password goes with smarthost-user, which is not set"
        if self.smarthost_user and self.smarthost_tls not in ("starttls", "implicit"):
            yield "smarthost-tls", f"a password is not sent without verified TLS: {self.smarthost_tls} won't do"
        if any(not _ADDRESS.fullmatch(server.host) for server in self.resolvers):
            yield "resolvers", "name servers are told by their addresses"
        if not self.give_up_after:
            yield "give-up-after", "give-up-after must be longer than 0"
        if self.warn_after >= self.give_up_after > 0:
            yield "warn-after", "warn-after is not shorter than give-up-after"
