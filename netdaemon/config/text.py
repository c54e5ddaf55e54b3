"""INI text -> sections and entries, each with its line; every mistake of form is noted, none stops the reading.

    [section]                   ; a comment: a semicolon after white space, to the end of the line
    # a comment: a line that begins with ; or #
    key = value
    list = goes on
        ; (comments and empty lines may stand between)
        in lines that are indented, joined by a newline

There is no interpolation, no quoting and no section that all others inherit. Lines end in LF or CRLF; a byte order
mark is skipped. Nothing that can't be seen (a NUL, a no-break space) may hide in names and values.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from netdaemon.config.problems import Problems, brief

_COMMENT = re.compile("[ \t];")
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_NOT_UTF8 = re.compile("[\ud800-\udfff]")
_BLANK = " \t"


@dataclass
class Entry:
    """One key with its value: a list of (line number, text), one for each line that it stands on."""

    key: str
    lines: list[tuple[int, str]]

    @property
    def line(self) -> int:
        """The line of the key."""
        return self.lines[0][0]

    @property
    def value(self) -> str:
        """The whole value; what stands on several lines is joined by newlines."""
        return "\n".join(text for _, text in self.lines if text)


@dataclass
class Section:
    """One section: its name, the line of its header, its entries by key."""

    name: str
    line: int
    entries: dict[str, Entry] = field(default_factory=dict)


def split(text: str, problems: Problems) -> list[Section]:
    """The sections of an INI file, in order. Bytes that were not UTF-8 stand in ``text`` as surrogateescapes.

    Of two sections or keys with one name the first counts, and the second is a problem.
    """
    splitter = _Splitter(problems)
    for number, line in enumerate(text.removeprefix("\ufeff").split("\n"), 1):
        splitter.feed(number, line.removesuffix("\r"))
    return list(splitter.sections.values())


class _Splitter:
    """Takes one line after the other."""

    def __init__(self, problems: Problems) -> None:
        self.sections: dict[str, Section] = {}
        self._problems = problems
        self._section: Section | None = None
        self._entry: Entry | None = None

    def feed(self, number: int, line: str) -> None:
        if not line.isprintable():
            line = self._visible(number, line)
        bare = line.strip(_BLANK)
        if not bare or bare[0] in ";#":
            return
        content = _COMMENT.split(line, maxsplit=1)[0].rstrip(_BLANK)
        if line[0] in _BLANK:
            self._go_on(number, content.lstrip(_BLANK))
        elif content.startswith("["):
            self._begin(number, content)
        else:
            self._set(number, content)

    def _add(self, number: int, message: str) -> None:
        self._problems.add(number, self._section.name if self._section else "", message)

    def _visible(self, number: int, line: str) -> str:
        """The line without what can't be seen; comments may hold anything but control characters."""
        if match := _NOT_UTF8.search(line):
            self._add(number, f"is not UTF-8: byte 0x{ord(match[0]) & 0xFF:02X} in column {match.start() + 1}")
        elif match := _CONTROL.search(line):
            self._add(number, f"control character U+{ord(match[0]):04X} in column {match.start() + 1}")
        elif not line.lstrip(_BLANK).startswith((";", "#")):
            content = _COMMENT.split(line, maxsplit=1)[0].replace("\t", " ")
            hidden = next((char for char in content if not char.isprintable()), None)
            if hidden is not None:
                column = content.index(hidden) + 1
                self._add(number, f"a character that can't be seen, U+{ord(hidden):04X}, in column {column}")
        return "".join(char for char in line if char.isprintable() or char == "\t")

    def _begin(self, number: int, content: str) -> None:
        # Whatever is wrong with a header, what follows belongs to it and not to the section before.
        self._entry = None
        name, closed, rest = content[1:].partition("]")
        section = Section(name.strip(_BLANK), number)
        self._section = section
        if not closed:
            self._problems.add(number, "", f"{brief(content)!r} lacks its ]")
        elif rest:
            self._add(number, f"{brief(rest.strip(_BLANK))!r} stands behind the ]")
        elif not section.name:
            self._problems.add(number, "", "a section without a name")
        first = self.sections.setdefault(section.name, section) if closed and section.name else section
        if first is not section:
            self._add(number, f"the section stands twice, first in line {first.line}")

    def _set(self, number: int, content: str) -> None:
        key, equals, value = content.partition("=")
        key = key.rstrip(_BLANK)
        self._entry = entry = Entry(key, [(number, value.lstrip(_BLANK))])
        if self._section is None:
            self._add(number, f"{brief(content)!r} stands before any [section]")
        elif not equals:
            self._add(number, f"{brief(content)!r} is neither [section] nor key = value")
        elif not key:
            self._add(number, f"{brief(content)!r} lacks a key before its =")
        else:
            first = self._section.entries.setdefault(key, entry)
            if first is not entry:
                self._add(number, f"{brief(key)!r} is set twice, first in line {first.line}")

    def _go_on(self, number: int, content: str) -> None:
        if self._entry is None:
            self._add(number, f"{brief(content)!r} is indented, and there is no value before it to go on with")
        else:
            self._entry.lines.append((number, content))
