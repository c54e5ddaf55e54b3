"""A progress bar on standard error, for those who look at a terminal."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING

from netdaemon.wire.escape import escape

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

REFRESH = 0.1
"""Seconds between two looks at the bar; a fast transfer tells of its progress far more often."""


class Bar:
    """One transfer's bar, as a context manager; nothing at all unless ``wanted``."""

    def __init__(self, label: str, wanted: bool) -> None:
        self._label = escape(label)
        self._wanted = wanted
        self._progress: Progress | None = None
        self._task: TaskID | None = None
        self._done = 0
        self._shown = 0.0

    def __enter__(self) -> Bar:
        return self

    def begin(self, done: int, total: int | None) -> None:
        """``done`` octets of ``total`` (None when nobody knows) are there already."""
        self._done = done
        if not self._wanted:
            return
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
        self._task = self._progress.add_task(self._label, total=total, completed=done)

    def advance(self, octets: int) -> None:
        """So many more are there."""
        self._done += octets
        if self._progress is not None and time.monotonic() - self._shown >= REFRESH:
            self._show()

    def _show(self) -> None:
        assert self._progress is not None and self._task is not None
        self._shown = time.monotonic()
        self._progress.update(self._task, completed=self._done)

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        if self._progress is not None:
            self._show()
            self._progress.stop()
