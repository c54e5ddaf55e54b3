"""Who one is at a server: what the URL says, or ~/.netrc, or whoever is asked besides."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from netdaemon.url.netrc import Malformed, login_in, parse_netrc
from netdaemon.wire.category import Category
from netdaemon.wire.failures import Failed, LocalTrouble

MAX_NETRC = 1024 * 1024
"""Octets of a .netrc."""


class Login(NamedTuple):
    """Name, password and, for those few servers that want one, an account."""

    user: str
    password: str
    account: str | None = None


Ask = Callable[[str, str | None, str], Login | None]
"""(host, user or None, realm or ""): the login there, of that user if one is given; None when nobody knows one."""


class NoPassword(Failed):
    """There is a name and no password to it."""

    category = Category.USAGE


def login_for(ask: Ask, host: str, user: bytes | None, password: bytes | None) -> Login | None:
    """The login at ``host`` for what a URL says; None when nothing says one. Raises NoPassword, LocalTrouble."""
    name = None if user is None else os.fsdecode(user)
    if name is not None and password is not None:
        return Login(name, os.fsdecode(password))
    found = ask(host, name, "")
    if found is None and name is not None:
        raise NoPassword(f"{host}: no password for {name!r}, neither in the URL nor in ~/.netrc")
    return found


def by_netrc(host: str, user: str | None, realm: str = "") -> Login | None:
    """What ~/.netrc has for ``host``. Raises LocalTrouble."""
    return netrc_login(Path("~/.netrc").expanduser(), host, user)


def netrc_login(path: Path, host: str, user: str | None) -> Login | None:
    """What the file at ``path``, which need not be there, has for ``host``. Raises LocalTrouble."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_NETRC + 1)
        if len(data) > MAX_NETRC:
            raise Malformed(f"larger than {MAX_NETRC} octets")
        found = login_in(parse_netrc(os.fsdecode(data)), host, user)
    except FileNotFoundError:
        return None
    except (Malformed, OSError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        raise LocalTrouble(f"{path}: {why}") from None
    return None if found is None else Login(found.login or "", found.password or "", found.account)


def nobody(host: str, user: str | None, realm: str = "") -> Login | None:
    """Nobody is asked: only URLs have logins."""
    return None
