"""The logins of a .netrc, as ftp(1) and curl read it.

The standard library's netrc keeps one login for a machine, the last: here a machine has as many as it has entries, and
the first that fits is taken.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple


class Entry(NamedTuple):
    """What stands behind ``machine NAME``, or behind ``default`` (then ``machine`` is None)."""

    machine: str | None
    login: str | None = None
    password: str | None = None
    account: str | None = None


class Malformed(ValueError):
    """A file that is none; the text says in which line, and nothing of what stands there."""


_ESCAPES = {"n": "\n", "r": "\r", "t": "\t"}


def parse_netrc(text: str) -> list[Entry]:
    """The entries of a file, in their order. Raises Malformed."""
    entries: list[Entry] = []
    words = _words(text)
    for word, number in words:
        if word == "default":
            entries.append(Entry(None))
        elif word == "macdef":
            next(words, None)  # its name; what follows up to a blank line is skipped by `_words`
        elif word in ("machine", "login", "user", "password", "account"):
            value = next(words, None)
            if value is None:
                raise Malformed(f"line {number}: nothing behind the last word")
            if word == "machine":
                entries.append(Entry(value[0]))
            elif not entries:
                raise Malformed(f"line {number}: a login before any machine")
            else:
                entries[-1] = entries[-1]._replace(**{"login" if word == "user" else word: value[0]})
        else:
            raise Malformed(f"line {number}: a word that has no meaning there")
    return entries


def login_in(entries: list[Entry], host: str, user: str | None) -> Entry | None:
    """The first entry for ``host``, of ``user`` if one is given; a default is for whom no entry is."""
    for entry in entries:
        if entry.machine is not None and entry.machine.lower() != host.lower():
            continue
        if user is None and entry.login:
            return entry
        if user is not None and (entry.login == user or (entry.login is None and entry.password is not None)):
            return entry._replace(login=user)
    return None


def _words(text: str) -> Iterator[tuple[str, int]]:
    """Words with the numbers of their lines, quotes and escapes undone, without comments and macros."""
    within_macro = False
    for number, line in enumerate(text.split("\n"), 1):
        line = line.rstrip("\r")
        if within_macro:
            within_macro = bool(line.strip())
            continue
        place = 0
        while place < len(line):
            if line[place] in " \t":
                place += 1
            elif line[place] == "#" and not line[:place].strip():
                break  # further on it may begin a password
            elif line[place] == '"':
                word, place = _quoted(line, place + 1, number)
                yield word, number
            else:
                end = min((at for at in (line.find(" ", place), line.find("\t", place)) if at >= 0), default=len(line))
                word = line[place:end]
                place = end
                within_macro = within_macro or word == "macdef"
                yield word, number


def _quoted(line: str, place: int, number: int) -> tuple[str, int]:
    word = ""
    while place < len(line):
        char = line[place]
        place += 1
        if char == '"':
            return word, place
        if char == "\\" and place < len(line):
            char = _ESCAPES.get(line[place], line[place])
            place += 1
        word += char
    raise Malformed(f"line {number}: a quotation without an end")
