"""Access log lines: one for each session in which somebody logged in, written at its end."""

from __future__ import annotations

from dataclasses import dataclass

from netdaemon.wire.escape import escape


@dataclass(slots=True)
class Tally:
    """What was done in a session."""

    began: float
    """On the monotonic clock."""
    retrieved: int = 0
    octets: int = 0
    """Of messages that were retrieved, as the store has them."""
    tops: int = 0
    deleted: int = 0
    end: str = "lost"
    """How the session ended: quit, failed (QUIT came, and not all was removed), expired (autologout), stopped, lost."""


def access_line(host: str, user: str, moment: str, tally: Tally, seconds: float) -> str:
    """``HOST - USER [MOMENT] "POP3" END SECONDS retr=N/OCTETS top=N dele=N``."""
    return (
        f'{host} - {escape(user).replace(" ", "_")} [{moment}] "POP3" {tally.end} {seconds:.3f} '
        f"retr={tally.retrieved}/{tally.octets} top={tally.tops} dele={tally.deleted}"
    )
