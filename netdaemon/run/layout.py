"""Layout: which service listens behind which door, as one configuration wants it.

It is built whole before anything of it counts (every kind asked for its factory, every new address bound), so that
a start or a reload that fails leaves nothing changed.
"""

from __future__ import annotations

import socket
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from twisted.internet.interfaces import IProtocolFactory
from twisted.internet.protocol import DatagramProtocol
from twisted.logger import Logger

from netdaemon.config.read import Config, Service
from netdaemon.config.values import Listen
from netdaemon.interfaces import IHouse
from netdaemon.run.door import Door, DoorError
from netdaemon.run.errors import StartFailed
from netdaemon.run.gate import Refused, Tenant
from netdaemon.run.inherited import Inherited
from netdaemon.wire.tls import DirectTLS, tls_factory

_log = Logger()


@dataclass(frozen=True, eq=False)
class Place:
    """One door and the service that is to stand behind it."""

    service: Service
    door: Door


@dataclass(frozen=True, eq=False)
class Places:
    """Where one configuration listens: on doors that were open before, and on new ones, bound and not yet started."""

    all: tuple[Place, ...]
    new: tuple[Door, ...]
    gone: tuple[Door, ...]
    """Doors that were open before and that nobody wants any more."""

    def addresses(self) -> dict[str, list[str]]:
        """The ready-file's services: section to bound addresses, in the order of the INI."""
        told: dict[str, list[str]] = {}
        for place in self.all:
            told.setdefault(place.service.settings.section, []).append(place.door.address)
        return told

    def dispose(self) -> None:
        """Close the new doors: this configuration will not be."""
        for door in self.new:
            door.close()


def bind(
    config: Config,
    inherited: Inherited,
    reactor: Any,
    refused: Refused,
    before: Sequence[Door] = (),
    *,
    copies: int = 1,
) -> Places:
    """Find or bind a door for each listen word of ``config``. Raises DoorError, with nothing new left open.

    ``copies`` is how many processes serve them. A door of ``before`` stays for the same listen word (of the same
    section, where the port is any free one).
    """
    open_doors: dict[object, list[Door]] = defaultdict(list)
    for door in before:
        open_doors[_likeness(door.listen, door.section)].append(door)
    new: list[Door] = []
    found: list[Place] = []
    try:
        for service in config.services:
            for listen in service.settings.listen:
                kept = open_doors.get(_likeness(listen, service.settings.section), [])
                if kept and listen.transport == "systemd":
                    doors = list(kept)  # every socket of that name
                    kept.clear()
                elif kept:
                    doors = [kept.pop(0)]
                else:
                    where = f"{config.file}:{service.line}"
                    if listen.transport == "systemd":
                        doors = _hand_over(listen, service.settings.section, where, inherited, reactor, refused)
                    else:
                        doors = [Door(listen, service.settings.section, where, reactor, refused, copies)]
                    new += doors
                    _bind(doors, [place.door for place in found] + list(before), inherited)
                found += [Place(service, door) for door in doors]
    except BaseException:
        for door in new:
            door.close()
        raise
    return Places(tuple(found), tuple(new), tuple(door for doors in open_doors.values() for door in doors))


def _likeness(listen: Listen, section: str) -> object:
    any_free = listen.port == 0 and listen.transport in ("tcp", "tls", "udp")
    return (listen, section) if any_free else listen


def adopt(
    config: Config, handed_over: Iterable[tuple[str, str, socket.socket]], reactor: Any, refused: Refused
) -> Places:
    """The places of a worker: sockets that its parent bound, each with the section and listen word it is for.

    Raises StartFailed for one that nobody asked for.
    """
    asked = {
        (one.settings.section, str(listen)): (one, listen) for one in config.services for listen in one.settings.listen
    }
    found = []
    for section, word, bound in handed_over:
        if (section, word) not in asked:
            raise StartFailed(f"[{section}] listen {word} is handed over, and is not in the configuration")
        service, listen = asked[section, word]
        door = Door(listen, section, f"{config.file}:{service.line}", reactor, refused)
        door.adopt(bound)
        found.append(Place(service, door))
    return Places(tuple(found), tuple(place.door for place in found), ())


def _hand_over(
    listen: Listen, section: str, where: str, inherited: Inherited, reactor: Any, refused: Refused
) -> list[Door]:
    names = inherited.names()
    handed_over = inherited.pop(listen.name)
    if not handed_over:
        given = f"it gave {' '.join(names)}" if names else "it gave none"
        raise DoorError(
            f"{where}: [{section}] listen {listen} has no socket from systemd ({given}): "
            f"is there a socket unit with FileDescriptorName={listen.name}?"
        )
    doors = []
    for one in handed_over:
        door = Door(listen, section, where, reactor, refused)
        door.adopt(one)
        doors.append(door)
    return doors


def _bind(doors: list[Door], others: list[Door], inherited: Inherited) -> None:
    for door in doors:
        listen = door.listen
        if listen.transport == "systemd":
            continue  # bound it came
        prefer = 0
        if listen.transport == "udp" and not listen.port:
            # RFC 868 and its kin have one number for both; nice to have for port 0 too.
            prefer = next((other.number for other in others if _side_by_side(door, other)), 0)
        try:
            door.bind(prefer)
        except DoorError:
            for other in others:
                if _clash(listen, other):
                    raise DoorError(
                        f"{door.where}: [{door.section}] listen {listen} is taken by [{other.section}] listen "
                        f"{other.listen} of this daemon ({other.where}); a door that a reload replaces on its own "
                        f"port needs a restart"
                    ) from None
            raise


def _side_by_side(udp: Door, other: Door) -> bool:
    listen = other.listen
    return (
        other.section == udp.section
        and listen.transport == "tcp"
        and not listen.port
        and listen.interface == udp.listen.interface
    )


def _clash(listen: Listen, other: Door) -> bool:
    return (
        listen.transport in ("tcp", "tls", "udp")
        and other.listen.transport in ("tcp", "tls", "udp")
        and (listen.transport == "udp") == (other.listen.transport == "udp")
        and other.listen.port == listen.port != 0
    )


@dataclass(frozen=True, eq=False)
class Layout:
    """A configuration's services, each with its tenant, and what each door's visitors meet. Not yet open."""

    places: Places
    tenants: tuple[Tenant, ...]
    entrances: tuple[IProtocolFactory | DatagramProtocol, ...]
    """One for each of ``places.all``."""

    def open(self) -> None:
        """Let visitors in: start the new doors, exchange the tenants of the others, close those that are gone.

        A kind that fails to begin raises StartFailed, after all the others have begun.
        """
        failed: list[StartFailed] = []
        owners = {tenant.settings.section: tenant for tenant in self.tenants}
        begun: set[str] = set()
        for place, entrance in zip(self.places.all, self.entrances, strict=True):
            section = place.service.settings.section
            begin = place.door.start if place.door in self.places.new else place.door.exchange
            try:
                if section not in begun:
                    begun.add(section)
                    _ask(place.service, owners[section].factory.doStart)
                _ask(place.service, partial(begin, owners[section], entrance))
            except StartFailed as error:
                failed.append(error)
        for door in self.places.gone:
            door.close()
        if failed:
            raise failed[0]


def lay_out(places: Places, services: Iterable[Service], house: IHouse, vacated: Callable[[], object]) -> Layout:
    """Ask every kind for its factories. ``vacated`` is called each time one of the tenants, retired, has emptied.

    Raises StartFailed for a kind that fails. Nothing has begun yet: a layout that is not opened is just forgotten.
    """
    tenants = {
        service.settings.section: _tenant(service, house, vacated) for service in services if not service.settings.guest
    }
    entrances = tuple(_entrance(place, tenants[place.service.settings.section], house) for place in places.all)
    return Layout(places, tuple(tenants.values()), entrances)


def _tenant(service: Service, house: IHouse, vacated: Callable[[], object]) -> Tenant:
    factory = _ask(service, lambda: service.kind.factory(service.settings, house))

    def leave() -> None:
        factory.doStop()
        vacated()

    return Tenant(service.settings, factory, house.deadlines, leave)


def _entrance(place: Place, tenant: Tenant, house: IHouse) -> IProtocolFactory | DatagramProtocol:
    service, door = place.service, place.door
    if door.datagrams:
        protocol: DatagramProtocol | None = _ask(service, lambda: service.kind.datagrams(service.settings, house))
        if protocol is None:
            raise StartFailed(f"{door.where}: [{door.section}] listen {door.listen}: this service has no datagrams")
        return protocol
    if door.listen.transport == "tls":
        creator = house.tls.server(service.kind.alpn)
        seconds = service.settings.handshake_timeout
        if service.settings.proxy_protocol:  # its header comes in clear, so the socket is not TLS's alone
            return tls_factory(creator, tenant.factory, house.deadlines, seconds)
        direct: IProtocolFactory = DirectTLS(creator.connect, tenant.factory, house.deadlines, seconds)
        return direct
    return tenant.factory


def _ask(service: Service, question: Callable[[], Any]) -> Any:
    """What a kind answers; its own defect is told in one line, with the traceback in the log."""
    try:
        return question()
    except StartFailed as error:
        raise StartFailed(f"[{service.settings.section}] {error}") from None
    except Exception as error:
        section = service.settings.section
        if not isinstance(error, OSError | ValueError):
            _log.failure("[{section}] can't be built", section=section)
        raise StartFailed(f"[{section}] can't be built: {type(error).__name__}: {error}") from error
