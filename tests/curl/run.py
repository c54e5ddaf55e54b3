"""Runs curl's runtests.pl with the shim in curl's place: `python -m tests.curl.run /path/to/built/curl [NUMBER...]`.

``curl`` stands in the src folder of a tree in which curl and the servers of its test suite are built. Without numbers,
every case that applies is run, and the status is 0 when those that pass are those that docs/curl-cases.md lists; it is
written anew with --write.
"""

from __future__ import annotations

import argparse
import os
import re
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.curl.cases import read_all, why_not
from tests.curl.known import failing
from tests.curl.page import PAGE, page
from tests.curl.shim import VERSION

ROOT = Path(__file__).resolve().parents[2]

_PROTOCOLS = "Protocols: ftp gopher http"
# The suite takes NTLM for a sign that digests can be made, which the cases of Digest want; those of NTLM don't apply.
_FEATURES = "Features: IPv6 Largefile libz NTLM"


def main() -> int:
    parser = argparse.ArgumentParser(prog="tests.curl.run", description="run curl's test cases against our clients")
    parser.add_argument("curl", type=Path, metavar="CURL", help="the built src/curl of curl's tree")
    parser.add_argument("numbers", type=int, nargs="*", metavar="NUMBER", help="these cases, whether they apply or not")
    parser.add_argument("-j", "--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--write", action="store_true", help=f"write {PAGE} by what stands in cases.py and known.py")
    args = parser.parse_intermixed_args()
    curl = args.curl.resolve()
    suite = curl.parent.parent / "tests"
    if not (suite / "runtests.pl").is_file():
        parser.error(f"{suite} has no runtests.pl: CURL is to be src/curl within the tree of its sources")
    cases = read_all(suite)
    version = subprocess.run([curl, "--version"], check=True, capture_output=True, text=True).stdout
    if args.write:
        (ROOT / PAGE).write_text(page(cases, version.split()[1]))
        return 0
    numbers = args.numbers or [case.number for case in cases if why_not(case) is None]
    failed = run(curl, suite, version, numbers, args.jobs)
    if args.numbers:
        print(f"{len(numbers) - len(failed)} of {len(numbers)} pass; not {sorted(failed)}")
        return int(bool(failed))
    return judged(failed)


def judged(failed: set[int]) -> int:
    """Compare with what is known; 1 when it is otherwise."""
    known = set(failing())
    for number in sorted(failed - known):
        print(f"{number} passed, and does no more")
    for number in sorted(known - failed):
        print(f"{number} passes now: take it out of known.py")
    return int(failed != known)


def run(curl: Path, suite: Path, version: str, numbers: list[int], jobs: int) -> set[int]:
    """Run these cases; the numbers of those that did not pass, those that the suite skips among them."""
    with tempfile.TemporaryDirectory(prefix="curl-cases-") as folder:
        told = Path(folder, "version")
        told.write_text(shown_version(version))
        shim = Path(folder, "curl")
        words = ["env", f"PYTHONPATH={ROOT}", f"{VERSION}={told}", sys.executable, "-m", "tests.curl"]
        shim.write_text(f'#!/bin/sh\nexec {shlex.join(words)} "$@"\n')
        shim.chmod(0o755)
        # -n: no valgrind; -a: go on behind a failure; -am: a line for each case
        command = ["perl", "runtests.pl", "-n", "-a", "-am", f"-j{jobs}", "-c", str(shim), "-vc", str(curl)]
        passed = set()
        with subprocess.Popen(
            [*command, *map(str, numbers)], cwd=suite, stdout=subprocess.PIPE, text=True, errors="replace"
        ) as running:
            assert running.stdout is not None
            for line in running.stdout:
                match = re.match(r"(PASS|FAIL|SKIP): ([0-9]+)", line)
                if match is None:
                    continue
                print(line, end="", flush=True)
                if match[1] == "PASS":
                    passed.add(int(match[2]))
    return set(numbers) - passed


def shown_version(version: str) -> str:
    """What `curl --version` is to say: its own version, and of protocols and features what we have."""
    first, *lines = version.splitlines()
    first = re.sub(r"(libcurl/[0-9.]+).*", r"\1 zlib/1.2.13", first)
    dated = [line for line in lines if line.startswith("Release-Date")]
    return "\n".join([first, *dated, _PROTOCOLS, _FEATURES]) + "\n"


if __name__ == "__main__":
    raise SystemExit(main())
