"""A Gopher server in memory over a tree of its own: ``await self.ask(b"/spam")`` gives all that it answers."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import TestCase

from netdaemon.protocols.gopher import GopherSettings, gopher
from netdaemon.protocols.gopher.grammar.menu import Item, parse_menu
from netdaemon.protocols.gopher.server import GopherFactory
from tests.documents.forest import ForestTests
from tests.kit.dialog import Peer
from tests.kit.house import StandInHouse, house

REFUSED = b"3There is nothing by that name here\t\tnull.host\t1\r\n.\r\n"


class GardenTests(ForestTests, TestCase):
    """``self.house`` is the last server's; its connections come to port 1025 of spam.egg."""

    def setUp(self) -> None:
        super().setUp()
        self._servers: dict[str, tuple[StandInHouse, GopherFactory]] = {}

    def server(self, clock: Any = None, **settings: Any) -> GopherFactory:
        self.house = house(clock, documents=self.tree(clock=clock))
        factory = gopher.factory(GopherSettings(section="gopher", listen=(), **settings), self.house)
        assert isinstance(factory, GopherFactory)
        return factory

    async def ask(self, line: bytes, **settings: Any) -> bytes:
        """The whole answer to one request, of the one server with these settings."""
        asked = repr(settings)
        if asked not in self._servers:
            factory = self.server(**settings)
            self._servers[asked] = self.house, factory
        self.house, factory = self._servers[asked]
        return await self.asked(factory, line)

    async def asked(self, factory: GopherFactory, line: bytes) -> bytes:
        peer = Peer(factory.buildProtocol(None), clock=self.house.clock)
        peer.send(line + b"\r\n")
        while not peer.closed and self.house.clock.getDelayedCalls():
            self.house.clock.advance(0)  # turns of the reactor, in which no time passes
        return await peer.rest()

    async def items(self, line: bytes, **settings: Any) -> list[Item]:
        """The items of a menu that are no text."""
        answer = await self.ask(line, **settings)
        self.assertTrue(answer.endswith(b"\r\n.\r\n") or answer == b".\r\n", answer)
        return [item for item in parse_menu(answer) if item.leads_on]

    async def found(self, line: bytes, **settings: Any) -> list[str]:
        """The items of a menu, each as its type and its selector."""
        return [item.type + item.selector for item in await self.items(line, **settings)]
