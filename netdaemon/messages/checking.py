"""Is what the store has whole? `check` says what is not, one line each, and `repair` puts it right."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from netdaemon.messages import bodies
from netdaemon.messages.database import BLOBS_FILE, INDEX_FILE, as_store_errors, transaction
from netdaemon.messages.engine import Transaction
from netdaemon.messages.errors import NoSuchMessage, StoreBroken
from netdaemon.messages.keywords import HAS_KEYWORDS
from netdaemon.messages.readers import Files, open_files
from netdaemon.messages.removal import drop_unused, remove

MOST = 100
"""Lines that SQLite's own check gives of a file."""


def check(data: Path, *, octets: bool = True) -> Iterator[str]:
    """Everything that is wrong. With ``octets`` every message is read and compared with its digest. Raises StoreError.

    The store may be in use. What is read is one moment of the index; octets only ever come before it and go after it.
    """
    files = open_files(data)
    try:
        with as_store_errors():
            broken = False
            for name, connection in ((INDEX_FILE, files.index), (BLOBS_FILE, files.blobs)):
                for line in integrity(connection):
                    broken = True
                    yield f"{name}: {line}"
            if broken:
                return  # what follows would stumble over it
            with transaction(files.index, "DEFERRED"):
                yield from (text for _, text in _faults(files.index))
                yield from (f"what is held for {holder} is not there" for holder in homeless(files))
                yield from (text for _, text in lost(files, octets))
    finally:
        files.close()


def integrity(connection: sqlite3.Connection) -> list[str]:
    """What SQLite finds wrong with a file, nothing when all is well."""
    try:
        lines = [str(row[0]) for row in connection.execute(f"PRAGMA integrity_check({MOST})")]
    except sqlite3.DatabaseError as error:
        if error.sqlite_errorcode & 0xFF not in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
            raise
        lines = [str(error)]
    return [] if lines == ["ok"] else [line for text in lines for line in text.splitlines()]


def repair(work: Transaction, octets: bool = True) -> list[str]:
    """What can be put right in two files that are whole as such. Messages whose octets are lost are taken out."""
    said = [text for _, text in _faults(work.db)]
    work.db.execute("DELETE FROM entry WHERE folder_id NOT IN (SELECT id FROM folder)")
    work.db.execute(
        "INSERT INTO expunged SELECT folder_id, (SELECT modseq FROM folder WHERE id = folder_id), uid FROM entry "
        "WHERE message_id NOT IN (SELECT id FROM message) ON CONFLICT DO NOTHING"
    )
    work.db.execute("DELETE FROM entry WHERE message_id NOT IN (SELECT id FROM message)")
    for table in ("folder_property", "folder_keyword", "expunged", "seen"):
        work.db.execute(f"DELETE FROM {table} WHERE folder_id NOT IN (SELECT id FROM folder)")
    work.db.execute(f"DELETE FROM entry_keyword WHERE NOT EXISTS ({_ENTRY.format('entry_keyword')})")
    work.db.execute(f"DELETE FROM seen WHERE NOT EXISTS ({_ENTRY.format('seen')})")
    work.db.execute(
        f"UPDATE entry SET flags = (flags & {~HAS_KEYWORDS}) | CASE WHEN EXISTS (SELECT 1 FROM entry_keyword k "
        f"WHERE k.folder_id = entry.folder_id AND k.uid = entry.uid) THEN {HAS_KEYWORDS} ELSE 0 END "
        f"WHERE ({_KEYWORD_BIT})"
    )
    work.db.execute(f"UPDATE folder SET {', '.join(f'{column} = {value}' for column, value, _ in _COUNTS)}")
    drop_unused(work, [row[0] for row in work.db.execute(f"SELECT id FROM message WHERE {_UNSHOWN}")])
    _count_usage(work)
    for holder in homeless(Files(work.db, work.blobs)):
        said.append(f"what is held for {holder} is not there")
        work.db.execute("DELETE FROM hold WHERE holder = ?", (holder,))
    for message, text in list(lost(Files(work.db, work.blobs), octets)):
        said.append(text)
        shown = work.db.execute(
            "SELECT folder_id, uid, octets FROM entry JOIN message ON id = message_id WHERE message_id = ?", (message,)
        ).fetchall()
        for folder, uid, size in shown:
            remove(work, folder, [(uid, message, size)])
    return said


_ENTRY = "SELECT 1 FROM entry WHERE entry.folder_id = {0}.folder_id AND entry.uid = {0}.uid"
_UNSHOWN = "NOT EXISTS (SELECT 1 FROM entry WHERE entry.message_id = message.id)"
_KEYWORD_BIT = (
    f"(flags & {HAS_KEYWORDS} <> 0) <> EXISTS (SELECT 1 FROM entry_keyword k "
    "WHERE k.folder_id = entry.folder_id AND k.uid = entry.uid)"
)
_SUM = (
    "(SELECT coalesce(sum(message.octets), 0) FROM entry JOIN message ON message.id = message_id "
    "WHERE folder_id = folder.id)"
)
# column, what it should be, whether another value is wrong
_COUNTS = (
    ("messages", "(SELECT count(*) FROM entry WHERE folder_id = folder.id)", "messages <> {0}"),
    ("octets", _SUM, "octets <> {0}"),
    (
        "uidnext",
        "max(uidnext, (SELECT coalesce(max(uid), 0) + 1 FROM entry WHERE folder_id = folder.id))",
        "uidnext < {0}",
    ),
    (
        "modseq",
        "max(modseq, (SELECT coalesce(max(modseq), 0) FROM entry WHERE folder_id = folder.id))",
        "modseq < {0}",
    ),
    (
        "low_water",
        "coalesce((SELECT min(uid) FROM entry WHERE folder_id = folder.id), uidnext)",
        "low_water > {0}",
    ),
)


def _faults(db: sqlite3.Connection) -> Iterator[tuple[int, str]]:
    """(a number it is about, a line) for each part of the index that does not go with another."""
    for folder, uid in db.execute("SELECT folder_id, uid FROM entry WHERE folder_id NOT IN (SELECT id FROM folder)"):
        yield uid, f"message {uid} is in a folder that is not there ({folder})"
    for account, name, uid in db.execute(
        "SELECT account, name, uid FROM entry JOIN folder ON folder.id = folder_id "
        "WHERE message_id NOT IN (SELECT id FROM message)"
    ):
        yield uid, f"{_path(account, name)}: message {uid} is not there"
    for column, value, wrong in _COUNTS:
        for number, account, name, has, should in db.execute(
            f"SELECT id, account, name, {column}, {value} FROM folder WHERE {wrong.format(value)}"
        ):
            yield number, f"{_path(account, name)}: {column} is {has}, and should be {should}"
    for account, has, should in db.execute(
        "SELECT account, coalesce(usage.octets, 0), sum(folder.octets) FROM folder LEFT JOIN usage USING (account) "
        "WHERE account <> '' GROUP BY account HAVING coalesce(usage.octets, 0) <> sum(folder.octets) "
        "OR coalesce(usage.messages, 0) <> sum(folder.messages)"
    ):
        yield 0, f"{account}: keeps {should} octets, and {has} are written down"
    for (number,) in db.execute(
        f"SELECT id FROM message WHERE {_UNSHOWN} AND id NOT IN (SELECT message_id FROM loose_message)"
    ):
        yield number, f"message {number} is in no folder"
    for table in ("entry_keyword", "seen"):
        for folder, uid in db.execute(f"SELECT folder_id, uid FROM {table} WHERE NOT EXISTS ({_ENTRY.format(table)})"):
            yield uid, f"{table} of a message that is not there ({folder}, {uid})"
    for folder, uid in db.execute(f"SELECT folder_id, uid FROM entry WHERE {_KEYWORD_BIT}"):
        yield uid, f"the keywords of message {uid} in folder {folder} are not noted"


def lost(files: Files, octets: bool) -> Iterator[tuple[int, str]]:
    """(message, a line) for each message whose octets are not what they were."""
    for message, blob, size, digest, msgid in files.index.execute(
        "SELECT id, blob_id, octets, sha256, msgid FROM message ORDER BY blob_id"
    ):
        if wrong := _wrong(files.blobs, blob, size, digest, octets):
            yield message, f"message {message} {msgid!r}: {wrong}"


def homeless(files: Files) -> list[str]:
    """Holders of octets that are not there."""
    return [
        holder
        for holder, blob in files.index.execute("SELECT holder, blob_id FROM hold ORDER BY holder")
        if not files.blobs.execute("SELECT 1 FROM blob WHERE id = ? AND whole", (blob,)).fetchone()
    ]


def _wrong(blobs: sqlite3.Connection, blob: int, size: int, digest: bytes, octets: bool) -> str:
    row = blobs.execute("SELECT size, sha256 FROM blob WHERE id = ? AND whole", (blob,)).fetchone()
    if row is None:
        return "its octets are not there"
    if row != (size, digest):
        return "its octets are another's"
    if not octets:
        found = blobs.execute("SELECT coalesce(sum(length(data)), 0) FROM blob_chunk WHERE blob_id = ?", (blob,))
        return "" if found.fetchone()[0] == size else "a piece of it is missing"
    sum_ = hashlib.sha256()
    try:
        for piece in bodies.pieces(blobs, blob, size):
            sum_.update(piece)
    except (NoSuchMessage, StoreBroken):
        return "a piece of it is missing"
    return "" if sum_.digest() == digest else "its octets are not what they were"


def _count_usage(work: Transaction) -> None:
    work.db.execute("DELETE FROM usage")
    work.db.execute(
        "INSERT INTO usage SELECT account, sum(octets), sum(messages) FROM folder WHERE account <> '' GROUP BY account"
    )


def _path(account: str, name: str) -> str:
    return f"{account}:{name}" if account else name
