"""How to speak to a server."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from netdaemon.protocols.ftp.client.links import Timeouts
from netdaemon.wire.tlsclient import Trust
from netdaemon.wire.transcript import Transcript

ANONYMOUS = "anonymous"


class TLS(Enum):
    """When TLS begins."""

    NONE = "none"
    EXPLICIT = "explicit"
    """By AUTH TLS, before the login (RFC 4217)."""
    IMPLICIT = "implicit"
    """With the connection, on a port of its own."""


@dataclass(frozen=True)
class Settings:
    """How to speak to a server."""

    tls: TLS = TLS.NONE
    verify: bool = True
    """Without it any certificate will do, and nobody knows who answers."""
    trust: Trust = field(default_factory=Trust)
    """Whose certificates are believed: whom the system believes, unless said otherwise."""
    active: bool = False
    """The server makes the data connections (PORT, EPRT)."""
    epsv: bool = True
    """Try EPSV and EPRT before PASV and PORT."""
    utf8: bool = True
    """Ask for the features at the login (FEAT), and switch UTF-8 on where it is to be switched on (RFC 2640)."""
    type_last: bool = False
    """Say TYPE behind EPSV or PORT in place of before it: the order of curl, for what knows no other."""
    timeouts: Timeouts = Timeouts()
    keep_alive: float | None = None
    """Seconds without a command after which NOOP is sent; None for never. The blocking client has none."""
    transcript: Transcript | None = None
    """Hears of every line, passwords masked."""
