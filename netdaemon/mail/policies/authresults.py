"""Authentication-Results: what we found about a message's origin, and others' claims to have been us (RFC 8601)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from netdaemon.mail.fields import folded
from netdaemon.mail.lexis import comment_end
from netdaemon.mail.policies.head import Head

NAME = b"authentication-results"
LONGEST = 256
"""Characters of a value that are told."""

# RFC 2045 token, and what is a mailbox or a domain in plain words
_TOKEN = re.compile(r"[!#$%&'*+\-.0-9A-Z^_`a-z{|}~]+")
_MAILBOX = re.compile(r"(?:[A-Za-z0-9._+-]*@)?[A-Za-z0-9._-]+")
_UNFIT = re.compile(r"[^ -~]")
_PAIR = re.compile(r'(["\\])')


@dataclass(frozen=True)
class Finding:
    """What one method found."""

    method: str
    """spf, dkim, dmarc, dnswl."""
    result: str
    properties: Sequence[tuple[str, str]] = ()
    """``("smtp.mailfrom", "fox@example.org")``; values may be anything that a stranger has said."""
    reason: str = ""


def results_field(host: str, findings: Iterable[Finding]) -> bytes:
    """The field; ``host`` is who says so, our authserv-id."""
    words = [host + ";"]
    for finding in findings:
        words.append(f"{finding.method}={finding.result}")
        if finding.reason:
            words.append(f"reason={_quoted(finding.reason)}")
        words += [f"{name}={_value(text)}" for name, text in finding.properties]
        words[-1] += ";"
    if len(words) == 1:
        words.append("none;")
    words[-1] = words[-1][:-1]
    return folded("Authentication-Results", words)


def _value(text: str) -> str:
    return text if 0 < len(text) <= LONGEST and (_MAILBOX.fullmatch(text) or _TOKEN.fullmatch(text)) else _quoted(text)


def _quoted(text: str) -> str:
    """Whatever it is: neither a second field nor a second result comes of it."""
    return '"' + _PAIR.sub(r"\\\1", _UNFIT.sub("?", text[:LONGEST])) + '"'


def ours(head: Head, host: str) -> list[tuple[int, int]]:
    """Where the fields are that claim to be written by ``host``, or that can't be read (section 5): to be removed."""
    return [(field.start, field.end) for field in head.all(NAME) if authserv_id(field.value) in (None, host.lower())]


_WHITE = re.compile(rb"[ \t\r\n]*")
_ID = re.compile(rb'"(?P<quoted>(?:[^"\\]|\\.)*+)"|(?P<token>[^\s;()<>@,:\\"/\[\]?=]++)', re.DOTALL)


def authserv_id(value: bytes) -> str | None:
    """Who says so, in lower case; None when that can't be told."""
    at = _skip(value, 0)
    match = _ID.match(value, at)
    if match is None:
        return None
    at = _skip(value, match.end())
    # [ CFWS 1*DIGIT ]: the version
    at = _skip(value, at + len(value[at:]) - len(value[at:].lstrip(b"0123456789")))
    if value[at : at + 1] not in (b";", b""):
        return None
    octets = match["token"] if match["quoted"] is None else re.sub(rb"\\(.)", rb"\1", match["quoted"], flags=re.DOTALL)
    try:
        return octets.decode("utf-8").strip().rstrip(".").lower()
    except UnicodeDecodeError:
        return None


def _skip(value: bytes, at: int) -> int:
    """Behind white space and comments."""
    while True:
        match = _WHITE.match(value, at)
        assert match is not None, "it matches nothing, too"
        at = match.end()
        if value[at : at + 1] != b"(":
            return at
        at = comment_end(value, at)
