"""The states of a session: which commands may come (see `netdaemon.wire.verbs.Verb`)."""

from __future__ import annotations

STRANGER = 1
"""Nobody has said who he is."""
NAMED = 2
"""USER has come, and PASS is wanted."""
IN = 4
"""Somebody has logged in."""
