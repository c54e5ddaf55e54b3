"""The factory of the proxy's sessions: HTTP/1's own, with other sites behind them."""

from __future__ import annotations

import re
from secrets import token_hex

from netdaemon.interfaces import IHouse
from netdaemon.protocols.http.grammar.message import Fields
from netdaemon.protocols.http.now import Now
from netdaemon.protocols.http.request import Caller
from netdaemon.protocols.http.responder import Served
from netdaemon.protocols.http.server import SessionFactory
from netdaemon.proxy.dialler import Dialler
from netdaemon.proxy.grammar.target import parse_target
from netdaemon.proxy.settings import ProxySettings
from netdaemon.proxy.site import ProxySite

_USERINFO = re.compile(rb"(?<=//)[^/? ]*@").sub


class ProxyFactory(SessionFactory):
    """Sessions of one [proxy] section."""

    speaks_http2 = False
    parse_target = staticmethod(parse_target)

    def __init__(self, settings: ProxySettings, house: IHouse, dialler: Dialler | None = None) -> None:
        now = Now(house.wall)
        # Two proxies of one name on the way would take each other for a loop.
        name = settings.via or f"{house.hostname}-{token_hex(4)}"
        self._site = ProxySite(settings, house, name.encode(), now, dialler)
        super().__init__("proxy", settings, house, self._site, now)

    def stopFactory(self) -> None:
        self._site.close()

    def record(
        self,
        site: Served | None,
        caller: Caller,
        method: bytes,
        line: bytes,
        status: int,
        sent: int,
        fields: Fields | None,
        user: str,
    ) -> None:
        """As HTTP's, without the passwords of URLs."""
        if b"@" in line:
            line = _USERINFO(b"", line)
        super().record(site, caller, method, line, status, sent, fields, user)
