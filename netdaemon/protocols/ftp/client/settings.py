"""How to speak to a server."""

from __future__ import annotations

from dataclasses import dataclass

from netdaemon.protocols.ftp.client.links import Timeouts
from netdaemon.wire.clientsettings import TLS, ClientSettings
from netdaemon.wire.transcript import Transcript

__all__ = ["ANONYMOUS", "TLS", "Settings"]

ANONYMOUS = "anonymous"


@dataclass(frozen=True)
class Settings(ClientSettings[TLS]):
    """How to speak to a server."""

    tls: TLS = TLS.NONE
    active: bool = False
    """The server makes the data connections (PORT, EPRT)."""
    epsv: bool = True
    """Try EPSV and EPRT before PASV and PORT."""
    compress: bool = False
    """Have data deflated on the way (MODE Z) where the server can; where it can't, they go as they are."""
    compress_level: int | None = None
    """1 (fast) to 9 (small), asked of the server too; None leaves it to each side."""
    virtual_host: bool = False
    """Say before the login which host is meant (HOST, RFC 7151), where the server knows that.

    Not unless it is wanted: ProFTPD as it is installed names HOST and refuses every name (504), and so do others, ours
    among them, whoever comes by a name that they were not told. Nor is it for nothing: FEAT is asked before the login.
    """
    utf8: bool = True
    """Ask for the features at the login (FEAT), and switch UTF-8 on where it is to be switched on (RFC 2640)."""
    type_last: bool = False
    """Say TYPE behind EPSV or PORT in place of before it: the order of curl, for what knows no other."""
    timeouts: Timeouts = Timeouts()
    keep_alive: float | None = None
    """Seconds without a command after which NOOP is sent; None for never. The blocking client has none."""
    transcript: Transcript | None = None
    """Hears of every line, passwords masked."""

    def __post_init__(self) -> None:
        if self.compress_level is not None and not 1 <= self.compress_level <= 9:
            raise ValueError(f"a level of compression is 1 to 9, not {self.compress_level}")
