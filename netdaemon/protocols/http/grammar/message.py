"""HTTP/1 message heads: start line and fields (RFC 9112 sections 2 to 5).

A head is what stands before the blank line: find ``CRLF CRLF`` and pass the bytes in front of it. Parsing is strict
to the byte, for what two parsers read differently lets a request be smuggled through one of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

MAX_HEAD = 16 * 1024
"""Octets of a request's head with its blank line."""
MAX_RESPONSE_HEAD = 64 * 1024
"""The same of a response: servers send more than they take."""
MAX_TARGET = 8 * 1024
"""Octets of a request target."""
MAX_FIELDS = 100
"""Field lines of one head."""


class Malformed(Exception):
    """The peer's bytes are no HTTP: answer ``status`` (when it was a request) and close, for framing is lost."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(f"{status} {reason}")
        self.status = status
        self.reason = reason
        self.before = b""
        """Octets of the body that were decoded before, in the same piece."""


# RFC 9110 5.6.2: token = 1*tchar
TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]++"
# RFC 9110 5.5: field-content of VCHAR, obs-text, SP and HTAB; all other controls are refused, NUL and bare CR first
_VALUE = rb"[\t\x20-\x7e\x80-\xff]*+"
# RFC 9112 5: field-line = field-name ":" OWS field-value OWS; no white space before the colon, no obs-fold
_FIELD_LINES = rb"(?:\r\n%b:%b)*+" % (TOKEN, _VALUE)
# RFC 9112 3: request-line = method SP request-target SP HTTP-version. obs-text in a target is not allowed by
# RFC 3986 but sent by many; "#" has no place in a target (RFC 9112 3.2)
_REQUEST = re.compile(
    rb"(%b) ([!\"$-~\x80-\xff]++) HTTP/1\.([0-9])(%b)" % (TOKEN, _FIELD_LINES),
)
# RFC 9112 4: status-line = HTTP-version SP status-code SP [ reason-phrase ]; the last SP is often missing
_RESPONSE = re.compile(rb"HTTP/1\.([0-9]) ([1-9][0-9]{2})(?: (%b))?(%b)" % (_VALUE, _FIELD_LINES))
_FIELD = re.compile(rb"\r\n([^:]+):[ \t]*([^\r]*)")
# RFC 9112 5.2: obs-fold = OWS CRLF RWS
_OBS_FOLD = re.compile(rb"[ \t]*\r\n[ \t]+")
_REQUEST_LINE = re.compile(rb"(%b) (\S+) HTTP/([0-9])\.([0-9])" % TOKEN)
_VERSIONS = {b"%d" % minor: (1, minor) for minor in range(10)}


class Fields:
    """The fields of a message in their order: (name, value) pairs of bytes, names compared without case.

    Kept as pairs or as the block of the wire (each line with CRLF *before* it), whichever came first; the other is
    made when it is asked for. A static GET looks at three fields and never makes the pairs.
    """

    __slots__ = ("_block", "_lower", "_pairs")

    def __init__(self, pairs: Iterable[tuple[bytes, bytes]] = ()) -> None:
        self._pairs: tuple[tuple[bytes, bytes], ...] | None = tuple(pairs)
        self._block: bytes | None = None
        self._lower: bytes | None = None

    @classmethod
    def of_block(cls, block: bytes) -> Fields:
        """Fields out of a block that is known to be well-formed: ``\\r\\nName: value\\r\\nName: value``."""
        fields = cls.__new__(cls)
        fields._block = block
        fields._lower = fields._pairs = None
        return fields

    @property
    def pairs(self) -> tuple[tuple[bytes, bytes], ...]:
        """The fields as (name, value), white space around the values removed."""
        if self._pairs is None:
            assert self._block is not None
            self._pairs = tuple((name, value.rstrip(b" \t")) for name, value in _FIELD.findall(self._block))
        return self._pairs

    @property
    def block(self) -> bytes:
        """The fields as they stand on the wire, CRLF before each line. Raises ValueError where that cannot be."""
        if self._block is None:
            block = b"".join(b"\r\n%b: %b" % pair for pair in self.pairs)
            # A value with a line break would be a field, or a whole message, of somebody else's making.
            if _WELL_FORMED(block) is None or block.count(b"\r\n") != len(self.pairs):
                raise ValueError("a field holds what may not stand in one")
            self._block = block
        return self._block

    def get(self, name: bytes, default: bytes | None = None) -> bytes | None:
        """The value of the first field of that name."""
        found = self._find(name)
        return found[0] if found else default

    def get_all(self, name: bytes) -> list[bytes]:
        """The values of every field of that name, in order."""
        return self._find(name)

    def joined(self, name: bytes) -> bytes | None:
        """All values of a list field as one list (RFC 9110 5.3), None when there is none."""
        found = self._find(name)
        return b", ".join(found) if found else None

    def _find(self, name: bytes) -> list[bytes]:
        block, lower = self._block, self._lower
        if block is None:
            wanted = name.lower()
            return [value for own, value in self.pairs if own.lower() == wanted]
        if lower is None:
            lower = self._lower = block.lower()
        wanted = b"\r\n%b:" % name.lower()
        found = []
        start = lower.find(wanted)
        while start >= 0:
            start += len(wanted)
            end = lower.find(b"\r", start)
            if end < 0:
                end = len(block)
            found.append(block[start:end].strip(b" \t"))
            start = lower.find(wanted, end)
        return found

    def __contains__(self, name: object) -> bool:
        return isinstance(name, bytes) and bool(self._find(name))

    def __iter__(self) -> Iterator[tuple[bytes, bytes]]:
        return iter(self.pairs)

    def __len__(self) -> int:
        return len(self.pairs)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Fields) and self.pairs == other.pairs

    def __hash__(self) -> int:
        return hash(self.pairs)

    def __repr__(self) -> str:
        # Not the values: some of them are passwords.
        return f"Fields({b', '.join(name for name, _ in self.pairs).decode('latin-1')})"


_WELL_FORMED = re.compile(_FIELD_LINES).fullmatch


class RequestHead(NamedTuple):
    """A request's head; ``version`` is (1, minor)."""

    method: bytes
    target: bytes
    version: tuple[int, int]
    fields: Fields


class ResponseHead(NamedTuple):
    """A response's head; ``version`` is (1, minor), ``reason`` may be empty."""

    version: tuple[int, int]
    status: int
    reason: bytes
    fields: Fields


def parse_request_head(head: bytes) -> RequestHead:
    """The head of a request, without its blank line. Raises Malformed (400, 414, 431, 505)."""
    match = _REQUEST.fullmatch(head)
    if match is None or len(head) > MAX_TARGET:
        _refuse_request(head, match is None)
    assert match is not None
    method, target, minor, block = match.groups()
    # 100 lines take at least 400 octets: most heads need no counting
    if len(block) > 4 * MAX_FIELDS and block.count(b"\r\n") > MAX_FIELDS:
        raise Malformed(431, "too many header fields")
    return RequestHead(method, target, _VERSIONS[minor], Fields.of_block(block))


# RFC 9112 2.2: a recipient may take a bare LF for CRLF, and one that does can be tricked; so this one doesn't
_ILLEGAL = re.compile(rb"\x00|(?<!\r)\n|\r(?!\n|\Z)").search


def check_partial_head(data: bytes, seen: int = 0) -> None:
    """Refuse what cannot become a request's head any more, before the rest of it has come. Raises Malformed.

    ``data`` is what there is of it, its first ``seen`` octets checked already.
    """
    line, end, _ = data.partition(b"\r\n")
    if len(line) > MAX_TARGET or len(data) >= MAX_HEAD:
        _refuse_request(data, False)
    if _ILLEGAL(data, max(0, seen - 1)):
        raise Malformed(400, "the header holds a NUL, or half a line break")
    if end and seen < len(line) + 2 and not _REQUEST_LINE.fullmatch(line):
        raise Malformed(400, "the request line is malformed")


holds_bare_lf = re.compile(rb"(?<!\r)\n").search


def _refuse_request(head: bytes, malformed: bool) -> None:
    """Say why, for heads that are malformed; let pass what is only long within its limits."""
    line, _, rest = head.partition(b"\r\n")
    if len(line) > MAX_TARGET:
        words = line.split(b" ")
        if len(words) < 2 or len(words[1]) > MAX_TARGET:
            raise Malformed(414, "the request target is too long")
    if len(head) + 4 > MAX_HEAD:
        raise Malformed(431, "the header is too large")
    if not malformed:
        return
    match = _REQUEST_LINE.fullmatch(line)
    if match is None:
        raise Malformed(400, "the request line is malformed")
    if match[3] != b"1":
        raise Malformed(505, "only HTTP/1 is spoken here")
    if rest[:1] in (b" ", b"\t") or b"\r\n " in rest or b"\r\n\t" in rest:
        raise Malformed(400, "folded header fields are not accepted")
    raise Malformed(400, "the header is malformed")


def parse_response_head(head: bytes) -> ResponseHead:
    """The head of a response, without its blank line. Raises Malformed (502: a proxy's answer to such a server)."""
    if len(head) + 4 > MAX_RESPONSE_HEAD:
        raise Malformed(502, "the response's header is too large")
    match = _RESPONSE.fullmatch(head)
    if match is None:
        # RFC 9112 5.2: a user agent replaces each obs-fold with spaces; the first line cannot be a fold
        line, _, rest = head.partition(b"\r\n")
        if rest[:1] not in (b" ", b"\t"):
            match = _RESPONSE.fullmatch(line + b"\r\n" + _OBS_FOLD.sub(b" ", rest))
        if match is None:
            raise Malformed(502, "the response's header is malformed")
    minor, status, reason, block = match.groups()
    return ResponseHead(_VERSIONS[minor], int(status), (reason or b"").strip(b" \t"), Fields.of_block(block))
