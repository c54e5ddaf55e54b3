"""Messages put into folders: once into the store, however many folders show them."""

from __future__ import annotations

from collections.abc import Sequence

from netdaemon.messages import keywords
from netdaemon.messages.engine import Transaction
from netdaemon.messages.errors import NoSuchFolder, OverQuota, StoreError
from netdaemon.messages.folding import base_subject
from netdaemon.messages.interfaces import ARRIVED, SHARED, Delivered, Delivery, Target
from netdaemon.messages.objectid import thread_id
from netdaemon.messages.removal import charge, remove, take_uids

MOST_REFERENCES = 64
"""References that are looked at for a message's thread: the first one and the last ones."""
LONGEST_TEXT = 8192
"""Characters of a field that are kept beside the octets; what is longer is cut."""
LARGEST_DATE = 1 << 55
"""Seconds; a date further off is none."""


def deliver_all(work: Transaction, deliveries: Sequence[Delivery]) -> list[Delivered]:
    """All of them, the octets of each being in the store already."""
    return [_deliver(work, number, delivery) for number, delivery in enumerate(deliveries)]


def _deliver(work: Transaction, number: int, delivery: Delivery) -> Delivered:
    if delivery.token and (done := _done(work, delivery.token)) is not None:
        return done
    if delivery.history and not _remember(work, delivery.summary.msgid):
        return Delivered(0, (), known=True)
    blob = work.blob(number)
    message = _message(work, blob, delivery)
    places: list[tuple[int, int]] = []
    refused: list[tuple[int, StoreError]] = []
    for target in delivery.targets:
        if not delivery.partial:
            places.append((target.folder, _show(work, message, delivery.spool.size, target)))
            continue
        try:
            with work.step():
                places.append((target.folder, _show(work, message, delivery.spool.size, target)))
        except (NoSuchFolder, OverQuota) as error:
            refused.append((target.folder, error))
    if not places:
        raise refused[0][1] if refused else NoSuchFolder("the message goes nowhere")
    if delivery.replaces is not None:
        _replace(work, *delivery.replaces)
    if delivery.token:
        text = " ".join(f"{folder}:{uid}" for folder, uid in places)
        work.db.execute("INSERT INTO delivery VALUES (?, ?, ?, ?)", (delivery.token, work.now, message, text))
    return Delivered(message, tuple(places), tuple(refused))


def _done(work: Transaction, token: str) -> Delivered | None:
    row = work.db.execute("SELECT message_id, places FROM delivery WHERE token = ?", (token,)).fetchone()
    if row is None:
        return None
    message, text = row
    places = [place.split(":") for place in text.split()]
    return Delivered(message, tuple((int(folder), int(uid)) for folder, uid in places), again=True)


def _remember(work: Transaction, msgid: str) -> bool:
    """Put it into the history; False when it was there."""
    return bool(work.db.execute("INSERT INTO history VALUES (?, ?) ON CONFLICT DO NOTHING", (msgid, work.now)).rowcount)


def _message(work: Transaction, blob: int, delivery: Delivery) -> int:
    """The number of the message with these octets, which may have come before."""
    row = work.db.execute("SELECT id FROM message WHERE blob_id = ?", (blob,)).fetchone()
    if row is not None:
        return int(row[0])
    work.db.execute("DELETE FROM unused_blob WHERE blob_id = ?", (blob,))
    summary, digest = delivery.summary, delivery.spool.digest
    subject = text(summary.subject)
    base, reply = base_subject(subject)
    references = [found for reference in summary.references if (found := text("".join(reference.split())))]
    thread = _thread(work, delivery, references, base if reply else "")
    date = summary.date
    row = work.db.execute(
        "INSERT INTO message (blob_id, sha256, octets, headers_size, lines, msgid, subject, base_subject, from_, to_, "
        "date, refs, thread, preview, envelope, bodystructure) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
        "RETURNING id",
        (
            blob,
            digest,
            delivery.spool.size,
            summary.headers_size,
            summary.lines,
            text(summary.msgid),
            subject,
            base,
            text(summary.from_),
            text(summary.to),
            date if date is not None and abs(date) <= LARGEST_DATE else None,
            " ".join(references),
            thread,
            text(summary.preview),
            summary.envelope,
            summary.bodystructure,
        ),
    ).fetchone()
    return int(row[0])


def _show(work: Transaction, message: int, octets: int, target: Target) -> int:
    """Show the message in a folder; its UID there."""
    account, name, _ = work.folder(target.folder)
    if account != SHARED:
        charge(work, account, octets, 1)
    uid, modseq, _ = take_uids(work, target.folder, 1, octets)
    words = keywords.spelled(work, target.folder, target.keywords) if target.keywords else ()
    flags = int(target.flags) | (keywords.HAS_KEYWORDS if words else 0)
    received = work.now if target.received is None else target.received
    work.db.execute(
        "INSERT INTO entry VALUES (?, ?, ?, ?, ?, ?, ?)",
        (target.folder, uid, message, received, work.now, modseq, flags),
    )
    if words:
        keywords.put(work, target.folder, uid, words)
    work.changed(ARRIVED, target.folder, account, name, modseq)
    return uid


def _replace(work: Transaction, folder: int, uid: int) -> None:
    row = work.db.execute(
        "SELECT entry.message_id, message.octets FROM entry JOIN message ON message.id = entry.message_id "
        "WHERE folder_id = ? AND uid = ?",
        (folder, uid),
    ).fetchone()
    if row is not None:  # RFC 8508 section 3.5: it may have been expunged meanwhile
        remove(work, folder, [(uid, *row)])


# --- threads ---------------------------------------------------------------------------------------------------


def _thread(work: Transaction, delivery: Delivery, references: list[str], answers: str) -> str:
    """The thread of a message: that of the nearest message it refers to, or that refers to it; of an answer that
    refers to none, that of the last one with the same subject, which is ``answers``.
    """
    own = text(delivery.summary.msgid)
    near = [*references[:1], *references[1:][-MOST_REFERENCES:]]
    asked = [*([own] if own else []), *reversed(near)]
    found = None
    for msgid in asked:
        row = work.db.execute("SELECT thread FROM thread_member WHERE msgid = ?", (msgid,)).fetchone()
        if row is not None:
            found = str(row[0])
            break
    if found is None and not references and answers:
        found = _by_subject(work, answers, delivery.targets)
    thread = found if found is not None else thread_id(delivery.spool.digest)
    for msgid in asked:
        work.db.execute("INSERT INTO thread_member VALUES (?, ?) ON CONFLICT DO NOTHING", (msgid, thread))
    return thread


def _by_subject(work: Transaction, base: str, targets: Sequence[Target]) -> str | None:
    """The thread of the last message in the first target's folder that has the same subject but for Re: and such."""
    if not targets:
        return None
    row = work.db.execute(
        "SELECT message.thread FROM message JOIN entry ON entry.message_id = message.id "
        "WHERE message.base_subject = ? AND entry.folder_id = ? ORDER BY message.id DESC LIMIT 1",
        (base, targets[0].folder),
    ).fetchone()
    return None if row is None else str(row[0])


def text(value: str) -> str:
    """What can be kept of it: no surrogates, no NUL, not longer than LONGEST_TEXT."""
    value = value[:LONGEST_TEXT]
    if not value.isascii():
        value = value.encode("utf-8", "replace").decode()
    return value.replace("\0", "") if "\0" in value else value
