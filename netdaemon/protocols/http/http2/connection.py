"""h2's part of a connection: the streams' states and both directions' windows, arranged for our session."""

from __future__ import annotations

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.settings import SettingCodes, Settings

from netdaemon.protocols.http.grammar.message import MAX_FIELDS, MAX_HEAD
from netdaemon.protocols.http.http2.compression import Decoder, Encoder
from netdaemon.protocols.http.http2.frames import MAX_FRAME, PREFACE

MAX_STREAMS = 100
"""Streams that one connection may have open at a time."""
STREAM_WINDOW = 256 * 1024
"""Octets of a request's body that may come before its responder takes any."""
WINDOW = 1024 * 1024
"""The same of all bodies of a connection."""

_NO_RFC7540_PRIORITIES = 0x9  # RFC 9218 2.1
_SETTINGS = {
    SettingCodes.HEADER_TABLE_SIZE: 4096,
    SettingCodes.ENABLE_PUSH: 0,
    SettingCodes.MAX_CONCURRENT_STREAMS: MAX_STREAMS,
    SettingCodes.INITIAL_WINDOW_SIZE: STREAM_WINDOW,
    SettingCodes.MAX_FRAME_SIZE: MAX_FRAME,
    # RFC 9113 6.5.2 counts 32 octets more for each field than HTTP/1 does
    SettingCodes.MAX_HEADER_LIST_SIZE: MAX_HEAD + 32 * MAX_FIELDS,
}
# What h2 would do with header fields is done here: see `compression`.
_CONFIGURATION = H2Configuration(
    client_side=False,
    header_encoding=None,
    validate_outbound_headers=False,
    normalize_outbound_headers=False,
    validate_inbound_headers=False,
    normalize_inbound_headers=False,
)


class Connection(H2Connection):
    """A server's connection whose preface is through; our SETTINGS wait to be sent. ``fields`` are those that came
    last."""

    MAX_CLOSED_STREAMS = 1024

    def __init__(self) -> None:
        super().__init__(_CONFIGURATION)
        self._own = self.decoder = Decoder()
        self.encoder = Encoder()
        self.local_settings = Settings(client=False, initial_values=_SETTINGS)
        self.local_settings[_NO_RFC7540_PRIORITIES] = 1
        self.local_settings.acknowledge()
        self.receive_data(PREFACE)  # which the framer takes
        self.initiate_connection()
        self.increment_flow_control_window(WINDOW - self.inbound_flow_control_window)
        # RFC 9113 5.1.2: a stream too many is a stream error, and h2 makes it one of the connection. So the limit is
        # told to the peer, and kept by the session.
        self.local_settings[SettingCodes.MAX_CONCURRENT_STREAMS] = 2**31 - 1
        self.local_settings.acknowledge()

    @property
    def fields(self) -> tuple[tuple[bytes, bytes], ...]:
        """The fields of the header block that came last."""
        return self._own.fields

    def window(self, stream: int) -> int:
        """Octets that the peer takes on that stream, whatever the connection's window says."""
        return self.streams[stream].outbound_flow_control_window
