"""A script's environment: the request, as meta-variables (RFC 3875 section 4.1)."""

from __future__ import annotations

import re
from typing import NamedTuple

from netdaemon.protocols.http.grammar.message import Fields
from netdaemon.protocols.http.request import Caller, Request
from netdaemon.wire.programs import PATH

# Whatever of the daemon's own environment a script may need is here; it inherits none.
_FIXED = {
    b"GATEWAY_INTERFACE": b"CGI/1.1",
    b"SERVER_SOFTWARE": b"netdaemon",
    b"PATH": PATH.encode(),
    b"LANG": b"C.UTF-8",
    # Not of RFC 3875: php-cgi believes that it is run by a server only where this is set.
    b"REDIRECT_STATUS": b"200",
}
# A field called X_Real is not X-Real, but would be to a script; so names with "_" are left out, and all others whose
# names nobody needs.
_NAME = re.compile(rb"[A-Za-z0-9-]+").fullmatch
# Credentials are no business of a script's (RFC 3875 4.1.18), nor what concerns the connection only. Content-Type and
# -Length have variables of their own. Proxy: HTTP_PROXY is where a script's own requests would go ("httpoxy").
_LEFT_OUT = frozenset(
    b"authorization proxy-authorization proxy content-type content-length connection keep-alive te trailer "
    b"transfer-encoding upgrade expect http2-settings".split()
)


class Script(NamedTuple):
    """Which script a request is for. ``root`` is where the site's root is on the disk, without a slash at its end."""

    name: bytes
    """Its path in the site."""
    info: bytes
    """The rest of the request's path, with its slash; empty for none."""
    root: bytes


def variables(request: Request, caller: Caller, script: Script, length: int | None) -> dict[bytes, bytes]:
    """The environment of a script; ``length`` is that of the request's body, None when it has none."""
    fields = request.fields
    scheme = b"https" if caller.secure else b"http"
    here = caller.here
    address = getattr(here, "host", "unix:").encode()
    peer = caller.host.encode()
    made = {
        **_FIXED,
        b"REQUEST_METHOD": request.method,
        b"REQUEST_URI": _uri(request.target),
        b"REQUEST_SCHEME": scheme,
        b"QUERY_STRING": request.query,
        b"SCRIPT_NAME": script.name,
        b"SCRIPT_FILENAME": script.root + script.name,
        b"DOCUMENT_ROOT": script.root or b"/",
        b"SERVER_NAME": _without_port(request.host) or address,
        b"SERVER_PORT": b"%d" % getattr(here, "port", 443 if caller.secure else 80),
        b"SERVER_ADDR": address,
        b"SERVER_PROTOCOL": caller.version.encode(),
        b"REMOTE_ADDR": peer,
        b"REMOTE_HOST": peer,  # RFC 3875 4.1.9: the address stands in for a name that nobody looked up
    }
    port = getattr(caller.peer, "port", None)
    if port is not None:
        made[b"REMOTE_PORT"] = b"%d" % port
    if caller.secure:
        made[b"HTTPS"] = b"on"
    if script.info:
        made[b"PATH_INFO"] = script.info
        made[b"PATH_TRANSLATED"] = script.root + script.info
    if caller.user:
        made[b"AUTH_TYPE"] = b"Basic"
        made[b"REMOTE_USER"] = caller.user.encode()
    content_type = fields.get(b"content-type")
    if content_type is not None:
        made[b"CONTENT_TYPE"] = content_type
    if length is not None:
        made[b"CONTENT_LENGTH"] = b"%d" % length
    _add_fields(made, fields)
    return made


def _add_fields(made: dict[bytes, bytes], fields: Fields) -> None:
    """HTTP_* (RFC 3875 4.1.18)."""
    for name, value in fields:
        if not _NAME(name) or name.lower() in _LEFT_OUT:
            continue
        variable = b"HTTP_" + name.upper().replace(b"-", b"_")
        before = made.get(variable)
        if before is not None:
            # RFC 9110 5.3; but cookies are joined as one Cookie field would have them (RFC 9113 8.2.3).
            value = before + (b"; " if variable == b"HTTP_COOKIE" else b", ") + value
        made[variable] = value


def _uri(target: bytes) -> bytes:
    """Path and query as they were sent, also where the target has the authority in front."""
    if target.startswith(b"/"):
        return target
    _, _, rest = target.partition(b"://")
    path = re.search(rb"[/?].*", rest, re.DOTALL)
    if path is None:
        return b"/"
    return path[0] if path[0].startswith(b"/") else b"/" + path[0]


def _without_port(host: bytes) -> bytes:
    return host if host.endswith(b"]") else re.sub(rb":[0-9]*\Z", b"", host)
