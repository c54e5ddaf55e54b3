"""Web servers for clients under test: the standard library's, and one that says what the test wants said."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from socket import AF_INET6
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from twisted.internet import reactor as _reactor
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

reactor: Any = _reactor


class QuietFiles(SimpleHTTPRequestHandler):
    """The standard library's file server, silent."""

    def log_message(self, *arguments: object) -> None:
        pass


class PythonServer(ThreadingHTTPServer):
    """Python's http.server on an ephemeral loopback port, in a thread, until the test ends."""

    def __init__(
        self,
        test: TestCase,
        folder: Path,
        *,
        handler: type[BaseHTTPRequestHandler] | None = None,
        interface: str = "127.0.0.1",
        certificate: Path | None = None,
    ) -> None:
        if ":" in interface:
            self.address_family = AF_INET6
        super().__init__((interface, 0), handler or partial(QuietFiles, directory=str(folder)))
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            # The handshake is each connection's own thread's, not the accepting one's.
            self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)
        self.port = int(self.server_address[1])
        thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        test.addCleanup(self.server_close)
        test.addCleanup(deferToThread, self.shutdown)

    def handle_error(self, *arguments: object) -> None:
        """A client that goes away is what some tests are about."""


class Scripted(Protocol):
    """One connection to a server that answers each request by ``answer(head)`` and closes behind the last."""

    def __init__(self, server: ScriptedServer) -> None:
        self._server = server
        self._data = b""

    def dataReceived(self, data: bytes) -> None:
        self._data += data
        while b"\r\n\r\n" in self._data:
            head, _, self._data = self._data.partition(b"\r\n\r\n")
            self._server.heard.append(head)
            answer = self._server.answer(head)
            transport: Any = self.transport
            transport.write(answer)
            if self._server.closes:
                transport.loseConnection()


class ScriptedServer:
    """A server whose every octet is the test's; ``heard`` has the heads of the requests."""

    def __init__(self, test: TestCase, answer: Callable[[bytes], bytes], *, closes: bool = True) -> None:
        self.answer = answer
        self.closes = closes
        self.heard: list[bytes] = []
        listening = reactor.listenTCP(0, Factory.forProtocol(lambda: Scripted(self)), interface="127.0.0.1")
        self.port = int(listening.getHost().port)
        self.url = f"http://127.0.0.1:{self.port}/"
        test.addCleanup(listening.stopListening)


def certificate(file: Path, *names: str, days: int = 30) -> Path:
    """Write a self-signed certificate for these names and addresses, with its key, to ``file``; returns it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
    start = datetime.now(UTC) - timedelta(days=60)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + timedelta(days=60 + days))
        .add_extension(x509.SubjectAlternativeName([_general_name(name) for name in names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    file.write_bytes(pem + made.public_bytes(serialization.Encoding.PEM))
    return file


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)
