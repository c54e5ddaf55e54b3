"""Who one is at a server: what the URL says, or ~/.netrc, or whoever is asked besides."""

from __future__ import annotations

import os
from collections.abc import Callable
from netrc import NetrcParseError, netrc
from typing import NamedTuple

from netdaemon.wire.category import Category
from netdaemon.wire.failures import Failed, LocalTrouble


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
    try:
        found = netrc().authenticators(host)
    except FileNotFoundError:
        return None
    except (NetrcParseError, OSError, UnicodeDecodeError) as error:
        why = error.msg if isinstance(error, NetrcParseError) else str(error)
        raise LocalTrouble(f"~/.netrc: {why}") from None
    if found is None or not found[0] or user not in (None, found[0]):
        return None
    name, account, password = found
    return Login(name, password or "", account or None)


def nobody(host: str, user: str | None, realm: str = "") -> Login | None:
    """Nobody is asked: only URLs have logins."""
    return None
