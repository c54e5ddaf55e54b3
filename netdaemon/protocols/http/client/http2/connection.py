"""h2's part of a client's connection, arranged for our line."""

from __future__ import annotations

from collections.abc import Iterable

from h2.settings import SettingCodes
from hpack import HeaderTuple

from netdaemon.protocols.http.client.connection import MAX_HEAD
from netdaemon.protocols.http.grammar.message import MAX_FIELDS
from netdaemon.protocols.http.http2.compression import Decoder
from netdaemon.protocols.http.http2.frames import MAX_FRAME
from netdaemon.protocols.http.http2.states import States

MAX_STREAMS = 100
"""Exchanges at a time on one connection, if the server doesn't want less."""
STREAM_WINDOW = 512 * 1024
"""Octets of a response's body that may come ahead of what its reader takes."""
WINDOW = 4 * 1024 * 1024
"""The same of all bodies of a connection; but it is given back at once, so a body that nobody reads stops no other.
What may wait for readers is the sum of the streams' windows."""
MAX_LIST = 128 * 1024
"""Octets of a response's header list, as RFC 9113 6.5.2 counts them, that are unpacked at all."""

MAX_KNOWN, MOST_KNOWN = 1024, 64
"""Octets of a header block that is kept with its fields, and how many of them are."""

_SETTINGS = {
    SettingCodes.HEADER_TABLE_SIZE: 4096,
    SettingCodes.ENABLE_PUSH: 0,
    SettingCodes.INITIAL_WINDOW_SIZE: STREAM_WINDOW,
    SettingCodes.MAX_FRAME_SIZE: MAX_FRAME,
    # RFC 9113 6.5.2 counts 32 octets more for each field than HTTP/1 does
    SettingCodes.MAX_HEADER_LIST_SIZE: MAX_HEAD + 32 * MAX_FIELDS,
}


class ResponseDecoder(Decoder):
    """Shows h2 of a response only that it is an interim one, and that only where it is ``awaited``.

    From a server that has no dynamic table (ours is one) the same octets mean the same fields: those of the last
    blocks are not taken apart again.
    """

    def __init__(self) -> None:
        super().__init__(MAX_LIST)
        self.awaited = False
        self._known: dict[bytes, tuple[HeaderTuple, ...]] = {}

    def decode(self, data: bytes, raw: bool = False) -> Iterable[HeaderTuple]:
        known = None if self.header_table_size else self._known.get(data)
        if known is not None:
            self.fields = known
        else:
            super().decode(data)
            # RFC 7541 6.3: a block may begin with another size for the table, and so mean more than fields
            if not self.header_table_size and len(data) <= MAX_KNOWN and data[:1] and data[0] & 0xE0 != 0x20:
                if len(self._known) >= MOST_KNOWN:
                    self._known.clear()
                self._known[data] = self.fields
        first = self.fields[:1]
        return first if self.awaited and first and first[0][0] == b":status" and first[0][1][:1] == b"1" else ()


class Connection(States):
    """A client's connection; its preface and SETTINGS wait to be sent."""

    def __init__(self) -> None:
        self.decoder: ResponseDecoder
        super().__init__(True, _SETTINGS, ResponseDecoder())
        self.initiate_connection()
        self.increment_flow_control_window(WINDOW - self.inbound_flow_control_window)
