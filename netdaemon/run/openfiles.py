"""The limit of open files, `[netdaemon] open-files`."""

from __future__ import annotations

import resource

from netdaemon.run.errors import StartFailed


def raise_open_files(wanted: int) -> None:
    """Raise the limit of open files to ``wanted`` (0 leaves it). Raises StartFailed when that is forbidden."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if wanted <= soft:
        return
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, max(wanted, hard)))
    except (OSError, ValueError):
        raise StartFailed(
            f"[netdaemon] open-files: the system allows {hard}, not {wanted} "
            "(LimitNOFILE= in the unit, or `ulimit -Hn`, says how many)"
        ) from None
