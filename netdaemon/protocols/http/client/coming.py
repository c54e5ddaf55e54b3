"""A connection that is being made, and those who wait to share it."""

from __future__ import annotations

from typing import Generic, TypeVar

from twisted.internet.defer import Deferred

T = TypeVar("T")


class Coming(Generic[T]):
    """``line`` is what came, to be shared; ``alone`` says that nobody can share it, so each makes his own."""

    def __init__(self) -> None:
        self.line: T | None = None
        self.alone = False
        self._waiting: list[Deferred[None]] = []

    async def came(self) -> None:
        """Wait until one of both is known, or that it was given up."""
        waiting = Deferred[None]()
        self._waiting.append(waiting)
        await waiting

    def tell(self, line: T | None = None, *, alone: bool = False) -> None:
        """Let them go, in the order they came; with neither they may begin anew."""
        self.line = line
        self.alone = alone
        waiting, self._waiting = self._waiting, []
        for one in waiting:
            one.callback(None)
