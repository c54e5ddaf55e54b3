"""Keys: how a settings dataclass says what its INI key reads, defaults to and means.

    @dataclass(frozen=True)
    class TimeSettings(ServiceSettings):
        rate: int = key(integer(1, 1_000_000), default="100", doc="Answers per second and source address.")

The attribute ``max_connections`` is the INI key ``max-connections``. Defaults are written as INI text, so that
the sample configuration, the reference page and the parser read the very same words.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar, cast

T = TypeVar("T")

REQUIRED = None
"""The default of a key that has none: the section must set it."""


@dataclass(frozen=True)
class Value(Generic[T]):
    """One type of value: its name in the reference, and text <-> value.

    ``parse(text, directory)`` raises ValueError with a message for the operator; ``directory`` is that of the
    INI file, beneath which relative paths start. ``show(value)`` gives text that parses back to the value.
    """

    name: str
    parse: Callable[[str, Path], T]
    show: Callable[[T], str]
    syntax: str = ""
    """One sentence for the reference page: what may be written, with an example."""


@dataclass(frozen=True)
class Key:
    """What ``key`` puts on a field: everything the parser and the reference need to know of it."""

    name: str
    value: Value[Any]
    default: str | None
    doc: str
    example: str
    secret: bool


def key(value: Value[T], doc: str, *, default: str | None = REQUIRED, example: str = "", secret: bool = False) -> T:
    """A dataclass field read from the INI. A ``secret`` key NAME may also be given as NAME-file = PATH."""
    metadata = {"value": value, "default": default, "doc": doc, "example": example, "secret": secret}
    if default is REQUIRED:
        return cast(T, dataclasses.field(kw_only=True, metadata=metadata))
    here = Path()
    return dataclasses.field(kw_only=True, default_factory=lambda: value.parse(default, here), metadata=metadata)


def keys(settings: type[Any]) -> Iterator[tuple[str, Key]]:
    """(attribute name, Key) of every key of a settings dataclass, inherited ones first."""
    for field in dataclasses.fields(settings):
        if "value" in field.metadata:
            yield field.name, Key(field.name.replace("_", "-"), **field.metadata)
