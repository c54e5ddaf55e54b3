"""Servers of stock Twisted: python -m tests.bench.peers.stock KIND '{"tcp": 40001, ...}', and what starts them.

Each is what somebody writes who follows Twisted's documentation: its own protocols, `listenTCP`, `listenSSL` with
`CertificateOptions`, the default reactor.
"""

# mypy: disable-error-code="no-untyped-call,union-attr"
# Twisted's protocols have few types, and their transports may be None.

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tests.bench.part import Start
from tests.bench.peers.site import certificate, documents
from tests.bench.processes import Server, free_port, launch


def stock(kind: str, *transports: str) -> Start:
    """One of the kinds below, on free ports."""

    def start(folder: Path) -> Server:
        ports = {transport: free_port() for transport in transports}
        chain, key = certificate(folder)
        told = {**ports, "site": str(documents(folder)), "chain": str(chain), "key": str(key)}
        command = [sys.executable, "-m", "tests.bench.peers.stock", kind, json.dumps(told)]
        # UDP shows no listening: its server takes a TCP port too, last, which is waited for
        return launch(f"Twisted {kind}", command, folder, ports)

    return start


# --- in the server's process ---------------------------------------------------------------------------------


def web(told: Mapping[str, Any]) -> Any:
    """twisted.web on the documents."""
    from twisted.web.server import Site
    from twisted.web.static import File

    return Site(File(told["site"]))


def answer(told: Mapping[str, Any]) -> Any:
    """Any request gets one prepared answer: the least that can be done with a connection."""
    from twisted.internet.protocol import Factory, Protocol

    text = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"

    class Answer(Protocol):
        def dataReceived(self, data: bytes) -> None:
            self.transport.write(text)
            if b"Connection: close" in data:
                self.transport.loseConnection()

    return Factory.forProtocol(Answer)


def time(told: Mapping[str, Any]) -> Any:
    """RFC 868."""
    import struct
    from time import time as now

    from twisted.internet import reactor
    from twisted.internet.protocol import DatagramProtocol, Factory, Protocol

    def reply() -> bytes:
        return struct.pack("!I", int(now()) + 2208988800)

    class Time(Protocol):
        def connectionMade(self) -> None:
            self.transport.write(reply())
            self.transport.loseConnection()

    class TimeDatagrams(DatagramProtocol):
        def datagramReceived(self, datagram: bytes, addr: Any) -> None:
            self.transport.write(reply(), addr)

    any_reactor: Any = reactor
    any_reactor.listenUDP(told["udp"], TimeDatagrams(), interface="127.0.0.1")
    return Factory.forProtocol(Time)


def imap(told: Mapping[str, Any]) -> Any:
    """twisted.mail's IMAP4Server; before the login it knows NOOP."""
    from twisted.internet.protocol import Factory
    from twisted.mail.imap4 import IMAP4Server

    return Factory.forProtocol(IMAP4Server)


def smtp(told: Mapping[str, Any]) -> Any:
    """twisted.mail's SMTP; it has no NOOP, RSET is its cheapest command."""
    from twisted.internet.protocol import Factory
    from twisted.mail.smtp import SMTP

    return Factory.forProtocol(SMTP)


def lines(told: Mapping[str, Any]) -> Any:
    """A LineReceiver with a table of two commands, bodies line by line as LineReceiver gives them."""
    from twisted.internet.protocol import Factory
    from twisted.protocols.basic import LineReceiver

    class Lines(LineReceiver):
        body: list[bytes] | None = None

        def connectionMade(self) -> None:
            self.sendLine(b"220 ready")

        def lineReceived(self, line: bytes) -> None:
            if self.body is not None:
                self.take(line)
            else:
                table.get(line.partition(b" ")[0].upper(), Lines.unknown)(self)

        def take(self, line: bytes) -> None:
            assert self.body is not None
            if line == b".":
                text = b"\r\n".join([*self.body, b""])
                self.body = None
                self.sendLine(b"250 %d" % len(text))
            else:
                self.body.append(line[1:] if line.startswith(b".") else line)

        def noop(self) -> None:
            self.sendLine(b"250 OK")

        def data(self) -> None:
            self.body = []
            self.sendLine(b"354 go on")

        def unknown(self) -> None:
            self.sendLine(b"500 what?")

    table = {b"NOOP": Lines.noop, b"DATA": Lines.data}
    return Factory.forProtocol(Lines)


KINDS: Mapping[str, Callable[[Mapping[str, Any]], Any]] = {
    "web": web,
    "answer": answer,
    "time": time,
    "imap": imap,
    "smtp": smtp,
    "lines": lines,
}


def main() -> None:
    from twisted.internet import reactor as imported
    from twisted.internet.ssl import PrivateCertificate

    reactor: Any = imported
    kind, told = sys.argv[1], json.loads(sys.argv[2])
    factory = KINDS[kind](told)
    factory.noisy = False
    if "tls" in told:
        pem = Path(told["chain"]).read_bytes() + Path(told["key"]).read_bytes()
        options = PrivateCertificate.loadPEM(pem).options()
        reactor.listenSSL(told["tls"], factory, options, interface="127.0.0.1", backlog=4096)
    if "tcp" in told:
        reactor.listenTCP(told["tcp"], factory, interface="127.0.0.1", backlog=4096)
    reactor.run()


if __name__ == "__main__":
    main()
