"""The outgoing queue's books: two tables beside the message store's, changed in the store's own transactions.

A queued message is an entry in a folder that no account has (`ACCOUNT`, `FOLDER`): so its octets stay, and are shared
with the copies that were delivered here. Its first `skip` octets are our Return-Path, which is not sent on.

A message is due, sending, held, or gone; a recipient is waiting, done or failed. Who sends holds the lease of ACCOUNT;
what is `sending` when somebody else takes it was interrupted, and is due again (`recover`).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, replace
from typing import Any, Protocol, TypeVar

from twisted.internet.defer import Deferred

from netdaemon.mail.addresses import Address, parse_address
from netdaemon.mail.interfaces import Recipient
from netdaemon.mail.letter import DUE, HELD, SENDING, STATES, WAITING, Addressee, Letter, Options
from netdaemon.messages import removal
from netdaemon.messages.engine import Transaction
from netdaemon.messages.errors import NoSuchFolder
from netdaemon.messages.interfaces import ISpool
from netdaemon.messages.tree import ensure

T = TypeVar("T")

ACCOUNT = "@queue"
"""Whose folder it is, and whose lease: an account's name holds no @."""
FOLDER = "outgoing"

RESULTS = ("accepted", "refused", "deferred", "sent", "bounced")
"""What is counted of recipients: of those that came, and of those that were tried."""

ROOM = "queue"
VERSIONS: tuple[tuple[str, ...], ...] = (
    (
        # TRANSFER as Received has it. SKIP octets of the message are not sent. OPTIONS is what MAIL said, as JSON.
        # REPORTS counts those that were sent, and names the next one.
        """CREATE TABLE queue (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            transfer TEXT NOT NULL,
            folder_id INTEGER NOT NULL,
            uid INTEGER NOT NULL,
            message_id INTEGER NOT NULL,
            skip INTEGER NOT NULL,
            octets INTEGER NOT NULL,
            sender TEXT NOT NULL,
            options TEXT NOT NULL,
            arrived REAL NOT NULL,
            since REAL NOT NULL,
            expires REAL NOT NULL,
            state TEXT NOT NULL,
            next_try REAL NOT NULL,
            tries INTEGER NOT NULL,
            warned INTEGER NOT NULL,
            reports INTEGER NOT NULL
        )""",
        "CREATE INDEX queue_next ON queue (state, next_try)",
        # BY is the address of ours that led there. REPORT: its sender is still to be told of ACTION
        """CREATE TABLE queue_recipient (
            queue_id INTEGER NOT NULL REFERENCES queue (id) ON DELETE CASCADE,
            number INTEGER NOT NULL,
            address TEXT NOT NULL,
            original TEXT NOT NULL,
            notify TEXT NOT NULL,
            by TEXT NOT NULL,
            state TEXT NOT NULL,
            action TEXT NOT NULL,
            status TEXT NOT NULL,
            reply TEXT NOT NULL,
            host TEXT NOT NULL,
            tries INTEGER NOT NULL,
            last_try REAL,
            report INTEGER NOT NULL,
            PRIMARY KEY (queue_id, number)
        ) WITHOUT ROWID""",
        # uidvalidity: that of the folder, as it was when the books were last opened
        "CREATE TABLE queue_state (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID",
    ),
)


class IWritesBooks(Protocol):
    """The store, as far as books are kept in it; `netdaemon.messages.store.Store`."""

    def write(self, run: Callable[[Transaction], T], spools: Sequence[ISpool] = ()) -> Deferred[T]:
        """``run`` in one transaction, durable when the Deferred fires."""


# --- the tables ------------------------------------------------------------------------------------------------


def open_books(work: Transaction) -> int:
    """Make the tables and the folder if need be, and bring them up to date. The folder's number.

    A store that was restored from a backup has given its folders new UIDVALIDITY numbers: what was in the queue then
    may have been sent since, so it is held until somebody says what shall become of it.
    """
    work.db.execute("CREATE TABLE IF NOT EXISTS schema (room TEXT PRIMARY KEY, version INTEGER NOT NULL)")
    row = work.db.execute("SELECT version FROM schema WHERE room = ?", (ROOM,)).fetchone()
    version = 0 if row is None else int(row[0])
    if version > len(VERSIONS):
        raise NoSuchFolder(f"the queue was written by a newer netdaemon (version {version})")
    if version < len(VERSIONS):
        for statements in VERSIONS[version:]:
            for statement in statements:
                work.db.execute(statement)
        work.db.execute(
            "INSERT INTO schema VALUES (?, ?) ON CONFLICT (room) DO UPDATE SET version = excluded.version",
            (ROOM, len(VERSIONS)),
        )
    folder = ensure(work, ACCOUNT, FOLDER)
    row = work.db.execute("SELECT value FROM queue_state WHERE name = 'uidvalidity'").fetchone()
    if row is not None and row[0] != folder.uidvalidity:
        work.db.execute("UPDATE queue SET state = ?", (HELD,))
    if row is None or row[0] != folder.uidvalidity:
        work.db.execute(
            "INSERT INTO queue_state VALUES ('uidvalidity', ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            (folder.uidvalidity,),
        )
    return folder.id


def put(work: Transaction, letter: Letter) -> int:
    """A new message: its ``place`` and ``message`` are in the store already. Its number."""
    folder, uid = letter.place
    row = work.db.execute(
        "INSERT INTO queue (transfer, folder_id, uid, message_id, skip, octets, sender, options, arrived, since, "
        "expires, state, next_try, tries, warned, reports) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, 0, 0) "
        "RETURNING id",
        (
            letter.transfer,
            folder,
            uid,
            letter.message,
            letter.skip,
            letter.octets,
            _text(letter.sender),
            json.dumps(asdict(letter.options)),
            letter.arrived,
            letter.since,
            letter.expires,
            letter.state,
            letter.next_try,
        ),
    ).fetchone()
    number = int(row[0])
    for position, one in enumerate(letter.addressees):
        _write(work, number, replace(one, number=position))
    return number


_LETTER = (
    "SELECT id, transfer, folder_id, uid, message_id, skip, octets, sender, options, arrived, since, expires, state, "
    "next_try, tries, warned, reports FROM queue "
)


def letters(work: Transaction, condition: str = "", *values: object) -> list[Letter]:
    """Those that meet a condition (of SQL's, with ORDER BY and LIMIT)."""
    found = work.db.execute(_LETTER + condition, values).fetchall()
    return [_letter(row, tuple(_addressees(work, row[0]))) for row in found]


def get(work: Transaction, number: int) -> Letter | None:
    """One message; None when it is there no more."""
    found = letters(work, "WHERE id = ?", number)
    return found[0] if found else None


def _letter(row: Sequence[Any], addressees: tuple[Addressee, ...]) -> Letter:
    (number, transfer, folder, uid, message, skip, octets, sender, options, *rest) = row
    arrived, since, expires, state, next_try, tries, warned, reports = rest
    return Letter(
        transfer=transfer,
        sender=_address(sender),
        addressees=addressees,
        options=Options.from_json(options),
        arrived=arrived,
        since=since,
        expires=expires,
        next_try=next_try,
        skip=skip,
        octets=octets,
        id=number,
        message=message,
        place=(folder, uid),
        state=state,
        tries=tries,
        warned=bool(warned),
        reports=reports,
    )


def _addressees(work: Transaction, number: int) -> Iterator[Addressee]:
    for row in work.db.execute(
        "SELECT number, address, original, notify, by, state, action, status, reply, host, tries, last_try, report "
        "FROM queue_recipient WHERE queue_id = ? ORDER BY number",
        (number,),
    ).fetchall():
        position, address, original, notify, by, state, action, status, reply, host, tries, last_try, report = row
        recipient = Recipient(parse_address(address), frozenset(notify.split()), original)
        yield Addressee(
            recipient, _address(by), position, state, action, status, reply, host, tries, last_try, bool(report)
        )


def _write(work: Transaction, number: int, one: Addressee) -> None:
    work.db.execute(
        "INSERT INTO queue_recipient VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
        "ON CONFLICT (queue_id, number) DO UPDATE SET state = excluded.state, action = excluded.action, "
        "status = excluded.status, reply = excluded.reply, host = excluded.host, tries = excluded.tries, "
        "last_try = excluded.last_try, report = excluded.report",
        (
            number,
            one.number,
            str(one.recipient.address),
            one.recipient.original,
            " ".join(sorted(one.recipient.notify)),
            _text(one.by),
            one.state,
            one.action,
            one.status,
            one.reply,
            one.host,
            one.tries,
            one.last_try,
            int(one.report),
        ),
    )


# --- asked by who sends ------------------------------------------------------------------------------------------


def recover(work: Transaction) -> int:
    """What was being sent by somebody who is gone is due again, at once. How many it were."""
    return int(
        work.db.execute("UPDATE queue SET state = ?, next_try = ? WHERE state = ?", (DUE, work.now, SENDING)).rowcount
    )


def claim(work: Transaction, most: int) -> list[Letter]:
    """Up to so many that are due, the longest waiting first; from now on they are being sent."""
    found = letters(work, "WHERE state = ? AND next_try <= ? ORDER BY next_try, id LIMIT ?", DUE, work.now, most)
    for letter in found:
        work.db.execute("UPDATE queue SET state = ? WHERE id = ?", (SENDING, letter.id))
    return [replace(letter, state=SENDING) for letter in found]


def next_due(work: Transaction) -> float | None:
    """When the next one is due; None when none is."""
    row = work.db.execute("SELECT min(next_try) FROM queue WHERE state = ?", (DUE,)).fetchone()
    return None if row[0] is None else float(row[0])


def note(work: Transaction, number: int, addressees: Iterable[Addressee]) -> None:
    """Write down what became of recipients; nothing happens for a message that was dropped meanwhile."""
    if work.db.execute("SELECT 1 FROM queue WHERE id = ?", (number,)).fetchone() is not None:
        for one in addressees:
            _write(work, number, one)


def settle(work: Transaction, letter: Letter, next_try: float, *, warned: bool, reported: bool) -> None:
    """A try is over: the message is due again then, or gone with its last recipient.

    ``reported``: of what was to be reported, its sender was told. Held ones stay held.
    """
    if reported:
        work.db.execute("UPDATE queue_recipient SET report = 0 WHERE queue_id = ?", (letter.id,))
    left = work.db.execute(
        "SELECT 1 FROM queue_recipient WHERE queue_id = ? AND (state = ? OR report <> 0) LIMIT 1", (letter.id, WAITING)
    ).fetchone()
    if left is None:
        remove(work, letter.id)
        return
    work.db.execute(
        "UPDATE queue SET state = CASE state WHEN ? THEN ? ELSE state END, next_try = ?, tries = ?, warned = ?, "
        "reports = reports + ? WHERE id = ?",
        (SENDING, DUE, next_try, letter.tries, int(letter.warned or warned), int(reported), letter.id),
    )


def put_back(work: Transaction, number: int) -> None:
    """It was not tried after all: it is due as it was before."""
    work.db.execute("UPDATE queue SET state = ? WHERE id = ? AND state = ?", (DUE, number, SENDING))


def remove(work: Transaction, number: int) -> bool:
    """Take a message out, with its octets if nobody else shows them."""
    row = work.db.execute("DELETE FROM queue WHERE id = ? RETURNING folder_id, uid", (number,)).fetchone()
    if row is None:
        return False
    work.db.execute("DELETE FROM queue_recipient WHERE queue_id = ?", (number,))
    folder, uid = row
    removal.expunge(work, folder, ((uid, uid),), False)
    return True


def counts(work: Transaction) -> dict[str, int]:
    """How many messages there are of each state."""
    found = dict(work.db.execute("SELECT state, count(*) FROM queue GROUP BY state").fetchall())
    return {state: int(found.get(state, 0)) for state in STATES}


# --- asked by the operator ---------------------------------------------------------------------------------------


def retry(work: Transaction, numbers: Sequence[int] | None) -> int:
    """Have these (None: all that are not held) tried now. How many it were."""
    chosen, values = _chosen(numbers)
    return int(
        work.db.execute(
            f"UPDATE queue SET next_try = ? WHERE state = ? AND {chosen}", (work.now, DUE, *values)
        ).rowcount
    )


def hold(work: Transaction, numbers: Sequence[int] | None) -> int:
    """Keep these until they are released; what is being sent just now is not stopped."""
    chosen, values = _chosen(numbers)
    return int(
        work.db.execute(f"UPDATE queue SET state = ? WHERE state <> ? AND {chosen}", (HELD, HELD, *values)).rowcount
    )


def release(work: Transaction, numbers: Sequence[int] | None, give_up_after: float) -> int:
    """Have held ones tried now, and not given up for at least so long as if they had come now."""
    chosen, values = _chosen(numbers)
    return int(
        work.db.execute(
            f"UPDATE queue SET state = ?, next_try = ?, expires = max(expires, ?) WHERE state = ? AND {chosen}",
            (DUE, work.now, work.now + give_up_after, HELD, *values),
        ).rowcount
    )


def tell(work: Transaction, folder: int) -> None:
    """Have whoever sends hear that the queue has changed."""
    account, name, _ = work.folder(folder)
    work.changed("updated", folder, account, name, work.next_modseq(folder))


def _chosen(numbers: Sequence[int] | None) -> tuple[str, Sequence[int]]:
    if numbers is None:
        return "1", ()
    return f"id IN ({', '.join('?' * len(numbers))})", numbers


def _text(address: Address | None) -> str:
    return "" if address is None else str(address)


def _address(text: str) -> Address | None:
    return parse_address(text) if text else None
