"""What may go wrong with a POP3 server, besides what may with every protocol's (`wire.failures`)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from netdaemon.protocols.pop3.grammar import Malformed, Status
from netdaemon.wire import lineclient
from netdaemon.wire.category import Category
from netdaemon.wire.escape import escape
from netdaemon.wire.failures import Failed


def in_words(status: Status) -> str:
    """A status line for somebody to read, without a control character."""
    code = f"[{status.code}] " if status.code else ""
    return f"{escape(code)}{escape(status.text)}".strip() or "the server refuses, and says not why"


class Refused(Failed):
    """The server answered -ERR. ``status`` is that."""

    def __init__(self, status: Status) -> None:
        super().__init__(in_words(status))
        self.status = status


class NotLoggedIn(Refused):
    """The server wants another name or another password."""

    category = Category.AUTHENTICATION


class TryLater(Refused):
    """The server says that it may do so later: another session has the maildrop, it is too soon, it has trouble."""

    category = Category.TEMPORARY


_LATER = ("IN-USE", "LOGIN-DELAY", "SYS/TEMP")


def failure(status: Status, login: bool = False) -> Refused:
    """The error that an answer is; ``login`` says that it was given in the course of a login."""
    # RFC 2449 section 8.1.1: a code that isn't known is as good as the part of it that is
    if status.code.startswith(_LATER):
        return TryLater(status)
    return NotLoggedIn(status) if login and not status.code.startswith("SYS") else Refused(status)


@contextmanager
def told() -> Iterator[None]:
    """Within it what connections raise is raised as Failed."""
    with lineclient.told("POP3"):
        try:
            yield
        except Malformed as error:
            raise lineclient.ProtocolError(str(error)) from None
