"""Problems: what is wrong with a configuration, all of it at once, each with its file and line."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

LONGEST_MESSAGE = 500
LONGEST_WORD = 60
MOST_HINTS = 100


@dataclass(frozen=True)
class Problem:
    """One mistake of the operator's. ``line`` counts from 1; ``section`` is "" where none is to blame."""

    file: Path
    line: int
    section: str
    message: str

    def __str__(self) -> str:
        section = f"[{brief(self.section)}] " if self.section else ""
        return _visible(f"{self.file}:{self.line}: {section}{self.message}")


class ConfigError(Exception):
    """The configuration can't be used; ``problems`` has every reason, by line."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(problems, key=lambda problem: problem.line))
        super().__init__("\n".join(map(str, self.problems)))


class Problems:
    """Collects the problems of one file. The same one is kept once."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self._found: dict[Problem, None] = {}

    def __len__(self) -> int:
        return len(self._found)

    def __iter__(self) -> Iterator[Problem]:
        return iter(self._found)

    def add(self, line: int, section: str, message: str) -> None:
        """Note one problem; a message that quotes a whole book is cut."""
        self._found[Problem(self.file, line, section, _cut(message, LONGEST_MESSAGE))] = None

    def hint(self, word: str, known: Iterable[str]) -> str:
        """`, did you mean 'listen'?`, or nothing; nothing either in a file that has hardly a right word in it."""
        return did_you_mean(word, known) if len(self) < MOST_HINTS else ""

    def check(self) -> None:
        """Raises ConfigError if there are any."""
        if self._found:
            raise ConfigError(self._found)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`, did you mean 'listen'?` for the nearest of the ``known`` words, or "" when none is near."""
    if len(word) > LONGEST_WORD:
        return ""
    near = difflib.get_close_matches(word.lower().replace("_", "-"), list(known), n=1)
    return f", did you mean {near[0]!r}?" if near else ""


def brief(text: str) -> str:
    """``text`` for a message: cut where it is long, nothing in it that steers a terminal."""
    return _visible(_cut(text, LONGEST_WORD))


def _visible(text: str) -> str:
    return text if text.isprintable() else "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 3]}..."
