"""A worker whose jobs are done when the test says so."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, maybeDeferred


class Steps:
    """Provides `IWorks`: ``jobs`` wait, `work` does the oldest, `report` tells of it; `step` is both."""

    def __init__(self) -> None:
        self.jobs: list[tuple[Callable[[], Any], Deferred[Any]]] = []
        self._reports: list[tuple[Deferred[Any], Deferred[Any]]] = []

    def do(self, job: Callable[[], Any], *, must: bool = False) -> Deferred[Any]:
        done: Deferred[Any] = Deferred(lambda done: None)
        self.jobs.append((job, done))
        return done

    def work(self) -> None:
        job, done = self.jobs.pop(0)
        self._reports.append((maybeDeferred(job), done))

    def report(self) -> None:
        outcome, done = self._reports.pop(0)
        if not done.called:
            outcome.chainDeferred(done)

    def step(self) -> None:
        self.work()
        self.report()

    def close(self) -> None:
        self.jobs.clear()
