"""What may go wrong with a request, besides what may with every protocol's (`wire.failures`)."""

from __future__ import annotations

from netdaemon.wire.failures import Failed


class Refused(Failed):
    """The server answered that there is nothing, or that it won't."""


class NotPlus(Failed):
    """The server does not know Gopher+."""
