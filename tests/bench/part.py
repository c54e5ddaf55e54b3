"""The shape of the bench: a part has variants, a variant has a server and a load."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.bench.figures import BUSY, CPU, LOAD_BUSY, RATE, Goal, Run
from tests.bench.processes import Server

Start = Callable[[Path], Server]
"""Starts a server that keeps its files in the folder given. Raises `processes.Missing`, saying what is."""

Load = Callable[[Server, float], Run]
"""Works a server for about so many seconds."""


@dataclass(frozen=True)
class Column:
    """One figure of a table. ``better`` says whether more of it is wanted, or less; None: it only informs."""

    name: str
    title: str
    digits: int = 0
    better: str | None = None


@dataclass(frozen=True)
class Variant:
    """One row of a table: a named server, and the load it gets."""

    name: str
    start: Start
    load: Load


@dataclass(frozen=True)
class Part:
    """One table. Ratios are those of each variant to ``against``.

    With ``fresh`` every run gets a server of its own, which is needed where memory is measured.
    """

    name: str
    title: str
    about: str
    columns: tuple[Column, ...]
    variants: tuple[Variant, ...]
    against: str
    goals: tuple[Goal, ...] = ()
    fresh: bool = False


@dataclass(frozen=True)
class Script:
    """A bench that prints a table of its own: ``python -m MODULE ARGUMENTS``, its words are taken as they are."""

    name: str
    title: str
    module: str
    arguments: tuple[str, ...] = ()


@dataclass(frozen=True)
class Later:
    """A peer that has its place, for the protocol that is to come."""

    protocol: str
    peer: str
    package: str
    measured: str


def work_columns(unit: str, *more: Column, digits: int = 0) -> tuple[Column, ...]:
    """The columns of parts that count ``unit`` (a plural) done per second."""
    return (
        Column(RATE, f"{unit}/s", digits, "more"),
        Column(CPU, "CPU us each", 1, "less"),
        *more,
        Column(BUSY, "server's core"),
        Column(LOAD_BUSY, "generator's core"),
    )
