"""Stores without threads, for tests of what stands beside the contract; messages are made by hand."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from netdaemon.messages.interfaces import Delivered, Folder, Summary, Target
from netdaemon.messages.store import Store, done
from netdaemon.messages.values import NO_FLAGS, Flag
from tests.messages.contract.base import EVERY, summary


def summarise(octets: Iterable[bytes]) -> Summary:
    """What the mail room does, in little: subject and message-id of a header in ASCII."""
    header = b"".join(octets).partition(b"\r\n\r\n")[0].decode("latin-1")
    fields = dict(line.split(": ", 1) for line in header.split("\r\n") if ": " in line)
    return summary(fields.get("Message-ID", ""), fields.get("Subject", ""), headers_size=len(header) + 4)


class StoreCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.now = 1_000_000.0
        self.data = self.new_folder()
        self.store = self.open(self.data)
        self.count = 0

    def new_folder(self) -> Path:
        folder = Path(self.mktemp()).resolve()
        folder.mkdir(parents=True)
        return folder

    def open(self, data: Path) -> Store:
        store = Store(data, wall=lambda: self.now)
        self.addCleanup(store.close)
        return store

    def folder(self, name: str = "INBOX", account: str = "mulder") -> Folder:
        return done(self.store.ensure(account, name))

    def put(
        self,
        *folders: Folder,
        octets: bytes | None = None,
        flags: Flag = NO_FLAGS,
        keywords: tuple[str, ...] = (),
        received: float | None = None,
        **more: Any,
    ) -> Delivered:
        self.count += 1
        octets = octets if octets is not None else b"Subject: %d\r\n\r\nText\r\n" % self.count
        with self.store.spool() as spool:
            spool.write(octets)
            spool.finish()
            targets = [Target(folder.id, flags, keywords, received) for folder in folders]
            return done(self.store.deliver(spool, summarise([octets]), targets, **more))

    def shown(self, store: Store, account: str = "mulder") -> dict[str, list[tuple[Any, ...]]]:
        """Every folder with (octets, flags, keywords, received) of its messages."""
        return {
            folder.name: [
                (store.body(entry.message).read_now(0, 1 << 20), entry.flags, entry.keywords, entry.received)
                for entry in store.entries(folder.id, EVERY)
            ]
            for folder in store.folders(account)
        }
