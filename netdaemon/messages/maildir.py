"""Maildir, with the subfolders of Maildir++: read, and written.

A folder is a directory with cur, new and tmp; subfolders stand beside them and are called `.a.b` for a/b, in modified
UTF-7. Flags are in the files' names behind `:2,`, keywords are small letters there that `dovecot-keywords` explains,
and the internal date is the time of the file's last change.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from netdaemon.messages import mutf7
from netdaemon.messages.errors import BadName, StoreError
from netdaemon.messages.foreign import Found, is_folder, make_folder, open_for_reading, open_for_writing, with_crlf
from netdaemon.messages.names import INBOX, folder_name
from netdaemon.messages.spool import PIECE
from netdaemon.messages.values import NO_FLAGS, Flag

LETTERS = {
    "D": Flag.DRAFT,
    "F": Flag.FLAGGED,
    "R": Flag.ANSWERED,
    "S": Flag.SEEN,
    "T": Flag.DELETED,
}
PASSED, FORWARDED = "P", "$Forwarded"
KEYWORDS = "dovecot-keywords"
MOST_KEYWORDS = 26
LARGEST_KEYWORDS = 1 << 16
"""Octets of the file about keywords."""

_INFO = re.compile(r":2,([A-Za-z]*)[^/]*\Z")


class NotMaildir(StoreError):
    """The folder is no Maildir."""


def folders(top: Path) -> Iterator[tuple[str, Path]]:
    """(name, directory) of every folder; the topmost is INBOX. Raises NotMaildir and BadName."""
    if not _is_folder(top):
        raise NotMaildir(f"{top} is no Maildir: it has no cur and new")
    yield INBOX, top
    for path in sorted(top.iterdir()):
        if path.name.startswith(".") and is_folder(path) and _is_folder(path):
            yield _name(path), path


def _is_folder(path: Path) -> bool:
    return is_folder(path / "cur") and is_folder(path / "new")


def _name(path: Path) -> str:
    try:
        # a dot that is part of a name is coded, so the dots that are there are between the parts
        name = "/".join(mutf7.decode(part) for part in path.name[1:].split("."))
    except ValueError:
        name = path.name[1:].replace(".", "/")  # other programs write UTF-8 as it is
    try:
        return folder_name(name)
    except BadName as error:
        raise BadName(f"{path}: {error}") from None


def messages(folder: Path) -> Iterator[Found]:
    """Every message in one folder, the oldest first."""
    words = _keywords(folder)
    paths = [path for part in ("cur", "new") for path in (folder / part).iterdir() if not path.name.startswith(".")]
    found = []
    for path in paths:
        try:
            status = path.lstat()
        except FileNotFoundError:
            continue  # another program moved it
        if stat.S_ISREG(status.st_mode):
            found.append((status.st_mtime_ns, path))
    for modified, path in sorted(found):
        info = _INFO.search(path.name)
        letters = info[1] if info is not None else ""
        flags = NO_FLAGS
        for letter in letters:
            flags |= LETTERS.get(letter, NO_FLAGS)
        keywords = [words[letter] for letter in letters if letter in words]
        if PASSED in letters:
            keywords.append(FORWARDED)
        yield Found(partial(_read, path), flags, tuple(keywords), modified / 1e9, str(path))


def _read(path: Path) -> Iterator[bytes]:
    return with_crlf(_pieces(path))


def _pieces(path: Path) -> Iterator[bytes]:
    with open_for_reading(path) as file:
        while piece := file.read(PIECE):
            yield piece


def _keywords(folder: Path) -> dict[str, str]:
    """The meaning of each small letter."""
    try:
        with open_for_reading(folder / KEYWORDS) as file:
            text = file.read(LARGEST_KEYWORDS).decode("utf-8", "replace")
    except FileNotFoundError:
        return {}
    found = {}
    for line in text.splitlines():
        number, _, word = line.partition(" ")
        if number.isdecimal() and int(number) < MOST_KEYWORDS and word:
            found[chr(ord("a") + int(number))] = word
    return found


class Writing:
    """One folder being written. A message that is there already, by its ``key``, only gets its flags anew."""

    def __init__(self, top: Path, name: str) -> None:
        parts = [mutf7.encode(part, also="./") for part in name.split("/")]
        self.path = top if name == INBOX else top / ("." + ".".join(parts))
        top.mkdir(mode=0o700, parents=True, exist_ok=True)
        for folder in (top, self.path):  # without a topmost folder it would be no Maildir
            if folder != top:
                make_folder(folder)
            for part in ("tmp", "new", "cur"):
                make_folder(folder / part)
        self._words = {word: letter for letter, word in _keywords(self.path).items()}
        self._there = {path.name.partition(":")[0]: path for path in (self.path / "cur").iterdir()}
        self.unsaid: set[str] = set()
        """Keywords for which there was no letter left."""

    def put(self, key: str, pieces: Iterator[bytes], flags: Flag, keywords: tuple[str, ...], received: float) -> bool:
        """Write a message; False when it was there. Whole under its name, or absent."""
        base = f"{int(received)}.{key}.netdaemon"
        path = self.path / "cur" / f"{base}:2,{self._letters(flags, keywords)}"
        there = self._there.get(base)
        if there is not None:
            if there != path:
                there.rename(path)
            return False
        unfinished = self.path / "tmp" / base
        with open_for_writing(unfinished) as file:
            for piece in pieces:
                file.write(piece)
            file.flush()
            modified = round(received * 1e9)
            os.utime(file.fileno(), ns=(modified, modified))
            os.fsync(file.fileno())
        unfinished.rename(path)
        return True

    def _letters(self, flags: Flag, keywords: tuple[str, ...]) -> str:
        letters = {letter for letter, flag in LETTERS.items() if flag in flags}
        for word in keywords:
            if word == FORWARDED:
                letters.add(PASSED)
            elif word in self._words or len(self._words) < MOST_KEYWORDS:
                letters.add(self._letter(word))
            else:
                self.unsaid.add(word)
        return "".join(sorted(letters))

    def _letter(self, word: str) -> str:
        if word not in self._words:
            free = sorted({chr(ord("a") + number) for number in range(MOST_KEYWORDS)} - set(self._words.values()))
            self._words[word] = free[0]
            lines = sorted((ord(letter) - ord("a"), each) for each, letter in self._words.items())
            unfinished = self.path / "tmp" / KEYWORDS
            with open_for_writing(unfinished) as file:
                file.write("".join(f"{number} {each}\n" for number, each in lines).encode())
            unfinished.rename(self.path / KEYWORDS)
        return self._words[word]
