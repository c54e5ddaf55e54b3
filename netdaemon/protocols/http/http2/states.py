"""h2's part of a connection, of either side: the streams' states and both directions' windows."""

from __future__ import annotations

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.settings import SettingCodes, Settings

from netdaemon.protocols.http.http2.compression import Decoder, Encoder

_NO_RFC7540_PRIORITIES = 0x9  # RFC 9218 2.1


class States(H2Connection):
    """Neither reads nor checks header fields (see `compression`); ``settings`` are ours, and hold at once."""

    MAX_CLOSED_STREAMS = 1024

    def __init__(self, client: bool, settings: dict[SettingCodes, int], decoder: Decoder) -> None:
        super().__init__(
            H2Configuration(
                client_side=client,
                header_encoding=None,
                validate_outbound_headers=False,
                normalize_outbound_headers=False,
                validate_inbound_headers=False,
                normalize_inbound_headers=False,
            )
        )
        self._own = self.decoder = decoder
        self.encoder = Encoder()
        self.local_settings = Settings(client=client, initial_values=settings)
        self.local_settings[_NO_RFC7540_PRIORITIES] = 1
        self.local_settings.acknowledge()

    @property
    def fields(self) -> tuple[tuple[bytes, bytes], ...]:
        """The fields of the header block that came last."""
        return self._own.fields

    def window(self, stream: int) -> int:
        """Octets that the peer takes on that stream, whatever the connection's window says."""
        return self.streams[stream].outbound_flow_control_window
