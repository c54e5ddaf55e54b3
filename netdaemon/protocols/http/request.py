"""The request as responders see it, whatever version of HTTP it came by (RFC 9110)."""

from __future__ import annotations

from typing import NamedTuple

from netdaemon.protocols.http.grammar.message import Fields


class Request(NamedTuple):
    """One request.

    ``path`` is percent-decoded and normal, empty for ``OPTIONS *``; ``query`` is as sent; ``host`` is the authority
    asked for in lower case, the URI's before the Host field's, empty when there was none. ``plain`` says that it is
    known to have neither preconditions nor ranges nor credentials.
    """

    method: bytes
    path: bytes
    query: bytes
    host: bytes
    fields: Fields
    plain: bool = False
