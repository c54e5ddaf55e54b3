"""What may be the name of an account, and the path in one of its rights."""

from __future__ import annotations

import re

from netdaemon.documents.names import split
from netdaemon.interfaces import NotFound, Right

LONGEST_NAME = 64
ANONYMOUS = "anonymous"
RESERVED = frozenset({ANONYMOUS, "all"})
"""Names no account may have: the one behind anonymous logins, and what `netdaemon ban lift all` means by it."""

MODES = ("rw", "r", "-")

# It becomes a mail address, a word on protocol lines and a part of file names: nothing that any of them quotes.
_NAME = re.compile(r"[a-z0-9_](?:[a-z0-9._-]{0,62}[a-z0-9_-])?")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


class AccountError(Exception):
    """What the operator asked for can't be done with accounts; the message is one line that says why."""


def normal_name(text: str) -> str | None:
    """The name in the one form it is kept in, lower case; None for what can't be the name of an account."""
    if not text.isascii():
        return None  # before folding: the Kelvin sign would fold to a k
    name = text.lower()
    return name if _NAME.fullmatch(name) and name not in RESERVED else None


def account_name(text: str) -> str:
    """The same, or AccountError with what is wrong."""
    name = normal_name(text)
    if name is not None:
        return name
    if text.lower() in RESERVED:
        raise AccountError(f"no account may be called {text.lower()}: the name has a meaning of its own")
    raise AccountError(
        f"{text!r} can't be an account's name: 1 to {LONGEST_NAME} letters, digits, _ and, "
        "not as the first, - or . (nor as the last)"
    )


def tree_path(text: str) -> str:
    """A path of the document tree in its one form: ``/``, ``/pub/in``. Raises AccountError."""
    if not text.startswith("/"):
        raise AccountError(f"{text!r} does not begin with /, as paths of the document tree do")
    if _CONTROL.search(text):
        raise AccountError(f"{text!r} holds control characters")
    if {".", ".."} & set(text.split("/")):
        raise AccountError(f"{text!r}: write the path without . and .. parts")
    try:
        parts, _ = split(text.encode(), hidden=True)
    except UnicodeEncodeError:
        raise AccountError(f"{text!r} is no UTF-8: name a folder above it") from None
    except NotFound:
        raise AccountError(f"{text!r} can't be a path of the document tree") from None
    return "/" + b"/".join(parts).decode()


def right(path: str, mode: str) -> Right:
    """A checked `Right`. Raises AccountError."""
    if mode not in MODES:
        raise AccountError(f"{mode!r} is not one of {' '.join(MODES)}")
    return Right(tree_path(path), mode)
