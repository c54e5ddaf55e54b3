"""The bench: python -m tests.bench [PART...]

Without parts, all of them, and docs/performance.md is written anew. With parts, those, and only their sections of the
page are replaced, if it was measured on this machine. A part is http.small, or http for all that begin so.
"""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
from pathlib import Path

from tests.bench import machine, page
from tests.bench.part import Part
from tests.bench.parts import LATER, PARTS, chosen
from tests.bench.processes import CHECKOUT
from tests.bench.rounds import run, run_script

PAGE = CHECKOUT / "docs/performance.md"
NOTES = CHECKOUT / "docs/performance-notes.md"
QUIET = 0.5
"""A load average above this is somebody else's work, and worth a warning."""


def arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help="measure only these; --list names them")
    parser.add_argument("--list", action="store_true", help="name the parts, and measure nothing")
    parser.add_argument("--seconds", type=float, default=3.0, help="of one run (default 3)")
    parser.add_argument("--rounds", type=int, default=5, help="runs of each variant (default 5)")
    parser.add_argument("--page", type=Path, default=PAGE, help="write here instead of docs/performance.md")
    parser.add_argument("--print", dest="only_print", action="store_true", help="print, and write nothing")
    asked = parser.parse_args(argv)
    try:
        asked.parts = chosen(asked.parts)
    except LookupError as error:
        parser.error(str(error.args[0]))
    if asked.rounds < 1 or not 0 < asked.seconds <= 60:
        parser.error("at least one round, of at most 60 seconds")
    return asked


def tell(what: str) -> None:
    print(what, file=sys.stderr, flush=True)


def main(argv: list[str] | None = None) -> int:
    asked = arguments(argv)
    if asked.list:
        for part in PARTS:
            print(f"{part.name:<18}{part.title}")
        return 0
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if machine.load_average() > QUIET:
        tell(f"this machine is not quiet (load average {machine.load_average():.1f}): trust no absolute figure")
    sections = measure(asked)
    description = page.machine_section(machine.describe())
    if asked.only_print:
        return 0
    return write(asked, {page.MACHINE: description, **sections})


def measure(asked: argparse.Namespace) -> dict[str, str]:
    """The sections of the parts asked for, each printed as soon as it is there."""
    sections = {}
    for part in asked.parts:
        with tempfile.TemporaryDirectory(prefix="netdaemon-bench-") as name:
            folder = Path(name)
            if isinstance(part, Part):
                text = page.section(run(part, folder, asked.rounds, asked.seconds, tell))
            else:
                said = run_script(part, folder, tell)
                if said is None:
                    continue
                text = page.script_section(part, said)
        print(f"\n{text}\n", flush=True)
        sections[part.name] = text
    return sections


def write(asked: argparse.Namespace, sections: dict[str, str]) -> int:
    """Write the page, or its parts; exit status 1 when figures of two machines would come to stand on one page."""
    old = page.Page({})
    if len(asked.parts) < len(PARTS) and asked.page.exists():
        old = page.Page.parse(asked.page.read_text("utf-8"))
        if old.sections.get(page.MACHINE) != sections[page.MACHINE]:
            tell(f"{asked.page} was measured on another machine or with other versions: left as it is")
            return 1
    notes = NOTES.read_text("utf-8")
    text = old.updated(sections).text([part.name for part in PARTS], LATER, notes)
    asked.page.write_text(text, "utf-8")
    tell(f"{asked.page} is written")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
