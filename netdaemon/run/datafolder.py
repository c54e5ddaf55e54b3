"""The data directory: nobody else's business (mode 0700), and one daemon's at a time."""

from __future__ import annotations

import fcntl
import os
import stat
from pathlib import Path

from netdaemon.run.errors import StartFailed, reason


class DataFolder:
    """``path`` and the lock in it, a file that holds our process number while we run."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock: int | None = None

    @property
    def lock_path(self) -> Path:
        return self.path / "lock"

    def take(self) -> None:
        """Make the folder if need be, and lock it. Raises StartFailed."""
        try:
            self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._close_to_others()
            while not self._try():
                pass
        except BlockingIOError:
            raise StartFailed(f"[netdaemon] data: {self._holder()} runs on {self.path} already") from None
        except OSError as error:
            raise StartFailed(f"[netdaemon] data: can't be written: {reason(error)}") from None

    def _close_to_others(self) -> None:
        mode = stat.S_IMODE(self.path.stat().st_mode)
        if mode & stat.S_ISVTX:
            raise StartFailed(f"[netdaemon] data: {self.path} is a folder for everybody: name one of the daemon's own")
        if mode != 0o700:
            self.path.chmod(0o700)

    def _try(self) -> bool:
        """Lock the file; False when its holder removed it just then. Raises BlockingIOError when it is held."""
        descriptor = os.open(self.lock_path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if not self._stands(descriptor):
                os.close(descriptor)
                return False
            os.ftruncate(descriptor, 0)
            os.write(descriptor, b"%d\n" % os.getpid())
        except BaseException:
            os.close(descriptor)
            raise
        self._lock = descriptor
        return True

    def _stands(self, descriptor: int) -> bool:
        try:
            return os.path.samestat(os.fstat(descriptor), self.lock_path.stat())
        except FileNotFoundError:
            return False

    def _holder(self) -> str:
        try:
            return f"another netdaemon (process {int(self.lock_path.read_text())})"
        except (OSError, ValueError):
            return "another netdaemon"

    def release(self) -> None:
        """Remove the lock, first its name and then itself, so that nobody locks a file without a name."""
        if self._lock is not None:
            try:
                self.lock_path.unlink(missing_ok=True)
            except OSError:
                pass  # an unlocked one that stays behind stops nobody
            os.close(self._lock)
            self._lock = None
