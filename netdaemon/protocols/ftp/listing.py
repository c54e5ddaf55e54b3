"""Listings: entries of the tree as lines, in batches, one level deep."""

from __future__ import annotations

import fnmatch
import re
import stat
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Any

from netdaemon.interfaces import Entry, IDocuments, NotFolder, NotFound
from netdaemon.protocols.ftp.grammar.commands import is_pattern
from netdaemon.protocols.ftp.grammar.facts import build_facts
from netdaemon.protocols.ftp.grammar.ls import ls_line
from netdaemon.protocols.ftp.grammar.paths import is_sendable, join, split
from netdaemon.protocols.ftp.grammar.times import format_time

BATCH = 250
"""Entries that are made lines of in one turn: some 2 ms of LIST, 5 of MLSD, which asks of each what may be done."""

Format = Callable[[Entry], bytes]
"""An entry as a line, without its end."""

FACTS = (b"type", b"perm", b"size", b"modify", b"unique", b"unix.mode", b"unix.uid", b"unix.gid")
"""The facts that are known (RFC 3659 section 7.5), in the order in which they are told."""

USUAL_FACTS = frozenset(FACTS[:5])
"""Those that are told unless OPTS MLST asks for others."""


class Listing:
    """The lines for what a command's path means: a folder's entries, one document, or what fits a pattern.

    ``limit`` is the most lines. Making one raises DocumentError.
    """

    def __init__(self, documents: IDocuments, path: bytes, limit: int, *, patterns: bool, hidden: bool) -> None:
        self.over = False
        """Were there more?"""
        self._limit = limit
        self._hidden = hidden
        self._matches: Callable[[bytes], object] | None = None
        self._single: Entry | None = None
        folder, name = split(path)
        try:
            entry = documents.entry(path)
        except NotFound:
            if not patterns or not is_pattern(name):
                raise
            self._matches = re.compile(fnmatch.translate(name.decode("latin-1")).encode("latin-1"), re.DOTALL).match
            path = folder
            if not documents.entry(path).folder:
                raise NotFolder(path) from None
        else:
            if not entry.folder:
                self._single = replace(entry, name=name)
        self._documents = documents
        self.path = path

    @property
    def is_folder(self) -> bool:
        """Did the path mean a folder, and not one document or a pattern?"""
        return self._single is None and self._matches is None

    async def chunks(self, format: Format) -> AsyncIterator[bytes]:
        """The lines with their ends, some hundreds of them at a time."""
        if self._single is not None:
            yield format(self._single) + b"\r\n"
            return
        left = self._limit
        batches: Any = self._documents.listing(self.path, BATCH)
        async with aclosing(batches):
            async for batch in batches:
                lines = self._lines(batch, format)
                if len(lines) > left:
                    self.over = True
                    lines = lines[:left]
                left -= len(lines)
                if lines:
                    yield b"\r\n".join([*lines, b""])
                if self.over:
                    return

    def _lines(self, batch: Sequence[Entry], format: Format) -> list[bytes]:
        """A batch in the order of its names: so the usual folder, which is one batch, comes in order."""
        matches = self._matches
        shown = [
            entry
            for entry in batch
            if is_sendable(entry.name)
            and (self._hidden or not entry.name.startswith(b"."))
            and (matches is None or matches(entry.name))
        ]
        shown.sort(key=lambda entry: entry.name)
        return [format(entry) for entry in shown]


def as_ls(now: float) -> Format:
    """Lines of ``ls -l``."""

    def line(entry: Entry) -> bytes:
        return ls_line(
            entry.name,
            folder=entry.folder,
            mode=stat.S_IMODE(entry.mode),
            size=entry.size,
            modified=entry.modified,
            now=now,
        )

    return line


def as_names(before: bytes) -> Format:
    """Bare names, as they can be used in the next command: behind what the client wrote before them."""

    def line(entry: Entry) -> bytes:
        return before + entry.name

    return line


class FactLines:
    """Lines of MLSD: the ``wanted`` of `FACTS`, for an account that sees ``documents``; all is owned by ``owner``, a
    user's and a group's number.
    """

    def __init__(self, documents: IDocuments, wanted: Collection[bytes], owner: tuple[int, int]) -> None:
        self._documents = documents
        self._wanted = [(name, _MAKERS[name]) for name in FACTS if name in wanted]
        self._owner = owner

    def line(self, entry: Entry, path: bytes, name: bytes) -> bytes:
        """The facts of what stands at ``path``, and ``name``."""
        return build_facts([(label, make(self, entry, path)) for label, make in self._wanted], name)

    def of_folder(self, folder: bytes) -> Format:
        """Lines for a folder's entries."""

        def line(entry: Entry) -> bytes:
            return self.line(entry, join(folder, entry.name), entry.name)

        return line

    def _type(self, entry: Entry, path: bytes) -> bytes:
        return b"dir" if entry.folder else b"file"

    def _perm(self, entry: Entry, path: bytes) -> bytes:
        # RFC 3659 7.5.5: folders: c(reate) d(elete) e(nter) f (rename) l(ist) m(ake) p(urge); documents: a(ppend)
        # d(elete) f (rename) r(etrieve) w(rite)
        may = self._documents.may_write(path)
        if entry.folder:
            return b"cdeflmp" if may else b"el"
        return b"adfrw" if may else b"r"

    def _size(self, entry: Entry, path: bytes) -> bytes:
        return b"%d" % entry.size

    def _modify(self, entry: Entry, path: bytes) -> bytes:
        return format_time(entry.modified)

    def _unique(self, entry: Entry, path: bytes) -> bytes:
        return b"%xg%x" % (entry.device, entry.inode)

    def _mode(self, entry: Entry, path: bytes) -> bytes:
        return b"0%03o" % (entry.mode & 0o777)

    def _uid(self, entry: Entry, path: bytes) -> bytes:
        return b"%d" % self._owner[0]

    def _gid(self, entry: Entry, path: bytes) -> bytes:
        return b"%d" % self._owner[1]


_MAKERS: dict[bytes, Callable[[FactLines, Entry, bytes], bytes]] = {
    b"type": FactLines._type,
    b"perm": FactLines._perm,
    b"size": FactLines._size,
    b"modify": FactLines._modify,
    b"unique": FactLines._unique,
    b"unix.mode": FactLines._mode,
    b"unix.uid": FactLines._uid,
    b"unix.gid": FactLines._gid,
}
