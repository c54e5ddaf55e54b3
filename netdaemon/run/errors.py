"""What ends a start, or a reload: one line for the operator, never a traceback."""

from __future__ import annotations

import os


class StartFailed(Exception):
    """The daemon can't start (or not take on its new configuration); the message says why and what to do."""


def reason(error: OSError) -> str:
    """What the system said, without its number: 'Permission denied: /var/lib/netdaemon'."""
    said = error.strerror or (os.strerror(error.errno) if error.errno else str(error))
    return said if error.filename is None else f"{said}: {os.fsdecode(error.filename)}"
