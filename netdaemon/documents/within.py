"""The tree as seen from one of its folders."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from zope.interface import implementer

from netdaemon.documents import names
from netdaemon.documents.names import Parts
from netdaemon.documents.pace import NAMES
from netdaemon.interfaces import (
    DocumentError,
    DocumentWriter,
    Entry,
    Exists,
    Forbidden,
    IDocuments,
    IsFolder,
    ITellsChanges,
    OpenDocument,
)

if TYPE_CHECKING:
    from netdaemon.documents.rights import Narrowed
    from netdaemon.documents.tree import Tree


@implementer(IDocuments, ITellsChanges)
class Within:
    """A tree, narrowed or whole, whose ``/`` is a folder of another: ``..`` leads nowhere above it, and errors have
    the path as it is called here. Links lead wherever they lead in the whole tree, and rights are those of its paths.

    Raises NotFound for a folder that can't have such a name; it need not be there.
    """

    def __init__(self, whole: Tree | Narrowed, folder: bytes) -> None:
        self._whole = whole
        self._folder: Parts = names.split(folder, hidden=True)[0]

    def on_change(self, listener: Callable[[bytes], object], folder: Parts = ()) -> None:
        """Tell ``listener`` of every change beneath the folder, by its path here; and of ``/`` for one elsewhere
        that a link may show here."""
        self._whole.on_change(listener, (*self._folder, *folder))

    def entry(self, path: bytes) -> Entry:
        """What stands there; the folder itself has no name here."""
        with self._outer(path) as (outer, parts):
            entry = self._whole.entry(outer)
        return entry if parts else replace(entry, name=b"")

    def open(self, path: bytes) -> OpenDocument:
        """Open a regular file for reading."""
        with self._outer(path) as (outer, _):
            return self._whole.open(outer)

    def list(self, path: bytes) -> Iterator[Entry]:
        """The folder's entries, lazily."""
        with self._outer(path) as (outer, _):
            return _Listed(self._whole.list(outer), path)

    async def listing(self, path: bytes, batch: int = NAMES) -> AsyncIterator[Sequence[Entry]]:
        """The same in batches."""
        with self._outer(path) as (outer, _):
            async for entries in self._whole.listing(outer, batch):
                yield entries

    async def digest(self, path: bytes, algorithm: str, start: int = 0, stop: int | None = None) -> bytes:
        """The hash of a document's octets."""
        with self._outer(path) as (outer, _):
            return await self._whole.digest(outer, algorithm, start, stop)

    def write(self, path: bytes, new: bool = False) -> DocumentWriter:
        """Begin to write a document."""
        with self._outer(path) as (outer, parts):
            if not parts:
                raise (Exists if new else IsFolder)(path)
            return _Writer(self._whole.write(outer, new), path)

    def resume(self, path: bytes, offset: int) -> DocumentWriter:
        """Begin to write a document that goes on after what is there already."""
        with self._outer(path) as (outer, parts):
            if not parts:
                raise IsFolder(path)
            return _Writer(self._whole.resume(outer, offset), path)

    def remove(self, path: bytes) -> None:
        """Remove a document or an empty folder, but never the folder that is ``/`` here."""
        with self._outer(path) as (outer, parts):
            if not parts:
                raise Forbidden(path)
            self._whole.remove(outer)

    def rename(self, path: bytes, to: bytes) -> None:
        """Give a document or a folder another name."""
        outer, parts = self._lead(path)
        outer_to, to_parts = self._lead(to)
        if not parts:
            raise Forbidden(path)
        if not to_parts:
            raise Exists(to)
        try:
            self._whole.rename(outer, outer_to)
        except DocumentError as error:
            error.path = to if error.path == outer_to else path
            raise

    def make_folder(self, path: bytes) -> None:
        """Make a folder in a folder that exists."""
        with self._outer(path) as (outer, parts):
            if not parts:
                raise Exists(path)
            self._whole.make_folder(outer)

    def change(self, path: bytes, modified_ns: int | None = None, mode: int | None = None) -> Entry:
        """Set the time of the last change or the permission bits of what stands there."""
        with self._outer(path) as (outer, parts):
            entry = self._whole.change(outer, modified_ns, mode)
        return entry if parts else replace(entry, name=b"")

    def may_write(self, path: bytes) -> bool:
        """Would changing what stands there, or making it, be allowed?"""
        with self._outer(path) as (outer, _):
            return self._whole.may_write(outer)

    def space(self, path: bytes) -> int | None:
        """Octets that may still be written beneath a folder."""
        with self._outer(path) as (outer, _):
            return self._whole.space(outer)

    def within(self, path: bytes) -> Within:
        """The same tree as seen from a folder further in."""
        with self._outer(path) as (outer, _):
            return Within(self._whole, outer)

    def _lead(self, path: bytes) -> tuple[bytes, Parts]:
        """(the path in the whole tree, its parts here). Raises NotFound for what leads above ``/``.

        Whether a name is hidden the whole tree knows.
        """
        parts, folder = names.split(path, hidden=True)
        outer = names.join((*self._folder, *parts))
        return (outer + b"/" if folder and parts else outer), parts

    @contextmanager
    def _outer(self, path: bytes) -> Iterator[tuple[bytes, Parts]]:
        """The same, and errors of the block get the path as it is called here."""
        leads = self._lead(path)
        try:
            yield leads
        except DocumentError as error:
            error.path = path
            raise


class _Listed:
    """Entries whose errors have the path as it is called here."""

    def __init__(self, entries: Iterator[Entry], path: bytes) -> None:
        self._entries = entries
        self._path = path

    def __iter__(self) -> _Listed:
        return self

    def __next__(self) -> Entry:
        try:
            return next(self._entries)
        except DocumentError as error:
            error.path = self._path
            raise


class _Writer:
    """A writer whose errors have the path as it is called here."""

    def __init__(self, writer: DocumentWriter, path: bytes) -> None:
        self._writer = writer
        self._path = path
        self.keep = writer.keep
        self.abandon = writer.abandon

    def write(self, data: bytes) -> None:
        try:
            self._writer.write(data)
        except DocumentError as error:
            error.path = self._path
            raise

    def commit(self) -> Entry:
        try:
            return self._writer.commit()
        except DocumentError as error:
            error.path = self._path
            raise
