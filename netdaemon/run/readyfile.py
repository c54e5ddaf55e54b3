"""The ready-file: says that every listener is up, and where. Written whole or not at all, removed at stop."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from netdaemon.run.errors import StartFailed, reason


def write_whole(path: Path, data: bytes, mode: int = 0o644) -> None:
    """Write a file so that whoever reads it sees the old content or the new, never half of it. Raises OSError.

    ``mode`` holds whatever the umask.
    """
    temporary = _write_beside(path, data, mode)
    try:
        temporary.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise


def _write_beside(path: Path, data: bytes, mode: int = 0o644) -> Path:
    """Write a file in the folder of ``path``, under a name of its own."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, mode)
        with open(descriptor, "wb") as file:
            os.fchmod(descriptor, mode)  # twistd's umask keeps others out, who are meant to read these
            file.write(data)
    except OSError:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
    return temporary


class ReadyFile:
    """`{"pid": 123, "services": {"time": ["tcp:127.0.0.1:40001", "udp:127.0.0.1:40001"]}}`"""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self._written = False

    def clear(self) -> None:
        """Remove one that a killed daemon left behind; raises StartFailed when one can't be written there."""
        if self.path is None:
            return
        try:
            self.path.unlink(missing_ok=True)
            _write_beside(self.path, b"").unlink()  # under its own name somebody would take it for the real one
        except OSError as error:
            raise StartFailed(f"[netdaemon] ready-file can't be written: {reason(error)}") from None

    def write(self, services: Mapping[str, Sequence[str]]) -> None:
        """Say what listens where. Raises OSError."""
        if self.path is not None:
            told = {"pid": os.getpid(), "services": services}
            write_whole(self.path, json.dumps(told).encode() + b"\n")
            self._written = True

    def remove(self) -> None:
        """Take it away if it is ours."""
        if self.path is not None and self._written:
            self._written = False
            with contextlib.suppress(OSError):  # it stands in a folder that is not ours any more
                self.path.unlink()
