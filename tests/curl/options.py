"""curl's options, as its test cases write them: words in, operations out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.curl.exits import Ended, Exit

SHORT = {
    "4": "ipv4", "6": "ipv6", "0": "http1.0", "A": "user-agent", "B": "use-ascii", "C": "continue-at",
    "D": "dump-header", "F": "form", "G": "get", "H": "header", "I": "head", "J": "remote-header-name",
    "K": "config", "L": "location", "O": "remote-name", "P": "ftp-port", "Q": "quote",
    "R": "remote-time", "S": "show-error", "T": "upload-file",
    "U": "proxy-user", "V": "version", "X": "request", "Y": "speed-limit", "Z": "parallel", "a": "append",
    "b": "cookie", "c": "cookie-jar", "d": "data", "e": "referer", "f": "fail", "g": "globoff", "i": "include",
    "j": "junk-session-cookies", "k": "insecure", "l": "list-only", "m": "max-time", "n": "netrc", "o": "output",
    "p": "proxytunnel", "q": "disable", "r": "range", "s": "silent", "u": "user", "v": "verbose", "w": "write-out",
    "x": "proxy", "y": "speed-time", "z": "time-cond", "#": "progress-bar", ":": "next",
}  # fmt: skip

VALUES = frozenset({
    "cacert", "config", "connect-timeout", "connect-to", "continue-at", "cookie", "cookie-jar", "data", "data-ascii",
    "data-binary", "data-raw", "data-urlencode", "dump-header", "etag-compare", "etag-save", "expect100-timeout",
    "form", "form-string", "ftp-account", "ftp-alternative-to-user", "ftp-method", "ftp-port", "header", "json",
    "limit-rate", "max-filesize", "max-redirs", "max-time", "netrc-file", "noproxy", "output", "output-dir",
    "parallel-max", "proto", "proto-default", "proto-redir", "proxy", "proxy-header", "proxy-user", "quote", "range",
    "rate", "referer", "request", "request-target", "resolve", "retry", "retry-delay", "retry-max-time",
    "speed-limit", "speed-time", "stderr", "time-cond", "trace", "trace-ascii", "trace-config", "upload-file", "url",
    "url-query", "user", "user-agent", "write-out", "create-file-mode", "keepalive-time", "keepalive-cnt",
})  # fmt: skip
"""Those that the shim knows and that take a value."""

FLAGS = frozenset({
    "anyauth", "append", "basic", "buffer", "clobber", "compressed", "create-dirs", "crlf", "digest", "disable",
    "disable-eprt", "disable-epsv", "disallow-username-in-url", "eprt", "epsv", "fail", "fail-early",
    "fail-with-body", "form-escape", "ftp-create-dirs", "ftp-pasv", "ftp-skip-pasv-ip", "ftp-ssl", "ftp-ssl-control",
    "ftp-ssl-reqd", "get", "globoff", "head", "http1.1", "http2", "include", "insecure", "ipv4", "ipv6",
    "junk-session-cookies", "keepalive", "list-only", "location", "location-trusted", "netrc", "netrc-optional",
    "next", "parallel", "parallel-immediate", "path-as-is", "post301", "post302", "post303", "progress-bar",
    "progress-meter", "proxy-anyauth", "proxy-basic", "proxy-digest", "proxytunnel", "raw", "remote-header-name",
    "remote-name", "remote-name-all", "remote-time", "remove-on-error", "retry-all-errors", "retry-connrefused",
    "sessionid", "show-error", "show-headers", "silent", "skip-existing", "ssl", "ssl-reqd", "styled-output",
    "suppress-connect-headers", "tcp-nodelay", "trace-ids", "trace-time", "use-ascii", "verbose", "version",
})  # fmt: skip
"""Those that are said or not; each of them also with no- in front."""

GLOBAL = frozenset({
    "trace", "trace-ascii", "trace-config", "trace-time", "trace-ids", "silent", "show-error", "stderr", "verbose",
    "fail-early", "parallel", "parallel-immediate", "parallel-max", "styled-output", "progress-meter",
    "progress-bar",
})  # fmt: skip
_LISTS = frozenset({
    "header", "proxy-header", "quote", "form", "form-string", "cookie", "url-query", "resolve", "connect-to",
    "data-parts", "trace-config",
})  # fmt: skip
_DATA = ("data", "data-ascii", "data-binary", "data-raw", "data-urlencode", "json")


@dataclass
class Target:
    """One URL with what was said of it: where it goes to, or what is sent there."""

    url: str | None = None
    output: str | None = None
    upload: str | None = None
    remote_name: bool = False

    @property
    def placed(self) -> bool:
        return self.output is not None or self.remote_name


@dataclass
class Operation:
    """What stands between two --next: some URLs, and how all of them are fetched."""

    targets: list[Target] = field(default_factory=list)
    values: dict[str, str] = field(default_factory=dict)
    lists: dict[str, list[str]] = field(default_factory=dict)
    flags: dict[str, bool] = field(default_factory=dict)
    parts: list[tuple[str, str]] = field(default_factory=list)
    """The pieces of a body, or the parts of a form, as they came: (option, value)."""

    def __getitem__(self, name: str) -> bool:
        return self.flags.get(name, False)

    def get(self, name: str) -> str | None:
        return self.values.get(name)

    def all(self, name: str) -> list[str]:
        return self.lists.get(name, [])

    def number(self, name: str) -> float | None:
        text = self.values.get(name)
        if text is None:
            return None
        try:
            return float(text)
        except ValueError:
            raise Ended(Exit.FAILED_INIT, f"{name}: no number") from None


def parse(words: Sequence[str]) -> list[Operation]:
    """The operations of a command line. Raises Ended."""
    parsing = _Parsing()
    parsing.words(list(words), deep=0)
    return [operation for operation in parsing.operations if operation.targets or operation["version"]]


class _Parsing:
    def __init__(self) -> None:
        self.operations = [Operation()]

    @property
    def _now(self) -> Operation:
        return self.operations[-1]

    def words(self, words: list[str], deep: int) -> None:
        left = iter(words)
        plain = False
        for word in left:
            if plain or not word.startswith("-") or word == "-":
                self._target("url", word)
            elif word == "--":
                plain = True
            elif word.startswith("--"):
                self._long(word[2:], left, deep)
            else:
                self._bundle(word[1:], left, deep)

    def _bundle(self, letters: str, left: Iterator[str], deep: int) -> None:
        while letters:
            name = SHORT.get(letters[0])
            if name is None:
                raise Ended(Exit.FAILED_INIT, f"-{letters[0]}: not known")
            letters = letters[1:]
            if name in VALUES:
                self._value(name, letters or _next(left, name), deep)
                return
            self._flag(name, True)

    def _long(self, name: str, left: Iterator[str], deep: int) -> None:
        if name in VALUES:
            self._value(name, _next(left, name), deep)
        elif name in FLAGS:
            self._flag(name, True)
        elif name.startswith("no-") and name[3:] in FLAGS:
            self._flag(name[3:], False)
        else:
            raise Ended(Exit.FAILED_INIT, f"--{name}: not known")

    def _flag(self, name: str, wanted: bool) -> None:
        if name == "next":
            if not self._now.targets:
                raise Ended(Exit.FAILED_INIT, "missing URL before --next")
            before, flags = self._now, {}
            flags = {key: value for key, value in before.flags.items() if key in GLOBAL}
            values = {key: value for key, value in before.values.items() if key in GLOBAL}
            self.operations.append(Operation(values=values, flags=flags))
        elif name == "remote-name":
            self._target("remote_name", "yes" if wanted else "")
        elif name == "show-headers":
            self._now.flags["include"] = wanted
        elif name == "location-trusted":
            self._now.flags["location"] = self._now.flags[name] = wanted
        elif name in ("basic", "digest", "anyauth") and wanted:
            self._now.flags[name] = True
        elif name == "http1.0":
            raise Ended(Exit.FAILED_INIT, "HTTP/1.0 is not spoken")
        else:
            self._now.flags[name] = wanted

    def _value(self, name: str, value: str, deep: int) -> None:
        if name == "config":
            if deep > 20:
                raise Ended(Exit.FAILED_INIT, "configurations within configurations")
            self.words(read_config(value), deep + 1)
        elif name in ("url", "output", "upload-file"):
            self._target(name, value)
        elif name in _DATA or name in ("form", "form-string"):
            self._now.parts.append((name, value))
        elif name in _LISTS:
            self._now.lists.setdefault(name, []).append(value)
        else:
            self._now.values[name] = value

    def _target(self, kind: str, value: str) -> None:
        """What is said of the n-th URL may stand before or behind it."""
        free = {
            "url": lambda one: one.url is None,
            "output": lambda one: not one.placed,
            "remote_name": lambda one: not one.placed,
            "upload-file": lambda one: one.upload is None,
        }[kind]
        found = next((one for one in self._now.targets if free(one)), None)
        if found is None:
            found = Target()
            self._now.targets.append(found)
        if kind == "url" and value.startswith("@"):
            for line in _lines(value[1:]):
                self._target("url", line)
        elif kind == "url":
            found.url = value
        elif kind == "output":
            found.output = value
        elif kind == "remote_name":
            found.remote_name = bool(value)
        else:
            found.upload = value


def _next(left: Iterator[str], name: str) -> str:
    value = next(left, None)
    if value is None:
        raise Ended(Exit.FAILED_INIT, f"{name}: a value is missing")
    return value


def read_config(path: str) -> list[str]:
    """A -K file's words: an option a line, its value behind a space, "=" or ":", bare or in quotes."""
    try:
        text = _standard_input() if path == "-" else Path(path).read_text(encoding="utf-8", errors="surrogateescape")
    except OSError as error:
        raise Ended(Exit.READ_ERROR, f"{path}: {error.strerror}") from None
    words = []
    for line in text.splitlines():
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        end = next((at for at, char in enumerate(line) if char in " \t=:"), len(line))
        name, rest = line[:end], line[end:].lstrip(" \t=:")
        words.append(name if name.startswith("-") else f"--{name}")
        if rest.startswith('"'):
            words.append(_unquoted(rest[1:]))
        elif rest:
            words.append(rest.split()[0])
    return words


def _lines(path: str) -> list[str]:
    """The URLs of a file, one a line."""
    try:
        text = _standard_input() if path == "-" else Path(path).read_text(encoding="utf-8", errors="surrogateescape")
    except OSError as error:
        raise Ended(Exit.READ_ERROR, f"{path}: {error.strerror}") from None
    lines = (line.strip() for line in text.splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def _unquoted(text: str) -> str:
    value = ""
    chars = iter(text)
    for char in chars:
        if char == '"':
            break
        if char == "\\":
            char = next(chars, "")
            char = {"t": "\t", "n": "\n", "r": "\r", "v": "\v"}.get(char, char)
        value += char
    return value


def _standard_input() -> str:
    import sys

    return sys.stdin.buffer.read().decode("utf-8", "surrogateescape")
