"""What may go wrong with a request, by what its caller can do about it."""

from __future__ import annotations

from netdaemon.wire.category import Category


class GopherError(Exception):
    """A request that brought nothing, or not all of it. The text is one line for its caller."""

    category = Category.REFUSED


class BadURL(GopherError, ValueError):
    """No URL, no selector, no host or port that may be asked."""

    category = Category.USAGE


class ConnectFailed(GopherError):
    """The host's name has no address, or nobody answers there."""

    category = Category.CONNECT


class TLSFailed(GopherError):
    """The handshake failed, or the certificate is not to be trusted, or it is somebody else's."""

    category = Category.TLS


class Refused(GopherError):
    """The server answered that there is nothing, or that it won't."""


class NotPlus(GopherError):
    """The server does not know Gopher+."""


class Broken(GopherError):
    """The answer broke off, or nothing more came for too long; what came of it was delivered."""

    category = Category.PARTIAL


class TooLarge(GopherError):
    """The answer is larger than its reader wants it."""
