"""Tables, and the page docs/performance.md that they stand on.

Each part has its place on the page between two comments, so that a run of some parts replaces just those.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from tests.bench.figures import BUSY, CPU, LOAD_BUSY, OTHERS, Spread, Verdict, judge, paced_by_load, ratio
from tests.bench.part import Column, Later, Script
from tests.bench.rounds import Results

INTRODUCTION = """\
<!-- Made by `make bench`; the last section by hand, in performance-notes.md. -->
# Performance

netdaemon beside the servers that people run today: each a process of its own on one core, on loopback, with a
configuration as fair as netdaemon's, the load generator on the other core. Runs alternate (A B C A B C); a figure is
the median of its runs, with the least and the most in parentheses. CPU is that of the server's processes, user and
kernel mode, per unit of work. Ratios are those of the medians. Where the load generator sets the pace (`paced by the
load`), a rate says nothing of the server, and the goal is judged by CPU per unit.
"""

MACHINE = "machine"

DISTURBED = 0.05
"""How much of the two cores others may use before the page says so."""


def table(rows: Sequence[Sequence[str]], *, numbers: bool = True) -> str:
    """A Markdown table whose columns also line up as text; the first row is its head.

    The first column is text; the others hold ``numbers``, or text too.
    """
    widths = [max(3, *(len(row[number]) for row in rows)) for number in range(len(rows[0]))]
    right = [numbers and number > 0 for number in range(len(rows[0]))]

    def line(cells: Iterable[str]) -> str:
        padded = [
            cell.rjust(width) if is_right else cell.ljust(width)
            for cell, width, is_right in zip(cells, widths, right, strict=True)
        ]
        return f"| {' | '.join(padded)} |"

    rule = ["-" * (width - 1) + (":" if is_right else "-") for width, is_right in zip(widths, right, strict=True)]
    return "\n".join([line(rows[0]), line(rule), *map(line, rows[1:])])


def figure(spread: Spread, column: Column) -> str:
    """ "98,231 (97,100 to 99,002)"; a share of a core as "97 %"."""
    if column.name in (BUSY, LOAD_BUSY):
        return f"{100 * spread.median:.0f} %"
    median, least, most = (f"{value:,.{column.digits}f}" for value in (spread.median, spread.least, spread.most))
    return median if median == least == most else f"{median} ({least} to {most})"


def results_table(results: Results) -> str:
    """A row a variant: figures, and for what is to be more or less the ratio to the named peer."""
    part = results.part
    shown = [column for column in part.columns if any(column.name in figures for figures in results.spreads.values())]
    compared = [column for column in shown if column.better is not None]
    head = ["", *(column.title for column in shown), *(f"{column.title} x {part.against}" for column in compared)]
    rows = [head]
    theirs = results.spreads.get(part.against, {})
    for variant in part.variants:
        ours = results.spreads.get(variant.name)
        if ours is None:
            continue
        cells = [variant.name]
        cells += [figure(ours[column.name], column) if column.name in ours else "" for column in shown]
        for column in compared:
            value = ratio(ours, theirs, column.name)
            cells.append("" if value is None else f"{value:.2f}")
        if paced_by_load(ours):
            cells[0] += " (paced by the load)"
        rows.append(cells)
    return table(rows) if len(rows) > 1 else "Nothing could be measured."


def verdicts(results: Results) -> list[Verdict]:
    """How the part's goals came out."""
    return [judge(goal, results.spreads) for goal in results.part.goals]


def goals_table(results: Results) -> str:
    """A row a goal: what is wanted, what was measured, and whether that suffices."""
    titles = {column.name: column.title for column in results.part.columns}
    rows = [["goal", "wanted", "measured", ""]]
    for verdict in verdicts(results):
        goal = verdict.goal
        what = f"{goal.ours}: {titles[CPU] + ', for its rate' if verdict.by_cpu else titles[goal.column]}"
        if verdict.value is None:
            rows.append([what, goal.wording(), "", "not measured"])
        else:
            rows.append([what, goal.wording(), f"{verdict.value:.2f}", "reached" if verdict.reached else "NOT reached"])
    return table(rows, numbers=False)


def section(results: Results) -> str:
    """A part's whole section."""
    part = results.part
    blocks = [f"### {part.title}", part.about, results_table(results)]
    if part.goals:
        blocks.append(goals_table(results))
    how = f"{results.rounds} runs each" + ("" if part.fresh else f" of {results.seconds:g} s")
    others = max((figures[OTHERS].most for figures in results.spreads.values() if OTHERS in figures), default=0.0)
    if others > DISTURBED:
        how += f", disturbed: others used up to {100 * others:.0f} % of the two cores"
    left_out = [f"left out: {name} ({why})" for name, why in results.skipped.items()]
    blocks.append("; ".join([f"`make bench ONLY={part.name}`, {how}", *left_out]) + ".")
    return "\n\n".join(blocks)


def script_section(script: Script, said: str) -> str:
    """A section of what a bench of its own printed."""
    return f"### {script.title}\n\n```\n{said.rstrip()}\n```\n\n`make bench ONLY={script.name}`."


def machine_section(description: Sequence[tuple[str, str]]) -> str:
    """The machine."""
    return "## The machine\n\n" + table([["", ""], *([*pair] for pair in description)], numbers=False)


def later_section(later: Sequence[Later]) -> str:
    """What has its place, once there is something of ours to compare it with."""
    rows = [["protocol", "peer", "package", "to be measured"]]
    rows += [[item.protocol, item.peer, item.package, item.measured] for item in later]
    return "## Later\n\nThese are measured once netdaemon speaks the protocol.\n\n" + table(rows, numbers=False)


# --- the page ------------------------------------------------------------------------------------------------

_PLACE = re.compile(r"<!-- bench: (\S+) -->\n(.*?)\n<!-- end -->", re.DOTALL)


@dataclass(frozen=True)
class Page:
    """The sections by the names of their parts, `MACHINE` among them."""

    sections: Mapping[str, str]

    @classmethod
    def parse(cls, text: str) -> Page:
        """The sections of an earlier page."""
        return cls(dict(_PLACE.findall(text)))

    def updated(self, sections: Mapping[str, str]) -> Page:
        """With these instead of those of their names."""
        return Page({**self.sections, **sections})

    def text(self, order: Sequence[str], later: Sequence[Later], notes: str) -> str:
        """The whole page; parts that ``order`` does not name any more are left out."""
        blocks = [INTRODUCTION.rstrip()]
        for name in (MACHINE, *order):
            if name in self.sections:
                blocks.append(f"<!-- bench: {name} -->\n{self.sections[name]}\n<!-- end -->")
            if name == MACHINE:
                blocks.append("## Measured")
        blocks += [later_section(later), notes.strip()]
        return "\n\n".join(blocks) + "\n"
