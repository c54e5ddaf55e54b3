"""HTTP client (RFC 9110, RFC 9112).

    client = Client(reactor)
    response = await client.get("https://www.example.org/")
    async for octets in response.body:
        ...
    await client.close()

Every request either returns the response that its last redirection led to, whatever its status, or raises Failed. A
response is read to its end or closed; else it holds its connection.
"""

from __future__ import annotations

from netdaemon.protocols.http.client.agent import MAX_REDIRECTS, Client
from netdaemon.protocols.http.client.authentication import Login
from netdaemon.protocols.http.client.cookies import BadCookieFile, Jar
from netdaemon.protocols.http.client.errors import RedirectRefused, category_of_status
from netdaemon.protocols.http.client.response import Response
from netdaemon.protocols.http.client.tunnel import TunnelRefused
from netdaemon.protocols.http.client.upload import Upload
from netdaemon.protocols.http.client.url import URL, parse_url
from netdaemon.protocols.http.grammar.message import Fields
from netdaemon.wire.category import Category
from netdaemon.wire.failures import BadURL, Broken, ConnectFailed, Failed, NoAnswer, NotSpoken, TLSFailed, TooLarge
from netdaemon.wire.reaching import Timeouts

__all__ = [
    "MAX_REDIRECTS",
    "URL",
    "BadCookieFile",
    "BadURL",
    "Broken",
    "Category",
    "Client",
    "ConnectFailed",
    "Failed",
    "Fields",
    "Jar",
    "Login",
    "NoAnswer",
    "NotSpoken",
    "RedirectRefused",
    "Response",
    "TLSFailed",
    "Timeouts",
    "TooLarge",
    "TunnelRefused",
    "Upload",
    "category_of_status",
    "parse_url",
]
