"""How to speak to a server."""

from __future__ import annotations

from dataclasses import dataclass

from netdaemon.wire.clientsettings import TLS, ClientSettings
from netdaemon.wire.reaching import Timeouts
from netdaemon.wire.transcript import Transcript

__all__ = ["TLS", "Settings"]


@dataclass(frozen=True)
class Settings(ClientSettings[TLS]):
    """How to speak to a server."""

    tls: TLS = TLS.NONE
    plain: bool = True
    """The password may travel in clear where there is no TLS, if the server knows nothing better."""
    utf8: bool = True
    """Messages may come with UTF-8 in their headers (RFC 6856), where the server wants to be told."""
    timeouts: Timeouts = Timeouts()
    transcript: Transcript | None = None
    """Hears of every line, passwords masked."""
