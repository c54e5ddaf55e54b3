"""The commands, in one table."""

from __future__ import annotations

from netdaemon.protocols.pop3.commands import drop, login, message, options
from netdaemon.protocols.pop3.commands.states import IN, NAMED, OUT
from netdaemon.wire.line import ALWAYS, Verb, VerbTable

LIMIT = 512
"""Octets of a command; RFC 2449 section 4 has 255, and leaves none of a long name and password in UTF-8."""

_NONE = (0, 0)

COMMANDS = VerbTable(
    # AUTHORIZATION (RFC 1939 sections 4 and 7, RFC 2595, RFC 5034)
    Verb(b"USER", OUT, login.user),
    Verb(b"PASS", NAMED, login.password, secret=0),
    Verb(b"APOP", OUT, login.apop, secret=1),
    Verb(b"AUTH", OUT, login.auth, limit=12_288, secret=1),
    Verb(b"STLS", OUT, login.stls, _NONE),
    # TRANSACTION (RFC 1939 section 5)
    Verb(b"STAT", IN, drop.stat, _NONE),
    Verb(b"LIST", IN, drop.list_),
    Verb(b"UIDL", IN, drop.uidl),
    Verb(b"RETR", IN, message.retr),
    Verb(b"TOP", IN, message.top),
    Verb(b"DELE", IN, drop.dele),
    Verb(b"RSET", IN, drop.rset, _NONE),
    # Either (RFC 1939, RFC 2449, RFC 6856)
    Verb(b"NOOP", ALWAYS, options.noop, _NONE),
    Verb(b"CAPA", ALWAYS, options.capa, _NONE),
    Verb(b"LANG", ALWAYS, options.lang),
    Verb(b"UTF8", OUT, options.utf8, _NONE),
    Verb(b"QUIT", ALWAYS, login.quit, _NONE),
    limit=LIMIT,
)
"""What may come, and in which states."""
