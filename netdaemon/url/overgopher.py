"""gopher and gophers URLs (RFC 4266)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from email.message import Message
from typing import Any

from netdaemon.documents.media import content_type
from netdaemon.protocols.gopher.client import Answer, BadURL, Client, Failed, GopherURL, Timeouts, TooLarge, decoded
from netdaemon.protocols.gopher.client import parse_url as parse
from netdaemon.protocols.gopher.grammar.menu import parse_menu
from netdaemon.url.gopherpage import menu_page, printed
from netdaemon.url.opened import Opened
from netdaemon.url.scheme import Asking, Sending
from netdaemon.url.source import Source
from netdaemon.url.wishes import Wishes
from netdaemon.wire.escape import escape
from netdaemon.wire.tlsclient import Trust

MENU_LIMIT = 16 * 1024 * 1024
"""Octets of a menu that is made a text."""


TYPES = {
    "0": "text/plain; charset=utf-8", "1": "text/gopher-menu; charset=utf-8", "7": "text/gopher-menu; charset=utf-8",
    "4": "application/mac-binhex40", "6": "text/x-uuencode", "g": "image/gif", "h": "text/html; charset=utf-8",
}  # fmt: skip
"""Content-Type by item type; of others the selector tells."""


class OverGopher:
    """Texts without their dots, menus as a text (or as they are, into a file), everything else as it is."""

    def __init__(self, reactor: Any, wishes: Wishes) -> None:
        self._client = Client(
            reactor,
            trust=Trust(wishes.authorities),
            verify=wishes.verify,
            timeouts=Timeouts(wishes.timeout, stall=wishes.timeout),
        )
        self._wishes = wishes

    @staticmethod
    def shown(url: str) -> str:
        return str(_parse(url))

    async def open(self, url: str, asking: Asking) -> Opened:
        asked = _parse(url)
        if not asking.plain:
            raise BadURL(f"{asked}: Gopher knows of nothing but GET, without headers")
        if asked.type in "8T":
            raise BadURL(f"{asked}: that is a telnet session, and nothing to fetch")
        if self._wishes.say is not None:
            self._wishes.say(f"> {escape(asked.selector)}{' ' * bool(asked.search)}{escape(asked.search or b'')}")
        answer = await self._client.open(asked)
        shows = self._wishes.readable and asked.type in "17"
        headers = Message()
        named = content_type(asked.selector.rpartition(b"/")[2])
        headers["Content-Type"] = "text/plain; charset=utf-8" if shows else TYPES.get(asked.type, named.decode("ascii"))
        return Opened(str(asked), headers, self._menu(asked, answer) if shows else _octets(asked, answer), answer.close)

    async def send(self, source: Source, url: str, sending: Sending) -> str:
        raise BadURL(f"{self.shown(url)}: nothing can be sent by Gopher")

    async def _menu(self, asked: GopherURL, answer: Answer) -> AsyncIterator[bytes]:
        data = b""
        async for chunk in _octets(asked, answer):
            data += chunk
            if len(data) > MENU_LIMIT:
                raise TooLarge(f"{asked}: the menu is too large to be shown; -o FILE keeps it")
        yield printed(menu_page(parse_menu(data)), asked).encode("utf-8", "replace")

    async def close(self) -> None:
        await self._client.close()


async def _octets(asked: GopherURL, answer: Answer) -> AsyncIterator[bytes]:
    try:
        # Gopher+ has a header in front, which is kept
        async for chunk in decoded(answer, "9" if asked.plus else asked.type):
            yield chunk
    except Failed as error:
        raise error.at(asked) from None


def _parse(url: str) -> GopherURL:
    try:
        return parse(url)
    except ValueError as error:
        raise BadURL(str(error)) from None
