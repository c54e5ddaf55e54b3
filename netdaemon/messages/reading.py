"""What is read of folders and of messages in them. Every function takes a connection to the index.

Flags are those that an account sees: in folders that all share, its own `PRIVATE` ones with everybody's others.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any

from netdaemon.messages.errors import NoSuchFolder, NoSuchMessage
from netdaemon.messages.interfaces import SHARED, Folder, Heading, Place, Quota, Row, Status, Summary, Vanished
from netdaemon.messages.keywords import HAS_KEYWORDS
from netdaemon.messages.names import Pattern, beneath, folder_name
from netdaemon.messages.objectid import email_id
from netdaemon.messages.ranged import ranged
from netdaemon.messages.uids import EVERY, difference, intersection, ranges
from netdaemon.messages.values import PRIVATE, Entry, Flag, UidSet

_COLUMNS = (
    "id",
    "account",
    "name",
    "kind",
    "object_id",
    "special_use",
    "selectable",
    "uidvalidity",
    "uidnext",
    "modseq",
    "vanish_floor",
    "low_water",
    "messages",
    "octets",
    "created",
)
_FOLDER = f"SELECT {', '.join(_COLUMNS)} FROM folder"

FLAGS: tuple[Flag, ...] = tuple(Flag(bits) for bits in range(32))
"""A flag set for each number: making one takes longer than all the rest of a row."""
SYSTEM = 31
PRIVATE_BITS = int(PRIVATE)

# --- folders -----------------------------------------------------------------------------------------------------


def folder(db: sqlite3.Connection, account: str, name: str) -> Folder:
    """A folder that has messages, by its name."""
    name = folder_name(name, shared=account == SHARED)
    row = db.execute(f"{_FOLDER} WHERE account = ? AND name = ? AND selectable", (account, name)).fetchone()
    if row is None:
        raise NoSuchFolder(f"there is no folder {name}")
    return _folder(db, row)


def folder_by_id(db: sqlite3.Connection, number: int) -> Folder:
    """The same by its number."""
    row = db.execute(f"{_FOLDER} WHERE id = ? AND selectable", (number,)).fetchone()
    if row is None:
        raise NoSuchFolder(f"there is no folder {number} any more")
    return _folder(db, row)


def folders(
    db: sqlite3.Connection, account: str, patterns: Sequence[str] = ("*",), subscriber: str | None = None
) -> list[Folder]:
    """Those that match any pattern, by name."""
    wanted = [Pattern(pattern) for pattern in patterns]
    rows = db.execute(f"{_FOLDER} WHERE account = ? ORDER BY name", (account,)).fetchall()
    above = {
        "/".join(parts[:length]) for row in rows for parts in [row[2].split("/")] for length in range(1, len(parts))
    }
    mine = None if subscriber is None else set(subscriptions(db, subscriber, account))
    return [
        _made(row, row[2] in above)
        for row in rows
        if (mine is None or row[2] in mine) and any(pattern.matches(row[2]) for pattern in wanted)
    ]


def subscriptions(db: sqlite3.Connection, account: str, owner: str) -> list[str]:
    """Names on an account's list of another's folders, or its own."""
    return [
        row[0]
        for row in db.execute(
            "SELECT name FROM subscription WHERE account = ? AND owner = ? ORDER BY name", (account, owner)
        )
    ]


def _folder(db: sqlite3.Connection, row: tuple[Any, ...]) -> Folder:
    first, end = beneath(row[2])
    children = db.execute(
        "SELECT 1 FROM folder WHERE account = ? AND name >= ? AND name < ? LIMIT 1", (row[1], first, end)
    ).fetchone()
    return _made(row, children is not None)


def _made(row: tuple[Any, ...], has_children: bool) -> Folder:
    values = dict(zip(_COLUMNS, row, strict=True))
    return Folder(**{**values, "selectable": bool(row[6]), "has_children": has_children})


def status(db: sqlite3.Connection, number: int, account: str | None) -> Status:
    """Counts, in a shared folder those of that account."""
    found = folder_by_id(db, number)
    # SQLite would rather go through all of the folder
    deleted = db.execute(
        "SELECT count(*) FROM entry INDEXED BY entry_deleted WHERE folder_id = ? AND flags & 8 <> 0", (number,)
    ).fetchone()[0]
    if found.account != SHARED or account is None:
        unseen, first = db.execute(
            "SELECT count(*), min(uid) FROM entry INDEXED BY entry_unseen WHERE folder_id = ? AND flags & 1 = 0",
            (number,),
        ).fetchone()
        return Status(found, unseen, deleted, first)
    seen = db.execute(
        "SELECT count(*) FROM seen WHERE account = ? AND folder_id = ? AND flags & 1 <> 0", (account, number)
    ).fetchone()[0]
    row = db.execute(
        "SELECT uid FROM entry WHERE folder_id = ?1 AND NOT EXISTS (SELECT 1 FROM seen WHERE account = ?2 "
        "AND seen.folder_id = ?1 AND seen.uid = entry.uid AND seen.flags & 1 <> 0) ORDER BY uid LIMIT 1",
        (number, account),
    ).fetchone()
    return Status(found, found.messages - seen, deleted, None if row is None else row[0])


def properties(db: sqlite3.Connection, number: int) -> dict[str, str]:
    """What is noted on a folder."""
    return dict(db.execute("SELECT name, value FROM folder_property WHERE folder_id = ? ORDER BY name", (number,)))


def property_of(db: sqlite3.Connection, account: str, name: str) -> dict[int, str]:
    """One thing that is noted on each folder of an account that has it."""
    return dict(
        db.execute(
            "SELECT folder.id, folder_property.value FROM folder JOIN folder_property ON folder_id = folder.id "
            "WHERE folder.account = ? AND folder_property.name = ?",
            (account, name),
        )
    )


def folder_keywords(db: sqlite3.Connection, number: int) -> list[str]:
    """Every keyword of its messages, present or past."""
    return [
        row[0]
        for row in db.execute("SELECT keyword FROM folder_keyword WHERE folder_id = ? ORDER BY folded", (number,))
    ]


def usage(db: sqlite3.Connection, account: str) -> Quota:
    """What an account keeps."""
    row = db.execute("SELECT octets, messages FROM usage WHERE account = ?", (account,)).fetchone()
    return Quota(*row) if row is not None else Quota(0, 0)


# --- entries -----------------------------------------------------------------------------------------------------


def is_shared(db: sqlite3.Connection, number: int) -> bool:
    """Is it a folder that all share? Raises NoSuchFolder."""
    row = db.execute("SELECT account FROM folder WHERE id = ? AND selectable", (number,)).fetchone()
    if row is None:
        raise NoSuchFolder(f"there is no folder {number} any more")
    return bool(row[0] == SHARED)


def entries(
    db: sqlite3.Connection,
    number: int,
    uids: UidSet,
    changed_since: int | None = None,
    account: str | None = None,
    limit: int | None = None,
) -> list[Entry]:
    """Entries in order of their UIDs, ``limit`` at most."""
    found: list[Entry] = []
    columns = "entry.uid, entry.modseq, entry.flags, entry.received, entry.saved, entry.message_id, message.octets"
    for row in _select(db, number, uids, columns, changed_since, account, limit):
        uid, modseq, flags, received, saved, message, octets, own, own_modseq = row
        words = _keywords(db, number, uid) if flags & HAS_KEYWORDS else ()
        flags = flags & SYSTEM if own is None else flags & SYSTEM & ~PRIVATE_BITS | own
        found.append(Entry(uid, max(modseq, own_modseq or 0), FLAGS[flags], words, received, saved, message, octets))
    return found


_MESSAGE = (
    "message.msgid, message.subject, message.from_, message.to_, message.date, message.refs, message.lines, "
    "message.headers_size, message.envelope, message.bodystructure, message.preview, message.sha256, message.thread"
)


def rows(
    db: sqlite3.Connection, number: int, uids: UidSet, account: str | None = None, limit: int | None = None
) -> list[Row]:
    """The same with all that is kept of the messages."""
    found: list[Row] = []
    columns = (
        "entry.uid, entry.modseq, entry.flags, entry.received, entry.saved, entry.message_id, message.octets, "
        + _MESSAGE
    )
    for row in _select(db, number, uids, columns, None, account, limit):
        uid, modseq, flags, received, saved, message, octets = row[:7]
        msgid, subject, from_, to, date, refs, lines, headers, envelope, structure, preview, digest, thread = row[7:20]
        own, own_modseq = row[20:]
        words = _keywords(db, number, uid) if flags & HAS_KEYWORDS else ()
        flags = flags & SYSTEM if own is None else flags & SYSTEM & ~PRIVATE_BITS | own
        summary = Summary(
            msgid, subject, from_, to, date, tuple(refs.split()), lines, headers, envelope, structure, preview
        )
        modseq = max(modseq, own_modseq or 0)
        found.append(
            Row(uid, modseq, FLAGS[flags], words, received, saved, message, octets, email_id(digest), thread, summary)
        )
    return found


def headings(db: sqlite3.Connection, number: int, uids: UidSet, limit: int) -> list[Heading]:
    """What sorting and threads go by."""
    columns = (
        "entry.uid, entry.message_id, entry.received, message.octets, message.msgid, message.subject, message.from_, "
        "message.to_, message.date, message.refs, message.thread, message.base_subject"
    )
    return [
        Heading._make((*row[:9], tuple(row[9].split()), row[10], row[11]))
        for row in _select(db, number, uids, columns, None, None, limit)
    ]


def _select(
    db: sqlite3.Connection,
    number: int,
    uids: UidSet,
    columns: str,
    changed_since: int | None,
    account: str | None,
    limit: int | None,
) -> list[tuple[Any, ...]]:
    """``columns`` of entries with their messages; the last two are the account's own flags and their modseq."""
    shared = is_shared(db, number)
    if changed_since is not None:
        uids = intersection(uids, _changed(db, number, changed_since, account if shared else None))
    if shared and account is not None:
        own, join = (
            "coalesce(seen.flags, 0), seen.modseq",
            "LEFT JOIN seen ON seen.account = ? AND seen.folder_id = entry.folder_id AND seen.uid = entry.uid",
        )
        arguments: tuple[object, ...] = (account, number)
    else:
        own, join, arguments = "NULL, NULL", "", (number,)
    found: list[tuple[Any, ...]] = []
    for part in ranged(uids):
        found += db.execute(
            f"{part.begin}SELECT {columns}, {own} FROM {part.of('entry')} "
            "JOIN message ON message.id = entry.message_id "
            f"{join} WHERE entry.folder_id = ? ORDER BY entry.uid LIMIT ?",
            (*part.values, *arguments, -1 if limit is None else limit - len(found)),
        )
        if limit is not None and len(found) >= limit:
            break
    return found


def _changed(db: sqlite3.Connection, number: int, since: int, account: str | None) -> UidSet:
    changed = [
        row[0] for row in db.execute("SELECT uid FROM entry WHERE folder_id = ? AND modseq > ?", (number, since))
    ]
    if account is not None:
        changed += [
            row[0]
            for row in db.execute(
                "SELECT uid FROM seen WHERE account = ? AND folder_id = ? AND modseq > ?", (account, number, since)
            )
        ]
    return ranges(changed)


def _keywords(db: sqlite3.Connection, number: int, uid: int) -> tuple[str, ...]:
    return tuple(
        row[0]
        for row in db.execute(
            "SELECT keyword FROM entry_keyword WHERE folder_id = ? AND uid = ? ORDER BY keyword", (number, uid)
        )
    )


def all_uids(db: sqlite3.Connection, number: int) -> UidSet:
    """Every UID in a folder."""
    is_shared(db, number)
    return ranges(row[0] for row in db.execute("SELECT uid FROM entry WHERE folder_id = ? ORDER BY uid", (number,)))


def vanished(db: sqlite3.Connection, number: int, since: int, uids: UidSet | None) -> Vanished:
    """What was expunged after ``since``; when nobody remembers so far back, all that isn't there (RFC 7162 3.2.5.2)."""
    floor, uidnext = db.execute("SELECT vanish_floor, uidnext FROM folder WHERE id = ?", (number,)).fetchone() or (
        None,
        None,
    )
    if floor is None or uidnext is None:
        raise NoSuchFolder(f"there is no folder {number} any more")
    wanted = uids if uids is not None else EVERY
    if since >= floor:
        gone = ranges(
            row[0]
            for row in db.execute(
                "SELECT uid FROM expunged WHERE folder_id = ? AND modseq > ? ORDER BY uid", (number, since)
            )
        )
        return Vanished(intersection(gone, wanted), True)
    given: UidSet = ((1, uidnext - 1),) if uidnext > 1 else ()
    return Vanished(intersection(difference(given, all_uids(db, number)), wanted), False)


# --- messages ----------------------------------------------------------------------------------------------------


def octets_of(db: sqlite3.Connection, message: int) -> tuple[int, int]:
    """(blob, octets) of a message. Raises NoSuchMessage."""
    row = db.execute("SELECT blob_id, octets FROM message WHERE id = ?", (message,)).fetchone()
    if row is None:
        raise NoSuchMessage(f"there is no message {message} any more")
    return int(row[0]), int(row[1])


def places(db: sqlite3.Connection, message: int) -> list[Place]:
    """Every folder that shows it, by account and name."""
    return [
        Place(*row)
        for row in db.execute(
            "SELECT folder.id, folder.account, folder.name, folder.kind, entry.uid FROM entry "
            "JOIN folder ON folder.id = entry.folder_id WHERE entry.message_id = ? "
            "ORDER BY folder.account, folder.name, entry.uid",
            (message,),
        )
    ]


def shown(db: sqlite3.Connection, number: int, blob: int) -> int:
    """How often a folder shows the message with that blob."""
    found: int = db.execute(
        "SELECT count(*) FROM message JOIN entry ON entry.message_id = message.id "
        "WHERE message.blob_id = ? AND entry.folder_id = ?",
        (blob, number),
    ).fetchone()[0]
    return found


def find(db: sqlite3.Connection, msgid: str, account: str) -> list[Place]:
    """Where an account's folders show a message of that message-id."""
    return [
        Place(*row)
        for row in db.execute(
            "SELECT folder.id, folder.account, folder.name, folder.kind, entry.uid FROM message "
            "JOIN entry ON entry.message_id = message.id JOIN folder ON folder.id = entry.folder_id "
            "WHERE message.msgid = ? AND folder.account = ? ORDER BY folder.name, entry.uid",
            (msgid, account),
        )
    ]
