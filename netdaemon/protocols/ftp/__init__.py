"""The FTP server's kind and settings (RFC 959, RFC 4217)."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from twisted.internet.interfaces import IProtocolFactory

from netdaemon.config.keys import Value, key
from netdaemon.config.values import Listen, Network, duration, flag, integer, listens, networks, size, words
from netdaemon.interfaces import IHouse, ServiceKind
from netdaemon.wire.linesettings import LineSettings


def _parse_ports(text: str, directory: Path) -> range:
    match = re.fullmatch("([0-9]{1,5})-([0-9]{1,5})", text)
    if match is None or not 0 < int(match[1]) <= int(match[2]) <= 65535:
        raise ValueError(f"{text!r} is not a range of ports such as 50000-50999")
    return range(int(match[1]), int(match[2]) + 1)


_ports: Value[range] = Value(
    "ports", _parse_ports, lambda ports: f"{ports[0]}-{ports[-1]}", "A range of ports: 50000-50999."
)

Addresses = tuple[tuple[Network, str], ...]


def _parse_addresses(text: str, directory: Path) -> Addresses:
    addresses = []
    for word in text.split():
        network, equals, address = word.rpartition("=")
        try:
            ipaddress.IPv4Address(address)
        except ValueError:
            raise ValueError(f"{address!r} is not an IPv4 address") from None
        wide = networks.parse(network if equals else "0.0.0.0/0", directory)
        if len(wide) != 1 or wide[0].version != 4:
            raise ValueError(f"{word!r} is neither ADDRESS nor NETWORK=ADDRESS, both of IPv4")
        addresses.append((wide[0], address))
    return tuple(addresses)


_addresses: Value[Addresses] = Value(
    "addresses by network",
    _parse_addresses,
    lambda value: " ".join(f"{network}={address}" for network, address in value),
    "ADDRESS, or NETWORK=ADDRESS for the clients of a network, between white space: 10.0.0.0/8=10.0.0.1 203.0.113.5.",
)


@dataclass(frozen=True)
class FTPSettings(LineSettings):
    """[ftp]: the document tree over FTP, and over FTP with TLS: by AUTH TLS on tcp, from the first octet on tls."""

    listen: tuple[Listen, ...] = key(listens, "Where it listens.", example="tcp:21 tls:990")
    anonymous: bool = key(flag, "Let anybody read, as anonymous or ftp, with any password.", default="no")
    home_only: bool = key(
        flag,
        "Show an account its home as the whole tree; otherwise it sees the tree as far as its rights go, and begins "
        "in its home.",
        default="no",
    )
    require_tls: bool = key(
        flag, "Refuse data connections that are not under TLS (521), and logins of accounts in clear.", default="no"
    )
    require_session_reuse: bool = key(
        flag,
        "Under TLS, take only data connections that resume a TLS session of this service (522): nobody else's.",
        default="no",
    )
    active: bool = key(
        flag, "Connect to the client where it asks for that (PORT, EPRT); only ever to its own address.", default="yes"
    )
    passive_ports: range = key(
        _ports,
        "The ports at which clients open data connections (PASV, EPSV), one at a time each; a firewall must let them "
        "in.",
        default="49152-65535",
    )
    passive_address: Addresses = key(
        _addresses,
        "What PASV tells IPv4 clients to connect to, where a router translates addresses; the first network that a "
        "client is in counts. Empty: the address that the client came to.",
        default="",
        example="10.0.0.0/8=10.0.0.1 203.0.113.5",
    )
    data_timeout: float = key(duration, "How long a data connection may take to be opened.", default="30s")
    login_attempts: int = key(integer(1, 1000), "Failed logins that end a session.", default="3")
    rate_per_session: int = key(
        size, "Octets a second that the data of one session may take, in each direction; 0 for no limit.", default="0"
    )
    rate_per_account: int = key(
        size,
        "The same for all sessions of one account together (anonymous is one account); each worker counts for itself.",
        default="0",
    )
    list_limit: int = key(
        integer(1, 1_000_000_000), "The most entries that one listing shows; it ends there.", default="1000000"
    )
    hosts: tuple[str, ...] = key(
        words, "Names by which HOST may call this service, besides [netdaemon] hostname.", default=""
    )

    def problems(self) -> Iterator[tuple[str, str]]:
        """What the keys can't say each for itself."""
        yield from super().problems()
        for name in ("idle-timeout", "command-timeout", "stall-timeout", "data-timeout"):
            if getattr(self, name.replace("-", "_")) <= 0:
                yield name, "this must be longer than 0s"
        if self.passive_ports[0] < 1024:
            yield "passive-ports", "these must be above 1023: others belong to services"


def _factory(settings: FTPSettings, house: IHouse) -> IProtocolFactory:
    from netdaemon.protocols.ftp.server import FTPFactory  # here, so that `config check` stays quick

    return FTPFactory(settings, house)


ALPN = (b"ftp", b"ftp-data", b"x-filezilla-ftp")
"""What clients name the protocol in their handshakes: one of IANA's for the control connection, two of custom. All are
one context's, so that a session of the one connection can be resumed on the other."""

ftp = ServiceKind(
    name="ftp",
    summary="Serves the document tree over FTP, with and without TLS.",
    settings=FTPSettings,
    factory=_factory,
    alpn=ALPN,
    transports=frozenset({"tcp", "tls", "systemd"}),
    tries={
        "tcp": (
            "curl ftp://{host}:{port}/",
            "curl -k --ssl-reqd ftp://{host}:{port}/",
            "lftp -c 'open ftp://{host}:{port}; ls'",
        ),
        "tls": ("curl -k ftps://{host}:{port}/",),
    },
)
