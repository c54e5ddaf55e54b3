"""One message on its way in: its envelope as far as it is known, and the spool that takes its octets."""

from __future__ import annotations

import errno
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from netdaemon.mail.interfaces import Envelope, IDelivery, MailRefused, Recipient
from netdaemon.messages.errors import StoreError, StoreFull, TooLarge
from netdaemon.protocols.smtp import TransferSettings
from netdaemon.protocols.smtp.text import Text

Answers = Sequence[MailRefused | None]

TOO_LARGE = MailRefused(552, "5.3.4", "The message is too large.")
ANSWER_LATER = MailRefused(451, "4.3.0", "That failed here; try again later.")


class Transaction:
    """From MAIL to the answer behind the data, or to whatever ends it before."""

    __slots__ = ("_settings", "_spool", "_text", "binary", "envelope")

    def __init__(self, envelope: Envelope, settings: TransferSettings) -> None:
        self.envelope = envelope
        self.binary = envelope.body == "BINARYMIME"
        self._settings = settings
        self._spool: Any = None
        self._text: Text | None = None

    def add(self, recipient: Recipient) -> None:
        """One more recipient, who was accepted."""
        self.envelope = replace(self.envelope, recipients=(*self.envelope.recipients, recipient))

    @property
    def size(self) -> int:
        """Octets of the message so far."""
        return 0 if self._text is None else self._text.size

    def open(self, delivery: IDelivery) -> Text:
        """What takes the message's octets. Raises MailRefused when there is no room for them."""
        if self._text is None:
            try:
                self._spool = delivery.spool()
            except (StoreError, OSError) as error:
                raise no_room(error) from error
            settings = self._settings
            self._text = Text(
                self._spool.write,
                longest=0 if self.binary else settings.text_line,
                normalise=settings.bare_line_ends == "normalise" and not self.binary,
            )
        return self._text

    async def finish(self) -> Any:
        """The message has come whole: its spool. Raises MailRefused for what is wrong with it."""
        text, settings = self._text, self._settings
        assert text is not None, "nothing was opened"
        try:
            await _done(text.finish())
            if text.size > settings.size:
                raise TOO_LARGE
            # RFC 3030 section 2: in BINARYMIME a line's end is an octet like others.
            if not self.binary:
                if text.nul:
                    raise MailRefused(550, "5.6.11", "NUL in the message.")
                if text.bare and settings.bare_line_ends == "refuse":
                    raise MailRefused(550, "5.6.11", "A bare CR or LF in the message: lines end with CRLF.")
                if text.long_line:
                    raise MailRefused(500, "5.6.0", f"A line of the message has more than {settings.text_line} octets.")
            await _done(self._spool.finish())
        except (StoreError, OSError) as error:
            raise no_room(error) from error
        return self._spool

    def take_spool(self) -> Any:
        """The spool, which is the caller's to abort from now on; None when there is none."""
        spool, self._spool = self._spool, None
        return spool

    def abort(self) -> None:
        """Forget what has come."""
        spool = self.take_spool()
        if spool is not None:
            spool.abort()


async def _done(work: Any) -> None:
    if hasattr(work, "__await__"):
        await work


def no_room(error: Exception) -> MailRefused:
    """What the spool raised, as an answer: never a yes, and mostly to be asked again."""
    if isinstance(error, TooLarge):
        return TOO_LARGE
    if isinstance(error, StoreFull) or (isinstance(error, OSError) and error.errno in _FULL):
        return MailRefused(452, "4.3.1", "There is no room for the message just now.")
    return MailRefused(451, "4.3.0", "The message can't be kept just now.")


_FULL = (errno.ENOSPC, errno.EDQUOT)


def worst(answers: Answers) -> MailRefused | None:
    """What a message is refused with; None if it was taken for anybody.

    If all are refused, and one of them for now only, the client is to come again.
    """
    refused = [answer for answer in answers if answer is not None]
    if len(refused) < len(answers):
        return None
    return next((answer for answer in refused if answer.temporary), refused[0] if refused else ANSWER_LATER)
