"""The tree as one account may use it: its rights, and its quota."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Iterator, Sequence
from typing import Any

from zope.interface import implementer

from netdaemon.documents.names import Parts, beneath, from_text
from netdaemon.documents.pace import NAMES
from netdaemon.documents.tree import Tree
from netdaemon.documents.usage import Limit
from netdaemon.documents.within import Within
from netdaemon.interfaces import (
    Account,
    DocumentError,
    DocumentWriter,
    Entry,
    Forbidden,
    IDocuments,
    ITellsChanges,
    NotFound,
    OpenDocument,
    Right,
)

ANONYMOUS = "anonymous"
"""The name of the account behind anonymous logins."""


class Rights:
    """What an account may do where: the right with the longest path counts, none means "rw". Anonymous never writes,
    and does not see what is ``sealed``.

    Raises ValueError for a right or a home that can't be a path of the tree: to leave it out could open what it
    was meant to close.
    """

    def __init__(self, account: Account, sealed: Iterable[Parts] = ()) -> None:
        self._open = "r" if account.name == ANONYMOUS else "rw"
        self._modes = {from_text(right.path): _mode(right, self._open) for right in account.rights}
        if account.name == ANONYMOUS:
            # Programs are there to be run: what stands in them (passwords, often) is nobody's to read who has no name.
            self._modes.update(dict.fromkeys(sealed, "-"))
        self._lengths = sorted({len(path) for path in self._modes}, reverse=True)
        self._ways = {path[:depth] for path, mode in self._modes.items() if mode != "-" for depth in range(len(path))}
        home = from_text(account.home)
        self.limit = None if account.quota is None else Limit(home, account.quota)

    def sees(self, where: Parts) -> type[DocumentError] | None:
        """Why its name may not be seen. What is closed but leads to something open is seen, as a folder."""
        return NotFound if self._mode(where) == "-" and where not in self._ways else None

    def reads(self, where: Parts) -> type[DocumentError] | None:
        """Why its contents may not be read."""
        return NotFound if self._mode(where) == "-" else None

    def writes(self, where: Parts) -> type[DocumentError] | None:
        """Why it may not be written, removed or made."""
        mode = self._mode(where)
        if mode == "-":
            return Forbidden if where in self._ways else NotFound
        return None if mode == "rw" else Forbidden

    def adds(self, where: Parts) -> type[DocumentError] | None:
        """Why no bytes may be put there: an account with a quota keeps them beneath its home, where they count."""
        if self.limit is not None and not beneath(where, self.limit.home):
            return self.writes(where) or Forbidden
        return self.writes(where)

    def moves(self, where: Parts) -> type[DocumentError] | None:
        """Why it may not be moved away: also when something beneath it is closed, which would be open elsewhere."""
        return self.writes(where) or self._uneven(where)

    def receives(self, where: Parts) -> type[DocumentError] | None:
        """Why nothing may be moved there, what may be beneath it included."""
        return self.adds(where) or self._uneven(where)

    def _uneven(self, where: Parts) -> type[DocumentError] | None:
        closed = any(mode != "rw" and beneath(path, where) for path, mode in self._modes.items())
        return Forbidden if closed else None

    def _mode(self, where: Parts) -> str:
        for length in self._lengths:
            mode = self._modes.get(where[:length]) if length <= len(where) else None
            if mode is not None:
                return mode
        return self._open


@implementer(IDocuments, ITellsChanges)
class Narrowed:
    """A tree narrowed to an account's rights: what "-" hides is NotFound, what "r" protects is Forbidden to change.

    Rights hold for a path as it is given and for the place that links lead it to, whichever allows less. With a
    quota, whatever is written must stand beneath the account's home and fit into what is left (see `usage`); NoSpace
    when it does not.
    """

    def __init__(self, tree: Tree, account: Account) -> None:
        self._tree = tree
        self._rights = Rights(account, tree.sealed)

    def on_change(self, listener: Callable[[bytes], object], folder: Parts = ()) -> None:
        """Tell ``listener`` of every change made through the whole tree: links may make others' this account's."""
        self._tree.on_change(listener, folder)

    def entry(self, path: bytes) -> Entry:
        """What stands there."""
        return self._tree.entry(path, self._rights.sees)

    def open(self, path: bytes) -> OpenDocument:
        """Open a regular file for reading."""
        return self._tree.open(path, self._rights.reads)

    def list(self, path: bytes) -> Iterator[Entry]:
        """The folder's entries, without those that the account may not see."""
        return self._tree.list(path, self._rights.sees)

    def listing(self, path: bytes, batch: int = NAMES) -> AsyncIterator[Sequence[Entry]]:
        """The same in batches."""
        return self._tree.listing(path, batch, self._rights.sees)

    def digest(
        self, path: bytes, algorithm: str, start: int = 0, stop: int | None = None
    ) -> Coroutine[Any, Any, bytes]:
        """The hash of a document's octets."""
        return self._tree.digest(path, algorithm, start, stop, self._rights.reads)

    def write(self, path: bytes, new: bool = False) -> DocumentWriter:
        """Begin to write a document."""
        return self._tree.write(path, new, self._rights.adds, self._rights.limit)

    def resume(self, path: bytes, offset: int) -> DocumentWriter:
        """Begin to write a document that goes on after what is there already."""
        return self._tree.resume(path, offset, self._rights.adds, self._rights.limit, self._rights.reads)

    def remove(self, path: bytes) -> None:
        """Remove a document or an empty folder."""
        self._tree.remove(path, self._rights.writes)

    def rename(self, path: bytes, to: bytes) -> None:
        """Give a document or a folder another name.

        Forbidden for a folder beneath which, here or there, some right allows less than writing. With a quota it must
        come to stand beneath the home; into it, from elsewhere, only documents may be moved.
        """
        self._tree.rename(path, to, self._rights.moves, self._rights.receives, self._rights.limit)

    def make_folder(self, path: bytes) -> None:
        """Make a folder in a folder that exists."""
        self._tree.make_folder(path, self._rights.writes)

    def change(self, path: bytes, modified_ns: int | None = None, mode: int | None = None) -> Entry:
        """Set the time of the last change or the permission bits of what stands there."""
        return self._tree.change(path, modified_ns, mode, self._rights.writes)

    def may_write(self, path: bytes) -> bool:
        """Would changing what stands there, or making it, be allowed?"""
        return self._tree.may_write(path, self._rights.adds)

    def space(self, path: bytes) -> int | None:
        """Octets that may still be written beneath a folder: none where the account may not write."""
        return self._tree.space(path, self._rights.sees, self._rights.adds, self._rights.limit)

    def within(self, path: bytes) -> Within:
        """The same tree, narrowed by the same rights, as seen from one of its folders."""
        return Within(self, path)


def _mode(right: Right, most: str) -> str:
    if right.mode not in ("rw", "r", "-"):
        raise ValueError(f"{right.mode!r} is none of rw, r and -")
    return most if right.mode == "rw" else right.mode
