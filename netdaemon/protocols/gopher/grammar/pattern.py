"""What is searched for: words, all of which must be there, with ``*`` for anything on a line.

Case does not matter. Every match is linear in what is looked at: no regular expression is made of what a peer sends.
"""

from __future__ import annotations

MAX_WORDS = 16
"""Words of one search; more of them find no less than these do."""


def fold(text: bytes) -> str:
    """Text as it is compared."""
    return text.decode("utf-8", "replace").casefold()


class Pattern:
    """One search's words. ``empty`` when there is nothing to look for."""

    __slots__ = ("_words",)

    def __init__(self, search: bytes) -> None:
        words = [[piece for piece in word.split("*") if piece] for word in fold(search).split()[:MAX_WORDS]]
        self._words = [pieces for pieces in words if pieces]

    @property
    def empty(self) -> bool:
        return not self._words

    def missing(self, name: str) -> Pattern:
        """The words that a name, folded, does not hold."""
        left = Pattern(b"")
        left._words = [pieces for pieces in self._words if _on_line(name, pieces, 0, len(name)) < 0]
        return left

    def in_text(self, text: str) -> bool:
        """Does a text, folded, hold all the words?"""
        return all(_in_text(text, pieces) for pieces in self._words)


def _on_line(text: str, pieces: list[str], start: int, stop: int) -> int:
    """Where the pieces end, one behind the other; -1 when they are not all there."""
    for piece in pieces:
        start = text.find(piece, start, stop)
        if start < 0:
            return -1
        start += len(piece)
    return start


def _in_text(text: str, pieces: list[str]) -> bool:
    start = text.find(pieces[0])
    while start >= 0:
        if len(pieces) == 1:
            return True
        end = text.find("\n", start)
        end = len(text) if end < 0 else end
        # each line is looked at once: its first piece, further left than any other, gives the others the most room
        if _on_line(text, pieces, start, end) >= 0:
            return True
        start = text.find(pieces[0], end)
    return False
