"""Mail for a daemon that is killed again and again: what was answered with 250 is there, and nothing twice.

A client retries what was not answered (RFC 5321 section 4.5.4.1). An answer that was lost may so make two of one
message (section 4.5.3.2.6), and nothing but that may:

- each message that was answered with 250 is in the store, its octets as they were sent;
- of each message there are at most as many as it had answers: those with 250, which is one at most, and those that were
  lost, which is one for each time its last octet was sent and the connection broke before the answer;
- no message is there that was never sent whole;
- the store's own check finds nothing.
"""

from __future__ import annotations

import json
import random
import signal
import smtplib
import socket
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from netdaemon.messages.bodies import LARGEST_READ
from netdaemon.messages.checking import check
from netdaemon.messages.store import Store
from tests.bench.processes import environment, last_words
from tests.kit.daemon import TWISTD
from tests.messages.contract.base import EVERY

ACCOUNT = "mulder"
LIMIT = 60.0
"""Seconds for a start, and for one answer."""
LATEST = 0.05
"""Seconds: how long after a message was answered a kill comes, at most."""

INI = """\
[netdaemon]
hostname = localhost
data = {data}
ready-file = {ready}
[log]
level = warn
[accounts]
auth = demo
[smtp]
listen = tcp:0:interface=127.0.0.1
max-connections-per-address = 1000
"""


@dataclass
class Sent:
    """One message as its client saw it."""

    answered: int = 0
    """How often it was answered with 250."""
    lost: int = 0
    """How often all of it was sent, and no answer came."""


@dataclass
class Outcome:
    """What a soak has found. ``faults`` is what must not be, a line each."""

    messages: int = 0
    kills: int = 0
    lost: int = 0
    """Answers that were lost."""
    twice: int = 0
    """Messages more than once in the store, each for a lost answer."""
    seconds: float = 0.0
    faults: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return (
            f"{self.messages} messages, {self.kills} kills, {self.seconds:.1f} s: "
            f"{self.lost} answers lost, {self.twice} messages twice because theirs was, {len(self.faults)} faults"
        )


def message(number: int, size: int) -> bytes:
    """One whose every line tells which it is."""
    line = b"%08d in every line, so that no part of another can stand in for it\r\n" % number
    return b"Subject: %08d\r\n\r\n" % number + line * (size // len(line) + 1)


def stored(data: Path, account: str, sizes: Iterable[int]) -> Iterator[tuple[int, bool]]:
    """Every message in the account's INBOX: (its number, is it whole in one of those sizes?)."""
    store = Store(data)
    try:
        for entry in store.entries(store.folder(account, "INBOX").id, EVERY):
            body = store.body(entry.message)
            octets = b"".join(body.read_now(at, LARGEST_READ) for at in range(0, body.size, LARGEST_READ))
            number = int(octets.partition(b"\r\nSubject: ")[2][:8])
            yield number, any(octets.endswith(b"\r\n" + message(number, size)) for size in sizes)
    finally:
        store.close()


class Soak:
    """``messages`` deliveries of ``size`` octets on so many ``connections``, and so many ``kills`` meanwhile."""

    def __init__(
        self, folder: Path, messages: int, kills: int, *, connections: int = 20, size: int = 10 << 10, seed: int = 0
    ) -> None:
        self.folder = folder
        self.data = folder / "data"
        self._messages, self._kills, self._connections, self._size = messages, kills, connections, size
        self._random = random.Random(seed)
        self._numbers = iter(range(messages))
        self._sent = [Sent() for _ in range(messages)]
        self._faults: list[str] = []
        self._lock = threading.Condition()
        self._answers = 0
        self._ended = 0
        self._port: int | None = None

    def run(self) -> Outcome:
        """All of it; takes as long as it takes."""
        begin = time.monotonic()
        process = self._start()
        clients = [threading.Thread(target=self._client, daemon=True) for _ in range(self._connections)]
        try:
            for client in clients:
                client.start()
            kills = 0
            for when in sorted(self._random.randrange(self._messages * 95 // 100) for _ in range(self._kills)):
                if not self._reached(when):
                    break
                time.sleep(self._random.uniform(0, LATEST))  # at any point of a message, whatever the machine's speed
                with self._lock:
                    self._port = None
                process.send_signal(signal.SIGKILL)
                process.wait()
                kills += 1
                process = self._start()
            self._reached(self._messages)
            process.terminate()
            if process.wait(LIMIT) != 0:
                self._faults.append(f"the daemon ended with {process.returncode}: {last_words(self.folder)}")
        finally:
            process.kill()
            process.wait()
        outcome = Outcome(self._messages, kills, seconds=time.monotonic() - begin)
        self._compare(outcome)
        return outcome

    # --- the daemon --------------------------------------------------------------------------------------------

    def _start(self) -> subprocess.Popen[bytes]:
        """Start it and wait until it listens."""
        ini, ready = self.folder / "conf.ini", self.folder / "ready.json"
        ini.write_text(INI.format(data=self.data, ready=ready))
        ready.unlink(missing_ok=True)
        with (self.folder / "said").open("ab") as said:
            process = subprocess.Popen(
                [*TWISTD, "-n", "--pidfile=", "netdaemon", "-c", str(ini)],
                cwd=self.folder,
                env=environment(),
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
            )
        end = time.monotonic() + LIMIT
        while not ready.exists():
            if process.poll() is not None or time.monotonic() > end:
                process.kill()
                process.wait()
                raise RuntimeError(f"the daemon does not start: {last_words(self.folder)}")
            time.sleep(0.01)
        (address,) = json.loads(ready.read_text())["services"]["smtp"]
        with self._lock:
            self._port = int(address.rpartition(":")[2])
            self._lock.notify_all()
        return process

    def _reached(self, answers: int) -> bool:
        """Wait for so many answers; False when all clients have ended before. Raises RuntimeError when none comes."""
        with self._lock:
            while self._answers < answers and self._ended < self._connections:
                if not self._lock.wait(2 * LIMIT):
                    raise RuntimeError(f"the daemon answers nobody: {last_words(self.folder)}")
            return self._answers >= answers

    # --- the clients, each in a thread ---------------------------------------------------------------------------

    def _client(self) -> None:
        connection: smtplib.SMTP | None = None
        try:
            while (number := self._next()) is not None:
                while not self._sent[number].answered:
                    try:
                        if connection is None:
                            connection = self._connect()
                        self._send(connection, number)
                    except (OSError, smtplib.SMTPException):
                        if connection is not None:
                            connection.close()
                            connection = None
        except RuntimeError as error:
            self._faults.append(f"a client gave up: {error}")
        finally:
            if connection is not None:
                connection.close()
            with self._lock:
                self._ended += 1
                self._lock.notify_all()

    def _next(self) -> int | None:
        with self._lock:
            return next(self._numbers, None)

    def _connect(self) -> smtplib.SMTP:
        end = time.monotonic() + LIMIT
        with self._lock:
            while self._port is None:
                if not self._lock.wait(end - time.monotonic()):
                    raise RuntimeError("the daemon did not come back")
            port = self._port
        connection = smtplib.SMTP("127.0.0.1", port, timeout=LIMIT)
        connection.ehlo()
        return connection

    def _send(self, connection: smtplib.SMTP, number: int) -> None:
        """Raises OSError and SMTPException when it is to be sent again, RuntimeError when it was refused."""
        sent = self._sent[number]
        for command in (b"MAIL FROM:<a@example.org>", b"RCPT TO:<mulder@localhost>"):
            connection.send(command + b"\r\n")
            self._expect(connection, number, 250)
        connection.send(b"DATA\r\n")
        self._expect(connection, number, 354)
        assert isinstance(connection.sock, socket.socket)
        octets = message(number, self._size)
        connection.sock.sendall(octets)
        sent.lost += 1  # from here on all of it may have arrived
        connection.sock.sendall(b".\r\n")
        self._expect(connection, number, 250)
        sent.lost -= 1
        sent.answered += 1
        with self._lock:
            self._answers += 1
            self._lock.notify_all()

    def _expect(self, connection: smtplib.SMTP, number: int, code: int) -> None:
        got, text = connection.getreply()
        if got != code:
            raise RuntimeError(f"message {number} was answered with {got} {text!r}")

    # --- the end -------------------------------------------------------------------------------------------------

    def _compare(self, outcome: Outcome) -> None:
        faults = self._faults
        there: Counter[int] = Counter()
        for number, whole in stored(self.data, ACCOUNT, (self._size,)):
            if not whole:
                faults.append(f"message {number} is not whole")
            there[number] += 1
        for number, sent in enumerate(self._sent):
            if sent.answered != 1:
                faults.append(f"message {number} was answered {sent.answered} times")
            if not sent.answered <= there[number] <= sent.answered + sent.lost:
                faults.append(
                    f"message {number}: {there[number]} are there, {sent.answered} answers and {sent.lost} lost ones"
                )
            outcome.lost += sent.lost
            outcome.twice += there[number] > 1
        faults += [f"netdaemon store check: {line}" for line in check(self.data)]
        outcome.faults = faults
