"""POP3 client (RFC 1939, RFC 2449, RFC 2595, RFC 5034, RFC 6856).

    settings = Settings(tls=TLS.IMPLICIT)
    async with await connect(reactor, "pop.example.org", user="mulder", password="trustno1", settings=settings) as pop:
        for number, octets in (await pop.list()).items():
            message = await pop.message(number)
            await pop.delete(number)

Every call raises Failed. `plain` has the same for programs without a reactor.
"""

from __future__ import annotations

from typing import Any

from netdaemon.protocols.pop3 import ALPN
from netdaemon.protocols.pop3.client.errors import NotLoggedIn, Refused, TryLater, told
from netdaemon.protocols.pop3.client.link import StreamLink
from netdaemon.protocols.pop3.client.session import POP3
from netdaemon.protocols.pop3.client.settings import TLS, Settings
from netdaemon.protocols.pop3.client.url import PORTS, URL, parse_url
from netdaemon.wire.deadlines import Wheel
from netdaemon.wire.failures import (
    BadURL,
    Broken,
    ConnectFailed,
    Failed,
    NoAnswer,
    NotSpoken,
    NoWayIn,
    TLSFailed,
    TooLarge,
)
from netdaemon.wire.lineclient import reach
from netdaemon.wire.reaching import Timeouts

__all__ = [
    "POP3",
    "PORTS",
    "TLS",
    "URL",
    "BadURL",
    "Broken",
    "ConnectFailed",
    "Failed",
    "NoAnswer",
    "NoWayIn",
    "NotLoggedIn",
    "NotSpoken",
    "Refused",
    "Settings",
    "TLSFailed",
    "Timeouts",
    "TooLarge",
    "TryLater",
    "connect",
    "parse_url",
]


async def connect(
    reactor: Any,
    host: str,
    port: int | None = None,
    *,
    user: str | None = None,
    password: str = "",
    settings: Settings | None = None,
) -> POP3:
    """A session at ``host``, a name or an IP address; port 110 (995 with `TLS.IMPLICIT`) unless given.

    It is logged in if there is a ``user``. Raises Failed.
    """
    settings = settings or Settings()
    implicit = settings.tls is TLS.IMPLICIT
    context = settings.context(host, ALPN) if implicit else None
    timeouts = settings.timeouts
    link = StreamLink(Wheel(reactor), timeout=timeouts.answer, stall=timeouts.stall, transcript=settings.transcript)
    with told():
        await reach(reactor, host, port or PORTS["pop3s" if implicit else "pop3"], link, context, timeouts)
    session = POP3(link, host, settings)
    try:
        return await session.begin(user, password)
    except BaseException:
        session.abort()
        raise
