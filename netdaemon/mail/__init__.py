"""Mail as RFC 5322 and MIME have it: what SMTP, POP3, IMAP and NNTP know of a message and of its addresses.

Whatever octets a message has, it can be read: nothing here raises for a stored message. Addresses that a peer gives
and fields that we are asked to write are another thing: those are right or `Malformed`.
"""

from __future__ import annotations

from netdaemon.wire.malformed import Malformed

__all__ = ["Malformed"]
