"""FTP client (RFC 959, 2228, 2389, 2428, 2640, 3659, 4217, 7151; MODE Z).

    async with await connect(reactor, "ftp.example.org", settings=Settings(tls=TLS.EXPLICIT)) as ftp:
        for entry in await ftp.folder("pub"):
            print(entry.name, entry.size)
        async with await ftp.retrieve("pub/README") as download:
            async for chunk in download:
                ...

`blocking.connect` gives the same without a reactor. Every call raises Failed.
"""

from __future__ import annotations

from typing import Any

from netdaemon.protocols.ftp.client.commands import Entry, Hash
from netdaemon.protocols.ftp.client.datastreams import StreamLinks
from netdaemon.protocols.ftp.client.download import Download
from netdaemon.protocols.ftp.client.errors import Broken, NotLoggedIn, Refused, TryLater, UnsafeName, told
from netdaemon.protocols.ftp.client.links import Timeouts
from netdaemon.protocols.ftp.client.session import FTP
from netdaemon.protocols.ftp.client.settings import ANONYMOUS, TLS, Settings
from netdaemon.protocols.ftp.client.streams import ControlStream
from netdaemon.protocols.ftp.client.url import PORTS, URL, parse_url
from netdaemon.wire.deadlines import Wheel
from netdaemon.wire.failures import BadURL, ConnectFailed, Failed, NoAnswer, NotSpoken, TLSFailed, TooLarge
from netdaemon.wire.lineclient import reach

__all__ = [
    "FTP",
    "PORTS",
    "TLS",
    "URL",
    "BadURL",
    "Broken",
    "ConnectFailed",
    "Download",
    "Entry",
    "Failed",
    "Hash",
    "NoAnswer",
    "NotLoggedIn",
    "NotSpoken",
    "Refused",
    "Settings",
    "TLSFailed",
    "Timeouts",
    "TooLarge",
    "TryLater",
    "UnsafeName",
    "connect",
    "parse_url",
]


async def connect(
    reactor: Any,
    host: str,
    port: int | None = None,
    *,
    user: str = ANONYMOUS,
    password: str = "netdaemon@",
    account: str | None = None,
    settings: Settings | None = None,
) -> FTP:
    """A login at ``host``, a name or an IP address; port 21 (990 with `TLS.IMPLICIT`) unless given.

    RFC 1635: an anonymous login has a mail address, or what looks like one, as password. Raises Failed.
    """
    settings = settings or Settings()
    implicit = settings.tls is TLS.IMPLICIT
    context = settings.context(host) if implicit else None
    timeouts = settings.timeouts
    control = ControlStream(Wheel(reactor), timeouts, keep_alive=settings.keep_alive, transcript=settings.transcript)
    with told():
        await reach(reactor, host, port or PORTS["ftps" if implicit else "ftp"], control, context, timeouts)
    ftp = FTP(control, StreamLinks(reactor, timeouts), host, settings)
    try:
        return await ftp.begin(user, password, account)
    except BaseException:
        ftp.abort()
        raise
