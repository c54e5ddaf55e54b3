"""gopher and gophers URLs for the command line."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from netdaemon.cli.gopherpage import menu_page, printed
from netdaemon.cli.schemes import Begun, Fetched, TransferFailed, Wishes
from netdaemon.protocols.gopher.client import Answer, Client, Failed, GopherURL, Timeouts, decoded, parse_url
from netdaemon.protocols.gopher.grammar.menu import parse_menu
from netdaemon.wire.category import Category
from netdaemon.wire.escape import escape

MENU_LIMIT = 16 * 1024 * 1024
"""Octets of a menu that is made a text."""


class GopherFetcher:
    """Texts without their dots, menus as a text (or as they are, into a file), everything else as it is."""

    def __init__(self, reactor: Any, wishes: Wishes) -> None:
        self._client = Client(reactor, verify=wishes.verify, timeouts=Timeouts(wishes.timeout, stall=wishes.timeout))
        self._wishes = wishes

    @staticmethod
    def shown(url: str) -> str:
        return str(parse_url(url))

    async def fetch(self, url: str, begun: Begun | None) -> Fetched:
        asked = parse_url(url)
        if asked.type in "8T":
            raise TransferFailed(f"{asked}: that is a telnet session, and nothing to fetch", Category.USAGE)
        if self._wishes.say is not None:
            self._wishes.say(f"> {escape(asked.selector)}{' ' * bool(asked.search)}{escape(asked.search or b'')}")
        try:
            answer = await self._client.open(asked)
        except Failed as error:  # which names the host
            raise TransferFailed(str(error), error.category) from None
        chunks = self._menu(asked, answer) if self._wishes.readable and asked.type in "17" else _octets(asked, answer)
        return Fetched(chunks, answer.close)

    async def _menu(self, asked: GopherURL, answer: Answer) -> AsyncIterator[bytes]:
        data = b""
        async for chunk in _octets(asked, answer):
            data += chunk
            if len(data) > MENU_LIMIT:
                raise TransferFailed(f"{asked}: the menu is too large to be shown; -o FILE keeps it", Category.REFUSED)
        yield printed(menu_page(parse_menu(data)), asked).encode("utf-8", "replace")

    async def close(self) -> None:
        await self._client.close()


async def _octets(asked: GopherURL, answer: Answer) -> AsyncIterator[bytes]:
    try:
        # Gopher+ has a header in front, which is kept
        async for chunk in decoded(answer, "9" if asked.plus else asked.type):
            yield chunk
    except Failed as error:
        raise TransferFailed(f"{asked}: {error}", error.category) from None
