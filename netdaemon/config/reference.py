"""Generates the sample configuration and the reference page from the settings: neither is kept by hand."""

from __future__ import annotations

import inspect
import re
import textwrap
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from netdaemon.config.keys import Key, keys
from netdaemon.config.settings import SECTIONS, ServiceSettings
from netdaemon.config.values import setting
from netdaemon.interfaces import IServiceKind

_WIDTH = 100
_FORM = (
    "A line that begins with `;` or `#` is a comment, and so is what follows a `;` after white space. "
    "A value may go on in indented lines. A second service of a kind is a section `[KIND:NAME]`, such as "
    "`[http:intranet]`; a service of your own kind is any section with `kind = package.module:attribute`. "
    "A key `NAME` that holds a secret may also be given as `NAME-file = PATH`: its value is then the file's first line."
)


@dataclass(frozen=True)
class Documented:
    """One section as the reference shows it: its sentence, its keys, and what its listen words may be."""

    name: str
    doc: str
    keys: tuple[Key, ...]
    transports: frozenset[str] | None = None

    @property
    def is_service(self) -> bool:
        return self.transports is not None


def documented(kinds: Iterable[IServiceKind]) -> list[Documented]:
    """Every section there is: those of the daemon, then one for each kind."""
    sections = [
        Documented(name, _sentence(settings), tuple(key for _, key in keys(settings)))
        for name, settings in SECTIONS.items()
    ]
    for kind in kinds:
        own = tuple(key for _, key in keys(kind.settings))
        sections.append(Documented(kind.name, kind.summary, own, kind.transports))
    return sections


def _sentence(settings: type[Any]) -> str:
    """What a settings class says of itself, without the name of its section."""
    text = re.sub(r"^\[[^]]*\]:\s*", "", " ".join((inspect.getdoc(settings) or "").split()))
    return text[:1].upper() + text[1:]


_COMMON = tuple(key for _, key in keys(ServiceSettings))


def _types(sections: Sequence[Documented]) -> dict[str, str]:
    """Type -> its syntax, for the types that have but one (each number and choice has its own)."""
    syntaxes: dict[str, set[str]] = defaultdict(set)
    for section in sections:
        for key in section.keys:
            syntaxes[key.value.name].add(key.value.syntax)
    return {name: next(iter(found)) for name, found in sorted(syntaxes.items()) if len(found) == 1}


def _type(key: Key, types: dict[str, str]) -> str:
    return key.value.name if key.value.name in types else key.value.syntax.rstrip(".").lower()


# --- conf/netdaemon.ini --------------------------------------------------------------------------------------


def sample(kinds: Iterable[IServiceKind], serve: str) -> str:
    """An INI file with every key, its defaults as comments; of the services only ``serve`` is switched on."""
    sections = documented(kinds)
    types = _types(sections)
    lines = [
        "; Every section and every key, with its default. This file is generated from the program:",
        ";     netdaemon config reference --ini",
        "; The same to read: docs/reference.md. One key: netdaemon config explain KEY.",
        ";",
        *_comment(_FORM.replace("`", "")),
        ";",
        "; Types of values:",
    ]
    for name, syntax in types.items():
        lines += _comment(f"{name}: {syntax}", "    ")
    for section in sections:
        off = ";" if section.is_service and section.name != serve else ""
        lines += ["", "", *_comment(section.doc)]
        if section.transports is not None:
            lines += _comment(f"It listens by: {' '.join(sorted(section.transports))}.")
        lines.append(f"{off}[{section.name}]")
        common = _COMMON if off else ()
        for key in section.keys:
            if key not in common:
                lines += ["", *_comment(_explained(key, types)), _line(key, off)]
        if common:
            shared = [key for key in section.keys if key in common]
            lines += ["", f"; These are explained at [{serve}]:", *(_line(key, off) for key in shared)]
    return "\n".join(lines) + "\n"


def _comment(text: str, indent: str = "") -> list[str]:
    return textwrap.wrap(
        text,
        _WIDTH,
        initial_indent=f"; {indent}",
        subsequent_indent=f"; {indent}",
        break_long_words=False,
        break_on_hyphens=False,
    )


def _explained(key: Key, types: dict[str, str]) -> str:
    notes = [_type(key, types)]
    if key.default is None:
        notes.append("required")
    elif key.example:
        notes.append(f"for example {key.example}")
    return f"{key.doc} ({'; '.join(notes)})"


def _line(key: Key, off: str) -> str:
    if key.default is None:
        return off + setting(key.name, key.example)
    return ";" + setting(key.name, key.default)


# --- docs/reference.md ---------------------------------------------------------------------------------------


def markdown(kinds: Iterable[IServiceKind]) -> str:
    """The reference page."""
    sections = documented(kinds)
    types = _types(sections)
    return "\n".join(_page(sections, types)) + "\n"


def _page(sections: Sequence[Documented], types: dict[str, str]) -> Iterator[str]:
    yield "# Reference of the configuration"
    yield ""
    yield "This page is generated from the program by `netdaemon config reference --markdown`."
    yield ""
    yield _FORM
    yield ""
    yield "## Types of values"
    yield ""
    yield "| type | what may be written |"
    yield "|---|---|"
    for name, syntax in types.items():
        yield f"| {name} | {_cell(syntax)} |"
    for section in sections:
        if not section.is_service:
            yield from _chapter(f"[{section.name}]", section.doc, section.keys, types)
    yield from _chapter("Every service", "The keys that each service section has.", _COMMON, types)
    for section in sections:
        if section.transports is not None:
            doc = f"{section.doc} It listens by: {' '.join(sorted(section.transports))}."
            own = [key for key in section.keys if key not in _COMMON]
            yield from _chapter(f"[{section.name}]", doc, own, types)


def _chapter(title: str, doc: str, shown: Sequence[Key], types: dict[str, str]) -> Iterator[str]:
    yield ""
    yield f"## {title}"
    yield ""
    yield doc
    if not shown:
        return
    yield ""
    yield "| key | type | default | meaning |"
    yield "|---|---|---|---|"
    for key in shown:
        if key.default is None:
            default = "*required*"
        else:
            default = f"`{_cell(key.default)}`" if key.default else "*empty*"
        example = f" For example `{_cell(key.example)}`." if key.example else ""
        yield f"| `{key.name}` | {_cell(_type(key, types))} | {default} | {_cell(key.doc)}{example} |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
