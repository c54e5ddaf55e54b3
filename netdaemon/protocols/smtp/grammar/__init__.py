"""SMTP's words, both sides' (RFC 5321 and its extensions): bytes to values and back, and nothing else."""

from __future__ import annotations

from netdaemon.mail import Malformed

__all__ = ["Malformed"]
