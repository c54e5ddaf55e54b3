"""Explains sections and keys to who asks at the terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator

from netdaemon.config.keys import Key
from netdaemon.config.problems import brief, did_you_mean
from netdaemon.config.reference import Documented, documented
from netdaemon.config.values import setting
from netdaemon.interfaces import IServiceKind


def explain(word: str, kinds: Iterable[IServiceKind]) -> str:
    """What `http.listen`, `listen` or `http` means, in lines to print. Raises LookupError with a message."""
    sections = {section.name: section for section in documented(kinds)}
    name, dot, wanted = word.partition(".")
    if dot:
        if name not in sections:
            raise LookupError(f"there is no section called {brief(name)!r}{did_you_mean(name, sections)}")
        chosen = [sections[name]]
    elif word in sections:
        return "\n".join(_section(sections[word]))
    else:
        chosen, wanted = list(sections.values()), word
    found: dict[Key, list[str]] = {}
    for section in chosen:
        for key in section.keys:
            if wanted == key.name or (key.secret and wanted == f"{key.name}-file"):
                found.setdefault(key, []).append(f"[{section.name}]")
    if not found:
        known = {key.name for section in chosen for key in section.keys} | (set() if dot else set(sections))
        where = f"[{name}] has no key" if dot else "there is no key and no section"
        homes = [section.name for section in sections.values() for key in section.keys if key.name == wanted]
        hint = f": it belongs to [{homes[0]}]" if homes else did_you_mean(wanted, sorted(known))
        raise LookupError(f"{where} called {brief(wanted)!r}{hint}")
    return "\n\n".join("\n".join(_key(key, homes)) for key, homes in found.items())


def _section(section: Documented) -> Iterator[str]:
    yield f"[{section.name}]"
    yield from _indented(section.doc)
    if section.transports is not None:
        yield from _indented(f"It listens by: {' '.join(sorted(section.transports))}.")
    yield ""
    for key in section.keys:
        yield setting(key.name, key.example) if key.default is None else f";{setting(key.name, key.default)}"


def _key(key: Key, homes: list[str]) -> Iterator[str]:
    yield f"{key.name}  in {' '.join(homes)}"
    yield from _indented(key.doc)
    yield from _indented(f"Type: {key.value.name}. {key.value.syntax}")
    if key.default is None:
        yield from _indented("Required.")
    else:
        yield from _indented(f"Default: {key.default}" if key.default else "Empty unless set.")
    if key.example:
        yield from _indented(f"Example: {setting(key.name, key.example)}")
    if key.secret:
        yield from _indented(f"Or {key.name}-file = PATH: the first line of that file.")


def _indented(text: str) -> list[str]:
    return textwrap.wrap(
        text, 100, initial_indent="    ", subsequent_indent="    ", break_long_words=False, break_on_hyphens=False
    )
