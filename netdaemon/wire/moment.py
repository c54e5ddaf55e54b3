"""Moments as access logs write them, in English whatever the locale."""

from __future__ import annotations

import time

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def log_moment(second: int) -> str:
    """Unix seconds as the combined log format has them: ``10/Oct/2000:13:55:36 +0000``."""
    year, month, day, hour, minute, seconds, _, _, _ = time.gmtime(second)
    return f"{day:02d}/{_MONTHS[month - 1]}/{year:04d}:{hour:02d}:{minute:02d}:{seconds:02d} +0000"
