"""The limits of a door, and the door behind a balancer."""

from __future__ import annotations

import resource
from typing import Any

from twisted.internet import reactor as _reactor
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from tests.kit.caller import Caller, call
from tests.kit.daemon import Daemon

reactor: Any = _reactor

ECHO = "[echo]\nkind = tests.kit.kinds:echo\n"
LOCAL = "tcp:0:interface=127.0.0.1"


class LimitTests(TestCase):
    async def daemon(self, more: str, listen: str = LOCAL, head: str = "") -> Daemon:
        daemon = Daemon(self, f"{head}{ECHO}listen = {listen}\n{more}")
        await daemon.start()
        return daemon

    async def welcome(self, daemon: Daemon, source: str = "") -> Caller:
        caller = await call(self, daemon.port("echo"), source=source)
        await caller.until()
        return caller

    async def turned_away(self, daemon: Daemon, source: str = "") -> None:
        caller = await call(self, daemon.port("echo"), source=source)
        self.assertEqual(await caller.closed(), b"")

    async def gone(self, daemon: Daemon, caller: Caller) -> None:
        """Close from the daemon's side, so that it counts as gone when we hear of it."""
        transport: Any = caller.transport
        transport.loseConnection()
        await caller.closed()

    async def test_connections(self) -> None:
        daemon = await self.daemon("max-connections = 2\n")
        one = await self.welcome(daemon)
        await self.welcome(daemon, "127.0.0.2")
        await self.turned_away(daemon, "127.0.0.3")
        await self.gone(daemon, one)
        await self.eventually_welcome(daemon)
        self.assertIn("1 refused, the last by max-connections", daemon.output)

    async def eventually_welcome(self, daemon: Daemon, source: str = "") -> None:
        """Let in, once the daemon too has noticed that another went."""
        for _ in range(500):
            caller = await call(self, daemon.port("echo"), source=source)
            try:
                await caller.until()
                return
            except AssertionError:
                await deferLater(reactor, 0.01)
        self.fail("nobody was let in again")

    async def test_connections_per_address(self) -> None:
        daemon = await self.daemon("max-connections-per-address = 1\n")
        one = await self.welcome(daemon, "127.0.0.2")
        await self.turned_away(daemon, "127.0.0.2")
        await self.welcome(daemon, "127.0.0.3")
        await self.gone(daemon, one)
        await self.eventually_welcome(daemon, "127.0.0.2")

    async def test_each_door_by_itself(self) -> None:
        daemon = await self.daemon("max-connections = 1\n", f"{LOCAL} {LOCAL}")
        for port in daemon.ports["echo"]:
            await (await call(self, port)).until()
            self.assertEqual(await (await call(self, port)).closed(), b"")

    async def test_out_of_descriptors_it_rests_and_goes_on(self) -> None:
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        daemon = await self.daemon("")
        taken = len(list((daemon.folder / f"/proc/{daemon.pid}/fd").iterdir()))
        resource.prlimit(daemon.pid, resource.RLIMIT_NOFILE, (taken + 5, hard))
        callers = [await call(self, daemon.port("echo")) for _ in range(20)]
        await daemon.until(lambda: "no connection can be taken" in daemon.output, "is out of descriptors")
        resource.prlimit(daemon.pid, resource.RLIMIT_NOFILE, (soft, hard))
        for caller in callers:
            self.assertEqual(await caller.until(), b"hello 127.0.0.1\n")
        self.assertNotIn("Traceback", daemon.output)


class BalancerTests(TestCase):
    """`proxy-protocol`: who calls is whom the header names."""

    async def daemon(self, more: str = "", trusted: str = "127.0.0.2", listen: str = LOCAL) -> Daemon:
        daemon = Daemon(self, f"{ECHO}listen = {listen}\nproxy-protocol = {trusted}\n{more}")
        await daemon.start()
        return daemon

    async def through(self, daemon: Daemon, host: str) -> Caller:
        caller = await call(self, daemon.port("echo"), source="127.0.0.2")
        caller.send(f"PROXY TCP4 {host} 192.0.2.99 4711 25\r\n".encode())
        return caller

    async def test_the_session_knows_the_caller(self) -> None:
        daemon = await self.daemon()
        caller = await self.through(daemon, "192.0.2.1")
        self.assertEqual(await caller.until(), b"hello 192.0.2.1\n")
        await caller.ask(b"anybody?\n")

    async def test_limit_on_the_address_in_the_header(self) -> None:
        daemon = await self.daemon("max-connections-per-address = 1\n")
        await (await self.through(daemon, "192.0.2.1")).until()
        self.assertEqual(await (await self.through(daemon, "192.0.2.1")).closed(), b"")
        await (await self.through(daemon, "192.0.2.2")).until()

    async def test_others_are_refused(self) -> None:
        daemon = await self.daemon()
        caller = await call(self, daemon.port("echo"), source="127.0.0.3")
        caller.send(b"PROXY TCP4 192.0.2.1 192.0.2.99 4711 25\r\n")
        self.assertEqual(await caller.closed(), b"")

    async def test_drained_like_others(self) -> None:
        daemon = await self.daemon()
        caller = await self.through(daemon, "192.0.2.1")
        await caller.until()
        daemon.signal(15)
        self.assertEqual(await caller.closed(), b"bye\n")
        self.assertEqual((await daemon.wait())[0], 0)
