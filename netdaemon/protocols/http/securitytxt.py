"""security.txt: where to report security problems (RFC 9116)."""

from __future__ import annotations

import time

from netdaemon.interfaces import IHouse
from netdaemon.protocols.http.grammar.dates import civil
from netdaemon.protocols.http.grammar.message import Fields
from netdaemon.protocols.http.now import Now
from netdaemon.protocols.http.pages import RETRY, page
from netdaemon.protocols.http.request import Caller, Request
from netdaemon.protocols.http.responder import Responder
from netdaemon.protocols.http.response import Response
from netdaemon.protocols.http.settings import HTTPSettings

PATH = "/.well-known/security.txt"
OLD_PATH = "/security.txt"
"""Where it stood before it was a standard; it leads to the new one (RFC 9116 section 3)."""
DAY = 86400
GOOD_FOR = 180 * DAY
"""RFC 9116 2.5.5: less than a year. Counted from the day's beginning: all who ask in one day get the same."""

_FIELDS = Fields.of_block(
    b"\r\nContent-Type: text/plain; charset=utf-8\r\nX-Content-Type-Options: nosniff\r\nCache-Control: max-age=86400"
)


class SecurityText(Responder):
    """The file, made of ``security-contact``."""

    def __init__(self, settings: HTTPSettings, house: IHouse, now: Now) -> None:
        self._contacts = "".join(f"Contact: {contact}\n" for contact in settings.security_contact)
        self._hosts = {name.encode() for name in (*settings.hosts, house.hostname)}
        self._now = now

    def respond(self, request: Request, caller: Caller) -> Response:
        """The file as of today."""
        second = self._now.second()
        if second is None:
            return page(503, request.fields, RETRY)  # RFC 9116 2.5.5: it must say until when it is good
        expires = time.strftime("%Y-%m-%dT%H:%M:%SZ", civil(second // DAY * DAY + GOOD_FOR))
        text = f"{self._contacts}Expires: {expires}\n"
        # RFC 9116 2.5.2: by https, and true only of a name that is ours and was reached so
        if caller.secure and request.host.partition(b":")[0] in self._hosts:
            text += f"Canonical: https://{request.host.decode('ascii')}{PATH}\n"
        return Response(200, _FIELDS, text.encode())
