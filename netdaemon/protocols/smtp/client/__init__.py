"""SMTP client, for submission and LMTP too (RFC 5321, RFC 6409, RFC 2033).

    settings = Settings(tls=TLS.EXPLICIT)
    session = await connect(reactor, "mail.example.org", 587, user="mulder", password="trustno1", settings=settings)
    async with session as mail:
        refused = await mail.sendmail("mulder@example.org", ["scully@example.org"], b"Subject: ...")

Every call raises Failed. `plain` has the same for programs without a reactor.
"""

from __future__ import annotations

from typing import Any

from netdaemon.protocols.smtp.client.errors import (
    AllRefused,
    NotLoggedIn,
    Refused,
    TryLater,
    Unsendable,
    told,
)
from netdaemon.protocols.smtp.client.extensions import Extensions
from netdaemon.protocols.smtp.client.link import StreamLink
from netdaemon.protocols.smtp.client.session import SMTP
from netdaemon.protocols.smtp.client.settings import TLS, Settings
from netdaemon.protocols.smtp.client.url import PORTS, URL, parse_url
from netdaemon.protocols.smtp.grammar.replies import Reply
from netdaemon.wire.deadlines import Wheel
from netdaemon.wire.failures import BadURL, ConnectFailed, Failed, NoAnswer, NotSpoken, NoWayIn, TLSFailed
from netdaemon.wire.lineclient import reach
from netdaemon.wire.reaching import Timeouts

__all__ = [
    "PORTS",
    "SMTP",
    "TLS",
    "URL",
    "AllRefused",
    "BadURL",
    "ConnectFailed",
    "Extensions",
    "Failed",
    "NoAnswer",
    "NoWayIn",
    "NotLoggedIn",
    "NotSpoken",
    "Refused",
    "Reply",
    "Settings",
    "TLSFailed",
    "Timeouts",
    "TryLater",
    "Unsendable",
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
) -> SMTP:
    """A session at ``host``, a name or an IP address; port 25 (465 with `TLS.IMPLICIT`) unless given.

    It has said EHLO, and is logged in if there is a ``user``. Raises Failed.
    """
    settings = settings or Settings()
    implicit = settings.tls is TLS.IMPLICIT
    context = settings.context(host) if implicit else None
    timeouts = settings.timeouts
    link = StreamLink(Wheel(reactor), timeout=timeouts.answer, stall=timeouts.stall, transcript=settings.transcript)
    with told():
        await reach(reactor, host, port or PORTS["smtps" if implicit else "smtp"], link, context, timeouts)
    session = SMTP(link, host, settings)
    try:
        return await session.begin(user, password)
    except BaseException:
        session.abort()
        raise
