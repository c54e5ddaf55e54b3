"""The daemon's log: one line an event, text or JSON, on standard output or in a file that SIGHUP opens anew.

Whatever a peer sent is escaped before it stands in a line, so that nobody can forge a second one or speak to the
terminal. A log that can't be written never stops the daemon.
"""

from __future__ import annotations

import io
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.logger import ILogObserver, LogEvent, LogLevel, formatEvent
from zope.interface import implementer

from netdaemon.config.settings import LogSettings
from netdaemon.run.errors import StartFailed, reason
from netdaemon.wire.escape import escape

STDOUT = 1
FILE_MODE = 0o640

_LEVELS = {"debug": LogLevel.debug, "info": LogLevel.info, "warn": LogLevel.warn, "error": LogLevel.error}
_WEIGHT = {LogLevel.debug: 0, LogLevel.info: 1, LogLevel.warn: 2, LogLevel.error: 3, LogLevel.critical: 4}

# Keys of the old twisted.python.log and of its conversion: they say nothing that the new ones don't.
_LEGACY = frozenset({"format", "message", "isError", "failure", "why", "system", "time", "printed", "eventSource"})


@implementer(ILogObserver)
class Log:
    """The observer of everything that is logged; ``failures`` hears of each traceback, with its namespace."""

    def __init__(self, settings: LogSettings, fallback: Path | None = None) -> None:
        """``fallback`` is written when the settings name no file; without it, standard output.

        Raises StartFailed when the file can't be opened.
        """
        self.failures: Callable[[str], object] = lambda namespace: None
        self.fallback = fallback
        self._descriptor = STDOUT
        self.change(settings, self.open(settings))

    def open(self, settings: LogSettings) -> int:
        """A descriptor to log to as the settings want it, for `change` or `discard`. Raises StartFailed."""
        path = settings.file or self.fallback
        if path is None:
            return STDOUT
        try:
            return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, FILE_MODE)
        except OSError as error:
            raise StartFailed(f"[log] file can't be written: {reason(error)}") from None

    def discard(self, descriptor: int) -> None:
        """Close what `open` gave: it will not be used."""
        if descriptor != STDOUT:
            os.close(descriptor)

    def change(self, settings: LogSettings, descriptor: int) -> None:
        """From now on as ``settings`` want it, to ``descriptor``."""
        before, self._descriptor = self._descriptor, descriptor
        self._shape = _json_line if settings.format == "json" else _text_line
        self._least = _WEIGHT[_LEVELS[settings.level]]
        self.discard(before)

    @property
    def to_file(self) -> bool:
        return self._descriptor != STDOUT

    def give_to(self, uid: int, gid: int) -> None:
        """The user that the daemon is about to become will open the file anew at SIGHUP."""
        if self.to_file:
            os.fchown(self._descriptor, uid, gid)

    def __call__(self, event: LogEvent) -> None:
        level = event.get("log_level", LogLevel.info)
        namespace = str(event.get("log_namespace", ""))
        if "log_failure" in event:
            self.failures(namespace)
        weight = _WEIGHT.get(level, 1)
        if weight == 1 and _is_noise(namespace):
            weight = 0
        if weight < self._least:
            return
        line = self._shape(event, level.name if level is not None else "info", namespace).encode()
        try:
            while line:
                line = line[os.write(self._descriptor, line) :]
        except OSError:
            pass  # a full disk, a closed pipe: nobody is left to be told


def _is_noise(namespace: str) -> bool:
    """Twisted's own news: "Starting factory", "(TCP Port 80 Closed)", "reactor class". Debugging, in our log."""
    return namespace == "log_legacy" or namespace.startswith("twisted.")


def _said(event: LogEvent) -> str:
    try:
        text = formatEvent(event)
    except Exception as error:  # noqa: BLE001  # an event's own objects may fail to show themselves
        text = f"unprintable event: {error!r}"
    return text


def _traceback(event: LogEvent) -> str:
    failure = event.get("log_failure")
    if failure is None:
        return ""
    try:
        output = io.StringIO()
        failure.printTraceback(file=output)
        return output.getvalue().rstrip("\n")
    except Exception as error:  # noqa: BLE001  # an exception's __str__ may fail
        return f"unprintable traceback: {error!r}"


def _text_line(event: LogEvent, level: str, namespace: str) -> str:
    moment = event.get("log_time", 0.0)
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(moment))
    line = f"{stamp}.{int(moment * 1000) % 1000:03d}Z {level:<8} {namespace}: {escape(_said(event))}\n"
    for part in _traceback(event).splitlines():
        line += f"    {escape(part)}\n"
    return line


def _json_line(event: LogEvent, level: str, namespace: str) -> str:
    moment = event.get("log_time", 0.0)
    told: dict[str, Any] = {
        "time": round(moment, 6),
        "level": level,
        "namespace": namespace,
        "message": escape(_said(event)),
    }
    for name, value in event.items():
        # Plain values only: an object's repr is for formatting, and may be long or secret.
        if not name.startswith("log_") and name not in _LEGACY and name not in told:
            if isinstance(value, bool | int | float | None):
                told[name] = value
            elif isinstance(value, str | bytes):
                told[name] = escape(value)
    if trace := _traceback(event):
        told["traceback"] = "\n".join(map(escape, trace.splitlines()))
    # Escaped twice, by us and by JSON: so it is still harmless when `jq -r` shows it on a terminal.
    return json.dumps(told, ensure_ascii=True) + "\n"
