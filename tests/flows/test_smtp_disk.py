"""The disk fails or is full while SMTP delivers: never a yes for what isn't durable, and all goes on afterwards."""

from __future__ import annotations

import errno
import json
import poplib
import shutil
import signal
import smtplib
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path

from twisted.internet.threads import deferToThread
from twisted.trial.unittest import SkipTest, TestCase

from netdaemon.messages.checking import check
from tests.kit.daemon import TWISTD, Daemon
from tests.messages import faults
from tests.soak.crashing import message, stored

INI = """\
[log]
level = error
[accounts]
auth = demo
throttle-delay = 0ms
[smtp]
listen = tcp:0:interface=127.0.0.1
[pop3]
listen = tcp:0:interface=127.0.0.1
"""

SIZES = (10 << 10, 200 << 10, 5 << 20)
"""In memory, in a spool's file, and written in slices."""
SYNC, WRITE = ["fsync", "fdatasync"], ["write", "pwrite64"]
# SQLite does not tell why a sync failed
FAULTS = ((errno.EIO, SYNC, 451), (errno.ENOSPC, SYNC, 451), (errno.EIO, WRITE, 451), (errno.ENOSPC, WRITE, 452))

CLIENTS = 5
TOGGLES = 6

ROOM, BALLAST = 24 << 20, 12 << 20


def send(client: smtplib.SMTP, number: int, size: int) -> int:
    """Send that message: the last answer's code."""
    client.mail("a@example.org")
    client.rcpt("mulder@localhost")
    try:
        return client.data(message(number, size))[0]
    except smtplib.SMTPDataError as refused:  # to DATA itself
        return refused.smtp_code


def numbers(data: Path) -> Counter[int]:
    """How often each message is in the store, which must be whole, and the messages too."""
    found = list(check(data))
    assert not found, found
    there: Counter[int] = Counter()
    for number, whole in stored(data, "mulder", SIZES):
        assert whole, f"message {number} is not whole"
        there[number] += 1
    return there


class FailingTests(TestCase):
    async def setUp(self) -> None:
        if not faults.possible():
            raise SkipTest("no system call filters here")
        self.switch = Path(self.mktemp()).absolute()
        self.switch.parent.mkdir(parents=True, exist_ok=True)
        self.daemon = Daemon(self, INI, command=(sys.executable, "-m", "tests.flows.failingdisk", str(self.switch)))
        await self.daemon.start()
        self.port = self.daemon.port("smtp")

    def fail_with(self, code: int, calls: list[str]) -> None:
        waiting = self.switch.with_suffix(".new")
        waiting.write_text(json.dumps([code, calls]))
        waiting.rename(self.switch)

    def be_well(self) -> None:
        self.switch.unlink()

    async def test_each_fault(self) -> None:
        """On one connection: taken, refused for now as long as the disk fails, taken."""

        def dialogue() -> set[int]:
            taken: set[int] = set()
            number = 0
            with smtplib.SMTP("127.0.0.1", self.port, timeout=60) as client:
                client.ehlo()
                for code, calls, answer in FAULTS:
                    for size in SIZES:
                        self.assertEqual(send(client, number, size), 250)
                        self.fail_with(code, calls)
                        self.assertEqual(send(client, number + 1, size), answer, (code, calls, size))
                        self.assertEqual(send(client, number + 2, size), answer, (code, calls, size))
                        self.be_well()
                        self.assertEqual(send(client, number + 3, size), 250)
                        taken |= {number, number + 3}
                        number += 4
            return taken

        taken = await deferToThread(dialogue)
        self.daemon.signal(signal.SIGKILL)  # nothing is tidied up
        await self.daemon.wait()
        self.assertEqual(numbers(self.daemon.data), Counter(dict.fromkeys(taken, 1)))

    async def test_among_others(self) -> None:
        """Several deliver while the disk fails now and then, and then the daemon is killed."""
        taken: set[int] = set()
        refused: set[int] = set()
        over = threading.Event()
        progress = threading.Condition()

        def deliver(first: int) -> None:
            number = first
            with smtplib.SMTP("127.0.0.1", self.port, timeout=60) as client:
                client.ehlo()
                while not over.is_set():
                    answer = send(client, number, SIZES[0])
                    (taken if answer == 250 else refused).add(number)
                    with progress:
                        progress.notify_all()
                    number += CLIENTS

        def grows(found: set[int]) -> None:
            with progress:
                goal = len(found) + 2 * CLIENTS
                self.assertTrue(progress.wait_for(lambda: len(found) >= goal, 60), "it doesn't go on")

        def now_and_then() -> None:
            for number in range(TOGGLES):
                grows(taken)
                self.fail_with(*FAULTS[number % len(FAULTS)][:2])
                grows(refused)
                self.be_well()
            grows(taken)

        clients = [threading.Thread(target=deliver, args=(first,)) for first in range(CLIENTS)]
        for client in clients:
            client.start()
        try:
            await deferToThread(now_and_then)
        finally:
            over.set()
            for client in clients:
                await deferToThread(client.join, 60)
        self.daemon.signal(signal.SIGKILL)
        await self.daemon.wait()
        self.assertEqual(numbers(self.daemon.data), Counter(dict.fromkeys(taken, 1)))


class FullTests(TestCase):
    async def test_a_full_disk(self) -> None:
        """452 when there is no room, and when room is made, the same daemon takes mail on the same connection."""
        can = ["unshare", "--user", "--map-root-user", "--mount"]
        if shutil.which("unshare") is None or subprocess.run([*can, "true"], capture_output=True).returncode:
            raise SkipTest("no mounts of one's own here")
        data = Path(self.mktemp()).absolute()
        data.mkdir(parents=True)
        mount = f'mount -t tmpfs -o size={ROOM},mode=700 none "$0"'
        script = f'{mount} && head -c {BALLAST} /dev/zero > "$0/ballast" && exec "$@"'
        daemon = Daemon(self, INI, command=(*can, "sh", "-c", script, str(data), *TWISTD))
        daemon.data = data
        daemon.write(INI)
        await daemon.start()
        inside = Path(f"/proc/{daemon.pid}/root") / data.relative_to("/")
        self.assertEqual((inside / "ballast").stat().st_size, BALLAST)

        def dialogue() -> set[int]:
            taken: set[int] = set()
            with smtplib.SMTP("127.0.0.1", daemon.port("smtp"), timeout=60) as client:
                client.ehlo()
                number = 0
                while (answer := send(client, number, SIZES[1])) == 250:
                    taken.add(number)
                    number += 1
                self.assertEqual(answer, 452)
                self.assertGreater(len(taken), 10)
                for _ in range(3):
                    number += 1
                    self.assertEqual(send(client, number, SIZES[1]), 452)
                self.assertEqual(self.maildrop(daemon), len(taken))  # what is there can be read, and so removed
                (inside / "ballast").unlink()
                for size in SIZES[:2]:
                    number += 1
                    self.assertEqual(send(client, number, size), 250)
                    taken.add(number)
            return taken

        taken = await deferToThread(dialogue)
        copied = Path(self.mktemp()).absolute()
        shutil.copytree(inside, copied, ignore=lambda *_: {"lock"})
        status, output = await daemon.stop()
        self.assertEqual(status, 0, output)
        self.assertEqual(numbers(copied), Counter(dict.fromkeys(taken, 1)))

    def maildrop(self, daemon: Daemon) -> int:
        """How many messages there are; all are read."""
        pop = poplib.POP3("127.0.0.1", daemon.port("pop3"), timeout=60)
        try:
            pop.user("mulder")
            pop.pass_("trustno1")
            for number in range(pop.stat()[0]):
                pop.retr(number + 1)
            return pop.stat()[0]
        finally:
            pop.quit()
