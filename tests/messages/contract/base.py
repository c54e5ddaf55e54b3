"""What all of the contract share: a store, folders, messages made by hand, a clock that the test sets."""

from __future__ import annotations

from typing import Any

from netdaemon.messages.interfaces import Change, Delivered, Folder, Quota, Summary, Target
from netdaemon.messages.uids import members
from netdaemon.messages.values import NO_FLAGS, Entry, Flag, UidSet

EVERY: UidSet = ((1, 1 << 31),)


def summary(msgid: str = "", subject: str = "", **more: Any) -> Summary:
    """A summary as the mail room might make it."""
    values: dict[str, Any] = {
        "from_": "Fox Mulder <mulder@spam.egg>",
        "to": "scully@spam.egg",
        "date": None,
        "references": (),
        "lines": 1,
        "headers_size": 20,
        "envelope": b"(envelope)",
        "bodystructure": b"(structure)",
        "preview": "The truth is out there",
    }
    return Summary(msgid=msgid, subject=subject, **{**values, **more})


class Base:
    """Mixed into a trial TestCase by a provider, which has ``store`` opened by ``setUp``."""

    def setUp(self) -> None:
        super().setUp()
        self.now = 1_000_000.0
        self.limits: dict[str, Quota] = {}
        self.count = 0
        self.store = self.open_store()

    def spool(self, octets: bytes | None = None) -> Any:
        """A finished spool; without ``octets``, of a message that nobody ever sent before."""
        self.count += 1
        spool = self.store.spool()
        spool.write(b"Subject: %d\r\n\r\nText\r\n" % self.count if octets is None else octets)
        self.addCleanup(spool.abort)
        return spool.finish()

    async def folder(self, name: str = "INBOX", account: str = "mulder", **more: Any) -> Folder:
        return await self.store.ensure(account, name, **more)

    async def group(self, name: str = "misc.test") -> Folder:
        return await self.store.ensure("", name, kind="news")

    async def put(
        self,
        *folders: Folder,
        octets: bytes | None = None,
        about: Summary | None = None,
        flags: Flag = NO_FLAGS,
        keywords: tuple[str, ...] = (),
        received: float | None = None,
        **more: Any,
    ) -> Delivered:
        """Deliver a message into these folders."""
        targets = [Target(folder.id, flags, keywords, received) for folder in folders]
        return await self.store.deliver(self.spool(octets), about or summary(), targets, **more)

    async def fill(self, folder: Folder, count: int) -> list[int]:
        """So many messages; their numbers."""
        return [(await self.put(folder)).message for _ in range(count)]

    def now_is(self, folder: Folder) -> Folder:
        """The folder as it is now."""
        return self.store.folder_by_id(folder.id)

    def entries(self, folder: Folder, **more: Any) -> list[Entry]:
        return self.store.entries(folder.id, EVERY, **more)

    def uids(self, folder: Folder) -> list[int]:
        return [entry.uid for entry in self.entries(folder)]

    async def octets(self, message: int) -> bytes:
        body = self.store.body(message)
        parts, at = [], 0
        while at < body.size:
            parts.append(await body.read(at, 1 << 20))
            at += len(parts[-1])
        return b"".join(parts)

    async def fails(self, error: type[Exception], deferred: Any) -> Exception:
        """The error that it must fail with."""
        with self.assertRaises(error) as caught:
            await deferred
        return caught.exception

    def listen(self, folder: Folder) -> list[Change]:
        heard: list[Change] = []
        self.store.switchboard.subscribe(folder.id, heard.append)
        return heard


def numbers(uids: UidSet) -> list[int]:
    return list(members(uids))
