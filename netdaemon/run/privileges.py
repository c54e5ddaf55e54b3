"""Root's rights, given up for good once every address is bound."""

from __future__ import annotations

import grp
import os
import pwd
import stat
from dataclasses import dataclass
from pathlib import Path

from netdaemon.run.errors import StartFailed


@dataclass(frozen=True)
class Identity:
    """Whom the daemon becomes."""

    user: str
    uid: int
    gid: int
    groups: tuple[int, ...]
    """All of the user's groups: a certificate's key is often readable by one of them."""


def identity(user: str, group: str) -> Identity | None:
    """Who `[netdaemon] user` and `group` are, None when neither is set. Raises StartFailed."""
    if not user and not group:
        return None
    if os.geteuid() != 0:
        if user in ("", pwd.getpwuid(os.geteuid()).pw_name) and not group:
            return None  # we are that already
        raise StartFailed("[netdaemon] user and group want the daemon started as root, to become them after binding")
    if not user:
        raise StartFailed("[netdaemon] group is set and user is not: say which user the daemon becomes")
    try:
        account = pwd.getpwnam(user)
    except KeyError:
        raise StartFailed(f"[netdaemon] user {user} is not on this system") from None
    try:
        gid = grp.getgrnam(group).gr_gid if group else account.pw_gid
    except KeyError:
        raise StartFailed(f"[netdaemon] group {group} is not on this system") from None
    if account.pw_uid == 0:
        raise StartFailed(f"[netdaemon] user {user} is root: leave the key out, or name another")
    return Identity(user, account.pw_uid, gid, tuple(sorted(set(os.getgrouplist(user, gid)))))


def give_away(folder: Path, uid: int, gid: int) -> None:
    """Make ``folder``, and what root has put into it, belong to that user. Raises OSError.

    Only what is root's changes hands, no link is followed, and a file with a second name is left alone: it may
    have been linked here by somebody who wants it.
    """
    os.chown(folder, uid, gid)
    for _, folders, files, here in os.fwalk(folder, follow_symlinks=False):
        for name in folders + files:
            found = os.stat(name, dir_fd=here, follow_symlinks=False)
            folder_or_file = stat.S_ISDIR(found.st_mode) or (stat.S_ISREG(found.st_mode) and found.st_nlink == 1)
            if found.st_uid == 0 and folder_or_file:
                os.chown(name, uid, gid, dir_fd=here, follow_symlinks=False)


def become(to: Identity) -> None:
    """Give up root for good. Raises StartFailed if anything of it could be had back."""
    os.setgroups(to.groups)
    os.setresgid(to.gid, to.gid, to.gid)
    os.setresuid(to.uid, to.uid, to.uid)
    try:
        os.setuid(0)
    except PermissionError:
        pass
    else:
        raise StartFailed(f"the daemon could become root again after becoming {to.user}")
    if os.getresuid() != (to.uid,) * 3 or os.getresgid() != (to.gid,) * 3 or set(os.getgroups()) != set(to.groups):
        raise StartFailed(f"the daemon could not become {to.user} altogether")
