"""Open any URL: http, https, ftp, ftps, gopher, gophers, file and data.

    opened = await netdaemon.url.open("https://www.example.org/")
    print(opened.url, opened.headers["Content-Type"])
    async for octets in opened:
        ...

`Opener` does the same for many URLs: it keeps connections, cookies and logins, and takes `Wishes`. Whatever fails
raises `Failed`, whose ``category`` says what can be done about it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from netdaemon.url.opened import Opened, StatusRefused
from netdaemon.url.opener import SCHEMES, Opener
from netdaemon.url.wishes import Wishes
from netdaemon.wire.category import Category
from netdaemon.wire.failures import BadURL, Broken, ConnectFailed, Failed, NoAnswer, NotSpoken, TLSFailed, TooLarge

__all__ = [
    "SCHEMES",
    "BadURL",
    "Broken",
    "Category",
    "ConnectFailed",
    "Failed",
    "NoAnswer",
    "NotSpoken",
    "Opened",
    "Opener",
    "StatusRefused",
    "TLSFailed",
    "TooLarge",
    "Wishes",
    "open",
]


async def open(  # as urllib.request, codecs and gzip have it
    url: str,
    *,
    method: str = "GET",
    headers: Mapping[str, str] | Iterable[tuple[str, str]] = (),
    body: bytes = b"",
    wishes: Wishes | None = None,
    reactor: Any = None,
) -> Opened:
    """What ``url`` stands for, its octets still coming; read it to its end, or close it. Raises Failed.

    The connections are closed with it. ``reactor`` is the one that runs, unless given.
    """
    if reactor is None:
        from twisted.internet import reactor as running  # whoever calls this has chosen one

        reactor = running
    opener = Opener(reactor, wishes)
    try:
        opened = await opener.open(url, method=method, headers=headers, body=body)
    except BaseException:
        await opener.close()
        raise
    opened.last = opener.close
    return opened
