"""The keys of policies: what [smtp] finds out about strangers' mail, and with which keys accounts' mail is signed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Network
from pathlib import Path

from netdaemon.config import disk
from netdaemon.config.keys import Value, key
from netdaemon.config.settings import ServiceSettings
from netdaemon.config.values import Network, choice, duration, flag, hostname, integer, networks
from netdaemon.mail.policies.hostlist import ANSWERS, HostList
from netdaemon.mail.policies.suffixes import MISSING, is_installed

MOST_LISTS = 20


def _parse_lists(text: str, *, allows: bool) -> tuple[HostList, ...]:
    lists = []
    for line in text.splitlines():
        if not (words := line.split()):
            continue
        zone = hostname.parse(words.pop(0), Path()).lower()
        weight = 1
        if words and words[0].isdigit() and not allows:
            weight = integer(1, 1000).parse(words.pop(0), Path())
        answers = []
        for word in words:
            try:
                answers.append(IPv4Network(word))
            except ValueError:
                raise ValueError(f"{word!r} is not an answer such as 127.0.0.2 or 127.0.0.4/30") from None
            if not answers[-1].subnet_of(ANSWERS):
                raise ValueError(f"{word!r} is no answer: those are within {ANSWERS}")
        lists.append(HostList(zone, weight, tuple(answers) or (ANSWERS,), allows))
    if len(lists) > MOST_LISTS:
        raise ValueError(f"more than {MOST_LISTS} lists")
    return tuple(lists)


def _show_lists(lists: tuple[HostList, ...]) -> str:
    return "\n".join(map(str, lists))


_lists: Value[tuple[HostList, ...]] = Value(
    "lists, one a line",
    lambda text, directory: _parse_lists(text, allows=False),
    _show_lists,
    "ZONE, its weight (1 if none is written) and the answers that count (all of 127.0.0.0/8 if none are), a list a "
    "line: bl.example.org 2 127.0.0.2 127.0.0.4/30.",
)
_allow_lists: Value[tuple[HostList, ...]] = Value(
    "lists, one a line",
    lambda text, directory: _parse_lists(text, allows=True),
    _show_lists,
    "ZONE and the answers that count, a list a line.",
)


@dataclass(frozen=True)
class SigningFile:
    """A domain's private key: where it is, and under which selector the public one is published."""

    domain: str
    selector: str
    file: Path

    def __str__(self) -> str:
        return f"{self.domain} {self.selector} {self.file}"


_SELECTOR = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*")


def _parse_files(text: str, directory: Path) -> tuple[SigningFile, ...]:
    files = []
    for line in text.splitlines():
        if not line.strip():
            continue
        words = line.split(None, 2)
        if len(words) != 3:
            raise ValueError(f"{line.strip()!r} is not DOMAIN SELECTOR FILE")
        domain, selector = hostname.parse(words[0], directory).lower(), words[1].lower()
        # RFC 6376 3.1: one sub-domain or several; it may be all digits
        if len(selector) > 63 or _SELECTOR.fullmatch(selector) is None:
            raise ValueError(f"{words[1]!r} is not a selector such as 2026 or mail-2026")
        files.append(SigningFile(domain, selector, directory / Path(words[2].strip()).expanduser()))
    return tuple(files)


_files: Value[tuple[SigningFile, ...]] = Value(
    "keys, one a line",
    _parse_files,
    lambda files: "\n".join(map(str, files)),
    "DOMAIN, SELECTOR and the FILE of a private key in PEM (RSA or Ed25519), a key a line.",
)


@dataclass(frozen=True)
class SigningSettings(ServiceSettings):
    """What is signed."""

    dkim_sign: tuple[SigningFile, ...] = key(
        _files,
        "Sign the mail of accounts and relay-hosts whose author is at one of these domains, or beneath it (DKIM). A "
        "domain may have several keys.",
        default="",
        example="example.org 2026 /etc/netdaemon/dkim/example.org.pem",
    )

    def problems(self) -> Iterator[tuple[str, str]]:
        """Keys that can't be used."""
        yield from super().problems()
        for file in self.dkim_sign:
            if wrong := disk.unreadable(file.file):
                yield "dkim-sign", wrong
                continue
            from netdaemon.mail.policies.dkimsign import load_key  # here, so that `config check` stays quick

            try:
                load_key(file.file)
            except (OSError, ValueError) as error:
                yield "dkim-sign", f"{file.file} {error}"


@dataclass(frozen=True)
class CheckSettings(ServiceSettings):
    """What is found out about strangers' mail."""

    spf: str = key(
        choice("off", "mark", "refuse"),
        "Look whether the client may send for the sender's domain and for the name in HELO: say so in "
        "Authentication-Results, or refuse what may not, too.",
        default="off",
    )
    dkim: str = key(
        choice("off", "mark"),
        "Verify signatures, and say so in Authentication-Results. A bad one is as good as none: nothing is refused.",
        default="off",
    )
    dmarc: str = key(
        choice("off", "mark", "refuse"),
        "Look whether the author's domain stands behind the message, by SPF and DKIM: say so in "
        "Authentication-Results, or refuse what that domain wants rejected, too. Needs the extra dmarc.",
        default="off",
    )
    dnsbl: tuple[HostList, ...] = key(
        _lists, "DNS lists of clients that nothing is taken from.", default="", example="zen.example.org 2"
    )
    dnsbl_refuse: int = key(integer(1, 1000), "The sum of weights from which a client is refused.", default="1")
    dnsbl_allow: tuple[HostList, ...] = key(
        _allow_lists,
        "DNS lists of clients that neither dnsbl nor greylist stop.",
        default="",
        example="list.example.net",
    )
    greylist: bool = key(
        flag, "Let those come again who are not known yet: client's network, sender and recipient.", default="no"
    )
    greylist_delay: float = key(duration, "How long they are kept waiting.", default="5m")
    greylist_retry: float = key(duration, "How long they are waited for.", default="2d")
    greylist_keep: float = key(duration, "How long they are remembered when they don't come any more.", default="35d")
    greylist_known: int = key(
        integer(0, 1_000_000),
        "After so many senders and recipients that were waited for, a network waits no more; 0 means never.",
        default="5",
    )
    greylist_spf: bool = key(flag, "Whose SPF passes, doesn't wait.", default="yes")
    unchecked: tuple[Network, ...] = key(
        networks, "Clients that none of this is asked of, besides relay-hosts and accounts.", default="127.0.0.0/8 ::1"
    )

    def problems(self) -> Iterator[tuple[str, str]]:
        """What the keys can't say each for itself."""
        yield from super().problems()
        if self.dmarc != "off" and not is_installed():
            yield "dmarc", MISSING
        if not 0 < self.greylist_delay < self.greylist_retry:
            yield "greylist-delay", "greylist-delay must be longer than 0s, and shorter than greylist-retry"
        if self.greylist_keep < self.greylist_retry:
            yield "greylist-keep", "greylist-keep is shorter than greylist-retry"

    @property
    def checks(self) -> bool:
        """Is anything asked for?"""
        return (self.spf, self.dkim, self.dmarc) != ("off",) * 3 or self.greylist or bool(self.dnsbl)
