"""The states of a session (RFC 1939 section 3): which commands may come (see `netdaemon.wire.verbs.Verb`)."""

from __future__ import annotations

STRANGER = 1
"""AUTHORIZATION: nobody has said who he is."""
NAMED = 2
"""AUTHORIZATION: USER has come, and PASS is wanted."""
IN = 4
"""TRANSACTION: somebody has his maildrop before him."""

OUT = STRANGER | NAMED
