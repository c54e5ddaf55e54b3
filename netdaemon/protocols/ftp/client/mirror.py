"""A folder here and one at a server made the same, in either direction, over several connections at once."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from netdaemon.protocols.ftp.client.errors import Refused, UnsafeName
from netdaemon.protocols.ftp.client.plan import Choice, Copy, Item, Plan, compare
from netdaemon.protocols.ftp.client.pool import Pool
from netdaemon.protocols.ftp.client.resume import PART, begins_like, set_time, store_rest
from netdaemon.protocols.ftp.client.session import CHUNK, FTP
from netdaemon.protocols.ftp.client.tree import LocalTree, item_of, safe_name
from netdaemon.wire.category import Category
from netdaemon.wire.failures import Failed
from netdaemon.wire.partfile import PartFile


@dataclass(frozen=True)
class Wishes:
    """How to mirror."""

    choice: Choice = Choice()
    delete: bool = False
    """Delete what is not at the source."""
    resume: bool = False
    """Go on with a document of which the server has the beginning, when size and date say that it is the same; where
    the server can prove it (HASH), that is done in any case. Downloads prove it by their note."""
    jobs: int = 4
    """Connections at once."""


@dataclass
class Report:
    """What came of a mirror."""

    copied: int = 0
    octets: int = 0
    same: int = 0
    deleted: int = 0
    problems: list[tuple[str, str]] = field(default_factory=list)
    """Path, and what is the matter with it."""
    category: Category | None = None
    """The first problem's."""

    def add(self, path: str, why: str, category: Category = Category.REFUSED) -> None:
        self.problems.append((path, why))
        self.category = self.category or category


class Mirror:
    """One mirror between ``here`` and the folder ``there`` of a server's, relative to where a login begins.

    ``progress`` hears of each piece's octets, ``told`` of each thing done: ("copy", "delete", "make", "remove"; path).
    """

    def __init__(
        self,
        connect: Callable[[], Awaitable[FTP]],
        here: Path,
        there: str,
        wishes: Wishes,
        *,
        progress: Callable[[int], object] = lambda octets: None,
        told: Callable[[str, str], object] = lambda what, path: None,
    ) -> None:
        self._pool = Pool(connect, wishes.jobs)
        self._here = LocalTree(here)
        self._there = there
        self._wishes = wishes
        self._progress = progress
        self._told = told
        self._unknown: set[str] = set()
        self._remote: dict[str, Item] = {}
        self._features: frozenset[str] = frozenset()
        self._new_root = False
        self._parts: dict[str, Item] = {}
        """By document: what an atomic server has of an upload of it that broke off."""
        self.report = Report()

    async def close(self) -> None:
        """Take leave from the server."""
        await self._pool.close()

    def drop(self) -> None:
        """Drop every connection: what is under way stays as far as it came, under its name with ".part"."""
        self._pool.drop()

    # --- what there is ---------------------------------------------------------------------------------------

    async def plan_download(self) -> Plan:
        """What makes the folder here what the server's is. Raises Failed and OSError."""
        await self._list(must_exist=True)
        local = self._here.items(self._wishes.choice) if self._here.root.is_dir() else {}
        await self._ask_times(local)
        return self._planned(compare(self._remote, local, delete=self._wishes.delete, unknown=self._unknown))

    async def plan_upload(self) -> Plan:
        """What makes the server's folder what the one here is. Raises Failed and OSError."""
        local: dict[str, Item] = {}
        for path, item in self._here.items(self._wishes.choice).items():
            try:
                for name in path.split("/"):
                    safe_name(name)
            except UnsafeName as error:
                self.report.add(path, str(error))
                continue
            if item.kind not in ("file", "dir"):
                self.report.add(path, "a link, a device or the like: left out")
            local[path] = item
        await self._list(must_exist=False)
        for path in [path for path in self._remote if path.endswith(PART) and path not in local]:
            if path.removesuffix(PART) in local:
                self._parts[path.removesuffix(PART)] = self._remote.pop(path)
        await self._ask_times(local)
        keeps = "MFMT" in self._features
        plan = compare(local, self._remote, delete=self._wishes.delete, keeps_times=keeps, unknown=self._unknown)
        return self._planned(plan)

    def _planned(self, plan: Plan) -> Plan:
        for path, why in plan.problems:
            self.report.add(path, why)
        self.report.same = plan.same
        return plan

    async def _list(self, *, must_exist: bool) -> None:
        """The server's tree, into ``_remote``."""

        async def first(ftp: FTP) -> None:
            if not self._there.startswith("/"):
                base = await ftp.pwd()  # absolute from here on: each session has a current folder of its own
                self._there = f"{base.rstrip('/')}/{self._there}"
            self._there = self._there.rstrip("/")
            self._features = frozenset(await ftp.features())
            try:
                await ftp.cwd(self._there or "/")
            except Refused:
                if must_exist:
                    raise
                self._new_root = True  # nor need the folders above it be there
                return
            await self._list_folder("", ftp)

        def failed(error: Failed) -> None:
            raise error

        self._pool.add(first, failed)
        await self._pool.work()

    async def _list_folder(self, folder: str, ftp: FTP) -> None:
        # By CWD, not as an argument: servers hand that to ls, or take a star in it for a glob.
        await ftp.cwd(self.remote(folder) or "/")
        for entry in await ftp.folder():
            try:
                name = safe_name(entry.name)
            except UnsafeName as error:
                self.report.add(f"{folder}/{entry.name}" if folder else entry.name, f"{error}: left out")
                continue
            path = f"{folder}/{name}" if folder else name
            item = item_of(entry)
            if not self._wishes.choice.takes(path, item.kind == "dir"):
                continue
            self._remote[path] = item
            if item.kind == "dir":
                self._pool.add(partial(self._list_folder, path), self._unlisted(path))

    def _unlisted(self, path: str) -> Callable[[Failed], None]:
        def failed(error: Failed) -> None:
            self._unknown.add(path)
            self.report.add(path, str(error), error.category)

        return failed

    async def _ask_times(self, local: dict[str, Item]) -> None:
        """Ask when documents were changed, where a listing told that coarsely and the size decides nothing."""
        if "MDTM" not in self._features:
            return
        for path, item in self._remote.items():
            other = local.get(path)
            if item.kind == "file" and item.precision > 1 and other is not None and other.size == item.size:
                self._pool.add(partial(self._ask_time, path), lambda error: None)
        await self._pool.work()

    async def _ask_time(self, path: str, ftp: FTP) -> None:
        modified = await ftp.mdtm(self.remote(path))
        self._remote[path] = self._remote[path]._replace(modified=modified, precision=1.0)

    def remote(self, path: str) -> str:
        """The absolute path at the server."""
        return f"{self._there}/{path}" if path else self._there

    # --- doing it --------------------------------------------------------------------------------------------

    async def download(self, plan: Plan) -> Report:
        """Do what `plan_download` found. Raises OSError, and Failed when there is no connection any more."""
        self._here.root.mkdir(parents=True, exist_ok=True)
        for path in plan.delete:
            self._here.delete(path)
            self._done("delete", path)
        for path in plan.remove:
            self._remove_here(path)
        for path in plan.make:
            self._here.make(path)
            self._done("make", path)
        for copy in plan.copy:
            self._pool.add(partial(self._fetch, copy), self._failed(copy.path))
        await self._pool.work()
        return self.report

    def _remove_here(self, path: str) -> None:
        try:
            self._here.remove(path)
        except OSError as error:
            self.report.add(path, f"the folder stays: {error.strerror}", Category.LOCAL)
        else:
            self._done("remove", path)

    async def _fetch(self, copy: Copy, ftp: FTP) -> None:
        place = self._here.place(copy.path)
        if copy.item.precision > 1 and "MDTM" in self._features:
            await self._ask_time(copy.path, ftp)  # the next mirror would find the listing's time to be another one
        item = self._remote[copy.path]
        file = PartFile(place)
        name = f"ftp://{ftp.host}{self.remote(copy.path)}"
        validator = None
        if item.size is not None and item.modified is not None:
            validator = f"size={item.size} modified={item.modified:.3f}"
        begun = file.begun(name)
        offset = begun.size if begun and begun.validator == validator and begun.size <= (item.size or 0) else 0
        self._progress(offset)
        if offset and offset == item.size:
            file.go_on()
        else:
            try:
                download = await ftp.retrieve(self.remote(copy.path), offset=offset, size=item.size)
            except Refused:
                if not offset:
                    raise
                offset = 0
                download = await ftp.retrieve(self.remote(copy.path), size=item.size)
            try:
                if offset:
                    file.go_on()
                else:
                    file.open(name, validator, item.size)
                async with download:
                    async for chunk in download:
                        file.write(chunk)
                        self.report.octets += len(chunk)
                        self._progress(len(chunk))
            except BaseException:
                await download.drop()
                file.leave()
                raise
        if item.modified is not None:
            os.utime(file.part, (item.modified, item.modified))
        file.finish()
        self.report.copied += 1
        self._told("copy", copy.path)

    async def upload(self, plan: Plan) -> Report:
        """Do what `plan_upload` found. Raises as `download` does."""
        for path in plan.delete:
            self._pool.add(partial(self._delete, path), self._failed(path))
        await self._pool.work()
        for path in plan.remove:  # one after the other: the deepest go first
            self._pool.add(partial(self._remove, path), self._failed(path))
            await self._pool.work()
        if self._new_root:
            self._pool.add(self._make_parents, self._failed(""))
            await self._pool.work()
        for path in plan.make:
            self._pool.add(partial(self._make, path), self._failed(path))
            await self._pool.work()
        for copy in plan.copy:
            self._pool.add(partial(self._send, copy), self._failed(copy.path))
        await self._pool.work()
        return self.report

    async def _make_parents(self, ftp: FTP) -> None:
        path = ""
        for part in filter(None, self._there.split("/")):
            path += "/" + part
            try:
                await ftp.cwd(path)
            except Refused:
                await ftp.mkd(path)

    async def _delete(self, path: str, ftp: FTP) -> None:
        await ftp.dele(self.remote(path))
        self._done("delete", path)

    async def _remove(self, path: str, ftp: FTP) -> None:
        await ftp.rmd(self.remote(path))
        self._done("remove", path)

    async def _make(self, path: str, ftp: FTP) -> None:
        await ftp.mkd(self.remote(path))
        self._done("make", path)

    async def _send(self, copy: Copy, ftp: FTP) -> None:
        place = self._here.place(copy.path)
        path = self.remote(copy.path)
        offset = await self._begun(copy, ftp)
        self._progress(offset)
        if offset:
            await store_rest(ftp, path, offset, lambda: self._octets(place, offset))
        else:
            await ftp.store(path, self._octets(place, 0))
        if copy.item.modified is not None:
            await set_time(ftp, path, copy.item.modified)
        self.report.copied += 1
        self._told("copy", copy.path)

    async def _begun(self, copy: Copy, ftp: FTP) -> int:
        """Octets that the server has of this very document."""
        item, part = copy.item, self._parts.get(copy.path)
        there = copy.instead if part is None else part
        if there is None or not there.size or item.size is None or there.size > item.size:
            return 0
        size = there.size
        if part is None and size == item.size:
            return 0  # it differs in time: as long, but not the same
        path = self.remote(copy.path) if part is None else self.remote(copy.path) + PART
        place = self._here.place(copy.path)
        proven = await begins_like(ftp, path, size, lambda name: digest(place, size, name))
        if proven is None and part is None:
            # What was sent since the document was changed here is the beginning of it.
            younger = there.modified is not None and item.modified is not None and there.modified > item.modified
            proven = self._wishes.resume and younger and there.precision <= 1
        return size if proven else 0

    def _octets(self, place: Path, offset: int) -> Iterator[bytes]:
        descriptor = os.open(place, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb", buffering=0) as file:
            file.seek(offset)
            while chunk := file.read(CHUNK):
                yield chunk
                self.report.octets += len(chunk)
                self._progress(len(chunk))

    def _done(self, what: str, path: str) -> None:
        if what in ("delete", "remove"):
            self.report.deleted += 1
        self._told(what, path)

    def _failed(self, path: str) -> Callable[[Failed], None]:
        return lambda error: self.report.add(path, str(error), error.category)


def digest(place: Path, size: int, algorithm: str) -> bytes:
    """The digest of a document's first ``size`` octets."""
    made = hashlib.new(algorithm)
    with open(place, "rb", buffering=0) as file:
        while size and (chunk := file.read(min(size, 1024 * 1024))):
            made.update(chunk)
            size -= len(chunk)
    return made.digest()
