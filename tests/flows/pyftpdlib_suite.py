"""A pytest plugin that aims pyftpdlib's own functional tests at a daemon of ours.

PYFTPDLIB_AIM in the environment is JSON: {"ports": {"127.0.0.1": 40001, "::1": 40002}, "leave": [CLASS, ...],
"results": FILE}. The test classes in ``leave`` are not run; the results file gets {"passed": [...], "failed": [...]},
of names like "TestFtpAbort::test_abor_port".
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pyftpdlib.test
from pyftpdlib.handlers import FTPHandler

AIM = json.loads(os.environ["PYFTPDLIB_AIM"])


class OurDaemon:
    """In FtpdThreadWrapper's place: it runs already."""

    handler = FTPHandler

    class server:  # pyftpdlib's name; some tests set attributes of it
        handler: Any = None
        max_cons = max_cons_per_ip = 0

    def __init__(self, addr: tuple[str, int] = ("127.0.0.1", 0)) -> None:
        self.host = addr[0]
        # "::" is for the tests of both families on one socket; their clients come by IPv4
        self.port = AIM["ports"]["127.0.0.1" if self.host == "::" else self.host]

    def start(self) -> None:
        pass

    def stop(self) -> None:
        pyftpdlib.test.reset_server_opts()


pyftpdlib.test.FtpdThreadWrapper = OurDaemon
pyftpdlib.test.NO_RETRIES = 1

passed: list[str] = []
failed: list[str] = []


def _name(nodeid: str) -> str:
    return nodeid.partition("::")[2]


def pytest_collection_modifyitems(items: list[Any]) -> None:
    items[:] = [item for item in items if _name(item.nodeid).partition("::")[0] not in AIM["leave"]]


def pytest_runtest_logreport(report: Any) -> None:
    if report.failed and _name(report.nodeid) not in failed:
        failed.append(_name(report.nodeid))
    elif report.when == "call" and report.passed:
        passed.append(_name(report.nodeid))


def pytest_sessionfinish() -> None:
    Path(AIM["results"]).write_text(json.dumps({"passed": passed, "failed": failed}))
