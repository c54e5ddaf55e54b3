"""The client by HTTP/2 with a server that the library h2 plays: both understand each other, however it is cut up."""

from __future__ import annotations

from typing import Any

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, RequestReceived, StreamEnded
from h2.settings import SettingCodes, Settings
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.protocols.http.origin import Peer
from tests.protocols.http.origin2 import HTTP2Case


class Library:
    """Sends back every request's body behind its path, as far as the windows go."""

    def __init__(self, peer: Peer, window: int) -> None:
        self.peer = peer
        self.h2 = H2Connection(H2Configuration(client_side=False, header_encoding=None))
        # No less than the client may take for granted before it hears of it.
        self.h2.local_settings = Settings(client=False, initial_values={SettingCodes.INITIAL_WINDOW_SIZE: window})
        self.h2.initiate_connection()
        self._bodies: dict[int, bytes] = {}
        self._ready: dict[int, bytes] = {}

    def turn(self) -> bytes:
        """Take what the client has said; what there is to say to it."""
        for event in self.h2.receive_data(self.peer.heard()):
            stream: Any = getattr(event, "stream_id", None)
            if isinstance(event, RequestReceived):
                self._bodies[stream] = dict(event.headers or ())[b":path"]  # type: ignore[assignment]
            elif isinstance(event, DataReceived):
                self._bodies[stream] += event.data or b""
                self.h2.acknowledge_received_data(event.flow_controlled_length or 0, stream)
            elif isinstance(event, StreamEnded):
                self._ready[stream] = self._bodies.pop(stream)
                fields = [(":status", "200"), ("content-length", str(len(self._ready[stream]))), ("x", "y" * 10)]
                self.h2.send_headers(stream, fields)
        for stream, left in list(self._ready.items()):
            while left and (most := min(self.h2.local_flow_control_window(stream), 16384)) > 0:
                self.h2.send_data(stream, left[:most])
                left = left[most:]
            if left:
                self._ready[stream] = left
            else:
                del self._ready[stream]
                self.h2.end_stream(stream)
        return bytes(self.h2.data_to_send())


class LibraryTests(HTTP2Case):
    @settings(max_examples=60, deadline=None)
    @given(
        st.lists(st.integers(0, 200_000), min_size=1, max_size=6),
        st.integers(65535, 300_000),
        st.lists(st.integers(1, 40_000), min_size=1, max_size=10),
    )
    def test_both_ways(self, sizes: list[int], window: int, pieces: list[int]) -> None:
        self.setUp()
        read: dict[int, bytes] = {}

        async def ask(number: int, size: int) -> None:
            response = await self.origin.client.request("POST", f"http://127.0.0.1/{number}", body=bytes(size))
            self.assertEqual((response.status, response.fields.get(b"x")), (200, b"y" * 10))
            read[number] = await response.read(1_000_000)

        asked = [self.origin.run(ask(number, size)) for number, size in enumerate(sizes)]
        library = Library(self.origin.accept(), window)
        turn = 0
        while said := library.turn():
            while said:
                size = pieces[turn % len(pieces)]
                turn += 1
                library.peer.says(said[:size])
                said = said[size:]
        for one in asked:
            self.successResultOf(one)
        self.assertEqual(read, {number: b"/%d" % number + bytes(size) for number, size in enumerate(sizes)})
        self.assertEqual(self.origin.waiting, 0)
