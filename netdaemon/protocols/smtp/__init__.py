"""SMTP's kinds and settings: `smtp` takes mail from anybody, `submission` from accounts, `lmtp` from a neighbour.

RFC 5321, RFC 6409 and RFC 2033.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from twisted.internet.interfaces import IProtocolFactory

from netdaemon.config.keys import Value, key
from netdaemon.config.values import Listen, Network, choice, duration, flag, integer, listens, networks, size
from netdaemon.interfaces import IHouse, ServiceKind
from netdaemon.mail.policies.settings import CheckSettings, SigningSettings
from netdaemon.wire.linesettings import LineSettings

MECHANISMS = ("SCRAM-SHA-256-PLUS", "SCRAM-SHA-256", "EXTERNAL", "PLAIN", "LOGIN")

Senders = tuple[tuple[str, tuple[str, ...]], ...]


def _parse_senders(text: str, directory: Path) -> Senders:
    lines = []
    for line in text.splitlines():
        if not (words := line.split()):
            continue
        account, *addresses = words
        for address in addresses:
            if address != "*" and "@" not in address:
                raise ValueError(f"{address!r} is neither name@host nor @host nor *")
        if not addresses:
            raise ValueError(f"no address behind {account!r}")
        lines.append((account, tuple(addresses)))
    return tuple(lines)


_senders: Value[Senders] = Value(
    "senders, one account a line",
    _parse_senders,
    lambda value: "\n".join(" ".join((account, *addresses)) for account, addresses in value),
    "ACCOUNT and the addresses it may send as, an account a line: mulder fox@example.org @x.example (all of a domain's)"
    " or * (any).",
)


def _parse_mechanisms(text: str, directory: Path) -> tuple[str, ...]:
    names = tuple(text.upper().split())
    for name in names:
        if name not in MECHANISMS:
            raise ValueError(f"{name!r} is not one of {' '.join(MECHANISMS)}")
    return names


_mechanisms: Value[tuple[str, ...]] = Value(
    "SASL mechanisms", _parse_mechanisms, " ".join, f"Some of {' '.join(MECHANISMS)}; empty: nobody logs in."
)


@dataclass(frozen=True)
class TransferSettings(LineSettings):
    """What all three kinds can be told."""

    size: int = key(size, "The largest message that is taken, in octets (SIZE).", default="50M")
    recipients: int = key(
        integer(1, 100_000), "The most recipients of one message; RFC 5321 wants at least 100.", default="1000"
    )
    messages_per_session: int = key(integer(1, 1_000_000), "The most messages in one session.", default="1000")
    refused_recipients: int = key(
        integer(1, 1_000_000), "Refused recipients that end a session: somebody tries names.", default="50"
    )
    text_line: int = key(
        integer(0, 1_000_000_000),
        "The longest line of a message in octets, without its end; a longer one has the message refused. RFC 5322 has "
        "998; 0 is no limit.",
        default="998",
    )
    bare_line_ends: str = key(
        choice("refuse", "normalise"),
        "A CR or LF alone within a message: refuse the message, or make a line's end of it. It is never passed on.",
        default="refuse",
    )
    xclient: tuple[Network, ...] = key(
        networks, "Proxies that may say for whom they speak (XCLIENT). Empty: none.", default=""
    )

    def problems(self) -> Iterator[tuple[str, str]]:
        """What the keys can't say each for itself."""
        yield from super().problems()
        for name in ("idle-timeout", "command-timeout", "stall-timeout"):
            if getattr(self, name.replace("-", "_")) <= 0:
                yield name, "this must be longer than 0s"
        if self.size <= 0:
            yield "size", "this must be more than 0"
        if 0 < self.text_line < 998:
            yield "text-line", "RFC 5322 allows lines of 998 octets: write 998 or more, or 0 for no limit"


@dataclass(frozen=True)
class AccountSettings(TransferSettings, SigningSettings):
    """What goes with logins."""

    relay_hosts: tuple[Network, ...] = key(
        networks,
        "Whose mail goes anywhere, and under any sender, without a login. Empty: nobody's.",
        default="",
        example="192.168.7.0/24",
    )
    require_tls: bool = key(flag, "Refuse logins, and what needs one, in clear.", default="no")
    mechanisms: tuple[str, ...] = key(
        _mechanisms,
        "How clients may log in, of what works: passwords go in clear as plaintext-login says, SCRAM wants every "
        "account to have a verifier, EXTERNAL a client's certificate.",
        default=" ".join(MECHANISMS),
    )
    login_attempts: int = key(integer(1, 1000), "Failed logins that end a session.", default="3")
    own_sender: bool = key(
        flag,
        "An account sends under its own addresses only: its name at one of our domains, with a detail behind it or "
        "without, an alias whose mail goes to it alone, and those in senders.",
        default="yes",
    )
    senders: Senders = key(
        _senders, "Further addresses of accounts.", default="", example="mulder fox@example.org @x.example"
    )


@dataclass(frozen=True)
class SMTPSettings(AccountSettings, CheckSettings):
    """[smtp]: takes mail for the addresses here from anybody, and for elsewhere from those who may relay."""

    listen: tuple[Listen, ...] = key(listens, "Where it listens.", example="tcp:25")
    greeting_delay: float = key(
        duration,
        "How long a client is kept waiting for the greeting; who speaks before it is a spammer, and refused.",
        default="0s",
    )


@dataclass(frozen=True)
class SubmissionSettings(AccountSettings):
    """[submission]: takes mail to anywhere from those who have logged in: STARTTLS on tcp, implicit TLS on tls."""

    listen: tuple[Listen, ...] = key(listens, "Where it listens.", example="tcp:587 tls:465")
    hold: float = key(
        duration,
        "How far ahead a client may ask for the time of sending (FUTURERELEASE); 0s: not at all.",
        default="7d",
    )


@dataclass(frozen=True)
class LMTPSettings(TransferSettings):
    """[lmtp]: takes mail for the addresses here from a mail server at hand, with an answer for each recipient.

    Whoever reaches it may deliver: let it listen on a UNIX socket or on loopback.
    """

    listen: tuple[Listen, ...] = key(listens, "Where it listens.", example="unix:/run/netdaemon/lmtp")

    def problems(self) -> Iterator[tuple[str, str]]:
        """RFC 2033 section 5 forbids port 25."""
        yield from super().problems()
        if any(listen.port == 25 for listen in self.listen):
            yield "listen", "LMTP must not be spoken on port 25"


def _factory(settings: TransferSettings, house: IHouse) -> IProtocolFactory:
    from netdaemon.protocols.smtp.server import SMTPFactory  # here, so that `config check` stays quick

    return SMTPFactory(settings, house)


ALPN = (b"smtp", b"esmtp")
"""Not registered, but what other servers know; a client that names none is welcome."""

_SEND = "netdaemon mail send smtp://{host}:{port} --from scully@example.org --to mulder@localhost --subject Hello"
_SUBMIT = "--from mulder@localhost --to mulder@localhost"

smtp = ServiceKind(
    name="smtp",
    summary="Takes mail for the accounts here, from anybody.",
    settings=SMTPSettings,
    factory=_factory,
    alpn=ALPN,
    tries={"tcp": (f"echo Hello | {_SEND}",), "tls": ()},
)

submission = ServiceKind(
    name="submission",
    summary="Takes mail to anywhere from those who have logged in.",
    settings=SubmissionSettings,
    factory=_factory,
    alpn=ALPN,
    tries={
        "tcp": (f"echo Hello | netdaemon mail send smtp://mulder:trustno1@{{host}}:{{port}} {_SUBMIT}",),
        "tls": (f"echo Hello | netdaemon mail send --insecure smtps://mulder:trustno1@{{host}}:{{port}} {_SUBMIT}",),
    },
)

lmtp = ServiceKind(
    name="lmtp",
    summary="Takes mail for the accounts here from another mail server on this host.",
    settings=LMTPSettings,
    factory=_factory,
    alpn=(b"lmtp",),
)
