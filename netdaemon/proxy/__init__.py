"""The forward proxy's kind (RFC 9110 section 7): http, https, ftp and gopher for browsers."""

from __future__ import annotations

from twisted.internet.interfaces import IProtocolFactory

from netdaemon.interfaces import IHouse, ServiceKind
from netdaemon.proxy.settings import ProxySettings

__all__ = ["ProxySettings", "proxy"]


def _factory(settings: ProxySettings, house: IHouse) -> IProtocolFactory:
    from netdaemon.proxy.server import ProxyFactory  # here, so that `config check` stays quick

    return ProxyFactory(settings, house)


proxy = ServiceKind(
    name="proxy",
    summary="Fetches for browsers what http, https, ftp and gopher servers have.",
    settings=ProxySettings,
    factory=_factory,
    alpn=(b"http/1.1",),
    tries={
        "tcp": (
            "curl -x http://{host}:{port} http://www.example.org/",
            "ftp_proxy=http://{host}:{port} wget ftp://ftp.example.org/",
        ),
        "tls": ("curl --proxy-insecure -x https://{host}:{port} http://www.example.org/",),
    },
)
