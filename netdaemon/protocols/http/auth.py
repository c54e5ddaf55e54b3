"""Who asks: Basic authentication against the accounts (RFC 7617, RFC 9110 section 11).

HTTP has no sessions, so each request is a login of its own, which lasts until its response is out:
``max-connections-per-account`` is how many requests of one account are answered at a time.
"""

from __future__ import annotations

from collections.abc import Callable
from math import ceil
from typing import Any

from twisted.cred.credentials import UsernamePassword

from netdaemon.config.settings import ServiceSettings
from netdaemon.interfaces import (
    IAccountAvatar,
    IDocumentsAvatar,
    IHouse,
    Login,
    LoginBanned,
    LoginFailed,
    LoginUnavailable,
    OpenDocument,
    TooManySessions,
)
from netdaemon.protocols.http.grammar.basic import parse_basic
from netdaemon.protocols.http.grammar.message import Fields
from netdaemon.protocols.http.pages import RETRY, page
from netdaemon.protocols.http.request import Caller, Request
from netdaemon.protocols.http.responder import Responder
from netdaemon.protocols.http.response import Body, FileBody, Response, Stream
from netdaemon.protocols.http.settings import HTTPSettings
from netdaemon.wire.plaintext import may_travel

IN_CLEAR = "This is for those who say who they are, and no password may travel here without encryption: use https."


def realm(settings: HTTPSettings, house: IHouse) -> str:
    """A site's realm: its own name, or the host's."""
    named = [host for host in settings.hosts if not host.startswith("*")]
    return named[0] if named else house.hostname


class Keeper:
    """Lets accounts in: their credentials become a login, or the response that refuses them. A proxy's keeper asks with
    another status and other fields (RFC 9110 11.7)."""

    status = 401
    challenge = b"WWW-Authenticate"
    credentials = b"authorization"

    def __init__(self, settings: ServiceSettings, house: IHouse, realm: str) -> None:
        self._settings = settings
        self._logins = house.logins
        self._challenge = ((self.challenge, b'Basic realm="%b", charset="UTF-8"' % realm.encode()),)

    async def admit(self, request: Request, caller: Caller, accounts: tuple[str, ...]) -> Login | Response:
        """The login of who asks, if it is one of ``accounts``; none named means any account."""
        fields = request.fields
        if not caller.secure and not may_travel(self._settings.plaintext_login, caller.here, caller.peer):
            return page(403, fields, sentence=IN_CLEAR)  # to challenge would be to ask for the password
        given = fields.get_all(self.credentials)
        if len(given) > 1:
            return page(400, fields)
        credentials = parse_basic(given[0]) if given else None
        if credentials is None:
            return page(self.status, fields, self._challenge)
        try:
            login = await self._logins.login(
                UsernamePassword(*credentials),
                caller.peer,
                self._settings,
                IAccountAvatar,
                IDocumentsAvatar,
            )
        except LoginBanned as error:
            return page(429, fields, ((b"Retry-After", b"%d" % ceil(error.seconds)),))
        except (TooManySessions, LoginUnavailable):
            return page(503, fields, RETRY)
        except LoginFailed:
            return page(self.status, fields, self._challenge)
        name = login.account.name
        if accounts and name not in accounts:
            login.logout()
            return page(403, fields)._replace(user=name)
        return login


class Guarded(Responder):
    """What ``inner`` says, to accounts only. Its caller is the account's, for as long as the response takes."""

    def __init__(self, inner: Responder, keeper: Keeper, accounts: tuple[str, ...]) -> None:
        self._inner = inner
        self._keeper = keeper
        self._accounts = accounts

    async def respond(self, request: Request, caller: Caller) -> Response:
        """The inner responder's response, or the refusal."""
        login = await self._keeper.admit(request, caller, self._accounts)
        if isinstance(login, Response):
            return login
        try:
            response = self._inner.respond(request, caller.known_as(login))
            if not isinstance(response, Response):
                response = await response
        except BaseException:
            login.logout()
            raise
        fields, body = _private(response.fields), until(response.body, login.logout)
        return Response(response.status, fields, body, user=login.account.name)


def _private(fields: Fields) -> Fields:
    """The fields of a response that is for one account.

    ``no-cache``: its own browser may keep it, but asks each time whether it may still be seen, which costs a 304.
    """
    control = fields.joined(b"cache-control") or b""
    vary = fields.joined(b"vary")
    kept = [pair for pair in fields if pair[0].lower() not in (b"cache-control", b"vary")]
    kept.append((b"Cache-Control", b"no-store" if b"no-store" in control else b"private, no-cache"))
    kept.append((b"Vary", b"Authorization" if vary is None else vary + b", Authorization"))
    return Fields(kept)


def until(body: Body, logout: Callable[[], None]) -> Body:
    """The same body; when it is done, so is the login."""
    if isinstance(body, FileBody):
        return body._replace(document=_Borrowed(body.document, logout))
    if isinstance(body, Stream):
        close = body.close

        def end() -> None:
            close()
            logout()

        return Stream(body.chunks, body.length, end)
    logout()
    return body


class _Borrowed:
    """An open document (`netdaemon.interfaces.OpenDocument`), whose closing ends a login."""

    def __init__(self, document: OpenDocument, logout: Callable[[], None]) -> None:
        self._document = document
        self._logout = logout
        self.entry = document.entry
        self.fd = document.fd

    def close(self) -> None:
        """Give it back; a second close does nothing."""
        self.fd = -1
        self._document.close()
        self._logout()

    def __enter__(self) -> _Borrowed:
        return self

    def __exit__(self, *ignored: Any) -> None:
        self.close()
