"""What may go wrong with a request, by what its caller can do about it."""

from __future__ import annotations

from netdaemon.wire.category import Category


class RequestFailed(Exception):
    """A request that brought no response, or not all of it. The text is one line for its caller, without secrets."""

    category = Category.REFUSED


class BadURL(RequestFailed, ValueError):
    """No URL that can be asked for."""

    category = Category.USAGE


class ConnectFailed(RequestFailed):
    """The host's name has no address, or nobody answers there."""

    category = Category.CONNECT


class NotHTTP(RequestFailed):
    """Something answers there, but its head is no HTTP, or is one that two readers would read in two ways."""

    category = Category.CONNECT


class TLSFailed(RequestFailed):
    """The handshake failed, or the certificate is not to be trusted, or it is somebody else's."""

    category = Category.TLS


class RedirectRefused(RequestFailed):
    """A redirection that leads round in circles, nowhere, or where one doesn't follow."""


class NoResponse(RequestFailed):
    """The server closed, or said nothing for too long, before its response began. It may do better later."""

    category = Category.TEMPORARY


class IncompleteBody(RequestFailed):
    """The body broke off, stood still for too long, or its framing is malformed; what came of it was delivered."""

    category = Category.PARTIAL


class BodyTooLarge(RequestFailed):
    """The body is larger than its reader wants it."""


def category_of_status(status: int) -> Category | None:
    """The category of a response's status; None for what is no failure: 2xx and 304."""
    if status < 300 or status == 304:
        return None
    if status in (401, 403, 407):
        return Category.AUTHENTICATION
    if status in (408, 429) or status >= 500:
        return Category.TEMPORARY
    return Category.REFUSED
