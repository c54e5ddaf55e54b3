"""The soak: python -m tests.soak [--messages N] [--kills N] [--connections N] [--seed N]

What takes too long for the usual tests: a daemon under a full load of mail that is killed fifty times. `crashing` says
what must hold. The exit status is 1 if anything did not.
"""

from __future__ import annotations

import argparse
import secrets
import sys
import tempfile
from pathlib import Path

from tests.soak.crashing import Soak

SHOWN = 20
"""Faults that are written out."""


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--messages", type=int, default=10_000)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--connections", type=int, default=20)
    parser.add_argument("--seed", type=int, help="of the moments at which it is killed; else another each time")
    asked = parser.parse_args(argv)
    seed = secrets.randbits(32) if asked.seed is None else asked.seed
    with tempfile.TemporaryDirectory(prefix="netdaemon-soak-") as folder:
        soak = Soak(Path(folder), asked.messages, asked.kills, connections=asked.connections, seed=seed)
        outcome = soak.run()
    print(f"seed {seed}: {outcome}")
    for fault in outcome.faults[:SHOWN]:
        print(fault)
    return 1 if outcome.faults or outcome.kills < asked.kills else 0


if __name__ == "__main__":
    sys.exit(main())
