"""A response's body, read as fast as its reader wants it."""

from __future__ import annotations

from netdaemon.protocols.http.client.errors import BodyTooLarge, IncompleteBody
from netdaemon.wire.inflow import Inflow


class Body(Inflow):
    """An async iterator of the body's octets. Raises IncompleteBody, and `read` BodyTooLarge as well."""

    broken = IncompleteBody
    too_large = BodyTooLarge
