"""Mail from Maildir and mbox into the store, some messages in one transaction, and none of them twice."""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from netdaemon.messages import maildir, mbox
from netdaemon.messages.errors import BadName, StoreError, TooManyKeywords
from netdaemon.messages.foreign import Found, Summarise
from netdaemon.messages.interfaces import Delivery, Target
from netdaemon.messages.names import INBOX, folder_name, keyword
from netdaemon.messages.spool import Spool
from netdaemon.messages.store import Store, done

MESSAGES = 100
"""Messages in one transaction."""
OCTETS = 8 << 20
"""Octets in one transaction, or one message's if it has more."""

MAILDIR, MBOX = "maildir", "mbox"
SUFFIX = ".mbox"


class NoMail(StoreError):
    """There is no mail at that path."""


@dataclass
class Taken:
    """What became of one folder's messages."""

    folder: str
    new: int = 0
    known: int = 0
    complaints: list[str] = field(default_factory=list)


def kind_of(path: Path) -> str:
    """Is it a Maildir or mbox files?"""
    return MAILDIR if (path / "cur").is_dir() else MBOX


def sources(path: Path, kind: str) -> Iterator[tuple[str, Callable[[], Iterator[Found]]]]:
    """(folder's name, its messages) for everything at the path. Raises NoMail, NotMaildir and BadName.

    One mbox file is INBOX; of a directory, each file `a/b.mbox` is the folder a/b.
    """
    if kind == MAILDIR:
        for name, folder in maildir.folders(path):
            yield name, partial(maildir.messages, folder)
    elif path.is_file():
        yield INBOX, partial(mbox.messages, path)
    else:
        files = sorted(_files(path))
        if not files:
            raise NoMail(f"{path} has no files called *{SUFFIX}")
        for file in files:
            name = str(file.relative_to(path)).removesuffix(SUFFIX)
            yield folder_name(name), partial(mbox.messages, file)


def _files(top: Path) -> Iterator[Path]:
    """Every mbox file beneath a folder; links are not followed."""
    for folder, _, names in os.walk(top):
        for name in names:
            file = Path(folder) / name
            if name.endswith(SUFFIX) and stat.S_ISREG(file.lstat().st_mode):
                yield file


class Import:
    """Mail on its way into one account of a store without threads.

    Broken off and begun again it goes on where it was: a message whose octets the folder has as often as they were met
    is there already. Quotas hold as for all that comes.
    """

    def __init__(self, store: Store, account: str, summarise: Summarise) -> None:
        self._store = store
        self._account = account
        self._summarise = summarise
        self._met: Counter[bytes] = Counter()
        self._had: dict[bytes, int] = {}

    def folder(self, name: str, messages: Iterator[Found], advanced: Callable[[int], object]) -> Taken:
        """Take a folder's messages; ``advanced`` hears of the octets of each. Raises StoreError and OSError."""
        number = done(self._store.ensure(self._account, name)).id
        taken = Taken(name)
        self._met, self._had = Counter(), {}
        waiting: list[Delivery] = []
        octets = 0
        try:
            for found in messages:
                delivery = self._delivery(number, found, taken)
                advanced(delivery.spool.size if delivery is not None else 0)
                if delivery is None:
                    continue
                waiting.append(delivery)
                octets += delivery.spool.size
                if len(waiting) >= MESSAGES or octets >= OCTETS:
                    self._deliver(waiting, taken)
                    octets = 0
            self._deliver(waiting, taken)
        finally:
            _abort(waiting)
        return taken

    def _delivery(self, folder: int, found: Found, taken: Taken) -> Delivery | None:
        """The message on its way; None when it is there already."""
        spool = self._store.spool()
        try:
            for piece in found.pieces():
                spool.write(piece)
            spool.finish()
            digest = spool.digest
            if digest not in self._had:
                self._had[digest] = self._store.shown(folder, digest)
            self._met[digest] += 1
            if self._met[digest] <= self._had[digest]:
                taken.known += 1
                spool.abort()
                return None
            summary = self._summarise(spool)
        except BaseException:
            spool.abort()
            raise
        received = found.received
        if received is None and summary.date is not None:
            received = float(summary.date)
        words = []
        for word in found.keywords:
            try:
                words.append(keyword(word))
            except BadName:
                taken.complaints.append(f"{found.where}: {word!r} can't be a keyword")
        return Delivery(spool, summary, [Target(folder, found.flags, tuple(words), received)])

    def _deliver(self, waiting: list[Delivery], taken: Taken) -> None:
        if waiting:
            try:
                done(self._store.deliver_all(waiting))
            except TooManyKeywords as error:
                raise TooManyKeywords(f"{taken.folder}: {error}") from None
            taken.new += len(waiting)
            _abort(waiting)
            waiting.clear()


def _abort(waiting: list[Delivery]) -> None:
    for delivery in waiting:
        assert isinstance(delivery.spool, Spool)
        delivery.spool.abort()
