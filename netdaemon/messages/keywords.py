"""Keywords of messages (RFC 9051 section 2.3.2): rows of their own, for there may be any number of different ones."""

from __future__ import annotations

from collections.abc import Iterable

from netdaemon.messages.engine import Transaction
from netdaemon.messages.errors import TooManyKeywords
from netdaemon.messages.folding import folded
from netdaemon.messages.names import keyword

MOST_OF_A_FOLDER = 256
"""Different keywords of all messages there ever were in a folder."""
MOST_OF_A_MESSAGE = 64

HAS_KEYWORDS = 256
"""A bit of an entry's flags: there are rows to be looked for. No `Flag`, so nobody outside sees it."""


def spelled(work: Transaction, folder: int, keywords: Iterable[str]) -> tuple[str, ...]:
    """The keywords as the folder spells them; new ones are noted. Raises BadName and TooManyKeywords."""
    found: dict[str, str] = {}
    for word in keywords:
        found.setdefault(folded(keyword(word)), word)
    if len(found) > MOST_OF_A_MESSAGE:
        raise TooManyKeywords(f"a message has at most {MOST_OF_A_MESSAGE} keywords")
    for key, word in found.items():
        row = work.db.execute(
            "SELECT keyword FROM folder_keyword WHERE folder_id = ? AND folded = ?", (folder, key)
        ).fetchone()
        if row is not None:
            found[key] = row[0]
            continue
        count = work.db.execute("SELECT count(*) FROM folder_keyword WHERE folder_id = ?", (folder,)).fetchone()[0]
        if count >= MOST_OF_A_FOLDER:
            raise TooManyKeywords(f"a folder has at most {MOST_OF_A_FOLDER} different keywords")
        work.db.execute("INSERT INTO folder_keyword VALUES (?, ?, ?)", (folder, key, word))
    return tuple(found.values())


def put(work: Transaction, folder: int, uid: int, keywords: Iterable[str]) -> None:
    """Give a message keywords that `spelled` gave; its HAS_KEYWORDS bit is the caller's to set."""
    work.db.executemany(
        "INSERT INTO entry_keyword VALUES (?, ?, ?) ON CONFLICT DO NOTHING", [(folder, uid, word) for word in keywords]
    )


def of(work: Transaction, folder: int, uid: int) -> tuple[str, ...]:
    """A message's keywords, in order."""
    return tuple(
        row[0]
        for row in work.db.execute(
            "SELECT keyword FROM entry_keyword WHERE folder_id = ? AND uid = ? ORDER BY keyword", (folder, uid)
        )
    )
