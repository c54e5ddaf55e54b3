"""The Gopher server's kind (RFC 1436, Gopher+)."""

from __future__ import annotations

from twisted.internet.interfaces import IProtocolFactory

from netdaemon.interfaces import IHouse, ServiceKind
from netdaemon.protocols.gopher.settings import GopherSettings

__all__ = ["GopherSettings", "gopher"]


def _factory(settings: GopherSettings, house: IHouse) -> IProtocolFactory:
    from netdaemon.protocols.gopher.server import GopherFactory  # here, so that `config check` stays quick

    return GopherFactory(settings, house)


gopher = ServiceKind(
    name="gopher",
    summary="Serves the document tree over Gopher.",
    settings=GopherSettings,
    factory=_factory,
    alpn=(b"gopher",),
    tries={
        "tcp": (
            "curl gopher://{host}:{port}/",
            "netdaemon browse gopher://{host}:{port}/",
            "lynx gopher://{host}:{port}/",
        ),
        "tls": ("netdaemon get --insecure gophers://{host}:{port}/",),
    },
)
