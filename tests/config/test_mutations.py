"""Two thousand damaged configurations: each is read or refused with file and line, none brings the reader down."""

from __future__ import annotations

import random
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from netdaemon.config.problems import ConfigError
from netdaemon.config.read import Config, read
from netdaemon.kinds import Kinds

CONF = Path(__file__).resolve().parents[2] / "conf"
CONTRACT = """\
[netdaemon]
hostname   = spam.egg                ; the name in banners and Message-IDs
data       = /path/to/state          ; accounts, message store, queue, generated certificate
ready-file = /path/to/ready.json     ; written atomically once every listener is up, removed at stop
[tls]                                ; optional. Without it a self-signed certificate is made in data/tls on first start
certificate = /path/chain.pem
private-key = /path/key.pem
[documents]
root = /path/to/tree                 ; the one document tree that http, ftp, gopher and the telnet shell show
[time]
listen = tcp:0:interface=127.0.0.1 udp:0:interface=127.0.0.1
[http]
listen = tcp:0:interface=127.0.0.1 tls:0:interface=127.0.0.1
listing = yes                        ; directory listings (default no => 403, as in the seed)
"""
"""The example of docs/design.md, as far as its sections and keys exist."""

SECOND = """\
[http:intranet]
listen = tcp:0:interface=\\:\\:1
    ; a comment between
    unix:intranet.sock tls:0
proxy-protocol = 10.0.0.0/8 ::1
[accounts]
auth = store demo
throttle-delay = 1.5s
[mine]
kind = http
listen = systemd:mine
[log]
level = warn
"""
SEED = 868
MUTANTS = 2000
BITS = [
    b"[",
    b"]",
    b"=",
    b";",
    b"#",
    b"\n",
    b"\r",
    b"\t",
    b" ",
    b"\0",
    b"\xff",
    b"\xef\xbb\xbf",
    b":",
    b"\\",
    b"0",
    b"'",
    b"~",
]


def mutant(text: bytes, chance: random.Random) -> bytes:
    """``text`` with one to four small damages."""
    for _ in range(chance.randint(1, 4)):
        data, lines = bytearray(text), text.splitlines(keepends=True) or [b"\n"]
        at, line = chance.randrange(len(data) + 1), chance.randrange(len(lines))
        match chance.randrange(8):
            case 0 if data:
                data[at % len(data)] ^= 1 << chance.randrange(8)
            case 1:
                data[at:at] = chance.choice(BITS)
            case 2:
                del data[at : at + chance.randint(1, 12)]
            case 3:
                del lines[line]
                data = bytearray(b"".join(lines))
            case 4:
                lines.insert(chance.randrange(len(lines) + 1), lines[line])
                data = bytearray(b"".join(lines))
            case 5:
                lines.insert(line, chance.choice([b"[x", b"x", b"=", b"[]", b"  x", b"[http]", b"data = \xc3"]) + b"\n")
                data = bytearray(b"".join(lines))
            case 6:
                data = data[:at]
            case _:
                data[at:at] = chance.randbytes(chance.randint(1, 8))
        text = bytes(data)
    return text


class MutationTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).absolute()
        (self.folder / "to/tree").mkdir(parents=True)
        for name in ("chain.pem", "key.pem"):
            (self.folder / name).touch()
        self.file = self.folder / "x.ini"
        self.contract = CONTRACT.replace("/path", str(self.folder))
        self.kinds = Kinds()

    def read(self, data: bytes) -> Config:
        self.file.write_bytes(data)
        return read(self.file, self.kinds)

    def test_the_contract(self) -> None:
        config = self.read(self.contract.encode())
        self.assertEqual(config.netdaemon.hostname, "spam.egg")
        self.assertEqual(config.netdaemon.ready_file, self.folder / "to/ready.json")
        self.assertEqual([service.settings.section for service in config.services], ["time", "http"])
        self.assertEqual(
            [str(listen) for service in config.services for listen in service.settings.listen],
            [f"{word}:0:interface=127.0.0.1" for word in ("tcp", "udp", "tcp", "tls")],
        )

    def test_mutants(self) -> None:
        chance = random.Random(SEED)
        originals = [path.read_bytes() for path in sorted(CONF.glob("*.ini"))]
        originals += [self.contract.encode(), (self.contract + SECOND).encode()]
        self.assertGreater(len(originals), 3)
        good = bad = 0
        for number in range(MUTANTS):
            data = mutant(originals[number % len(originals)], chance)
            try:
                config = self.read(data)
            except ConfigError as error:
                bad += 1
                self.assertTrue(error.problems)
                for problem in error.problems:
                    self.assertEqual(problem.file, self.file)
                    self.assertTrue(1 <= problem.line <= data.count(b"\n") + 1, (problem, data))
                    self.assertTrue(str(problem).isprintable(), (problem, data))
                lines = [problem.line for problem in error.problems]
                self.assertEqual(lines, sorted(lines))
            else:
                good += 1
                self.assertIsInstance(config, Config)
                self.assertTrue(config.services)
        # Both ways were gone often enough to mean something.
        self.assertGreater(good, MUTANTS // 20)
        self.assertGreater(bad, MUTANTS // 4)
