"""How to speak to a server."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from netdaemon.wire.clientsettings import ClientSettings
from netdaemon.wire.reaching import Timeouts
from netdaemon.wire.transcript import Transcript


class TLS(Enum):
    """When TLS begins."""

    NONE = "none"
    OPPORTUNISTIC = "opportunistic"
    """By STARTTLS where the server has it (RFC 7435). If the handshake fails the connection is lost: who has to get the
    message there comes again in clear."""
    EXPLICIT = "explicit"
    """By STARTTLS, or nothing is sent (RFC 3207)."""
    IMPLICIT = "implicit"
    """With the connection, on a port of its own (RFC 8314)."""


@dataclass(frozen=True)
class Settings(ClientSettings[TLS]):
    """How to speak to a server."""

    tls: TLS = TLS.NONE
    lmtp: bool = False
    """Speak LMTP (RFC 2033)."""
    name: str = ""
    """What we call ourselves in EHLO; empty is our address in brackets (RFC 5321 section 4.1.3)."""
    chunking: bool = True
    """Send by BDAT where the server has it."""
    plain: bool = False
    """A password may travel in clear also where that leaves this host, if the server knows nothing better."""
    timeouts: Timeouts = Timeouts(connect=30.0, answer=300.0, stall=180.0)
    """RFC 5321 4.5.3.2 wants five minutes for most answers and three for a piece of a message."""
    final: float = 600.0
    """Seconds for the answer behind a message (4.5.3.2.6)."""
    transcript: Transcript | None = None
    """Hears of every line, passwords masked."""
