"""What the daemon's own sections find wrong across keys and on the disk."""

from __future__ import annotations

import grp
import os
import pwd
from unittest import skipIf

from tests.config.ini import GOOD, IniTests

REST = "[web]\nlisten = tcp:0\n"


class DaemonTests(IniTests):
    def test_data(self) -> None:
        (self.folder / "file").touch()
        for name, message in {
            "file": f"{self.folder}/file is not a folder",
            "file/below": f"{self.folder}/file/below can't be made: a folder above it is a file",
        }.items():
            self.assertEqual(self.problems(f"[netdaemon]\ndata = {name}\n{REST}"), [f"2: [netdaemon] {message}"])
        (self.folder / "folder").mkdir()
        for name in ("folder", "new/newer"):
            self.parse(f"[netdaemon]\ndata = {name}\n{REST}")

    def test_names_too_long_for_the_disk(self) -> None:
        long = "x" * 300
        problems = self.problems(
            f"[netdaemon]\ndata = {long}\nready-file = {long}\n[log]\nfile = {long}\n{REST}access-log = {long}\n"
            f"[documents]\nroot = {long}\n[tls]\nclient-ca = {long}\nsni = {long}\n"
        )
        self.assertEqual([problem.partition(":")[0] for problem in problems], ["2", "10", "12", "13"])
        self.assertTrue(all(problem.endswith(": File name too long") for problem in problems), problems)

    def test_user_and_group(self) -> None:
        user, group = pwd.getpwuid(os.getuid()).pw_name, grp.getgrgid(os.getgid()).gr_name
        config = self.parse(f"[netdaemon]\ndata = a\nuser = {user}\ngroup = {group}\n{REST}")
        self.assertEqual((config.netdaemon.user, config.netdaemon.group), (user, group))
        self.assertEqual(self.problems(f"[netdaemon]\ndata = a\nuser = no one\ngroup = no.such\n{REST}"), [
            "3: [netdaemon] there is no user 'no one'",
            "4: [netdaemon] there is no group 'no.such'",
        ])  # fmt: skip
        self.assertEqual(
            self.problems(f"[netdaemon]\ndata = a\ngroup = {group}\n{REST}"),
            ["3: [netdaemon] group goes with user, which is not set"],
        )

    def test_folders_where_files_are_wanted(self) -> None:
        text = "[netdaemon]\ndata = a\nready-file = .\nmetrics-file = .\n[log]\nfile = .\n" + REST + "access-log = .\n"
        self.assertEqual(self.problems(text), [
            f"3: [netdaemon] {self.folder} is a folder, a file is wanted",
            f"4: [netdaemon] {self.folder} is a folder, a file is wanted",
            f"6: [log] {self.folder} is a folder, a file is wanted",
            f"9: [web] {self.folder} is a folder, a file is wanted",
        ])  # fmt: skip


class TLSTests(IniTests):
    def setUp(self) -> None:
        super().setUp()
        for name in ("chain.pem", "key.pem"):
            (self.folder / name).touch()

    def wrong(self, lines: str) -> list[str]:
        return self.problems(f"{GOOD}[tls]\n{lines}")

    def test_a_pair(self) -> None:
        config = self.parse(GOOD + "[tls]\ncertificate = chain.pem\nprivate-key = key.pem\n")
        self.assertEqual(config.tls.certificate, self.folder / "chain.pem")

    def test_half_a_pair(self) -> None:
        self.assertEqual(
            self.wrong("certificate = chain.pem"), ["6: [tls] certificate goes with private-key, which is not set"]
        )
        self.assertEqual(self.wrong("private-key = key.pem\nprivate-key-password = x"), [
            "6: [tls] private-key goes with certificate, which is not set",
        ])  # fmt: skip
        self.assertEqual(
            self.wrong("private-key-password = x"),
            ["6: [tls] private-key-password goes with private-key, which is not set"],
        )

    def test_files(self) -> None:
        self.assertEqual(self.wrong("certificate = no.pem\nprivate-key = .\nclient-ca = key.pem/x\nsni = key.pem\n"), [
            f"6: [tls] {self.folder}/no.pem does not exist",
            f"7: [tls] {self.folder} is a folder, a file is wanted",
            f"8: [tls] {self.folder}/key.pem/x cannot be read: Not a directory",
            f"9: [tls] {self.folder}/key.pem is not a folder",
        ])  # fmt: skip

    def test_a_pipe_does_not_hold_us_up(self) -> None:
        os.mkfifo(self.folder / "pipe")
        self.parse(GOOD + "[tls]\nclient-ca = pipe\n")

    @skipIf(os.geteuid() == 0, "root reads everything")
    def test_forbidden(self) -> None:
        (self.folder / "key.pem").chmod(0)
        self.assertEqual(
            self.wrong("certificate = chain.pem\nprivate-key = key.pem"),
            [f"7: [tls] {self.folder}/key.pem cannot be read: Permission denied"],
        )

    def test_watch(self) -> None:
        self.assertEqual(self.wrong("watch = 0s"), ["6: [tls] watch must be longer than 0"])


class DocumentsTests(IniTests):
    def test_root(self) -> None:
        (self.folder / "file").touch()
        (self.folder / "my tree").mkdir()
        self.assertEqual(
            self.problems(GOOD + "[documents]\nroot = no such\n"),
            [f"6: [documents] {self.folder}/no such does not exist; make it with: mkdir -p '{self.folder}/no such'"],
        )
        self.assertEqual(
            self.problems(GOOD + "[documents]\nroot = file\n"), [f"6: [documents] {self.folder}/file is not a folder"]
        )
        self.assertEqual(self.parse(GOOD + "[documents]\nroot = my tree\n").documents.root, self.folder / "my tree")
        self.assertIsNone(self.parse(GOOD + "[documents]\nroot =\n").documents.root)


class AccountsTests(IniTests):
    def test_a_file_of_accounts(self) -> None:
        (self.folder / "passwd").touch()
        config = self.parse(GOOD + "[accounts]\nauth = store file:passwd unix\n")
        self.assertEqual(config.accounts.auth, ("store", f"file:{self.folder}/passwd", "unix"))
        self.assertEqual(
            self.problems(GOOD + "[accounts]\nauth = file:no file:\n"), ["6: [accounts] auth: a path is wanted"]
        )
        self.assertEqual(
            self.problems(GOOD + "[accounts]\nauth = file:no\n"),
            [f"6: [accounts] {self.folder}/no does not exist"],
        )

    def test_throttle(self) -> None:
        self.assertEqual(
            self.problems(GOOD + "[accounts]\nthrottle-delay = 9s\n"),
            ["6: [accounts] throttle-delay is longer than throttle-most"],
        )
        self.parse(GOOD + "[accounts]\nthrottle-delay = 8s\n")

    def test_nowhere_to_look(self) -> None:
        self.assertEqual(
            self.problems(GOOD + "[accounts]\nauth =\n"),
            ["6: [accounts] auth names no place where accounts are looked up: write auth = store"],
        )
