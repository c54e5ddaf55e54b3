"""Changes to folders: made, renamed, deleted, subscribed to, noted upon. Each is a part of one transaction."""

from __future__ import annotations

import secrets

from netdaemon.messages.engine import Transaction
from netdaemon.messages.errors import FolderExists, FolderRefused, NoSuchFolder
from netdaemon.messages.interfaces import CREATED, DELETED, MAIL, NEWS, RENAMED, SHARED, UPDATED, Folder
from netdaemon.messages.names import INBOX, beneath, folder_name, parents
from netdaemon.messages.reading import folder_by_id
from netdaemon.messages.removal import drop_unused, move_all

LARGEST_UIDVALIDITY = (1 << 32) - 1


def create(work: Transaction, account: str, name: str, kind: str = MAIL, special_use: str = "") -> Folder:
    """Make a folder and those above it."""
    name = _name(account, name)
    if kind not in (MAIL, NEWS) or (kind == NEWS and account != SHARED):
        raise FolderRefused(f"{account or 'nobody'} can't have folders of kind {kind}")
    if _number(work, account, name, selectable=True) is not None:
        raise FolderExists(f"there is a folder {name} already")
    for above in parents(name):
        _make_missing(work, account, above, kind)
    return folder_by_id(work.db, _make(work, account, name, kind, special_use))


def ensure(work: Transaction, account: str, name: str, kind: str = MAIL) -> Folder:
    """The folder, made if need be. Raises FolderRefused when it is there and of the other kind."""
    name = _name(account, name)
    number = _number(work, account, name, selectable=True)
    found = folder_by_id(work.db, number) if number is not None else create(work, account, name, kind)
    if found.kind != kind:
        raise FolderRefused(f"{name} has {found.kind}, not {kind}")
    return found


def rename(work: Transaction, account: str, name: str, to: str) -> Folder:
    """Rename a folder with all beneath it; of INBOX, move its messages to the new folder."""
    name, to = _name(account, name), _name(account, to)
    number = _number(work, account, name, selectable=False)
    if number is None:
        raise NoSuchFolder(f"there is no folder {name}")
    if _number(work, account, to, selectable=False) is not None:
        raise FolderExists(f"there is a folder {to} already")
    if to.startswith(beneath(name)[0]) and name != INBOX:
        raise FolderRefused(f"{name} can't go into itself")
    kind = str(work.db.execute("SELECT kind FROM folder WHERE id = ?", (number,)).fetchone()[0])
    for above in parents(to):
        _make_missing(work, account, above, kind)
    if name == INBOX and account != SHARED:  # RFC 9051 section 6.3.6: INBOX stays, and so do the folders beneath it
        made = _make(work, account, to, kind)
        move_all(work, number, made)
        return folder_by_id(work.db, made)
    children = work.db.execute(
        "SELECT id, name FROM folder WHERE account = ? AND name >= ? AND name < ? ORDER BY name",
        (account, *beneath(name)),
    ).fetchall()
    for child, old in [(number, name), *children]:
        new = folder_name(to + old[len(name) :], shared=account == SHARED)  # it may have become too long
        work.db.execute("UPDATE folder SET name = ? WHERE id = ?", (new, child))
        work.changed(RENAMED, child, account, new)
    return folder_by_id(work.db, number)


def delete(work: Transaction, account: str, name: str) -> None:
    """Delete a folder; what has folders beneath it stays as a name without messages."""
    name = _name(account, name)
    if name == INBOX and account != SHARED:
        raise FolderRefused("INBOX can't be deleted")
    row = work.db.execute(
        "SELECT id, selectable FROM folder WHERE account = ? AND name = ?", (account, name)
    ).fetchone()
    if row is None:
        raise NoSuchFolder(f"there is no folder {name}")
    number, selectable = row
    first, end = beneath(name)
    has_children = work.db.execute(
        "SELECT 1 FROM folder WHERE account = ? AND name >= ? AND name < ? LIMIT 1", (account, first, end)
    ).fetchone()
    if has_children and not selectable:
        raise FolderRefused(f"{name} has folders beneath it")
    _remove(work, number, account, name)
    if has_children:
        # another row: whatever was known of the deleted folder is not this one's
        _insert(work, account, name, MAIL, "", selectable=False)


def delete_account(work: Transaction, account: str) -> None:
    """Delete all that is an account's."""
    if account == SHARED:
        raise FolderRefused("the shared folders are nobody's to delete at once")
    for number, name in work.db.execute("SELECT id, name FROM folder WHERE account = ?", (account,)).fetchall():
        _remove(work, number, account, name)
    for table in ("subscription", "seen", "usage"):
        work.db.execute(f"DELETE FROM {table} WHERE account = ?", (account,))


def subscribe(work: Transaction, account: str, name: str, subscribed: bool, owner: str) -> None:
    """Put a name on the account's list or take it off."""
    name = _name(owner, name)
    if subscribed:
        work.db.execute("INSERT INTO subscription VALUES (?, ?, ?) ON CONFLICT DO NOTHING", (account, owner, name))
    else:
        work.db.execute("DELETE FROM subscription WHERE account = ? AND owner = ? AND name = ?", (account, owner, name))
    work.changed(UPDATED, _number(work, owner, name, selectable=False) or 0, account, name)


def set_property(work: Transaction, folder: int, name: str, value: str | None) -> None:
    """Note something on a folder, or take it off."""
    account, folder_name_, _ = work.folder(folder)
    if value is None:
        work.db.execute("DELETE FROM folder_property WHERE folder_id = ? AND name = ?", (folder, name))
    else:
        work.db.execute(
            "INSERT INTO folder_property VALUES (?, ?, ?) "
            "ON CONFLICT (folder_id, name) DO UPDATE SET value = excluded.value",
            (folder, name, value),
        )
    work.changed(UPDATED, folder, account, folder_name_)


def set_special_use(work: Transaction, folder: int, special_use: str) -> None:
    account, name, _ = work.folder(folder)
    work.db.execute("UPDATE folder SET special_use = ? WHERE id = ?", (special_use, folder))
    work.changed(UPDATED, folder, account, name)


def claim_recent(work: Transaction, folder: int) -> int:
    """The lowest UID nobody was told of as recent; the next who asks is told of later ones."""
    work.folder(folder)
    row = work.db.execute("SELECT recent_from, uidnext FROM folder WHERE id = ?", (folder,)).fetchone()
    if row[0] != row[1]:
        work.db.execute("UPDATE folder SET recent_from = uidnext WHERE id = ?", (folder,))
    return int(row[0])


def next_uidvalidity(work: Transaction) -> int:
    """Never one that was given before, also if the file is lost and made anew: it is the time, or one more."""
    row = work.db.execute(
        "INSERT INTO counter VALUES ('uidvalidity', ?1) "
        "ON CONFLICT (name) DO UPDATE SET value = max(counter.value + 1, ?1) RETURNING value",
        (int(work.now),),
    ).fetchone()
    if not 0 < row[0] <= LARGEST_UIDVALIDITY:
        raise FolderRefused("there are no more UIDVALIDITY numbers: is the clock right?")
    return int(row[0])


def _name(account: str, name: str) -> str:
    return folder_name(name, shared=account == SHARED)


def _number(work: Transaction, account: str, name: str, *, selectable: bool) -> int | None:
    row = work.db.execute(
        "SELECT id FROM folder WHERE account = ? AND name = ? AND selectable >= ?", (account, name, selectable)
    ).fetchone()
    return None if row is None else int(row[0])


def _make_missing(work: Transaction, account: str, name: str, kind: str) -> None:
    if _number(work, account, name, selectable=False) is None:
        _insert(work, account, name, kind, "", selectable=True)


def _make(work: Transaction, account: str, name: str, kind: str, special_use: str = "") -> int:
    """A folder with messages to be; a mere name gives way to it."""
    for (number,) in work.db.execute(
        "SELECT id FROM folder WHERE account = ? AND name = ?", (account, name)
    ).fetchall():
        work.db.execute("DELETE FROM folder WHERE id = ?", (number,))
    return _insert(work, account, name, kind, special_use, selectable=True)


def _insert(work: Transaction, account: str, name: str, kind: str, special_use: str, *, selectable: bool) -> int:
    # RFC 8474: an objectid begins with a letter, so that it is no number and not NIL
    row = work.db.execute(
        "INSERT INTO folder (account, name, kind, object_id, special_use, selectable, uidvalidity, uidnext, modseq, "
        "vanish_floor, low_water, recent_from, messages, octets, created) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, 1, 1, 1, 1, 1, 0, 0, ?) RETURNING id",
        (
            account,
            name,
            kind,
            "F" + secrets.token_hex(12),
            special_use,
            selectable,
            next_uidvalidity(work),
            work.now,
        ),
    ).fetchone()
    work.changed(CREATED, int(row[0]), account, name)
    return int(row[0])


def _remove(work: Transaction, number: int, account: str, name: str) -> None:
    """The folder with all its entries."""
    messages, octets = work.db.execute("SELECT messages, octets FROM folder WHERE id = ?", (number,)).fetchone()
    shown = [row[0] for row in work.db.execute("SELECT message_id FROM entry WHERE folder_id = ?", (number,))]
    work.db.execute("DELETE FROM entry_keyword WHERE folder_id = ?", (number,))
    work.db.execute("DELETE FROM entry WHERE folder_id = ?", (number,))
    work.db.execute("DELETE FROM folder WHERE id = ?", (number,))
    if account != SHARED:
        work.db.execute(
            "UPDATE usage SET octets = octets - ?, messages = messages - ? WHERE account = ?",
            (octets, messages, account),
        )
    drop_unused(work, shown)
    work.changed(DELETED, number, account, name)
