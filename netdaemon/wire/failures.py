"""What may go wrong when we ask a server for something, by what its caller can do about it: for every client alike."""

from __future__ import annotations

from typing import Self

from netdaemon.wire.category import Category


class Failed(Exception):
    """What was asked for was not done, or not all of it.

    The text is one line for the caller: no secret is in it, and nothing of a peer's controls a terminal.
    """

    category = Category.REFUSED

    def at(self, where: object) -> Self:
        """The same, its text beginning with where it was."""
        self.args = (f"{where}: {self}", *self.args[1:])
        return self


class BadURL(Failed, ValueError):
    """No URL, no name or no port that can be asked for."""

    category = Category.USAGE


class ConnectFailed(Failed):
    """The host's name has no address, or nobody answers there."""

    category = Category.CONNECT


class NotSpoken(Failed):
    """Something answers there, but does not speak the protocol, or so that two readers would read it in two ways."""

    category = Category.CONNECT


class TLSFailed(Failed):
    """No TLS there, the handshake failed, or the certificate is not to be trusted, or it is somebody else's."""

    category = Category.TLS


class NoWayIn(Failed):
    """There is no way to log in by which the password may go."""

    category = Category.AUTHENTICATION


class NoAnswer(Failed):
    """The server closed, or said nothing for too long, before it answered. It may do better later."""

    category = Category.TEMPORARY


class Broken(Failed):
    """What was under way broke off, stood still for too long, or was framed wrong; what came of it was delivered."""

    category = Category.PARTIAL


class LocalTrouble(Failed):
    """A file of this side that can't be read, or written, or is not what it should be."""

    category = Category.LOCAL


class TooLarge(Failed):
    """What comes is larger than its reader wants it."""
