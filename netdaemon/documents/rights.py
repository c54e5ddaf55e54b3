"""The tree as one account may use it: its rights, and its quota."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Sequence

from zope.interface import implementer

from netdaemon.documents.names import Parts, split
from netdaemon.documents.pace import NAMES
from netdaemon.documents.tree import Tree
from netdaemon.documents.usage import Limit
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
    """What an account may do where: the right with the longest path counts, none means "rw". Anonymous never writes.

    Raises ValueError for a right or a home that can't be a path of the tree: to leave it out could open what it
    was meant to close.
    """

    def __init__(self, account: Account) -> None:
        self._open = "r" if account.name == ANONYMOUS else "rw"
        self._modes = {_parts(right.path): _mode(right, self._open) for right in account.rights}
        self._lengths = sorted({len(path) for path in self._modes}, reverse=True)
        self._ways = {path[:depth] for path, mode in self._modes.items() if mode != "-" for depth in range(len(path))}
        home = _parts(account.home)
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
        limit = self.limit
        if limit is not None and where[: len(limit.home)] != limit.home:
            return self.writes(where) or Forbidden
        return self.writes(where)

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
        self._rights = Rights(account)

    def on_change(self, listener: Callable[[bytes], object]) -> None:
        """Tell ``listener`` of every change made through the whole tree: links may make others' this account's."""
        self._tree.on_change(listener)

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

    def write(self, path: bytes) -> DocumentWriter:
        """Begin to write a document."""
        return self._tree.write(path, self._rights.adds, self._rights.limit)

    def remove(self, path: bytes) -> None:
        """Remove a document or an empty folder."""
        self._tree.remove(path, self._rights.writes)

    def make_folder(self, path: bytes) -> None:
        """Make a folder in a folder that exists."""
        self._tree.make_folder(path, self._rights.writes)


def _parts(path: str) -> Parts:
    try:
        # what is no UTF-8 on disk travels through str in surrogates (PEP 383)
        return split(path.encode("utf-8", "surrogateescape"), hidden=True)[0]
    except (NotFound, UnicodeEncodeError) as error:
        raise ValueError(f"{path!r} is no path of the document tree") from error


def _mode(right: Right, most: str) -> str:
    if right.mode not in ("rw", "r", "-"):
        raise ValueError(f"{right.mode!r} is none of rw, r and -")
    return most if right.mode == "rw" else right.mode
