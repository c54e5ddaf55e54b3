"""Who one is at a server: what the URL says, or ~/.netrc, or the terminal is asked."""

from __future__ import annotations

import os
import sys
from netrc import NetrcParseError, netrc
from typing import NamedTuple

from netdaemon.cli.schemes import TransferFailed
from netdaemon.wire.category import Category


class Login(NamedTuple):
    """Name, password and, for those few servers that want one, an account."""

    user: str
    password: str
    account: str | None = None


def login_for(host: str, user: bytes | None, password: bytes | None) -> Login | None:
    """The login at ``host`` for what a URL says; None when nothing says anything. Raises TransferFailed."""
    name = None if user is None else os.fsdecode(user)
    if name is not None and password is not None:
        return Login(name, os.fsdecode(password))
    entry = _netrc_entry(host)
    if entry is not None and entry.user and name in (None, entry.user):
        return entry
    if name is None:
        return None
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise TransferFailed(f"{host}: no password for {name!r}, neither in the URL nor in ~/.netrc", Category.USAGE)
    from getpass import getpass

    return Login(name, getpass(f"Password of {name} at {host}: "))


def _netrc_entry(host: str) -> Login | None:
    try:
        found = netrc().authenticators(host)
    except FileNotFoundError:
        return None
    except (NetrcParseError, OSError, UnicodeDecodeError) as error:
        why = error.msg if isinstance(error, NetrcParseError) else str(error)
        raise TransferFailed(f"~/.netrc: {why}", Category.LOCAL) from None
    if found is None:
        return None
    user, account, password = found
    return Login(user or "", password or "", account or None)
