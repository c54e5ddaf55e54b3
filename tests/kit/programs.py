"""Real programs that tests talk to: skipped by name where one is missing, failed where all must be there."""

from __future__ import annotations

import os
import shutil

from twisted.trial.unittest import SynchronousTestCase


def needs(test: SynchronousTestCase, name: str) -> str:
    """The path of the program ``name``.

    Where it is missing the test is skipped, saying so; with NETDAEMON_PEERS=required in the environment it fails.
    """
    path = shutil.which(name, path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin")
    if path is None:
        if os.environ.get("NETDAEMON_PEERS") == "required":
            test.fail(f"{name} is not installed")
        test.skipTest(f"{name} is not installed")
    return path
