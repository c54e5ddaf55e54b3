"""What was answered with 250 is there after the daemon was killed, whole; what was not may be there, whole too."""

from __future__ import annotations

import poplib
import signal
import smtplib
import threading
from pathlib import Path

from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from tests.flows.test_smtp import INI
from tests.kit.daemon import Daemon
from tests.soak.crashing import Soak

SESSIONS, ENOUGH = 5, 60


def message(number: int) -> bytes:
    """One whose every line tells which it is."""
    line = b"%06d\r\n" % number
    return b"Subject: %06d\r\n\r\n" % number + line * (number % 2000 + 1)


class CrashTests(TestCase):
    async def test_killed_within_deliveries(self) -> None:
        daemon = Daemon(self, INI)
        await daemon.start()
        port = daemon.port("smtp")
        taken: set[int] = set()
        offered: set[int] = set()
        enough = threading.Event()

        def send(first: int) -> None:
            number = first
            try:
                with smtplib.SMTP("127.0.0.1", port, timeout=30) as client:
                    while True:
                        offered.add(number)
                        client.sendmail("a@example.org", ["mulder@localhost"], message(number))
                        taken.add(number)
                        if len(taken) >= ENOUGH:
                            enough.set()
                        number += SESSIONS
            except (OSError, smtplib.SMTPException):
                enough.set()  # the daemon is gone

        threads = [threading.Thread(target=send, args=(first,)) for first in range(SESSIONS)]
        for thread in threads:
            thread.start()
        self.assertTrue(await deferToThread(enough.wait, 60))
        daemon.signal(signal.SIGKILL)
        await daemon.wait()
        for thread in threads:
            await deferToThread(thread.join, 60)
        self.assertGreaterEqual(len(taken), ENOUGH)

        again = Daemon(self, INI)
        again.data = daemon.data
        again.write(INI)
        await again.start()

        def maildrop() -> list[bytes]:
            pop = poplib.POP3("127.0.0.1", again.port("pop3"), timeout=60)
            pop.user("mulder")
            pop.pass_("trustno1")
            found = [b"\r\n".join(pop.retr(number + 1)[1]) + b"\r\n" for number in range(pop.stat()[0])]
            pop.quit()
            return found

        numbers = []
        for found in await deferToThread(maildrop):
            number = int(found.partition(b"Subject: ")[2][:6])
            self.assertTrue(found.endswith(b"\r\n" + message(number)), f"message {number} is not whole")
            numbers.append(number)
        self.assertEqual(len(numbers), len(set(numbers)), "one is there twice")
        self.assertLessEqual(taken, set(numbers), "what was answered with 250 is lost")
        self.assertLessEqual(set(numbers), offered)
        status, output = await again.stop()
        self.assertEqual(status, 0, output)

    async def test_killed_again_and_again(self) -> None:
        """A short form of `make soak`."""
        folder = Path(self.mktemp()).absolute()
        folder.mkdir()
        outcome = await deferToThread(Soak(folder, 500, 3).run)
        self.assertEqual(outcome.faults, [])
        self.assertEqual(outcome.kills, 3)
