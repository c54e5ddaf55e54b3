"""Who the daemon becomes. That it really does is shown by a process of its own in tests/flows/test_start.py."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from netdaemon.run import privileges
from netdaemon.run.errors import StartFailed
from netdaemon.run.privileges import give_away, identity


class IdentityTests(SynchronousTestCase):
    def as_user(self, uid: int) -> None:
        self.patch(privileges.os, "geteuid", lambda: uid)

    def test_nobody_asked(self) -> None:
        self.assertIsNone(identity("", ""))

    def test_user_and_group(self) -> None:
        self.as_user(0)
        nobody = pwd.getpwnam("nobody")
        who = identity("nobody", "")
        assert who is not None
        self.assertEqual((who.uid, who.gid), (nobody.pw_uid, nobody.pw_gid))
        self.assertIn(nobody.pw_gid, who.groups)
        other = identity("nobody", "daemon")
        assert other is not None
        self.assertNotEqual(other.gid, nobody.pw_gid)

    def test_refused(self) -> None:
        self.as_user(0)
        for user, group, said in (
            ("no-such-user", "", "not on this system"),
            ("nobody", "no-such-group", "not on this system"),
            ("root", "", "is root"),
            ("", "daemon", "which user"),
        ):
            self.assertIn(said, str(self.assertRaises(StartFailed, identity, user, group)))

    def test_only_root_can(self) -> None:
        nobody = pwd.getpwnam("nobody")
        self.as_user(nobody.pw_uid)
        self.assertIsNone(identity("nobody", ""), "we are that already")
        self.assertIn("as root", str(self.assertRaises(StartFailed, identity, "daemon", "")))


class GiveAwayTests(SynchronousTestCase):
    def test_only_what_is_roots_own(self) -> None:
        if os.geteuid() != 0:
            raise SkipTest("changing owners takes root")
        folder = Path(self.mktemp())
        (folder / "tls").mkdir(parents=True)
        outside = folder.with_suffix(".outside")
        outside.write_text("root's")
        for name in ("lock", "tls/key.pem", "theirs", "linked"):
            (folder / name).write_text("")
        os.chown(folder / "theirs", 12345, 12345)
        os.link(folder / "linked", folder.with_suffix(".link"))
        (folder / "symlink").symlink_to(outside.absolute())
        nobody = pwd.getpwnam("nobody")
        give_away(folder, nobody.pw_uid, nobody.pw_gid)
        owners = {name: (folder / name).lstat().st_uid for name in ("lock", "tls", "tls/key.pem", "theirs", "linked")}
        self.assertEqual(
            owners,
            {"lock": nobody.pw_uid, "tls": nobody.pw_uid, "tls/key.pem": nobody.pw_uid, "theirs": 12345, "linked": 0},
        )
        self.assertEqual(folder.stat().st_uid, nobody.pw_uid)
        self.assertEqual(outside.stat().st_uid, 0)
