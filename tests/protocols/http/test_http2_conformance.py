"""What RFC 9113 and RFC 7541 ask of a server, section by section, with frames built by hand."""

from __future__ import annotations

from collections.abc import Callable

from hyperframe.frame import PingFrame, SettingsFrame

from tests.protocols.http.peer2 import (
    ACK,
    COMPRESSION_ERROR,
    CONTINUATION,
    DATA,
    END_HEADERS,
    END_STREAM,
    FLOW_CONTROL_ERROR,
    FRAME_SIZE_ERROR,
    GOAWAY,
    HEADERS,
    PADDED,
    PING,
    PREFACE,
    PRIORITY,
    PROTOCOL_ERROR,
    PUSH_PROMISE,
    REFUSED_STREAM,
    RST_STREAM,
    SETTINGS,
    STREAM_CLOSED,
    WINDOW_UPDATE,
    WITH_PRIORITY,
    HTTP2Tests,
    Pairs,
    Peer2,
    asking,
    data,
    frame,
    setting,
    update,
)

Build = Callable[[Peer2], bytes | tuple[bytes, bytes]]
"""What is sent; of two parts, the second when the first is answered."""
NONE = frame(SETTINGS)
SHUT = frame(SETTINGS, 0, 0, setting(4, 0))
MOST = 2**31 - 1


def block(peer: Peer2, path: bytes = b"/hello.txt") -> bytes:
    return peer.encoder.encode(asking(path))


def request(*fields: tuple[bytes, bytes]) -> Build:
    """A GET with these fields."""
    return lambda peer: peer.request(1, b"/hello.txt", *fields)


def pseudo(*pairs: tuple[bytes, bytes]) -> Build:
    """A request of just these fields."""
    return lambda peer: peer.headers(1, list(pairs))


def without(name: bytes) -> Build:
    return lambda peer: peer.headers(1, [pair for pair in asking() if pair[0] != name])


def twice(name: bytes) -> Build:
    pairs: Pairs = []
    for pair in asking():
        pairs += [pair, pair] if pair[0] == name else [pair]
    return lambda peer: peer.headers(1, pairs)


def body(length: bytes, *frames: bytes) -> Build:
    return lambda peer: peer.post(1, (b"content-length", length)) + b"".join(frames)


# Connection errors: the section, what is sent behind the preface, the code of GOAWAY
CONNECTION: list[tuple[str, int, Build]] = [
    ("4.1 a frame of the wrong stream", PROTOCOL_ERROR, lambda peer: data(0, b"x")),
    ("4.2 a frame above the maximum", FRAME_SIZE_ERROR, lambda peer: frame(DATA, 0, 1, b"x" * 16385)),
    ("4.2 a header block above it", FRAME_SIZE_ERROR, lambda peer: frame(HEADERS, 5, 1, b"\x82" * 16385)),
    ("4.2 an unknown frame above it", FRAME_SIZE_ERROR, lambda peer: frame(0xFF, 0, 0, b"x" * 16385)),
    ("4.3 a block that can't be decoded", COMPRESSION_ERROR, lambda peer: frame(HEADERS, 5, 1, b"\x00\x05\x00\x00")),
    ("4.3 PRIORITY within a block", PROTOCOL_ERROR,
     lambda peer: frame(HEADERS, 1, 1, block(peer)) + frame(PRIORITY, 0, 1, bytes(5))),
    ("4.3 another stream's HEADERS within a block", PROTOCOL_ERROR,
     lambda peer: frame(HEADERS, 1, 1, block(peer)) + peer.request(3)),
    ("5.1 idle: DATA", PROTOCOL_ERROR, lambda peer: data(1, b"x")),
    ("5.1 idle: RST_STREAM", PROTOCOL_ERROR, lambda peer: frame(RST_STREAM, 0, 1, bytes(4))),
    ("5.1 idle: WINDOW_UPDATE", PROTOCOL_ERROR, lambda peer: update(1, 1)),
    ("5.1 idle: CONTINUATION", PROTOCOL_ERROR, lambda peer: frame(CONTINUATION, 4, 1, block(peer))),
    ("5.1 closed: HEADERS", STREAM_CLOSED, lambda peer: (peer.request(1), peer.request(1))),
    ("5.1 closed: CONTINUATION", PROTOCOL_ERROR, lambda peer: peer.request(1) + frame(CONTINUATION, 4, 1, block(peer))),
    ("5.1.1 an even stream", PROTOCOL_ERROR, lambda peer: peer.request(2)),
    ("5.1.1 a smaller stream", PROTOCOL_ERROR, lambda peer: peer.request(5) + peer.request(3)),
    ("5.5 an extension within a block", PROTOCOL_ERROR,
     lambda peer: frame(HEADERS, 1, 1, block(peer)) + frame(0x16, 0, 0, b"x")),
    ("6.1 more padding than payload", PROTOCOL_ERROR, lambda peer: peer.post(1) + frame(DATA, PADDED, 1, b"\x02x")),
    ("6.2 HEADERS of no stream", PROTOCOL_ERROR, lambda peer: peer.request(0)),
    ("6.2 more padding than block", PROTOCOL_ERROR,
     lambda peer: frame(HEADERS, PADDED | 5, 1, b"\xff" + block(peer))),
    ("6.3 PRIORITY of no stream", PROTOCOL_ERROR, lambda peer: frame(PRIORITY, 0, 0, bytes(5))),
    ("6.3 PRIORITY of another length", FRAME_SIZE_ERROR, lambda peer: frame(PRIORITY, 0, 1, bytes(4))),
    ("6.4 RST_STREAM of no stream", PROTOCOL_ERROR, lambda peer: frame(RST_STREAM, 0, 0, bytes(4))),
    ("6.4 RST_STREAM of another length", FRAME_SIZE_ERROR,
     lambda peer: peer.post(1) + frame(RST_STREAM, 0, 1, bytes(3))),
    ("6.5 ACK with payload", FRAME_SIZE_ERROR, lambda peer: frame(SETTINGS, ACK, 0, setting(4, 1))),
    ("6.5 SETTINGS of a stream", PROTOCOL_ERROR, lambda peer: frame(SETTINGS, 0, 1)),
    ("6.5 half a setting", FRAME_SIZE_ERROR, lambda peer: frame(SETTINGS, 0, 0, bytes(5))),
    ("6.5.2 ENABLE_PUSH of 2", PROTOCOL_ERROR, lambda peer: frame(SETTINGS, 0, 0, setting(2, 2))),
    ("6.5.2 a window of 2^31", FLOW_CONTROL_ERROR, lambda peer: frame(SETTINGS, 0, 0, setting(4, 2**31))),
    ("6.5.2 frames of 16383", PROTOCOL_ERROR, lambda peer: frame(SETTINGS, 0, 0, setting(5, 16383))),
    ("6.5.2 frames of 2^24", PROTOCOL_ERROR, lambda peer: frame(SETTINGS, 0, 0, setting(5, 2**24))),
    ("6.6 PUSH_PROMISE", PROTOCOL_ERROR,
     lambda peer: peer.post(1) + frame(PUSH_PROMISE, 4, 1, b"\0\0\0\2" + block(peer))),
    ("6.7 PING of a stream", PROTOCOL_ERROR, lambda peer: frame(PING, 0, 1, bytes(8))),
    ("6.7 PING of another length", FRAME_SIZE_ERROR, lambda peer: frame(PING, 0, 0, bytes(6))),
    ("6.8 GOAWAY of a stream", PROTOCOL_ERROR, lambda peer: frame(GOAWAY, 0, 1, bytes(8))),
    ("6.8 half a GOAWAY", FRAME_SIZE_ERROR, lambda peer: frame(GOAWAY, 0, 0, bytes(7))),
    ("6.9 an increment of 0", PROTOCOL_ERROR, lambda peer: update(0, 0)),
    ("6.9 WINDOW_UPDATE of another length", FRAME_SIZE_ERROR, lambda peer: frame(WINDOW_UPDATE, 0, 0, bytes(3))),
    ("6.9.1 a window above 2^31-1", FLOW_CONTROL_ERROR, lambda peer: update(0, MOST)),
    ("6.9.2 a stream's window above it, by SETTINGS", FLOW_CONTROL_ERROR,
     lambda peer: peer.post(1) + update(1, MOST - 65535) + frame(SETTINGS, 0, 0, setting(4, 65536))),
    ("6.10 CONTINUATION behind the block's end", PROTOCOL_ERROR,
     lambda peer: peer.post(1) + frame(CONTINUATION, 4, 1, b"")),
    ("6.10 CONTINUATION of no stream", PROTOCOL_ERROR,
     lambda peer: frame(HEADERS, 1, 1, block(peer)) + frame(CONTINUATION, 4, 0, b"")),
    ("6.10 DATA within a block", PROTOCOL_ERROR, lambda peer: frame(HEADERS, 0, 1, block(peer)) + data(1, b"x")),
    ("RFC 7541 2.3.3 an index beyond the tables", COMPRESSION_ERROR, lambda peer: frame(HEADERS, 5, 1, b"\xc0")),
    ("RFC 7541 2.3.3 a name beyond the tables", COMPRESSION_ERROR, lambda peer: frame(HEADERS, 5, 1, b"\x7f\x0a\x01x")),
    ("RFC 7541 4.2 a table's size behind fields", COMPRESSION_ERROR,
     lambda peer: frame(HEADERS, 5, 1, block(peer) + b"\x20")),
    ("RFC 7541 5.2 eight bits of padding", COMPRESSION_ERROR,
     lambda peer: frame(HEADERS, 5, 1, b"\x82\x87\x84\x41\x8a" + bytes.fromhex("f1e3c2e5f23a6ba0ab90f4ff") + b"\xff")),
    ("RFC 7541 5.2 padding of zeros", COMPRESSION_ERROR, lambda peer: frame(HEADERS, 5, 1, b"\x00\x81\x18\x01x")),
    ("RFC 7541 5.2 EOS in a string", COMPRESSION_ERROR,
     lambda peer: frame(HEADERS, 5, 1, b"\x00\x84\xff\xff\xff\xff\x01x")),
    ("RFC 7541 6.1 index 0", COMPRESSION_ERROR, lambda peer: frame(HEADERS, 5, 1, b"\x80")),
    ("RFC 7541 6.3 a table above ours", COMPRESSION_ERROR, lambda peer: frame(HEADERS, 5, 1, b"\x3f\xe2\x1f")),
    ("RFC 9218 7.1 PRIORITY_UPDATE of a stream", PROTOCOL_ERROR, lambda peer: frame(0x10, 0, 1, b"\0\0\0\1u=1")),
    ("RFC 9218 7.1 half a PRIORITY_UPDATE", FRAME_SIZE_ERROR, lambda peer: frame(0x10, 0, 0, b"\0\0\0")),
    ("RFC 9218 7.1 PRIORITY_UPDATE for nobody", PROTOCOL_ERROR, lambda peer: frame(0x10, 0, 0, bytes(4))),
]  # fmt: skip

# Stream errors: stream 1 is reset, and the connection goes on
STREAM: list[tuple[str, int, Build]] = [
    ("5.1 half-closed: DATA", STREAM_CLOSED, lambda peer: SHUT + peer.request(1) + data(1, b"x")),
    ("5.1 half-closed: HEADERS", STREAM_CLOSED, lambda peer: SHUT + peer.request(1) + peer.request(1)),
    ("5.1 closed: DATA", STREAM_CLOSED, lambda peer: (peer.request(1), data(1, b"x"))),
    ("6.9 an increment of 0", PROTOCOL_ERROR, lambda peer: peer.post(1) + update(1, 0)),
    ("6.9.1 a window above 2^31-1", FLOW_CONTROL_ERROR, lambda peer: peer.post(1) + update(1, MOST)),
    ("8.1 trailers without END_STREAM", PROTOCOL_ERROR,
     lambda peer: peer.post(1) + data(1, b"x", False) + peer.headers(1, [(b"x", b"y")], END_HEADERS)),
    ("8.1 pseudo-header fields in trailers", PROTOCOL_ERROR,
     lambda peer: peer.post(1) + data(1, b"x", False) + peer.headers(1, [(b":method", b"GET")])),
    ("8.1.1 less than Content-Length", PROTOCOL_ERROR, body(b"2", data(1, b"x"))),
    ("8.1.1 more", PROTOCOL_ERROR, body(b"1", data(1, b"xy", False))),
    ("8.1.1 more in several", PROTOCOL_ERROR, body(b"3", data(1, b"xy", False), data(1, b"xy"))),
    ("8.1.1 nothing at all", PROTOCOL_ERROR, request((b"content-length", b"1"))),
    ("8.1.1 Content-Length with a sign", PROTOCOL_ERROR, body(b"+1", data(1, b"x"))),
    ("8.1.1 none of its digits", PROTOCOL_ERROR, body(b"", data(1, b""))),
    ("8.1.1 two of them", PROTOCOL_ERROR, body(b"1, 1", data(1, b"x"))),
    ("8.1.1 twice", PROTOCOL_ERROR,
     lambda peer: peer.post(1, (b"content-length", b"1"), (b"content-length", b"1")) + data(1, b"x")),
    ("8.2.1 a capital in a name", PROTOCOL_ERROR, request((b"X-Test", b"1"))),
    ("8.2.1 a name of nothing", PROTOCOL_ERROR, request((b"", b"1"))),
    *((f"8.2.1 {octet:02x} in a name", PROTOCOL_ERROR, request((b"x" + bytes([octet]), b"1")))
      for octet in (0x00, 0x0A, 0x0D, 0x20, 0x3A, 0x7F, 0x80, 0xFF)),
    *((f"8.2.1 {octet:02x} in a value", PROTOCOL_ERROR, request((b"x", b"1" + bytes([octet]) + b"2")))
      for octet in (0x00, 0x0A, 0x0D, 0x01, 0x7F)),
    ("8.2.1 a field within a field", PROTOCOL_ERROR, request((b"x", b"1\r\ny: 2"))),
    ("8.2.1 a request within a field", PROTOCOL_ERROR, request((b"x", b"1\r\n\r\nGET / HTTP/1.1"))),
    *((f"8.2.1 {value!r} for a value", PROTOCOL_ERROR, request((b"x", value)))
      for value in (b" 1", b"1 ", b"\t1", b"1\t", b" ")),
    *((f"8.2.2 {name.decode()}", PROTOCOL_ERROR, request((name, b"x")))
      for name in (b"connection", b"keep-alive", b"proxy-connection", b"transfer-encoding", b"upgrade")),
    ("8.2.2 another te", PROTOCOL_ERROR, request((b"te", b"trailers, gzip"))),
    ("8.3 one of a response", PROTOCOL_ERROR, pseudo(*asking(), (b":status", b"200"))),
    ("8.3 one that nobody knows", PROTOCOL_ERROR, pseudo(*asking(), (b":test", b"x"))),
    ("8.3 behind another field", PROTOCOL_ERROR, pseudo(*asking()[:3], (b"x", b"y"), asking()[3])),
    ("8.3 behind a cookie", PROTOCOL_ERROR, pseudo(*asking()[:3], (b"cookie", b"y"), asking()[3])),
    *((f"8.3.1 without {name.decode()}", PROTOCOL_ERROR, without(name)) for name in (b":method", b":scheme", b":path")),
    *((f"8.3.1 {name.decode()} twice", PROTOCOL_ERROR, twice(name))
      for name in (b":method", b":scheme", b":path", b":authority")),
    ("8.3.1 an empty path", PROTOCOL_ERROR, pseudo(*asking(b""))),
    ("8.3.1 a path that is a URL", PROTOCOL_ERROR, pseudo(*asking(b"http://a/hello.txt"))),
    ("8.3.1 a path without its slash", PROTOCOL_ERROR, pseudo(*asking(b"hello.txt"))),
    ("8.3.1 a path with white space", PROTOCOL_ERROR, pseudo(*asking(b"/a b"))),
    ("8.3.1 a path with a fragment", PROTOCOL_ERROR, pseudo(*asking(b"/a#b"))),
    ("8.3.1 a path that is a request", PROTOCOL_ERROR, pseudo(*asking(b"/ HTTP/1.1\r\nx: y"))),
    ("8.3.1 a method that is one", PROTOCOL_ERROR, pseudo(*asking(b"/", b"GET / HTTP/1.1\r\nx: "))),
    ("8.3.1 another Host", PROTOCOL_ERROR, request((b"host", b"b"))),
    ("8.3.1 two of them", PROTOCOL_ERROR, request((b"host", b"a"), (b"host", b"a"))),
    ("8.5 CONNECT with a path", PROTOCOL_ERROR, pseudo(*asking(b"/", b"CONNECT"))),
    ("8.5 CONNECT to nobody", PROTOCOL_ERROR, pseudo((b":method", b"CONNECT"))),
]  # fmt: skip

# Nothing is wrong with these: the answer's status
ANSWERED: list[tuple[str, int, Build]] = [
    ("4.1 flags that mean nothing", 200, lambda peer: frame(PING, 0xFE, 0, bytes(8)) + peer.request(1)),
    ("4.1 the reserved bit", 200, lambda peer: frame(HEADERS, 5, 2**31 + 1, block(peer))),
    ("4.2 the largest frame", 405, lambda peer: peer.post(1) + data(1, b"x" * 16384)),
    ("4.3 an empty continuation", 200,
     lambda peer: frame(HEADERS, 1, 1, block(peer)) + frame(CONTINUATION, 0, 1) + frame(CONTINUATION, 4, 1)),
    ("5.1 closed: PRIORITY", 200, lambda peer: peer.request(1) + frame(PRIORITY, 0, 1, b"\0\0\0\3\1")),
    ("5.1 closed: WINDOW_UPDATE", 200, lambda peer: peer.request(1) + update(1, 1)),
    ("5.1 closed: RST_STREAM", 200, lambda peer: (peer.request(1), frame(RST_STREAM, 0, 1, bytes(4)))),
    ("5.1.1 streams left out", 200, lambda peer: peer.request(1) + peer.request(7)),
    ("5.3.1 PRIORITY of an idle stream", 200, lambda peer: frame(PRIORITY, 0, 7, b"\0\0\0\0\1") + peer.request(1)),
    ("5.5 a frame that nobody knows", 200, lambda peer: frame(0x16, 0xFF, 0, b"x") + peer.request(1)),
    ("5.5 one of a known extension, malformed", 200, lambda peer: frame(0x0A, 0, 1, b"") + peer.request(1)),
    ("6.2 padding", 200, lambda peer: frame(HEADERS, PADDED | 5, 1, b"\x04" + block(peer) + bytes(4))),
    ("6.2 with a priority", 200, lambda peer: frame(HEADERS, WITH_PRIORITY | 5, 1, b"\0\0\0\0\x0f" + block(peer))),
    ("6.5.2 a setting that nobody knows", 200, lambda peer: frame(SETTINGS, 0, 0, setting(0xFF, 1)) + peer.request(1)),
    ("6.5.3 a window twice, the last counts", 200,
     lambda peer: frame(SETTINGS, 0, 0, setting(4, 1) + setting(4, 100)) + peer.request(1)),
    ("6.7 an answer to no PING", 200, lambda peer: frame(PING, ACK, 0, bytes(8)) + peer.request(1)),
    ("7 codes that nobody knows", 200,
     lambda peer: (peer.request(1), frame(RST_STREAM, 0, 1, b"\0\0\0\xff"))),
    ("8.1 trailers", 405, lambda peer: peer.post(1) + data(1, b"x", False) + peer.headers(1, [(b"x", b"y")])),
    ("8.2.2 te: trailers", 200, request((b"te", b"trailers"))),
    ("8.2.3 crumbs", 200, request((b"cookie", b"a=1"), (b"cookie", b"b=2"))),
    ("8.3.1 Host beside :authority", 200, request((b"host", b"A"))),
    ("8.3.1 Host alone", 200, pseudo(asking()[0], asking()[1], asking()[3], (b"host", b"a"))),
    ("8.3.1 neither", 400, without(b":authority")),
    ("8.3.1 a user in :authority", 400, pseudo(*asking()[:2], (b":authority", b"u@a"), asking()[3])),
    ("8.3.1 another scheme", 400, pseudo((b":scheme", b"ftp"), *(p for p in asking() if p[0] != b":scheme"))),
    ("8.3.1 OPTIONS *", 204, pseudo(*asking(b"*", b"OPTIONS"))),
    ("8.3.1 GET *", 400, pseudo(*asking(b"*"))),
    ("8.5 CONNECT", 405, pseudo((b":method", b"CONNECT"), (b":authority", b"a:443"))),
    ("RFC 9110 9.1 a method that nobody knows", 501, pseudo(*asking(b"/", b"BREW"))),
    ("RFC 9110 10.1.1 an expectation that nobody knows", 417, request((b"expect", b"tea"))),
    ("a path that climbs", 400, pseudo(*asking(b"/../x"))),
    ("a path that hides a slash", 400, pseudo(*asking(b"/a%2fb"))),
    ("a path that is too long", 414, pseudo(*asking(b"/" + b"x" * 8192))),
    ("too many fields", 431, request(*((b"x", b"y") for _ in range(100)))),
    ("RFC 7541 4.2 the table's size first", 200, lambda peer: frame(HEADERS, 5, 1, b"\x3f\xe1\x1f" + block(peer))),
]  # fmt: skip


class ConformanceTests(HTTP2Tests):
    def outcome(self, build: Build, step: int = 0) -> Peer2:
        peer = self.peer2()
        built = build(peer)
        for part in built if isinstance(built, tuple) else (built,):
            peer.send(part, step if len(part) < 2000 else 0)
        peer.look()
        return peer

    def test_preface(self) -> None:
        peer = self.peer2(hello=False)
        peer.send(PREFACE + NONE, 1)
        self.alive(peer)

    def test_a_preface_that_goes_wrong(self) -> None:
        # RFC 9113 3.4; in clear, whoever gets so far speaks HTTP/2
        peer = self.peer2(hello=False)
        peer.send(PREFACE[:-6] + b"GET / HTTP/1.1\r\n\r\n")
        self.gone(peer, PROTOCOL_ERROR)

    def test_another_frame_before_settings(self) -> None:
        for first in (frame(PING, 0, 0, bytes(8)), frame(SETTINGS, ACK), update(0, 1)):
            peer = self.peer2(hello=False)
            peer.send(PREFACE + first)
            self.gone(peer, PROTOCOL_ERROR)

    def test_our_settings_come_first(self) -> None:
        peer = self.peer2(hello=False)
        peer.send(PREFACE)
        peer.look()
        self.assertEqual((type(peer.frames[0]), peer.frames[0].flags), (SettingsFrame, set()))
        peer.send(NONE)
        peer.look()
        self.assertEqual(peer.frames[-1].flags, {"ACK"})

    def test_connection_errors(self) -> None:
        for what, code, build in CONNECTION:
            for step in (0, 1):
                peer = self.outcome(build, step)
                self.assertIsNotNone(peer.goaway, what)
                assert peer.goaway is not None
                self.assertEqual(peer.goaway.error_code, code, what)
                self.gone(peer, code)

    def test_stream_errors(self) -> None:
        for what, code, build in STREAM:
            for step in (0, 1):
                peer = self.outcome(build, step)
                self.assertEqual(peer.reply(1).reset, code, what)
                peer.send(frame(SETTINGS, 0, 0, setting(4, 65535)))
                self.alive(peer)

    def test_answered(self) -> None:
        for what, status, build in ANSWERED:
            for step in (0, 1):
                peer = self.outcome(build, step)
                reply = peer.reply(1)
                self.assertEqual((reply.status, reply.ended, reply.reset), (status, True, None), what)
                self.alive(peer, what=what)

    def test_a_block_in_many_frames(self) -> None:
        for size in (4, 7):
            peer = self.peer2()
            whole = block(peer)
            parts = [whole[at : at + size] for at in range(0, len(whole), size)]
            kinds = [HEADERS] + [CONTINUATION] * (len(parts) - 1)
            for kind, part in zip(kinds, parts, strict=True):
                flags = END_STREAM * (kind == HEADERS) | END_HEADERS * (part is parts[-1])
                peer.send(frame(kind, flags, 1, part))
            self.assertEqual(peer.reply(1).status, 200)

    def test_ping_is_answered_with_its_own_octets(self) -> None:
        peer = self.peer2()
        peer.send(frame(PING, 0, 0, b"12345678"))
        peer.look()
        answer = peer.frames[-1]
        assert isinstance(answer, PingFrame)
        self.assertEqual((answer.opaque_data, answer.flags), (b"12345678", {"ACK"}))

    def test_windows(self) -> None:
        """RFC 9113 6.9.1, 6.9.2: what fits is sent, and the rest when it does; a window may become negative."""
        peer = self.peer2()
        peer.send(frame(SETTINGS, 0, 0, setting(4, 1)) + peer.request(1))
        self.assertEqual((peer.reply(1).status, peer.reply(1).body, peer.reply(1).ended), (200, b"h", False))
        peer.send(frame(SETTINGS, 0, 0, setting(4, 3)))
        self.assertEqual(peer.reply(1).body, b"hel")
        peer.send(frame(SETTINGS, 0, 0, setting(4, 0)))  # -3 now
        peer.send(update(1, 3))
        self.assertEqual(peer.reply(1).body, b"hel")
        peer.send(update(1, 1))
        self.assertEqual(peer.reply(1).body, b"hell")
        peer.send(update(1, 100))
        self.assertEqual((peer.reply(1).body, peer.reply(1).ended), (b"hello\n", True))

    def test_the_connections_window(self) -> None:
        self.file("big", bytes(200_000))
        peer = self.peer2()
        peer.send(frame(SETTINGS, 0, 0, setting(4, MOST)) + peer.request(1, b"/big") + peer.request(3, b"/hello.txt"))
        self.assertEqual(len(peer.reply(1).body + peer.reply(3).body), 65535)
        peer.send(update(0, MOST - 65535))
        self.assertEqual((len(peer.reply(1).body), peer.reply(3).body), (200_000, b"hello\n"))
        self.assertLessEqual(max(peer.reply(1).sizes), 16384)

    def test_a_stream_too_many(self) -> None:
        """RFC 9113 5.1.2: that one is refused, and may be tried again."""
        peer = self.peer2()
        peer.send(frame(SETTINGS, 0, 0, setting(4, 0)))
        for stream in range(1, 202, 2):
            peer.send(peer.request(stream))
        self.assertEqual(peer.reply(199).status, 200)
        self.assertEqual((peer.reply(201).status, peer.reply(201).reset), (0, REFUSED_STREAM))
        peer.send(frame(SETTINGS, 0, 0, setting(4, 100)))
        self.assertTrue(all(peer.reply(stream).ended for stream in range(1, 200, 2)))
        self.alive(peer, 203)

    def test_goaway_of_the_peer_lets_us_finish(self) -> None:
        """RFC 9113 6.8: it opens no more streams, and those that are open go on."""
        peer = self.peer2()
        peer.send(frame(SETTINGS, 0, 0, setting(4, 1)) + peer.request(1))
        peer.send(frame(GOAWAY, 0, 0, bytes(4) + (0xFF).to_bytes(4, "big") + b"bye"))
        self.assertFalse(peer.wire.ended)
        peer.send(update(1, 100))
        self.assertEqual((peer.reply(1).body, peer.reply(1).ended), (b"hello\n", True))
        self.assertTrue(peer.wire.ended)
        self.assertIsNone(peer.goaway)

    def test_the_last_stream_is_told(self) -> None:
        peer = self.peer2()
        peer.send(peer.request(5) + data(0, b""))
        assert peer.goaway is not None
        self.assertEqual((peer.goaway.last_stream_id, peer.goaway.error_code), (5, PROTOCOL_ERROR))
        self.assertEqual(peer.reply(5).status, 200)  # what came before is answered
