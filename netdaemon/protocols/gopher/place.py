"""Where a request came to: which part of the tree is shown there, and under which name and port its items stand."""

from __future__ import annotations

from typing import NamedTuple

from netdaemon.interfaces import IDocuments
from netdaemon.protocols.gopher.grammar import menu


class Place(NamedTuple):
    """A host, virtual or not, as one request sees it."""

    documents: IDocuments
    base: bytes
    """Where in the whole tree these documents stand: nothing for the root, ``/spam`` for a folder."""
    prefix: bytes
    """What stands in front of its selectors: ``/;spam.example`` for a virtual host."""
    host: bytes
    port: int
    plus: bytes
    """What stands behind an item's port: TAB and + where Gopher+ is offered."""

    def item(self, kind: bytes, description: str, path: bytes) -> bytes:
        """The line of an item of ours; whoever calls has seen to it that the path is fit for one."""
        text = menu.clean(description).encode("utf-8", "replace")
        return b"%b%b\t%b%b\t%b\t%d%b\r\n" % (kind, text, self.prefix, path, self.host, self.port, self.plus)

    def other(self, kind: bytes, description: str, selector: bytes, host: bytes, port: int | None) -> bytes:
        """The line of an item somewhere else, or of one whose selector is no path."""
        text = menu.clean(description).encode("utf-8", "replace")
        return b"%b%b\t%b\t%b\t%d\r\n" % (kind, text, selector, host or self.host, self.port if port is None else port)
