"""The sections that every configuration knows, and the keys that every service has.

A service kind's own settings inherit from `ServiceSettings` and stand in its protocol's folder. A settings class
may have a method ``problems`` that yields (key name, message) for what no key can tell by itself: keys that don't go
together, files that aren't there.
"""

from __future__ import annotations

import grp
import pwd
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar

from netdaemon.config import disk
from netdaemon.config.keys import key
from netdaemon.config.mailsettings import MailSettings
from netdaemon.config.values import (
    Listen,
    Network,
    Secret,
    auto,
    choice,
    duration,
    flag,
    hostname,
    integer,
    listens,
    networks,
    optional,
    path,
    secret,
    sources,
    text,
)


@dataclass(frozen=True)
class DaemonSettings:
    """[netdaemon]: the process itself."""

    hostname: str = key(hostname, "The host's name in banners and Message-IDs.", default="localhost")
    data: Path = key(
        path,
        "The state directory: accounts, messages, queue, generated certificate. Made with mode 0700.",
        example="/var/lib/netdaemon",
    )
    ready_file: Path | None = key(
        optional(path),
        "Written whole, as JSON, once every listener is up; removed at stop.",
        default="",
        example="/run/netdaemon/ready.json",
    )
    metrics_file: Path | None = key(
        optional(path),
        "The counters in Prometheus text format, written every 15 seconds and at stop (for node_exporter's "
        "textfile collector).",
        default="",
        example="/var/lib/prometheus/node-exporter/netdaemon.prom",
    )
    user: str = key(
        text,
        "Run as this user once every address is bound (started as root). With workers it must be able to read every "
        "file that is named here.",
        default="",
    )
    group: str = key(text, "Run as this group; empty means the user's own.", default="")
    grace: float = key(duration, "How long sessions may finish their work at stop.", default="10s")
    open_files: int = key(
        integer(0, 10_000_000), "Raise the limit of open files to this; 0 leaves it as it is.", default="0"
    )
    workers: int | None = key(
        auto(integer(1, 512)),
        "Processes that serve; auto is one for each processor the daemon may use. With more than one, each holds its "
        "share of max-connections, max-connections-per-address and max-connections-per-account, rounded up, and a "
        "change needs a restart.",
        default="1",
    )

    def problems(self) -> Iterator[tuple[str, str]]:
        if wrong := disk.not_to_become_folder(self.data):
            yield "data", wrong
        if self.user and not _is_known(pwd.getpwnam, self.user):
            yield "user", f"there is no user {self.user!r}"
        if self.group and not _is_known(grp.getgrnam, self.group):
            yield "group", f"there is no group {self.group!r}"
        if self.group and not self.user:
            yield "group", "group goes with user, which is not set"
        for name, file in (("ready-file", self.ready_file), ("metrics-file", self.metrics_file)):
            if file is not None and (wrong := disk.a_folder(file)):
                yield name, wrong


@dataclass(frozen=True)
class LogSettings:
    """[log]: the daemon's own log and the access logs of its services."""

    format: str = key(choice("text", "json"), "One line of text or one JSON object an event.", default="text")
    file: Path | None = key(
        optional(path), "Write here, opened anew at SIGHUP; empty means standard output.", default=""
    )
    level: str = key(choice("debug", "info", "warn", "error"), "Leave out what weighs less than this.", default="info")

    def problems(self) -> Iterator[tuple[str, str]]:
        if self.file is not None and (wrong := disk.a_folder(self.file)):
            yield "file", wrong


@dataclass(frozen=True)
class TLSSettings:
    """[tls]: certificate and key. Without them a self-signed pair is made in data/tls on the first start."""

    certificate: Path | None = key(
        optional(path), "PEM, the host's certificate and the chain behind it.", default="", example="chain.pem"
    )
    private_key: Path | None = key(optional(path), "PEM, the certificate's private key.", default="", example="key.pem")
    private_key_password: Secret = key(secret, "The passphrase of an encrypted private key.", default="", secret=True)
    sni: Path | None = key(
        optional(path),
        "A folder with more certificates, one sub-folder NAME/{chain.pem,key.pem} each, chosen by server name "
        "(_.example.org stands for *.example.org).",
        default="",
    )
    client_ca: Path | None = key(
        optional(path), "PEM of the authorities whose client certificates may log in (EXTERNAL).", default=""
    )
    minimum: str = key(choice("1.2", "1.3"), "The oldest TLS version that is spoken.", default="1.2")
    sticky: bool = key(
        flag,
        "With several workers, let an address (of IPv6, a /64) always come to the same one at a `tls:` door, where its "
        "sessions can be resumed; its load is then that one's alone. Never done with proxy-protocol.",
        default="yes",
    )
    watch: float = key(
        duration, "How often certificate files are looked at; changed ones are swapped in.", default="10s"
    )

    def problems(self) -> Iterator[tuple[str, str]]:
        if self.certificate is not None and self.private_key is None:
            yield "certificate", "certificate goes with private-key, which is not set"
        if self.private_key is not None and self.certificate is None:
            yield "private-key", "private-key goes with certificate, which is not set"
        if self.private_key_password and self.private_key is None:
            yield "private-key-password", "private-key-password goes with private-key, which is not set"
        files = {"certificate": self.certificate, "private-key": self.private_key, "client-ca": self.client_ca}
        for name, file in files.items():
            if file is not None and (wrong := disk.unreadable(file)):
                yield name, wrong
        if self.sni is not None and (wrong := disk.no_folder(self.sni)):
            yield "sni", wrong
        if not self.watch:
            yield "watch", "watch must be longer than 0"


@dataclass(frozen=True)
class DocumentsSettings:
    """[documents]: the one document tree that http, ftp, gopher and the telnet shell show."""

    root: Path | None = key(
        optional(path), "The tree's top folder; empty means no documents.", default="", example="/srv/netdaemon"
    )
    hidden: bool = key(flag, "Show and serve names that begin with a dot.", default="no")
    symlinks: str = key(
        choice("inside", "no"), "Follow symbolic links that stay inside the tree, or none.", default="inside"
    )

    def problems(self) -> Iterator[tuple[str, str]]:
        if self.root is not None and (wrong := disk.no_folder(self.root)):
            yield "root", wrong


@dataclass(frozen=True)
class AccountsSettings:
    """[accounts]: who may log in, and how guessing is slowed down."""

    auth: tuple[str, ...] = key(
        sources,
        "Where accounts are looked up, in this order: store (the daemon's own table), file:PATH (passwd-like, "
        "name:hash:...), demo (mulder / trustno1, on loopback only), or what a strcred description says.",
        default="store",
    )
    throttle_delay: float = key(
        duration, "The first wait after a failed login; it doubles with each further one.", default="500ms"
    )
    throttle_most: float = key(duration, "The longest such wait.", default="8s")
    throttle_failures: int = key(
        integer(1, 1_000_000), "Failed logins within the window that ban an address.", default="20"
    )
    throttle_window: float = key(duration, "How long a failed login is remembered.", default="10m")
    ban: float = key(duration, "How long a ban lasts.", default="15m")
    trusted: tuple[Network, ...] = key(
        networks, "Networks that are delayed but never banned.", default="127.0.0.0/8 ::1"
    )

    def problems(self) -> Iterator[tuple[str, str]]:
        if not self.auth:
            yield "auth", "auth names no place where accounts are looked up: write auth = store"
        for word in self.auth:
            if word.startswith("file:") and (wrong := disk.unreadable(Path(word.removeprefix("file:")))):
                yield "auth", wrong
        if self.throttle_delay > self.throttle_most:
            yield "throttle-delay", "throttle-delay is longer than throttle-most"


@dataclass(frozen=True)
class ServiceSettings:
    """What every service has: where it listens, whom it lets in and what it writes down."""

    section: str = ""
    """The section's name, "http" or "http:intranet": the service's name in logs, counters and ready-file."""

    guests: tuple[ServiceSettings, ...] = ()
    """The sections that are served at this one's addresses, for they have none of their own, in their order."""

    guest_key: ClassVar[str] = ""
    """The key by which a section can do without listen: it stands behind the doors of the one named like its kind."""

    listen: tuple[Listen, ...] = key(listens, "Where it listens.", example="tcp:8080:interface=127.0.0.1 tls:8443")
    max_connections: int = key(integer(1, 10_000_000), "Connections at one time.", default="10000")
    max_connections_per_address: int = key(
        integer(1, 10_000_000), "Connections at one time from one address (IPv6: one /64).", default="1000"
    )
    max_connections_per_account: int = key(
        integer(1, 10_000_000), "Sessions at one time of one account.", default="100"
    )
    plaintext_login: str = key(
        choice("loopback", "never", "always"), "Where passwords may travel without TLS.", default="loopback"
    )
    handshake_timeout: float = key(duration, "The deadline of a TLS handshake.", default="10s")
    proxy_protocol: tuple[Network, ...] = key(
        networks,
        "Load balancers that send a PROXY protocol header (v1 or v2) first; others are refused. Empty: none.",
        default="",
    )
    access_log: Path | None = key(
        optional(path), "The service's access log, opened anew at SIGHUP; empty means none.", default=""
    )

    @property
    def guest(self) -> bool:
        """Does this section listen nowhere itself (see `guest_key`)?"""
        return bool(self.guest_key and getattr(self, self.guest_key) and not self.listen)

    @property
    def sealed(self) -> tuple[str, ...]:
        """Paths of the document tree beneath which nobody may write, whatever his rights: programs run from there."""
        return ()

    def problems(self) -> Iterator[tuple[str, str]]:
        if not self.handshake_timeout:
            yield "handshake-timeout", "handshake-timeout must be longer than 0"
        if self.access_log is not None and (wrong := disk.a_folder(self.access_log)):
            yield "access-log", wrong


SECTIONS: Mapping[str, type[Any]] = MappingProxyType(
    {
        "netdaemon": DaemonSettings,
        "log": LogSettings,
        "tls": TLSSettings,
        "documents": DocumentsSettings,
        "accounts": AccountsSettings,
        "mail": MailSettings,
    }
)
"""The sections that are no services, in the order of the reference; their names are `Config`'s fields too."""


def _is_known(lookup: Any, name: str) -> bool:
    try:
        lookup(name)
    except (KeyError, ValueError):  # ValueError: what no name may hold
        return False
    return True
