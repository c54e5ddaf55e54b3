"""Flags of messages changed (RFC 9051 section 6.4.6, RFC 7162 section 3.1.3)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from netdaemon.messages import keywords
from netdaemon.messages.engine import Transaction
from netdaemon.messages.interfaces import CHANGED, SHARED, FlagsStored
from netdaemon.messages.ranged import ranged
from netdaemon.messages.reading import entries
from netdaemon.messages.uids import ranges
from netdaemon.messages.values import NO_FLAGS, PRIVATE, Flag, UidSet

SYSTEM = 255
"""The bits of an entry's flags that are `Flag`s."""


@dataclass(frozen=True)
class FlagChange:
    """What STORE asks for."""

    add: Flag = NO_FLAGS
    remove: Flag = NO_FLAGS
    add_keywords: Iterable[str] = ()
    remove_keywords: Iterable[str] = ()
    replace: bool = False
    unchanged_since: int | None = None
    account: str | None = None
    """Whose private flags in a shared folder; None changes nobody's."""


def store_flags(work: Transaction, folder: int, uids: UidSet, change: FlagChange) -> FlagsStored:
    """Change them; what is so already stays as it was, with its modseq."""
    owner, name, _ = work.folder(folder)
    shared = owner == SHARED
    adding = keywords.spelled(work, folder, change.add_keywords)
    taking = {keyword.casefold() for keyword in change.remove_keywords}
    before = _before(work, folder, uids, change.account if shared else None)
    modified = [
        uid
        for uid, (_, modseq, _, private) in before.items()
        if change.unchanged_since is not None and max(modseq, private[1]) > change.unchanged_since
    ]
    late = set(modified)
    modseq: int | None = None
    for uid, (old, _, _, private) in before.items():
        if uid in late:
            continue
        had = keywords.of(work, folder, uid) if old & keywords.HAS_KEYWORDS else ()
        if change.replace:
            wanted, words = change.add, set(adding)
        else:
            was = Flag(old & SYSTEM) | (Flag(private[0]) if shared else NO_FLAGS)
            wanted = (was | change.add) & ~change.remove
            words = {word for word in had if word.casefold() not in taking} | set(adding)
        if len(words) > keywords.MOST_OF_A_MESSAGE:
            keywords.spelled(work, folder, words)  # which says so
        new = int(wanted & ~PRIVATE if shared else wanted) | (keywords.HAS_KEYWORDS if words else 0)
        own = int(wanted & PRIVATE) if shared and change.account is not None else private[0]
        if new == old and words == set(had) and own == private[0]:
            continue
        if modseq is None:
            modseq = work.next_modseq(folder)
        if words != set(had):
            work.db.execute("DELETE FROM entry_keyword WHERE folder_id = ? AND uid = ?", (folder, uid))
            keywords.put(work, folder, uid, words)
        if new != old or words != set(had):
            work.db.execute(
                "UPDATE entry SET flags = ?, modseq = ? WHERE folder_id = ? AND uid = ?", (new, modseq, folder, uid)
            )
        if own != private[0]:
            work.db.execute(
                "INSERT INTO seen VALUES (?, ?, ?, ?, ?) ON CONFLICT (account, folder_id, uid) "
                "DO UPDATE SET flags = excluded.flags, modseq = excluded.modseq",
                (change.account, folder, uid, own, modseq),
            )
    if modseq is not None:
        work.changed(CHANGED, folder, owner, name, modseq)
    now = ranges(uid for uid in before if uid not in late)
    return FlagsStored(tuple(entries(work.db, folder, now, account=change.account)), ranges(modified))


def _before(
    work: Transaction, folder: int, uids: UidSet, account: str | None
) -> dict[int, tuple[int, int, int, tuple[int, int]]]:
    """UID to (flags, modseq, message, the account's own (flags, modseq))."""
    found: dict[int, tuple[int, int, int, tuple[int, int]]] = {}
    for part in ranged(uids):
        for uid, flags, modseq, message in work.db.execute(
            f"{part.begin}SELECT uid, flags, modseq, message_id FROM {part.of('entry')} "
            "WHERE folder_id = ? ORDER BY uid",
            (*part.values, folder),
        ):
            found[uid] = flags, modseq, message, (0, 0)
        if account is None:
            continue
        for uid, flags, modseq in work.db.execute(
            f"{part.begin}SELECT uid, flags, modseq FROM {part.of('seen')} WHERE account = ? AND folder_id = ?",
            (*part.values, account, folder),
        ):
            if uid in found:
                found[uid] = (*found[uid][:3], (flags, modseq))
    return found
