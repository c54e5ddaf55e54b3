"""Where a message ends: length, chunks or close (RFC 9112 sections 6 and 7).

`control` reads in one pass all that a server must know of a request before it may look at anything else.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from netdaemon.protocols.http.grammar.message import (
    MAX_FIELDS,
    TOKEN,
    Fields,
    Malformed,
    RequestHead,
    ResponseHead,
)
from netdaemon.protocols.http.grammar.target import parse_host

MAX_CHUNK_LINE = 1024
"""Octets of a chunk's first line, extensions included."""
MAX_TRAILERS = 4096
"""Octets of a trailer section."""


class Framing(NamedTuple):
    """How long a body is: ``length`` octets, or chunks, or (responses only, both unset) until the peer closes."""

    length: int | None
    chunked: bool = False

    @property
    def until_close(self) -> bool:
        return self.length is None and not self.chunked


NO_BODY = Framing(0)
CHUNKED = Framing(None, True)
UNTIL_CLOSE = Framing(None, False)


class Control(NamedTuple):
    """What the fields that rule the connection say of one request."""

    host: bytes
    """The Host field, lower case, checked; empty when there is none (HTTP/1.0) or it is empty."""
    framing: Framing
    keep_alive: bool
    expect_continue: bool
    plain: bool
    """No body, no preconditions, no ranges, no credentials: nothing but the target says what is wanted."""


# RFC 9112 6.2: Content-Length = 1*DIGIT; nothing int() would also take (+5, 1_0, " 5"). 18 digits fit every off_t
_LENGTH = re.compile(rb"[0-9]{1,18}").fullmatch
_CONTROL = re.compile(
    rb"\r\n(host|connection|content-length|transfer-encoding|expect|if-[a-z-]+|range|(?:proxy-)?authorization)"
    rb":[ \t]*([^\r]*)",
    re.IGNORECASE,
).findall
# RFC 9112 7: transfer-coding = token *( OWS ";" OWS transfer-parameter )
_CODINGS = re.compile(rb"[ \t,]*%b(?:[ \t]*,[ \t]*(?:%b)?)*" % (TOKEN, TOKEN)).fullmatch
_KNOWN_CODINGS = {b"gzip", b"x-gzip", b"deflate", b"compress", b"x-compress"}


def control(head: RequestHead) -> Control:
    """Host, framing, persistence and expectation of a request. Raises Malformed (400, 417, 501)."""
    hosts: list[bytes] = []
    lengths: list[bytes] = []
    codings: list[bytes] = []
    options = expect = None
    plain = True
    for name, value in _CONTROL(head.fields.block):
        name = name.lower()
        if name == b"host":
            hosts.append(value.rstrip(b" \t"))
        elif name == b"connection":
            options = value if options is None else b"%b,%b" % (options, value)
        elif name == b"content-length":
            lengths.append(value.rstrip(b" \t"))
        elif name == b"transfer-encoding":
            codings.append(value)
        else:
            plain = False
            if name == b"expect":
                expect = value if expect is None else b"%b,%b" % (expect, value)
    newer = head.version[1] > 0
    if len(hosts) != 1 and (newer or hosts):  # RFC 9112 3.2: 400 for none on HTTP/1.1, and for more than one on any
        raise Malformed(400, "there must be one Host field")
    host = parse_host(hosts[0]) if hosts else b""
    framing = _request_framing(lengths, codings, newer) if lengths or codings else NO_BODY
    keep_alive = newer
    if options is not None and options.lower() == b"keep-alive":  # as nearly all have it
        keep_alive = True
    elif options is not None:
        words = connection_options(options)
        keep_alive = b"close" not in words and (newer or b"keep-alive" in words)
    waits = False
    if expect is not None and newer:  # RFC 9110 10.1.1: a server ignores it in an HTTP/1.0 request
        if expect.strip(b" \t").lower() != b"100-continue":
            raise Malformed(417, "the expectation is not known")
        waits = framing != NO_BODY
    return Control(host, framing, keep_alive, waits, plain and framing is NO_BODY)


def connection_options(value: bytes) -> set[bytes]:
    """The words of a Connection field (RFC 9110 7.6.1), lower case."""
    return {word.strip(b" \t") for word in value.lower().split(b",")}


def body_framing(head: RequestHead | ResponseHead, method: bytes = b"GET") -> Framing:
    """How the body behind ``head`` is framed (RFC 9112 6.3); ``method`` is the one a response answers.

    Raises Malformed: 400 and 501 for a request, 502 for a response.
    """
    lengths = head.fields.get_all(b"content-length")
    codings = head.fields.get_all(b"transfer-encoding")
    if isinstance(head, RequestHead):
        return _request_framing(lengths, codings, head.version[1] > 0)
    return _response_framing(lengths, codings, head.status, method)


_RESPONSE_CONTROL = re.compile(
    rb"\r\n(connection|content-length|transfer-encoding):[ \t]*([^\r]*)", re.IGNORECASE
).findall


def response_control(head: ResponseHead, method: bytes) -> tuple[Framing, bool]:
    """The framing of a response to ``method``, and whether its connection may be used again behind it (RFC 9112 9.3).

    In one pass over its fields. Raises Malformed(502).
    """
    lengths: list[bytes] = []
    codings: list[bytes] = []
    keep = head.version[1] > 0
    closes = False
    for name, value in _RESPONSE_CONTROL(head.fields.block):
        name = name.lower()
        value = value.rstrip(b" \t")
        if name == b"content-length":
            lengths.append(value)
        elif name == b"transfer-encoding":
            codings.append(value)
        elif value == b"keep-alive":  # as nearly all have it
            keep = True
        else:
            options = connection_options(value)
            closes = closes or b"close" in options
            keep = keep or b"keep-alive" in options
    framing = _response_framing(lengths, codings, head.status, method)
    return framing, keep and not closes and not framing.until_close


def _response_framing(lengths: list[bytes], codings: list[bytes], status: int, method: bytes) -> Framing:
    if method == b"HEAD" or status in (204, 304) or status < 200:
        return NO_BODY
    if method == b"CONNECT" and status < 300:
        return NO_BODY
    if codings:
        if lengths or [coding.lower() for coding in codings] != [b"chunked"]:
            raise Malformed(502, "the response's framing is ambiguous")
        return CHUNKED
    if lengths:
        # RFC 9112 6.3: the same valid number repeated is still that number; anything else is an error
        numbers = {number.strip(b" \t") for value in lengths for number in value.split(b",")}
        number = numbers.pop()
        if numbers or not _LENGTH(number):
            raise Malformed(502, "the response's Content-Length is malformed")
        return Framing(int(number))
    return UNTIL_CLOSE


def _request_framing(lengths: list[bytes], codings: list[bytes], newer: bool) -> Framing:
    """RFC 9112 6.1 to 6.3 at their strictest: whatever two servers may read in two ways is refused."""
    if codings:
        if lengths:
            raise Malformed(400, "Content-Length and Transfer-Encoding exclude each other")
        if not newer:
            raise Malformed(400, "HTTP/1.0 knows no Transfer-Encoding")
        if len(codings) > 1:
            raise Malformed(400, "there is more than one Transfer-Encoding")
        coding = codings[0].rstrip(b" \t").lower()
        if coding == b"chunked":
            return CHUNKED
        if not _CODINGS(coding):
            raise Malformed(400, "Transfer-Encoding is malformed")
        words = [word for word in re.split(rb"[ \t]*,[ \t]*", coding) if word]
        if words[-1] != b"chunked" or b"chunked" in words[:-1]:
            raise Malformed(400, "the last transfer coding must be chunked, and only the last")
        raise Malformed(501, "of the transfer codings only chunked is known")
    if lengths:
        if len(lengths) > 1:
            raise Malformed(400, "there is more than one Content-Length")
        if not _LENGTH(lengths[0]):
            raise Malformed(400, "Content-Length is malformed")
        return Framing(int(lengths[0]))
    return NO_BODY


class LengthDecoder:
    """A body of so many octets: the same use as `ChunkedDecoder`."""

    def __init__(self, length: int) -> None:
        self.left = length
        self.leftover = b""
        """What came behind the body, once it is finished."""

    @property
    def finished(self) -> bool:
        return self.left == 0

    def feed(self, data: bytes) -> bytes:
        """The part of ``data`` that is body."""
        if len(data) <= self.left:
            self.left -= len(data)
            return data
        body, self.leftover = data[: self.left], self.leftover + data[self.left :]
        self.left = 0
        return body


# RFC 9112 7.1: chunk = chunk-size [ chunk-ext ] CRLF chunk-data CRLF, chunk-size = 1*HEXDIG.
# More than 16 digits overflow somebody's integer; white space behind the size is read differently by different
# servers, so even BWS before ";" is refused. Extensions are skipped, but never their controls.
_CHUNK_LINE = re.compile(rb"([0-9A-Fa-f]{1,16})(?:;[\t\x20-\x7e\x80-\xff]*)?").fullmatch
_TRAILERS = re.compile(rb"(?:%b:[\t\x20-\x7e\x80-\xff]*\r\n)*+" % TOKEN).fullmatch
_ILLEGAL_IN_LINE = re.compile(rb"\x00|(?<!\r)\n|\r(?!\n|\Z)").search


class ChunkedDecoder:
    """A chunked body, fed in pieces of any size (RFC 9112 7.1).

    ``feed`` returns the octets of the body that it could decode and raises Malformed(400). Once ``finished``,
    ``leftover`` is what came behind the last CRLF, and ``trailers`` the fields of the trailer section.
    """

    def __init__(self) -> None:
        self.leftover = b""
        self.trailers = Fields()
        self._buffer = b""
        self._left = 0  # octets of the chunk's data still to come
        self._step: Callable[[int, list[bytes]], int | None] | None = self._size_line
        self._overhead = 0  # octets of framing, against floods of tiny chunks with long extensions
        self._body = 0

    @property
    def finished(self) -> bool:
        return self._step is None

    def feed(self, data: bytes) -> bytes:
        """The octets of the body that ``data`` brings. Raises Malformed."""
        self._buffer = self._buffer + data if self._buffer else data
        body: list[bytes] = []
        done = 0
        while self._step is not None:
            try:
                position = self._step(done, body)
            except Malformed as error:
                error.before = b"".join(body)
                raise
            if position is None:
                break
            done = position
        self._buffer = self._buffer[done:]
        if self._step is None:
            self.leftover, self._buffer = self.leftover + self._buffer, b""
        return b"".join(body)

    # Each step takes what stands at ``position`` of the buffer and returns where the next begins, or None when it
    # needs more.

    def _size_line(self, position: int, body: list[bytes]) -> int | None:
        line = self._line(position)
        if line is None:
            return None
        match = _CHUNK_LINE(line)
        if match is None:
            raise Malformed(400, "a chunk's size is malformed")
        self._left = int(match[1], 16)
        self._body += self._left
        self._overhead += len(line)
        if self._overhead > 16 * (MAX_CHUNK_LINE + self._body):
            raise Malformed(400, "the chunks are mostly framing")
        self._step = self._data if self._left else self._trailer
        return position + len(line) + 2

    def _data(self, position: int, body: list[bytes]) -> int | None:
        data = self._buffer[position : position + self._left]
        if not data:
            return None
        body.append(data)
        self._left -= len(data)
        if self._left == 0:
            self._step = self._data_end
        return position + len(data)

    def _data_end(self, position: int, body: list[bytes]) -> int | None:
        end = self._buffer[position : position + 2]
        if not b"\r\n".startswith(end):
            raise Malformed(400, "a chunk is longer than its size")
        if len(end) < 2:
            return None
        self._step = self._size_line
        return position + 2

    def _trailer(self, position: int, body: list[bytes]) -> int | None:
        # RFC 9112 7.1.2: trailer-section = *( field-line CRLF ), then the last CRLF
        buffer = self._buffer
        if buffer.startswith(b"\r\n", position):
            end = position
        else:
            end = buffer.find(b"\r\n\r\n", position) + 2
            if end < position + 2:
                if len(buffer) - position > MAX_TRAILERS:
                    raise Malformed(431, "the trailer section is too large")
                if _ILLEGAL_IN_LINE(buffer, position):
                    raise Malformed(400, "the trailer section is malformed")
                return None
        section = buffer[position:end]
        if len(section) > MAX_TRAILERS or section.count(b"\r\n") > MAX_FIELDS:
            raise Malformed(431, "the trailer section is too large")
        if not _TRAILERS(section):
            raise Malformed(400, "the trailer section is malformed")
        if section:
            self.trailers = Fields.of_block(b"\r\n" + section[:-2])
        self._step = None
        return end + 2

    def _line(self, position: int) -> bytes | None:
        """The line at ``position`` without its CRLF, None when it isn't whole yet."""
        end = self._buffer.find(b"\r\n", position, position + MAX_CHUNK_LINE + 2)
        if end >= 0:
            return self._buffer[position:end]
        if len(self._buffer) - position > MAX_CHUNK_LINE + 1 or _ILLEGAL_IN_LINE(self._buffer, position):
            raise Malformed(400, "a chunk's first line is malformed")
        return None


Decoder = LengthDecoder | ChunkedDecoder


def decoder(framing: Framing) -> Decoder:
    """The decoder of a body; for one that ends with the connection, one that never finishes."""
    if framing.chunked:
        return ChunkedDecoder()
    return LengthDecoder(1 << 63 if framing.length is None else framing.length)
