"""The Gopher client for programs without a reactor: the same calls, which block.

from netdaemon.protocols.gopher.client import plain

for item in plain.get_directory("/poems", "gopher.example.org"):
    print(item.type, item.description)
"""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager

from netdaemon.protocols.gopher.client.errors import Refused
from netdaemon.protocols.gopher.grammar.menu import Item, parse_menu, refusal_in
from netdaemon.protocols.gopher.grammar.request import Malformed, build_request
from netdaemon.protocols.gopher.grammar.text import TextDecoder
from netdaemon.protocols.gopher.grammar.url import PORT
from netdaemon.wire.failures import BadURL, Broken, ConnectFailed, TLSFailed, TooLarge

LIMIT = 64 * 1024 * 1024
"""Octets of an answer, unless a call says otherwise."""


def send_selector(
    selector: str | bytes,
    host: str,
    port: int = PORT,
    *,
    search: str | None = None,
    tls: ssl.SSLContext | None = None,
    timeout: float = 60.0,
    limit: int = LIMIT,
) -> bytes:
    """Send one request and read the whole answer, within ``timeout`` seconds. Raises Failed.

    Under TLS when a context is given, as `ssl.create_default_context()` makes it.
    """
    try:
        line = build_request(_octets(selector), None if search is None else _octets(search))
    except Malformed as error:
        raise BadURL(str(error)) from None
    where = f"{host} port {port}"
    end = time.monotonic() + timeout
    parts: list[bytes] = []
    size = 0
    with _connection(host, port, tls, timeout) as connection:
        try:
            connection.sendall(line)
            while data := connection.recv(65536):
                parts.append(data)
                size += len(data)
                if size > limit:
                    raise TooLarge(f"{where}: the answer is larger than wanted")
                left = end - time.monotonic()
                if left <= 0:
                    raise TimeoutError
                connection.settimeout(left)
        except TimeoutError:
            raise Broken(f"{where}: no whole answer within {timeout:g} s") from None
        except OSError as error:
            raise Broken(f"{where}: the connection broke off ({error.strerror or error})") from None
    return b"".join(parts)


def get_directory(
    selector: str | bytes,
    host: str,
    port: int = PORT,
    *,
    search: str | None = None,
    tls: ssl.SSLContext | None = None,
    timeout: float = 60.0,
) -> list[Item]:
    """A menu's items: (type, description, selector, host, port, further fields). Raises Failed."""
    return parse_menu(_answered(send_selector(selector, host, port, search=search, tls=tls, timeout=timeout)))


def get_file(
    selector: str | bytes,
    host: str,
    port: int = PORT,
    *,
    type: str = "0",
    tls: ssl.SSLContext | None = None,
    timeout: float = 60.0,
) -> bytes:
    """A document: its octets, or for ``type`` 0 its text with the dots taken out and LF for its line ends."""
    data = _answered(send_selector(selector, host, port, tls=tls, timeout=timeout))
    if type != "0":
        return data
    decoder = TextDecoder()
    return decoder.feed(data) + decoder.finish()


@contextmanager
def _connection(host: str, port: int, tls: ssl.SSLContext | None, timeout: float) -> Iterator[socket.socket]:
    where = f"{host} port {port}"
    try:
        connection = socket.create_connection((host, port), timeout)
    except socket.gaierror:
        raise ConnectFailed(f"{host}: no such host") from None
    except (OSError, OverflowError, UnicodeError) as error:
        raise ConnectFailed(f"{where}: {getattr(error, 'strerror', None) or error}") from None
    try:
        if tls is not None:
            try:
                connection = tls.wrap_socket(connection, server_hostname=host)
            except OSError as error:
                raise TLSFailed(f"{where}: {getattr(error, 'verify_message', '') or error}") from None
        yield connection
    finally:
        connection.close()


def _answered(data: bytes) -> bytes:
    said = refusal_in(data)
    if said is not None:
        raise Refused(said)
    return data


def _octets(text: str | bytes) -> bytes:
    return text if isinstance(text, bytes) else text.encode("utf-8", "surrogateescape")
