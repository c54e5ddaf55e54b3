"""pyftpdlib's own functional tests, run against our daemon.

It takes some seconds: there are more than a hundred. Those that don't apply reach into pyftpdlib's objects; they are
named, and no others fail.
"""

from __future__ import annotations

import importlib.util
import json
import os
import sys
from pathlib import Path

from twisted.internet.utils import getProcessOutputAndValue
from twisted.trial.unittest import TestCase

from tests.kit.command import CHECKOUT
from tests.kit.daemon import Daemon

INI = """\
[log]
level = error
[documents]
root = {root}
[accounts]
auth = memory:user:12345
throttle-delay = 0ms
[ftp]
listen = tcp:0:interface=127.0.0.1 tcp:0:interface=\\:\\:1
anonymous = yes
bad-commands = 1000
bad-commands-before-login = 1000
"""

LEFT = ("TestCallbacks",)
"""Not run: each of their tests gives the server a handler class of its own, and looks at what that did."""

OTHERS = {
    # they set time-outs as attributes of the server's classes
    "TestTimeouts::test_data_timeout",
    "TestTimeouts::test_idle_data_timeout1",
    "TestTimeouts::test_idle_data_timeout2",
    "TestTimeouts::test_pasv_timeout",
    "ThreadedFTPTests::test_idle_timeout",
    # and limits, banners, encodings, addresses and ports
    "TestConfigurableOptions::test_banner",
    "TestConfigurableOptions::test_encoding",
    "TestConfigurableOptions::test_masquerade_address",
    "TestConfigurableOptions::test_masquerade_address_map",
    "TestConfigurableOptions::test_max_connections",
    "TestConfigurableOptions::test_max_connections_per_ip",
    "TestConfigurableOptions::test_max_login_attempts",
    "TestConfigurableOptions::test_passive_ports",
    "ThreadedFTPTests::test_permit_privileged_ports",
    # they look for the session's object in this process, and change it
    "ThreadedFTPTests::test_permit_foreign_address_false",
    "ThreadedFTPTests::test_permit_foreign_address_true",
    # they replace its file system, its call of sendfile, or ask its loop for a descriptor
    "ThreadedFTPTests::test_stou_max_tries",
    "ThreadedFTPTests::test_sendfile_fails",
    "TestCornerCases::test_ioloop_fileno",
}
"""Tests that can't pass, as what they reach into is not there."""


class PyftpdlibTests(TestCase):
    async def test_all_but_those_that_reach_into_its_objects(self) -> None:
        if importlib.util.find_spec("pyftpdlib") is None or importlib.util.find_spec("pytest") is None:
            if os.environ.get("NETDAEMON_PEERS") == "required":
                self.fail("pyftpdlib or pytest is not installed")
            self.skipTest("pyftpdlib or pytest is not installed")
        root = Path(self.mktemp()).resolve()
        root.mkdir(parents=True)
        daemon = Daemon(self, INI.format(root=root))
        await daemon.start()
        results = root.parent / "results.json"
        first, second = daemon.ports["ftp"]
        aim = {"ports": {"127.0.0.1": first, "::1": second}, "leave": LEFT, "results": str(results)}
        out, err, _ = await getProcessOutputAndValue(
            sys.executable,
            ["-m", "pytest", "-q", "-p", "tests.flows.pyftpdlib_suite", "-p", "no:cacheprovider", "--tb=short",
             "-c", os.devnull, "--rootdir=/", "--pyargs", "pyftpdlib.test.test_functional"],
            env={**os.environ, "PYTHONPATH": str(CHECKOUT), "PYFTPDLIB_AIM": json.dumps(aim), "SILENT": "1"},
            path=str(root),
        )  # fmt: skip
        self.assertTrue(results.exists(), (out + err).decode())
        told = json.loads(results.read_text())
        self.assertEqual(set(told["failed"]), OTHERS, out.decode())
        self.assertGreaterEqual(len(told["passed"]), 117)
        status, output = await daemon.stop()
        self.assertEqual((status, output.count("Traceback")), (0, 0), output)
