"""An HTTP/2 peer in memory: frames built and taken apart by hyperframe and hpack, and nothing that knows better.

peer = self.peer2()
peer.send(peer.request(1, b"/hello.txt"))
self.assertEqual(peer.reply(1).body, b"hello\\n")
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from hpack import Decoder, Encoder
from hyperframe.frame import (
    DataFrame,
    Frame,
    GoAwayFrame,
    HeadersFrame,
    RstStreamFrame,
    SettingsFrame,
    WindowUpdateFrame,
)

from tests.protocols.http.peer import HTTPTests, Peer

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
END_STREAM = ACK = 0x1
END_HEADERS = 0x4
PADDED = 0x8
WITH_PRIORITY = 0x20
(
    NO_ERROR,
    PROTOCOL_ERROR,
    INTERNAL_ERROR,
    FLOW_CONTROL_ERROR,
    SETTINGS_TIMEOUT,
    STREAM_CLOSED,
    FRAME_SIZE_ERROR,
    REFUSED_STREAM,
    CANCEL,
    COMPRESSION_ERROR,
    CONNECT_ERROR,
    ENHANCE_YOUR_CALM,
) = range(12)

Pairs = list[tuple[bytes, bytes]]


def frame(kind: int, flags: int = 0, stream: int = 0, payload: bytes = b"") -> bytes:
    """Any frame, right or wrong."""
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


def setting(number: int, value: int) -> bytes:
    return number.to_bytes(2, "big") + value.to_bytes(4, "big")


def update(stream: int, increment: int) -> bytes:
    return frame(WINDOW_UPDATE, 0, stream, increment.to_bytes(4, "big"))


def data(stream: int, octets: bytes, ends: bool = True) -> bytes:
    return frame(DATA, END_STREAM * ends, stream, octets)


def asking(path: bytes = b"/hello.txt", method: bytes = b"GET") -> Pairs:
    """A request's pseudo-header fields."""
    return [(b":method", method), (b":scheme", b"http"), (b":authority", b"a"), (b":path", path)]


@dataclass
class Reply2:
    """What came on one stream."""

    status: int = 0
    fields: Pairs = field(default_factory=list)
    body: bytes = b""
    ended: bool = False
    reset: int | None = None
    interim: list[int] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    """Octets of each DATA frame."""

    def __getitem__(self, name: bytes) -> bytes | None:
        found = [value for own, value in self.fields if own == name]
        assert len(found) < 2, f"{name!r} stands {len(found)} times"
        return found[0] if found else None


class Peer2(Peer):
    """One connection to a factory by HTTP/2; with ``hello`` the preface is sent."""

    def __init__(self, factory: Any, lazy: bool = False, hello: bool = True) -> None:
        super().__init__(factory, lazy)
        self.encoder = Encoder()
        self._decoder = Decoder()
        self._replies: dict[int, Reply2] = {}
        self._read = 0
        self.frames: list[Frame] = []
        """All that came, in order."""
        if hello:
            self.send(PREFACE + SettingsFrame(0).serialize())

    def headers(self, stream: int, pairs: Pairs, flags: int = END_STREAM | END_HEADERS) -> bytes:
        """A HEADERS frame with all of the fields."""
        return frame(HEADERS, flags, stream, self.encoder.encode(pairs))

    def request(self, stream: int, path: bytes = b"/hello.txt", *fields: tuple[bytes, bytes]) -> bytes:
        """A GET."""
        return self.headers(stream, asking(path) + list(fields))

    def post(self, stream: int, *fields: tuple[bytes, bytes], path: bytes = b"/form") -> bytes:
        """A POST whose body is to follow."""
        return self.headers(stream, asking(path, b"POST") + list(fields), END_HEADERS)

    def look(self) -> None:
        """Take apart what has come since the last look."""
        output = self.output
        while len(output) - self._read >= 9:
            made, length = Frame.parse_frame_header(memoryview(output)[self._read : self._read + 9])
            end = self._read + 9 + length
            assert end <= len(output), "half a frame was written"
            made.parse_body(memoryview(output)[self._read + 9 : end])
            self._read = end
            self.frames.append(made)
            self._note(made)

    def _note(self, made: Any) -> None:
        reply = self._replies.setdefault(made.stream_id, Reply2())
        if isinstance(made, (HeadersFrame, DataFrame)):
            assert not reply.ended, "something came behind a stream's end"
            reply.ended = "END_STREAM" in made.flags
        if isinstance(made, HeadersFrame):
            assert "END_HEADERS" in made.flags
            pairs: Any = self._decoder.decode(made.data, raw=True)
            status = int(dict(pairs)[b":status"])
            if status < 200:
                reply.interim.append(status)
                return
            assert not reply.status, "there are two responses"
            reply.status = status
            reply.fields = [(bytes(name), bytes(value)) for name, value in pairs[1:]]
            assert all(name == name.lower() for name, _ in reply.fields)
        elif isinstance(made, DataFrame):
            assert reply.status, "there is a body without a header"
            assert made.data or reply.ended, "there is a frame of nothing"
            reply.body += made.data
            reply.sizes.append(len(made.data))
        elif isinstance(made, RstStreamFrame) and reply.reset is None:
            reply.reset = made.error_code

    def reply(self, stream: int) -> Reply2:
        """What has come on a stream."""
        self.look()
        return self._replies.get(stream, Reply2())

    @property
    def goaway(self) -> GoAwayFrame | None:
        """The last GOAWAY that came."""
        self.look()
        found = [made for made in self.frames if isinstance(made, GoAwayFrame)]
        return found[-1] if found else None

    def updates(self, stream: int) -> int:
        """By how much our window on that stream was opened."""
        self.look()
        return sum(
            made.window_increment
            for made in self.frames
            if isinstance(made, WindowUpdateFrame) and made.stream_id == stream
        )


class HTTP2Tests(HTTPTests):
    """A site, asked by HTTP/2."""

    def peer2(self, lazy: bool = False, hello: bool = True, factory: Any = None, **settings: Any) -> Peer2:
        peer = Peer2(factory or self.factory(**settings), lazy, hello)
        self.addCleanup(peer.leave)
        return peer

    def alive(self, peer: Peer2, stream: int = 99, what: str = "") -> None:
        """The connection goes on."""
        peer.send(peer.request(stream))
        self.assertEqual((peer.reply(stream).status, peer.reply(stream).body), (200, b"hello\n"), what)
        self.assertIsNone(peer.goaway, what)
        self.assertFalse(peer.wire.ended, what)

    def gone(self, peer: Peer2, code: int) -> None:
        """The connection was ended with that code, and nothing is answered any more."""
        self.assertIsNotNone(peer.goaway)
        assert peer.goaway is not None
        self.assertEqual(peer.goaway.error_code, code)
        self.assertTrue(peer.wire.ended)
        count = len(peer.wire.written)
        peer.send(peer.request(199))
        self.assertEqual(len(peer.wire.written), count)
