"""What may go wrong with an FTP server, besides what may with every protocol's (`wire.failures`)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from netdaemon.protocols.ftp.grammar import Malformed
from netdaemon.protocols.ftp.grammar.replies import Reply
from netdaemon.wire import failures, lineclient
from netdaemon.wire.category import Category
from netdaemon.wire.escape import escape
from netdaemon.wire.failures import Failed, NotSpoken


def in_words(reply: Reply) -> str:
    """A reply on one line, without a control character."""
    return f"{reply.code} {escape(reply.lines[-1])}".rstrip()


class Refused(Failed):
    """A reply that says no: 5yz, or one that does not belong there. ``reply`` is it."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(in_words(reply))
        self.reply = reply


class NotLoggedIn(Refused):
    """The server wants another name, another password or TLS: 530, 532, or 5yz in the course of a login."""

    category = Category.AUTHENTICATION


class TryLater(Refused):
    """A reply that says not now: 4yz."""

    category = Category.TEMPORARY


class Broken(failures.Broken):
    """A transfer broke off; what came of it was delivered. ``reply`` is what the server said to that, if anything."""

    def __init__(self, message: str, reply: Reply | None = None) -> None:
        super().__init__(message if reply is None or reply.ok else f"{message}: {in_words(reply)}")
        self.reply = reply


class UnsafeName(Failed):
    """A name of the server's that would lead out of the local folder."""


class EndlessLine(lineclient.ConnectionLost):
    """The server sends a line that does not end; the connection is dropped."""


def failure(reply: Reply) -> Refused:
    """The error that a reply is where a good one was expected."""
    if reply.code in (530, 532):
        return NotLoggedIn(reply)
    return TryLater(reply) if reply.transient else Refused(reply)


@contextmanager
def told() -> Iterator[None]:
    """Within it what connections raise is raised as Failed."""
    with lineclient.told("FTP"):
        try:
            yield
        except EndlessLine:
            raise lineclient.ProtocolError("a line without an end") from None
        except Malformed as error:
            raise NotSpoken(f"the server's reply is malformed: {error}") from None
