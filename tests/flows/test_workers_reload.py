"""Several processes behind one daemon's doors, and another configuration: no connection is dropped."""

from __future__ import annotations

import os
import signal
import socket
from collections import Counter

from twisted.internet.threads import deferToThread

from tests.flows.test_systemd import ACTIVATED
from tests.kit.caller import call, call_unix
from tests.kit.daemon import Daemon, short_folder
from tests.kit.workers import LOCAL, TWO, WHO, WorkersCase, ask_who, children, echo


def talk(port: int) -> None:
    """A session that takes a while; an AssertionError or OSError when it is cut off."""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        lines = connection.makefile("rb")
        assert lines.readline() == b"hello 127.0.0.1\n"
        for number in range(20):
            connection.sendall(b"%d\n" % number)
            assert lines.readline() == b"%d\n" % number


class ReloadTests(WorkersCase):
    async def test_no_connection_is_dropped(self) -> None:
        daemon = await self.started(TWO + WHO + echo("hello"))
        asking = [True]
        talks = []
        answers: Counter[int] = Counter()

        def keep_asking() -> None:
            while asking[0]:
                answers[ask_who(daemon.port("who"))] += 1

        def keep_talking() -> None:
            while asking[0]:
                talk(daemon.port("echo"))
                talks.append(1)

        keeping = [deferToThread(keep) for keep in (keep_asking, keep_talking) * 2]
        try:
            for _ in range(4):
                self.assertTrue(await daemon.reload(), daemon.output)
        finally:
            asking[0] = False
            for one in keeping:
                await one
        self.assertGreater(sum(answers.values()), 200)
        self.assertGreater(len(talks), 200)
        self.assertEqual(answers[0], 0)
        self.assertGreaterEqual(len(answers), 8)  # of five generations the last may have come too late
        await self.one_crew(daemon)
        await self.stopped(daemon)

    async def test_sessions_stay_with_what_they_began_with(self) -> None:
        daemon = await self.started(TWO + echo("old"))
        port = daemon.port("echo")
        old = [await self.greeted(port, "old") for _ in range(8)]
        self.assertTrue(await daemon.reload(TWO + echo("new")))
        self.assertEqual(daemon.port("echo"), port)
        for _ in range(20):
            await self.greeted(port, "new")
        for caller in old:
            await caller.ask(b"still here\n")
            caller.hang_up()
        await self.one_crew(daemon)
        await self.stopped(daemon)

    async def test_sockets_from_systemd(self) -> None:
        """All workers serve the same one, and systemd's stays open throughout."""
        with socket.create_server(("127.0.0.1", 0)) as given:
            port = given.getsockname()[1]
            daemon = Daemon(
                self,
                TWO + WHO.replace(LOCAL, "systemd:web"),
                command=ACTIVATED,
                environment={"LISTEN_FDS": "1", "LISTEN_FDNAMES": "web"},
                descriptors={3: given.fileno()},
            )
            await daemon.start()
            self.assertEqual(daemon.port("who"), port)
            before = children(daemon.pid)
            self.assertLessEqual(set(await self.many(port, 50)), before)
            self.assertTrue(await daemon.reload(), daemon.output)
            await self.one_crew(daemon)
            self.assertFalse(before & children(daemon.pid))
            self.assertLessEqual(set(await self.many(port, 50)), children(daemon.pid))
            await self.stopped(daemon)
            with socket.create_connection(("127.0.0.1", port)):
                given.accept()[0].close()

    async def test_stopped_meanwhile(self) -> None:
        daemon = await self.started(TWO + echo("hello"))
        before = children(daemon.pid)
        daemon.signal(signal.SIGHUP)
        await daemon.until(lambda: children(daemon.pid) - before, "has a new worker")
        workers = children(daemon.pid)
        self.addCleanup(self.end_workers, workers)
        await self.stopped(daemon)
        self.assertNotIn("not reloaded", daemon.output)
        self.assert_gone(workers)

    async def test_many_signals_at_once(self) -> None:
        daemon = await self.started(TWO + echo("hello"))
        for _ in range(5):
            daemon.signal(signal.SIGHUP)
        await daemon.reload()
        await self.greeted(daemon.port("echo"), "hello")
        await self.stopped(daemon)

    async def test_bad_configuration_keeps_the_old(self) -> None:
        daemon = await self.started(f"{TWO}metrics-file = metrics.prom\n{echo('hello')}")
        before, workers = daemon.services, children(daemon.pid)
        caller = await self.greeted(daemon.port("echo"), "hello")
        with socket.create_server(("127.0.0.1", 0)) as holder:
            busy = f"tcp:{holder.getsockname()[1]}:interface=127.0.0.1"
            for bad, said in (
                (echo("new", "lisen = tcp:1\n"), "lisen"),
                (echo("new", listen=f"{LOCAL} {busy}"), "is taken"),
                (echo("new") + f"[mine]\nkind = tests.kit.kinds:broken\nlisten = {LOCAL}\n", "broken"),
                (echo("new") + "[log]\nfile = /proc/x.log\n", "[log] file"),
            ):
                self.assertFalse(await daemon.reload(TWO + bad), bad)
                self.assertIn(said, daemon.output)
                self.assertEqual(daemon.services, before)
                await self.greeted(daemon.port("echo"), "hello")
                await caller.ask(b"still here\n")
        await daemon.until(lambda: children(daemon.pid) == workers, "has its old workers alone")
        self.assertNotIn("another comes", daemon.output)
        self.assertEqual((await daemon.stop())[0], 0)
        self.assertIn("netdaemon_config_last_reload_successful 0.0", (daemon.folder / "metrics.prom").read_text())

    async def test_doors_come_and_go(self) -> None:
        folder = short_folder(self)
        daemon = await self.started(TWO + echo("hello", listen=f"{LOCAL} unix:{folder}/a"))
        self.assertTrue(
            await daemon.reload(TWO + echo("hello", listen=f"{LOCAL} unix:{folder}/b") + WHO), daemon.output
        )
        await self.one_crew(daemon)
        self.assertFalse((folder / "a").exists())
        caller = await call_unix(self, f"{folder}/b")
        await caller.until()
        caller.hang_up()
        self.assertEqual(set(await self.many(daemon.port("who"), 100)), children(daemon.pid))
        port = daemon.port("who")
        self.assertTrue(await daemon.reload(TWO + echo("hello")))
        await self.one_crew(daemon)
        with self.assertRaises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port))
        await self.stopped(daemon)

    async def test_another_number_needs_a_restart(self) -> None:
        daemon = await self.started(TWO + echo("hello"))
        self.assertTrue(await daemon.reload(TWO.replace("2", "3") + echo("new")))
        self.assertIn("[netdaemon] workers has changed: that needs a restart", daemon.output)
        await self.one_crew(daemon)  # one of the old may still take a connection before it hears of its end
        await self.greeted(daemon.port("echo"), "new")
        await self.stopped(daemon)


class LoginTests(WorkersCase):
    async def test_who_fails_here_is_banned_there(self) -> None:
        """Also after a reload, and at the worker that takes a dead one's place."""
        accounts = "[accounts]\nauth = demo\nthrottle-delay = 1ms\nthrottle-failures = 4\ntrusted =\n"
        ini = f"{TWO}{accounts}[turnstile]\nkind = tests.kit.kinds:turnstile\nlisten = {LOCAL}\n"
        daemon = await self.started(ini)
        for number in range(4):
            self.assertEqual((await self.attempt(daemon, b"wrong%d" % number))[1], b"out")
        await self.known_to_both(daemon)
        await self.banned_by_both(daemon)
        self.assertTrue(await daemon.reload())
        await self.one_crew(daemon)
        await self.banned_by_both(daemon)
        victim = min(children(daemon.pid))
        os.kill(victim, signal.SIGKILL)
        await self.one_crew(daemon, victim)
        await self.banned_by_both(daemon)
        await self.stopped(daemon)

    async def attempt(self, daemon: Daemon, password: bytes = b"") -> tuple[int, bytes]:
        caller = await call(self, daemon.port("turnstile"))
        caller.send(b"mulder %b\n" % password)
        pid, answer = (await caller.until()).split()
        caller.hang_up()
        return int(pid), answer

    async def known_to_both(self, daemon: Daemon) -> None:
        """A ban reaches the other worker by their parent, a moment later; asking changes nothing."""
        knowing: set[int] = set()
        while knowing != children(daemon.pid):
            pid, answer = await self.attempt(daemon)
            if answer == b"banned":
                knowing.add(pid)

    async def banned_by_both(self, daemon: Daemon) -> None:
        """The right password helps no more, whichever worker is asked."""
        banned: set[int] = set()
        while banned != children(daemon.pid):
            pid, answer = await self.attempt(daemon, b"trustno1")
            self.assertEqual(answer, b"banned")
            banned.add(pid)
