"""kill -9 at each step between spool, commit, publish and reply: nothing is lost, and nothing doubled."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.mail.crashchild import ALIASES, POINTS
from tests.mail.postoffice import PostOffice

ROOT = Path(__file__).resolve().parents[2]
RECIPIENTS = ("mulder@spam.egg", "sales@spam.egg", "x@example.com")
DURABLE = ("committed", "published", "answered", "replied", "never")


class CrashTests(SynchronousTestCase):
    def crash(self, data: Path, point: str) -> str:
        """What the process said until it killed itself."""
        child = subprocess.run(
            [sys.executable, "-m", "tests.mail.crashchild", str(data), point],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=60,
        )
        self.assertEqual(child.returncode, 0 if point == "never" else -signal.SIGKILL, child.stderr)
        return child.stdout.strip()

    def test_each_point(self) -> None:
        for point in POINTS:
            data = Path(self.mktemp()).absolute()
            data.mkdir()
            said = self.crash(data, point)
            self.assertEqual(said, "250" if point in ("replied", "never") else "", point)
            office = PostOffice(self, ALIASES, data=data)
            found = self.found(office)
            self.assertEqual(found, WHOLE if point in DURABLE else NOTHING, point)
            # The peer did not hear a yes, and comes again; or its own crash makes it forget that it did.
            self.assertEqual(
                office.deliver("scully@spam.egg", *RECIPIENTS, transfer="T", prefix=b"", account="scully"),
                ["", "", ""],
                point,
            )
            self.assertEqual(self.found(office), WHOLE, point)

    def found(self, office: PostOffice) -> tuple[int, list[tuple[str, list[str]]], int]:
        """Messages in the mailbox, the queue, and entries that keep its octets."""
        return len(office.mail("mulder")), office.queue(), office.store.folder("@queue", "outgoing").messages


WHOLE = (1, [("scully@spam.egg", ["x@example.com"]), ("owner-sales@spam.egg", ["partner@example.net"])], 2)
NOTHING: tuple[int, list[tuple[str, list[str]]], int] = (0, [], 0)
