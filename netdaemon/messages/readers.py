"""Threads that read what takes long, each with connections of its own."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

from twisted.internet.defer import Deferred

from netdaemon.messages.database import READ_PATIENCE, as_store_errors, open_blobs, open_index, transaction
from netdaemon.messages.errors import StoreBusy

T = TypeVar("T")

THREADS = 2
QUEUE = 4096
"""Jobs that may wait."""


@dataclass(frozen=True)
class Files:
    """Connections that only read."""

    index: sqlite3.Connection
    blobs: sqlite3.Connection

    def read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """What ``work`` makes of the index, all of it from one moment. Raises StoreError."""
        with as_store_errors(), transaction(self.index, "DEFERRED"):
            return work(self.index)

    def read_blobs(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """The same of the octets."""
        with as_store_errors():
            return work(self.blobs)

    def close(self) -> None:
        self.index.close()
        self.blobs.close()


def open_files(data: Path) -> Files:
    """For one thread at a time. Raises StoreError."""
    index = open_index(data, READ_PATIENCE)
    try:
        blobs = open_blobs(data, READ_PATIENCE)
    except BaseException:
        index.close()
        raise
    for connection in (index, blobs):
        connection.execute("PRAGMA query_only = ON")
    return Files(index, blobs)


class IReads(Protocol):
    """Does what takes long to read."""

    def do(self, work: Callable[[Files], T]) -> Deferred[T]:
        """What ``work`` gave or raised. Fails with StoreBusy when too much waits."""

    def close(self) -> None:
        """End what is under way; what waits fails with StoreBusy."""


class Readers:
    """A few threads. What is no longer wanted when its turn comes is not begun."""

    def __init__(
        self, data: Path, from_thread: Callable[..., object], threads: int = THREADS, queue: int = QUEUE
    ) -> None:
        self._data = data
        self._from_thread = from_thread
        self._most = queue
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="messages")
        self._own = threading.local()
        self._opened: list[Files] = []
        self._open: dict[Deferred[Any], Future[Any]] = {}
        self._closed = False

    def do(self, work: Callable[[Files], T]) -> Deferred[T]:
        done: Deferred[T] = Deferred(self._forget)
        if self._closed or len(self._open) >= self._most:
            done.errback(StoreBusy("the store is closed" if self._closed else "too much waits to be read"))
            return done
        future = self._pool.submit(self._work, work)
        self._open[done] = future
        future.add_done_callback(lambda future: self._from_thread(self._done, done, future))
        return done

    def _work(self, work: Callable[[Files], T]) -> T:
        files: Files | None = getattr(self._own, "files", None)
        if files is None:
            files = self._own.files = open_files(self._data)
            self._opened.append(files)
        return work(files)

    def _forget(self, done: Deferred[Any]) -> None:
        future = self._open.pop(done, None)
        if future is not None:
            future.cancel()

    def _done(self, done: Deferred[Any], future: Future[Any]) -> None:
        if self._open.pop(done, None) is None:
            return
        error = future.exception()
        done.callback(future.result()) if error is None else done.errback(error)

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._pool.shutdown(wait=True, cancel_futures=True)
        for done in list(self._open):
            del self._open[done]
            done.errback(StoreBusy("the store is closed"))
        for files in self._opened:
            files.close()


class InlineReads:
    """Reads at once, wherever it is asked."""

    def __init__(self, files: Files) -> None:
        self._files = files

    def do(self, work: Callable[[Files], T]) -> Deferred[T]:
        done: Deferred[T] = Deferred()
        try:
            result = work(self._files)
        except Exception:  # noqa: BLE001  # it is whoever asked who gets it
            done.errback()
        else:
            done.callback(result)
        return done

    def close(self) -> None:
        """The files are another's to close."""
