"""What is made of the figures of several runs: medians, ratios, and whether a goal is reached."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

RATE, CPU, BUSY, LOAD_BUSY, OTHERS = "rate", "cpu", "busy", "load", "others"
"""What every load gives: units per second, the server's CPU microseconds per unit, how much of its core (0 to 1) the
server and the load generator used, and how much of both cores somebody else did."""

SATURATED = 0.9
"""A load generator that uses more of its core than this, and more than the server of its own, sets the pace."""

Run = Mapping[str, float]
"""What one run of one variant gave: column -> figure."""


@dataclass(frozen=True)
class Spread:
    """One figure over several runs."""

    median: float
    least: float
    most: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """Of at least one value."""
        return cls(statistics.median(values), min(values), max(values))


@dataclass(frozen=True)
class Goal:
    """What is wanted of ``ours`` in ``column``: a ratio to the variant ``against``, or a figure of its own.

    At least ``least``, at most ``most`` (either may be None). A rate that is wanted ``as_it_is`` is compared even where
    the load sets the pace: its CPU has a goal of its own.
    """

    ours: str
    column: str
    against: str | None = None
    least: float | None = None
    most: float | None = None
    as_it_is: bool = False

    def wording(self) -> str:
        """ "at least 1.1 x xinetd"."""
        bound = f"at least {self.least:g}" if self.least is not None else f"at most {self.most:g}"
        return f"{bound} x {self.against}" if self.against is not None else bound


@dataclass(frozen=True)
class Verdict:
    """How a goal came out. ``value`` is None when it could not be measured; ``reached`` then is False."""

    goal: Goal
    value: float | None
    reached: bool
    by_cpu: bool = False
    """The generator set the pace of one of the two, so their CPU per unit was compared instead of their rates."""


def spreads(runs: Sequence[Run]) -> dict[str, Spread]:
    """The spread of each column that every one of the runs has."""
    columns = [name for name in runs[0] if all(name in run for run in runs)]
    return {name: Spread.of([run[name] for run in runs]) for name in columns}


def paced_by_load(figures: Mapping[str, Spread]) -> bool:
    """Did the load generator set the pace, and not the server?"""
    if BUSY not in figures or LOAD_BUSY not in figures:
        return False
    load = figures[LOAD_BUSY].median
    return load >= SATURATED and load > figures[BUSY].median


def ratio(ours: Mapping[str, Spread], theirs: Mapping[str, Spread], column: str) -> float | None:
    """The medians' ratio; None when one isn't there or theirs is zero."""
    if column not in ours or column not in theirs or not theirs[column].median:
        return None
    return ours[column].median / theirs[column].median


def judge(goal: Goal, results: Mapping[str, Mapping[str, Spread]]) -> Verdict:
    """Compare the medians with the goal. A rate that the generator limited says nothing: CPU per unit is taken."""
    ours = results.get(goal.ours)
    theirs = results.get(goal.against) if goal.against is not None else None
    if ours is None or goal.column not in ours or (goal.against is not None and theirs is None):
        return Verdict(goal, None, False)
    by_cpu = False
    if theirs is None:
        value: float | None = ours[goal.column].median
    elif goal.column == RATE and not goal.as_it_is and (paced_by_load(ours) or paced_by_load(theirs)):
        by_cpu = True
        value = ratio(theirs, ours, CPU)
    else:
        value = ratio(ours, theirs, goal.column)
    if value is None:
        return Verdict(goal, None, False, by_cpu)
    reached = (goal.least is None or value >= goal.least) and (goal.most is None or value <= goal.most)
    return Verdict(goal, value, reached, by_cpu)
