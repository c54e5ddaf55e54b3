"""The lease on an account's maildrop: one POP3 session at a time (RFC 1939 section 3). It ends by itself, also when
the process that has it was killed.
"""

from __future__ import annotations

from netdaemon.messages.engine import Transaction
from netdaemon.messages.errors import LeaseHeld


def take(work: Transaction, account: str, holder: str, seconds: float) -> None:
    """Take it, or keep it for longer."""
    row = work.db.execute(
        "INSERT INTO lease VALUES (?1, ?2, ?3) ON CONFLICT (account) DO UPDATE "
        "SET holder = excluded.holder, until = excluded.until WHERE lease.holder = ?2 OR lease.until <= ?4 "
        "RETURNING holder",
        (account, holder, work.now + seconds, work.now),
    ).fetchone()
    if row is None:
        raise LeaseHeld(f"another session has the maildrop of {account}")


def give(work: Transaction, account: str, holder: str) -> None:
    """Give it back."""
    work.db.execute("DELETE FROM lease WHERE account = ? AND holder = ?", (account, holder))
