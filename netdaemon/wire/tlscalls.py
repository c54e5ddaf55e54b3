"""SSL_read and SSL_write as a TLS transport calls them all the time: without what pyOpenSSL puts around each.

That is a fresh buffer of the whole size for every read, and three questions after every call, even one that succeeded.
What does not succeed is left to pyOpenSSL: it tries the same again, as OpenSSL allows, and says what is the matter.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from OpenSSL import SSL

RECORD = 16384
"""The most clear text of one TLS record (RFC 8446 5.1): a read of this size never leaves a part of one behind."""


class Calls(NamedTuple):
    """The two, one way or the other."""

    read: Callable[[SSL.Connection], bytes]
    """The clear text of one record, at most. Raises what `Connection.recv` raises."""
    write: Callable[[SSL.Connection, bytes], int]
    """How many octets were taken. Raises what `Connection.send` raises; then the same must be tried again."""


def pyopenssl() -> Calls:
    """As pyOpenSSL does it."""
    return Calls(lambda connection: connection.recv(RECORD), lambda connection, data: connection.send(data))


def direct(lib: Any, ffi: Any) -> Calls:
    """OpenSSL's own, by pyOpenSSL's binding."""
    ssl_read, ssl_write = lib.SSL_read, lib.SSL_write
    room = ffi.new("char[]", RECORD)  # for all connections: what is read is copied out before anybody else reads
    view = ffi.buffer(room)

    def read(connection: Any) -> bytes:
        count = ssl_read(connection._ssl, room, RECORD)
        data: bytes = view[:count] if count > 0 else connection.recv(RECORD)
        return data

    def write(connection: Any, data: bytes) -> int:
        count: int = ssl_write(connection._ssl, data, len(data))
        return count if count > 0 else connection.send(data)

    return Calls(read, write)


def calls() -> Calls:
    """The quickest that there are: the binding is pyOpenSSL's own affair, and may be another one day."""
    lib, ffi = getattr(SSL, "_lib", None), getattr(SSL, "_ffi", None)
    bound = hasattr(lib, "SSL_read") and hasattr(lib, "SSL_write") and hasattr(ffi, "buffer")
    return direct(lib, ffi) if bound and hasattr(SSL.Connection(SSL.Context(SSL.TLS_METHOD)), "_ssl") else pyopenssl()


read, write = calls()
