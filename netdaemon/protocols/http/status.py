"""The daemon's counters: a page for people, Prometheus' text and OpenMetrics for machines."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable, Mapping
from html import escape as escape_html

from twisted.internet.address import IPv4Address, IPv6Address

from netdaemon.interfaces import IHouse
from netdaemon.protocols.http.grammar.accept import preferred
from netdaemon.protocols.http.grammar.dates import civil
from netdaemon.protocols.http.grammar.message import Fields
from netdaemon.protocols.http.now import Now
from netdaemon.protocols.http.pages import BLOCKS, html, page
from netdaemon.protocols.http.request import Caller, Request
from netdaemon.protocols.http.responder import Responder
from netdaemon.protocols.http.response import Response
from netdaemon.protocols.http.settings import HTTPSettings
from netdaemon.wire.plaintext import on_loopback

DAY = 86400
WARN = 14 * DAY
"""Seconds before a certificate's end from which the page warns of it."""

_OPENMETRICS = b"application/openmetrics-text"
_FORMS = (b"text/html", b"text/plain", _OPENMETRICS)
_FRESH = b"\r\nX-Content-Type-Options: nosniff\r\nCache-Control: no-store\r\nVary: Accept"
_BLOCKS = {
    b"text/html": BLOCKS[b"text/html"] + b"\r\nCache-Control: no-store\r\nVary: Accept",
    b"text/plain": b"\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8" + _FRESH,
    _OPENMETRICS: b"\r\nContent-Type: application/openmetrics-text; version=1.0.0; charset=utf-8" + _FRESH,
}
# What proxies put into requests: those behind one are not on this machine, wherever it is.
_PROXIED = (b"via", b"forwarded", b"x-forwarded-for", b"x-real-ip")

_DEFAULT = "all names that have none of their own"

_STYLE = (
    "h1{font-size:1.5rem;margin:1rem 0 0}h2{font-size:1rem;font-weight:600;margin:2rem 0 .25rem}"
    "p{margin:0;color:var(--dim)}.wide{overflow-x:auto}table{border-collapse:collapse;min-width:100%}"
    "th,td{padding:.35rem .75rem .35rem 0;border-bottom:1px solid var(--line);text-align:left;white-space:nowrap}"
    "th{font-weight:500;font-size:.875rem;color:var(--dim)}td+td,th+th{text-align:right;"
    "font-variant-numeric:tabular-nums}.bad{color:#c0392b;font-weight:600}"
    "@media(prefers-color-scheme:dark){.bad{color:#ff8a80}}"
)


class Status(Responder):
    """The counters of this process, as HTML, as text or as OpenMetrics by the request's Accept."""

    def __init__(self, settings: HTTPSettings, house: IHouse, now: Now) -> None:
        self._settings = settings
        self._house = house
        self._now = now

    def respond(self, request: Request, caller: Caller) -> Response:
        """The counters, for accounts and for who is on this machine."""
        if caller.login is None and not self._is_here(request, caller):
            return page(403, request.fields)
        form = preferred(request.fields.joined(b"accept"), _FORMS) or _FORMS[0]
        measure = self._house.measure
        if form == b"text/html":
            body = _Page(self._now.second()).text(_Counters(measure.samples()))
        else:
            body = measure.text(openmetrics=form == _OPENMETRICS)
        return Response(200, Fields.of_block(_BLOCKS[form]), body)

    def _is_here(self, request: Request, caller: Caller) -> bool:
        """Does nobody but this machine see the answer? A UNIX socket is where proxies come in."""
        return (
            not self._settings.proxy_protocol
            and isinstance(caller.peer, (IPv4Address, IPv6Address))
            and on_loopback(caller.peer, caller.here)
            and not any(name in request.fields for name in _PROXIED)
        )


class _Counters:
    """Samples, to be added up by some of their labels."""

    def __init__(self, samples: Iterable[tuple[str, Mapping[str, str], float]]) -> None:
        self._samples: dict[str, list[tuple[Mapping[str, str], float]]] = defaultdict(list)
        for name, labels, value in samples:
            self._samples[name].append((labels, value))

    def by(self, name: str, *labels: str) -> dict[tuple[str, ...], float]:
        """The sums of the sample ``name``, by what its ``labels`` say."""
        sums: dict[tuple[str, ...], float] = defaultdict(float)
        for own, value in self._samples[name]:
            sums[tuple(own[label] for label in labels)] += value
        return sums

    def one(self, name: str) -> float:
        """The sum of all."""
        return sum(value for _, value in self._samples[name])


class _Page:
    """The page, ``now`` in Unix seconds."""

    def __init__(self, now: int | None) -> None:
        self._now = now

    def text(self, counters: _Counters) -> bytes:
        """All of it."""
        parts = [f"<h1>netdaemon</h1><p>{self._since(counters)} Counted by this process since its start.</p>"]
        if errors := counters.one("netdaemon_unhandled_errors_total"):
            parts.append(_warning(f"Errors of its own: {errors:,.0f}, each with a traceback in the log."))
        if not counters.one("netdaemon_config_last_reload_successful"):
            parts.append(_warning("The configuration could not be read at the last reload: the old one counts."))
        parts.append(_table("Connections", "netdaemon_connections", counters, ("protocol",)))
        for title, name, what in (
            ("Requests and commands", "netdaemon_commands_total", "result"),
            ("Logins", "netdaemon_auth_total", "result"),
            ("Connections that were refused", "netdaemon_refused_total", "reason"),
        ):
            parts.append(_table(title, name, counters, ("protocol", what)))
        parts.append(self._certificates(counters.by("netdaemon_tls_cert_expiry_timestamp_seconds", "name")))
        return html("netdaemon", _STYLE, "\n".join(filter(None, parts)))

    def _since(self, counters: _Counters) -> str:
        started = int(counters.one("netdaemon_start_time_seconds"))
        if not started:
            return "Up."
        span = "" if self._now is None else f", {_span(self._now - started)}"
        return f"Up since {_moment(started)} UTC{span}."

    def _certificates(self, expiry: Mapping[tuple[str, ...], float]) -> str:
        rows = []
        for (name,), until in sorted(expiry.items(), key=lambda item: item[1]):
            text = _moment(int(until))
            if self._now is not None:
                left = int(until) - self._now
                text += f", in {_span(left)}" if left > 0 else ", expired"
                if left < WARN:
                    text = f'<span class="bad">{text}</span>'
            rows.append(f"<tr><td>{escape_html(_DEFAULT if name == '*' else name)}</td><td>{text}</td></tr>")
        return _framed("Certificates", ("Name", "Good until (UTC)"), rows)


def _table(title: str, name: str, counters: _Counters, labels: tuple[str, ...]) -> str:
    """The sums of a sample by one label, or a row for each value of the first and a column for each of the second."""
    sums = counters.by(name, *labels)
    columns = sorted({key[1:] for key in sums})
    heads = ("Service", *(column[0] if column else "Open" for column in columns))
    rows = []
    for row in sorted({key[0] for key in sums}):
        numbers = "".join(f"<td>{sums.get((row, *column), 0.0):,.0f}</td>" for column in columns)
        rows.append(f"<tr><td>{escape_html(row)}</td>{numbers}</tr>")
    return _framed(title, heads, rows)


def _warning(text: str) -> str:
    return f'<p class="bad">{text}</p>'


def _framed(title: str, heads: tuple[str, ...], rows: list[str]) -> str:
    if not rows:
        return ""
    head = "".join(f'<th scope="col">{escape_html(name)}</th>' for name in heads)
    return (
        f'<h2>{title}</h2><div class="wide"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def _moment(second: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M", civil(second))


def _span(seconds: int) -> str:
    """``3 days``, ``2 h 5 min``, ``12 s``: as exact as anybody wants to know."""
    if seconds >= 2 * DAY:
        return f"{seconds // DAY:,} days"
    if seconds >= 3600:
        return f"{seconds // 3600} h {seconds % 3600 // 60} min"
    return f"{seconds // 60} min" if seconds >= 60 else f"{max(seconds, 0)} s"
