"""The request as it came, back to whoever sent it: for looking at what clients and proxies send."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator

from netdaemon.protocols.http.grammar.message import Fields
from netdaemon.protocols.http.incoming import Incoming
from netdaemon.protocols.http.request import Caller, Request
from netdaemon.protocols.http.responder import Responder
from netdaemon.protocols.http.response import Response, Stream

METHODS = (b"GET", b"HEAD", b"POST", b"PUT", b"DELETE", b"PATCH", b"OPTIONS")

# A page that made a browser ask here would read what it must not know.
_SECRETS = re.compile(rb"(\r\n(?:(?:proxy-)?authorization|cookie):[ \t]*)[^\r]+", re.IGNORECASE)
_CONTROL = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_FIELDS = Fields.of_block(
    b"\r\nContent-Type: text/plain; charset=utf-8\r\nX-Content-Type-Options: nosniff\r\nCache-Control: no-store"
    b"\r\nAllow: " + b", ".join(METHODS)
)


class Echo(Responder):
    """The request's own lines, and behind a blank one its body as it comes. Credentials are masked, control characters
    escaped."""

    async def respond(self, request: Request, caller: Caller) -> Response:
        """The request as text."""
        line = b"%b %b %b" % (request.method, request.target, caller.version.encode())
        head = escaped(line + _SECRETS.sub(rb"\1***", request.fields.block)) + b"\r\n"
        body = request.body
        if body is None:
            return Response(200, _FIELDS, head)
        # Asked for before the response begins: afterwards it is too late for 100 Continue.
        first = await body.read()
        return Response(200, _FIELDS, Stream(_chunks(head + b"\r\n" + escaped(first), body)))


async def _chunks(begun: bytes, body: Incoming) -> AsyncGenerator[bytes, None]:
    yield begun
    async for data in body:
        yield escaped(data)


def escaped(data: bytes) -> bytes:
    """The same octets, control characters but tab and line ends written as ``\\x1b``."""
    return _CONTROL.sub(lambda match: b"\\x%02x" % match[0][0], data)
