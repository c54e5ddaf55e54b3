"""Doors that several processes serve, and what each process holds of the limits."""

from __future__ import annotations

import errno
import os
import socket
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet import reactor, task
from twisted.logger import globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from netdaemon.config.read import Config, parse
from netdaemon.config.values import Listen
from netdaemon.kinds import Kinds
from netdaemon.run import door as door_module
from netdaemon.run.door import Door, DoorError
from netdaemon.run.errors import StartFailed
from netdaemon.run.inherited import Inherited
from netdaemon.run.layout import Places, adopt, bind
from netdaemon.run.measure import Measure
from netdaemon.run.sticky import program, stick
from netdaemon.run.worker import portion
from netdaemon.run.workers import Workforce, count, wants_one_worker

COPIES = 3


def config(services: str, more: str = "") -> Config:
    return parse(f"[netdaemon]\ndata = /tmp/netdaemon-test\n{more}{services}", Path("/conf.ini"), Kinds())


class DoorTests(SynchronousTestCase):
    def bound(self, *arguments: Any, copies: int = COPIES, **words: Any) -> Door:
        door = Door(Listen(*arguments, **words), "echo", "conf.ini:7", reactor, copies=copies)
        self.addCleanup(door.close)
        door.bind()
        return door

    def test_a_socket_for_each(self) -> None:
        for transport in ("tcp", "tls", "udp"):
            for interface in ("127.0.0.1", "::1"):
                door = self.bound(transport, interface=interface)
                sockets = [door.share(number) for number in range(COPIES)]
                self.assertEqual(len({one.fileno() for one in sockets}), COPIES)
                self.assertEqual({one.getsockname()[1] for one in sockets}, {door.number})
                self.assertFalse(any(one.getblocking() or os.get_inheritable(one.fileno()) for one in sockets))

    def test_each_gets_some(self) -> None:
        door = self.bound("tcp", interface="127.0.0.1")
        for _ in range(100):
            with socket.create_connection(("127.0.0.1", door.number)):
                pass
        for number in range(COPIES):
            door.share(number).accept()[0].close()  # raises BlockingIOError when there is none

    def test_one_for_all(self) -> None:
        folder = Path(self.mktemp())
        folder.mkdir(parents=True)
        name = os.path.relpath(folder / "s")
        door = self.bound("unix", name=name)
        self.assertEqual({door.share(number) for number in range(COPIES)}, {door.share(0)})

    def test_one_process(self) -> None:
        door = self.bound("tcp", copies=1, interface="127.0.0.1")
        self.assertEqual(door.share(0).getsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT), 0)

    def test_a_busy_port_is_found_out(self) -> None:
        """Though both would share it: two daemons must not take each other's visitors."""
        for transport in ("tcp", "udp"):
            first = self.bound(transport, interface="127.0.0.1")
            for copies in (1, COPIES):
                with self.assertRaises(DoorError):
                    self.bound(transport, copies=copies, port=first.number, interface="127.0.0.1")

    def test_closed_for_all(self) -> None:
        door = self.bound("tcp", interface="127.0.0.1")
        number, sockets = door.number, [door.share(worker) for worker in range(COPIES)]
        door.close()
        self.assertEqual({one.fileno() for one in sockets}, {-1})
        with self.assertRaises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", number))


class AdoptTests(SynchronousTestCase):
    LOCAL = "tcp:0:interface=127.0.0.1 udp:0:interface=127.0.0.1"

    def test_the_parents_places(self) -> None:
        read = config(f"[time]\nlisten = {self.LOCAL}\n[http]\nlisten = tls:0:interface=127.0.0.1\n")
        places = bind(read, Inherited([]), reactor, print, copies=2)
        self.addCleanup(places.dispose)
        given = [
            (place.service.settings.section, str(place.door.listen), place.door.share(1).dup()) for place in places.all
        ]
        adopted = adopt(read, given, reactor, print)
        self.addCleanup(adopted.dispose)
        self.assertEqual(adopted.addresses(), places.addresses())
        self.assertEqual([place.door.datagrams for place in adopted.all], [False, True, False])

    def test_what_nobody_asked_for(self) -> None:
        read = config(f"[time]\nlisten = {self.LOCAL}\n")
        with socket.create_server(("127.0.0.1", 0)) as given:
            for section, word in (("time", "tcp:1"), ("http", "tcp:0:interface=127.0.0.1")):
                with self.assertRaises(StartFailed):
                    adopt(read, [(section, word, given)], reactor, print)


class StickyTests(SynchronousTestCase):
    HOSTS = 60

    def met(self, door: Door, host: str) -> int:
        """Which of the door's sockets a connection from ``host`` comes to."""
        where = []
        with socket.create_connection(("127.0.0.1", door.number), source_address=(host, 0)):
            for number in range(COPIES):
                try:
                    door.share(number).accept()[0].close()
                except BlockingIOError:
                    continue
                where.append(number)
        [number] = where
        return number

    def bound(self, word: str, more: str = "") -> tuple[Config, Places]:
        read = config(f"{more}[http]\nlisten = {word}:0:interface=127.0.0.1\n")
        places = bind(read, Inherited([]), reactor, print, copies=COPIES)
        self.addCleanup(places.dispose)
        return read, places

    def test_an_address_comes_to_one(self) -> None:
        door = self.bound("tls")[1].all[0].door
        door.stick(True)
        hosts = [f"127.0.0.{number}" for number in range(1, self.HOSTS + 1)]
        first = {host: self.met(door, host) for host in hosts}
        self.assertEqual({host: self.met(door, host) for host in hosts}, first)
        for number in range(COPIES):  # neighbours are spread
            self.assertGreater(list(first.values()).count(number), self.HOSTS // COPIES // 2)
        door.stick(True)
        door.stick(False)
        self.assertGreater(len({self.met(door, "127.0.0.1") for _ in range(50)}), 1)

    def test_ipv6_by_its_network(self) -> None:
        """Of all addresses in a /64 only ::1 is here, so it is the program that is looked at."""
        loads = [operand for code, operand in program(socket.AF_INET6, 2) if code == 0x20]
        self.assertEqual(loads, [0xFFF00000 + 8, 0xFFF00000 + 12])  # RFC 8200 3: the source address begins at 8
        first, second = (socket.socket(socket.AF_INET6) for _ in range(2))
        for one in (first, second):
            self.addCleanup(one.close)
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            one.bind(first.getsockname() if one is second else ("::1", 0))
            one.listen()
            one.setblocking(False)
        stick(first, 2)
        found = set()
        for _ in range(20):
            with socket.create_connection(first.getsockname()[:2]):
                for one in (first, second):
                    try:
                        one.accept()[0].close()
                    except BlockingIOError:
                        continue
                    found.add(one)
        self.assertEqual(len(found), 1)

    def test_where_it_is_wanted(self) -> None:
        for word, more, wanted in (
            ("tls", "", True),
            ("tcp", "", False),
            ("tls", "[tls]\nsticky = no\n", False),
        ):
            read, places = self.bound(word, more)
            self.assertEqual(wants_one_worker(read, places.all[0]), wanted)
        read = config("[http]\nlisten = tls:0:interface=127.0.0.1\nproxy-protocol = 127.0.0.1\n")
        places = bind(read, Inherited([]), reactor, print, copies=COPIES)
        self.addCleanup(places.dispose)
        self.assertFalse(wants_one_worker(read, places.all[0]))

    def test_one_socket_sticks_to_nothing(self) -> None:
        read = config("[http]\nlisten = tls:0:interface=127.0.0.1\n")
        places = bind(read, Inherited([]), reactor, print)
        self.addCleanup(places.dispose)
        places.all[0].door.stick(True)
        self.assertFalse(places.all[0].door.sticky)

    def test_a_kernel_without_it(self) -> None:
        def refuse(listening: socket.socket, sockets: int) -> None:
            raise OSError(errno.ENOPROTOOPT, "Protocol not available")

        events: list[Any] = []
        globalLogPublisher.addObserver(events.append)
        self.addCleanup(globalLogPublisher.removeObserver, events.append)
        self.patch(door_module, "stick", refuse)
        read, places = self.bound("tls")
        force = Workforce(reactor, Measure(task.Clock()), COPIES, None)
        for _ in range(2):
            force._stick(read, places)
        self.assertFalse(places.all[0].door.sticky)
        self.assertEqual([event["log_level"].name for event in events], ["info"])  # said once


class ShareTests(SynchronousTestCase):
    @given(limit=st.integers(1, 10_000_000), workers=st.integers(2, 512))
    @settings(deadline=None, max_examples=50)
    def test_together_at_least_the_limit(self, limit: int, workers: int) -> None:
        """And never more than one too many for each."""
        names = ("max-connections", "max-connections-per-address", "max-connections-per-account")
        keys = "".join(f"{name} = {limit}\n" for name in names)
        [service] = portion(config(f"[time]\nlisten = tcp:1\n{keys}"), workers).services
        for name in names:
            share = getattr(service.settings, name.replace("-", "_"))
            self.assertGreaterEqual(share * workers, limit)
            self.assertLess((share - 1) * workers, limit)

    def test_count(self) -> None:
        time = "[time]\nlisten = tcp:1\n"
        self.assertEqual(count(config(time).netdaemon), 1)
        self.assertEqual(count(config(time, "workers = 7\n").netdaemon), 7)
        self.assertEqual(count(config(time, "workers = auto\n").netdaemon), len(os.sched_getaffinity(0)))
