"""The account store as a command opens it: perhaps as root, beside a daemon that runs as somebody else."""

from __future__ import annotations

import os
import pwd
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from netdaemon.accounts.names import AccountError
from netdaemon.accounts.store import Store


@contextmanager
def store_in(data: Path, user: str = "") -> Iterator[Store]:
    """The store in the data directory, which is made if need be (for ``user``, if root makes it). Raises AccountError.

    Root acts as the directory's owner: what it makes there belongs to the daemon, and a link that the daemon's user
    might put there leads it to nothing that this user could not write himself.
    """
    try:
        if not data.exists():
            _make(data, user)
        with _as_owner(data):
            store = Store(data)
            try:
                yield store
            finally:
                store.close()
    except OSError as error:
        raise AccountError(f"{data}: {error.strerror or error}") from None


def _make(data: Path, user: str) -> None:
    owner = None
    if user and os.geteuid() == 0:
        try:
            owner = pwd.getpwnam(user)
        except KeyError:
            raise AccountError(f"[netdaemon] user {user} is not on this system") from None
    data.mkdir(parents=True, mode=0o700)
    if owner is not None:
        os.chown(data, owner.pw_uid, owner.pw_gid)


@contextmanager
def _as_owner(folder: Path) -> Iterator[None]:
    found = folder.stat()
    if os.geteuid() != 0 or found.st_uid == 0:
        yield
        return
    group, groups = os.getegid(), os.getgroups()
    os.setgroups([found.st_gid])
    os.setegid(found.st_gid)
    os.seteuid(found.st_uid)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(group)
        os.setgroups(groups)
