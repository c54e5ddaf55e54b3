"""The types of value that an INI key may have: text to value and back."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from netdaemon.config.keys import Value

T = TypeVar("T")
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Secret(str):
    """A password or passphrase: a str that never shows itself in a repr, a log or ``config show``."""

    def __repr__(self) -> str:
        return "'***'"


@dataclass(frozen=True)
class Listen:
    """One listen word: ``tcp:8080:interface=127.0.0.1`` and its kin.

    ``transport`` is tcp, tls, udp, unix or systemd; ``port`` belongs to the first three (0 = ephemeral),
    ``name`` to unix (a path) and systemd (a descriptor's name). ``interface`` is an IP address, "" for all of
    IPv4 and "::" for all of IPv6.
    """

    transport: str
    port: int = 0
    name: str = ""
    interface: str = ""

    def __str__(self) -> str:
        if self.transport in ("unix", "systemd"):
            return f"{self.transport}:{_escape_colons(self.name)}"
        interface = f":interface={_escape_colons(self.interface)}" if self.interface else ""
        return f"{self.transport}:{self.port}{interface}"


def _parse_text(text: str, directory: Path) -> str:
    if "\n" in text:
        raise ValueError("one line is wanted")
    return text


_LABEL = re.compile("(?!-)[A-Za-z0-9-]{1,63}(?<!-)")


def _parse_hostname(text: str, directory: Path) -> str:
    # RFC 1123 section 2.1; the last label is no number, for that were an address.
    labels = text.split(".")
    if len(text) > 253 or not all(map(_LABEL.fullmatch, labels)) or labels[-1].isdigit():
        raise ValueError(f"{text!r} is not a host's name such as mail.example.org (xn--... if not ASCII)")
    return text


def _parse_flag(text: str, directory: Path) -> bool:
    word = text.lower()
    if word in ("yes", "on", "true", "1"):
        return True
    if word in ("no", "off", "false", "0"):
        return False
    raise ValueError(f"{text!r} is neither yes nor no")


_SIZE = re.compile(r"([0-9]{1,15})([kKmMgGtT]?)(?:i?[bB])?")
_SIZE_UNITS = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}


def _parse_size(text: str, directory: Path) -> int:
    match = _SIZE.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not a size such as 512, 64K, 10M or 2G")
    return int(match[1]) * _SIZE_UNITS[match[2].lower()]


def _show_size(value: int) -> str:
    for unit in ("t", "g", "m", "k"):
        if value and value % _SIZE_UNITS[unit] == 0:
            return f"{value // _SIZE_UNITS[unit]}{unit.upper()}"
    return str(value)


_DURATION = re.compile(r"([0-9]{1,13})(?:(ms)|(?:\.([0-9]{1,6}))?([smhdw]))")
_MILLISECONDS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
_LONGEST = 36500 * _MILLISECONDS["d"]


def _parse_duration(text: str, directory: Path) -> float:
    # In whole milliseconds, so that what is shown parses back to the very same number.
    total, position = 0, 0
    while match := _DURATION.match(text, position):
        whole, milliseconds, fraction, unit = match.groups()
        size = _MILLISECONDS[milliseconds or unit]
        total += int(whole) * size + int(fraction or 0) * size // 10 ** len(fraction or "")
        position = match.end()
    if not text or position != len(text):
        raise ValueError(f"{text!r} is not a duration such as 500ms, 90s, 5m or 1h30m")
    if total > _LONGEST:
        raise ValueError(f"{text!r} is longer than {_LONGEST // _MILLISECONDS['d']}d")
    return total / 1000


def _show_duration(value: float) -> str:
    milliseconds = round(value * 1000)
    for unit in ("w", "d", "h", "m", "s"):
        if milliseconds % _MILLISECONDS[unit] == 0:
            return f"{milliseconds // _MILLISECONDS[unit]}{unit}" if milliseconds else "0s"
    return f"{milliseconds}ms"


def _parse_path(text: str, directory: Path) -> Path:
    if not text:
        raise ValueError("a path is wanted")
    if "\0" in text:
        raise ValueError("a path cannot hold a NUL")
    if "\n" in text:
        raise ValueError("one path is wanted, on one line")
    try:
        return directory / Path(text).expanduser()
    except RuntimeError:
        raise ValueError(f"{text!r}: there is no such user, or no home folder") from None


def _parse_words(text: str, directory: Path) -> tuple[str, ...]:
    return tuple(text.split())


def _parse_sources(text: str, directory: Path) -> tuple[str, ...]:
    words = []
    for word in text.split():
        scheme, colon, name = word.partition(":")
        words.append(f"file:{_parse_path(name, directory)}" if (scheme, colon) == ("file", ":") else word)
    return tuple(words)


def _parse_networks(text: str, directory: Path) -> tuple[Network, ...]:
    networks = []
    for word in text.split():
        try:
            network = ipaddress.ip_network(word, strict=False)
        except ValueError as error:
            raise ValueError(f"{word!r} is not a network such as 192.0.2.0/24 or 2001:db8::/32") from error
        if "/" in word and network.network_address != ipaddress.ip_address(word.partition("/")[0]):
            raise ValueError(f"{word!r} has bits set behind its prefix, did you mean '{network}'?")
        networks.append(network)
    return tuple(networks)


_TRANSPORTS = ("tcp", "tls", "udp", "unix", "systemd")
_NOUNS = {"unix": "path", "systemd": "name"}


def _escape_colons(text: str) -> str:
    return text.replace("\\", "\\\\").replace(":", "\\:")


def _split_at_colons(word: str) -> list[str]:
    """The parts between the colons; ``\\:`` is a colon and ``\\\\`` a backslash within a part."""
    parts, part, at = [], "", 0
    while at < len(word):
        if word[at : at + 2] in ("\\:", "\\\\"):
            at += 1
        elif word[at] == ":":
            parts.append(part)
            part, at = "", at + 1
            continue
        part += word[at]
        at += 1
    return [*parts, part]


def _parse_listen(word: str, directory: Path) -> Listen:
    transport, *arguments = _split_at_colons(word)
    if transport not in _TRANSPORTS:
        raise ValueError(f"{word!r} does not begin with one of {' '.join(_TRANSPORTS)}")
    if not arguments or not arguments[0]:
        raise ValueError(f"{word!r} lacks its {_NOUNS.get(transport, 'port')}")
    if transport in ("unix", "systemd"):
        if len(arguments) > 1:
            raise ValueError(f"{word!r} has more than a {_NOUNS[transport]} (write \\: for : in it)")
        name = str(_parse_path(arguments[0], directory)) if transport == "unix" else arguments[0]
        return Listen(transport, name=name)
    return Listen(transport, port=_parse_port(word, arguments[0]), interface=_parse_interface(word, arguments[1:]))


def _parse_port(word: str, port: str) -> int:
    if not re.fullmatch("[0-9]{1,5}", port) or int(port) > 65535:
        raise ValueError(f"{word!r}: {port!r} is not a port from 0 to 65535")
    return int(port)


def _parse_interface(word: str, arguments: list[str]) -> str:
    if not arguments:
        return ""
    if len(arguments) > 1 and all(argument.startswith("interface=") for argument in arguments):
        raise ValueError(f"{word!r} has two interfaces: write a word for each")
    for argument in arguments:
        if not argument.startswith("interface="):
            raise ValueError(f"{word!r}: {argument!r} is not interface=ADDRESS (write \\: for : in IPv6)")
    address = arguments[0].removeprefix("interface=")
    try:
        return str(ipaddress.ip_address(address))
    except ValueError as error:
        raise ValueError(f"{word!r}: {address!r} is not an IP address") from error


def _parse_listens(text: str, directory: Path) -> tuple[Listen, ...]:
    listens = tuple(_parse_listen(word, directory) for word in text.split())
    seen = set()
    for listen in listens:
        if listen in seen and (listen.port or listen.name):
            raise ValueError(f"{listen} stands twice")
        seen.add(listen)
    return listens


text: Value[str] = Value("text", _parse_text, str, "Any text on one line.")
hostname: Value[str] = Value(
    "host name", _parse_hostname, str, "Labels of letters, digits and hyphens: mail.example.org (xn--... if not ASCII)."
)
flag: Value[bool] = Value(
    "yes or no", _parse_flag, lambda value: "yes" if value else "no", "yes, on, true or no, off, false."
)
size: Value[int] = Value("size", _parse_size, _show_size, "Bytes; K, M, G and T are powers of 1024: 512, 64K, 10M, 2G.")
duration: Value[float] = Value(
    "duration",
    _parse_duration,
    _show_duration,
    "A number with ms, s, m, h, d or w, down to a millisecond: 500ms, 90s, 1h30m.",
)
path: Value[Path] = Value(
    "path", _parse_path, str, "Absolute, or relative to the folder of the INI file; ~ is the home folder."
)
words: Value[tuple[str, ...]] = Value("words", _parse_words, " ".join, "Words between white space.")
sources: Value[tuple[str, ...]] = Value(
    "account sources",
    _parse_sources,
    " ".join,
    "Between white space: store, file:PATH, demo, or a strcred description such as unix or memory:NAME:PASSWORD.",
)
networks: Value[tuple[Network, ...]] = Value(
    "networks",
    _parse_networks,
    lambda value: " ".join(map(str, value)),
    "Addresses and networks between white space: 192.0.2.7 10.0.0.0/8 2001:db8::/32.",
)
listens: Value[tuple[Listen, ...]] = Value(
    "listen words",
    _parse_listens,
    lambda value: " ".join(map(str, value)),
    "tcp:PORT, tls:PORT or udp:PORT (each with :interface=ADDRESS if wanted; port 0 = any free one), "
    "unix:PATH, systemd:NAME, between white space; \\: is a colon within a path or an IPv6 address.",
)
secret: Value[Secret] = Value(
    "secret",
    lambda text, directory: Secret(_parse_text(text, directory)),
    lambda value: "***" if value else "",
    "Any text on one line; `config show` prints ***.",
)


def integer(least: int, most: int) -> Value[int]:
    """A whole number within bounds."""

    def parse(text: str, directory: Path) -> int:
        if not re.fullmatch("[0-9]{1,15}", text) or not least <= int(text) <= most:
            raise ValueError(f"{text!r} is not a whole number from {least} to {most}")
        return int(text)

    return Value("number", parse, str, f"A whole number from {least} to {most}.")


def choice(*options: str) -> Value[str]:
    """One word out of a few."""

    def parse(text: str, directory: Path) -> str:
        if text not in options:
            raise ValueError(f"{text!r} is not one of {' '.join(options)}")
        return text

    return Value("choice", parse, str, f"One of: {' '.join(options)}.")


def optional(value: Value[T]) -> Value[T | None]:
    """The same, or None when the text is empty."""
    parse: Callable[[str, Path], T] = value.parse
    return Value(
        value.name,
        lambda text, directory: parse(text, directory) if text else None,
        lambda given: "" if given is None else value.show(given),
        value.syntax,
    )


def auto(value: Value[T]) -> Value[T | None]:
    """The same, or None for the word auto: the daemon finds out by itself."""
    parse: Callable[[str, Path], T] = value.parse
    return Value(
        f"{value.name} or auto",
        lambda text, directory: None if text == "auto" else parse(text, directory),
        lambda given: "auto" if given is None else value.show(given),
        f"{value.syntax.removesuffix('.')}, or auto.",
    )


def several(item: Value[T]) -> Value[tuple[T, ...]]:
    """Any number of the same, one a line."""
    return Value(
        f"{item.name}, one a line",
        lambda text, directory: tuple(
            item.parse(line.strip(), directory) for line in text.splitlines() if line.strip()
        ),
        lambda given: "\n".join(item.show(one) for one in given),
        f"{item.syntax.removesuffix('.')}; one a line.",
    )


def setting(name: str, text: str) -> str:
    """The INI line `NAME = TEXT`; what holds several lines goes on in indented ones."""
    if not text:
        return f"{name} ="
    # `= ;x` would be a comment, `=;x` is none.
    return f"{name} ={'' if text.startswith(';') else ' '}" + text.replace("\n", "\n    ")
