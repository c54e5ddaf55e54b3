"""The commands, in one table for SMTP and one for LMTP."""

from __future__ import annotations

from netdaemon.protocols.smtp.commands import auth, data, hello, mail, rest, xclient
from netdaemon.protocols.smtp.commands.states import GREETED, MAIL, RCPT
from netdaemon.wire.line import ALWAYS, Verb, VerbTable

LIMIT = 512
"""Octets of a command line (RFC 5321 4.5.3.1.4)."""
EXTENDED = 2048
"""The same of those that extensions make longer: MAIL and RCPT with all of their parameters, VRFY, XCLIENT."""
MAX_LINE = 12_288
"""Octets of a line: those of a SASL response (RFC 4954 section 4)."""

_NONE = (0, 0)
_SOME = (1, 99)

_COMMON = (
    Verb(b"STARTTLS", GREETED, hello.starttls, _NONE),
    Verb(b"MAIL", GREETED, mail.mail, _SOME, limit=EXTENDED),
    # These come behind refused ones, too, where a client doesn't wait for answers: they look for themselves.
    Verb(b"RCPT", ALWAYS, mail.rcpt, _SOME, limit=EXTENDED),
    Verb(b"DATA", ALWAYS, data.data, _NONE),
    Verb(b"BDAT", ALWAYS, data.bdat),
    Verb(b"RSET", ALWAYS, mail.rset, _NONE),
    Verb(b"NOOP", ALWAYS, rest.noop),
    Verb(b"QUIT", ALWAYS, rest.quit, _NONE),
    Verb(b"HELP", ALWAYS, rest.help_),
    Verb(b"VRFY", ALWAYS, rest.vrfy, _SOME, limit=EXTENDED),
    Verb(b"XCLIENT", ALWAYS, xclient.xclient, _SOME, limit=EXTENDED),
)

COMMANDS = VerbTable(
    Verb(b"HELO", ALWAYS, hello.helo, _SOME),
    Verb(b"EHLO", ALWAYS, hello.ehlo, _SOME),
    Verb(b"AUTH", GREETED, auth.auth, _SOME, limit=MAX_LINE, secret=1),
    Verb(b"EXPN", ALWAYS, rest.expn, _SOME, limit=EXTENDED),
    Verb(b"ETRN", GREETED | MAIL | RCPT, rest.etrn),
    *_COMMON,
    limit=LIMIT,
)
"""What may come, and in which states."""

LMTP_COMMANDS = VerbTable(Verb(b"LHLO", ALWAYS, hello.lhlo, _SOME), *_COMMON, limit=LIMIT)
"""The same for LMTP, which has neither HELO nor EHLO (RFC 2033 section 4.1), and nobody logs in."""
