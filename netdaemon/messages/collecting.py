"""What nobody needs any more is removed: octets without a message, old tokens, messages that left in a crowd."""

from __future__ import annotations

from netdaemon.messages.database import transaction
from netdaemon.messages.engine import Transaction
from netdaemon.messages.holding import in_use
from netdaemon.messages.removal import DROPPED_AT_ONCE, drop_unused

GRACE = 3600.0
"""Seconds for which octets stay after their message is gone: somebody may still be sending them."""
UNFINISHED = 86_400.0
"""Seconds after which octets that never became a message are nobody's."""
REMEMBERED = 7 * 86_400.0
"""Seconds for which a delivery's token is known."""
AT_ONCE = 100
"""Blobs removed in one transaction."""
LOOKED_AT = 10_000
"""Blobs that are looked at in one transaction."""
OCTETS = 64 << 20
"""Octets removed in one transaction, or one blob's if it has more."""
PAGES = 2000
"""Pages that are given back to the file system in one go."""


def collect(work: Transaction) -> tuple[int, bool]:
    """A part of it: (the octets it removed, is there more to do?).

    The index's lock is held, so nobody can begin to refer to what is removed (see `Transaction.blob`). Octets are
    removed before the index forgets that they are unused: after a crash they are removed again.
    """
    work.db.execute("DELETE FROM delivery WHERE at < ?", (work.now - REMEMBERED,))
    loose = _drop_loose(work)
    unused = [
        row[0]
        for row in work.db.execute(
            "SELECT blob_id FROM unused_blob WHERE since < ? ORDER BY blob_id LIMIT ?", (work.now - GRACE, AT_ONCE)
        )
    ]
    strays, more = _strays(work)
    octets, done = 0, list[int]()
    with transaction(work.blobs):
        for blob in unused + strays:
            if octets > OCTETS:
                more = True
                break
            done.append(blob)
            if in_use(work.db, blob):  # the same octets came again
                continue
            row = work.blobs.execute("DELETE FROM blob WHERE id = ? RETURNING size", (blob,)).fetchone()
            work.blobs.execute("DELETE FROM blob_chunk WHERE blob_id = ?", (blob,))
            octets += row[0] if row is not None else 0
    work.blobs.execute(f"PRAGMA incremental_vacuum({PAGES})").fetchall()
    for blob in done:
        work.db.execute("DELETE FROM unused_blob WHERE blob_id = ?", (blob,))
    return octets, more or loose or len(unused) == AT_ONCE


def _drop_loose(work: Transaction) -> bool:
    """Forget some of the messages that left their folders in a crowd; are there more?"""
    loose = [row[0] for row in work.db.execute("SELECT message_id FROM loose_message LIMIT ?", (DROPPED_AT_ONCE,))]
    work.db.executemany("DELETE FROM loose_message WHERE message_id = ?", [(message,) for message in loose])
    drop_unused(work, loose)
    return len(loose) == DROPPED_AT_ONCE


def _strays(work: Transaction) -> tuple[list[int], bool]:
    """(some of those that a crash, a full disk or a refused delivery left without a message, may there be more?)"""
    row = work.db.execute("SELECT value FROM counter WHERE name = 'stray'").fetchone()
    begin = row[0] if row is not None else 0
    old = work.blobs.execute(
        "SELECT id, whole, created FROM blob WHERE id > ? AND created < ? ORDER BY id LIMIT ?",
        (begin, work.now - GRACE, LOOKED_AT),
    ).fetchall()
    found = []
    for blob, whole, created in old:
        if in_use(work.db, blob) or (not whole and created > work.now - UNFINISHED):
            continue
        if not work.db.execute("SELECT 1 FROM unused_blob WHERE blob_id = ?", (blob,)).fetchone():
            found.append(blob)
            if len(found) == AT_ONCE:
                break
    # a round goes through all of them, some at each call; the next round begins anew
    more = len(found) == AT_ONCE or len(old) == LOOKED_AT
    end = (found[-1] if len(found) == AT_ONCE else old[-1][0]) if more else 0
    work.db.execute(
        "INSERT INTO counter VALUES ('stray', ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value", (end,)
    )
    return found, more
