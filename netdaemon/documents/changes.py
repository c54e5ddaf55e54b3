"""Who hears of the changes that are made through a tree, so that what was kept of it is not shown once it is old."""

from __future__ import annotations

from collections.abc import Callable
from weakref import WeakMethod

from netdaemon.documents.names import Parts, beneath, join

Seen = Callable[[bytes], bytes | None]
"""What the change of a path is called by somebody who sees a part of the tree; None when it is nothing to him."""


class Changes:
    """The listeners of one tree. A listener, a method, is held weakly: it hears for as long as its object lives.

    So a service that a reload put away needs no goodbye, and hears on while sessions still use it.
    """

    def __init__(self) -> None:
        self._listeners: tuple[tuple[WeakMethod[Callable[[bytes], object]], Seen | None], ...] = ()

    def listen(self, listener: Callable[[bytes], object], seen: Seen | None = None) -> None:
        """Call ``listener`` from now on."""
        living = (one for one in self._listeners if one[0]() is not None)
        self._listeners = (*living, (WeakMethod(listener), seen))

    def tell(self, path: bytes) -> None:
        """What stands at ``path`` has just changed. In the thread of whoever did it: a writer may commit in one."""
        for reference, seen in self._listeners:
            listener = reference()
            if listener is not None:
                told = path if seen is None else seen(path)
                if told is not None:
                    listener(told)


def seen_from(folder: Parts, links: bool) -> Seen:
    """As one folder sees it: with ``links``, what changes elsewhere may change anything there, for all we know."""

    def seen(path: bytes) -> bytes | None:
        where = tuple(path[1:].split(b"/")) if path != b"/" else ()
        if beneath(where, folder):
            return join(where[len(folder) :])
        return b"/" if links or beneath(folder, where) else None

    return seen
