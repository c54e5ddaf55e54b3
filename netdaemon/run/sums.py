"""Sums: what the workers have counted, as one: for the metrics file it looks like one process."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator
from typing import Any

from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from netdaemon.run.control import Message

Families = dict[str, tuple[str, str, dict[tuple[str, tuple[tuple[str, str], ...]], float]]]
"""Family's name to its type, its text, and its samples: (sample's name, sorted labels) to value."""

GAUGE = "gauge"
LARGEST = 100_000
"""Samples that one worker may report."""


def report(registry: CollectorRegistry, but: Iterable[str] = ()) -> list[Any]:
    """The families of ``registry`` as JSON takes them, without those named."""
    leave_out = set(but)
    return [
        [family.name, family.type, family.documentation, [[one.name, one.labels, one.value] for one in family.samples]]
        for family in registry.collect()
        if family.name not in leave_out
    ]


def _families(told: Any) -> Families:
    """Back from `report`. Raises TypeError or ValueError."""
    if sum(len(samples) for _, _, _, samples in told) > LARGEST:
        raise ValueError("more samples than a worker can have")
    families: Families = {}
    for name, kind, text, samples in told:
        Metric(name, text, kind)  # raises ValueError for what is none
        values = {(str(one), tuple(sorted(labels.items()))): float(value) for one, labels, value in samples}
        families[str(name)] = (kind, str(text), values)
    return families


def _add(to: Families, more: Families, *, gauges: bool = True) -> None:
    for name, (kind, text, values) in more.items():
        if kind == GAUGE and not gauges:
            continue
        _, _, sums = to.setdefault(name, (kind, text, {}))
        for sample, value in values.items():
            sums[sample] = sums.get(sample, 0.0) + value


class Sums:
    """The last report of each living worker, and the counters of those that are gone."""

    def __init__(self) -> None:
        self._living: dict[Hashable, Families] = {}
        self._gone: Families = {}

    def heard(self, worker: Hashable, message: Message) -> None:
        """A report has come; it takes the place of that worker's last one. Raises TypeError, KeyError, ValueError."""
        self._living[worker] = _families(message["families"])

    def gone(self, worker: Hashable) -> None:
        """It has ended: what it counted stays, its gauges don't."""
        _add(self._gone, self._living.pop(worker, {}), gauges=False)

    def families(self, own: Iterable[Metric]) -> Families:
        """All of them, with the parent's ``own``."""
        sums: Families = {}
        for family in own:
            values = {(one.name, tuple(sorted(one.labels.items()))): one.value for one in family.samples}
            _add(sums, {family.name: (family.type, family.documentation, values)})
        _add(sums, self._gone)
        for reported in self._living.values():
            _add(sums, reported)
        return sums


class Summed(Collector):
    """The parent's registry and the workers' sums, as `generate_latest` takes them."""

    def __init__(self, own: CollectorRegistry, sums: Sums) -> None:
        self._own = own
        self._sums = sums

    def collect(self) -> Iterator[Metric]:
        for name, (kind, text, values) in self._sums.families(self._own.collect()).items():
            metric = Metric(name, text, kind)
            for (sample, labels), value in values.items():
                metric.add_sample(sample, dict(labels), value)
            yield metric
