"""The states of a session, as flags."""

from __future__ import annotations

STRANGER = 1
"""No HELO yet."""
GREETED = 2
"""Between two messages."""
MAIL = 4
"""MAIL has begun one."""
RCPT = 8
"""It has a recipient."""
CHUNKS = 16
"""And a chunk of the message has come (BDAT)."""

TRANSACTION = MAIL | RCPT | CHUNKS
