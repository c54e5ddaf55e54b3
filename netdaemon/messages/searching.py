"""Searches: terms become SQL as far as they can, and what must look into messages does so with what is left.

A term is answered for a set of candidates. Of several that must all hold, those in SQL come first and as one statement,
so that only messages nothing cheaper rules out are looked into.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from netdaemon.messages.errors import BadSearch
from netdaemon.messages.folding import folded
from netdaemon.messages.objectid import digest_of
from netdaemon.messages.ranged import ranged
from netdaemon.messages.reading import all_uids, entries, is_shared
from netdaemon.messages.terms import (
    All,
    AnyOf,
    Between,
    HasFlags,
    HasKeyword,
    Holds,
    IsEmail,
    IsThread,
    Not,
    Scan,
    Term,
    Within,
)
from netdaemon.messages.uids import EVERY, difference, intersection, members, ranges, union
from netdaemon.messages.values import PRIVATE, Entry, UidSet

DEEPEST = 64
"""Terms within terms."""
MOST_TERMS = 500
"""All terms of a search; SQLite takes expressions up to a depth of 1000."""

_COLUMNS = {
    "received": "entry.received",
    "saved": "entry.saved",
    "date": "coalesce(message.date, entry.received)",
    "octets": "message.octets",
}
_TEXTS = {"msgid": "msgid", "subject": "subject", "from_": "from_", "to": "to_", "preview": "preview"}


@dataclass(frozen=True)
class Looked:
    """A candidate that a `Scan` looks into."""

    entry: Entry
    _chunks: Callable[[int], Iterator[bytes]]

    def chunks(self) -> Iterator[bytes]:
        return self._chunks(self.entry.message)


class Search:
    """One search in one folder; ``chunks`` gives the octets of a message."""

    def __init__(
        self, db: sqlite3.Connection, folder: int, account: str | None, chunks: Callable[[int], Iterator[bytes]]
    ) -> None:
        self._db = db
        self._folder = folder
        self._account = account
        self._private = is_shared(db, folder) and account is not None
        self._chunks = chunks

    def run(self, term: Term) -> UidSet:
        """The messages for which it holds. Raises BadSearch."""
        _check(term)
        return self._among(term, all_uids(self._db, self._folder) if _apart(term) else EVERY)

    def _among(self, term: Term, candidates: UidSet) -> UidSet:
        if not candidates:
            return ()
        match term:
            case Within(uids):
                return intersection(candidates, uids)
            case Scan():
                return ranges(uid for uid in members(candidates) if self._scan(term, uid))
            case Not(inner) if _apart(term):
                return difference(candidates, self._among(inner, candidates))
            case AnyOf(terms) if _apart(term):
                return self._any(terms, candidates)
            case All() if _apart(term):
                return self._all(tuple(_flat(term)), candidates)
        return self._ask(term, candidates)

    def _any(self, terms: tuple[Term, ...], candidates: UidSet) -> UidSet:
        found = self._among(AnyOf(tuple(each for each in terms if not _apart(each))), candidates)
        for each in sorted(filter(_apart, terms), key=_scans):
            found = union(found, self._among(each, difference(candidates, found)))
        return found

    def _all(self, terms: tuple[Term, ...], candidates: UidSet) -> UidSet:
        for within in terms:
            if isinstance(within, Within):
                candidates = intersection(candidates, within.uids)
        candidates = self._among(All(tuple(each for each in terms if not _apart(each))), candidates)
        for each in sorted(filter(_apart, terms), key=_scans):
            candidates = self._among(each, candidates)
        return candidates

    def _scan(self, term: Scan, uid: int) -> bool:
        found = entries(self._db, self._folder, ((uid, uid),), account=self._account)
        return bool(found) and term.test(Looked(found[0], self._chunks))

    def _ask(self, term: Term, candidates: UidSet) -> UidSet:
        arguments: list[object] = []
        condition = self._sql(term, arguments)
        own = (
            "LEFT JOIN seen ON seen.account = ? AND seen.folder_id = entry.folder_id AND seen.uid = entry.uid"
            if self._private
            else ""
        )
        found: list[int] = []
        for part in ranged(candidates):
            found += [
                row[0]
                for row in self._db.execute(
                    f"{part.begin}SELECT entry.uid FROM {part.of('entry')} "
                    "JOIN message ON message.id = entry.message_id "
                    f"{own} WHERE entry.folder_id = ? AND {condition}",
                    (*part.values, *([self._account] if self._private else []), self._folder, *arguments),
                )
            ]
        return intersection(ranges(found), candidates)

    def _sql(self, term: Term, arguments: list[object]) -> str:
        match term:
            case All(terms):
                return self._joined(terms, " AND ", "1 = 1", arguments)
            case AnyOf(terms):
                return self._joined(terms, " OR ", "1 = 0", arguments)
            case Not(inner):
                return f"NOT {self._sql(inner, arguments)}"
            case HasFlags(flags):
                flags_here = "entry.flags"
                if self._private:
                    flags_here = f"((entry.flags & {~int(PRIVATE)}) | coalesce(seen.flags, 0))"
                return f"({flags_here} & {int(flags)} = {int(flags)})"
            case HasKeyword(keyword):
                arguments.append(folded(keyword))
                return (
                    "EXISTS (SELECT 1 FROM entry_keyword JOIN folder_keyword "
                    "ON folder_keyword.folder_id = entry_keyword.folder_id "
                    "AND folder_keyword.keyword = entry_keyword.keyword "
                    "WHERE entry_keyword.folder_id = entry.folder_id AND entry_keyword.uid = entry.uid "
                    "AND folder_keyword.folded = ?)"
                )
            case Between():
                return self._between(term, arguments)
            case Holds(column, text):
                arguments.append(folded(text))
                return f"holds_folded(message.{_TEXTS[column]}, ?)"
            case IsThread(thread):
                arguments.append(thread)
                return "message.thread = ?"
            case IsEmail(email):
                arguments.append(digest_of(email))
                return "substr(message.sha256, 1, 18) = ?"
        raise BadSearch(f"{term!r} can't be searched for")

    def _joined(self, terms: tuple[Term, ...], word: str, nothing: str, arguments: list[object]) -> str:
        parts = [self._sql(each, arguments) for each in terms]
        return f"({word.join(parts)})" if parts else f"({nothing})"

    def _between(self, term: Between, arguments: list[object]) -> str:
        if term.column == "modseq":
            column = "max(entry.modseq, coalesce(seen.modseq, 0))" if self._private else "entry.modseq"
        else:
            column = _COLUMNS[term.column]
        parts = []
        if term.lowest is not None:
            parts.append(f"{column} >= ?")
            arguments.append(term.lowest)
        if term.below is not None:
            parts.append(f"{column} < ?")
            arguments.append(term.below)
        return f"({' AND '.join(parts)})" if parts else "(1 = 1)"


def _check(term: Term) -> None:
    """Not too much of it, and nothing that isn't kept."""
    level, count, depth = [term], 0, 0
    while level:
        count, depth = count + len(level), depth + 1
        if depth > DEEPEST or count > MOST_TERMS:
            raise BadSearch(f"a search has at most {MOST_TERMS} terms, {DEEPEST} deep")
        inner: list[Term] = []
        for each in level:
            match each:
                case Not(one):
                    inner.append(one)
                case All(terms) | AnyOf(terms):
                    inner += terms
                case Between(column) if column not in _COLUMNS and column != "modseq":
                    raise BadSearch(f"nothing is kept of {column}")
                case Holds(column) if column not in _TEXTS:
                    raise BadSearch(f"nothing is kept of {column}")
        level = inner


def _apart(term: Term) -> bool:
    """Is there something in it that SQL can't say?"""
    match term:
        case Scan() | Within():
            return True
        case Not(inner):
            return _apart(inner)
        case All(terms) | AnyOf(terms):
            return any(_apart(each) for each in terms)
    return False


def _scans(term: Term) -> bool:
    """Must something in it look into messages?"""
    match term:
        case Scan():
            return True
        case Not(inner):
            return _scans(inner)
        case All(terms) | AnyOf(terms):
            return any(_scans(each) for each in terms)
    return False


def _flat(term: All) -> Iterator[Term]:
    """The terms of it and of every All in it."""
    for each in term.terms:
        if isinstance(each, All):
            yield from _flat(each)
        else:
            yield each
