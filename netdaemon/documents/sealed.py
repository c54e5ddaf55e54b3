"""Paths that services run programs from: nobody writes there, and nobody puts another folder in their place.

A sealed path is sealed by its name, and also the place that it really is when links lead there. The links and folders
that are passed on the way may not be moved or removed, for another folder could then be put where programs are run.
"""

from __future__ import annotations

from collections.abc import Iterable

from netdaemon.documents.failures import failure
from netdaemon.documents.names import Parts, beneath, from_text
from netdaemon.documents.resolve import Permit, Root
from netdaemon.interfaces import DocumentError, Forbidden


class Seals:
    """The sealed paths of one tree. They are looked up anew each time. Raises ValueError for what is no path."""

    def __init__(self, root: Root, paths: Iterable[str]) -> None:
        self._root = root
        self.paths = tuple(sorted({from_text(path) for path in paths}))

    def guard(self, permit: Permit | None, above: bool = False) -> Permit | None:
        """``permit``, and besides Forbidden for what is sealed; with ``above`` for what leads to it, too."""
        if not self.paths:
            return permit

        def both(where: Parts) -> type[DocumentError] | None:
            refusal = None if permit is None else permit(where)
            return refusal or self._refusal(where, above)

        return both

    def _refusal(self, where: Parts, above: bool) -> type[DocumentError] | None:
        for path in self.paths:
            try:
                passed, end = self._root.trail(path)
            except OSError as error:
                return type(failure(error, b""))
            if beneath(where, path) or (end is not None and beneath(where, end)):
                return Forbidden
            if above and any(beneath(place, where) for place in (path, *passed)):
                return Forbidden
        return None
