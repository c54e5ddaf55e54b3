"""How a line protocol's client speaks to a server, as far as that is the same for all: TLS, and whom it believes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Generic, TypeVar

from netdaemon.wire.tlsclient import Contexts, Trust

T = TypeVar("T", bound=Enum)


class TLS(Enum):
    """When TLS begins."""

    NONE = "none"
    EXPLICIT = "explicit"
    """By the protocol's command for it, before the login (FTP's in RFC 4217, POP3's in RFC 2595)."""
    IMPLICIT = "implicit"
    """With the connection, on a port of its own (RFC 8314)."""


@dataclass(frozen=True)
class ClientSettings(Generic[T]):
    """What every line protocol's client wants to be told; ``T`` are the ways in which TLS may begin."""

    tls: T
    verify: bool = True
    """Without it any certificate will do, and nobody knows who answers."""
    trust: Contexts = field(default_factory=Trust)
    """Whose certificates are believed: whom the system believes, unless said otherwise."""

    def context(self, host: str, alpn: Sequence[bytes] = ()) -> Any:
        """A creator of TLS connections to ``host``, as `Trust.client` makes it, and raising what that does."""
        return self.trust.client(host, alpn, self.verify)
