"""kill -9 at each step of sending: what was queued is sent or told of, and its sender hears of it once."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

from tests.protocols.smtp.relaycrashchild import POINTS
from tests.protocols.smtp.relaying import NEVER, RelayCase

ROOT = Path(__file__).resolve().parents[3]


class CrashTests(RelayCase):
    def test_each_point(self) -> None:
        for point in POINTS:
            data = Path(self.mktemp()).absolute()
            data.mkdir()
            self.set_up_in(data)
            self.send("fox@far.example")
            child = subprocess.run(
                [sys.executable, "-m", "tests.protocols.smtp.relaycrashchild", str(data), point],
                cwd=ROOT,
                capture_output=True,
                text=True,
                timeout=60,
            )
            self.assertEqual(child.returncode, -signal.SIGKILL, f"{point}: {child.stderr}")
            asked = len((data / "attempts").read_text()) if (data / "attempts").exists() else 0
            self.assertEqual(asked, 0 if point == "claimed" else 1, point)
            self.assertEqual(len(self.letters()), 0 if point == "settled" else 1, point)
            far = self.host("far.example", lambda to: NEVER)
            self.relay(holder="alone")
            # Who was asked and killed before it was written down asks again; nobody else does.
            self.assertEqual(len(far.envelopes), 1 if point in ("claimed", "asked") else 0, point)
            self.assertEqual(self.letters(), [], point)
            (report,) = self.office.mail("mulder")
            self.assertIn(b"Final-Recipient: rfc822;fox@far.example", report)
