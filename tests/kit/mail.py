"""Mail for daemons under test: messages put into the store of a data directory before its daemon starts."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from netdaemon.mail.summary import summarise
from netdaemon.messages.interfaces import Delivered, Target
from netdaemon.messages.store import Store


def deliver(data: Path, account: str, *messages: bytes | Iterable[bytes]) -> None:
    """Into the account's INBOX; ``data`` is made if need be. A message that is long may come in pieces."""
    data.mkdir(parents=True, exist_ok=True, mode=0o700)
    store = Store(data)
    folders: list[int] = []
    store.ensure(account, "INBOX").addCallback(lambda folder: folders.append(folder.id))
    for message in messages:
        spool = store.spool()
        for piece in [message] if isinstance(message, bytes) else message:
            spool.write(piece)
        spool.finish()
        pieces = (spool.read(at, 1 << 20) for at in range(0, spool.size, 1 << 20))
        delivered: list[Delivered] = []
        store.deliver(spool, summarise(pieces), [Target(folders[0])]).addCallback(delivered.append)
        spool.abort()
        assert delivered, "the store did not take it"
    store.close()


def inbox(data: Path, account: str) -> list[bytes]:
    """What is in it; for daemons that have stopped."""
    store = Store(data)
    folder = store.folder(account, "INBOX")
    entries = store.entries(folder.id, ((1, folder.uidnext),))
    found = [store.body(entry.message).read_now(0, entry.octets) for entry in entries]
    store.close()
    return found
