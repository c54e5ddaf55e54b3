"""What may go wrong with an SMTP server, besides what may with every protocol's (`wire.failures`)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from netdaemon.mail.addresses import Address
from netdaemon.protocols.smtp.grammar import Malformed
from netdaemon.protocols.smtp.grammar.replies import Reply
from netdaemon.wire import lineclient
from netdaemon.wire.category import Category
from netdaemon.wire.dot import BareLineEnd
from netdaemon.wire.escape import escape
from netdaemon.wire.failures import Failed


def in_words(reply: Reply) -> str:
    """A reply for somebody to read, without a control character."""
    return escape(str(reply))


class Refused(Failed):
    """A reply that says no. ``reply`` is it."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(in_words(reply))
        self.reply = reply


class NotLoggedIn(Refused):
    """The server wants another name, another password, a login at all, or TLS for it."""

    category = Category.AUTHENTICATION


class TryLater(Refused):
    """A reply that says not now: 4yz."""

    category = Category.TEMPORARY


class AllRefused(Refused):
    """No recipient was taken. ``refused`` has the reply for each; ``reply`` is the first of those to come again for."""

    def __init__(self, refused: Mapping[Address, Reply]) -> None:
        replies = list(refused.values())
        super().__init__(next((reply for reply in replies if reply.temporary), replies[0]))
        self.refused = refused
        if self.reply.temporary:
            self.category = Category.TEMPORARY
        elif self.reply.code in _LOGIN:
            self.category = Category.AUTHENTICATION


class Unsendable(Failed):
    """The message can't be sent to this server as it is; nothing of it was. ``status`` is what RFC 3463 has for it."""

    def __init__(self, status: str, text: str) -> None:
        super().__init__(f"{status} {text}")
        self.status = status


_LOGIN = (530, 534, 535, 538)


def failure(reply: Reply) -> Refused:
    """The error that a reply is where a good one was expected."""
    if reply.code in _LOGIN:
        return NotLoggedIn(reply)
    return TryLater(reply) if reply.temporary else Refused(reply)


@contextmanager
def told() -> Iterator[None]:
    """Within it what connections raise is raised as Failed."""
    with lineclient.told("SMTP"):
        try:
            yield
        except Malformed as error:
            raise lineclient.ProtocolError(str(error)) from None
        except BareLineEnd:
            raise Unsendable("5.6.11", "a bare CR or LF in the message: lines end with CRLF") from None
