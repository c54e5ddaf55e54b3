"""pop3 and pop3s URLs for the command line."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from typing import Any

from netdaemon.protocols.pop3.client import POP3, TLS, Failed, Settings, Timeouts, connect, parse_url
from netdaemon.url.logins import login_for
from netdaemon.url.wishes import Wishes
from netdaemon.wire.category import Category
from netdaemon.wire.tlsclient import Trust
from netdaemon.wire.transcript import Transcript


class NobodyKnown(Failed):
    """Nothing says who wants the mail."""

    category = Category.USAGE


class POP3Mailbox:
    """An account's INBOX."""

    _session: POP3

    def __init__(self, url: str, wishes: Wishes) -> None:
        self._url = parse_url(url)
        self._wishes = wishes
        self.number = self._url.number

    async def open(self, reactor: Any) -> None:
        url, wishes = self._url, self._wishes
        login = login_for(wishes.ask, url.host, url.user, url.password)
        if login is None:
            raise NobodyKnown(f"{url}: who are you? Neither the URL nor ~/.netrc says it")
        tls = TLS.IMPLICIT if url.scheme == "pop3s" else TLS.EXPLICIT if wishes.starttls else TLS.NONE
        settings = Settings(
            tls=tls,
            verify=wishes.verify,
            trust=Trust(wishes.authorities),
            timeouts=Timeouts(wishes.timeout, wishes.timeout, wishes.timeout),
            transcript=None if wishes.say is None else Transcript(wishes.say),
        )
        with self._named():
            self._session = await connect(
                reactor, url.host, url.port, user=login.user, password=login.password, settings=settings
            )

    async def headers(self) -> AsyncIterator[tuple[int, int, bytes | None]]:
        with self._named():
            octets = await self._session.list()
            async for number, header in self._session.tops(octets):
                yield number, octets[number], header

    async def message(self, number: int) -> bytes:
        with self._named():
            return await self._session.message(number)

    async def copy(self, number: int, write: Callable[[bytes], object]) -> None:
        def hand_on(data: bytes) -> None:
            write(data)  # what it returns is nothing to wait for

        with self._named():
            await self._session.retrieve(number, hand_on)

    async def close(self) -> None:
        with self._named():
            await self._session.quit()

    def abort(self) -> None:
        self._session.abort()

    @contextmanager
    def _named(self) -> Iterator[None]:
        """What fails within says at which URL."""
        try:
            yield
        except Failed as error:
            raise error.at(self._url) from None
