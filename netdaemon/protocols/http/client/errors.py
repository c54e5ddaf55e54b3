"""What may go wrong with a request, besides what may with every protocol's (`wire.failures`)."""

from __future__ import annotations

from netdaemon.wire.category import Category
from netdaemon.wire.failures import Failed


class RedirectRefused(Failed):
    """A redirection that leads round in circles, nowhere, or where one doesn't follow."""


def category_of_status(status: int) -> Category | None:
    """The category of a response's status; None for what is no failure: 2xx and 304."""
    if status < 300 or status == 304:
        return None
    if status in (401, 403, 407):
        return Category.AUTHENTICATION
    if status in (408, 429) or status >= 500:
        return Category.TEMPORARY
    return Category.REFUSED
