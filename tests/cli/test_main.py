"""The `netdaemon` command as a whole: what it says, how it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase, TestCase

from netdaemon import version
from netdaemon.cli import BROKEN_PIPE, main
from netdaemon.cli.completion import SHELLS
from netdaemon.cli.terminal import INTERRUPTED
from tests.kit.command import CHECKOUT, command

ENVIRONMENT = {**os.environ, "PYTHONPATH": str(CHECKOUT)}


class CommandTests(TestCase):
    async def test_version(self) -> None:
        self.assertEqual(await command("--version"), (0, f"netdaemon {version}\n".encode(), ""))

    async def test_help_names_every_command(self) -> None:
        done = await command("--help")
        self.assertEqual((done.status, done.err), (0, ""))
        for name in (b"config", b"user", b"ban", b"time", b"get", b"demo", b"reload", b"completion"):
            self.assertIn(b"\n    " + name + b" ", done.out)

    async def test_wrong_usage(self) -> None:
        for words in ((), ("no-such",), ("config",), ("config", "no-such"), ("--no-such",), ("-c",)):
            done = await command(*words)
            self.assertEqual((done.status, done.out), (2, b""), words)
            self.assertIn("usage: netdaemon", done.err)

    async def test_completion(self) -> None:
        for shell in SHELLS:
            done = await command("completion", shell)
            self.assertEqual((done.status, done.err), (0, ""), shell)
            self.assertIn(b"explain", done.out)

    async def test_completion_offers_files(self) -> None:
        done = await command("completion", "bash")
        self.assertIn(b"_shtab_netdaemon_config_check_pos_0_COMPGEN=_shtab_compgen_files", done.out)
        self.assertIn(b"_shtab_netdaemon__c_COMPGEN=_shtab_compgen_files", done.out)


class EndingTests(SynchronousTestCase):
    """Ends that only a process of its own can come to."""

    def run_with_output(self, output: int) -> tuple[int, bytes]:
        done = subprocess.run(
            [sys.executable, "-m", "netdaemon", "config", "reference"],
            env=ENVIRONMENT,
            stdout=output,
            stderr=subprocess.PIPE,
        )
        return done.returncode, done.stderr

    def test_a_reader_that_has_seen_enough(self) -> None:
        reader, writer = os.pipe()
        os.close(reader)
        self.addCleanup(os.close, writer)
        self.assertEqual(self.run_with_output(writer), (BROKEN_PIPE, b""))

    def test_a_full_disk(self) -> None:
        full = os.open("/dev/full", os.O_WRONLY)
        self.addCleanup(os.close, full)
        said = b"netdaemon: what was to be written is lost: No space left on device\n"
        self.assertEqual(self.run_with_output(full), (1, said))

    def test_interrupted(self) -> None:
        def interrupt(args: object) -> int:
            raise KeyboardInterrupt

        self.patch(sys.modules["netdaemon.cli.config"], "run_explain", interrupt)
        self.assertEqual(main(["config", "explain", "listen"]), INTERRUPTED)


WORK = """
import sys
from twisted.internet.task import deferLater
from netdaemon.cli.terminal import fail, run_async

async def at_once(reactor):
    return 3

async def later(reactor):
    await deferLater(reactor, 0)
    return 4

async def failing(reactor):
    await deferLater(reactor, 0)
    fail("no luck")

async def failing_at_once(reactor):
    fail("no luck")

async def raising(reactor):
    await deferLater(reactor, 0)
    raise KeyError("a defect of ours")

async def waiting(reactor):
    try:
        print("ready", flush=True)
        await deferLater(reactor, 600)
    finally:
        print("cleaned", flush=True)

sys.exit(run_async(globals()[sys.argv[1]]))
"""


class RunAsyncTests(SynchronousTestCase):
    def run_work(self, name: str) -> tuple[int, bytes]:
        done = subprocess.run([sys.executable, "-c", WORK, name], env=ENVIRONMENT, capture_output=True)
        return done.returncode, done.stderr

    def test_its_result_is_the_status(self) -> None:
        self.assertEqual(self.run_work("at_once"), (3, b""))
        self.assertEqual(self.run_work("later"), (4, b""))

    def test_it_may_fail_in_one_line(self) -> None:
        self.assertEqual(self.run_work("failing"), (1, b"netdaemon: no luck\n"))
        self.assertEqual(self.run_work("failing_at_once"), (1, b"netdaemon: no luck\n"))

    def test_defects_have_their_traceback(self) -> None:
        status, said = self.run_work("raising")
        self.assertEqual(status, 1)
        self.assertTrue(said.endswith(b"KeyError: 'a defect of ours'\n"), said)

    def test_interrupted(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            process = subprocess.Popen(
                [sys.executable, "-c", WORK, "waiting"],
                env=ENVIRONMENT,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                # A shell's background job has SIGINT ignored, and so may we: this process is not to inherit it.
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
            )
            with process:
                assert process.stdout is not None and process.stderr is not None
                self.assertEqual(process.stdout.readline(), b"ready\n")
                process.send_signal(number)
                self.assertEqual(process.stdout.read(), b"cleaned\n")
                self.assertEqual(process.stderr.read(), b"")
            self.assertEqual(process.returncode, INTERRUPTED)


class ModuleTests(SynchronousTestCase):
    def test_the_console_script_is_main(self) -> None:
        setup = (Path(CHECKOUT) / "setup.cfg").read_text()
        self.assertIn("netdaemon = netdaemon.cli:main\n", setup)
