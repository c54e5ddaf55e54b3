"""Transcripts: what a session and its peer said, for the operator's eyes, without secrets and without bodies."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from netdaemon.wire.escape import escape

MASK = b"***"


def masked(line: bytes, shown: int) -> bytes:
    """``line`` with ``shown`` words left to read and the rest masked: (b"AUTH PLAIN AGE=", 2) is b"AUTH PLAIN ***"."""
    words = line.split(b" ", shown)
    if len(words) > shown and words[shown]:
        words[shown] = MASK
    return b" ".join(words)


class Transcript:
    """Writes ``C: ...`` and ``S: ...``, escaped, each line cut to ``width`` characters, and at most ``lines`` lines."""

    __slots__ = ("_left", "_secret", "_width", "_write")

    def __init__(self, write: Callable[[str], object], *, width: int = 500, lines: int = 10_000) -> None:
        self._write = write
        self._width = width
        self._left = lines
        self._secret = 0

    def client(self, line: bytes) -> None:
        """A line of the client's, without its end."""
        self._put("C: ", line)

    def server(self, line: bytes) -> None:
        """A line of the server's."""
        self._put("S: ", line)

    def note(self, text: str) -> None:
        """Something that happened and is no line: ``-- TLS``."""
        self._out("-- " + escape(text))

    @contextmanager
    def secret(self) -> Iterator[None]:
        """Within it every line is masked, whoever's it is: SASL exchanges."""
        self._secret += 1
        try:
            yield
        finally:
            self._secret -= 1

    def _put(self, who: str, line: bytes) -> None:
        if self._left < 0:
            return
        # Cut before the escaping, which makes it at most six times as long: a megabyte must not cost its escaping.
        shown = MASK if self._secret else line[: self._width + 1]
        self._out(who + escape(shown), len(line) > self._width and not self._secret)

    def _out(self, text: str, cut: bool = False) -> None:
        self._left -= 1
        if self._left < 0:
            if self._left == -1:
                self._write("-- the transcript ends here: it has become too long")
            return
        if cut or len(text) > self._width:
            text = text[: self._width] + "..."
        self._write(text)
