import os
from base64 import b64encode
from pathlib import Path

from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from twisted.logger import LogLevel, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from netdaemon.accounts import passwdfile
from netdaemon.accounts.names import AccountError
from netdaemon.accounts.passwdfile import LARGEST_FILE, LONGEST_LINE, PasswdFile, parse_line
from netdaemon.interfaces import Account, LoginUnavailable, Right, ScramVerifier
from tests.accounts.kit import CHEAP, folder

HASH = CHEAP.hash("trustno1")
VERIFIER = ScramVerifier(b"saltsaltsalt", 4096, b"s" * 32, b"k" * 32)


def scram(iterations: object = 4096, *parts: bytes) -> str:
    words = (b64encode(part).decode() for part in parts or (b"saltsaltsalt", b"s" * 32, b"k" * 32))
    return f"{{SCRAM-SHA-256}}{iterations},{','.join(words)}"


class LineTests(SynchronousTestCase):
    def test_good(self) -> None:
        for line, account in (
            (f"mulder:{HASH}", Account("mulder")),
            (f"Mulder:{HASH}:", Account("mulder")),
            (f"mulder:{HASH}:::", Account("mulder")),
            (f"mulder:{HASH}:2G:/people/mulder/", Account("mulder", quota=2 << 30, home="/people/mulder")),
            (
                f"mulder:{HASH}:0::/=r, /pub/=rw,/x%2Cy%3Az%25=-,",
                Account("mulder", (Right("/", "r"), Right("/pub", "rw"), Right("/x,y:z%", "-")), 0),
            ),
            (f"mulder:{HASH}:::/a=b=r", Account("mulder", (Right("/a=b", "r"),))),
        ):
            record = parse_line(line)
            self.assertEqual((record.account, record.hash, record.scram), (account, HASH, None), line)

    def test_locked(self) -> None:
        for lock in ("!", "*", "!!"):
            record = parse_line(f"mulder:{lock}{HASH}")
            self.assertEqual((record.account.enabled, record.hash), (False, HASH))
            record = parse_line(f"mulder:{lock}")
            self.assertEqual((record.account.enabled, record.hash), (False, ""))

    def test_scram(self) -> None:
        self.assertEqual(parse_line(f"mulder:{HASH} {scram()}").scram, VERIFIER)

    def test_bad(self) -> None:
        for line, why in (
            ("mulder", "not name:hash:quota:home:rights"),
            (f"mulder:{HASH}::::", "not name:hash:quota:home:rights"),
            (f":{HASH}", "the name is not one"),
            (f"a b:{HASH}", "the name is not one"),
            (f"anonymous:{HASH}", "the name is not one"),
            ("mulder:", "no hash"),
            ("mulder: ", "no hash"),
            ("mulder:trustno1", "not of the form"),
            ("mulder:$6$salt$hash", "not of the form"),
            (f"mulder:{HASH}:lots", "the quota is not a size"),
            (f"mulder:{HASH}:-1", "the quota is not a size"),
            (f"mulder:{HASH}::people", "the home is not a path"),
            (f"mulder:{HASH}:::/pub", "the rights are not"),
            (f"mulder:{HASH}:::/pub=x", "the rights are not"),
            (f"mulder:{HASH}:::pub=r", "the rights are not"),
            (f"mulder:{HASH}:::/%FF=r", "the rights are not"),
            (f"mulder:{HASH} {scram(4095)}", "what follows the hash"),
            (f"mulder:{HASH} {scram(10_000_001)}", "what follows the hash"),
            (f"mulder:{HASH} {scram('x')}", "what follows the hash"),
            (f"mulder:{HASH} {scram(4096, b'', b's' * 32, b'k' * 32)}", "what follows the hash"),
            (f"mulder:{HASH} {scram(4096, b'salt', b's' * 31, b'k' * 32)}", "what follows the hash"),
            (f"mulder:{HASH} {scram(4096, b'salt', b's' * 32)}", "what follows the hash"),
            (f"mulder:{HASH} {scram().replace('256', '1')}", "what follows the hash"),
            (f"mulder:{HASH} {scram()}!", "what follows the hash"),
        ):
            with self.assertRaisesRegex(AccountError, why, msg=line):
                parse_line(line)

    def test_a_hash_in_the_wrong_place_is_not_repeated(self) -> None:
        for line in (
            f"{HASH}:mulder",
            f"mulder:x:{HASH}",
            f"mulder:{HASH}:{HASH}",
            f"mulder:{HASH}::{HASH}",
            f"m:{HASH}:::{HASH}",
        ):
            try:
                parse_line(line)
            except AccountError as error:
                self.assertNotIn(HASH.split("$")[-1], str(error))
            else:
                self.fail(line)

    @given(st.text(alphabet=":!*$=,/%rwa0 {}é\0") | st.text())
    @hypothesis_settings(deadline=None, max_examples=300)
    def test_any_text(self, text: str) -> None:
        try:
            record = parse_line(text)
        except AccountError:
            return
        self.assertTrue(record.hash or not record.account.enabled)


class FileTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.path = folder(self.mktemp()) / "passwd"
        self.logged: list[str] = []
        globalLogPublisher.addObserver(self.observe)
        self.addCleanup(globalLogPublisher.removeObserver, self.observe)

    def observe(self, event: dict[str, object]) -> None:
        if event.get("log_namespace") == passwdfile.log.namespace and event["log_level"] is not LogLevel.debug:
            where = f"{event['line']}: " if "line" in event else ""
            self.logged.append(f"{where}{event.get('problem', event.get('reason'))}")

    def write(self, content: bytes | str) -> None:
        """As the manual says: beside it, and then in its place."""
        new = self.path.with_suffix(".new")
        new.write_bytes(content.encode() if isinstance(content, str) else content)
        new.rename(self.path)

    def names(self, file: PasswdFile, among: str = "mulder scully skinner") -> list[str]:
        return [name for name in among.split() if file.find(name) is not None]

    def test_read(self) -> None:
        self.write(f"# people\n\n   \nmulder:{HASH}\r\nscully:{HASH}:1K")
        file = PasswdFile(self.path)
        self.assertEqual(self.names(file), ["mulder", "scully"])
        self.assertEqual(self.logged, [])

    def test_read_again_when_replaced(self) -> None:
        self.write(f"mulder:{HASH}\n")
        file = PasswdFile(self.path)
        self.write(f"scully:{HASH}\n")
        self.assertEqual(self.names(file), ["scully"])

    def test_read_again_when_only_the_size_changes(self) -> None:
        self.write(f"mulder:{HASH}\n")
        file = PasswdFile(self.path)
        with self.path.open("a") as end:
            end.write(f"scully:{HASH}\n")
        self.assertEqual(self.names(file), ["mulder", "scully"])

    def test_read_again_when_only_the_time_changes(self) -> None:
        self.write(f"mulder:{HASH}\n")
        os.utime(self.path, ns=(0, 0))
        file = PasswdFile(self.path)
        self.path.write_text(f"scully:{HASH}\n")
        os.utime(self.path, ns=(1, 1))
        self.assertEqual(self.names(file), ["scully"])

    def test_not_read_without_need(self) -> None:
        self.write(f"mulder:{HASH}\n")
        file = PasswdFile(self.path)

        def read(path: Path) -> object:
            raise AssertionError("read again")

        self.patch(passwdfile, "_read", read)
        self.assertEqual(self.names(file), ["mulder"])

    def test_bad_lines_once_with_their_numbers(self) -> None:
        bad = f"nonsense\n# fine\nmulder:{HASH}\nscully:$1$x\nmulder:{HASH}\n".encode() + b"\xff:x\n"
        self.write(bad)
        file = PasswdFile(self.path)
        first = [
            "1: not name:hash:quota:home:rights",
            "4: the hash is not of the form $argon2id$v=19$m=...,t=...,p=...$SALT$HASH",
            "5: mulder stands above already, and that line counts",
            "6: no UTF-8",
        ]
        self.assertEqual(self.logged, first)
        self.assertEqual(self.names(file), ["mulder"])
        self.assertEqual(self.names(file), ["mulder"])
        self.assertEqual(self.logged, first, "not at every look")
        self.write(bad)
        self.names(file)
        self.assertEqual(self.logged, first * 2, "but for every version")

    def test_the_longest_line_and_one_past_it(self) -> None:
        line = f"mulder:{HASH}:::" + "," * LONGEST_LINE
        self.write(line[:LONGEST_LINE] + "\n" + line.replace("mulder", "scully")[: LONGEST_LINE + 1] + "\n")
        self.assertEqual(self.names(PasswdFile(self.path)), ["mulder"])
        self.assertEqual(self.logged, [f"2: longer than {LONGEST_LINE} bytes"])

    def test_most_accounts(self) -> None:
        self.patch(passwdfile, "MOST_ACCOUNTS", 2)
        self.write("".join(f"{name}:{HASH}\n" for name in ("mulder", "scully", "skinner")))
        self.assertEqual(self.names(PasswdFile(self.path)), ["mulder", "scully"])
        self.assertEqual(self.logged, ["3: more than 2 accounts; this line and all behind it are left out"])

    def test_the_largest_file(self) -> None:
        line = f"mulder:{HASH}\n"
        self.write(line + "#" * (LARGEST_FILE - len(line)))
        file = PasswdFile(self.path)
        self.assertEqual(self.names(file), ["mulder"])
        with self.path.open("a") as end:
            end.write("#")
        with self.assertRaises(LoginUnavailable):
            file.find("mulder")

    def test_gone_is_not_empty(self) -> None:
        """Who can't be looked up is not refused for good; and what was read before is not trusted any more."""
        self.write(f"mulder:{HASH}\n")
        file = PasswdFile(self.path)
        self.path.unlink()
        for _ in range(3):
            with self.assertRaisesRegex(LoginUnavailable, "No such file"):
                file.find("mulder")
        self.assertEqual(self.logged, ["No such file or directory"], "said once")
        self.write(f"scully:{HASH}\n")
        self.assertEqual(self.names(file), ["scully"])

    def test_at_start(self) -> None:
        with self.assertRaisesRegex(AccountError, "passwd: No such file"):
            PasswdFile(self.path)
        self.path.mkdir()
        with self.assertRaisesRegex(AccountError, "passwd: not a regular file"):
            PasswdFile(self.path)
        self.path.rmdir()
        os.mkfifo(self.path)
        with self.assertRaisesRegex(AccountError, "passwd: not a regular file"):
            PasswdFile(self.path)

    def test_is_not_written(self) -> None:
        self.write(f"mulder:{HASH}\n")
        file = PasswdFile(self.path)
        record = file.find("mulder")
        assert record is not None
        file.renew(record, "newer")
        self.assertEqual(self.path.read_text(), f"mulder:{HASH}\n")
