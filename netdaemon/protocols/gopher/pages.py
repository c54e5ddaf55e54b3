"""The few answers that come from no document: caps.txt, redirections of web links, and a word to web browsers."""

from __future__ import annotations

import re
from html import escape as escape_html

from netdaemon.protocols.gopher.grammar.menu import clean

_SCHEMES = ("http", "https", "gopher", "ftp", "mailto")
_WEB_LINK = re.compile(rb"/?URL:(.*)", re.DOTALL).fullmatch
_ABSOLUTE = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):[!-~]+").fullmatch

_PAGE = """\
<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<meta name="referrer" content="no-referrer">{refresh}</head>
<body><p>{text}</p></body></html>
"""


def web_link(selector: bytes) -> bytes | None:
    """What follows ``URL:``; None for a selector that begins otherwise."""
    match = _WEB_LINK(selector)
    return None if match is None else match[1]


def redirect(link: bytes) -> bytes | None:
    """The page that leads a client without a web browser in it to ``link``; None when that may not be led to."""
    try:
        url = link.decode("ascii")
    except UnicodeDecodeError:
        return None
    match = _ABSOLUTE(url)
    if match is None or match[1].lower() not in _SCHEMES:
        return None
    safe = escape_html(url)
    refresh = f'\n<meta http-equiv="refresh" content="5; url={safe}">'
    text = f'This is a link to somewhere else: <a href="{safe}">{safe}</a>'
    return _PAGE.format(title="A link", refresh=refresh, text=text).encode()


def to_browsers(host: bytes, port: int) -> bytes:
    """The whole HTTP response to a request that came here."""
    url = escape_html(f"gopher://{host.decode('ascii', 'replace')}:{port}/")
    text = f"This is a Gopher server, which web browsers don't speak to. Its address is <code>{url}</code>"
    body = _PAGE.format(title="A Gopher server", refresh="", text=text).encode()
    return (
        b"HTTP/1.1 400 Bad Request\r\nServer: netdaemon\r\nContent-Type: text/html; charset=utf-8\r\n"
        b"Content-Length: %d\r\nConnection: close\r\n\r\n%b" % (len(body), body)
    )


def caps(*, admin: str, description: str, location: str, tls_port: int | None) -> bytes:
    """caps.txt: what a client may know of this server without asking."""
    lines = [
        "CAPS",
        "",
        "CapsVersion=1",
        "ExpireCapsAfter=3600",
        "",
        "PathDelimeter=/",  # so spelt by all who read it
        "PathIdentity=.",
        "PathParent=..",
        "PathParentDouble=FALSE",
        "PathKeepPreDelimeter=FALSE",
        "",
        "ServerSoftware=netdaemon",
        "ServerDefaultEncoding=UTF-8",
        "ServerSupportsStdinScripts=FALSE",
    ]
    for name, value in (("Admin", admin), ("Description", description), ("GeolocationString", location)):
        if value:
            lines.append(f"Server{name}={clean(value)}")
    if tls_port is not None:
        lines.append(f"ServerTLSPort={tls_port}")
    return "".join(f"{line}\r\n" for line in lines).encode()
