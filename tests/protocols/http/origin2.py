"""An HTTP/2 server in a test's hands: frames built and taken apart by hyperframe and hpack, right or wrong.

asked = self.origin.ask()
peer = self.accept2()
peer.says(peer.response(1, fields=[(b"content-length", b"2")], ends=False) + data(1, b"hi"))
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from hpack import Decoder, Encoder
from hyperframe.frame import DataFrame, Frame, GoAwayFrame, HeadersFrame, RstStreamFrame, WindowUpdateFrame
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from netdaemon.protocols.http.client import Response
from tests.protocols.http.origin import Origin, Peer
from tests.protocols.http.peer2 import (
    ACK,
    END_HEADERS,
    END_STREAM,
    HEADERS,
    PREFACE,
    RST_STREAM,
    SETTINGS,
    Pairs,
    frame,
)


@dataclass
class Heard:
    """One stream as the client used it."""

    fields: Pairs = field(default_factory=list)
    body: bytes = b""
    ended: bool = False
    reset: int | None = None

    def __getitem__(self, name: bytes) -> bytes:
        return dict(self.fields)[name]


class ServerPeer:
    """The server's side of one connection; with ``settings`` these are sent."""

    def __init__(self, peer: Peer, settings: bytes | None = b"") -> None:
        self.peer = peer
        self.encoder = Encoder()
        self.frames: list[Any] = []
        """All that the client sent, in order."""
        self._decoder = Decoder()
        self._streams: dict[int, Heard] = {}
        self._buffer = b""
        self._begun = False
        if settings is not None:
            self.says(frame(SETTINGS, 0, 0, settings) + frame(SETTINGS, ACK))

    def says(self, octets: bytes, piece: int = 0) -> None:
        self.peer.says(octets, piece=piece)

    @property
    def line(self) -> Any:
        """The client's side."""
        return self.peer.protocol._wrappedProtocol

    @property
    def dropped(self) -> bool:
        return self.peer.dropped

    def headers(self, stream: int, pairs: Pairs, flags: int = END_HEADERS) -> bytes:
        """A HEADERS frame with all of the fields."""
        return frame(HEADERS, flags, stream, self.encoder.encode(pairs))

    def response(self, stream: int, status: bytes = b"200", fields: Pairs | None = None, ends: bool = True) -> bytes:
        return self.headers(stream, [(b":status", status), *(fields or [])], END_HEADERS | END_STREAM * ends)

    def reset(self, stream: int, code: int) -> bytes:
        return frame(RST_STREAM, 0, stream, code.to_bytes(4, "big"))

    def look(self) -> None:
        """Take apart what has come since the last look."""
        self._buffer += self.peer.heard()
        if not self._begun and self._buffer:
            assert self._buffer.startswith(PREFACE), self._buffer
            self._begun = True
            self._buffer = self._buffer[len(PREFACE) :]
        while len(self._buffer) >= 9:
            made, length = Frame.parse_frame_header(memoryview(self._buffer)[:9])
            assert len(self._buffer) >= 9 + length, "half a frame was written"
            assert length <= 16384, "a frame is too large"
            made.parse_body(memoryview(self._buffer)[9 : 9 + length])
            self._buffer = self._buffer[9 + length :]
            self.frames.append(made)
            self._note(made)

    def _note(self, made: Any) -> None:
        if isinstance(made, (HeadersFrame, DataFrame, RstStreamFrame)):
            heard = self._streams.setdefault(made.stream_id, Heard())
            if isinstance(made, RstStreamFrame):
                heard.reset = made.error_code if heard.reset is None else heard.reset
                return
            assert heard.reset is None, "something came behind a reset"
            assert not heard.ended, "something came behind a stream's end"
            heard.ended = "END_STREAM" in made.flags
            if isinstance(made, HeadersFrame):
                assert "END_HEADERS" in made.flags
                pairs: Any = self._decoder.decode(made.data, raw=True)
                heard.fields = [(bytes(name), bytes(value)) for name, value in pairs]
            else:
                heard.body += made.data

    def heard(self, stream: int) -> Heard:
        """What the client has sent on a stream."""
        self.look()
        return self._streams.get(stream, Heard())

    @property
    def streams(self) -> list[int]:
        self.look()
        return sorted(self._streams)

    @property
    def goaway(self) -> int | None:
        """The code of the last GOAWAY."""
        self.look()
        codes = [made.error_code for made in self.frames if isinstance(made, GoAwayFrame)]
        return codes[-1] if codes else None

    def updates(self, stream: int) -> int:
        """By how much that window was opened."""
        self.look()
        return sum(
            made.window_increment
            for made in self.frames
            if isinstance(made, WindowUpdateFrame) and made.stream_id == stream
        )


class HTTP2Case(SynchronousTestCase):
    """A client that speaks HTTP/2 in clear text without asking."""

    def setUp(self) -> None:
        self.origin = Origin(http2="prior")

    def accept2(self, settings: bytes | None = b"") -> ServerPeer:
        return ServerPeer(self.origin.accept(), settings)

    def asked(self, settings: bytes | None = b"", **more: Any) -> tuple[Deferred[Response], ServerPeer]:
        """One request on a new connection."""
        asked = self.origin.ask(**more)
        return asked, self.accept2(settings)

    def read(self, asked: Deferred[Response]) -> bytes:
        return self.read_from(self.successResultOf(asked))

    def read_from(self, response: Response) -> bytes:
        return bytes(self.successResultOf(self.origin.run(response.read(10_000_000))))

    def alive(self, peer: ServerPeer, what: str = "", url: str = "http://127.0.0.1/") -> None:
        """The connection goes on: the next request is sent on it, and answered."""
        before = peer.streams
        asked = self.origin.ask(url)
        self.assertEqual(self.origin.waiting, 0, what)
        (stream,) = [stream for stream in peer.streams if stream not in before]
        peer.says(peer.response(stream))
        self.assertEqual(self.successResultOf(asked).status, 200, what)

    def gone(self, peer: ServerPeer, code: int, what: str = "") -> None:
        """The client has ended the connection for what came."""
        self.assertEqual(peer.goaway, code, what)
        self.assertTrue(peer.dropped, what)
