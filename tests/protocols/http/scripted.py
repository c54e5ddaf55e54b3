"""Sessions in memory over real scripts: the wire is the test's own, the programs are the reactor's."""

from __future__ import annotations

import gc
from typing import Any

from twisted.internet import reactor

from netdaemon.config.settings import DocumentsSettings
from netdaemon.documents.tree import Tree
from netdaemon.protocols.http import HTTPSettings, http
from tests.kit.house import house
from tests.kit.scripts import SH, Scripts
from tests.protocols.http.peer import NOW, HTTPTests, Peer, Reply

PLAIN = SH + "printf 'Content-Type: text/plain\\n\\n'; "


class ScriptedTests(HTTPTests):
    """A site whose /cgi is run. ``self.clock`` is what deadlines go by."""

    def setUp(self) -> None:
        super().setUp()
        self.scripts = Scripts(self)
        self.top = self.scripts.top
        self.file("hello.txt", b"hello\n")
        self.peers: list[Peer] = []
        self.addCleanup(self._gone)

    def _check_descriptors(self, before: int) -> None:
        # By what they are: while the reactor runs it has more of its own.
        gc.collect()
        left = [one for one in self.scripts.descriptors() if str(self.top) in one]
        self.assertEqual(left, [], "a document was left open")

    async def _gone(self) -> None:
        """A test ends when its scripts have."""
        for peer in self.peers:
            peer.leave()
        for peer in self.peers:
            scripts = peer.session._factory.sites.own._cgi
            scripts._programs.stop()
            running = scripts._programs._running
            await self.scripts.until(lambda running=running: not running, "all scripts have ended")
            scripts._executables._known.clear()  # folders that are held open for another second
        self.peers.clear()

    def factory(self, documents: Any = None, **settings: Any) -> Any:
        if documents is None:
            documents = Tree(DocumentsSettings(root=self.top), self.clock)
            self.addCleanup(documents.close)
        self.made = house(self.clock, documents=documents, wall=lambda: NOW, reactor=reactor)
        settings.setdefault("cgi", ("/cgi",))
        return http.factory(HTTPSettings(section="http", listen=(), **settings), self.made)

    def script(self, text: str | bytes, name: str = "script", mode: int = 0o755) -> None:
        """A program in /cgi; a plain answer around it, unless it is a whole one."""
        if isinstance(text, str) and not text.startswith("#!"):
            text = PLAIN + text
        self.scripts.add(f"cgi/{name}", text, mode)

    def scripted(self, lazy: bool = False, **settings: Any) -> Peer:
        peer = Peer(self.factory(**settings), lazy)
        self.peers.append(peer)
        return peer

    def another(self, peer: Peer) -> Peer:
        """Another connection to the same site."""
        self.peers.append(Peer(peer.session._factory))
        return self.peers[-1]

    def idle(self, peer: Peer) -> bool:
        """Has it no response under way?"""
        return peer.session._task is None

    async def answered(self, peer: Peer) -> None:
        """Wait until it has."""
        await self.scripts.until(lambda: self.idle(peer), "the script has answered")

    async def ask_script(self, request: bytes, **settings: Any) -> Reply:
        """The one reply to one request."""
        peer = self.scripted(**settings)
        peer.send(request)
        await self.answered(peer)
        (reply,) = peer.replies(request.partition(b" ")[0])
        return reply

    async def run_script(
        self, text: str | bytes, *fields: bytes, path: str = "/cgi/script", method: str = "GET", body: bytes = b"",
        **settings: Any,
    ) -> Reply:  # fmt: skip
        """The reply of a script that is written for it."""
        self.script(text, path.split("/")[2].partition("?")[0])
        lines = b"".join(b"%b\r\n" % field for field in fields)
        if body:
            lines += b"Content-Length: %d\r\n" % len(body)
        head = f"{method} {path} HTTP/1.1\r\nHost: a.example:8080\r\n".encode()
        return await self.ask_script(head + lines + b"\r\n" + body, **settings)
