"""Why the store would not do it, and whether it would later."""

from __future__ import annotations


class StoreError(Exception):
    """Why the store would not do it; the message is one line. ``temporary``: the same may succeed later."""

    temporary = False


class NoSuchFolder(StoreError):
    """There is no folder by that name or number, or it holds nothing but folders."""


class FolderExists(StoreError):
    """There is a folder by that name already."""


class FolderRefused(StoreError):
    """That can't be done with this folder: INBOX can't be deleted, a folder can't go into itself, the kind is wrong."""


class BadName(StoreError):
    """That can't be a folder's name, or a keyword."""


class NoSuchMessage(StoreError):
    """There is no such message any more."""


class TooManyKeywords(StoreError):
    """The message or its folder has as many keywords as it may have."""


class BadSearch(StoreError):
    """The search is too deep, has too many terms, or asks for what isn't kept."""


class TooLarge(StoreError):
    """The message is larger than any may be."""


class OverQuota(StoreError):
    """The account keeps as much as it may. Mail that comes may be taken later, when some was deleted."""

    temporary = True

    def __init__(self, account: str) -> None:
        super().__init__(f"{account} keeps as much as it may")
        self.account = account


class StoreFull(StoreError):
    """The disk is full; nothing was changed, and all goes on when there is room again."""

    temporary = True


class StoreBroken(StoreError):
    """The disk fails, or what is on it is not what was written. `netdaemon store check` says more."""

    temporary = True


class StoreBusy(StoreError):
    """Too much waits to be written, another process holds the files, or the store is being closed."""

    temporary = True


class LeaseHeld(StoreError):
    """Another session has the maildrop (RFC 1939 section 8; `[IN-USE]` of RFC 2449)."""

    temporary = True
