"""Running a part: all its servers side by side, their runs in turn, A B C A B C."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.bench.figures import Run, Spread, spreads
from tests.bench.part import Part, Script, Variant
from tests.bench.processes import CHECKOUT, Missing, Server, environment, last_words

WARM = 0.3
"""Seconds of load that a server gets before its first run."""

Tell = Callable[[str], None]


@dataclass
class Results:
    """What came of a part: by variant its columns' spreads, or why it has none."""

    part: Part
    rounds: int
    seconds: float
    spreads: dict[str, Mapping[str, Spread]] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)


def run(part: Part, folder: Path, rounds: int, seconds: float, tell: Tell) -> Results:
    """Measure a part. ``folder`` is the bench's own; servers get folders in it, and all are ended."""
    results = Results(part, rounds, seconds)
    runs: dict[str, list[Run]] = {}
    if part.fresh:
        _fresh(part, folder, results, runs, tell)
    else:
        _side_by_side(part, folder, results, runs, tell)
    for variant in part.variants:
        if variant.name not in results.skipped and runs.get(variant.name):
            results.spreads[variant.name] = spreads(runs[variant.name])
    return results


def _side_by_side(part: Part, folder: Path, results: Results, runs: dict[str, list[Run]], tell: Tell) -> None:
    with contextlib.ExitStack() as stack:
        servers: dict[str, Server] = {}
        for variant in part.variants:
            with _skipping(variant, results, tell):
                servers[variant.name] = stack.enter_context(_running(part, variant, folder))
                _work(variant, servers[variant.name], WARM)
        for number in range(results.rounds):
            for variant in part.variants:
                if variant.name not in results.skipped:
                    tell(f"{part.name}: {variant.name}, round {number + 1} of {results.rounds}")
                    with _skipping(variant, results, tell):
                        runs.setdefault(variant.name, []).append(_work(variant, servers[variant.name], results.seconds))


def _fresh(part: Part, folder: Path, results: Results, runs: dict[str, list[Run]], tell: Tell) -> None:
    for number in range(results.rounds):
        for variant in part.variants:
            if variant.name not in results.skipped:
                tell(f"{part.name}: {variant.name}, round {number + 1} of {results.rounds}")
                with _skipping(variant, results, tell), _running(part, variant, folder) as server:
                    runs.setdefault(variant.name, []).append(_work(variant, server, results.seconds))


FAILURES = (OSError, RuntimeError, ValueError, LookupError, subprocess.SubprocessError)


def _work(variant: Variant, server: Server, seconds: float) -> Run:
    """One run. What the server said last goes with a failure: that is where its reason stands."""
    try:
        return variant.load(server, seconds)
    except FAILURES as failure:
        raise RuntimeError(f"{failure} (the server: {last_words(server.folder)})") from failure


@contextlib.contextmanager
def _running(part: Part, variant: Variant, folder: Path) -> Iterator[Server]:
    count = sum(1 for _ in folder.iterdir())
    own = folder / f"{count:03}-{part.name}-{variant.name.replace(' ', '-').replace(',', '')}"
    own.mkdir()
    server = variant.start(own)
    try:
        yield server
    finally:
        server.stop()


@contextlib.contextmanager
def _skipping(variant: Variant, results: Results, tell: Tell) -> Iterator[None]:
    """A variant that is missing or fails is left out, and says why: a figure made of some of its runs would lie."""
    try:
        yield
    except Missing as missing:
        results.skipped[variant.name] = str(missing)
    except FAILURES as failure:
        results.skipped[variant.name] = f"failed: {failure}"
    else:
        return
    tell(f"{results.part.name}: {variant.name} is left out: {results.skipped[variant.name]}")


def run_script(script: Script, folder: Path, tell: Tell) -> str | None:
    """What a bench of its own prints; None when it fails or isn't there."""
    tell(f"{script.name}: python -m {script.module}")
    command = [sys.executable, "-m", script.module, *script.arguments]
    with (folder / "said").open("wb") as said:
        done = subprocess.run(command, cwd=CHECKOUT, env=environment(), stdout=subprocess.PIPE, stderr=said)
    if done.returncode:
        tell(f"{script.name} is left out: it ended with {done.returncode}: {last_words(folder)}")
        return None
    return done.stdout.decode()
