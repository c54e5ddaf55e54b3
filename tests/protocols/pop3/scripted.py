"""A POP3 server in memory, of which the test says every word:

server = Server()
work = server.begin(server.pop.stat())
server.talk("C: STAT", "S: +OK 2 320")
self.assertEqual(self.successResultOf(work), (2, 320))

"C: ..." the client's next line     "S: ..." a line of the server's     "S* ..." octets, with Python's escapes
"-- 30 s" time passes               "-- closes" the server does
"""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

from twisted.internet import task
from twisted.internet.defer import Deferred

from netdaemon.protocols.pop3.client import POP3, Settings, Timeouts
from netdaemon.protocols.pop3.client.link import StreamLink
from netdaemon.wire.deadlines import Wheel
from netdaemon.wire.transcript import Transcript
from tests.kit.clock import pass_time
from tests.kit.pump import Transport


class Server:
    """See the module."""

    def __init__(self, greeting: str = "+OK ready", **settings: Any) -> None:
        self.clock = task.Clock()
        self.said: list[str] = []
        settings = {"timeouts": Timeouts(30.0, 30.0, 30.0), "transcript": Transcript(self.said.append), **settings}
        made = Settings(**settings)
        link = StreamLink(Wheel(self.clock), timeout=30.0, stall=30.0, transcript=made.transcript)
        self.transport = Transport(link)
        self.transport.begin()
        self.link = link
        self.pop = POP3(link, "pop.spam.egg", made)
        self.greeted = self.begin(self._greet())
        self.say(greeting.encode() + b"\r\n")

    async def _greet(self) -> None:
        async with self.link.alone():
            await self.link.greet()

    def begin(self, work: Coroutine[Any, Any, Any]) -> Deferred[Any]:
        """Start something of the client's."""
        return Deferred.fromCoroutine(work)

    def say(self, data: bytes) -> None:
        self.transport.deliver(data)
        self._turn()

    def talk(self, *script: str) -> None:
        """Go through ``script``. Raises AssertionError."""
        for entry in script:
            who, text = entry[:3], entry[3:]
            if who == "C: ":
                line = self.line()
                assert line == text, f"the client says {line!r}, not {text!r}"
            elif who == "S: ":
                self.say(text.encode() + b"\r\n")
            elif who == "S* ":
                self.say(text.encode().decode("unicode_escape").encode("latin-1"))
            elif text == "closes":
                self.transport.finish()
                self._turn()
            else:
                pass_time(self.clock, float(text.removesuffix(" s")))
                self._turn()

    def line(self) -> str:
        """The client's next line."""
        end = self.transport.unsent.find(b"\r\n")
        assert end >= 0, f"the client has said no line but {bytes(self.transport.unsent)!r}"
        line = bytes(self.transport.unsent[:end]).decode()
        del self.transport.unsent[: end + 2]
        self._turn()
        return line

    def _turn(self) -> None:
        while self.transport.turn():
            pass
