"""What the tests of accounts share: hashes that cost next to nothing, and accounts on a `task.Clock`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from argon2 import PasswordHasher
from twisted.internet import task
from twisted.internet.address import IPv4Address, IPv6Address

from netdaemon.accounts.hashing import Hasher
from netdaemon.accounts.open import Accounts, open_accounts
from netdaemon.accounts.worker import Inline, IWorks
from netdaemon.config.settings import AccountsSettings, ServiceSettings
from tests.kit.house import NoDocuments

WALL = 1_000_000_000.0

CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


class CountingHasher(Hasher):
    """The cheapest argon2id there is, and what it was asked."""

    def __init__(self, argon2: PasswordHasher = CHEAP) -> None:
        super().__init__(argon2, iterations=4096)
        self.verified: list[tuple[str, bytes]] = []
        self.hashed: list[bytes] = []

    def verify(self, hash: str, password: bytes) -> bool:
        self.verified.append((hash, password))
        return super().verify(hash, password)

    def hash(self, password: bytes) -> str:
        self.hashed.append(password)
        return super().hash(password)


def settings(**keys: Any) -> AccountsSettings:
    """`[accounts]` as the defaults say, but for ``keys``."""
    return AccountsSettings(**keys)


def service(section: str = "ftp", **keys: Any) -> ServiceSettings:
    return ServiceSettings(section=section, listen=(), **keys)


def peer(host: str = "192.0.2.7") -> IPv4Address | IPv6Address:
    if ":" in host:
        return IPv6Address("TCP", host, 4711)
    return IPv4Address("TCP", host, 4711)


def folder(path: str) -> Path:
    """A data directory at ``path``, which is a test's mktemp()."""
    made = Path(path).resolve()
    made.mkdir(parents=True, exist_ok=True)
    return made


def accounts(
    data: Path,
    clock: task.Clock,
    *,
    worker: IWorks | None = None,
    hasher: Hasher | None = None,
    measure: Any = None,
    documents: Any = None,
    wall: Callable[[], float] | None = None,
    **keys: Any,
) -> Accounts:
    """Accounts in ``data``; the clock on the wall goes with ``clock`` unless another is given."""
    return open_accounts(
        settings(**keys),
        data,
        documents if documents is not None else NoDocuments(),
        clock,
        measure,
        worker=worker if worker is not None else Inline(),
        hasher=hasher if hasher is not None else CountingHasher(),
        wall=wall if wall is not None else lambda: WALL + clock.seconds(),
    )
