"""Frames of HTTP/2: cut out of the stream, and what is wrong with them before anything else is known (RFC 9113 4, 6).

Only what h2 leaves open is checked here; a frame that passes may still be refused by it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from h2.errors import ErrorCodes

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
MAX_FRAME = 16384
"""Octets of a frame's payload, either way: what everybody must take (RFC 9113 4.2)."""
MAX_BLOCK = 32 * 1024
"""Octets of a compressed header block."""
MAX_CONTINUATIONS = 8
"""Frames that may continue a header block: three hold the largest, and empty ones cost nothing to send."""
MAX_SETTINGS = 32
"""Settings of one frame: there are not a dozen."""

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
PRIORITY_UPDATE = 16

END_STREAM = ACK = 0x1
END_HEADERS = 0x4
PADDED = 0x8
HAS_PRIORITY = 0x20

_HEAD = 9


class ConnectionFault(Exception):
    """The peer breaks the protocol, or the peace: GOAWAY with ``code`` (RFC 9113 5.4.1)."""

    def __init__(self, code: ErrorCodes, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class Frame(NamedTuple):
    """One frame, or a HEADERS frame with all that continues it: ``raw`` is how it came, ``body`` its own payload."""

    kind: int
    flags: int
    stream: int
    body: bytes
    raw: bytes


class Framer:
    """Takes what a peer sends: a client's preface, then frames, header blocks whole.

    Header blocks have at most ``most`` octets.
    """

    def __init__(self, preface: bytes = PREFACE, most: int = MAX_BLOCK) -> None:
        self._buffer = b""
        self._preface = preface
        self._most = most
        self._begun = not preface  # it is through
        self._settled = False  # and the SETTINGS frame that belongs to it
        self._block: list[bytes] = []
        self._first: Frame | None = None  # the HEADERS frame that is being continued
        self._size = 0
        self.count = 0
        """Frames that came whole."""

    @property
    def settled(self) -> bool:
        """Has the peer begun with SETTINGS, as everybody does who speaks HTTP/2?"""
        return self._settled

    @property
    def waiting(self) -> bool:
        """Does something stand open that must not stand open for long? The data of a body may."""
        if not self._settled or self._first is not None:
            return True
        buffer = self._buffer
        return bool(buffer) and (len(buffer) < 4 or buffer[3] != DATA)

    def feed(self, data: bytes) -> Iterator[Frame]:
        """The frames that ``data`` completes. Raises ConnectionFault."""
        buffer = self._buffer + data if self._buffer else data
        at = 0
        if not self._begun:
            # RFC 9113 3.4: an invalid preface is a connection error, and seen at its first wrong octet
            if not self._preface.startswith(buffer[: len(self._preface)]):
                raise ConnectionFault(ErrorCodes.PROTOCOL_ERROR, "there is no preface")
            if len(buffer) < len(self._preface):
                self._buffer = buffer
                return
            self._begun = True
            at = len(self._preface)
        while len(buffer) - at >= _HEAD:
            size = int.from_bytes(buffer[at : at + 3], "big")
            kind = buffer[at + 3]
            if size > MAX_FRAME:
                raise ConnectionFault(ErrorCodes.FRAME_SIZE_ERROR, "a frame is too large")
            self._check_order(kind, buffer[at + 4], buffer[at + 5 : at + _HEAD])
            end = at + _HEAD + size
            if len(buffer) < end:
                break
            stream = int.from_bytes(buffer[at + 5 : at + _HEAD], "big") & 0x7FFFFFFF
            frame = Frame(kind, buffer[at + 4], stream, buffer[at + _HEAD : end], buffer[at:end])
            at = end
            if kind in (HEADERS, CONTINUATION):
                whole = self._gather(frame)
                if whole is None:
                    continue
                frame = whole
            self.count += 1
            yield frame
        self._buffer = buffer[at:]

    def _check_order(self, kind: int, flags: int, stream: bytes) -> None:
        if not self._settled:
            # RFC 9113 3.4: the preface includes a SETTINGS frame
            if kind != SETTINGS or flags & ACK:
                raise ConnectionFault(ErrorCodes.PROTOCOL_ERROR, "the first frame is not SETTINGS")
            self._settled = True
        first = self._first
        if first is not None:
            # RFC 9113 6.10: nothing comes between the frames of a header block
            if kind != CONTINUATION or int.from_bytes(stream, "big") & 0x7FFFFFFF != first.stream:
                raise ConnectionFault(ErrorCodes.PROTOCOL_ERROR, "a header block is broken off")
        elif kind == CONTINUATION:
            raise ConnectionFault(ErrorCodes.PROTOCOL_ERROR, "there is no header block to continue")

    def _gather(self, frame: Frame) -> Frame | None:
        """The HEADERS frame with its header block whole, None when more of that is to come."""
        if self._first is None:
            self._first = frame
            self._block = []
            self._size = 0
        self._block.append(frame.raw)
        self._size += len(frame.body)
        # RFC 9113 10.5.1: a block is decoded whole or not at all, so it must not grow for ever (CVE-2024-27316)
        if self._size > self._most or len(self._block) > 1 + MAX_CONTINUATIONS:
            raise ConnectionFault(ErrorCodes.ENHANCE_YOUR_CALM, "a header block is too large")
        if not frame.flags & END_HEADERS:
            return None
        whole = self._first._replace(raw=b"".join(self._block))
        self._first = None
        return whole


def tame_settings(body: bytes) -> bytes:
    """The payload of a SETTINGS frame as h2 is to see it. Raises ConnectionFault.

    h2 would keep whatever it is told: 65536 settings that nobody knows, each for good, and a table for our header
    compression as large as the peer likes.
    """
    if len(body) > 6 * MAX_SETTINGS:
        raise ConnectionFault(ErrorCodes.ENHANCE_YOUR_CALM, "there are not so many settings")
    if len(body) % 6:
        raise ConnectionFault(ErrorCodes.FRAME_SIZE_ERROR, "a setting is cut off")
    settings = [body[at : at + 6] for at in range(0, len(body), 6)]
    # RFC 9113 6.5.2: 2 to 6 are known; an unknown one MUST be ignored. Our own encoder keeps no table (1).
    return b"".join(setting for setting in settings if 2 <= int.from_bytes(setting[:2], "big") <= 6)


def tamed(frame: Frame) -> Frame:
    """A SETTINGS frame as h2 is to see it. Raises ConnectionFault."""
    if frame.flags & ACK:
        if frame.body:  # RFC 9113 6.5; h2 calls it PROTOCOL_ERROR
            raise ConnectionFault(ErrorCodes.FRAME_SIZE_ERROR, "an ACK of SETTINGS is empty")
        return frame
    body = tame_settings(frame.body)
    return frame._replace(raw=len(body).to_bytes(3, "big") + frame.raw[3:_HEAD] + body)


def check_goaway(frame: Frame) -> None:
    """RFC 9113 6.8. Raises ConnectionFault."""
    if frame.stream:
        raise ConnectionFault(ErrorCodes.PROTOCOL_ERROR, "GOAWAY belongs to the connection")
    if len(frame.body) < 8:
        raise ConnectionFault(ErrorCodes.FRAME_SIZE_ERROR, "GOAWAY is cut off")


def opens_nothing(frame: Frame) -> bool:
    """Is a WINDOW_UPDATE one by 0? A stream error for a stream (RFC 9113 6.9); h2 makes one of the connection."""
    return len(frame.body) == 4 and not int.from_bytes(frame.body, "big") & 0x7FFFFFFF
