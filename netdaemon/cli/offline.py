"""The message store as a command opens it: beside a running daemon, or, where that can't be, in its place."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from netdaemon.cli.terminal import fail, load

if TYPE_CHECKING:
    from netdaemon.messages.store import Store


@contextmanager
def failing() -> Iterator[None]:
    """What goes wrong with the store, or with files beside it, ends the command (1) with one line."""
    from netdaemon.messages.errors import StoreError
    from netdaemon.run.errors import StartFailed
    from netdaemon.wire.escape import escape

    try:
        yield
    except (StoreError, StartFailed) as error:
        fail(escape(str(error)))
    except OSError as error:
        where = f"{error.filename}: " if error.filename is not None else ""
        fail(escape(f"{where}{error.strerror or error}"))


@contextmanager
def open_messages(args: argparse.Namespace, account: str) -> Iterator[tuple[Store, str]]:
    """(the store, the account's normal name); the account must exist."""
    from netdaemon.accounts.names import AccountError
    from netdaemon.accounts.offline import store_in
    from netdaemon.messages.store import Store
    from netdaemon.wire.escape import escape

    config = load(args)
    with failing():
        try:
            # made as the data directory's owner; mailboxes are read and written as whoever runs this
            with store_in(config.netdaemon.data, config.netdaemon.user) as accounts:
                name = accounts.get(account).name
                store = Store(config.netdaemon.data)
        except AccountError as error:
            fail(escape(str(error)))
        try:
            yield store, name
        finally:
            store.close()


def data_of(args: argparse.Namespace) -> Path:
    """The data directory, which must be there."""
    data = load(args).netdaemon.data
    if not data.is_dir():
        fail(f"{data} is not there: no daemon ever ran on it")
    return data


@contextmanager
def in_its_place(data: Path) -> Iterator[None]:
    """Hold the daemon's lock, so that none runs meanwhile; one that does ends the command (1)."""
    from netdaemon.run.datafolder import DataFolder

    folder = DataFolder(data)
    with failing():
        folder.take()
    try:
        with failing():
            yield
    finally:
        folder.release()
