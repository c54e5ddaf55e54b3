"""Processes that deliver messages until they are killed, or until their disk fails.

A child runs a piece of Python behind `PROLOGUE`, with the data directory as its argument. It has no reactor: what the
store's threads report comes through a queue.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]

PROLOGUE = """
import os, queue, sys, threading
from pathlib import Path
from netdaemon.messages.errors import *
from netdaemon.messages.interfaces import *
from netdaemon.messages.store import Store, done
from netdaemon.messages.values import *
from tests.messages.contract.base import summary
from tests.messages.faults import failing_with

data = Path(sys.argv[1])
reports = queue.SimpleQueue()

def from_thread(run, *arguments):
    reports.put((run, arguments))

def wait(deferred):
    "Run what the threads report until it has fired."
    results = []
    deferred.addBoth(results.append)
    while not results:
        run, arguments = reports.get()
        run(*arguments)
    if hasattr(results[0], "raiseException"):
        results[0].raiseException()
    return results[0]

def say(*words):
    os.write(1, " ".join(map(str, words)).encode() + b"\\n")

def deliver(store, folder, token, octets):
    spool = store.spool()
    spool.write(octets)
    spool.finish()
    deferred = store.deliver(spool, summary(f"<{token}@x>"), [Target(folder.id)], token=token)
    deferred.addBoth(lambda result: (spool.abort(), result)[1])
    return deferred
"""


@contextmanager
def child(data: Path, script: str, *before: str) -> Iterator[subprocess.Popen[bytes]]:
    """Start it; it is killed at the end, if it hasn't ended."""
    process = subprocess.Popen(
        [*before, sys.executable, "-c", PROLOGUE + script, str(data)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(CHECKOUT)},
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def said(data: Path, script: str, *before: str) -> list[str]:
    """The lines of a child that runs to its end."""
    with child(data, script, *before) as process:
        out, err = process.communicate()
        if process.returncode:
            raise AssertionError(err.decode())
        return out.decode().splitlines()
