"""Which doors a configuration finds, makes and leaves; the flows show them open."""

from __future__ import annotations

import dataclasses
import socket
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.address import IPv4Address
from twisted.internet.protocol import Factory, Protocol
from twisted.trial.unittest import SynchronousTestCase

from netdaemon.config.read import Config, Service
from netdaemon.config.settings import (
    AccountsSettings,
    DaemonSettings,
    DocumentsSettings,
    LogSettings,
    ServiceSettings,
    TLSSettings,
)
from netdaemon.config.values import Listen
from netdaemon.interfaces import ServiceKind
from netdaemon.run.door import Door, DoorError
from netdaemon.run.errors import StartFailed
from netdaemon.run.inherited import Inherited
from netdaemon.run.layout import Places, bind, lay_out
from tests.kit.house import house
from tests.kit.kinds import broken, echo

LOCAL = Listen("tcp", interface="127.0.0.1")
UDP = Listen("udp", interface="127.0.0.1")


def config(kind: ServiceKind = echo, **services: tuple[Listen, ...]) -> Config:
    """Sections and their listen words, all of one kind."""
    return Config(
        file=Path("conf.ini"),
        netdaemon=DaemonSettings(data=Path("data")),
        log=LogSettings(),
        tls=TLSSettings(),
        documents=DocumentsSettings(),
        accounts=AccountsSettings(),
        services=tuple(
            Service(kind, kind.settings(section=name, listen=listen), 7) for name, listen in services.items()
        ),
    )


class PlacesTests(SynchronousTestCase):
    def bind(self, wanted: Config, before: Places | None = None, inherited: Inherited | None = None) -> Places:
        doors = [place.door for place in before.all] if before is not None else []
        places = bind(wanted, inherited or Inherited([]), reactor, lambda section, why: None, doors)
        for door in places.new:
            self.addCleanup(door.close)
        return places

    def doors(self, places: Places) -> list[Door]:
        return [place.door for place in places.all]

    def free_port(self) -> int:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            return int(probe.getsockname()[1])

    def test_addresses(self) -> None:
        places = self.bind(config(one=(LOCAL, UDP), two=(LOCAL,)))
        addresses = places.addresses()
        self.assertEqual(list(addresses), ["one", "two"])
        tcp, udp = addresses["one"]
        self.assertEqual(udp, tcp.replace("tcp", "udp"), "side by side")

    def test_the_same_stays(self) -> None:
        before = self.bind(config(one=(LOCAL, LOCAL)))
        after = self.bind(config(one=(LOCAL, LOCAL)), before)
        self.assertEqual((self.doors(after), after.new, after.gone), (self.doors(before), (), ()))

    def test_more_and_fewer(self) -> None:
        before = self.bind(config(one=(LOCAL,)))
        more = self.bind(config(one=(LOCAL, LOCAL)), before)
        self.assertEqual(self.doors(more)[0], self.doors(before)[0])
        self.assertEqual((more.new, more.gone), ((self.doors(more)[1],), ()))
        fewer = self.bind(config(one=(LOCAL,)), more)
        self.assertEqual((self.doors(fewer), fewer.gone), (self.doors(before), more.new))

    def test_any_free_port_belongs_to_its_section(self) -> None:
        before = self.bind(config(one=(LOCAL,)))
        after = self.bind(config(two=(LOCAL,)), before)
        self.assertEqual((len(after.new), after.gone), (1, tuple(self.doors(before))))

    def test_a_fixed_port_may_change_hands(self) -> None:
        fixed = Listen("tcp", port=self.free_port(), interface="127.0.0.1")
        before = self.bind(config(one=(fixed,)))
        after = self.bind(config(two=(fixed,)), before)
        self.assertEqual((self.doors(after), after.new, after.gone), (self.doors(before), (), ()))

    def test_failure_leaves_nothing_bound(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as holder:
            free = Listen("tcp", port=self.free_port(), interface="127.0.0.1")
            busy = Listen("tcp", port=holder.getsockname()[1], interface="127.0.0.1")
            before = self.bind(config(one=(LOCAL,)))
            self.assertRaises(DoorError, self.bind, config(one=(LOCAL, free, busy)), before)
        self.bind(config(one=(free,)))
        self.bind(config(one=(LOCAL,)), before)

    def test_clash_with_one_of_ours(self) -> None:
        fixed = Listen("tcp", port=self.free_port(), interface="127.0.0.1")
        before = self.bind(config(one=(fixed,)))
        error = str(
            self.assertRaises(DoorError, self.bind, config(one=(dataclasses.replace(fixed, transport="tls"),)), before)
        )
        self.assertIn(f"is taken by [one] listen {fixed} of this daemon (conf.ini:7)", error)

    def test_two_sockets_of_one_name(self) -> None:
        given = []
        for _ in range(2):
            made = socket.create_server(("127.0.0.1", 0))
            given.append(("web", made))
        wanted = config(one=(Listen("systemd", name="web"),))
        before = self.bind(wanted, inherited=Inherited(given))
        self.assertEqual(len(before.all), 2)
        after = self.bind(wanted, before)
        self.assertEqual((self.doors(after), after.new, after.gone), (self.doors(before), (), ()))

    def test_no_such_name(self) -> None:
        wanted = config(one=(Listen("systemd", name="web"),))
        self.assertIn("(it gave none)", str(self.assertRaises(DoorError, self.bind, wanted)))

    def lay_out(self, wanted: Config) -> Any:
        made = house()
        self.addCleanup(made.deadlines.stop)
        return lay_out(self.bind(wanted), wanted.services, made, lambda: None)

    def test_one_tenant_for_a_section(self) -> None:
        layout = self.lay_out(config(one=(LOCAL, LOCAL, UDP)))
        (tenant,) = layout.tenants
        self.assertEqual(layout.entrances[:2], (tenant.factory, tenant.factory))
        self.assertEqual(type(layout.entrances[2]).__name__, "EchoDatagrams")

    def test_no_datagrams(self) -> None:
        streams = ServiceKind("streams", "", ServiceSettings, lambda settings, house: Factory.forProtocol(Protocol))
        error = self.assertRaises(StartFailed, self.lay_out, config(streams, one=(UDP,)))
        self.assertIn("this service has no datagrams", str(error))

    def test_a_kind_that_fails_to_begin(self) -> None:
        class Failing(Factory):
            def startFactory(self) -> None:
                raise RuntimeError("on purpose")

        failing = ServiceKind("failing", "", ServiceSettings, lambda settings, house: Failing())
        wanted = config(failing, one=(LOCAL,))
        wanted = dataclasses.replace(wanted, services=wanted.services + config(two=(LOCAL,)).services)
        layout = self.lay_out(wanted)
        error = str(self.assertRaises(StartFailed, layout.open))
        self.assertEqual(error, "[one] can't be built: RuntimeError: on purpose")
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)
        other = layout.places.all[1].door.gate
        self.assertIsNotNone(other.buildProtocol(IPv4Address("TCP", "127.0.0.1", 4711)), "the other has begun")

    def test_a_broken_kind(self) -> None:
        error = self.assertRaises(StartFailed, self.lay_out, config(broken, one=(LOCAL,)))
        self.assertEqual(str(error), "[one] can't be built: RuntimeError: this kind is broken")
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)
