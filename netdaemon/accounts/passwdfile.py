"""PasswdFile: accounts in a text file that somebody else keeps, read-only here.

    # name:hash:quota:home:rights
    scully:$argon2id$v=19$m=65536,t=3,p=4$c2FsdHNhbHQ$...:2G:/people/scully:/=r,/people/scully=rw
    skinner:$argon2id$v=19$...

One account a line, in UTF-8; empty lines and lines that begin with # are skipped. Fields from the right may be left
out, or be empty:

- name: as in `netdaemon user add`.
- hash: argon2id in PHC form, as the command `argon2 SALT -id -e` prints it. `!` or `*` alone, or in front of the hash:
  the account may not log in. After a space may follow what SCRAM needs, in Dovecot's form:
  ``{SCRAM-SHA-256}ITERATIONS,SALT,STOREDKEY,SERVERKEY`` (base64).
- quota: a size as in the INI; empty is no limit.
- home: a path of the document tree; empty is /.
- rights: PATH=rw, PATH=r and PATH=- with commas between them; %2C, %3A and %25 stand for , : and % in a path.

The file is looked at whenever somebody logs in and read again when its inode, size or times have changed; put a new
one in place by renaming. A bad line is left out, and logged with its number once for every version of the file.
"""

from __future__ import annotations

import os
import stat
from base64 import b64decode
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar
from urllib.parse import unquote

from twisted.logger import Logger

from netdaemon.accounts.hashing import check_hash
from netdaemon.accounts.names import AccountError, account_name, right, tree_path
from netdaemon.accounts.sources import Record
from netdaemon.config.values import size
from netdaemon.interfaces import Account, LoginUnavailable, Right, ScramVerifier

LARGEST_FILE = 1 << 20
LONGEST_LINE = 4096
MOST_ACCOUNTS = 10_000

SCRAM = "{SCRAM-SHA-256}"
MOST_ITERATIONS = 10_000_000

T = TypeVar("T")
Stamp = tuple[int, ...]

log = Logger()


class PasswdFile:
    """One such file. Raises AccountError when it can't be read at first."""

    has_verifiers = False  # a line need not have one

    def __init__(self, path: Path) -> None:
        self._path = path
        self._records: dict[str, Record] = {}
        self._stamp: Stamp | None = None
        self._complaint = ""
        try:
            self._look()
        except (OSError, AccountError) as error:
            raise AccountError(f"{path}: {_reason(error)}") from None

    def find(self, name: str, loopback: bool = False) -> Record | None:
        """The account of that normal name. A file that is gone, or too large, is LoginUnavailable and no empty one."""
        try:
            self._look()
        except (OSError, AccountError) as error:
            self._stamp = None
            if self._complaint != str(error):
                self._complaint = str(error)
                log.error("{path}: {reason}", path=str(self._path), reason=_reason(error))
            raise LoginUnavailable(f"{self._path}: {_reason(error)}") from error
        self._complaint = ""
        return self._records.get(name)

    def renew(self, record: Record, hash: str) -> None:
        """The file is somebody else's: nothing to do."""

    def _look(self) -> None:
        if self._stamp is None or _stamp(self._path.stat()) != self._stamp:
            self._stamp, text = _read(self._path)
            self._records = {}
            for number, problem in self._parse(text):
                log.warn("{path}:{line}: {problem}", path=str(self._path), line=number, problem=problem)

    def _parse(self, content: bytes) -> Iterator[tuple[int, str]]:
        """Fills the records; yields the number of each bad line and what is wrong with it (never its words)."""
        for number, line in enumerate(content.split(b"\n"), start=1):
            line = line.removesuffix(b"\r")
            if not line.strip() or line.startswith(b"#"):
                continue
            if len(line) > LONGEST_LINE:
                yield number, f"longer than {LONGEST_LINE} bytes"
                continue
            if len(self._records) >= MOST_ACCOUNTS:
                yield number, f"more than {MOST_ACCOUNTS} accounts; this line and all behind it are left out"
                return
            try:
                record = parse_line(line.decode())
            except UnicodeDecodeError:
                yield number, "no UTF-8"
                continue
            except AccountError as error:
                yield number, str(error)
                continue
            if record.account.name in self._records:
                yield number, f"{record.account.name} stands above already, and that line counts"
            else:
                self._records[record.account.name] = record


def parse_line(line: str) -> Record:
    """One line. Raises AccountError, which repeats none of its words: a hash may stand in any wrong place."""
    fields = line.split(":")
    if not 2 <= len(fields) <= 5:
        raise AccountError("not name:hash:quota:home:rights")
    name, secrets, quota, home, rights = fields + [""] * (5 - len(fields))
    secrets = secrets.strip()
    unlocked = secrets.lstrip("!*")
    hash, _, scram = unlocked.partition(" ")
    if not unlocked and not secrets:
        raise AccountError("no hash; write ! for an account that may not log in")
    return Record(
        Account(
            _field("the name is not one that `user add` takes", account_name, name),
            tuple(_field("the rights are not PATH=rw, PATH=r or PATH=-", _right, word) for word in _words(rights)),
            _field("the quota is not a size", lambda text: size.parse(text, Path()), quota) if quota.strip() else None,
            _field("the home is not a path of the document tree", tree_path, home) if home.strip() else "/",
            enabled=unlocked == secrets,
        ),
        check_hash(hash) if unlocked else "",
        _scram(scram.strip()) if scram.strip() else None,
    )


def _field(problem: str, parse: Callable[[str], T], text: str) -> T:
    try:
        return parse(text.strip())
    except (AccountError, ValueError):
        raise AccountError(problem) from None


def _words(rights: str) -> list[str]:
    return [word for word in rights.split(",") if word.strip()]


def _right(word: str) -> Right:
    path, _, mode = word.rpartition("=")
    return right(unquote(path, errors="strict"), mode)


def _scram(text: str) -> ScramVerifier:
    parts = text.removeprefix(SCRAM).split(",")
    try:
        if not text.startswith(SCRAM) or len(parts) != 4:
            raise ValueError
        iterations, (salt, stored_key, server_key) = (
            int(parts[0]),
            (b64decode(part, validate=True) for part in parts[1:]),
        )
        if not 4096 <= iterations <= MOST_ITERATIONS or not salt or len(stored_key) != 32 or len(server_key) != 32:
            raise ValueError
    except ValueError:
        raise AccountError(f"what follows the hash is not {SCRAM}ITERATIONS,SALT,STOREDKEY,SERVERKEY") from None
    return ScramVerifier(salt, iterations, stored_key, server_key)


def _read(path: Path) -> tuple[Stamp, bytes]:
    """(what tells this version of the file from another, its bytes)."""
    # O_NONBLOCK: a pipe by that name must not stop the daemon
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise AccountError("not a regular file")
        with open(descriptor, "rb", closefd=False) as file:
            content = file.read(LARGEST_FILE + 1)
    finally:
        os.close(descriptor)
    if len(content) > LARGEST_FILE:
        raise AccountError(f"larger than {LARGEST_FILE} bytes")
    return _stamp(found), content


def _stamp(found: os.stat_result) -> Stamp:
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _reason(error: Exception) -> str:
    return (error.strerror or str(error)) if isinstance(error, OSError) else str(error)
