"""The kinds of failure that a client's request may end in, by what its caller can do about it."""

from __future__ import annotations

from enum import IntEnum


class Category(IntEnum):
    """Each one's value is the exit status of `netdaemon get`, `put`, `post` and `mirror`."""

    USAGE = 2
    CONNECT = 3
    TLS = 4
    AUTHENTICATION = 5
    REFUSED = 6
    TEMPORARY = 7
    PARTIAL = 8
    LOCAL = 9
