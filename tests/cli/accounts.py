"""Runs `netdaemon -c FILE user ...` and `ban ...` in this process, with stdin, stdout and stderr of the test's."""

from __future__ import annotations

import io
import sys
from dataclasses import dataclass
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from netdaemon.accounts import hashing
from netdaemon.accounts.store import Store
from netdaemon.cli import main
from tests.accounts.kit import CHEAP


@dataclass(frozen=True)
class Ran:
    """What a command left behind."""

    status: int
    out: str
    err: str


class Stdin(io.TextIOWrapper):
    """A standard input that may say it is a terminal."""

    def __init__(self, content: bytes, tty: bool) -> None:
        super().__init__(io.BytesIO(content))
        self.tty = tty

    def isatty(self) -> bool:
        return self.tty


class CommandCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).resolve()
        self.folder.mkdir(parents=True)
        self.data = self.folder / "data"
        self.ini = self.folder / "conf.ini"
        self.ini.write_text("[netdaemon]\ndata = data\n[time]\nlisten = tcp:0:interface=127.0.0.1\n")
        self.patch(hashing, "PasswordHasher", lambda: CHEAP)

    def run_command(self, *words: str, stdin: bytes = b"", tty: bool = False, config: bool = True) -> Ran:
        out, err = io.StringIO(), io.StringIO()
        before = sys.stdin, sys.stdout, sys.stderr
        sys.stdin, sys.stdout, sys.stderr = Stdin(stdin, tty), out, err
        try:
            status = main([*(["-c", str(self.ini)] if config else []), *words])
        except SystemExit as end:
            status = end.code if isinstance(end.code, int) else 1
        finally:
            sys.stdin, sys.stdout, sys.stderr = before
        return Ran(status, out.getvalue(), err.getvalue())

    def good(self, *words: str, stdin: bytes = b"") -> str:
        """The output of a command that must succeed."""
        ran = self.run_command(*words, stdin=stdin)
        self.assertEqual((ran.status, ran.err), (0, ""))
        return ran.out

    def bad(self, *words: str, stdin: bytes = b"") -> str:
        """The one line on stderr of a command that must fail."""
        ran = self.run_command(*words, stdin=stdin)
        self.assertEqual((ran.status, ran.out), (1, ""))
        self.assertRegex(ran.err, r"\Anetdaemon: [^\n]+\n\Z")
        return ran.err.removeprefix("netdaemon: ").rstrip("\n")

    def misused(self, *words: str, stdin: bytes = b"") -> str:
        """What stderr says of wrong usage."""
        ran = self.run_command(*words, stdin=stdin)
        self.assertEqual((ran.status, ran.out), (2, ""))
        self.assertNotIn("Traceback", ran.err)
        return ran.err

    def store(self) -> Store:
        """The store as the daemon has it open."""
        self.data.mkdir(exist_ok=True, mode=0o700)
        store = Store(self.data)
        self.addCleanup(store.close)
        return store
