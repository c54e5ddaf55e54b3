"""The aliases file: who stands behind a name. Lines as sendmail and Postfix have them in aliases(5).

    # a comment
    postmaster:    mulder
    sales:         mulder, scully,
                   partner@example.com
    scully:        scully, scully@example.net     ; keeps a copy here
    owner-sales:   mulder
    info@x.example: sales                          ; of one of several domains
    @old.example:  mulder                          ; whatever else that domain has

A target is an account or another alias, perhaps with a folder (``mulder+lists``), or an address anywhere. An alias that
names itself means the account of that name. Nothing is ever piped into programs, written to files or included.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from netdaemon.config.problems import ConfigError, Problems, brief
from netdaemon.mail import Malformed
from netdaemon.mail.addresses import MAX_LOCAL, Address, parse_address
from netdaemon.mail.domains import check_domain, comparable

LARGEST = 4 << 20
"""Octets of the file."""
MOST_TARGETS = 1000
"""Targets of one alias."""

Key = tuple[str, str]
"""(local part folded, comparable domain); the domain is "" in every one of ours, the local part "" for all of one."""

_NAME = re.compile(r"[^\s\x00-\x1f\x7f@\"\\/|:,;<>()\[\]]{1,64}")
_COMMENT = re.compile(r"(?:^|[ \t])[#;].*")


@dataclass(frozen=True, slots=True)
class Target:
    """One of those an alias stands for: a local name, or an address."""

    name: str = ""
    address: Address | None = None

    def __str__(self) -> str:
        return self.name if self.address is None else str(self.address)


Aliases = Mapping[Key, tuple[Target, ...]]


def read_aliases(file: Path) -> Aliases:
    """The file's aliases. Raises ConfigError with every problem in it, as FILE:LINE."""
    problems = Problems(file)
    try:
        with file.open("rb") as stream:
            octets = stream.read(LARGEST + 1)
    except OSError as error:
        problems.add(1, "", f"cannot be read: {error.strerror}")
        raise ConfigError(problems) from None
    if len(octets) > LARGEST:
        problems.add(1, "", f"is larger than {LARGEST >> 20} MiB")
        raise ConfigError(problems)
    return parse_aliases(octets.decode("utf-8", "surrogateescape"), file)


def parse_aliases(text: str, file: Path) -> Aliases:
    """The same for its text."""
    problems = Problems(file)
    aliases: dict[Key, tuple[Target, ...]] = {}
    lines: dict[Key, int] = {}
    for entry in _entries(text, problems):
        number, name = entry[0]
        try:
            key = _key(name)
        except Malformed as error:
            problems.add(number, "", f"{brief(name)!r} can't be an alias: {error}")
            key = None
        targets = list(_targets(entry[1:], problems))
        if len(targets) > MOST_TARGETS:
            problems.add(number, "", f"{brief(name)!r} stands for more than {MOST_TARGETS} addresses")
        if key is None:
            continue
        if not targets and not any(line for _, line in entry[1:]):
            problems.add(number, "", f"{brief(name)!r} stands for nobody")
        if key in lines:
            problems.add(number, "", f"{brief(name)!r} stands twice, first in line {lines[key]}")
            continue
        lines[key] = number
        aliases[key] = tuple(dict.fromkeys(targets))
    problems.check()
    return aliases


def _entries(text: str, problems: Problems) -> Iterator[list[tuple[int, str]]]:
    """Each entry: (line, name), then (line, what stands there of its targets)."""
    entry: list[tuple[int, str]] = []
    for number, line in enumerate(text.removeprefix("\ufeff").split("\n"), 1):
        content = _COMMENT.sub("", line.removesuffix("\r"), count=1).rstrip(" \t")
        if not content.strip(" \t"):
            continue
        if any(not (char.isprintable() or char == "\t") for char in content):
            problems.add(number, "", "what can't be seen, or is not UTF-8")
        elif content[0] in " \t":
            if entry:
                entry.append((number, content.strip(" \t")))
            else:
                problems.add(number, "", "an indented line goes on with the alias before it, and there is none")
        else:
            if entry:
                yield entry
            entry = []
            name, colon, targets = content.partition(":")
            if not colon:
                problems.add(number, "", f"{brief(content)!r} is not NAME: TARGET, TARGET")
            else:
                entry = [(number, name.strip(" \t")), (number, targets.strip(" \t"))]
    if entry:
        yield entry


def _key(name: str) -> Key:
    local, at, domain = name.rpartition("@")
    if not at:
        local, domain = name, ""
    else:
        domain = comparable(check_domain(domain))
    if local or not at:
        _check_name(local)
    return local.casefold(), domain


def _check_name(name: str) -> None:
    if _NAME.fullmatch(name) is None or len(name.encode("utf-8", "replace")) > MAX_LOCAL:
        raise Malformed("letters, digits and the like are wanted, 64 octets at most")


def _targets(lines: Sequence[tuple[int, str]], problems: Problems) -> Iterator[Target]:
    for number, line in lines:
        for word in _split(line):
            if not word:
                continue
            try:
                yield parse_target(word)
            except Malformed as error:
                problems.add(number, "", f"{brief(word)!r}: {error}")


def _split(line: str) -> list[str]:
    return [word.strip(" \t") for word in re.findall(r'(?:"(?:[^"\\]|\\.)*"|[^,"]|")+', line)]


def parse_target(word: str) -> Target:
    """One target as the file, and a setting, has it. Raises Malformed."""
    if word[0] in "|/" or word.startswith((":include:", '"|', '"/')):
        raise Malformed("mail is given to accounts and addresses, not to programs and files")
    if "@" in word:
        return Target(address=parse_address(word))
    name = word.removeprefix("\\")  # sendmail's way to end the search: ours ends by itself
    _check_name(name)
    return Target(name)
