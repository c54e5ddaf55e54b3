"""Messages taken out of folders, copied and moved to others, and forgotten once no folder shows them."""

from __future__ import annotations

from collections.abc import Sequence

from netdaemon.messages import keywords
from netdaemon.messages.engine import Transaction
from netdaemon.messages.errors import FolderRefused, OverQuota
from netdaemon.messages.holding import in_use
from netdaemon.messages.interfaces import ARRIVED, EXPUNGED, MAIL, SHARED, Copied, Quota
from netdaemon.messages.ranged import ranged
from netdaemon.messages.uids import EVERY, HIGHEST, intersection, ranges
from netdaemon.messages.values import UidSet

LOOKED_EVERY = 64
"""How seldom a folder's history is counted, in its modification sequences."""
HISTORY = 20_000
"""Expunged UIDs that a folder remembers for QRESYNC at least; of more than twice as many, the oldest half goes."""


def expunge(work: Transaction, folder: int, uids: UidSet | None, deleted_only: bool) -> UidSet:
    """Remove messages for good; those with the DELETED flag, or all."""
    work.folder(folder)
    uids = uids if uids is not None else EVERY
    if deleted_only:  # every CLOSE asks for it: not to go through all of a folder
        deleted = work.db.execute(
            "SELECT uid FROM entry INDEXED BY entry_deleted WHERE folder_id = ? AND flags & 8 <> 0", (folder,)
        )
        uids = intersection(ranges(row[0] for row in deleted), uids)
    gone: list[tuple[int, int, int]] = []
    for part in ranged(uids):
        gone += work.db.execute(
            f"{part.begin}SELECT entry.uid, entry.message_id, message.octets FROM {part.of('entry')} "
            "JOIN message ON message.id = entry.message_id "
            "WHERE entry.folder_id = ? ORDER BY entry.uid",
            (*part.values, folder),
        )
    remove(work, folder, gone)
    return ranges(uid for uid, _, _ in gone)


def remove(work: Transaction, folder: int, gone: Sequence[tuple[int, int, int]]) -> None:
    """Take (uid, message, octets) out of a folder, and write down that they were there."""
    if not gone:
        return
    account, name, _ = work.folder(folder)
    octets = sum(size for _, _, size in gone)
    modseq = work.next_modseq(folder)
    work.db.executemany(
        "DELETE FROM entry_keyword WHERE folder_id = ? AND uid = ?", [(folder, uid) for uid, _, _ in gone]
    )
    if account == SHARED:
        work.db.executemany("DELETE FROM seen WHERE folder_id = ? AND uid = ?", [(folder, uid) for uid, _, _ in gone])
    work.db.executemany("DELETE FROM entry WHERE folder_id = ? AND uid = ?", [(folder, uid) for uid, _, _ in gone])
    work.db.executemany("INSERT INTO expunged VALUES (?, ?, ?)", [(folder, modseq, uid) for uid, _, _ in gone])
    work.db.execute(
        "UPDATE folder SET messages = messages - ?1, octets = octets - ?2, low_water = "
        "coalesce((SELECT min(uid) FROM entry WHERE folder_id = ?3), uidnext) WHERE id = ?3",
        (len(gone), octets, folder),
    )
    if account != SHARED:
        charge(work, account, -octets, -len(gone))
    if modseq % LOOKED_EVERY == 0 or len(gone) > HISTORY:
        _forget_history(work, folder)
    drop_unused(work, [message for _, message, _ in gone])
    work.changed(EXPUNGED, folder, account, name, modseq)


def _forget_history(work: Transaction, folder: int) -> None:
    """Bound it: who was away for longer is told of every UID that isn't there (RFC 7162 section 3.2.5.2)."""
    count = work.db.execute(
        "SELECT count(*) FROM (SELECT 1 FROM expunged WHERE folder_id = ? LIMIT ?)", (folder, 2 * HISTORY + 1)
    ).fetchone()[0]
    if count <= 2 * HISTORY:
        return
    floor = work.db.execute(
        "SELECT modseq FROM expunged WHERE folder_id = ? ORDER BY modseq DESC, uid DESC LIMIT 1 OFFSET ?",
        (folder, HISTORY),
    ).fetchone()[0]
    work.db.execute("DELETE FROM expunged WHERE folder_id = ? AND modseq <= ?", (folder, floor))
    work.db.execute("UPDATE folder SET vanish_floor = max(vanish_floor, ?) WHERE id = ?", (floor, folder))


DROPPED_AT_ONCE = 1000
"""Messages that are forgotten where they are taken out of a folder; of more, `collecting` does it bit by bit."""


def drop_unused(work: Transaction, messages: Sequence[int]) -> None:
    """Forget those of these messages that no folder shows any more; their octets stay for a while, for who reads."""
    if len(messages) > DROPPED_AT_ONCE:
        work.db.executemany(
            "INSERT INTO loose_message VALUES (?) ON CONFLICT DO NOTHING", [(message,) for message in messages]
        )
        return
    for message in messages:
        row = work.db.execute(
            "DELETE FROM message WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM entry WHERE message_id = ?1) "
            "RETURNING blob_id, thread",
            (message,),
        ).fetchone()
        if row is None:
            continue
        blob, thread = row
        if not in_use(work.db, blob):
            work.db.execute("INSERT INTO unused_blob VALUES (?, ?) ON CONFLICT DO NOTHING", (blob, work.now))
        if work.db.execute("SELECT 1 FROM message WHERE thread = ? LIMIT 1", (thread,)).fetchone() is None:
            work.db.execute("DELETE FROM thread_member WHERE thread = ?", (thread,))


def charge(work: Transaction, account: str, octets: int, messages: int) -> None:
    """Write down what an account keeps more, or less. Raises OverQuota, before anything is written."""
    if octets > 0 or messages > 0:
        may = work.limit(account) or Quota()
        row = work.db.execute("SELECT octets, messages FROM usage WHERE account = ?", (account,)).fetchone()
        has = row if row is not None else (0, 0)
        if (may.octets is not None and has[0] + octets > may.octets) or (
            may.messages is not None and has[1] + messages > may.messages
        ):
            raise OverQuota(account)
    work.db.execute(
        "INSERT INTO usage VALUES (?, ?, ?) ON CONFLICT (account) DO UPDATE SET "
        "octets = usage.octets + excluded.octets, messages = usage.messages + excluded.messages",
        (account, octets, messages),
    )


# --- to other folders ------------------------------------------------------------------------------------------


def copy(work: Transaction, folder: int, uids: UidSet, to: int, account: str | None = None) -> Copied:
    """Show messages in another folder too, with the flags that the account sees."""
    return _copy(work, folder, uids, to, account)[0]


def move(work: Transaction, folder: int, uids: UidSet, to: int, account: str | None = None) -> Copied:
    """Copy and expunge."""
    if folder == to:
        raise FolderRefused("messages are moved to another folder")
    copied, gone = _copy(work, folder, uids, to, account, moved=True)
    remove(work, folder, gone)
    return copied


def move_all(work: Transaction, folder: int, to: int) -> None:
    """Everything, as INBOX's rename wants it."""
    move(work, folder, EVERY, to)


def _copy(
    work: Transaction, folder: int, uids: UidSet, to: int, whose: str | None, moved: bool = False
) -> tuple[Copied, list[tuple[int, int, int]]]:
    source, _, kind = work.folder(folder)
    account, name, to_kind = work.folder(to)
    if kind != to_kind and to_kind != MAIL:
        raise FolderRefused("a newsgroup takes articles by posting only")
    found: list[tuple[int, int, float, int, int]] = []
    for part in ranged(uids):
        found += work.db.execute(
            f"{part.begin}SELECT entry.uid, entry.message_id, entry.received, entry.flags | coalesce(seen.flags, 0), "
            f"message.octets FROM {part.of('entry')} JOIN message ON message.id = entry.message_id "
            "LEFT JOIN seen ON seen.account = ? AND seen.folder_id = entry.folder_id AND seen.uid = entry.uid "
            "WHERE entry.folder_id = ? ORDER BY entry.uid",
            (*part.values, whose if source == SHARED else None, folder),
        )
    octets = sum(row[4] for row in found)
    if not found:
        validity = work.db.execute("SELECT uidvalidity FROM folder WHERE id = ?", (to,)).fetchone()[0]
        return Copied(validity, ()), []
    if account != SHARED:
        # moved within an account, it keeps no more than before, so that a full one can be tidied up
        if moved and account == source:
            _charge_freely(work, account, octets, len(found))
        else:
            charge(work, account, octets, len(found))
    uid, modseq, validity = take_uids(work, to, len(found), octets)
    pairs = []
    for old, message, received, flags, _ in found:
        work.db.execute(
            "INSERT INTO entry VALUES (?, ?, ?, ?, ?, ?, ?)", (to, uid, message, received, work.now, modseq, flags)
        )
        if flags & keywords.HAS_KEYWORDS:
            keywords.put(work, to, uid, keywords.spelled(work, to, keywords.of(work, folder, old)))
        pairs.append((old, uid))
        uid += 1
    work.changed(ARRIVED, to, account, name, modseq)
    return Copied(validity, tuple(pairs)), [(old, message, size) for old, message, _, _, size in found]


def _charge_freely(work: Transaction, account: str, octets: int, messages: int) -> None:
    work.db.execute(
        "UPDATE usage SET octets = octets + ?, messages = messages + ? WHERE account = ?", (octets, messages, account)
    )


def take_uids(work: Transaction, folder: int, count: int, octets: int) -> tuple[int, int, int]:
    """(the first of ``count`` new UIDs, their modseq, UIDVALIDITY); the folder counts them from now on."""
    row = work.db.execute(
        "UPDATE folder SET uidnext = uidnext + ?1, modseq = modseq + 1, messages = messages + ?1, octets = octets + ?2 "
        "WHERE id = ?3 RETURNING uidnext, modseq, uidvalidity",
        (count, octets, folder),
    ).fetchone()
    uidnext, modseq, validity = row
    if uidnext > HIGHEST:
        raise FolderRefused("the folder has given all the numbers there are")
    return uidnext - count, modseq, validity
