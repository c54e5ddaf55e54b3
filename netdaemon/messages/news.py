"""What newsgroups need beyond folders: overview, numbers, message-ids, history (RFC 3977)."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from netdaemon.messages.engine import Transaction
from netdaemon.messages.interfaces import NEWS, Overview
from netdaemon.messages.removal import remove

ASKED = 500
"""Message-ids in one statement."""

_OVERVIEW = (
    "message.id, message.subject, message.from_, message.date, message.msgid, message.refs, message.octets, "
    "message.lines, message.envelope"
)


def overview(db: sqlite3.Connection, folder: int, first: int, last: int, limit: int) -> list[Overview]:
    """Lines in order of their numbers."""
    return [
        Overview._make((number, *row[:5], tuple(row[5].split()), *row[6:]))
        for number, *row in db.execute(
            f"SELECT entry.uid, {_OVERVIEW} FROM entry JOIN message ON message.id = entry.message_id "
            "WHERE entry.folder_id = ? AND entry.uid BETWEEN ? AND ? ORDER BY entry.uid LIMIT ?",
            (folder, first, last, limit),
        )
    ]


def overview_of(db: sqlite3.Connection, msgid: str) -> Overview | None:
    """By message-id, in whatever newsgroup."""
    row = db.execute(
        f"SELECT {_OVERVIEW} FROM message WHERE msgid = ? AND EXISTS (SELECT 1 FROM entry JOIN folder "
        "ON folder.id = entry.folder_id WHERE entry.message_id = message.id AND folder.kind = ?) ORDER BY id LIMIT 1",
        (msgid, NEWS),
    ).fetchone()
    return None if row is None else Overview._make((0, *row[:5], tuple(row[5].split()), *row[6:]))


def neighbour(db: sqlite3.Connection, folder: int, number: int, forward: bool) -> int | None:
    """The number behind or before."""
    which, order = (">", "ASC") if forward else ("<", "DESC")
    row = db.execute(
        f"SELECT uid FROM entry WHERE folder_id = ? AND uid {which} ? ORDER BY uid {order} LIMIT 1", (folder, number)
    ).fetchone()
    return None if row is None else int(row[0])


def numbers(db: sqlite3.Connection, folder: int, first: int, last: int, limit: int) -> list[int]:
    """Numbers that are there."""
    return [
        row[0]
        for row in db.execute(
            "SELECT uid FROM entry WHERE folder_id = ? AND uid BETWEEN ? AND ? ORDER BY uid LIMIT ?",
            (folder, first, last, limit),
        )
    ]


def arrived_since(db: sqlite3.Connection, folder: int, since: float, limit: int, after: int) -> list[tuple[int, str]]:
    """(number, message-id) of those saved since."""
    return db.execute(
        "SELECT entry.uid, message.msgid FROM entry JOIN message ON message.id = entry.message_id "
        "WHERE entry.folder_id = ? AND entry.uid > ? AND entry.saved >= ? ORDER BY entry.uid LIMIT ?",
        (folder, after, since, limit),
    ).fetchall()


def known(db: sqlite3.Connection, msgids: Sequence[str]) -> set[str]:
    """Those of them that the history has."""
    found: set[str] = set()
    for at in range(0, len(msgids), ASKED):
        part = msgids[at : at + ASKED]
        marks = ", ".join("?" * len(part))
        found.update(row[0] for row in db.execute(f"SELECT msgid FROM history WHERE msgid IN ({marks})", part))
    return found


def remember(work: Transaction, msgids: Sequence[str]) -> None:
    """Put them into the history."""
    work.db.executemany(
        "INSERT INTO history VALUES (?, ?) ON CONFLICT DO NOTHING", [(msgid, work.now) for msgid in msgids]
    )


EXPIRED_AT_ONCE = 500
"""Messages, or message-ids of the history, that one transaction looks at, so that nobody waits long behind it."""


def expire_history(work: Transaction, before: float, last: tuple[float, str]) -> tuple[int, tuple[float, str] | None]:
    """Forget what came before then and is in no newsgroup: what is still there must still be known.

    Looks at some that came behind ``last``, (when, message-id); (how many it forgot, the last one it looked at).
    """
    found = work.db.execute(
        "SELECT arrived, msgid FROM history WHERE arrived < ? AND (arrived, msgid) > (?, ?) "
        "ORDER BY arrived, msgid LIMIT ?",
        (before, *last, EXPIRED_AT_ONCE),
    ).fetchall()
    count = 0
    for _, msgid in found:
        count += work.db.execute(
            "DELETE FROM history WHERE msgid = ?1 AND NOT EXISTS (SELECT 1 FROM message JOIN entry "
            "ON entry.message_id = message.id JOIN folder ON folder.id = entry.folder_id "
            "WHERE message.msgid = ?1 AND folder.kind = ?2)",
            (msgid, NEWS),
        ).rowcount
    return count, found[-1] if found else None


def expire(work: Transaction, folder: int, before: float, keep: int | None) -> int:
    """Take away up to EXPIRED_AT_ONCE of those saved before then, or beyond the newest ``keep``; how many it were."""
    work.folder(folder)
    beyond = None
    if keep is not None:
        row = work.db.execute(
            "SELECT uid FROM entry WHERE folder_id = ? ORDER BY uid DESC LIMIT 1 OFFSET ?", (folder, keep)
        ).fetchone()
        beyond = None if row is None else row[0]
    gone = work.db.execute(
        "SELECT entry.uid, entry.message_id, message.octets FROM entry JOIN message ON message.id = entry.message_id "
        "WHERE entry.folder_id = ? AND (entry.saved < ? OR entry.uid <= ?) ORDER BY entry.uid LIMIT ?",
        (folder, before, beyond if beyond is not None else 0, EXPIRED_AT_ONCE),
    ).fetchall()
    remove(work, folder, gone)
    return len(gone)
