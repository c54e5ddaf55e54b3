"""What holds for a path and for all that is beneath it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Generic, TypeVar

T = TypeVar("T")


class Beneath(Generic[T]):
    """Values by path, each for what is at its path or beneath it, in whole parts: ``/a`` has ``/a/b`` and not ``/ab``.

    Paths are decoded and normal, as `Request.path` is. The longest that fits counts; of two alike, the first.
    """

    def __init__(self, values: Iterable[tuple[str, T]]) -> None:
        self._values: dict[bytes, T] = {}
        for path, value in values:
            self._values.setdefault(path.encode("utf-8", "surrogateescape").rstrip(b"/"), value)
        self._depth = max((path.count(b"/") for path in self._values), default=0) + 1

    def __bool__(self) -> bool:
        return bool(self._values)

    def find(self, path: bytes) -> T | None:
        """The value that holds for ``path``."""
        if not self._values or not path:
            return None
        # No deeper than any value lies: a peer's path may have thousands of parts.
        parts = path.split(b"/", self._depth)[: self._depth]
        for count in range(len(parts), 0, -1):
            value = self._values.get(b"/".join(parts[:count]))
            if value is not None:
                return value
        return None
