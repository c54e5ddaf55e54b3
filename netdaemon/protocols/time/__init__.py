"""The Time service's kind and settings (RFC 868)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from twisted.internet.interfaces import IProtocolFactory
from twisted.internet.protocol import DatagramProtocol

from netdaemon.config.keys import Value, key
from netdaemon.config.settings import ServiceSettings
from netdaemon.config.values import Listen, integer, listens
from netdaemon.interfaces import STREAMS, IHouse, ServiceKind


def _parse_ports(text: str, directory: Path) -> tuple[range, ...]:
    ports = []
    for word in text.split():
        match = re.fullmatch("([0-9]{1,5})(?:-([0-9]{1,5}))?", word)
        if match is None or not int(match[1]) <= int(match[2] or match[1]) <= 65535:
            raise ValueError(f"{word!r} is neither a port nor a range of them such as 0-1023")
        ports.append(range(int(match[1]), int(match[2] or match[1]) + 1))
    return tuple(ports)


def _show_ports(value: tuple[range, ...]) -> str:
    return " ".join(f"{ports[0]}-{ports[-1]}" if len(ports) > 1 else f"{ports[0]}" for ports in value)


_ports: Value[tuple[range, ...]] = Value(
    "ports", _parse_ports, _show_ports, "Ports and ranges of them between white space: 7 19 100-199."
)


@dataclass(frozen=True)
class TimeSettings(ServiceSettings):
    """[time]: the time of day, as seconds since 1900, over TCP and UDP."""

    listen: tuple[Listen, ...] = key(listens, "Where it listens.", example="tcp:37 udp:37")
    rate: int = key(
        integer(1, 1_000_000),
        "Answers to datagrams per second and source address (IPv6: one /64); more are dropped.",
        default="100",
    )
    refuse_ports: tuple[range, ...] = key(
        _ports,
        "Datagrams from these source ports, and from the service's own, are dropped: with a forged sender they "
        "would have two services answer each other for ever.",
        default="7 9 13 17 19 37 53 123",
    )


def _factory(settings: TimeSettings, house: IHouse) -> IProtocolFactory:
    from netdaemon.protocols.time.server import TimeFactory  # here, so that `config check` stays quick

    return TimeFactory(house)


def _datagrams(settings: TimeSettings, house: IHouse) -> DatagramProtocol:
    from netdaemon.protocols.time.server import TimeDatagrams

    return TimeDatagrams(settings, house)


time = ServiceKind(
    name="time",
    summary="Tells the time of day (RFC 868).",
    settings=TimeSettings,
    factory=_factory,
    datagrams=_datagrams,
    transports=STREAMS | {"udp"},
    tries={
        "tcp": ("rdate -p -o {port} {host}", "netdaemon time {host} {port}"),
        "udp": ("rdate -u -p -o {port} {host}", "netdaemon time --udp {host} {port}"),
    },
)
