"""What ends a start, or a reload: one line for the operator, never a traceback."""

from __future__ import annotations

import os

from twisted.logger import Logger

_log = Logger()


class StartFailed(Exception):
    """The daemon can't start (or not take on its new configuration); the message says why and what to do."""


def reason(error: OSError) -> str:
    """What the system said, without its number: 'Permission denied: /var/lib/netdaemon'."""
    said = error.strerror or (os.strerror(error.errno) if error.errno else str(error))
    return said if error.filename is None else f"{said}: {os.fsdecode(error.filename)}"


def explain(error: Exception) -> StartFailed:
    """Whatever ended a start, as one line; a defect's traceback goes to the log."""
    if isinstance(error, StartFailed):
        return error
    if isinstance(error, OSError):
        return StartFailed(reason(error))
    if type(error).__module__.startswith("netdaemon."):
        return StartFailed(str(error))  # a room's own words for the operator
    _log.failure("unexpected")
    return StartFailed(f"{type(error).__name__}: {error} (a defect: the traceback is in the log)")
