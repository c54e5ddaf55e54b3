"""What may go wrong with an FTP server, by what its caller can do about it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from netdaemon.protocols.ftp.grammar import Malformed
from netdaemon.protocols.ftp.grammar.replies import Reply
from netdaemon.wire import lineclient
from netdaemon.wire.category import Category
from netdaemon.wire.escape import escape


def in_words(reply: Reply) -> str:
    """A reply on one line, without a control character."""
    return f"{reply.code} {escape(reply.lines[-1])}".rstrip()


class FTPFailed(Exception):
    """What was asked for was not done. The text is one line for the caller: nothing of a peer's controls it."""

    category = Category.REFUSED


class BadURL(FTPFailed, ValueError):
    """No URL that FTP can be asked for."""

    category = Category.USAGE


class ConnectFailed(FTPFailed):
    """The host's name has no address, or nobody answers there."""

    category = Category.CONNECT


class NotFTP(FTPFailed):
    """Something answers there, but not as FTP has it; the connection is dropped."""

    category = Category.CONNECT


class TLSFailed(FTPFailed):
    """No TLS there, the handshake failed, or the certificate is not to be trusted, or it is somebody else's."""

    category = Category.TLS


class Refused(FTPFailed):
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


class NoReply(FTPFailed):
    """The server closed the control connection, or was silent for too long. It may do better later."""

    category = Category.TEMPORARY


class Broken(FTPFailed):
    """A transfer broke off; what came of it was delivered. ``reply`` is what the server said to that, if anything."""

    category = Category.PARTIAL

    def __init__(self, message: str, reply: Reply | None = None) -> None:
        super().__init__(message if reply is None or reply.ok else f"{message}: {in_words(reply)}")
        self.reply = reply


class TooMuch(FTPFailed):
    """A listing or a line is longer than anybody wants it."""


class UnsafeName(FTPFailed):
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
    """Within it what the line client raises is raised as FTPFailed."""
    try:
        yield
    except lineclient.ProtocolError as error:
        raise NotFTP(f"what answers there is no FTP server: {error}") from None
    except EndlessLine:
        raise NotFTP("what answers there is no FTP server: a line without an end") from None
    except lineclient.Timeout:
        raise NoReply("the server does not answer in time") from None
    except lineclient.ConnectionLost:
        raise NoReply("the server closed the connection") from None
    except Malformed as error:
        raise NotFTP(f"the server's reply is malformed: {error}") from None
