"""The HTTP server's kind (RFC 9110, RFC 9112, RFC 9113)."""

from __future__ import annotations

from twisted.internet.interfaces import IProtocolFactory

from netdaemon.interfaces import IHouse, ServiceKind
from netdaemon.protocols.http.settings import HTTPSettings

__all__ = ["HTTPSettings", "http"]


def _factory(settings: HTTPSettings, house: IHouse) -> IProtocolFactory:
    from netdaemon.protocols.http.server import HTTPFactory  # here, so that `config check` stays quick

    return HTTPFactory(settings, house)


http = ServiceKind(
    name="http",
    summary="Serves the document tree over HTTP.",
    settings=HTTPSettings,
    factory=_factory,
    alpn=(b"h2", b"http/1.1"),
    tries={
        "tcp": ("http://{host}:{port}/", "curl -i http://{host}:{port}/", "netdaemon get http://{host}:{port}/"),
        "tls": ("https://{host}:{port}/", "curl -ki https://{host}:{port}/"),
    },
)
