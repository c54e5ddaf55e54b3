"""What EHLO and LHLO announce: only what works in this session, as it is now (RFC 5321 section 4.1.1.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from netdaemon.protocols.smtp.grammar.parameters import write_date
from netdaemon.protocols.smtp.grammar.xclient import ATTRIBUTES

if TYPE_CHECKING:
    from netdaemon.protocols.smtp.server import SMTPSession

_MAIL = frozenset({"SIZE", "BODY", "SMTPUTF8", "RET", "ENVID", "BY"})
RCPT_PARAMETERS = frozenset({"NOTIFY", "ORCPT"})


def mail_parameters_known(session: SMTPSession) -> frozenset[str]:
    """The parameters that MAIL may have now."""
    known = set(_MAIL)
    if session.factory.takes_logins:
        known.add("AUTH")
    if session.secure:
        known.add("REQUIRETLS")
    if session.factory.hold:
        known |= {"HOLDFOR", "HOLDUNTIL"}
    return frozenset(known)


def capabilities(session: SMTPSession) -> list[str]:
    """The lines behind the first one."""
    factory, settings = session.factory, session.settings
    lines = [
        f"SIZE {settings.size}",  # RFC 1870
        "8BITMIME",  # RFC 6152
        "PIPELINING",  # RFC 2920
        "ENHANCEDSTATUSCODES",  # RFC 2034
        "CHUNKING",  # RFC 3030
        "BINARYMIME",
        "SMTPUTF8",  # RFC 6531
        "DSN",  # RFC 3461
        "DELIVERBY",  # RFC 2852
        f"LIMITS RCPTMAX={settings.recipients} MAILMAX={settings.messages_per_session}",  # RFC 9422
    ]
    if not session.secure:
        lines.append("STARTTLS")  # RFC 3207
    else:
        lines.append("REQUIRETLS")  # RFC 8689: never in clear
    if factory.takes_logins and session.login is None and (names := session.mechanisms(session.offer())):
        lines.append(f"AUTH {' '.join(names)}")  # RFC 4954
    if factory.hold:
        until = write_date(factory.house.wall() + factory.hold)
        lines.append(f"FUTURERELEASE {int(factory.hold)} {until}")  # RFC 4865
    if session.login is not None:
        lines.append("EXPN")
    if session.may_xclient:
        lines.append(f"XCLIENT {' '.join(ATTRIBUTES)}")
    return lines
