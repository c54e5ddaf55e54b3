"""Ending a connection so that the peer gets our last words."""

from __future__ import annotations

from typing import Any

from twisted.internet.interfaces import IHalfCloseableDescriptor, ISSLTransport

LINGER = 5.0
"""Seconds a connection that we ended is still read: closed at once, the peer would be reset and lose our answer."""


def closes_by_halves(transport: Any) -> bool:
    """Can our direction be closed alone?"""
    # A transport under TLS claims what the one beneath it provides; half a close there would skip the alert.
    return IHalfCloseableDescriptor.providedBy(transport) and not ISSLTransport.providedBy(transport)
