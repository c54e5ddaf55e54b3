"""`netdaemon config`."""

from __future__ import annotations

import io
import sys
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase, TestCase

from netdaemon.cli import main
from netdaemon.config.reference import markdown, sample
from netdaemon.kinds import Kinds
from tests.kit.command import command

GOOD = "[netdaemon]\ndata = state\n[http]\nlisten = tcp:0\n[time]\nlisten = udp:0\n"
BAD = "[netdaemon]\ndta = state\n[http]\nlisen = tcp:0\n"


class ConfigCommandTests(SynchronousTestCase):
    """The commands in this very process."""

    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).absolute()
        self.folder.mkdir()
        self.file = self.folder / "x.ini"

    def run_command(self, *arguments: object) -> tuple[int, str, str]:
        """(exit status, standard output, standard error)."""
        out, err = io.StringIO(), io.StringIO()
        self.patch(sys, "stdout", out)
        self.patch(sys, "stderr", err)
        try:
            status = main([str(argument) for argument in arguments])
        except SystemExit as end:
            assert isinstance(end.code, int)
            status = end.code
        return status, out.getvalue(), err.getvalue()

    def test_check(self) -> None:
        self.file.write_text(GOOD)
        said = f"{self.file}: OK, 2 services: http, time\n"
        self.assertEqual(self.run_command("config", "check", self.file), (0, said, ""))
        self.assertEqual(self.run_command("-c", self.file, "config", "check"), (0, said, ""))

    def test_check_refuses(self) -> None:
        self.file.write_text(BAD)
        status, out, err = self.run_command("config", "check", self.file)
        self.assertEqual((status, out), (2, ""))
        self.assertEqual(err.splitlines(), [
            f"{self.file}:1: [netdaemon] lacks 'data': write data = /var/lib/netdaemon",
            f"{self.file}:2: [netdaemon] unknown key 'dta', did you mean 'data'?",
            f"{self.file}:3: [http] lacks 'listen': write listen = {self.example()}",
            f"{self.file}:4: [http] unknown key 'lisen', did you mean 'listen'?",
        ])  # fmt: skip

    def example(self) -> str:
        settings = Kinds().find("http").settings
        return str(settings.__dataclass_fields__["listen"].metadata["example"])

    def test_without_a_file(self) -> None:
        for command_name in ("check", "show"):
            self.assertEqual(
                self.run_command("config", command_name),
                (2, "", "netdaemon: which configuration? Put -c FILE.ini before the command\n"),
            )

    def test_no_such_file(self) -> None:
        said = f"{self.file}:1: cannot be read: No such file or directory\n"
        self.assertEqual(self.run_command("config", "check", self.file), (2, "", said))

    def test_show(self) -> None:
        self.file.write_text(GOOD)
        wanted = f"[netdaemon]\ndata = {self.folder}/state\n\n[http]\nlisten = tcp:0\n\n[time]\nlisten = udp:0\n"
        self.assertEqual(self.run_command("config", "show", self.file), (0, wanted, ""))
        status, everything, _ = self.run_command("-c", self.file, "config", "show", "--all")
        self.assertEqual(status, 0)
        self.assertIn("hostname = localhost\n", everything)

    def test_explain(self) -> None:
        status, out, err = self.run_command("config", "explain", "http.listen")
        self.assertEqual((status, err), (0, ""))
        self.assertTrue(out.startswith("listen  in [http]\n    Where it listens"), out)
        self.assertEqual(
            self.run_command("config", "explain", "lisen"),
            (1, "", "netdaemon: there is no key and no section called 'lisen', did you mean 'listen'?\n"),
        )

    def test_reference(self) -> None:
        kinds = Kinds().built_in()
        self.assertEqual(self.run_command("config", "reference"), (0, sample(kinds, serve="http"), ""))
        self.assertEqual(self.run_command("config", "reference", "--ini"), (0, sample(kinds, serve="http"), ""))
        self.assertEqual(self.run_command("config", "reference", "--markdown"), (0, markdown(kinds), ""))
        self.assertEqual(self.run_command("config", "reference", "--ini", "--markdown")[0], 2)


class ConfFolderTests(SynchronousTestCase):
    """The files of conf/ are all in order, and the smallest is small."""

    def test_each_parses(self) -> None:
        from netdaemon.config.read import read

        conf = Path(__file__).resolve().parents[2] / "conf"
        files = sorted(conf.glob("*.ini"))
        self.assertLessEqual({"minimal.ini", "netdaemon.ini"}, {file.name for file in files})
        for file in files:
            read(file, Kinds())
        self.assertLessEqual(len((conf / "minimal.ini").read_text().splitlines()), 10)


class LightnessTests(TestCase):
    async def test_a_check_loads_no_reactor_and_no_server(self) -> None:
        """What keeps `config check` quick: measured in a process of its own, by what it imports."""
        folder = Path(self.mktemp()).absolute()
        folder.mkdir()
        (folder / "x.ini").write_text(GOOD)
        done = await command("config", "check", "x.ini", cwd=folder, PYTHONVERBOSE="1")
        self.assertEqual((done.status, done.out), (0, b"x.ini: OK, 2 services: http, time\n"))
        loaded = {line.split()[1].strip("'") for line in done.err.splitlines() if line.startswith("import ")}
        self.assertIn("netdaemon.protocols.http", loaded)
        for heavy in (
            "twisted.internet.reactor",
            "twisted.internet.epollreactor",
            "netdaemon.protocols.http.server",
            "netdaemon.protocols.time.server",
            "netdaemon.run",
            "OpenSSL",
            "cryptography",
            "sqlite3",
            "argon2",
            "prometheus_client",
            "rich",
            "shtab",
        ):
            self.assertNotIn(heavy, loaded)
