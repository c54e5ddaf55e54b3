"""The log: lines that nobody can forge, in text and JSON, to a file that can be rotated."""

from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path
from typing import Any

from twisted.logger import LogEvent, Logger, LogLevel
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from netdaemon.config.settings import LogSettings
from netdaemon.run.errors import StartFailed
from netdaemon.run.logs import Log


class LogTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = Path(self.mktemp())
        self.folder.mkdir(parents=True)
        self.path = self.folder / "netdaemon.log"

    def log(self, **changes: Any) -> Log:
        self.settings = dataclasses.replace(LogSettings(), file=self.path, **changes)
        log = Log(self.settings)
        self.addCleanup(lambda: log.discard(log._descriptor))
        self.logger = Logger(namespace="netdaemon.test", observer=log)
        return log

    def lines(self) -> list[str]:
        return self.path.read_text().splitlines()

    def objects(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.lines()]

    def test_text(self) -> None:
        self.log()
        self.logger.info("login {user}", user="mulder")
        (line,) = self.lines()
        self.assertRegex(line, r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z info     netdaemon\.test: login mulder$")

    def test_no_second_line_can_be_forged(self) -> None:
        forged = "x\n2026-01-01T00:00:00.000Z critical forged\r\x1b[2J\x85\u2028\x00"
        self.log()
        self.logger.info("login {user}", user=forged)
        (line,) = self.path.read_bytes().decode().splitlines()
        for control in "\r\x1b\x85\u2028\x00":
            self.assertNotIn(control, line)

    def test_nor_in_json(self) -> None:
        self.log(format="json")
        self.logger.info("login {user}", user="x\n\x1b[2J\u2028")
        self.assertEqual(self.path.read_bytes().count(b"\n"), 1)
        (told,) = self.objects()
        for value in (told["message"], told["user"]):
            for control in "\n\x1b\u2028":
                self.assertNotIn(control, value)

    def test_json_fields(self) -> None:
        self.log(format="json")
        self.logger.warn("said {what}", what=b"ok", size=3, rate=0.5, tls=True, nobody=None, thing=object())
        (told,) = self.objects()
        self.assertIsInstance(told.pop("time"), float)
        self.assertEqual(
            told,
            {
                "level": "warn",
                "namespace": "netdaemon.test",
                "message": "said b'ok'",
                "what": "ok",
                "size": 3,
                "rate": 0.5,
                "tls": True,
                "nobody": None,
            },
        )

    def fail(self) -> None:  # type: ignore[override]  # the traceback's own name for it
        raise ValueError("evil\n2026-01-01 forged\x1b")

    def test_traceback_in_json_is_one_field(self) -> None:
        self.log(format="json")
        try:
            self.fail()
        except ValueError:
            self.logger.failure("it broke")
        (told,) = self.objects()
        self.assertEqual((told["level"], told["message"]), ("critical", "it broke"))
        self.assertIn("ValueError", told["traceback"])
        self.assertNotIn("\x1b", told["traceback"])

    def test_traceback_in_text_is_indented(self) -> None:
        self.log()
        try:
            self.fail()
        except ValueError:
            self.logger.failure("it broke")
        first, *rest = self.lines()
        self.assertTrue(first.endswith("it broke"))
        self.assertTrue(rest)
        for line in rest:
            self.assertTrue(line.startswith("    "), line)
        self.assertNotIn("\x1b", self.path.read_text())

    def test_failures_are_heard_of(self) -> None:
        heard: list[str] = []
        log = self.log(level="error")
        log.failures = heard.append
        self.logger.failure("it broke", Failure(ValueError()))
        self.logger.error("no traceback")
        self.assertEqual(heard, ["netdaemon.test"])

    def test_levels(self) -> None:
        self.log(level="warn")
        for level in ("debug", "info", "warn", "error", "critical"):
            self.logger.emit(LogLevel.levelWithName(level), level)
        self.assertEqual([line.rsplit(" ", 1)[1] for line in self.lines()], ["warn", "error", "critical"])

    def test_twisteds_news_is_debugging(self) -> None:
        def say(log: Log) -> None:
            for namespace in ("log_legacy", "twisted.scripts._twistd_unix.UnixAppLogger"):
                Logger(namespace=namespace, observer=log).info("Starting factory")
                Logger(namespace=namespace, observer=log).error("broken")

        say(self.log())
        self.assertEqual([line.rsplit(" ", 1)[1] for line in self.lines()], ["broken", "broken"])
        self.path.unlink()
        say(self.log(level="debug"))
        self.assertEqual(len(self.lines()), 4)

    def test_an_event_that_cannot_be_shown(self) -> None:
        class Rude:
            def __str__(self) -> str:
                raise RuntimeError

            __repr__ = __str__

        class RudeError(Exception):
            def __str__(self) -> str:
                raise RuntimeError

        for format in ("text", "json"):
            self.log(format=format)
            self.logger.info("{rude}", rude=Rude())
            self.logger.failure("it broke", Failure(RudeError()))
        self.assertGreater(len(self.lines()), 4)

    def test_legacy_event(self) -> None:
        log = self.log(format="json")
        event: LogEvent = {"log_level": LogLevel.warn, "log_namespace": "x", "log_format": "{a}", "a": 1, "isError": 0}
        log(event)
        self.assertNotIn("isError", self.objects()[0])

    def test_rotated(self) -> None:
        log = self.log()
        self.logger.info("one")
        self.path.rename(self.folder / "old")
        self.logger.info("two")
        log.change(self.settings, log.open(self.settings))
        self.logger.info("three")
        self.assertEqual(len((self.folder / "old").read_text().splitlines()), 2)
        self.assertEqual(len(self.lines()), 1)

    def test_file_is_not_for_everybody(self) -> None:
        self.addCleanup(os.umask, os.umask(0))
        self.log()
        self.assertEqual(self.path.stat().st_mode & 0o777, 0o640)

    def test_unwritable(self) -> None:
        for path in (self.folder, self.folder / "missing" / "log", Path("/proc/x.log")):
            error = self.assertRaises(StartFailed, Log, dataclasses.replace(LogSettings(), file=path))
            self.assertIn("[log] file can't be written", str(error))

    def test_full_disk(self) -> None:
        self.path = Path("/dev/full")
        self.log()
        self.logger.info("nobody hears this")

    def test_fallback(self) -> None:
        log = Log(LogSettings(), self.path)
        self.addCleanup(lambda: log.discard(log._descriptor))
        Logger(namespace="x", observer=log).info("y")
        self.assertEqual(len(self.lines()), 1)
