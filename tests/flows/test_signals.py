"""SIGHUP and SIGTERM under load."""

from __future__ import annotations

import os
import signal
import socket
from pathlib import Path
from typing import Any

from twisted.internet import reactor as _reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from tests.kit.caller import Caller, call
from tests.kit.daemon import Daemon

reactor: Any = _reactor

LOCAL = "tcp:0:interface=127.0.0.1"
BIG = 20_000
"""Blocks of 1 KiB: more than the sockets' buffers take, so that the download is under way as long as we like."""


def echo(greeting: str, listen: str = LOCAL, more: str = "") -> str:
    return f"[echo]\nkind = tests.kit.kinds:echo\nlisten = {listen}\ngreeting = {greeting}\n{more}"


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


class Case(TestCase):
    async def started(self, ini: str) -> Daemon:
        daemon = Daemon(self, ini)
        await daemon.start()
        return daemon

    async def greeted(self, port: int, greeting: str, **options: Any) -> Caller:
        caller = await call(self, port, **options)
        self.assertEqual(await caller.until(), f"{greeting} 127.0.0.1\n".encode())
        return caller

    async def downloading(self, port: int, greeting: str, **options: Any) -> Caller:
        """A caller in the middle of a big download, which it does not read on."""
        caller = await self.greeted(port, greeting, **options)
        caller.send(b"DOWNLOAD %d\n" % BIG)
        await caller.until()
        caller.stop_reading()
        return caller

    async def whole(self, caller: Caller, greeting: str) -> None:
        """Read on: the whole download comes."""
        size = BIG * 1024 + len(f"{greeting} 127.0.0.1\n")
        caller.go_on_reading()
        while caller.total < size:
            self.assertIsNone(caller.lost, f"cut off after {caller.total} bytes")
            await caller._news()
        self.assertEqual(caller.total, size)


class ReloadTests(Case):
    async def test_under_load(self) -> None:
        """Downloads, idle and busy sessions live through five reloads; new sessions see the new settings."""
        daemon = await self.started(echo("hello 0", f"{LOCAL} tls:0:interface=127.0.0.1"))
        port, tls_port = daemon.port("echo"), daemon.port("echo", "tls")
        downloads = [await self.downloading(port, "hello 0"), await self.downloading(tls_port, "hello 0", tls=True)]
        idle = await self.greeted(port, "hello 0")
        busy = await self.greeted(port, "hello 0")
        asking = [True]
        asked = Deferred.fromCoroutine(self.keep_asking(busy, asking))
        for number in range(1, 6):
            taken_on = await daemon.reload(echo(f"hello {number}", f"{LOCAL} tls:0:interface=127.0.0.1"))
            self.assertTrue(taken_on, daemon.output)
            self.assertEqual((daemon.port("echo"), daemon.port("echo", "tls")), (port, tls_port))
            await self.greeted(port, f"hello {number}")
            await self.greeted(tls_port, f"hello {number}", tls=True)
        for download in downloads:
            await self.whole(download, "hello 0")
        await idle.ask(b"still here\n")
        asking[0] = False
        self.assertGreater(await asked, 0)
        status, output = await daemon.stop()
        self.assertEqual(status, 0, output)
        self.assertNotIn("Traceback", output)

    async def keep_asking(self, caller: Caller, asking: list[bool]) -> int:
        asked = 0
        while asking[0]:
            await caller.ask(b"question %d\n" % asked)
            asked += 1
        return asked

    async def test_no_connection_is_refused_meanwhile(self) -> None:
        daemon = await self.started(echo("hello"))
        port = daemon.port("echo")
        reloading = [True]

        async def keep_calling() -> int:
            calls = 0
            while reloading[0]:
                caller = await call(self, port)
                await caller.until()
                caller.hang_up()
                calls += 1
            return calls

        calling = Deferred.fromCoroutine(keep_calling())
        for _ in range(10):
            self.assertTrue(await daemon.reload())
        reloading[0] = False
        self.assertGreater(await calling, 0)

    async def test_bad_configuration_keeps_the_old(self) -> None:
        daemon = await self.started(f"[netdaemon]\nmetrics-file = metrics.prom\n{echo('hello')}")
        port, caller = daemon.port("echo"), await self.greeted(daemon.port("echo"), "hello")
        before = daemon.services
        with socket.create_server(("127.0.0.1", 0)) as holder:
            busy = f"tcp:{holder.getsockname()[1]}:interface=127.0.0.1"
            spare = f"tcp:{free_port()}:interface=127.0.0.1"
            new = echo("new", f"{LOCAL} {spare}")
            for bad, said in (
                (echo("new", more="lisen = tcp:1\nmax-connections = many\n"), "lisen"),
                (echo("new", f"{LOCAL} {spare} {busy}"), "is taken"),
                (new + "[mine]\nkind = tests.kit.kinds:broken\nlisten = tcp:0\n", "broken"),
                (new + "[log]\nfile = /proc/x.log\n", "[log] file"),
                (
                    echo("new", f"{LOCAL} {spare}") + "[tls]\ncertificate = conf.ini\nprivate-key = conf.ini\n",
                    "conf.ini",
                ),
            ):
                self.assertFalse(await daemon.reload(bad), bad)
                self.assertIn(said, daemon.output)
                self.assertEqual(daemon.services, before)
                await self.greeted(port, "hello")
                await caller.ask(b"still here\n")
                with self.assertRaises(ConnectionRefusedError):
                    socket.create_connection(("127.0.0.1", int(spare.split(":")[1])))
        await daemon.stop()
        self.assertIn("netdaemon_config_last_reload_successful 0.0", (daemon.folder / "metrics.prom").read_text())

    async def test_every_problem_is_logged(self) -> None:
        daemon = await self.started(echo("hello"))
        self.assertFalse(await daemon.reload(echo("hello", more="lisen = tcp:1\nmax-connections = many\n")))
        self.assertIn("lisen", daemon.output)
        self.assertIn("max-connections", daemon.output)

    async def test_doors_come_and_go(self) -> None:
        first, second = free_port(), free_port()
        daemon = await self.started(echo("one", f"tcp:{first}:interface=127.0.0.1"))
        download = await self.downloading(first, "one")
        self.assertTrue(await daemon.reload(echo("two", f"tcp:{second}:interface=127.0.0.1")), daemon.output)
        self.assertEqual(daemon.ports["echo"], [second])
        await self.greeted(second, "two")
        await self.until_refused(first)
        await self.whole(download, "one")
        self.assertTrue(await daemon.reload(echo("three", f"tcp:{first}:interface=127.0.0.1")), daemon.output)
        await self.greeted(first, "three")

    async def until_refused(self, port: int) -> None:
        for _ in range(500):
            try:
                caller = await call(self, port)
            except Exception:  # noqa: BLE001  # whichever of Twisted's connection errors
                return
            caller.hang_up()
            await deferLater(reactor, 0.01)
        self.fail("the door is still open")

    async def test_a_door_changes_hands(self) -> None:
        port = free_port()
        ini = echo("one", f"tcp:{port}:interface=127.0.0.1")
        daemon = await self.started(ini)
        old = await self.greeted(port, "one")
        renamed = ini.replace("[echo]", "[echo:other]").replace("one", "two")
        self.assertTrue(await daemon.reload(renamed), daemon.output)
        self.assertEqual(daemon.ports, {"echo:other": [port]})
        await self.greeted(port, "two")
        await old.ask(b"still here\n")

    async def test_a_door_replaced_on_its_own_port_says_what_to_do(self) -> None:
        port = free_port()
        daemon = await self.started(echo("one", f"tcp:{port}:interface=127.0.0.1"))
        self.assertFalse(await daemon.reload(echo("one", f"tls:{port}:interface=127.0.0.1")))
        self.assertIn("needs a restart", daemon.output)
        await self.greeted(port, "one")

    async def test_data_needs_a_restart(self) -> None:
        daemon = await self.started(echo("one"))
        moved = f"[netdaemon]\ndata = elsewhere\n{echo('two')}"
        self.assertTrue(await daemon.reload(moved), daemon.output)
        self.assertIn("[netdaemon] data has changed: that needs a restart", daemon.output)
        self.assertFalse((daemon.folder / "elsewhere").exists())
        await self.greeted(daemon.port("echo"), "two")

    async def test_logs_are_opened_anew(self) -> None:
        daemon = await self.started(f"{echo('one')}[log]\nfile = netdaemon.log\n")
        log, old = daemon.folder / "netdaemon.log", daemon.folder / "netdaemon.log.1"
        log.rename(old)
        daemon.signal(signal.SIGHUP)
        await daemon.until(lambda: log.exists() and "reloaded" in log.read_text(), "has a new log")
        self.assertIn("ready", old.read_text())

    async def test_nothing_of_the_old_is_left(self) -> None:
        """Documents, accounts, certificates and doors of earlier configurations are closed with their last session."""
        daemon = await self.started(echo("hello", f"{LOCAL} udp:0:interface=127.0.0.1"))

        async def change(number: int) -> None:
            more = f"[accounts]\nthrottle-failures = {number}\n[documents]\nroot = .\n[tls]\nwatch = {number}s\n"
            taken_on = await daemon.reload(echo("hello", f"{LOCAL} {LOCAL} udp:0:interface=127.0.0.1") + more)
            self.assertTrue(taken_on, daemon.output)

        def files() -> int:
            # SQLite keeps a few descriptors of its main file, to use them again: closing one would end its locks.
            opened = [os.path.realpath(path) for path in Path(f"/proc/{daemon.pid}/fd").iterdir()]
            return sum(not path.endswith("messages.sqlite") for path in opened)

        await change(5)
        before = files()
        idle = await self.greeted(daemon.port("echo"), "hello")
        for number in range(10, 20):
            await change(number)
        await idle.ask(b"still here\n")
        self.assertGreater(files(), before, "what the session stands on is open")
        idle.hang_up()
        await idle.closed()
        await daemon.until(lambda: files() <= before, "has closed everything")

    async def test_datagrams_see_the_new_settings(self) -> None:
        listen = f"{LOCAL} udp:0:interface=127.0.0.1"
        daemon = await self.started(echo("one", listen))
        self.assertTrue(await daemon.reload(echo("two", listen)))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
            asking.settimeout(30)
            asking.connect(("127.0.0.1", daemon.port("echo", "udp")))
            asking.send(b"ping")
            self.assertEqual(asking.recv(100), b"two ping")


class StopTests(Case):
    async def test_under_load(self) -> None:
        """A download under way finishes, idle sessions are told, nobody new is let in, and it ends with 0."""
        patient = "[netdaemon]\ngrace = 5m\n"  # the machine may be slow
        daemon = await self.started(patient + echo("hello", f"{LOCAL} tls:0:interface=127.0.0.1"))
        port, tls_port = daemon.port("echo"), daemon.port("echo", "tls")
        downloads = [await self.downloading(port, "hello"), await self.downloading(tls_port, "hello", tls=True)]
        idle = [await self.greeted(port, "hello"), await self.greeted(tls_port, "hello", tls=True)]
        daemon.signal(signal.SIGTERM)
        for caller in idle:
            self.assertEqual(await caller.closed(), b"bye\n")
        self.assertFalse(daemon.ready_file.exists())
        with self.assertRaises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port))
        self.assertIsNone(daemon.process.status)
        for caller in downloads:
            await self.whole(caller, "hello")
            await caller.closed()
        status, output = await daemon.wait()
        self.assertEqual(status, 0, output)
        self.assertFalse((daemon.data / "lock").exists())
        self.assertNotIn("sessions cut off", output)
        self.assertNotIn("Traceback", output)

    async def test_grace_has_an_end(self) -> None:
        daemon = await self.started(f"[netdaemon]\ngrace = 200ms\n{echo('hello')}")
        caller = await self.downloading(daemon.port("echo"), "hello")
        status, output = await daemon.stop()
        self.assertEqual(status, 0, output)
        self.assertIn("sessions cut off: 1", output)
        caller.go_on_reading()
        await caller.closed()
        self.assertLess(caller.total, BIG * 1024)

    async def test_second_signal_ends_it_at_once(self) -> None:
        daemon = await self.started(f"[netdaemon]\ngrace = 1h\n{echo('hello')}")
        await self.downloading(daemon.port("echo"), "hello")
        daemon.signal(signal.SIGTERM)
        await daemon.until(lambda: "s to finish" in daemon.output, "is draining")
        daemon.signal(signal.SIGINT)
        status, output = await daemon.wait()
        self.assertEqual(status, 0, output)
        self.assertIn("SIGINT again: stopping at once", output)

    async def test_what_is_no_session(self) -> None:
        stubborn = "[stubborn]\nkind = tests.kit.kinds:stubborn\nlisten = tcp:0:interface=127.0.0.1\n"
        daemon = await self.started(f"[netdaemon]\ngrace = 200ms\n{stubborn}")
        caller = await call(self, daemon.port("stubborn"))
        await caller.until()
        status, output = await daemon.stop()
        self.assertEqual(status, 0, output)

    async def test_sessions_of_a_door_that_a_reload_closed(self) -> None:
        first, second = free_port(), free_port()
        daemon = await self.started("[netdaemon]\ngrace = 5m\n" + echo("one", f"tcp:{first}:interface=127.0.0.1"))
        idle = await self.greeted(first, "one")
        self.assertTrue(await daemon.reload(echo("two", f"tcp:{second}:interface=127.0.0.1")))
        status, _ = await daemon.stop()
        self.assertEqual(status, 0)
        self.assertEqual(await idle.closed(), b"bye\n")

    async def test_reload_while_stopping(self) -> None:
        daemon = await self.started(f"[netdaemon]\ngrace = 1h\n{echo('hello')}")
        download = await self.downloading(daemon.port("echo"), "hello")
        daemon.signal(signal.SIGTERM)
        await daemon.until(lambda: "s to finish" in daemon.output, "is draining")
        daemon.signal(signal.SIGHUP)
        await daemon.until(lambda: "nothing is read again" in daemon.output, "hears SIGHUP")
        await self.whole(download, "hello")
        self.assertEqual((await daemon.wait())[0], 0)
