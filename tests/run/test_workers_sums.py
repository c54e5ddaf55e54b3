"""What several workers counted, as one process would have."""

from __future__ import annotations

import json

from prometheus_client.parser import text_string_to_metric_families
from twisted.internet import task
from twisted.trial.unittest import SynchronousTestCase

from netdaemon.run.measure import TICK_SECONDS, Measure
from netdaemon.run.sums import Sums


class SumsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = task.Clock()
        self.sums = Sums()
        self.parent = Measure(self.clock)
        self.parent.sum_up(self.sums)
        self.workers = [Measure(self.clock), Measure(self.clock)]

    def tell(self) -> None:
        """Every worker reports, as over the channel."""
        for number, worker in enumerate(self.workers):
            self.sums.heard(number, json.loads(json.dumps({"families": worker.report()})))

    def values(self) -> dict[str, float]:
        return {
            sample.name + "".join(f" {value}" for _, value in sorted(sample.labels.items())): sample.value
            for family in text_string_to_metric_families(self.parent.text().decode())
            for sample in family.samples
        }

    def test_counters(self) -> None:
        self.workers[0].command("http", "GET", "200").inc(2)
        self.workers[1].command("http", "GET", "200").inc(3)
        self.workers[1].command("http", "GET", "404").inc()
        self.parent.refused("http", "max-connections")
        self.tell()
        self.tell()  # a report takes the place of the one before
        values = self.values()
        self.assertEqual(values["netdaemon_commands_total GET http 200"], 5)
        self.assertEqual(values["netdaemon_commands_total GET http 404"], 1)
        self.assertEqual(values["netdaemon_refused_total http max-connections"], 1)

    def test_the_dead(self) -> None:
        """Their counters stay, their connections don't."""
        for number, worker in enumerate(self.workers):
            worker.command("http", "GET", "200").inc(10)
            worker.watch("netdaemon_connections", "Connections.", "protocol", lambda count=number + 1: {"http": count})
        self.tell()
        self.assertEqual(self.values()["netdaemon_connections http"], 3)
        self.sums.gone(0)
        self.sums.gone(0)
        self.sums.gone("one that never reported")
        values = self.values()
        self.assertEqual(values["netdaemon_connections http"], 2)
        self.assertEqual(values["netdaemon_commands_total GET http 200"], 20)
        self.sums.gone(1)
        values = self.values()
        self.assertNotIn("netdaemon_connections http", values)
        self.assertEqual(values["netdaemon_commands_total GET http 200"], 20)

    def test_histograms(self) -> None:
        for worker in self.workers:
            worker.start(None)
            self.addCleanup(worker.stop)
        self.clock.pump([TICK_SECONDS] * 3)
        self.tell()
        values = self.values()
        self.assertEqual(values["netdaemon_reactor_tick_seconds_count"], 8)  # four of each
        self.assertEqual(values["netdaemon_reactor_tick_seconds_bucket 0.001"], 8)

    def test_the_last_reload_is_the_parents(self) -> None:
        self.tell()
        self.assertEqual(self.values()["netdaemon_config_last_reload_successful"], 1)
        self.parent.reloaded(False)
        self.assertEqual(self.values()["netdaemon_config_last_reload_successful"], 0)

    def test_one_text_for_each_family(self) -> None:
        self.tell()
        lines = self.parent.text().decode().splitlines()
        types = [line for line in lines if line.startswith("# TYPE")]
        self.assertEqual(len(types), len(set(types)))

    def test_nonsense(self) -> None:
        for families in (None, 3, [1], [["x"]], [["x", "no type", "", []]], [["x", "gauge", "", [["x", {}, "y"]]]]):
            with self.assertRaises((TypeError, ValueError), msg=repr(families)):
                self.sums.heard(0, {"families": families})
        with self.assertRaises(KeyError):
            self.sums.heard(0, {})

    def test_too_many(self) -> None:
        from netdaemon.run import sums

        self.patch(sums, "LARGEST", 2)
        self.sums.heard(0, {"families": [["x", "gauge", "", [["x", {"n": str(n)}, 1.0] for n in range(2)]]]})
        with self.assertRaises(ValueError):
            self.sums.heard(0, {"families": [["x", "gauge", "", [["x", {"n": str(n)}, 1.0] for n in range(3)]]]})
