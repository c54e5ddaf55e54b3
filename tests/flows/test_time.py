"""Time over real sockets: our server with our client and with rdate, and our client with servers of all sorts."""

from __future__ import annotations

import json
import socket
import ssl
import time as clocks
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from twisted.internet import reactor as installed_reactor
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.protocol import DatagramProtocol, Factory, Protocol
from twisted.internet.ssl import PrivateCertificate
from twisted.internet.task import Clock, deferLater
from twisted.internet.threads import deferToThread
from twisted.internet.utils import getProcessOutputAndValue
from twisted.trial.unittest import TestCase

from netdaemon.config.values import Listen
from netdaemon.protocols.time import TimeSettings, time
from netdaemon.protocols.time.client import TimeError, TimeReply, fetch_time
from netdaemon.protocols.time.grammar import ERA, encode
from netdaemon.protocols.time.server import GOODBYE
from netdaemon.wire.deadlines import Wheel
from tests.kit.command import command
from tests.kit.daemon import Daemon
from tests.kit.house import house
from tests.kit.programs import needs
from tests.kit.webserver import certificate

reactor: Any = installed_reactor
SETTINGS = TimeSettings(section="time", listen=(Listen("tcp"),))
IN_2040 = 2_208_988_800.0


def stopped() -> float:
    raise OSError("no clock")


class TimeCase(TestCase):
    """Has servers on ephemeral loopback ports that are gone with the test."""

    def listen_tcp(self, protocol: Callable[[], Protocol] | Factory, interface: str = "127.0.0.1") -> int:
        factory = protocol if isinstance(protocol, Factory) else Factory.forProtocol(protocol)
        port = reactor.listenTCP(0, factory, interface=interface)
        self.addCleanup(port.stopListening)
        return int(port.getHost().port)

    def listen_udp(self, protocol: DatagramProtocol, interface: str = "127.0.0.1") -> int:
        port = reactor.listenUDP(0, protocol, interface=interface)
        self.addCleanup(port.stopListening)
        return int(port.getHost().port)

    def serve(self, interface: str = "127.0.0.1", *, udp: bool = False, **parts: Any) -> int:
        made = house(clock=reactor, **{"wall": clocks.time, **parts})
        if udp:
            return self.listen_udp(time.datagrams(SETTINGS, made), interface)
        return self.listen_tcp(time.factory(SETTINGS, made), interface)

    def needs_ipv6(self) -> None:
        try:
            with socket.socket(socket.AF_INET6) as probe:
                probe.bind(("::1", 0))
        except OSError:
            self.skipTest("no IPv6 loopback here")

    async def refused(self, *arguments: Any, **keywords: Any) -> str:
        try:
            reply = await fetch_time(reactor, *arguments, **keywords)
        except TimeError as error:
            return str(error)
        raise AssertionError(f"told {reply}")


class OursWithOursTests(TimeCase):
    def check(self, reply: TimeReply, address: str) -> None:
        self.assertLessEqual(abs(reply.time - clocks.time()), 60)
        self.assertLessEqual(abs(reply.offset), 0.5 + reply.round_trip)
        self.assertGreaterEqual(reply.round_trip, 0)
        self.assertEqual(reply.address, address)

    async def test_tcp(self) -> None:
        self.check(await fetch_time(reactor, "127.0.0.1", self.serve()), "127.0.0.1")

    async def test_udp(self) -> None:
        self.check(await fetch_time(reactor, "127.0.0.1", self.serve(udp=True), udp=True), "127.0.0.1")

    async def test_tcp_over_ipv6(self) -> None:
        self.needs_ipv6()
        self.check(await fetch_time(reactor, "::1", self.serve("::1")), "::1")

    async def test_udp_over_ipv6(self) -> None:
        self.needs_ipv6()
        self.check(await fetch_time(reactor, "::1", self.serve("::1", udp=True), udp=True), "::1")

    async def test_by_name(self) -> None:
        self.check(await fetch_time(reactor, "localhost", self.serve()), "127.0.0.1")
        self.check(await fetch_time(reactor, "localhost", self.serve(udp=True), udp=True), "127.0.0.1")

    async def test_a_clock_beyond_2036_asked_from_before(self) -> None:
        for udp in (False, True):
            port = self.serve(udp=udp, wall=lambda: IN_2040)
            reply = await fetch_time(reactor, "127.0.0.1", port, udp, wall=lambda: IN_2040 - ERA // 4)
            self.assertEqual(reply.time, IN_2040)
            self.assertEqual(round(reply.offset - 0.5), ERA // 4)

    async def test_a_stopped_clock(self) -> None:
        why = await self.refused("127.0.0.1", port := self.serve(wall=stopped))
        self.assertEqual(why, f"127.0.0.1 port {port}: the server closed without telling the time")

    async def test_a_stopped_clock_by_datagram(self) -> None:
        why = await self.refused("127.0.0.1", self.serve(udp=True, wall=stopped), udp=True, timeout=0.05)
        self.assertIn("no answer within 0.05 s", why)


class ServerTests(TimeCase):
    """The bytes and the close as other clients see them."""

    def answer_to(self, port: int, sent: bytes) -> Deferred[bytes]:
        received: Deferred[bytes] = Deferred()

        class Asker(Protocol):
            data = b""

            def connectionMade(self) -> None:
                if sent:
                    self.transport.write(sent)

            def dataReceived(self, data: bytes) -> None:
                self.data += data

            def connectionLost(self, reason: object = None) -> None:
                received.callback(self.data)

        factory = Factory.forProtocol(Asker)
        TCP4ClientEndpoint(reactor, "127.0.0.1", port).connect(factory).addErrback(received.errback)
        return received

    async def test_four_octets_then_the_close(self) -> None:
        port = self.serve(wall=lambda: 946_684_800.0)
        self.assertEqual(await self.answer_to(port, b""), encode(946_684_800))

    async def test_a_client_that_talks(self) -> None:
        port = self.serve(wall=lambda: 946_684_800.0)
        self.assertEqual(await self.answer_to(port, b"GET / HTTP/1.0\r\n\r\n" * 100), encode(946_684_800))

    async def test_datagrams_from_a_service_s_own_port_get_nothing(self) -> None:
        """Two time servers never answer each other: the source port of one is the number of the other."""
        wall = lambda: 946_684_800.0  # noqa: E731  # one line for three uses
        heard: list[bytes] = []
        end: Deferred[None] = Deferred()

        class Other(DatagramProtocol):
            def datagramReceived(self, datagram: bytes, addr: tuple[str, int]) -> None:
                heard.append(datagram)
                if datagram == b"end":
                    end.callback(None)

        other = Other()
        other_port = self.listen_udp(other)
        settings = replace(SETTINGS, refuse_ports=(range(other_port, other_port + 1),))
        ours = self.listen_udp(time.datagrams(settings, house(clock=reactor, wall=wall)))
        other.transport.write(b"", ("127.0.0.1", ours))
        # Behind it on the same two sockets: with these through, an answer to that one would have come before.
        await fetch_time(reactor, "127.0.0.1", ours, udp=True)
        other.transport.write(b"end", ("127.0.0.1", other_port))
        await end
        self.assertEqual(heard, [b"end"])


class TLSTests(TimeCase):
    """The factory behind TLS: the time comes inside, and the close as TLS wants it."""

    def ask(self, port: int) -> Deferred[bytes]:
        def ask() -> bytes:
            context = ssl.create_default_context(cafile=str(self.pem))
            with (
                socket.create_connection(("127.0.0.1", port), timeout=60) as plain,
                context.wrap_socket(plain, server_hostname="127.0.0.1", suppress_ragged_eofs=False) as connection,
            ):
                data = b""
                while piece := connection.recv(100):
                    data += piece
                return data

        return deferToThread(ask)

    def serve_tls(self, **parts: Any) -> int:
        self.pem = certificate(Path(self.mktemp()), "127.0.0.1")
        made = PrivateCertificate.loadPEM(self.pem.read_bytes())
        factory = time.factory(SETTINGS, house(clock=reactor, **parts))
        port = reactor.listenSSL(0, factory, made.options(), interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        return int(port.getHost().port)

    async def test_four_octets(self) -> None:
        port = self.serve_tls(wall=lambda: 946_684_800.0)
        self.assertEqual(await self.ask(port), encode(946_684_800))

    async def test_a_peer_that_never_begins_is_cut_off(self) -> None:
        clock = Clock()
        deadlines = Wheel(clock)
        port = self.serve_tls(deadlines=deadlines)
        with socket.create_connection(("127.0.0.1", port), timeout=60) as silent:
            reading = deferToThread(silent.recv, 100)
            while not clock.getDelayedCalls():  # until the server has taken the connection
                await deferLater(reactor, 0.01)
            clock.advance(GOODBYE + 1)
            try:
                self.assertEqual(await reading, b"")
            except ConnectionResetError:
                pass


class DaemonTests(TimeCase):
    """The daemon itself, asked by its own command and by rdate."""

    async def test_both_transports_of_one_section(self) -> None:
        rdate = needs(self, "rdate")
        daemon = Daemon(self, "[time]\nlisten = tcp:0:interface=127.0.0.1 udp:0:interface=127.0.0.1\n")
        await daemon.start()
        for transport, ours, theirs in (("tcp", [], []), ("udp", ["--udp"], ["-u"])):
            port = str(daemon.port("time", transport))
            done = await command("time", "127.0.0.1", port, "--json", *ours)
            self.assertEqual((done.status, done.err), (0, ""))
            said = json.loads(done.out)
            self.assertLessEqual(abs(said["offset"]), 0.5 + said["round_trip"])
            out, err, status = await getProcessOutputAndValue(rdate, [*theirs, "-p", "-o", port, "127.0.0.1"])
            self.assertEqual((err, status, b"20" in out), (b"", 0, True))


class RdateTests(TimeCase):
    """OpenBSD's rdate, as the Debian package has it."""

    async def rdate(self, *arguments: str) -> str:
        out, err, status = await getProcessOutputAndValue(
            needs(self, "rdate"), [*arguments], env={"TZ": "UTC", "LC_ALL": "C"}
        )
        self.assertEqual((err, status), (b"", 0))
        return str(out.decode())

    async def test_tcp(self) -> None:
        port = self.serve(wall=lambda: 1_700_000_000.0)
        self.assertIn("Tue Nov 14 22:13:20 UTC 2023", await self.rdate("-p", "-o", str(port), "127.0.0.1"))

    async def test_udp(self) -> None:
        port = self.serve(udp=True, wall=lambda: 1_700_000_000.0)
        self.assertIn("Tue Nov 14 22:13:20 UTC 2023", await self.rdate("-u", "-p", "-o", str(port), "127.0.0.1"))

    async def test_tcp_over_ipv6(self) -> None:
        self.needs_ipv6()
        port = self.serve("::1", wall=lambda: 1_700_000_000.0)
        self.assertIn("Tue Nov 14 22:13:20 UTC 2023", await self.rdate("-6", "-p", "-o", str(port), "::1"))


class Says(Protocol):
    """A server that says its pieces, each in a turn of its own, and closes or stays."""

    def __init__(self, pieces: list[bytes], *, stay: bool = False) -> None:
        self.pieces = list(pieces)
        self.stay = stay

    def connectionMade(self) -> None:
        if self.pieces:
            self.transport.write(self.pieces.pop(0))
            reactor.callLater(0, self.connectionMade)
        elif not self.stay:
            self.transport.loseConnection()


class ClientTests(TimeCase):
    """Our client with servers of all sorts."""

    def says(self, *pieces: bytes, stay: bool = False) -> int:
        return self.listen_tcp(lambda: Says(list(pieces), stay=stay))

    async def test_byte_by_byte(self) -> None:
        moment = int(clocks.time())
        pieces = [bytes([octet]) for octet in encode(moment)]
        self.assertEqual((await fetch_time(reactor, "127.0.0.1", self.says(*pieces))).time, moment)

    async def test_too_few_octets(self) -> None:
        for data in (b"", b"\0", b"\0\0\0"):
            why = await self.refused("127.0.0.1", self.says(data))
            self.assertIn("the server closed without telling the time", why)

    async def test_too_many_octets(self) -> None:
        for pieces in ([b"\0\0\0\0\0"], [b"\0\0\0\0", b"\0"], [bytes(100_000)]):
            self.assertIn("more than a time", await self.refused("127.0.0.1", self.says(*pieces)))

    async def test_a_server_that_never_closes(self) -> None:
        moment = int(clocks.time())
        self.assertEqual((await fetch_time(reactor, "127.0.0.1", self.says(encode(moment), stay=True))).time, moment)

    async def test_a_server_that_never_speaks(self) -> None:
        why = await self.refused("127.0.0.1", self.says(stay=True), timeout=0.05)
        self.assertIn("no answer within 0.05 s", why)

    async def test_nobody_there(self) -> None:
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            port = unused.getsockname()[1]
            self.assertEqual(await self.refused("127.0.0.1", port), f"127.0.0.1 port {port}: connection refused")

    async def test_nobody_there_by_datagram(self) -> None:
        with socket.socket(type=socket.SOCK_DGRAM) as unused:
            unused.bind(("127.0.0.1", 0))
            port = unused.getsockname()[1]
        self.assertIn("connection refused", await self.refused("127.0.0.1", port, udp=True))

    async def test_names_that_are_none(self) -> None:
        for host in ("", "a" * 64 + ".example", "a..b", "no\0where", "192.0.2.1.invalid"):
            for udp in (False, True):
                why = await self.refused(host, 37, udp=udp)
                self.assertRegex(why, "no such host|is no name of a host", host)

    async def test_a_lost_datagram_is_asked_for_again(self) -> None:
        class Deaf(DatagramProtocol):
            heard = 0

            def datagramReceived(self, datagram: bytes, addr: tuple[str, int]) -> None:
                self.heard += 1
                if self.heard == 2:
                    self.transport.write(encode(clocks.time()), addr)

        deaf = Deaf()
        reply = await fetch_time(reactor, "127.0.0.1", self.listen_udp(deaf), udp=True)
        self.assertEqual(deaf.heard, 2)
        self.assertGreater(reply.round_trip, 0.4)

    async def test_only_who_was_asked_is_believed(self) -> None:
        """A datagram from another port of the same host is not taken for the reply."""
        wrong, right = encode(0), int(clocks.time())

        class Stranger(DatagramProtocol):
            pass

        stranger = Stranger()
        self.listen_udp(stranger)

        class Betrayed(DatagramProtocol):
            def datagramReceived(self, datagram: bytes, addr: tuple[str, int]) -> None:
                stranger.transport.write(wrong, addr)
                reactor.callLater(0.01, self.transport.write, encode(right), addr)

        reply = await fetch_time(reactor, "127.0.0.1", self.listen_udp(Betrayed()), udp=True)
        self.assertEqual(reply.time, right)

    async def test_datagrams_of_other_lengths(self) -> None:
        for data in (b"", b"\0\0\0", b"\0\0\0\0\0"):

            class Odd(DatagramProtocol):
                def datagramReceived(self, datagram: bytes, addr: tuple[str, int], data: bytes = data) -> None:
                    self.transport.write(data, addr)

            why = await self.refused("127.0.0.1", self.listen_udp(Odd()), udp=True)
            self.assertIn("a time has 4 octets", why)

    async def test_cancelled(self) -> None:
        asking = Deferred.fromCoroutine(fetch_time(reactor, "127.0.0.1", self.says(stay=True)))
        reactor.callLater(0.02, asking.cancel)
        with self.assertRaises(CancelledError):
            await asking
