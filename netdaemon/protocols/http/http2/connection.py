"""h2's part of a server's connection, arranged for our session."""

from __future__ import annotations

from h2.settings import SettingCodes

from netdaemon.protocols.http.grammar.message import MAX_FIELDS, MAX_HEAD
from netdaemon.protocols.http.http2.compression import Decoder
from netdaemon.protocols.http.http2.frames import MAX_FRAME, PREFACE
from netdaemon.protocols.http.http2.states import States

MAX_STREAMS = 100
"""Streams that one connection may have open at a time."""
STREAM_WINDOW = 256 * 1024
"""Octets of a request's body that may come before its responder takes any."""
WINDOW = 1024 * 1024
"""The same of all bodies of a connection."""

_SETTINGS = {
    SettingCodes.HEADER_TABLE_SIZE: 4096,
    SettingCodes.ENABLE_PUSH: 0,
    SettingCodes.MAX_CONCURRENT_STREAMS: MAX_STREAMS,
    SettingCodes.INITIAL_WINDOW_SIZE: STREAM_WINDOW,
    SettingCodes.MAX_FRAME_SIZE: MAX_FRAME,
    # RFC 9113 6.5.2 counts 32 octets more for each field than HTTP/1 does
    SettingCodes.MAX_HEADER_LIST_SIZE: MAX_HEAD + 32 * MAX_FIELDS,
}


class Connection(States):
    """A server's connection whose preface is through; our SETTINGS wait to be sent. ``fields`` are those that came
    last."""

    def __init__(self) -> None:
        super().__init__(False, _SETTINGS, Decoder())
        self.receive_data(PREFACE)  # which the framer takes
        self.initiate_connection()
        self.increment_flow_control_window(WINDOW - self.inbound_flow_control_window)
        # RFC 9113 5.1.2: a stream too many is a stream error, and h2 makes it one of the connection. So the limit is
        # told to the peer, and kept by the session.
        self.local_settings[SettingCodes.MAX_CONCURRENT_STREAMS] = 2**31 - 1
        self.local_settings.acknowledge()
