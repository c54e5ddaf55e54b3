"""A line service on netdaemon's LineSession, for the bench: NOOP and DATA; `kind = tests.bench.peers.linekind:kind`."""

from __future__ import annotations

from netdaemon.interfaces import ServiceKind
from netdaemon.wire.line import ALWAYS, LineFactory, LineSession, LineSettings, Texts, Verb, VerbTable


class Lines(LineSession):
    """What `tests.bench.peers.stock.lines` does, done as a protocol of netdaemon does it."""

    __slots__ = ()
    texts = Texts(
        unknown=b"500 what?",
        state=b"503 not now",
        syntax=b"501 no",
        too_long=b"500 too long",
        failure=b"451 try again",
        too_many=b"421 enough",
        timeout=b"421 too slow",
        stopping=b"421 stopping",
    )

    def greet(self) -> None:
        self.send(b"220 ready")

    def noop(self, arguments: bytes) -> None:
        self.send(b"250 OK")

    async def data(self, arguments: bytes) -> None:
        self.send(b"354 go on")
        parts: list[bytes] = []
        await self.body(parts.append)
        self.send(b"250 %d" % len(b"".join(parts)))


Lines.verbs = VerbTable(Verb(b"NOOP", ALWAYS, Lines.noop), Verb(b"DATA", ALWAYS, Lines.data))


class LinesFactory(LineFactory):
    name = "lines"
    session = Lines


kind = ServiceKind(name="lines", summary="Lines, for the bench.", settings=LineSettings, factory=LinesFactory)
