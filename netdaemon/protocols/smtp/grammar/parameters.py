"""What the parameters of MAIL and RCPT say, by extension.

SIZE (RFC 1870), BODY (RFC 6152, RFC 3030), SMTPUTF8 (RFC 6531), AUTH (RFC 4954), RET ENVID NOTIFY ORCPT (RFC 3461),
REQUIRETLS (RFC 8689), BY (RFC 2852), HOLDFOR HOLDUNTIL (RFC 4865).
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime

from netdaemon.mail import Malformed
from netdaemon.mail.addresses import Address, parse_address
from netdaemon.protocols.smtp.grammar.commands import Parameters
from netdaemon.protocols.smtp.grammar.xtext import MAX_ENVID, decode_xtext, encode_xtext, parse_orcpt

BODIES = ("7BIT", "8BITMIME", "BINARYMIME")
NEVER = frozenset({"NEVER"})
EVENTS = frozenset({"SUCCESS", "FAILURE", "DELAY"})

_BY = re.compile(rb"(-?[0-9]{1,9});([RN])(T?)", re.IGNORECASE)
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,6})?(?:Z|[+-][0-9]{2}:[0-9]{2})")


class Unknown(Exception):
    """A parameter that is not known here, or not now: 555 (RFC 5321 section 4.1.1.11)."""


@dataclass(frozen=True)
class MailParameters:
    """MAIL's parameters."""

    size: int | None = None
    body: str = "7BIT"
    utf8: bool = False
    auth: Address | None = None
    """Who wrote the message, by another server's word; None when nobody said, or ``<>``."""
    return_full: bool | None = None
    """RET=FULL or RET=HDRS; None when it wasn't said."""
    envelope_id: str = ""
    require_tls: bool = False
    by: tuple[int, str] | None = None
    """(seconds from now, "R" or "N" with "T" if traces are wanted)."""
    hold_for: int | None = None
    """Seconds from now."""
    hold_until: float | None = None
    """Unix seconds."""


@dataclass(frozen=True)
class RcptParameters:
    """RCPT's parameters."""

    notify: frozenset[str] | None = None
    """`NEVER`, or some of `EVENTS`; None when it wasn't said."""
    original: str = ""
    """ORCPT, decoded."""


def mail_parameters(given: Parameters, known: Collection[str]) -> MailParameters:
    """What MAIL's parameters say; of those in ``known``, others raise Unknown. Raises Malformed."""
    _check_known(given, known)
    hold_for = _number(given, "HOLDFOR", 9)
    hold_until = _date(_value(given, "HOLDUNTIL"))
    if hold_for is not None and hold_until is not None:
        raise Malformed("HOLDFOR and HOLDUNTIL exclude each other")  # RFC 4865 section 3
    return MailParameters(
        size=_number(given, "SIZE", 20),
        body=_body(_value(given, "BODY")),
        utf8=_flag(given, "SMTPUTF8"),
        auth=_auth(_value(given, "AUTH")),
        return_full=_ret(_value(given, "RET")),
        envelope_id=_envid(_value(given, "ENVID")),
        require_tls=_flag(given, "REQUIRETLS"),
        by=_by(_value(given, "BY")),
        hold_for=hold_for,
        hold_until=hold_until,
    )


def rcpt_parameters(given: Parameters, known: Collection[str], *, utf8: bool = False) -> RcptParameters:
    """What RCPT's parameters say. Raises Unknown and Malformed."""
    _check_known(given, known)
    orcpt = _value(given, "ORCPT")
    return RcptParameters(
        notify=_notify(_value(given, "NOTIFY")), original="" if orcpt is None else parse_orcpt(orcpt, utf8=utf8)
    )


def _check_known(given: Parameters, known: Collection[str]) -> None:
    for name in given:
        if name not in known:
            raise Unknown


def _value(given: Parameters, name: str) -> bytes | None:
    """A parameter's value; None when it isn't there. Raises Malformed when it is there without one."""
    if name not in given:
        return None
    value = given[name]
    if value is None:
        raise Malformed(f"{name} wants a value")
    return value


def _flag(given: Parameters, name: str) -> bool:
    if name not in given:
        return False
    if given[name] is not None:
        raise Malformed(f"{name} has no value")
    return True


def _number(given: Parameters, name: str, digits: int) -> int | None:
    value = _value(given, name)
    if value is None:
        return None
    if not value.isdigit() or len(value) > digits:
        raise Malformed(f"{name} wants a number")
    return int(value)


def _body(value: bytes | None) -> str:
    if value is None:
        return "7BIT"
    name = value.decode("latin-1").upper()
    if name not in BODIES:
        raise Malformed(f"BODY is one of {' '.join(BODIES)}")
    return name


def _auth(value: bytes | None) -> Address | None:
    if value is None or value == b"<>":
        return None
    return parse_address(decode_xtext(value))


def _ret(value: bytes | None) -> bool | None:
    if value is None:
        return None
    name = value.upper()
    if name not in (b"FULL", b"HDRS"):
        raise Malformed("RET is FULL or HDRS")
    return name == b"FULL"


def _envid(value: bytes | None) -> str:
    if value is None:
        return ""
    decoded = decode_xtext(value)
    if len(decoded) > MAX_ENVID:
        raise Malformed("ENVID has at most 100 characters")
    return decoded


def _by(value: bytes | None) -> tuple[int, str] | None:
    if value is None:
        return None
    match = _BY.fullmatch(value)
    if match is None:
        raise Malformed("BY wants SECONDS;R or SECONDS;N, with T for traces")
    seconds, mode = int(match[1]), (match[2] + match[3]).decode("ascii").upper()
    if seconds <= 0 and mode.startswith("R"):
        raise Malformed("BY in mode R wants more than 0 seconds")  # RFC 2852 section 4
    return seconds, mode


def _date(value: bytes | None) -> float | None:
    """RFC 3339, as RFC 4865 has it. `datetime` alone would take other forms, too."""
    if value is None:
        return None
    text = value.decode("latin-1").upper()
    try:
        if _DATE.fullmatch(text) is None:
            raise ValueError
        return datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError):
        raise Malformed("HOLDUNTIL wants a time as 2026-12-24T18:00:00Z") from None


def _notify(value: bytes | None) -> frozenset[str] | None:
    if value is None:
        return None
    words = value.decode("latin-1").upper().split(",")
    found = frozenset(words)
    if len(found) != len(words) or not (found == NEVER or found <= EVENTS):
        raise Malformed("NOTIFY is NEVER, or some of SUCCESS,FAILURE,DELAY")
    return found


# --- and the other way ---------------------------------------------------------------------------------------


def write_date(at: float) -> str:
    """Unix seconds as RFC 4865 writes a time."""
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%dT%H:%M:%SZ}"


def write_envid(envelope_id: str) -> bytes:
    """ENVID's value. Raises Malformed for one that RFC 3461 doesn't allow."""
    written = encode_xtext(envelope_id)
    _envid(written)
    return written
