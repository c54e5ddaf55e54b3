"""Progress bars on standard error, for those who look at a terminal."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING

from netdaemon.wire.escape import escape

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

REFRESH = 0.1
"""Seconds between two looks at a bar; a fast transfer tells of its progress far more often."""


class Bars:
    """The bars of one command, as a context manager; nothing at all unless ``wanted``."""

    def __init__(self, wanted: bool) -> None:
        self._wanted = wanted
        self._progress: Progress | None = None

    def __enter__(self) -> Bars:
        return self

    def add(self, label: str, done: int, total: int | None) -> Bar:
        """One transfer's bar; ``done`` octets of ``total`` (None when nobody knows) are there already."""
        if not self._wanted:
            return Bar(None, None, done)
        if self._progress is None:
            from rich import progress
            from rich.console import Console

            self._progress = progress.Progress(
                progress.TextColumn("{task.description}", markup=False),
                progress.BarColumn(),
                progress.DownloadColumn(binary_units=True),
                progress.TransferSpeedColumn(),
                progress.TimeRemainingColumn(),
                console=Console(file=sys.stderr),
            )
            self._progress.start()
        return Bar(self._progress, self._progress.add_task(escape(label), total=total, completed=done), done)

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        if self._progress is not None:
            self._progress.stop()


class Bar:
    """One transfer's; `Bars.add` makes it."""

    def __init__(self, progress: Progress | None, task: TaskID | None, done: int) -> None:
        self._progress = progress
        self._task = task
        self._done = done
        self._shown = 0.0

    def advance(self, octets: int) -> None:
        """So many more are there."""
        self._done += octets
        if self._progress is not None and time.monotonic() - self._shown >= REFRESH:
            self.show()

    def show(self) -> None:
        """Let it be seen how far it is now."""
        if self._progress is not None and self._task is not None:
            self._shown = time.monotonic()
            self._progress.update(self._task, completed=self._done)
