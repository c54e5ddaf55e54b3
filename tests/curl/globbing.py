"""URL globbing: {one,two} and [1-10:2], and #1 in an output name for what the first of them was."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import product

from tests.curl.exits import Ended, Exit

_RANGE = re.compile(r"(?:([0-9]+)-([0-9]+)|([A-Za-z])-([A-Za-z]))(?::([0-9]+))?")
_ADDRESS = re.compile(r"\[[0-9A-Fa-f:.]+(?:%[^\]]*)?\]")
_NUMBER = re.compile(r"#([0-9]+)")
_MOST = 100_000


def expand(pattern: str) -> Iterator[tuple[str, list[str]]]:
    """Each URL that ``pattern`` means, with what its globs were. Raises Ended."""
    pieces: list[list[str]] = []
    globs: list[int] = []
    at = 0
    literal = ""
    while at < len(pattern):
        char = pattern[at]
        if char == "\\" and at + 1 < len(pattern) and pattern[at + 1] in "{}[]":
            literal += pattern[at + 1]
            at += 2
            continue
        if char not in "{[}]":
            literal += char
            at += 1
            continue
        address = _ADDRESS.match(pattern, at)
        if address is not None and ":" in address[0] and not _RANGE.fullmatch(address[0][1:-1]):
            literal += address[0]
            at += len(address[0])
            continue
        if char == "[" and pattern[at : at + 2] == "[]":
            literal += "[]"
            at += 2
            continue
        end = pattern.find("}" if char == "{" else "]", at)
        if char in "}]" or end < 0:
            raise Ended(Exit.BAD_URL, f"bad glob at {at}")
        inside = pattern[at + 1 : end]
        pieces.append([literal])
        globs.append(len(pieces))
        pieces.append(_alternatives(inside) if char == "{" else _range(inside))
        literal = ""
        at = end + 1
    pieces.append([literal])
    for chosen in product(*pieces):
        yield "".join(chosen), [chosen[place] for place in globs]


def _alternatives(text: str) -> list[str]:
    if not text or "{" in text:
        raise Ended(Exit.BAD_URL, "an empty or nested set")
    return text.split(",")


def _range(text: str) -> list[str]:
    match = _RANGE.fullmatch(text)
    if match is None:
        raise Ended(Exit.BAD_URL, f"[{text}] is no range")
    step = int(match[5] or 1)
    if match[1] is not None:
        first, last, width = int(match[1]), int(match[2]), len(match[1]) if match[1].startswith("0") else 0
        if not step or first > last or (last - first) // step > _MOST or step > max(1, last - first):
            raise Ended(Exit.BAD_URL, f"[{text}] is no range")
        return [f"{number:0{width}}" for number in range(first, last + 1, step)]
    first, last = ord(match[3]), ord(match[4])
    if not step or first > last or step > max(1, last - first):
        raise Ended(Exit.BAD_URL, f"[{text}] is no range")
    return [chr(number) for number in range(first, last + 1, step)]


def filled(name: str, globs: list[str]) -> str:
    """An output name with its #n replaced."""
    return _NUMBER.sub(lambda match: globs[int(match[1]) - 1] if 0 < int(match[1]) <= len(globs) else match[0], name)
