"""Where a redirection leads, and what goes there (RFC 9110 section 15.4)."""

from __future__ import annotations

from typing import NamedTuple

from netdaemon.protocols.http.client.errors import RedirectRefused
from netdaemon.protocols.http.client.upload import Upload
from netdaemon.protocols.http.client.url import URL, join
from netdaemon.protocols.http.grammar.message import ResponseHead
from netdaemon.wire.failures import BadURL

SECRETS = frozenset({b"authorization", b"cookie", b"proxy-authorization"})
"""Request fields that are for the origin they were given for and no other."""

_OF_AN_ORIGIN = SECRETS | {b"host"}

_BODY_FIELDS = frozenset({b"content-type", b"content-encoding", b"content-language", b"content-location"})


class Asked(NamedTuple):
    """A request as its caller wants it; ``fields`` are the caller's own."""

    method: bytes
    url: URL
    fields: tuple[tuple[bytes, bytes], ...] = ()
    body: bytes | Upload = b""
    asks_first: bool = True
    """May a body wait until the server wants it (Expect)?"""

    @property
    def has_secrets(self) -> bool:
        return self.url.userinfo is not None or any(name.lower() in SECRETS for name, _ in self.fields)


def follow(asked: Asked, head: ResponseHead) -> Asked | None:
    """The request that ``head`` redirects ``asked`` to; None when it is no redirection. Raises RedirectRefused."""
    if head.status not in (301, 302, 303, 307, 308):
        return None
    locations = set(head.fields.get_all(b"location")) - {b""}  # nowhere: it would be the same place again
    if not locations:
        return None
    if len(locations) > 1:
        raise RedirectRefused(f"{asked.url} redirects to more than one place")
    try:
        url = join(asked.url, locations.pop())
    except BadURL as error:
        raise RedirectRefused(f"{asked.url} redirects where one doesn't follow: {error}") from None
    method, fields, body = asked.method, asked.fields, asked.body
    # 15.4.2, 15.4.3: POST becomes GET at 301 and 302, as it always did; 15.4.4: at 303 everything but HEAD does.
    # 307 and 308 keep the method and its body.
    if (head.status == 303 and method != b"HEAD") or (head.status in (301, 302) and method == b"POST"):
        method, body = b"GET", b""
        fields = tuple((name, value) for name, value in fields if name.lower() not in _BODY_FIELDS)
    if isinstance(body, Upload) and not body.again:
        raise RedirectRefused(f"{asked.url} redirects a request whose body can't be sent a second time")
    if url.origin == asked.url.origin:
        return Asked(method, url._replace(userinfo=asked.url.userinfo), fields, body, asked.asks_first)
    if asked.has_secrets and asked.url.scheme == "https" and url.scheme == "http":
        raise RedirectRefused(f"{asked.url} redirects from https to http, which a login doesn't follow")
    # The Host that the caller gave names the first origin, and would ask the second one in its name.
    return Asked(method, url, tuple(field for field in fields if field[0].lower() not in _OF_AN_ORIGIN), body)
