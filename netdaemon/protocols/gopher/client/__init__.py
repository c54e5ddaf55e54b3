"""Gopher client (RFC 1436, Gopher+, RFC 4266), in clear and under TLS.

    client = Client(reactor)
    for item in await client.get_directory("/poems", "gopher.example.org"):
        print(item.type, item.description)
    text = await client.get_file("/poems/spam.txt", "gopher.example.org")

Everything that fails raises Failed. `plain` has the same for programs without a reactor.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Sequence
from typing import Any

from twisted.internet.defer import Deferred

from netdaemon.protocols.gopher.client.connection import Answer, Connection
from netdaemon.protocols.gopher.client.errors import NotPlus, Refused
from netdaemon.protocols.gopher.grammar.menu import Item, parse_menu, refusal_in
from netdaemon.protocols.gopher.grammar.plus import Attributes, parse_attributes, parse_header
from netdaemon.protocols.gopher.grammar.request import Malformed, build_request
from netdaemon.protocols.gopher.grammar.text import TextDecoder
from netdaemon.protocols.gopher.grammar.url import PORT, GopherURL, parse_url, url_of
from netdaemon.wire.failures import BadURL, Broken, ConnectFailed, Failed, TLSFailed, TooLarge
from netdaemon.wire.reaching import Timeouts, reach
from netdaemon.wire.tlsclient import Contexts, Trust

__all__ = [
    "OTHERS_PORTS",
    "PORT",
    "Answer",
    "Attributes",
    "BadURL",
    "Broken",
    "Client",
    "ConnectFailed",
    "Failed",
    "GopherURL",
    "Item",
    "NotPlus",
    "Refused",
    "TLSFailed",
    "Timeouts",
    "TooLarge",
    "decoded",
    "parse_url",
    "url_of",
]

LIMIT = 64 * 1024 * 1024
"""Octets of an answer that is read whole, unless a client is made with another limit."""

OTHERS_PORTS = frozenset(
    {1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 77, 79, 80, 87, 95, 101, 102, 103, 104, 109,
     110, 111, 113, 115, 117, 119, 123, 135, 137, 139, 143, 161, 179, 389, 427, 443, 445, 465, 512, 513, 514, 515, 526,
     530, 531, 532, 540, 548, 554, 556, 563, 587, 601, 636, 989, 990, 993, 995, 1719, 1720, 1723, 2049, 3306, 3659,
     4045, 5060, 5061, 5432, 6000, 6379, 6566, 6665, 6666, 6667, 6668, 6669, 6697, 9200, 11211}
)  # fmt: skip
"""The ports of other protocols: a selector is a line of anybody's choice, so who follows others' URLs refuses these."""

TEXTS = "0"
"""Item types whose octets are text, with a dot at its end; menus (1 and 7) are too."""


class Client:
    """Asks Gopher servers, by a connection for each request.

    ``trust`` says whose certificates are believed: whom the system believes, unless given; without ``verify`` anybody.
    ``limit`` is for answers that are read whole. Nobody is asked at ``refused_ports``: `OTHERS_PORTS` for a start.
    """

    def __init__(
        self,
        reactor: Any,
        *,
        trust: Contexts | None = None,
        verify: bool = True,
        timeouts: Timeouts | None = None,
        limit: int = LIMIT,
        refused_ports: Collection[int] = (),
    ) -> None:
        self._reactor = reactor
        self._trust = trust or Trust()
        self._verify = verify
        self._timeouts = timeouts or Timeouts()
        self._limit = limit
        self._refused_ports = refused_ports
        self._connections: set[Connection] = set()
        self._closing: list[Deferred[None]] = []

    # --- menus and documents ---------------------------------------------------------------------------------

    async def send_selector(
        self,
        selector: str | bytes,
        host: str,
        port: int = PORT,
        *,
        search: str | bytes | None = None,
        plus: bytes = b"",
        secure: bool = False,
    ) -> Answer:
        """Send one request; the answer's octets come as they are. ``plus`` is Gopher+'s field: ``+``, ``!+VIEWS``."""
        try:
            line = build_request(_octets(selector), None if search is None else _octets(search), plus)
        except Malformed as error:
            raise BadURL(str(error)) from None
        return await self._ask(line, host, port, secure)

    async def get_directory(
        self, selector: str | bytes, host: str, port: int = PORT, *, search: str | None = None, secure: bool = False
    ) -> list[Item]:
        """A menu's items: (type, description, selector, host, port, further fields). Raises Refused for an error."""
        data = await self._whole(await self.send_selector(selector, host, port, search=search, secure=secure))
        return parse_menu(data)

    async def search(
        self, words: str, selector: str | bytes, host: str, port: int = PORT, *, secure: bool = False
    ) -> list[Item]:
        """The items that a server's search (type 7) finds for ``words``."""
        return await self.get_directory(selector, host, port, search=words, secure=secure)

    async def get_file(
        self, selector: str | bytes, host: str, port: int = PORT, *, type: str = "0", secure: bool = False
    ) -> bytes:
        """A document: its octets, or for ``type`` 0 its text with the dots taken out and LF for its line ends."""
        data = await self._whole(await self.send_selector(selector, host, port, secure=secure))
        if type not in TEXTS:
            return data
        decoder = TextDecoder()
        return decoder.feed(data) + decoder.finish()

    # --- URLs ------------------------------------------------------------------------------------------------

    async def open(self, url: str | GopherURL) -> Answer:
        """What a URL stands for, as it comes."""
        try:
            asked = parse_url(url) if isinstance(url, str) else url
        except ValueError as error:
            raise BadURL(str(error)) from None
        return await self.send_selector(
            asked.selector, asked.host, asked.port, search=asked.search, plus=asked.plus, secure=asked.secure
        )

    # --- Gopher+ ---------------------------------------------------------------------------------------------

    async def get_attributes(
        self, selector: str | bytes, host: str, port: int = PORT, *, names: Sequence[str] = (), secure: bool = False
    ) -> Attributes:
        """What the server says of an item, or of it only the blocks of these names (ADMIN, VIEWS, ABSTRACT ...)."""
        found = await self._attributes(b"!", selector, host, port, names, secure)
        if len(found) != 1:
            raise NotPlus(f"{host} port {port}: that are not one item's attributes")
        return found[0]

    async def get_all_attributes(
        self, selector: str | bytes, host: str, port: int = PORT, *, names: Sequence[str] = (), secure: bool = False
    ) -> list[Attributes]:
        """The same of every item in a folder."""
        return await self._attributes(b"$", selector, host, port, names, secure)

    async def get_view(
        self, selector: str | bytes, host: str, port: int = PORT, *, media: str = "", secure: bool = False
    ) -> bytes:
        """A document as Gopher+ sends it, in the view that has this media type if one is given."""
        data, dotted = await self._plus(b"+" + _octets(media), selector, host, port, secure)
        if not dotted:
            return data
        decoder = TextDecoder()
        return decoder.feed(data) + decoder.finish()

    async def _attributes(
        self, what: bytes, selector: str | bytes, host: str, port: int, names: Sequence[str], secure: bool
    ) -> list[Attributes]:
        field = what + b"".join(b"+" + _octets(name) for name in names)
        data, _ = await self._plus(field, selector, host, port, secure)
        return parse_attributes(data)

    async def _plus(
        self, field: bytes, selector: str | bytes, host: str, port: int, secure: bool
    ) -> tuple[bytes, bool]:
        """(what follows the header, whether a dot ends it). Raises Refused and NotPlus."""
        answer = await self.send_selector(selector, host, port, plus=field, secure=secure)
        data = await answer.read(self._limit)
        line, _, rest = data.partition(b"\r\n")
        try:
            success, size = parse_header(line)
        except Malformed as error:
            raise NotPlus(f"{host} port {port}: {error}") from None
        if not success:
            said = rest.partition(b"\r\n")[0].decode("utf-8", "replace")
            raise Refused(f"{host} port {port}: {said.lstrip('0123456789 ')}")
        if size >= 0 and len(rest) < size:
            raise Broken(f"{host} port {port}: {size - len(rest)} octets are missing")
        return (rest[:size] if size >= 0 else rest), size == -1

    # --- connecting ------------------------------------------------------------------------------------------

    async def close(self) -> None:
        """Drop every connection, with whatever is under way; returns when they are gone."""
        if self._connections:
            gone: Deferred[None] = Deferred()
            self._closing.append(gone)
            for connection in list(self._connections):
                connection.abort()
            await gone

    async def _whole(self, answer: Answer) -> bytes:
        data = await answer.read(self._limit)
        said = refusal_in(data)
        if said is not None:
            raise Refused(said)
        return data

    async def _ask(self, line: bytes, host: str, port: int, secure: bool) -> Answer:
        where = f"{host} port {port}"
        if port in self._refused_ports or not 0 < port < 65536:
            raise BadURL(f"{where}: that port is not asked by Gopher")
        times = self._timeouts
        connection = await reach(
            self._reactor,
            host,
            port,
            lambda: Connection(line, secure, self._reactor, times.stall, self._made, self._gone),
            times.connect,
            self._trust.client(host, (), self._verify) if secure else None,
        )
        return connection.answer

    def _made(self, connection: Connection) -> None:
        self._connections.add(connection)

    def _gone(self, connection: Connection) -> None:
        self._connections.discard(connection)
        if not self._connections:
            waiting, self._closing = self._closing, []
            for closing in waiting:
                closing.callback(None)


async def decoded(answer: Answer, type: str) -> AsyncIterator[bytes]:
    """An answer's octets as the item's type has them: a text without its dots and with LF line ends, else as they are.

    Raises Refused when all that comes is an error's item.
    """
    begun = b""
    async for data in answer:
        begun += data
        if len(begun) > 1024 or (b"\n" in begun and not begun.startswith(b"3")):
            break
    said = refusal_in(begun)
    if said is not None:
        answer.close()
        raise Refused(said)
    if type not in TEXTS:
        yield begun
        async for data in answer:
            yield data
        return
    decoder = TextDecoder()
    yield decoder.feed(begun)
    async for data in answer:
        yield decoder.feed(data)
    yield decoder.finish()


def _octets(text: str | bytes) -> bytes:
    return text if isinstance(text, bytes) else text.encode("utf-8", "surrogateescape")
