"""The POP3 server's kind and settings (RFC 1939, RFC 2449)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from twisted.internet.interfaces import IProtocolFactory

from netdaemon.config.keys import Value, key
from netdaemon.config.values import Listen, duration, flag, integer, listens, optional, path
from netdaemon.interfaces import IHouse, ServiceKind
from netdaemon.protocols.pop3.apop import BadSecrets, read_secrets
from netdaemon.wire.linesettings import LineSettings

MOST_DAYS = 36_500


def _parse_days(text: str, directory: Path) -> int | None:
    if text == "never":
        return None
    if not re.fullmatch("[0-9]{1,5}", text) or int(text) > MOST_DAYS:
        raise ValueError(f"{text!r} is neither never nor a number of days up to {MOST_DAYS}")
    return int(text)


_days: Value[int | None] = Value(
    "days or never",
    _parse_days,
    lambda days: "never" if days is None else str(days),
    "never, or a number of days: 30.",
)


@dataclass(frozen=True)
class POP3Settings(LineSettings):
    """[pop3]: each account's INBOX over POP3, in clear with STLS on tcp, under TLS from the first octet on tls."""

    listen: tuple[Listen, ...] = key(listens, "Where it listens.", example="tcp:110 tls:995")
    idle_timeout: float = key(
        duration, "How long a session may be silent between two commands; RFC 1939 wants 10 minutes.", default="10m"
    )
    login_attempts: int = key(integer(1, 1000), "Failed logins that end a session.", default="3")
    expire: int | None = key(
        _days,
        "How long mail is kept, at the least: what is older in an account's INBOX is removed when it logs in here. 0 "
        "removes with QUIT what was retrieved. Clients are told of it (EXPIRE).",
        default="never",
    )
    login_delay: float = key(
        duration,
        "The least time between two logins of one account; 0s for none. Clients are told of it (LOGIN-DELAY); each "
        "worker counts for itself.",
        default="0s",
    )
    apop: Path | None = key(
        optional(path),
        "A file of lines `NAME SECRET`, for nobody else to read (mode 600): whoever stands there may log in by APOP, "
        "with that secret in place of the password. Read again at SIGHUP.",
        default="",
        example="/etc/netdaemon/apop",
    )
    mark_seen: bool = key(
        flag, "With QUIT mark what was retrieved as seen, for those who read the same INBOX by IMAP.", default="no"
    )

    def problems(self) -> Iterator[tuple[str, str]]:
        """What the keys can't say each for itself."""
        yield from super().problems()
        for name in ("idle-timeout", "command-timeout", "stall-timeout"):
            if getattr(self, name.replace("-", "_")) <= 0:
                yield name, "this must be longer than 0s"
        if self.apop is not None:
            try:
                read_secrets(self.apop)
            except BadSecrets as error:
                yield "apop", str(error)


def _factory(settings: POP3Settings, house: IHouse) -> IProtocolFactory:
    from netdaemon.protocols.pop3.server import POP3Factory  # here, so that `config check` stays quick

    return POP3Factory(settings, house)


ALPN = (b"pop3",)

pop3 = ServiceKind(
    name="pop3",
    summary="Serves each account's INBOX over POP3, with and without TLS.",
    settings=POP3Settings,
    factory=_factory,
    alpn=ALPN,
    transports=frozenset({"tcp", "tls", "unix", "systemd"}),
    tries={
        "tcp": (
            "netdaemon mail list pop3://mulder:trustno1@{host}:{port}",
            "curl pop3://mulder:trustno1@{host}:{port}/",
        ),
        "tls": ("curl -k pop3s://mulder:trustno1@{host}:{port}/",),
    },
)
