"""The HTTP server's kind and settings (RFC 9110, RFC 9112)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from twisted.internet.interfaces import IProtocolFactory

from netdaemon.config.keys import key
from netdaemon.config.settings import ServiceSettings
from netdaemon.config.values import Listen, duration, flag, listens, size, words
from netdaemon.interfaces import IHouse, ServiceKind


@dataclass(frozen=True)
class HTTPSettings(ServiceSettings):
    """[http]: the document tree as a web site."""

    listen: tuple[Listen, ...] = key(listens, "Where it listens.", example="tcp:80 tls:443")
    index: tuple[str, ...] = key(
        words, "Documents shown for a folder, the first that is there; empty for none.", default="index.html"
    )
    listing: bool = key(flag, "List folders that have no index; otherwise they are forbidden (403).", default="no")
    head_timeout: float = key(
        duration, "The deadline of a request's header, from its first byte to its last (408).", default="20s"
    )
    idle_timeout: float = key(duration, "How long a connection is kept open for another request.", default="60s")
    stall_timeout: float = key(
        duration,
        "How long the next 64K of a response may wait for its reader, and a request's body for more of it, before "
        "the connection is dropped.",
        default="60s",
    )
    body_limit: int = key(size, "The largest request body that is read (413 beyond it).", default="1M")
    cache_size: int = key(
        size,
        "How much memory may keep small documents that were asked for lately; 0 keeps none. Changes on the disk are "
        "seen a second later at most, those by services of the same process at once.",
        default="32M",
    )

    def problems(self) -> Iterator[tuple[str, str]]:
        """What the keys can't say each for itself."""
        if any("/" in name or name in (".", "..") for name in self.index):
            yield "index", "these are names of documents within the folder, without /"
        for name in ("head-timeout", "idle-timeout", "stall-timeout"):
            if getattr(self, name.replace("-", "_")) <= 0:
                yield name, "this must be longer than 0s"


def _factory(settings: HTTPSettings, house: IHouse) -> IProtocolFactory:
    from netdaemon.protocols.http.server import HTTPFactory  # here, so that `config check` stays quick

    return HTTPFactory(settings, house)


http = ServiceKind(
    name="http",
    summary="Serves the document tree over HTTP.",
    settings=HTTPSettings,
    factory=_factory,
    alpn=(b"http/1.1",),
    tries={
        "tcp": ("http://{host}:{port}/", "curl -i http://{host}:{port}/", "netdaemon get http://{host}:{port}/"),
        "tls": ("https://{host}:{port}/", "curl -ki https://{host}:{port}/"),
    },
)
