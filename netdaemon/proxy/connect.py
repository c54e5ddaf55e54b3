"""CONNECT: a tunnel to a host and port (RFC 9110 section 9.3.6)."""

from __future__ import annotations

from netdaemon.interfaces import IHouse
from netdaemon.protocols.http.grammar.message import Fields
from netdaemon.protocols.http.request import Caller, Request
from netdaemon.protocols.http.response import Response, Takeover
from netdaemon.proxy.grammar.target import Destination
from netdaemon.proxy.settings import ProxySettings
from netdaemon.proxy.tunnel import Tunnel
from netdaemon.proxy.way import Way


class Connect:
    """Opens tunnels."""

    def __init__(self, settings: ProxySettings, house: IHouse, way: Way) -> None:
        self._settings = settings
        self._deadlines = house.deadlines
        self._way = way

    async def respond(self, request: Request, caller: Caller, to: Destination) -> Response:
        """Another's connection in place of a response. Raises Denied and Unreachable."""
        settings = self._settings
        tunnel = Tunnel(self._deadlines, settings.tunnel_idle_timeout, settings.tunnel_lifetime)
        try:
            await self._way.far(to, lambda: tunnel.far)
        except BaseException:
            tunnel.abort()
            raise
        # RFC 9110 9.3.6: neither Content-Length nor Transfer-Encoding in a 2xx response to CONNECT
        takeover = Takeover(tunnel.near, tunnel.join, tunnel.abort)
        return Response(200, Fields(), line=b"HTTP/1.1 200 Connection established", takeover=takeover)
