"""Framing and persistence of responses in one pass, against the field by field way."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from netdaemon.protocols.http.grammar.framing import (
    CHUNKED,
    NO_BODY,
    UNTIL_CLOSE,
    Framing,
    body_framing,
    connection_options,
    response_control,
)
from netdaemon.protocols.http.grammar.message import Malformed, ResponseHead, parse_response_head

LINES = [
    b"Connection: close", b"connection: Keep-Alive", b"Connection: keep-alive", b"Connection: x, CLOSE", b"Connection:",
    b"Content-Length: 5", b"content-length: 5 ", b"Content-Length: 6", b"Content-Length: +5", b"Content-Length: 5, 5",
    b"Transfer-Encoding: chunked", b"Transfer-Encoding: Chunked ", b"Transfer-Encoding: gzip, chunked", b"X-A: close",
    b"X-Connection: close", b"Content-Lengthy: 7",
]  # fmt: skip


def head(*lines: bytes, status: int = 200, minor: int = 1) -> ResponseHead:
    return parse_response_head(b"\r\n".join([b"HTTP/1.%d %d X" % (minor, status), *lines]))


class ResponseControlTests(SynchronousTestCase):
    @given(
        st.lists(st.sampled_from(LINES), max_size=5),
        st.sampled_from((200, 204, 304, 404)),
        st.integers(0, 1),
        st.sampled_from((b"GET", b"HEAD", b"CONNECT")),
    )
    @settings(max_examples=500, deadline=None)
    def test_it_agrees(self, lines: list[bytes], status: int, minor: int, method: bytes) -> None:
        made = head(*lines, status=status, minor=minor)
        try:
            framing = body_framing(made, method)
        except Malformed:
            self.assertRaises(Malformed, response_control, made, method)
            return
        options = connection_options(made.fields.joined(b"connection") or b"")
        keep = b"close" not in options and (minor > 0 or b"keep-alive" in options) and not framing.until_close
        self.assertEqual(response_control(made, method), (framing, keep))

    def test_the_usual_ones(self) -> None:
        for made, method, expected in (
            (head(b"Content-Length: 5"), b"GET", (Framing(5), True)),
            (head(b"Content-Length: 5", b"Connection: close"), b"GET", (Framing(5), False)),
            (head(b"Content-Length: 5", minor=0), b"GET", (Framing(5), False)),
            (head(b"Content-Length: 5", b"Connection: keep-alive", minor=0), b"GET", (Framing(5), True)),
            (head(b"Transfer-Encoding: chunked"), b"GET", (CHUNKED, True)),
            (head(), b"GET", (UNTIL_CLOSE, False)),
            (head(status=204), b"GET", (NO_BODY, True)),
            (head(b"Content-Length: 5"), b"HEAD", (NO_BODY, True)),
        ):
            self.assertEqual(response_control(made, method), expected)
