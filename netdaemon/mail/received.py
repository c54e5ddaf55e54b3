"""Trace fields: Received and Return-Path (RFC 5321 section 4.4)."""

from __future__ import annotations

import re

from netdaemon.mail import Malformed
from netdaemon.mail.addresses import Address
from netdaemon.mail.dates import format_date
from netdaemon.mail.domains import check_domain
from netdaemon.mail.fields import folded
from netdaemon.mail.header import Header

MAX_RECEIVED = 100
"""RFC 5321 6.3: a message with more of them runs in a circle."""

_UNFIT = re.compile(r"[^A-Za-z0-9._:\[\]-]")


def received_field(
    *,
    greeting: str,
    peer: str,
    peer_name: str = "",
    host: str,
    protocol: str,
    number: str,
    recipient: Address | None = None,
    tls: str = "",
    now: float,
) -> bytes:
    """A Received field.

    ``greeting`` is what the peer said in HELO, whatever it was; ``peer`` its IP address and ``peer_name`` the name
    that this has. ``protocol`` is one of RFC 3848's, ``number`` our name for the transaction, ``tls`` a comment. The
    ``recipient`` is told when there is one only, for RFC 5321 7.6 forbids to tell others of it.
    """
    try:
        check_domain(greeting)
        name = greeting if greeting.isascii() else "unknown"
    except Malformed:
        name = _UNFIT.sub("?", greeting)[:64] or "unknown"
    # RFC 5321 4.1.3: address-literal
    literal = f"[IPv6:{peer}]" if ":" in peer else f"[{peer}]"
    words = ["from", name, f"({_UNFIT.sub('?', peer_name)} {literal})" if peer_name else f"({literal})"]
    words += ["by", host, "(netdaemon)", "with", protocol]
    if tls:
        words.append(f"({_UNFIT.sub(' ', tls)})")
    words += ["id", number]
    if recipient is not None:
        words += ["for", f"<{recipient}>"]
    words[-1] += ";"
    return folded("Received", [*words, format_date(now)])


def return_path_field(sender: Address | None) -> bytes:
    """The field that final delivery writes (RFC 5321 section 4.4); None is the null path."""
    return folded("Return-Path", ["<>" if sender is None else f"<{sender}>"])


def times_received(header: Header) -> int:
    """How many hosts took the message so far."""
    return len(header.all(b"received"))
