"""Who asks: the logins of one client, what they are worth at each origin and proxy, and when they are sent."""

from __future__ import annotations

from collections.abc import Callable

from netdaemon.protocols.http.client.authentication import Authenticator, Login
from netdaemon.protocols.http.client.url import URL
from netdaemon.protocols.http.grammar.challenge import parse_challenges
from netdaemon.protocols.http.grammar.message import Fields, ResponseHead

Ask = Callable[[URL, bytes | None, str], Login | None]
"""Asked when a server wants a login that the URL does not have: (URL, user or None, realm). None: there is none."""


def nobody(url: URL, user: bytes | None, realm: str) -> Login | None:
    """There are no logins but those in URLs."""
    return None


class Credentials:
    """Answers to 401, or for a ``proxy`` to 407.

    Nothing is said before it is asked for, which costs a request at the first time; with ``at_once`` what the URL has
    is sent by Basic from the first request on.
    """

    def __init__(self, ask: Ask = nobody, *, at_once: bool = False, proxy: bool = False) -> None:
        self._ask = ask
        self._at_once = at_once
        self._proxy = proxy
        self._known: dict[tuple[tuple[str, str, int], bytes | None], Authenticator | None] = {}

    def first(self, url: URL, method: bytes, target: bytes, *, at_once: bool = False) -> bytes | None:
        """What is sent unasked: what went well before; with ``at_once`` (here or of all requests) the URL's own."""
        known = self._known.get(_key(url))
        if known is not None:
            return known.again(method, target)
        if url.userinfo is None or not (at_once or self._at_once):
            return None
        login = _login(url.userinfo)
        made = self._known[_key(url)] = Authenticator(login, proxy=self._proxy)
        return made.answer(parse_challenges([b"Basic"]), method, target)

    def answer(self, url: URL, method: bytes, target: bytes, head: ResponseHead, sent: bytes | None) -> bytes | None:
        """What is sent in answer to a refusal, when ``sent`` was not enough; None when there is nothing more to say."""
        field = b"proxy-authenticate" if self._proxy else b"www-authenticate"
        challenges = parse_challenges(head.fields.get_all(field))
        if not challenges:
            return None
        key = _key(url)
        if key not in self._known:
            user, colon, _ = (url.userinfo or b"").partition(b":")
            realm = challenges[0].parameters.get("realm", "")
            login = _login(url.userinfo) if url.userinfo is not None and colon else self._ask(url, user or None, realm)
            if login is None and url.userinfo is not None:
                login = _login(url.userinfo)
            self._known[key] = None if login is None else Authenticator(login, proxy=self._proxy)
        known = self._known[key]
        return None if known is None else known.answer(challenges, method, target, sent)

    def heard(self, url: URL, target: bytes, fields: Fields, sent: bytes) -> bool:
        """A response has come to a request with ``sent``. False when it can't be from who knows the password."""
        known = self._known.get(_key(url))
        name = b"proxy-authentication-info" if self._proxy else b"authentication-info"
        return known is None or known.informed(fields.joined(name), target, sent)


def _key(url: URL) -> tuple[tuple[str, str, int], bytes | None]:
    return url.origin, url.userinfo


def _login(userinfo: bytes) -> Login:
    user, _, password = userinfo.partition(b":")
    return Login(user, password)
