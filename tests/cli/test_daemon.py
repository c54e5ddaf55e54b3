"""`netdaemon demo` and `netdaemon reload`."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import sys
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase, TestCase

from netdaemon.cli.daemon import is_locked, own_name, table
from tests.kit.command import command
from tests.kit.daemon import Daemon

TIME = "[time]\nlisten = tcp:0:interface=127.0.0.1\n"


class TableTests(SynchronousTestCase):
    def test_an_address_a_line_with_what_to_try(self) -> None:
        services = {"time": ["tcp:127.0.0.1:8037"], "http:x": ["tls:[::1]:8443", "unix:/run/x"]}
        tries = {"time": {"tcp": ("rdate -o {port} {host}",)}, "http:x": {"tls": ("curl -k https://{host}:{port}/",)}}
        self.assertEqual(
            table(services, tries, demo=False),
            [
                "",
                "netdaemon is up; Ctrl-C stops it.",
                "",
                "  time    tcp:127.0.0.1:8037  rdate -o 8037 127.0.0.1",
                "  http:x  tls:[::1]:8443      curl -k https://[::1]:8443/",
                "  http:x  unix:/run/x",
                "",
            ],
        )

    def test_the_demo_account_is_told_where_there_is_one(self) -> None:
        self.assertIn("mulder / trustno1", "\n".join(table({}, {}, demo=True)))
        self.assertNotIn("mulder", "\n".join(table({}, {}, demo=False)))


class NameTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.program = Path(self.mktemp()).absolute() / "bin" / "netdaemon"
        self.program.parent.mkdir(parents=True)
        self.program.touch(mode=0o755)
        self.patch(sys, "argv", [str(self.program), "demo"])

    def test_on_the_path(self) -> None:
        self.patch(os, "environ", {**os.environ, "PATH": str(self.program.parent)})
        self.assertEqual(own_name(), "netdaemon")

    def test_not_on_the_path(self) -> None:
        self.patch(os, "environ", {**os.environ, "PATH": "/nowhere"})
        self.assertEqual(own_name(), str(self.program.relative_to(Path.cwd())))

    def test_run_as_a_module(self) -> None:
        self.patch(sys, "argv", ["/somewhere/netdaemon/__main__.py", "demo"])
        self.assertEqual(own_name(), "netdaemon")


class LockTests(SynchronousTestCase):
    def test_held_and_free(self) -> None:
        path = Path(self.mktemp())
        with path.open("w") as one, path.open() as other:
            self.assertFalse(is_locked(other.fileno()))
            fcntl.flock(other, fcntl.LOCK_UN)
            fcntl.flock(one, fcntl.LOCK_EX)
            self.assertTrue(is_locked(other.fileno()))


class DemoTests(TestCase):
    def demo(self, ini: str) -> Daemon:
        """The demo in the place of twistd."""
        daemon = Daemon(self, ini)
        daemon._command = [sys.executable, "-m", "netdaemon", "-c", str(daemon.ini_file), "demo"]
        return daemon

    async def test_it_prints_its_table_and_ends_with_its_daemon(self) -> None:
        demo = self.demo(f"[accounts]\nauth = store demo\n{TIME}")
        demo.spawn()
        await demo.until(lambda: b"trustno1" in demo.process.out, "has printed its table")
        port = json.loads(demo.ready_file.read_text())["services"]["time"][0].rpartition(":")[2]
        self.assertIn(f"rdate -p -o {port} 127.0.0.1", demo.output)
        demo.signal(signal.SIGTERM)
        status, _ = await demo.wait()
        self.assertEqual(status, 0)
        self.assertFalse(demo.ready_file.exists())

    async def test_a_daemon_that_does_not_start_says_why_and_nothing_else(self) -> None:
        other = Daemon(self, TIME)
        await other.start()
        demo = self.demo(TIME.replace("tcp:0", f"tcp:{other.port('time')}"))
        demo.spawn()
        status, _ = await demo.wait()
        self.assertEqual(status, 1)
        self.assertIn("is taken", demo.errors)
        self.assertNotIn("Traceback", demo.errors)
        self.assertEqual(len(demo.errors.splitlines()), 1)


class ReloadTests(TestCase):
    async def test_a_running_daemon_reads_its_ini_again(self) -> None:
        daemon = Daemon(self, TIME)
        await daemon.start()
        done = await command("-c", daemon.ini_file, "reload")
        self.assertEqual((done.status, done.err), (0, ""))
        await daemon.until(lambda: b": reloaded " in daemon.process.out, "has reloaded")

    async def test_nobody_is_signalled_when_none_runs(self) -> None:
        daemon = Daemon(self, TIME)
        daemon.data.mkdir()
        (daemon.data / "lock").write_text("1\n")  # a crash left it, and 1 is somebody else
        done = await command("-c", daemon.ini_file, "reload")
        self.assertEqual(done.status, 1)
        self.assertIn("no daemon runs", done.err)

    async def test_a_bad_ini_is_told_here_and_signals_nobody(self) -> None:
        daemon = Daemon(self, TIME)
        await daemon.start()
        daemon.write(TIME + "lissten = x\n")
        done = await command("-c", daemon.ini_file, "reload")
        self.assertEqual(done.status, 2)
        self.assertIn("did you mean 'listen'", done.err)
        self.assertNotIn("reloaded", daemon.output)
