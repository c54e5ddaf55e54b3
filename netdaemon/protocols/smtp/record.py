"""One line of the log for each message that came to its end, taken or not. Never anything of the message itself."""

from __future__ import annotations

from netdaemon.mail.interfaces import Envelope
from netdaemon.protocols.smtp.transaction import Answers
from netdaemon.wire.escape import escape
from netdaemon.wire.moment import log_moment

MOST_RECIPIENTS = 5
"""Recipients that are named; of more, their number says enough."""


def line_of(
    envelope: Envelope, size: int, answers: Answers, *, peer: str, section: str, now: float, lmtp: bool = False
) -> str:
    """``PEER - WHO [MOMENT] SECTION TRANSFER from=<A> to=<B>[,...] recipients=N size=N REPLY``."""
    recipients = [f"<{recipient.address}>" for recipient in envelope.recipients[:MOST_RECIPIENTS]]
    if len(envelope.recipients) > MOST_RECIPIENTS:
        recipients.append("...")
    return (
        f"{peer or '-'} - {_word(envelope.account or '-')} [{log_moment(int(now))}] {section} {envelope.transfer} "
        f"from=<{_word(str(envelope.sender or ''))}> to={_word(','.join(recipients))} "
        f"recipients={len(envelope.recipients)} size={size} {_outcome(answers)}"
    )


def _outcome(answers: Answers) -> str:
    """``taken``, or who was refused and why."""
    refused = [answer for answer in answers if answer is not None]
    if not refused:
        return "taken"
    texts = dict.fromkeys(f"{answer.code} {answer.status} {answer.text}" for answer in refused)
    why = "; ".join(escape(text) for text in list(texts)[:MOST_RECIPIENTS])
    return f"refused={len(refused)} {why}"


def _word(text: str) -> str:
    return escape(text).replace(" ", "_")
