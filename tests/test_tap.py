"""What twistd's own options mean for us."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from netdaemon import tap


class TwistdOptionsTests(SynchronousTestCase):
    def test_log_file(self) -> None:
        here = Path.cwd()
        for options, file in (
            ({}, None),
            ({"nodaemon": True}, None),
            ({"nodaemon": True, "logfile": "-"}, None),
            ({"nodaemon": True, "logfile": "x.log"}, here / "x.log"),
            ({"nodaemon": False}, here / "twistd.log"),
            ({"nodaemon": False, "rundir": "/var/tmp"}, Path("/var/tmp/twistd.log")),
            ({"nodaemon": False, "debug": True}, None),
        ):
            self.assertEqual(tap._log_file(options), file, options)

    def test_heir(self) -> None:
        nobody = pwd.getpwnam("nobody")
        self.assertIsNone(tap._heir({}))
        self.assertEqual(tap._heir({"uid": nobody.pw_uid}), (nobody.pw_uid, nobody.pw_gid))
        self.assertEqual(tap._heir({"uid": nobody.pw_uid, "gid": 7}), (nobody.pw_uid, 7))
        self.assertEqual(tap._heir({"gid": 7}), (os.getuid(), 7))

    def test_no_configuration(self) -> None:
        self.assertEqual(self.assertRaises(SystemExit, tap.Options().parseOptions, []).code, 2)
