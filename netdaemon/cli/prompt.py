"""A login, asked of whoever sits at the terminal."""

from __future__ import annotations

import sys

from netdaemon.url.logins import Login, by_netrc
from netdaemon.wire.escape import escape


def ask_login(host: str, user: str | None, realm: str = "") -> Login | None:
    """What ~/.netrc has, or what is typed; without a terminal nothing is asked. Raises LocalTrouble."""
    found = by_netrc(host, user)
    if found is not None or not (sys.stdin.isatty() and sys.stderr.isatty()):
        return found
    if user is None and not realm:
        return None  # nobody has said yet that a name is wanted
    from getpass import getpass

    where = f"{escape(realm)} at {host}" if realm else host
    if user is None:
        print(f"User of {where}: ", end="", file=sys.stderr, flush=True)
        user = sys.stdin.readline().strip()
        if not user:
            return None
    return Login(user, getpass(f"Password of {user} at {host}: "))
