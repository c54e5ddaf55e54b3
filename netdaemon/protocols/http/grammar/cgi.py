"""What CGI scripts say before their output's body (RFC 3875 section 6)."""

from __future__ import annotations

import re
from typing import NamedTuple

from netdaemon.protocols.http.grammar.framing import UNTIL_CLOSE, Framing, body_framing, connection_options
from netdaemon.protocols.http.grammar.message import (
    MAX_FIELDS,
    MAX_RESPONSE_HEAD,
    TOKEN,
    Fields,
    Malformed,
    parse_response_head,
)

MAX_HEAD = MAX_RESPONSE_HEAD
"""Octets of a script's header with its blank line."""


class Unusable(Exception):
    """A script's header can't be made a response of."""


class ScriptHead(NamedTuple):
    """A script's header, taken apart."""

    status: int
    location: bytes
    """Where `local` leads: a path and perhaps a query; empty otherwise. (A client is sent elsewhere by the fields.)"""
    framing: Framing
    """Of what comes behind the header."""
    fields: Fields
    """What is for the client; neither framing nor anything else that is the server's to say."""

    @property
    def local(self) -> bool:
        """RFC 3875 6.2.2: is the client to get the response of another path of this site?"""
        return bool(self.location)


# RFC 3875 2.2: NL = LF | CR LF
_BLANK = re.compile(rb"(?:\A|\n)\r?\n")
_LINE_END = re.compile(rb"\r?\n")
# RFC 3875 6.3: each field on one line, no white space before the colon. Controls, CR and NUL among them, are no part
# of a value: what another server would read a line break into must not get there.
_FIELDS = re.compile(rb"(?:\r\n%b:[\t\x20-\x7e\x80-\xff]*+)++" % TOKEN).fullmatch
# RFC 3875 6.3.3: Status = "Status:" status-code SP reason-phrase NL
_STATUS = re.compile(rb"([2-5][0-9]{2})(?: [\t\x20-\x7e\x80-\xff]*)?")
_LENGTH = re.compile(rb"[0-9]{1,18}")
# RFC 3875 6.3: what "the script MUST NOT" say twice
_ONCE = (b"content-type", b"location", b"status", b"content-length")
# What is between the client and us (RFC 9110 7.6.1), and what we say ourselves.
_OURS = frozenset(
    b"connection keep-alive proxy-connection te trailer transfer-encoding upgrade "
    b"content-length status date server".split()
)


def split_head(data: bytes, seen: int = 0) -> tuple[bytes, bytes] | None:
    """(header, what is behind its blank line), None when the blank line is still to come.

    The first ``seen`` octets are known to hold none. Raises Unusable.
    """
    blank = _BLANK.search(data, max(0, seen - 2))
    end = len(data) if blank is None else blank.end()
    if end > MAX_HEAD:
        raise Unusable("its header is too large")
    return None if blank is None else (data[: blank.start()], data[end:])


def parse_script_head(head: bytes) -> ScriptHead:
    """A script's header without its blank line (RFC 3875 6.2, 6.3). Raises Unusable."""
    block = b"\r\n" + _LINE_END.sub(b"\r\n", head.removesuffix(b"\r"))
    if not _FIELDS(block):
        raise Unusable("its header is malformed" if head.strip(b"\r\n") else "its output has no header")
    fields = Fields.of_block(block)
    if len(fields) > MAX_FIELDS:
        raise Unusable("its header has too many fields")
    own: dict[bytes, bytes | None] = {}
    for name in _ONCE:
        values = fields.get_all(name)
        if len(values) > 1:
            raise Unusable(f"its header says {name.decode()} twice")
        own[name] = values[0] if values else None
    content_type, location, status, length = (own[name] for name in _ONCE)
    if content_type is None and location is None and status is None:
        raise Unusable("its header has neither Content-Type nor Location nor Status")  # RFC 3875 6.3
    if status is not None and not _STATUS.fullmatch(status):
        raise Unusable("its Status is malformed")
    if length is not None and not _LENGTH.fullmatch(length):
        raise Unusable("its Content-Length is malformed")
    # RFC 3875 6.2.2 and 6.2.3. With a status of its own, even a path is for the client (RFC 9110 10.2.2).
    local = location if location is not None and location.startswith(b"/") and status is None else b""
    number = int(status[:3]) if status is not None else 200 if not location else 302
    return ScriptHead(number, local, UNTIL_CLOSE if length is None else Framing(int(length)), _for_client(fields))


def parse_nph_head(head: bytes) -> ScriptHead:
    """A whole response's header, as scripts called ``nph-...`` write it (RFC 3875 5). Raises Unusable."""
    try:
        parsed = parse_response_head(b"\r\n".join(_LINE_END.split(head.removesuffix(b"\r"))))
        framing = body_framing(parsed)
    except Malformed as error:
        raise Unusable(error.reason) from error
    if len(parsed.fields) > MAX_FIELDS:
        raise Unusable("its header has too many fields")
    if not 200 <= parsed.status < 600:
        raise Unusable("its status is none of a response")
    return ScriptHead(parsed.status, b"", framing, _for_client(parsed.fields))


def _for_client(fields: Fields) -> Fields:
    dropped = _OURS | connection_options(fields.joined(b"connection") or b"")
    kept = Fields((name, value) for name, value in fields if name.lower() not in dropped)
    kept.block  # noqa: B018 - what may not stand on the wire is found here, and not in a session
    return kept
