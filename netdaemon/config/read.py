"""Reads a configuration: INI text -> frozen dataclasses, or every problem in it at once."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NoReturn, Protocol, TypeVar

from netdaemon.config import disk
from netdaemon.config.addresses import Place, overlaps
from netdaemon.config.keys import Key, keys
from netdaemon.config.mailsettings import MailSettings
from netdaemon.config.problems import Problems, brief
from netdaemon.config.settings import (
    SECTIONS,
    AccountsSettings,
    DaemonSettings,
    DocumentsSettings,
    LogSettings,
    ServiceSettings,
    TLSSettings,
)
from netdaemon.config.text import Entry, Section, split
from netdaemon.config.values import Listen
from netdaemon.interfaces import IServiceKind

LARGEST = 1 << 20
"""Bytes; what is larger is no configuration."""

_EXAMPLE = "listen = tcp:8080:interface=127.0.0.1"
_INSTANCE = re.compile("[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
_FIRST_WORD = re.compile("([a-z][a-z0-9-]*)[ \t]*=")

S = TypeVar("S")


class Kinds(Protocol):
    """Where the reader looks for service kinds; `netdaemon.kinds.Kinds` is the real one."""

    def names(self) -> list[str]:
        """Every name that `find` knows, for suggestions."""

    def find(self, name: str) -> IServiceKind:
        """The kind called ``name``, or at ``package.module:attribute``. Raises LookupError, saying why not."""


@dataclass(frozen=True)
class Service:
    """One service section: its kind, its settings (an instance of ``kind.settings``), its header's line."""

    kind: IServiceKind
    settings: ServiceSettings
    line: int
    asked: str = ""
    """What `kind =` says, "" where the section's own name does."""


@dataclass(frozen=True)
class Config:
    """A whole configuration, every part of it checked."""

    file: Path
    netdaemon: DaemonSettings
    log: LogSettings
    tls: TLSSettings
    documents: DocumentsSettings
    accounts: AccountsSettings
    services: tuple[Service, ...]
    mail: MailSettings = field(default_factory=MailSettings)
    text: str = field(default="", repr=False, compare=False)
    """What it was read from; it may hold passwords."""


def read(file: Path, kinds: Kinds) -> Config:
    """Read the INI file ``file``. Raises ConfigError with every problem, also when it can't be read at all."""
    problems = Problems(file)
    try:
        with file.open("rb") as stream:
            data = stream.read(LARGEST + 1)
    except OSError as error:
        _give_up(problems, f"cannot be read: {error.strerror}")
    if len(data) > LARGEST:
        _give_up(problems, f"is larger than {LARGEST >> 20} MiB, no configuration is")
    return parse(data.decode("utf-8", "surrogateescape"), file, kinds)


def _give_up(problems: Problems, message: str) -> NoReturn:
    problems.add(1, "", message)
    problems.check()
    raise AssertionError("a problem was added")


def parse(text: str, file: Path, kinds: Kinds) -> Config:
    """The same for its text; paths in it are relative to the folder of ``file``. Raises ConfigError."""
    return _Reader(file, kinds).read(text)


class _Reader:
    """One reading: collects problems while it makes settings of sections."""

    def __init__(self, file: Path, kinds: Kinds) -> None:
        self._file = file
        self._kinds = kinds
        self._folder = file.absolute().parent  # of the link, where the INI is one
        self._problems = Problems(file)
        self._places: list[Place] = []

    def read(self, text: str) -> Config:
        sections = {section.name: section for section in split(text, self._problems)}
        fixed: dict[str, Any] = {
            name: self._make(settings, section, self._values(settings, section))
            for name, settings in SECTIONS.items()
            for section in [sections.get(name) or Section(name, 1)]
        }
        asked = [section for name, section in sections.items() if name not in SECTIONS]
        services = self._seat_guests([service for section in asked if (service := self._service(section)) is not None])
        if not asked:
            self._problems.add(1, "", f"no service: a section such as [http] with {_EXAMPLE} is wanted")
        for place, earlier in overlaps(self._places):
            also = "the same line" if earlier.line == place.line else f"[{earlier.section}] in line {earlier.line}"
            message = f"{place.listen} is taken by {earlier.listen} of {also}"
            self._problems.add(place.line, place.section, message)
        self._problems.check()
        return Config(self._file, services=tuple(services), text=text, **fixed)

    # --- services ----------------------------------------------------------------------------------------

    def _service(self, section: Section) -> Service | None:
        asked = section.entries.pop("kind", None)
        kind = self._kind(section, asked)
        if not all(map(_INSTANCE.fullmatch, section.name.split(":", 1))):
            self._problems.add(section.line, section.name, "a service's name is made of letters, digits and . _ -")
        if kind is None:
            return None
        by = section.entries.get(kind.settings.guest_key)
        if by is not None and by.value:
            section.entries.setdefault("listen", Entry("listen", [(section.line, "")]))
        values = self._values(kind.settings, section)
        if "listen" in values and (values["listen"] or not values.get(kind.settings.guest_key)):
            self._listen(kind, section, values["listen"])
        settings = self._make(kind.settings, section, {**values, "section": section.name})
        if settings is None:
            return None
        return Service(kind, settings, section.line, asked.value if asked is not None else "")

    def _seat_guests(self, services: list[Service]) -> list[Service]:
        """Tell each section of its guests; one that is nobody's guest is a problem."""
        guests: dict[str, list[ServiceSettings]] = {}
        hosts = {service.settings.section for service in services if not service.settings.guest}
        for service in services:
            if service.settings.guest:
                section, host = service.settings.section, service.kind.name
                guests.setdefault(host, []).append(service.settings)
                if host not in hosts:
                    message = f"lacks 'listen', and there is no [{host}] at whose addresses it could be served"
                    self._problems.add(service.line, section, message)
        return [
            replace(service, settings=replace(service.settings, guests=tuple(guests[service.settings.section])))
            if service.settings.section in guests and not service.settings.guest
            else service
            for service in services
        ]

    def _listen(self, kind: IServiceKind, section: Section, listens: tuple[Listen, ...]) -> None:
        entry = section.entries.get("listen")
        line = entry.line if entry is not None else section.line
        if not listens:
            self._problems.add(line, section.name, f"listen names no address: write {_EXAMPLE} or the like")
        for listen in listens:
            self._places.append(Place(listen, section.name, line))
            if listen.transport not in kind.transports:
                can = " ".join(sorted(kind.transports))
                self._problems.add(line, section.name, f"{listen}: {kind.name} has no {listen.transport}, only {can}")

    def _kind(self, section: Section, asked: Entry | None) -> IServiceKind | None:
        name = asked.value if asked is not None else section.name.partition(":")[0]
        try:
            return self._kinds.find(name)
        except LookupError as error:
            reason = str(error.args[0]) if error.args else "unknown"
        known = self._kinds.names()
        if asked is not None:
            hint = "" if name in known or ":" in name else self._problems.hint(name, known)
            self._add(section, asked, f"kind = {brief(name)}: {reason}{hint}")
        elif name in known:  # it is known, and can't be used
            self._problems.add(section.line, section.name, reason)
        else:
            hint = self._problems.hint(name, [*SECTIONS, *known])
            self._problems.add(section.line, section.name, f"unknown section{hint}")
        return None

    # --- settings ----------------------------------------------------------------------------------------

    def _values(self, settings: type[Any], section: Section) -> dict[str, Any]:
        """Attribute -> value for every key of ``settings``, save those that are missing or wrong."""
        known = {key.name: key for _, key in keys(settings)}
        names = set(known) | {f"{key.name}-file" for key in known.values() if key.secret}
        for entry in section.entries.values():
            if entry.key not in names:
                self._unknown(section, entry, names)
            self._look_for_swallowed(section, entry, names)
        values: dict[str, Any] = {}
        for attribute, key in keys(settings):
            try:
                values[attribute] = key.value.parse(self._text(section, key), self._folder)
            except ValueError as error:
                self._add(section, self._entry(section, key.name), f"{key.name}: {error}")
            except LookupError:
                pass  # _text has said so
        return values

    def _make(self, settings: type[S], section: Section, values: dict[str, Any]) -> S | None:
        """An instance of ``settings``, which has been asked for its own problems; None where a value lacks."""
        if any(attribute not in values for attribute, _ in keys(settings)):
            return None
        try:
            made = settings(**values)
        except ValueError as error:
            self._problems.add(section.line, section.name, str(error))
            return None
        for name, message in _own_problems(made):
            self._add(section, self._entry(section, name), message)
        return made

    def _text(self, section: Section, key: Key) -> str:
        """What the INI says to ``key``, else its default. Raises LookupError when there is neither."""
        entry = section.entries.get(key.name)
        file = section.entries.get(f"{key.name}-file") if key.secret else None
        if file is not None:
            if entry is not None:
                message = f"{file.key} and {key.name} (line {entry.line}) are both set: keep one"
                self._add(section, file, message)
                raise LookupError
            if not file.value or "\n" in file.value:
                raise ValueError(f"{file.key} wants one path")
            return disk.first_line(self._folder / file.value)
        if entry is not None:
            return entry.value
        if key.default is None:
            example = f": write {key.name} = {key.example}" if key.example else ""
            self._problems.add(section.line, section.name, f"lacks {key.name!r}{example}")
            raise LookupError
        return key.default

    @staticmethod
    def _entry(section: Section, name: str) -> Entry | None:
        return section.entries.get(name) or section.entries.get(f"{name}-file")

    def _unknown(self, section: Section, entry: Entry, names: set[str]) -> None:
        homes = [home for home, settings in SECTIONS.items() if any(key.name == entry.key for _, key in keys(settings))]
        near = self._problems.hint(entry.key, names)
        hint = f": it belongs to [{homes[0]}]" if homes and not near else near
        self._add(section, entry, f"unknown key {brief(entry.key)!r}{hint}")

    def _look_for_swallowed(self, section: Section, entry: Entry, names: set[str]) -> None:
        """An indented line that looks like a key would go on with the value before it: hardly what was meant."""
        for line, text in entry.lines[1:]:
            word = _FIRST_WORD.match(text)
            if (word and word[1] in names) or text.startswith("["):
                message = (
                    f"{brief(text)!r} is indented, so it goes on with {brief(entry.key)!r}: begin it at the margin"
                )
                self._problems.add(line, section.name, message)

    def _add(self, section: Section, entry: Entry | None, message: str) -> None:
        self._problems.add(entry.line if entry is not None else section.line, section.name, message)


def _own_problems(settings: object) -> Iterator[tuple[str, str]]:
    """What the settings' classes find wrong across keys and on the disk; an heir need not call its elders."""
    for kind in reversed(type(settings).__mro__):
        if hook := vars(kind).get("problems"):
            yield from hook(settings)
