"""Access log lines: the combined format of the NCSA and Apache servers, or an object of JSON each."""

from __future__ import annotations

import json
import re
import time
from abc import ABC, abstractmethod

from netdaemon.interfaces import IAccessLog
from netdaemon.protocols.http.grammar.message import Fields
from netdaemon.protocols.http.now import Now
from netdaemon.wire.escape import escape

FORMS = ("combined", "json")

Prepared = tuple[str, str]
"""What a request's line and fields come to: what stands in front of status and octets, and what behind."""

_LONGEST = 2048
_TOLD = re.compile(rb"\r\n(referer|user-agent):[ \t]*([^\r]*)", re.IGNORECASE).findall
_TAME = re.compile(rb"[ !#-\[\]-~]*").fullmatch


class AccessLines(ABC):
    """A site's access log. What is made of a request is prepared apart, for it need not be made for each."""

    def __init__(self, log: IAccessLog, now: Now) -> None:
        self._log = log
        self._now = now

    @abstractmethod
    def prepare(self, line: bytes, fields: Fields | None) -> Prepared:
        """``line`` is the request line as it came, ``fields`` are the request's, None when they could not be read."""

    @abstractmethod
    def write(self, host: str, prepared: Prepared, status: int, sent: int, user: str = "") -> None:
        """Write a line, of the second in which `Now.field` was last asked for: the response's. ``sent`` counts octets
        of the body, ``user`` is empty for nobody."""


class CombinedLines(AccessLines):
    """``HOST - USER [MOMENT] "LINE" STATUS SENT "REFERER" "USER-AGENT"``, USER a dash for nobody."""

    def prepare(self, line: bytes, fields: Fields | None) -> Prepared:
        referer, agent = _told(fields)
        return quoted(line), f'"{quoted(referer)}" "{quoted(agent)}"'

    def write(self, host: str, prepared: Prepared, status: int, sent: int, user: str = "") -> None:
        line, end = prepared
        self._log.write(f'{host} - {user or "-"} [{self._now.moment}] "{line}" {status} {sent} {end}')


class JSONLines(AccessLines):
    """``{"time": "2026-11-25T20:00:00Z", "host": ..., "user": ..., "status": ..., "sent": ..., "request": ...,
    "referer": ..., "user_agent": ...}``; what there is none of is null."""

    def prepare(self, line: bytes, fields: Fields | None) -> Prepared:
        referer, agent = _told(fields)
        told = {"request": line, "referer": referer, "user_agent": agent}
        return json.dumps({name: escape(value[:_LONGEST]) if value else None for name, value in told.items()})[1:], ""

    def write(self, host: str, prepared: Prepared, status: int, sent: int, user: str = "") -> None:
        second = self._now.second()
        moment = None if second is None else time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(second))
        told = {"time": moment, "host": host, "user": user or None, "status": status, "sent": sent}
        self._log.write(f"{json.dumps(told)[:-1]}, {prepared[0]}")


def access_lines(log: IAccessLog | None, form: str, now: Now) -> AccessLines | None:
    """The access log in one of `FORMS`; None where there is none."""
    if log is None:
        return None
    return JSONLines(log, now) if form == "json" else CombinedLines(log, now)


def _told(fields: Fields | None) -> tuple[bytes | None, bytes | None]:
    """(Referer, User-Agent)."""
    told: dict[bytes, bytes] = {}
    if fields is not None:
        for name, value in _TOLD(fields.block):  # in one pass: to ask the fields for each takes four times as long
            told.setdefault(name.lower(), value.rstrip(b" \t"))
    return told.get(b"referer"), told.get(b"user-agent")


def quoted(value: bytes | None) -> str:
    """What goes between quotes: nothing that ends them, breaks the line or steers a terminal."""
    if not value:
        return "-"
    value = value[:_LONGEST]
    if _TAME(value):
        return value.decode("ascii")
    return escape(value).replace('"', "\\x22")
