"""Who hears of the changes that are made through a tree, so that what was kept of it is not shown once it is old."""

from __future__ import annotations

from collections.abc import Callable
from weakref import WeakMethod


class Changes:
    """The listeners of one tree. A listener, a method, is held weakly: it hears for as long as its object lives.

    So a service that a reload put away needs no goodbye, and hears on while sessions still use it.
    """

    def __init__(self) -> None:
        self._listeners: tuple[WeakMethod[Callable[[bytes], object]], ...] = ()

    def listen(self, listener: Callable[[bytes], object]) -> None:
        """Call ``listener`` from now on."""
        self._listeners = (*(one for one in self._listeners if one() is not None), WeakMethod(listener))

    def tell(self, path: bytes) -> None:
        """What stands at ``path`` has just changed. In the thread of whoever did it: a writer may commit in one."""
        for reference in self._listeners:
            listener = reference()
            if listener is not None:
                listener(path)
