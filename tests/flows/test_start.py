"""Start and what may be in its way: one line on stderr, exit status 1 (2 for the INI), nothing left behind."""

from __future__ import annotations

import json
import os
import pwd
import shutil
import signal
import socket
import stat
import sys
import tempfile
from pathlib import Path
from typing import Any

from twisted.internet import reactor as _reactor
from twisted.internet.task import deferLater
from twisted.trial.unittest import SkipTest, TestCase

from netdaemon.documents.names import temporary
from tests.kit.caller import call
from tests.kit.daemon import LIMIT, POLL, Daemon

reactor: Any = _reactor

ECHO = "[echo]\nkind = tests.kit.kinds:echo\nlisten = tcp:0:interface=127.0.0.1\n"


class StartTests(TestCase):
    async def test_start_and_stop(self) -> None:
        daemon = Daemon(self, ECHO)
        await daemon.start()
        ready = json.loads(daemon.ready_file.read_text())
        self.assertEqual(ready, {"pid": daemon.pid, "services": {"echo": [f"tcp:127.0.0.1:{daemon.port('echo')}"]}})
        self.assertEqual(stat.S_IMODE(daemon.data.stat().st_mode), 0o700)
        self.assertEqual((daemon.data / "lock").read_text(), f"{daemon.pid}\n")
        caller = await call(self, daemon.port("echo"))
        await caller.ask(b"anybody?\n")
        caller.hang_up()
        status, output = await daemon.stop()
        self.assertEqual(status, 0, output)
        self.assertEqual(daemon.errors, "")
        self.assertFalse(daemon.ready_file.exists())
        self.assertFalse((daemon.data / "lock").exists())

    async def test_stopped_while_it_starts(self) -> None:
        daemon = Daemon(self, ECHO)
        daemon.spawn()
        await daemon.until((daemon.data / "lock").exists, "has locked its data")
        status, output = await daemon.stop()
        self.assertEqual(status, 0, output)
        self.assertFalse(daemon.ready_file.exists())
        self.assertFalse((daemon.data / "lock").exists())

    async def test_what_killed_writers_left_is_removed(self) -> None:
        top = Path(self.mktemp()).absolute()
        top.mkdir(parents=True)
        old, new = (top / os.fsdecode(temporary()) for _ in range(2))
        for file in (old, new):
            file.write_bytes(b"half a docu")
        os.utime(old, (0, 0))
        daemon = Daemon(self, f"{ECHO}[documents]\nroot = {top}\n")
        await daemon.start()
        await daemon.until(lambda: not old.exists(), "has swept")
        self.assertTrue(new.exists())  # its writer may be at it
        self.assertEqual((await daemon.stop())[0], 0)

    async def test_access_log_unwritable(self) -> None:
        daemon = Daemon(self, f"{ECHO}access-log = /proc/x.log\n")
        daemon.spawn()
        status, output = await daemon.wait()
        self.assertIn(status, (1, 2), output)
        self.assertEqual(daemon.errors.count("\n"), 1, output)
        self.assertIn("[echo]", daemon.errors)

    async def test_sigint(self) -> None:
        daemon = Daemon(self, ECHO)
        await daemon.start()
        daemon.signal(signal.SIGINT)
        status, output = await daemon.wait()
        self.assertEqual(status, 0, output)

    async def test_again_after_being_killed(self) -> None:
        first = Daemon(self, ECHO)
        await first.start()
        first.signal(signal.SIGKILL)
        await first.wait()
        self.assertTrue(first.ready_file.exists(), "nobody could remove it")
        second = Daemon(self, f"[netdaemon]\ndata = {first.data}\nready-file = {first.ready_file}\n{ECHO}")
        second.ready_file = first.ready_file
        second.spawn()
        await second.until(lambda: f'"pid": {second.pid}' in _text(first.ready_file), "is ready")
        self.assertEqual((await second.stop())[0], 0)

    async def test_json_log_to_a_file(self) -> None:
        daemon = Daemon(self, f"{ECHO}[log]\nformat = json\nfile = netdaemon.log\n")
        await daemon.start()
        await daemon.stop()
        self.assertEqual(daemon.output, "")
        events = [json.loads(line) for line in (daemon.folder / "netdaemon.log").read_text().splitlines()]
        self.assertIn("ready", [event["message"] for event in events])
        self.assertEqual(events[-1]["message"], "stopped")

    async def test_counters(self) -> None:
        daemon = Daemon(self, f"[netdaemon]\nmetrics-file = metrics.prom\n{ECHO}")
        await daemon.start()
        await daemon.stop()
        text = (daemon.folder / "metrics.prom").read_text()
        self.assertIn('netdaemon_connections{protocol="echo"} 0.0', text)
        self.assertIn("netdaemon_config_last_reload_successful 1.0", text)
        self.assertIn("netdaemon_tls_cert_expiry_timestamp_seconds{", text)

    async def test_other_reactors(self) -> None:
        for reactor_name in ("poll", "asyncio"):
            daemon = Daemon(self, ECHO, twistd=("-n", "--pidfile=", f"--reactor={reactor_name}"))
            await daemon.start()
            caller = await call(self, daemon.port("echo"))
            await caller.ask(b"anybody?\n")
            status, output = await daemon.stop()
            self.assertEqual(status, 0, output)

    async def test_the_clock_is_set_an_hour_forward(self) -> None:
        """With stock Twisted the session, idle for at most 60 s, would time out at once."""
        step = Path(self.mktemp()).absolute()
        forward = (
            "import os, time; real = time.time\n"
            f"time.time = lambda: real() + 3600 * os.path.exists({str(step)!r})\n"
            "from twisted.scripts.twistd import run; run()"
        )
        daemon = Daemon(self, f"{ECHO}idle = 60s\n", command=(sys.executable, "-c", forward))
        await daemon.start()
        caller = await call(self, daemon.port("echo"))
        await caller.ask(b"before\n")
        step.touch()
        # Another session comes and goes meanwhile: the reactor has had its turns.
        for _ in range(20):
            other = await call(self, daemon.port("echo"))
            await other.ask(b"meanwhile\n")
            other.hang_up()
        await caller.ask(b"after\n")

    async def test_daemonised(self) -> None:
        daemon = Daemon(self, ECHO, twistd=("--pidfile=daemon.pid",))
        daemon.spawn()
        status, output = await daemon.wait()
        self.assertEqual(status, 0, output)
        pid_file = daemon.folder / "daemon.pid"
        pid = int(pid_file.read_text())

        def kill() -> None:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass

        self.addCleanup(kill)
        await self.until(daemon.ready_file.exists)
        self.assertEqual(json.loads(daemon.ready_file.read_text())["pid"], pid)
        caller = await call(self, daemon.port("echo"))
        await caller.ask(b"anybody?\n")
        os.kill(pid, signal.SIGTERM)
        await caller.closed()
        await self.until(lambda: not pid_file.exists())
        self.assertFalse(daemon.ready_file.exists())
        self.assertIn("ready", (daemon.folder / "twistd.log").read_text())

    async def until(self, true: Any) -> None:
        end = reactor.seconds() + LIMIT
        while not true():
            self.assertLess(reactor.seconds(), end, "it never came true")
            await deferLater(reactor, POLL)


class PrivilegesTests(TestCase):
    def setUp(self) -> None:
        if os.geteuid() != 0:
            raise SkipTest("only root can become somebody else")
        # Where another user may go: trial's own folders may be root's alone.
        self.folder = Path(tempfile.mkdtemp(prefix="netdaemon-"))
        self.addCleanup(shutil.rmtree, self.folder)
        self.folder.chmod(0o777)
        self.nobody = pwd.getpwnam("nobody")

    async def test_twistd_drops_them(self) -> None:
        ini = (
            f"[netdaemon]\ndata = {self.folder / 'data'}\nready-file = {self.folder / 'ready.json'}\n"
            f"[log]\nfile = {self.folder / 'log'}\n{ECHO}"
        )
        daemon = Daemon(self, ini, twistd=("-n", "--pidfile=", "--uid=nobody"))
        daemon.data, daemon.ready_file = self.folder / "data", self.folder / "ready.json"
        await daemon.start()
        self.assertEqual(Path(f"/proc/{daemon.pid}").stat().st_uid, self.nobody.pw_uid)
        await self.reopen(daemon)
        self.assertEqual((await daemon.stop())[0], 0)

    async def reopen(self, daemon: Daemon) -> None:
        """The user it became opens what root opened."""
        log = self.folder / "log"
        before = log.stat().st_size
        daemon.signal(signal.SIGHUP)
        await daemon.until(lambda: "reloaded" in log.read_text()[before:], "has reloaded")

    async def test_dropped_by_both(self) -> None:
        daemon = Daemon(self, f"[netdaemon]\nuser = nobody\n{ECHO}", twistd=("-n", "--pidfile=", "--uid=nobody"))
        daemon.spawn()
        self.assertEqual((await daemon.wait())[0], 1)
        self.assertIn("are both given: keep one", daemon.errors)
        self.assertFalse((daemon.data / "lock").exists())

    async def test_dropped_for_good(self) -> None:
        ini = (
            f"[netdaemon]\nuser = nobody\ndata = {self.folder / 'data'}\nready-file = {self.folder / 'ready.json'}\n"
            f"[log]\nfile = {self.folder / 'log'}\n{ECHO}"
        )
        daemon = Daemon(self, ini)
        daemon.data, daemon.ready_file = self.folder / "data", self.folder / "ready.json"
        await daemon.start()
        status = dict(line.split(":\t", 1) for line in Path(f"/proc/{daemon.pid}/status").read_text().splitlines())
        self.assertEqual(status["Uid"].split(), [str(self.nobody.pw_uid)] * 4)
        self.assertEqual(status["Gid"].split(), [str(self.nobody.pw_gid)] * 4)
        self.assertEqual(status["Groups"].split(), [str(self.nobody.pw_gid)])
        self.assertEqual(int(status["CapEff"], 16) | int(status["CapPrm"], 16), 0)
        for path in (daemon.data, daemon.data / "lock", self.folder / "log", *(daemon.data / "tls").iterdir()):
            self.assertEqual(path.stat().st_uid, self.nobody.pw_uid, path)
        await self.reopen(daemon)
        self.assertEqual((await daemon.stop())[0], 0)
        self.assertFalse((daemon.data / "lock").exists())


class InTheWayTests(TestCase):
    """What an operator may run into."""

    async def refused(self, ini: str, defect: bool = False, **options: Any) -> str:
        """Start on ``ini``, which must fail: the one line it says. A ``defect`` has a traceback, in the log alone."""
        daemon = Daemon(self, ini, **options)
        daemon.spawn()
        status, output = await daemon.wait()
        self.assertEqual(status, 1, output)
        self.assertEqual("Traceback" in daemon.process.out.decode(), defect, output)
        self.assertEqual(daemon.errors.count("\n"), 1, daemon.errors)
        self.assertTrue(daemon.errors.startswith("netdaemon: "), daemon.errors)
        self.assertFalse(daemon.ready_file.exists())
        self.assertFalse(os.path.lexists(daemon.data / "lock"))
        self.daemon = daemon
        return daemon.errors

    async def bad_ini(self, ini: str) -> str:
        daemon = Daemon(self, ini)
        daemon.spawn()
        status, output = await daemon.wait()
        self.assertEqual(status, 2, output)
        self.assertNotIn("Traceback", output)
        self.assertEqual(daemon.process.out, b"")
        self.assertFalse(daemon.data.exists(), "nothing was begun")
        for line in daemon.errors.splitlines():
            self.assertRegex(line, rf"^{daemon.ini_file}:\d+: ")
        return daemon.errors

    async def test_busy_port(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as holder:
            port = holder.getsockname()[1]
            ini = f"{ECHO}[echo:two]\nkind = tests.kit.kinds:echo\nlisten = tcp:{port}:interface=127.0.0.1\n"
            said = await self.refused(ini)
        self.assertIn(f"[echo:two] listen tcp:{port}:interface=127.0.0.1 is taken", said)
        self.assertRegex(said, r"conf\.ini:\d+: ")

    async def test_busy_unix_socket(self) -> None:
        folder = Path(tempfile.mkdtemp(prefix="netdaemon-"))
        self.addCleanup(shutil.rmtree, folder)
        with socket.socket(socket.AF_UNIX) as holder:
            holder.bind(str(folder / "b"))
            holder.listen()
            said = await self.refused(ECHO.replace("tcp:0:interface=127.0.0.1", f"unix:{folder}/a unix:{folder}/b"))
        self.assertIn("a running program answers there", said)
        self.assertEqual([path.name for path in folder.iterdir()], ["b"], "its own socket is gone, the other's is not")

    async def test_one_address_twice(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = probe.getsockname()[1]
        listen = f"listen = tcp:{port}:interface=127.0.0.1\n"
        ini = f"[echo]\nkind = tests.kit.kinds:echo\n{listen}[echo:two]\nkind = tests.kit.kinds:echo\n{listen}"
        daemon = Daemon(self, ini)
        daemon.spawn()
        status, output = await daemon.wait()
        self.assertIn(status, (1, 2), "whether the configuration's reader finds it or the door")
        self.assertIn("[echo]", daemon.errors)
        self.assertNotIn("Traceback", output)

    async def test_second_daemon_on_the_same_data(self) -> None:
        first = Daemon(self, ECHO)
        await first.start()
        second = Daemon(self, f"[netdaemon]\ndata = {first.data}\n{ECHO}")
        second.spawn()
        status, _ = await second.wait()
        self.assertEqual(status, 1)
        self.assertIn(f"another netdaemon (process {first.pid}) runs on {first.data} already", second.errors)
        self.assertTrue((first.data / "lock").exists())
        self.assertTrue(first.ready_file.exists())

    async def test_data_beneath_a_file(self) -> None:
        said = await self.bad_ini(f"[netdaemon]\ndata = conf.ini/data\n{ECHO}")
        self.assertEqual(said.count("\n"), 1)

    async def test_data_on_a_read_only_disk(self) -> None:
        self.assertIn("[netdaemon] data: can't be written", await self.refused(f"[netdaemon]\ndata = /proc/x\n{ECHO}"))

    async def test_ready_file_unwritable(self) -> None:
        said = await self.refused(f"[netdaemon]\nready-file = /proc/ready.json\n{ECHO}")
        self.assertIn("[netdaemon] ready-file can't be written", said)

    async def test_log_unwritable(self) -> None:
        said = await self.refused(f"{ECHO}[log]\nfile = /proc/x.log\n")
        self.assertIn("[log] file can't be written", said)

    async def test_log_to_a_file_says_it_there_too(self) -> None:
        said = await self.refused(f"[netdaemon]\ndata = /proc/x\n{ECHO}[log]\nfile = netdaemon.log\n")
        self.assertIn(said.removeprefix("netdaemon: ").strip(), (self.daemon.folder / "netdaemon.log").read_text())

    async def test_certificate_is_garbage(self) -> None:
        garbage = Path(self.mktemp()).absolute()
        garbage.write_text("-----BEGIN CERTIFICATE-----\ngarbage\n-----END CERTIFICATE-----\n")
        daemon = Daemon(self, f"{ECHO}[tls]\ncertificate = {garbage}\nprivate-key = {garbage}\n")
        daemon.spawn()
        status, output = await daemon.wait()
        self.assertIn(status, (1, 2), output)
        self.assertNotIn("Traceback", output)
        self.assertEqual(daemon.errors.count("\n"), 1, daemon.errors)
        self.assertIn(str(garbage), daemon.errors)

    async def test_certificate_is_a_folder(self) -> None:
        folder = Path(self.mktemp()).absolute()
        folder.mkdir(parents=True)
        daemon = Daemon(self, f"{ECHO}[tls]\ncertificate = {folder}\nprivate-key = {folder}\n")
        daemon.spawn()
        status, output = await daemon.wait()
        self.assertIn(status, (1, 2), output)
        self.assertNotIn("Traceback", output)
        self.assertIn(str(folder), daemon.errors)

    async def test_document_root_is_missing(self) -> None:
        daemon = Daemon(self, f"{ECHO}[documents]\nroot = /nowhere/at/all\n")
        daemon.spawn()
        status, output = await daemon.wait()
        self.assertIn(status, (1, 2), output)
        self.assertNotIn("Traceback", output)
        self.assertIn("/nowhere/at/all", daemon.errors)

    async def test_broken_kind(self) -> None:
        mine = "[mine]\nkind = tests.kit.kinds:broken\nlisten = tcp:0:interface=127.0.0.1\n"
        said = await self.refused(ECHO + mine, defect=True)
        self.assertIn("[mine] can't be built: RuntimeError: this kind is broken", said)

    async def test_too_many_open_files_wanted(self) -> None:
        said = await self.refused(f"[netdaemon]\nopen-files = 9999999\n{ECHO}")
        self.assertIn("open-files", said)

    async def test_pid_file_is_not_left_behind(self) -> None:
        await self.refused(f"[netdaemon]\ndata = /proc/x\n{ECHO}", twistd=("-n", "--pidfile=here.pid"))
        self.assertFalse((self.daemon.folder / "here.pid").exists())

    async def test_daemonised(self) -> None:
        daemon = Daemon(self, f"[netdaemon]\ndata = /proc/x\n{ECHO}", twistd=("--pidfile=here.pid",))
        daemon.spawn()
        status, output = await daemon.wait()
        self.assertEqual(status, 1, output)
        self.assertIn("[netdaemon] data: can't be written", (daemon.folder / "twistd.log").read_text())

    async def test_user_that_is_not_there(self) -> None:
        self.assertIn("no-such-user", await self.bad_ini(f"[netdaemon]\nuser = no-such-user\n{ECHO}"))

    async def test_bad_ini(self) -> None:
        said = await self.bad_ini(f"{ECHO}lisen = tcp:0\n")
        self.assertIn("lisen", said)

    async def test_no_configuration_given(self) -> None:
        daemon = Daemon(self, ECHO)
        daemon._command = daemon._command[:-2]
        daemon.spawn()
        status, _ = await daemon.wait()
        self.assertEqual((status, daemon.errors), (2, "netdaemon: which configuration? twistd netdaemon -c FILE.ini\n"))
        self.assertEqual(daemon.process.out, b"")

    async def test_configuration_missing(self) -> None:
        daemon = Daemon(self, ECHO)
        daemon.ini_file.unlink()
        daemon.spawn()
        status, output = await daemon.wait()
        self.assertEqual(status, 2, output)
        self.assertNotIn("Traceback", output)
        self.assertIn(str(daemon.ini_file), daemon.errors)


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except FileNotFoundError:
        return ""
