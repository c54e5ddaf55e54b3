"""Header compression (RFC 7541) as the sessions need it: each direction through h2, and past it.

h2 reads the fields of every message for itself and makes connection errors of what concerns one stream only
(RFC 9113 8.1.1); what it writes it checks and copies field by field. So it gets a decoder that keeps the fields for us
and shows it none, and an encoder that takes what is encoded already.

Messages are encoded without the dynamic table, as nginx does it: what is the same for many of them is then encoded
once for all connections, and no connection's memory is the peer's to fill.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from h2.errors import ErrorCodes
from h2.exceptions import ProtocolError
from hpack import Decoder as HPACKDecoder
from hpack import Encoder as HPACKEncoder
from hpack import HeaderTuple, HPACKError, NeverIndexedHeaderTuple, OversizedHeaderListError

from netdaemon.protocols.http.grammar.message import Fields

MAX_LIST = 64 * 1024
"""Octets of a header list, as RFC 9113 6.5.2 counts them, that are unpacked at all; a small block may hold millions.
Beyond it nobody knows the table's state, and the connection ends."""

ENCODED = b""
"""Stands where a field's name would, with octets that are encoded already."""

# RFC 9113 8.2.2; `Proxy-Connection` and `Keep-Alive` are of the same sort
CONNECTION_FIELDS = frozenset((b"connection", b"proxy-connection", b"keep-alive", b"transfer-encoding", b"upgrade"))
# RFC 7541 6.3: the dynamic table's size becomes 0
_NO_TABLE = b"\x20"


class CompressionFault(ProtocolError):
    """A header block can't be decoded (RFC 9113 4.3)."""

    error_code = ErrorCodes.COMPRESSION_ERROR


class Decoder(HPACKDecoder):
    """Keeps the ``fields`` of the block that was decoded last; h2 gets none to read."""

    def __init__(self, most: int = MAX_LIST) -> None:
        super().__init__(most)
        self.fields: tuple[HeaderTuple, ...] = ()

    def decode(self, data: bytes, raw: bool = False) -> Iterable[HeaderTuple]:
        try:
            self.fields = tuple(super().decode(data, raw=True))
        except OversizedHeaderListError:
            raise
        except (HPACKError, IndexError, ValueError) as error:
            # RFC 9113 4.3: h2 calls it PROTOCOL_ERROR
            raise CompressionFault(str(error)) from error
        return ()


class Encoder(HPACKEncoder):
    """One connection's: joins what was encoded before."""

    def __init__(self) -> None:
        super().__init__()
        self._begun = False

    def encode(self, headers: Any, huffman: bool = True) -> bytes:
        block = b"".join([value for name, value in headers if name == ENCODED])
        if self._begun:
            return block
        self._begun = True
        return _NO_TABLE + block


def _tableless() -> HPACKEncoder:
    encoder = HPACKEncoder()
    encoder.header_table_size = 0
    encoder.encode([])  # with this it has said so
    return encoder


_TABLELESS = _tableless()  # which keeps nothing from one message to the next


def encode_pairs(pairs: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Fields with their names in lower case, for the one message that has them."""
    return _TABLELESS.encode(list(pairs), huffman=False)  # which takes longer than it saves


def encode_secrets(pairs: Iterable[tuple[bytes, bytes]]) -> bytes:
    """The same of fields that nobody on the way may keep in a table (RFC 7541 7.1.3)."""
    return encode_pairs(NeverIndexedHeaderTuple(*pair) for pair in pairs)


@lru_cache(maxsize=64)
def encode_status(status: int) -> bytes:
    """The fields that every response with that status begins with."""
    return _TABLELESS.encode([(b":status", b"%d" % status), (b"server", b"netdaemon")])


def encode_continue() -> bytes:
    """The header of a 100 (Continue)."""
    return _TABLELESS.encode([(b":status", b"100")])


def encode_once(block: bytes) -> bytes:
    """A block of fields as HTTP/1 has them, for the one response that has it."""
    return _encode(block, huffman=False)  # which takes longer than it saves


@lru_cache(maxsize=2048)
def encode_block(block: bytes) -> bytes:
    """The same for a block that many responses have."""
    return _encode(block, huffman=True)


def _encode(block: bytes, huffman: bool) -> bytes:
    pairs = [(name.lower(), value) for name, value in Fields.of_block(block.removesuffix(b"\r\n\r\n"))]
    # RFC 9113 8.2.2: none of these is ever sent; who makes responses need not know by which version they leave
    return _TABLELESS.encode([pair for pair in pairs if pair[0] not in CONNECTION_FIELDS], huffman=huffman)
