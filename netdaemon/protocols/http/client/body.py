"""A response's body, read as fast as its reader wants it."""

from __future__ import annotations

from netdaemon.wire.failures import Broken, TooLarge
from netdaemon.wire.inflow import Inflow


class Body(Inflow):
    """An async iterator of the body's octets. Raises Broken, and `read` TooLarge as well."""

    broken = Broken
    too_large = TooLarge
