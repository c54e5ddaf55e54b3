"""Several processes behind one daemon's doors: real ones, started, killed and stopped under load."""

from __future__ import annotations

import os
import pwd
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import SkipTest

from tests.kit.caller import call, call_unix
from tests.kit.daemon import CHECKOUT, TWISTD, Daemon, short_folder
from tests.kit.workers import LOCAL, TWO, WHO, WorkersCase, children, echo

LOGGER = "twisted.logger.LimitedHistoryLogObserver"


class SpreadTests(WorkersCase):
    async def test_connections_are_shared_out(self) -> None:
        """Within 60:40; chance alone fails that for 2000 connections once in 10 ** 18 times."""
        daemon = await self.started(TWO + WHO)
        answers = await self.many(daemon.port("who"), 2000)
        self.assertEqual(set(answers), children(daemon.pid))
        self.assertEqual(len(answers), 2)
        self.assertLessEqual(max(answers.values()), 1200)
        await self.stopped(daemon)

    async def test_every_kind_of_door(self) -> None:
        path = short_folder(self) / "s"
        listen = f"{LOCAL} tcp:0:interface=\\:\\:1 tls:0:interface=127.0.0.1 udp:0:interface=127.0.0.1 unix:{path}"
        daemon = await self.started(TWO + echo("hello", listen=listen))
        await self.greeted(daemon.port("echo"), "hello")
        six = int(daemon.services["echo"][1].rpartition(":")[2])
        await (await call(self, six, "::1")).until(b"hello ::1\n")
        for _ in range(4):
            tls = await call(self, daemon.port("echo", "tls"), tls=True)
            await tls.until(b"hello 127.0.0.1\n")
            await (await call_unix(self, str(path))).until(b"\n")
        for _ in range(20):  # from as many ports: to both workers
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
                asking.settimeout(60)
                asking.sendto(b"there?", ("127.0.0.1", daemon.port("echo", "udp")))
                self.assertEqual((await deferToThread(asking.recvfrom, 100))[0], b"hello there?")
        await self.stopped(daemon)
        self.assertFalse(path.exists())

    async def test_two_daemons_share_nothing(self) -> None:
        daemon = await self.started(TWO + WHO)
        other = Daemon(self, TWO + WHO.replace("tcp:0:", f"tcp:{daemon.port('who')}:"))
        other.spawn()
        self.assertEqual((await other.wait())[0], 1)
        self.assertIn("is taken", other.errors)

    async def test_logs_and_access_log_are_whole_lines(self) -> None:
        tree = Path(self.mktemp()).absolute()
        tree.mkdir(parents=True)
        ini = f"[documents]\nroot = {tree}\n[http]\nlisten = {LOCAL}\naccess-log = access.log\n"
        daemon = await self.started(TWO + ini)

        def get(times: int) -> None:
            for number in range(times):
                with socket.create_connection(("127.0.0.1", daemon.port("http")), timeout=60) as connection:
                    connection.sendall(b"GET /%d HTTP/1.0\r\n\r\n" % number)
                    while connection.recv(65536):
                        pass

        await deferToThread(get, 300)
        await self.stopped(daemon)
        lines = (daemon.folder / "access.log").read_text().splitlines()
        self.assertEqual(sorted(int(line.split("GET /")[1].split()[0]) for line in lines), list(range(300)))


class DeathTests(WorkersCase):
    async def test_a_killed_worker_under_load(self) -> None:
        """Another takes its place; whom it did not have in hand is served, and nobody is refused."""
        daemon = await self.started(TWO + WHO)
        before, ready = children(daemon.pid), daemon.ready_file.stat()
        asking = self.many(daemon.port("who"), 1000)
        answering = Deferred.fromCoroutine(asking)
        victim = min(before)
        os.kill(victim, signal.SIGKILL)
        answers = await answering
        # What waited in its backlog is served by the next one: only one connection can be lost at any time.
        self.assertLessEqual(answers[0], 1)
        await self.one_crew(daemon, victim)
        replaced = await self.many(daemon.port("who"), 100)
        self.assertEqual(set(replaced), children(daemon.pid))
        self.assertNotIn(victim, replaced)
        self.assertEqual(daemon.output.count("died: killed by SIGKILL"), 1)
        self.assertEqual((daemon.ready_file.stat().st_ino, daemon.ready_file.stat().st_mtime_ns), _print(ready))
        await self.stopped(daemon)

    async def test_workers_end_with_their_parent(self) -> None:
        daemon = await self.started(TWO + echo("hello"))
        callers = [await self.greeted(daemon.port("echo"), "hello") for _ in range(8)]
        workers = children(daemon.pid)
        ends = [open_end(pid) for pid in workers]
        daemon.signal(signal.SIGKILL)
        for caller in callers:
            self.assertEqual(await caller.closed(), b"bye\n")  # told, as at any stop
        for end in ends:
            await deferToThread(wait_for_end, end)
        self.assert_gone_or_dead(workers)

    def assert_gone_or_dead(self, pids: set[int]) -> None:
        # Their new parent may not have asked how they ended.
        for pid in pids:
            try:
                state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
            except OSError:
                continue
            self.assertIn(state, "ZX")

    async def test_signals_to_a_worker_are_nothing_to_it(self) -> None:
        """A terminal and systemd send theirs to every process; the parent's word counts."""
        daemon = await self.started(TWO + echo("hello"))
        callers = [await self.greeted(daemon.port("echo"), "hello") for _ in range(8)]
        workers = children(daemon.pid)
        for pid in workers:
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
                os.kill(pid, number)
        for caller in callers:
            await caller.ask(b"still here\n")
        self.assertEqual(children(daemon.pid), workers)
        await self.stopped(daemon)


def _print(found: os.stat_result) -> tuple[int, int]:
    return found.st_ino, found.st_mtime_ns


def open_end(pid: int) -> int:
    return os.pidfd_open(pid)


def wait_for_end(descriptor: int) -> None:
    """Returns when the process has ended."""
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    assert poll.poll(60_000), "a worker outlives its parent"
    os.close(descriptor)


class StopTests(WorkersCase):
    async def test_drain(self) -> None:
        """Sessions are told; the one in the middle of a download has its whole download first."""
        daemon = await self.started(f"{TWO}grace = 60s\n{echo('hello')}")
        port, blocks = daemon.port("echo"), 20_000
        callers = [await self.greeted(port, "hello") for _ in range(8)]
        busy = await self.greeted(port, "hello")
        before = busy.total
        busy.send(b"DOWNLOAD %d\n" % blocks)
        await busy.until()
        busy.stop_reading()
        for caller in callers:
            await caller.ask(b"there?\n")
        daemon.signal(signal.SIGTERM)
        for caller in callers:
            self.assertEqual(await caller.closed(), b"bye\n")
        busy.go_on_reading()
        await busy.closed()
        self.assertEqual(busy.total - before, blocks * 1024)
        status, output = await daemon.wait()
        self.assertEqual(status, 0, output)

    async def test_second_signal_hurries(self) -> None:
        stubborn = f"[stubborn]\nkind = tests.kit.kinds:stubborn\nlisten = {LOCAL}\n"
        daemon = await self.started(f"{TWO}grace = 1h\n{stubborn}")
        workers = children(daemon.pid)
        for _ in range(8):
            caller = await call(self, daemon.port("stubborn"))
            await caller.until(b"never\n")
            caller.stop_reading()
        daemon.signal(signal.SIGTERM)
        await daemon.until(lambda: "SIGTERM: stopping" in daemon.output, "has heard the first")
        daemon.signal(signal.SIGTERM)
        status, output = await daemon.wait()
        self.assertEqual(status, 0, output)
        self.assertIn("sessions cut off", output)
        self.assert_gone(workers)

    async def test_a_worker_that_hangs_is_killed(self) -> None:
        daemon = await self.started(f"{TWO}grace = 1h\n{echo('hello')}")
        workers = children(daemon.pid)
        os.kill(min(workers), signal.SIGSTOP)
        daemon.signal(signal.SIGTERM)
        await daemon.until(lambda: "SIGTERM: stopping" in daemon.output, "has heard the first")
        daemon.signal(signal.SIGTERM)
        status, output = await daemon.wait()
        self.assertEqual(status, 0, output)
        self.assertIn("does not end: killed", output)
        self.assert_gone(workers)

    async def test_metrics_are_summed(self) -> None:
        ini = f"{TWO}metrics-file = metrics.prom\n[time]\nlisten = {LOCAL}\n"
        daemon = await self.started(ini)

        def ask(times: int) -> None:
            for _ in range(times):
                with socket.create_connection(("127.0.0.1", daemon.port("time")), timeout=60) as connection:
                    while connection.recv(100):
                        pass

        await deferToThread(ask, 100)
        self.assertTrue(await daemon.reload())
        await deferToThread(ask, 100)
        await self.stopped(daemon)
        values = {
            (sample.name, *sample.labels.values()): sample.value
            for family in text_string_to_metric_families((daemon.folder / "metrics.prom").read_text())
            for sample in family.samples
        }
        answered = sum(
            value for name, value in values.items() if name[0] == "netdaemon_commands_total" and "ok" in name
        )
        self.assertEqual(answered, 200)
        self.assertEqual(values[("netdaemon_config_last_reload_successful",)], 1)


class StartTests(WorkersCase):
    async def refused(self, ini: str) -> str:
        daemon = Daemon(self, ini)
        daemon.spawn()
        status, _ = await daemon.wait()
        self.assertEqual(status, 1, daemon.output)
        self.assertNotIn("Traceback", daemon.errors)
        self.assertFalse(daemon.ready_file.exists())
        self.assertFalse((daemon.data / "lock").exists())
        return daemon.errors

    async def test_a_kind_that_fails(self) -> None:
        said = await self.refused(f"{TWO}[mine]\nkind = tests.kit.kinds:broken\nlisten = {LOCAL}\n")
        self.assertIn("[mine] can't be built: RuntimeError: this kind is broken", said)
        self.assertEqual(said.count("\n"), 1, said)

    async def test_stopped_while_it_starts(self) -> None:
        daemon = Daemon(self, TWO + echo("hello"))
        daemon.spawn()
        await daemon.until(lambda: children(daemon.pid), "has a worker")
        workers = children(daemon.pid)
        self.addCleanup(self.end_workers, workers)
        daemon.signal(signal.SIGTERM)
        status, output = await daemon.wait()
        self.assertEqual(status, 0, output)
        self.assertNotIn("Traceback", output)
        self.assert_gone(workers)

    async def test_twistd_logging_has_no_place_for_them(self) -> None:
        daemon = Daemon(self, TWO + echo("hello"), twistd=("-n", "--pidfile=", f"--logger={LOGGER}"))
        daemon.spawn()
        self.assertEqual((await daemon.wait())[0], 1)
        self.assertIn("can't log through twistd's --logger", daemon.output)

    async def test_stock_reactors(self) -> None:
        for name in ("epoll", "asyncio"):
            daemon = await self.started(TWO + echo("hello"), twistd=("-n", "--pidfile=", f"--reactor={name}"))
            for pid in children(daemon.pid):
                self.assertIn(f"{name}reactor".encode(), Path(f"/proc/{pid}/cmdline").read_bytes())
            await self.greeted(daemon.port("echo"), "hello")
            await self.stopped(daemon)


class PrivilegesTests(WorkersCase):
    """As the single process's, with workers: they are born without root's rights."""

    def setUp(self) -> None:
        if os.geteuid() != 0:
            raise SkipTest("only root can become somebody else")
        # Where another user may go: trial's own folders may be root's alone.
        self.folder = Path(tempfile.mkdtemp(prefix="netdaemon-"))
        self.addCleanup(shutil.rmtree, self.folder)
        self.folder.chmod(0o777)
        self.nobody = pwd.getpwnam("nobody")

    async def test_dropped_for_good(self) -> None:
        ini = (
            f"{TWO}user = nobody\ndata = {self.folder / 'data'}\nready-file = {self.folder / 'ready.json'}\n"
            f"[log]\nfile = {self.folder / 'log'}\n{echo('hello')}"
        )
        command = [self.interpreter(), *TWISTD[1:]]
        daemon = Daemon(self, ini, command=command, environment={"PYTHONPATH": os.pathsep.join(PATHS)})
        daemon.data, daemon.ready_file = self.folder / "data", self.folder / "ready.json"
        await daemon.start()
        workers = children(daemon.pid)
        self.assertEqual(len(workers), 2)
        for pid in (daemon.pid, *workers):
            status = dict(line.split(":\t", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
            self.assertEqual(status["Uid"].split(), [str(self.nobody.pw_uid)] * 4)
            self.assertEqual(status["Gid"].split(), [str(self.nobody.pw_gid)] * 4)
            self.assertEqual(status["Groups"].split(), [str(self.nobody.pw_gid)])
            self.assertEqual(int(status["CapEff"], 16) | int(status["CapPrm"], 16), 0)
        log = self.folder / "log"
        daemon.signal(signal.SIGHUP)
        await daemon.until(lambda: "reloaded" in log.read_text(), "has reloaded")
        await self.greeted(daemon.port("echo"), "hello")
        self.assertEqual((await daemon.stop())[0], 0)

    def interpreter(self) -> str:
        """A Python like ours that the other user may run: ours may stand in root's home."""
        version = f"python{sys.version_info.major}.{sys.version_info.minor}"
        for path in (sys.executable, f"/usr/bin/{version}", f"/usr/local/bin/{version}"):
            try:
                ended = subprocess.run(
                    [path, "-c", "import netdaemon.run.worker"],
                    user="nobody",
                    group=self.nobody.pw_gid,
                    extra_groups=[],
                    cwd="/",
                    env={"PYTHONPATH": os.pathsep.join(PATHS)},
                    capture_output=True,
                )
            except OSError:
                continue
            if ended.returncode == 0:
                return path
        raise SkipTest("no Python here that another user may run")


PATHS = [str(CHECKOUT), *(path for path in sys.path if path.endswith("site-packages"))]
