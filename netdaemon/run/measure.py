"""What the daemon counts, in Prometheus' words, and where the access logs are kept."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics
from prometheus_client.registry import Collector
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from zope.interface import implementer

from netdaemon.config.settings import ServiceSettings
from netdaemon.interfaces import IAccessLog, ICounter, IMeasure
from netdaemon.run.accesslog import AccessLog
from netdaemon.run.errors import reason
from netdaemon.run.readyfile import write_whole
from netdaemon.run.sums import Summed, Sums, report

WRITE_SECONDS = 15.0
"""How often the metrics file is written."""

TICK_SECONDS = 1.0
"""How often the reactor's punctuality is looked at."""

_NO_SUM = (
    "netdaemon_config_last_reload_successful",
    "netdaemon_start_time_seconds",
    "netdaemon_tls_cert_expiry_timestamp_seconds",
)

_TICK_BUCKETS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)


@implementer(ICounter)
class Tally:
    """A counter of the reactor's thread, without the lock of prometheus_client's: some are counted up with every
    command.
    """

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value: float = 0

    def inc(self, amount: float = 1) -> None:
        self.value += amount


class Tallies(Collector):
    """Tallies by their labels, as one family of counters."""

    def __init__(self, name: str, text: str, labels: Sequence[str], registry: CollectorRegistry) -> None:
        self._name = name
        self._text = text
        self._labels = labels
        self._tallies: dict[tuple[str, ...], Tally] = {}
        registry.register(self)

    def labels(self, *values: str) -> Tally:
        """The tally of these labels, always the same one."""
        return self._tallies.setdefault(values, Tally())

    def describe(self) -> Iterable[Metric]:
        yield CounterMetricFamily(self._name, self._text, labels=self._labels)

    def collect(self) -> Iterator[Metric]:
        family = CounterMetricFamily(self._name, self._text, labels=self._labels)
        for values, tally in self._tallies.items():
            family.add_metric(values, tally.value)
        yield family


@implementer(IMeasure)
class Measure:
    """Counters in a registry of our own. Their labels come from tables and sections, never from a peer."""

    _log = Logger()

    def __init__(self, clock: IReactorTime, wall: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._access: dict[Path, AccessLog] = {}
        self._file: Path | None = None
        self._failing = False
        self._timers: dict[str, Any] = {}
        # A second gauge beside each counter, of use to nobody here.
        disable_created_metrics()  # type: ignore[no-untyped-call]  # the library types most of itself, not this
        self.registry = registry = CollectorRegistry()
        self._commands = Tallies(
            "netdaemon_commands",
            "Commands, by what became of them.",
            ("protocol", "command", "result"),
            registry,
        )
        self._auth = Counter("netdaemon_auth", "Logins, by outcome.", ("protocol", "result"), registry=registry)
        self._refused = Counter(
            "netdaemon_refused", "Connections that were not let in.", ("protocol", "reason"), registry=registry
        )
        self._delivery = Counter(
            "netdaemon_delivery", "Recipients of mail, by what became of them.", ("result",), registry=registry
        )
        self._unhandled = Counter(
            "netdaemon_unhandled_errors",
            "Errors of the daemon's own, each with a traceback in the log.",
            registry=registry,
        )
        self._reloaded = Gauge(
            "netdaemon_config_last_reload_successful",
            "Was the last reading of the configuration good?",
            registry=registry,
        )
        self._tick = Histogram(
            "netdaemon_reactor_tick_seconds",
            "How late the reactor is with what is due: what a session waits at worst.",
            buckets=_TICK_BUCKETS,
            registry=registry,
        )
        started = Gauge("netdaemon_start_time_seconds", "When the daemon was started.", registry=registry)
        started.set(wall())
        self._reloaded.set(1)
        self._summed: Summed | None = None

    # --- what kinds count ------------------------------------------------------------------------------------

    def command(self, protocol: str, command: str, result: str) -> ICounter:
        return self._commands.labels(protocol, command, result)

    def auth(self, protocol: str, result: str) -> ICounter:
        return cast(ICounter, self._auth.labels(protocol, result))

    def delivery(self, result: str) -> ICounter:
        return cast(ICounter, self._delivery.labels(result))

    def unhandled(self) -> ICounter:
        return cast(ICounter, self._unhandled)

    def access(self, settings: ServiceSettings) -> IAccessLog | None:
        """Raises StartFailed when the file can't be written. Sections may share one."""
        path = settings.access_log
        if path is None:
            return None
        if path not in self._access:
            self._access[path] = AccessLog(path, self._clock)
        return self._access[path]

    # --- what the daemon counts ------------------------------------------------------------------------------

    def refused(self, section: str, why: str) -> None:
        """netdaemon_refused_total: one connection was not let in."""
        self._refused.labels(section, why).inc()

    def failed(self, namespace: str) -> None:
        """A traceback was logged. Our rooms count theirs themselves; what Twisted caught for us counts here."""
        if not namespace.startswith("netdaemon."):
            self._unhandled.inc()

    def reloaded(self, successfully: bool) -> None:
        """netdaemon_config_last_reload_successful."""
        self._reloaded.set(1 if successfully else 0)

    def watch(self, name: str, text: str, label: str, read: Callable[[], Mapping[str, float]]) -> None:
        """A gauge ``name{label}`` whose values are asked for when the counters are; those of workers are summed."""
        self.registry.register(_Watched(name, text, label, read))

    def watch_doors(
        self,
        connections: Callable[[], Mapping[str, float]],
        expiry: Callable[[], Mapping[str, float]],
        queue: Callable[[], Mapping[str, float]] = dict,
    ) -> None:
        """The gauges of what stands open: connections by service, until when the certificates by name are good, and
        the queue's messages by state."""
        self.watch("netdaemon_queue_messages", "Messages on their way out.", "state", queue)
        self.watch("netdaemon_connections", "Connections.", "protocol", connections)
        self.watch(
            "netdaemon_tls_cert_expiry_timestamp_seconds", "When a certificate expires, Unix seconds.", "name", expiry
        )

    # --- workers ---------------------------------------------------------------------------------------------

    def report(self) -> list[Any]:
        """A worker's counters and gauges, for its parent's `Sums`, but for those that make no sum: that has its own."""
        return report(self.registry, but=_NO_SUM)

    def sum_up(self, sums: Sums) -> None:
        """The parent's: from now on `text` has what the workers counted as well."""
        self._summed = Summed(self.registry, sums)

    # --- access logs at SIGHUP and exit ----------------------------------------------------------------------

    def reopen(self) -> None:
        """The access logs were rotated away."""
        for log in self._access.values():
            log.reopen()

    # --- the metrics file ------------------------------------------------------------------------------------

    def start(self, file: Path | None) -> None:
        """Begin to look at the reactor, and to write ``file`` (Prometheus' text format) every 15 seconds."""
        self._beat(self._clock.seconds())
        self.write_to(file)

    def write_to(self, file: Path | None) -> None:
        """Write the counters to ``file`` from now on; None for nowhere."""
        self._file = file
        self._failing = False
        if "file" not in self._timers:
            self._write_on()

    def text(self, openmetrics: bool = False) -> bytes:
        """All counters in Prometheus' text format, or in OpenMetrics'."""
        write = generate_openmetrics if openmetrics else generate_latest
        return write(self._all)

    def samples(self) -> Iterator[tuple[str, Mapping[str, str], float]]:
        """All counters: (name, labels, value)."""
        for family in self._all.collect():
            for sample in family.samples:
                yield sample.name, sample.labels, sample.value

    @property
    def _all(self) -> Collector:
        return self.registry if self._summed is None else self._summed

    def _beat(self, due: float) -> None:
        now = self._clock.seconds()
        self._tick.observe(max(0.0, now - due))
        self._timers["tick"] = self._clock.callLater(TICK_SECONDS, self._beat, now + TICK_SECONDS)

    def _write_on(self) -> None:
        self._timers["file"] = self._clock.callLater(WRITE_SECONDS, self._write_on)
        self.write_file()

    def write_file(self) -> None:
        """Write the metrics file now; a disk that is full is said once."""
        if self._file is None:
            return
        try:
            write_whole(self._file, self.text())
        except OSError as error:
            if not self._failing:
                self._failing = True
                self._log.error("metrics-file can't be written: {error}", error=reason(error))
        else:
            self._failing = False

    def stop(self) -> None:
        """Write everything a last time. Counting goes on, into nothing."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        self.write_file()
        for log in self._access.values():
            log.close()


class _Watched(Collector):
    """A gauge that lives elsewhere."""

    def __init__(self, name: str, text: str, label: str, read: Callable[[], Mapping[str, float]]) -> None:
        self._name = name
        self._text = text
        self._label = label
        self._read = read

    def describe(self) -> Iterable[Metric]:
        yield GaugeMetricFamily(self._name, self._text, labels=(self._label,))

    def collect(self) -> Iterator[Metric]:
        family = GaugeMetricFamily(self._name, self._text, labels=(self._label,))
        for value, number in self._read().items():
            family.add_metric((value,), number)
        yield family
