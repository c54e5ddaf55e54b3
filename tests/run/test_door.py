"""Door: binds or says why not. Real sockets on loopback; the flows show whole connections."""

from __future__ import annotations

import os
import socket
import stat
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.trial.unittest import SynchronousTestCase

from netdaemon.config.values import Listen
from netdaemon.run.door import Door, DoorError


class DoorTests(SynchronousTestCase):
    def door(self, listen: Listen) -> Door:
        door = Door(listen, "echo", "conf.ini:7", reactor)
        self.addCleanup(door.close)
        return door

    def bound(self, *arguments: Any, prefer: int = 0, **words: Any) -> Door:
        door = self.door(Listen(*arguments, **words))
        door.bind(prefer)
        return door

    def refused(self, *arguments: Any, **words: Any) -> str:
        return str(self.assertRaises(DoorError, self.door(Listen(*arguments, **words)).bind))

    def test_any_free_port(self) -> None:
        door = self.bound("tcp", interface="127.0.0.1")
        self.assertEqual(door.address, f"tcp:127.0.0.1:{door.number}")
        self.assertNotEqual(door.number, 0)
        self.assertFalse(door.datagrams)

    def test_tls_says_so(self) -> None:
        self.assertTrue(self.bound("tls", interface="127.0.0.1").address.startswith("tls:127.0.0.1:"))

    def test_udp(self) -> None:
        door = self.bound("udp", interface="127.0.0.1")
        self.assertTrue(door.address.startswith("udp:127.0.0.1:"))
        self.assertTrue(door.datagrams)

    def test_udp_beside_tcp(self) -> None:
        tcp = self.bound("tcp", interface="127.0.0.1")
        self.assertEqual(self.bound("udp", interface="127.0.0.1", prefer=tcp.number).number, tcp.number)
        other = self.bound("udp", interface="127.0.0.1", prefer=tcp.number)
        self.assertNotIn(other.number, (0, tcp.number))

    def test_ipv6(self) -> None:
        self.assertTrue(self.bound("tcp", interface="::1").address.startswith("tcp:[::1]:"))

    def test_all_of_ipv4_beside_all_of_ipv6(self) -> None:
        four = self.bound("tcp")
        self.assertEqual(four.address, f"tcp:0.0.0.0:{four.number}")
        six = self.bound("tcp", port=four.number, interface="::")
        self.assertEqual(six.address, f"tcp:[::]:{four.number}")

    def test_busy(self) -> None:
        for transport in ("tcp", "udp"):
            holder = self.bound(transport, interface="127.0.0.1")
            message = self.refused(transport, port=holder.number, interface="127.0.0.1")
            self.assertIn(
                f"conf.ini:7: [echo] listen {transport}:{holder.number}:interface=127.0.0.1 is taken", message
            )
            self.assertIn(f"sport = :{holder.number}", message)
            self.assertNotIn("\n", message)

    def test_address_of_another_host(self) -> None:
        self.assertIn("no interface of this host has the address 192.0.2.1", self.refused("tcp", interface="192.0.2.1"))

    def test_reserved_port(self) -> None:
        if os.geteuid() == 0:
            # Root may bind it: what the kernel says to others is put into its mouth.
            def forbidden(made: socket.socket, prefer: int) -> None:
                raise PermissionError(13, "Permission denied")

            door = self.door(Listen("tcp", port=1, interface="127.0.0.1"))
            self.patch(door, "_bind_port", forbidden)
            message = str(self.assertRaises(DoorError, door.bind))
        else:
            message = self.refused("tcp", port=1, interface="127.0.0.1")
        self.assertIn("ports below 1024 need root", message)

    def test_no_systemd_socket_that_is_a_connection(self) -> None:
        one, other = socket.socketpair()
        self.addCleanup(one.close)
        self.addCleanup(other.close)
        self.assertRaises(DoorError, self.door(Listen("systemd", name="echo")).adopt, one)

    def test_adopted(self) -> None:
        for kind, told in ((socket.SOCK_STREAM, "tcp"), (socket.SOCK_DGRAM, "udp")):
            given = socket.socket(socket.AF_INET, kind)
            given.bind(("127.0.0.1", 0))
            if kind == socket.SOCK_STREAM:
                given.listen()
            door = self.door(Listen("systemd", name="echo"))
            door.adopt(given)
            self.assertEqual(door.address, f"{told}:127.0.0.1:{given.getsockname()[1]}")
            self.assertEqual(door.datagrams, told == "udp")


class UnixDoorTests(SynchronousTestCase):
    def setUp(self) -> None:
        folder = Path(self.mktemp())
        folder.mkdir(parents=True)
        # Relative, because a socket's path is at most 107 bytes long.
        self.path = Path(os.path.relpath(folder)) / "s"

    def door(self) -> Door:
        door = Door(Listen("unix", name=str(self.path)), "echo", "conf.ini:7", reactor)
        self.addCleanup(door.close)
        return door

    def test_bound_and_closed(self) -> None:
        door = self.door()
        door.bind()
        self.assertEqual(door.address, f"unix:{self.path}")
        self.assertEqual(stat.S_IMODE(self.path.stat().st_mode), 0o666)
        door.close()
        self.assertFalse(self.path.exists())

    def test_left_behind(self) -> None:
        dead = socket.socket(socket.AF_UNIX)
        dead.bind(str(self.path))
        dead.close()
        self.door().bind()
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(self.path))

    def test_taken(self) -> None:
        first, second = self.door(), self.door()
        first.bind()
        self.assertIn("a running program answers there", str(self.assertRaises(DoorError, second.bind)))
        second.close()
        self.assertTrue(self.path.exists(), "it is the first one's")

    def test_another_file(self) -> None:
        self.path.write_text("precious")
        self.assertIn("another file", str(self.assertRaises(DoorError, self.door().bind)))
        self.assertEqual(self.path.read_text(), "precious")

    def test_another_file_put_in_its_place(self) -> None:
        door = self.door()
        door.bind()
        self.path.unlink()
        self.path.write_text("precious")
        # Inode numbers are given again: the file must have another for this to show anything.
        if self.path.stat().st_ino != door._path[1]:  # type: ignore[index]
            door.close()
            self.assertEqual(self.path.read_text(), "precious")

    def test_folder_missing(self) -> None:
        self.path = self.path.parent / "missing" / "s"
        self.assertIn("No such file or directory", str(self.assertRaises(DoorError, self.door().bind)))

    def test_path_too_long(self) -> None:
        self.path = self.path.parent / ("s" * 120)
        self.assertIn("too long", str(self.assertRaises(DoorError, self.door().bind)))
