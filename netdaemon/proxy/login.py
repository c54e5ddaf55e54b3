"""Who asks the proxy: Basic authentication against the accounts (RFC 9110 section 11.7)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from netdaemon.interfaces import Login
from netdaemon.protocols.http.auth import Keeper, until
from netdaemon.protocols.http.request import Caller, Request
from netdaemon.protocols.http.response import Response


class ProxyKeeper(Keeper):
    """Lets accounts through."""

    status = 407
    challenge = b"Proxy-Authenticate"
    credentials = b"proxy-authorization"


async def admitted(
    keeper: Keeper, request: Request, caller: Caller, respond: Callable[[Caller], Awaitable[Response]]
) -> Response:
    """What ``respond`` says, to accounts only. The login lasts as long as the response, or as the tunnel."""
    login = await keeper.admit(request, caller, ())
    if not isinstance(login, Login):
        return login
    try:
        response = await respond(caller.known_as(login))
    except BaseException:
        login.logout()
        raise
    if response.takeover is not None:
        response.takeover.protocol.on_end(login.logout)
        return response._replace(user=login.account.name)
    return response._replace(body=until(response.body, login.logout), user=login.account.name)
