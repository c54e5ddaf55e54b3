"""Backup and restore of the whole data directory's books: accounts, folders, messages, certificates; one instant."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from netdaemon.messages.database import (
    BLOBS_FILE,
    INDEX_FILE,
    RESTORING,
    as_store_errors,
    give_to_owner,
    open_blobs,
    open_index,
    transaction,
)
from netdaemon.messages.errors import StoreBroken, StoreError
from netdaemon.messages.spool import PIECE

MANIFEST = "manifest.json"
"""Written last: a backup without it was broken off."""
CERTIFICATES = "tls"
PAGES = 1000
"""Pages copied in one go."""


class BackupRefused(StoreError):
    """The folder is no place for a backup, or has none."""


def backup(data: Path, target: Path) -> int:
    """Copy all to ``target``, a new or empty folder, while the store is in use; how many octets it has.

    Raises StoreError. Nobody waits for it but for the moment in which both files are looked at the first time.
    """
    with as_store_errors():
        target.mkdir(mode=0o700, parents=True, exist_ok=True)
        if any(target.iterdir()):
            raise BackupRefused(f"{target} is not empty: name a new folder")
        with _one_instant(data) as files:
            for name, connection in files.items():
                _copy(connection, target / name)
        if (data / CERTIFICATES).is_dir():
            shutil.copytree(data / CERTIFICATES, target / CERTIFICATES)
        described, octets = {}, 0
        for path in sorted(path for path in target.rglob("*") if path.is_file()):
            _sync(path)
            size = path.stat().st_size
            octets += size
            described[str(path.relative_to(target))] = {"size": size, "sha256": _digest(path)}
        text = json.dumps({"made": time.time(), "files": described}, indent=2) + "\n"
        (target / MANIFEST).write_text(text)
        _sync(target / MANIFEST)
        for folder in {path.parent for path in target.rglob("*")}:
            _sync(folder)
    return octets


@contextmanager
def _one_instant(data: Path) -> Iterator[dict[str, sqlite3.Connection]]:
    """Both files as they are at one moment, for as long as it takes to copy them.

    While the index's lock is held nothing is delivered and nothing collected. Octets may have been written for a
    delivery that comes after the moment; they are collected one day.
    """
    with closing(open_index(data)) as gate, closing(open_index(data)) as index, closing(open_blobs(data)) as blobs:
        gate.execute("BEGIN IMMEDIATE")
        for connection in (index, blobs):
            connection.execute("BEGIN DEFERRED")
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()  # it is the first read that counts
        gate.execute("ROLLBACK")
        yield {INDEX_FILE: index, BLOBS_FILE: blobs}


def _copy(source: sqlite3.Connection, path: Path) -> None:
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600))
    with closing(sqlite3.connect(path, isolation_level=None)) as copy:
        source.backup(copy, pages=PAGES)
        copy.execute("PRAGMA journal_mode = DELETE")  # one file each, without companions


def restore(source: Path, data: Path, *, replace: bool = False) -> list[str]:
    """Put a backup in the place of what is in ``data``, where no daemon may run; says in lines what was done.

    What was there is kept beside it, and only if ``replace`` says so. Folders get new UIDVALIDITY numbers: UIDs that
    were given after the backup are given again to other messages, and no client may take the one for the other. A
    restore that is broken off leaves a store that won't open until it is done again. Raises StoreError.
    """
    with as_store_errors():
        files = _described(source)
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        there = [name for name in (INDEX_FILE, BLOBS_FILE) if (data / name).exists()]
        begun = (data / RESTORING).exists()
        if there and not replace and not begun:
            raise BackupRefused(f"{data} has a store already: say --replace to put it aside")
        said = []
        if not begun:
            _begin(data, _free_name(data) if there else "")
        if kept := (data / RESTORING).read_text():
            _put_aside(data, data / kept)
            said.append(f"what was there is kept in {data / kept}")
        for name in files:
            if not (data / name).parent.is_dir():
                (data / name).parent.mkdir(mode=0o700)
                give_to_owner((data / name).parent)
            for suffix in ("-wal", "-shm"):
                (data / f"{name}{suffix}").unlink(missing_ok=True)
            shutil.copyfile(source / name, data / f"{name}.new")
            (data / f"{name}.new").chmod(0o600)
            give_to_owner(data / f"{name}.new")
            _sync(data / f"{name}.new")
            (data / f"{name}.new").rename(data / name)
        _sync(data)
        said.append(_begin_anew(data))
        (data / RESTORING).unlink()
        _sync(data)
    return said


def _begin(data: Path, kept: str) -> None:
    """Write down that it begins, and where what is there now will be kept."""
    new = data / f"{RESTORING}.new"
    new.write_text(kept)
    _sync(new)
    new.rename(data / RESTORING)
    _sync(data)


def _free_name(data: Path) -> str:
    now = int(time.time())
    while (data / f"replaced-{now}").exists():
        now += 1
    return f"replaced-{now}"


def _put_aside(data: Path, kept: Path) -> None:
    """Move both files with their logs; those that were moved before a restore was broken off stay where they are."""
    kept.mkdir(mode=0o700, exist_ok=True)
    give_to_owner(kept)
    for name in (INDEX_FILE, BLOBS_FILE):
        if (kept / name).exists() or not (data / name).exists():
            continue
        for suffix in ("-wal", "-shm", ""):  # the file itself is the last one: then all of it is there
            if (data / f"{name}{suffix}").exists():
                (data / f"{name}{suffix}").rename(kept / f"{name}{suffix}")
    _sync(kept)
    _sync(data)


def _begin_anew(data: Path) -> str:
    with closing(open_index(data, restoring=True)) as index, transaction(index):
        folders = index.execute("SELECT id FROM folder ORDER BY id").fetchall()
        row = index.execute("SELECT max(value) FROM counter WHERE name = 'uidvalidity'").fetchone()
        last = max(int(row[0] or 0), int(time.time()))
        for number, (folder,) in enumerate(folders, 1):
            index.execute("UPDATE folder SET uidvalidity = ? WHERE id = ?", (last + number, folder))
        index.execute(
            "INSERT INTO counter VALUES ('uidvalidity', ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            (last + len(folders),),
        )
    return f"folders with new UIDVALIDITY numbers: {len(folders)}"


def _described(source: Path) -> list[str]:
    """The files of a backup, each found to be what it was when it was made."""
    try:
        described = json.loads((source / MANIFEST).read_text())["files"]
        found = {str(name): (int(each["size"]), str(each["sha256"])) for name, each in described.items()}
    except FileNotFoundError:
        raise BackupRefused(f"{source} is no backup, or one that was broken off: it has no {MANIFEST}") from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise BackupRefused(f"{source / MANIFEST} can't be read") from None
    for name, (size, digest) in found.items():
        path = source / name
        if Path(name).is_absolute() or ".." in Path(name).parts:
            raise BackupRefused(f"{source / MANIFEST} names what is no part of it: {name!r}")
        if not path.is_file() or path.stat().st_size != size or _digest(path) != digest:
            raise StoreBroken(f"{path} is not what it was when the backup was made")
    if not {INDEX_FILE, BLOBS_FILE} <= set(found):
        raise BackupRefused(f"{source} has no store in it")
    return list(found)


def _digest(path: Path) -> str:
    sum_ = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(PIECE):
            sum_.update(piece)
    return sum_.hexdigest()


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
