"""Counters, gauges, and the file they are written to."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families
from twisted.internet import task
from twisted.logger import globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from netdaemon.config.settings import ServiceSettings
from netdaemon.config.values import Listen
from netdaemon.interfaces import IMeasure
from netdaemon.run.errors import StartFailed
from netdaemon.run.measure import TICK_SECONDS, WRITE_SECONDS, Measure


class MeasureTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = task.Clock()
        self.measure = Measure(self.clock)
        self.folder = Path(self.mktemp())
        self.folder.mkdir(parents=True)

    def value(self, name: str, **labels: str) -> float:
        for family in text_string_to_metric_families(self.measure.text().decode()):
            for sample in family.samples:
                if sample.name == name and sample.labels == labels:
                    return float(sample.value)
        raise AssertionError(f"no {name} {labels}")

    def test_interface(self) -> None:
        verifyObject(IMeasure, self.measure)

    def test_counters(self) -> None:
        get = self.measure.command("http", "GET", "200")
        get.inc()
        get.inc(2)
        self.assertEqual(self.value("netdaemon_commands_total", protocol="http", command="GET", result="200"), 3)
        self.measure.auth("smtp", "failed").inc()
        self.assertEqual(self.value("netdaemon_auth_total", protocol="smtp", result="failed"), 1)
        self.measure.refused("time", "max-connections")
        self.assertEqual(self.value("netdaemon_refused_total", protocol="time", reason="max-connections"), 1)

    def test_samples_and_openmetrics_say_the_same(self) -> None:
        self.measure.auth("smtp", "failed").inc(3)
        said = {name: value for name, labels, value in self.measure.samples() if labels.get("result") == "failed"}
        self.assertEqual(said, {"netdaemon_auth_total": 3})
        families = openmetrics(self.measure.text(openmetrics=True).decode())
        samples = [sample for family in families for sample in family.samples]
        self.assertIn(("netdaemon_auth_total", 3), [(sample.name, sample.value) for sample in samples])

    def test_when_it_was_started(self) -> None:
        self.measure = Measure(self.clock, lambda: 1234.0)
        self.assertEqual(self.value("netdaemon_start_time_seconds"), 1234)

    def test_what_makes_no_sum_is_not_reported_by_workers(self) -> None:
        self.measure.watch_doors(lambda: {"http": 3}, lambda: {"*": 2e9})
        self.assertIn(("netdaemon_tls_cert_expiry_timestamp_seconds", {"name": "*"}, 2e9), list(self.measure.samples()))
        names = {family[0] for family in self.measure.report()}
        self.assertIn("netdaemon_connections", names)
        self.assertEqual({name for name in names if name.endswith(("_timestamp_seconds", "_time_seconds"))}, set())

    def test_unhandled_errors_count_once(self) -> None:
        self.measure.unhandled().inc()
        self.measure.failed("netdaemon.protocols.http.server")
        self.assertEqual(self.value("netdaemon_unhandled_errors_total"), 1)
        self.measure.failed("twisted.internet.defer.Deferred")
        self.assertEqual(self.value("netdaemon_unhandled_errors_total"), 2)

    def test_reloaded(self) -> None:
        self.assertEqual(self.value("netdaemon_config_last_reload_successful"), 1)
        self.measure.reloaded(False)
        self.assertEqual(self.value("netdaemon_config_last_reload_successful"), 0)

    def test_watched(self) -> None:
        counts = {"http": 3.0}
        self.measure.watch("netdaemon_connections", "Connections.", "protocol", lambda: counts)
        self.assertEqual(self.value("netdaemon_connections", protocol="http"), 3)
        counts["http"] = 4
        self.assertEqual(self.value("netdaemon_connections", protocol="http"), 4)

    def test_tick(self) -> None:
        self.measure.start(None)
        self.addCleanup(self.measure.stop)
        self.clock.advance(TICK_SECONDS)
        self.clock.advance(TICK_SECONDS + 0.5)  # the reactor was busy
        self.assertEqual(self.value("netdaemon_reactor_tick_seconds_count"), 3)
        self.assertEqual(self.value("netdaemon_reactor_tick_seconds_sum"), 0.5)

    def test_file(self) -> None:
        path = self.folder / "netdaemon.prom"
        self.measure.start(path)
        self.assertIn("netdaemon_unhandled_errors_total 0.0", path.read_text())
        self.measure.unhandled().inc()
        self.clock.pump([1] * int(WRITE_SECONDS))
        self.assertIn("netdaemon_unhandled_errors_total 1.0", path.read_text())
        self.measure.unhandled().inc()
        self.measure.stop()
        self.assertIn("netdaemon_unhandled_errors_total 2.0", path.read_text())
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertEqual(list(self.folder.iterdir()), [path])

    def test_another_file_after_reload(self) -> None:
        self.measure.start(None)
        self.addCleanup(self.measure.stop)
        path = self.folder / "late.prom"
        self.measure.write_to(path)
        self.measure.write_file()
        self.assertTrue(path.exists())
        self.assertEqual(len(self.clock.getDelayedCalls()), 2, "one timer for the file, one for the tick")

    def test_unwritable_file_is_said_once(self) -> None:
        events: list[Any] = []
        globalLogPublisher.addObserver(events.append)
        self.addCleanup(globalLogPublisher.removeObserver, events.append)
        self.measure.start(self.folder / "missing" / "file")
        self.addCleanup(self.measure.stop)
        self.clock.pump([WRITE_SECONDS] * 3)
        self.assertEqual(len(events), 1)

    def service(self, access_log: Path | None) -> ServiceSettings:
        return dataclasses.replace(ServiceSettings(section="http", listen=(Listen("tcp"),)), access_log=access_log)

    def test_access_logs(self) -> None:
        self.assertIsNone(self.measure.access(self.service(None)))
        path = self.folder / "access.log"
        log = self.measure.access(self.service(path))
        assert log is not None
        self.assertIs(self.measure.access(self.service(path)), log, "one file, one buffer")
        log.write("one")
        path.rename(self.folder / "old")
        self.measure.reopen()
        log.write("two")
        self.measure.stop()
        self.assertEqual(((self.folder / "old").read_text(), path.read_text()), ("one\n", "two\n"))
        self.assertRaises(StartFailed, self.measure.access, self.service(self.folder))
