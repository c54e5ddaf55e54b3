"""How data connections come about: PASV, EPSV, PORT, EPRT (RFC 959, RFC 2428)."""

from __future__ import annotations

import ipaddress
import socket

from twisted.internet.address import IPv4Address, IPv6Address

from netdaemon.protocols.ftp.grammar.address import parse_pasv_reply
from netdaemon.protocols.ftp.listing import BATCH
from tests.protocols.ftp.kit import FTPTestCase, reactor

V6_HERE = IPv6Address("TCP", "::1", 1025)
V6_THERE = IPv6Address("TCP", "::1", 40000)


def address(text: str) -> IPv4Address:
    return IPv4Address("TCP", text, 40000)


class PassiveTests(FTPTestCase):
    async def test_pasv(self) -> None:
        peer = await self.logged_in()
        peer.send(b"PASV\r\n")
        where = parse_pasv_reply(await peer.line())
        self.assertEqual(where.host, "127.0.0.1")
        data = await self.connect(where.port)
        await peer.dialog("C: RETR hello.txt", "S: 150 ...", "S: 226 ...")
        self.assertEqual(await data.all(), b"hello\n")

    async def test_a_port_is_closed_with_the_next_one_and_with_the_session(self) -> None:
        peer = await self.logged_in()
        ports = [await self.passive(peer), await self.passive(peer)]
        await self.fails_to_connect(ports[0])
        peer.transport.lose()
        await self.fails_to_connect(ports[1])

    async def fails_to_connect(self, port: int) -> None:
        with self.assertRaises(Exception):  # noqa: B017  # refused, in whatever words
            await self.connect(port)

    async def test_ports_are_of_the_range_and_come_back(self) -> None:
        free, port = self.listening()
        free.close()
        peer = await self.logged_in(passive_ports=range(port, port + 1))
        for _ in range(3):
            self.assertEqual(await self.passive(peer), port)
            self.assertEqual((await self.fetch(peer, "RETR hello.txt")), b"hello\n")

    async def test_the_address_by_network(self) -> None:
        table = (
            (ipaddress.ip_network("10.0.0.0/8"), "10.0.0.1"),
            (ipaddress.ip_network("0.0.0.0/0"), "203.0.113.5"),
        )
        for client, told in (("10.1.2.3", "10.0.0.1"), ("192.0.2.1", "203.0.113.5")):
            peer = await self.logged_in(client=address(client), passive_address=table, plaintext_login="always")
            peer.send(b"PASV\r\n")
            self.assertEqual(parse_pasv_reply(await peer.line()).host, told)
            # RFC 2428 3: EPSV tells no address
            await peer.dialog("C: EPSV", "S: 229 Entering Extended Passive Mode (|||...")

    async def test_behind_a_load_balancer_ports_are_bound_to_every_address(self) -> None:
        peer = await self.logged_in(
            host=address("203.0.113.5"), proxy_protocol=(ipaddress.ip_network("127.0.0.0/8"),), plaintext_login="always"
        )
        self.assertEqual(await self.fetch(peer, "RETR hello.txt"), b"hello\n")

    async def test_an_address_that_is_none_of_ours(self) -> None:
        peer = await self.logged_in(host=address("203.0.113.5"), plaintext_login="always")
        await peer.dialog("C: PASV", "S: 425 Can't listen for a data connection: ...")

    async def test_mapped_addresses(self) -> None:
        """A listener for IPv6 may take IPv4 too; then both addresses are mapped ones."""
        host, client = (IPv6Address("TCP", "::ffff:127.0.0.1", port) for port in (1025, 40000))
        peer = await self.logged_in(host=host, client=client)
        peer.send(b"PASV\r\n")
        where = parse_pasv_reply(await peer.line())
        self.assertEqual(where.host, "127.0.0.1")
        await self.connect(where.port)
        await peer.dialog("C: EPSV 2", "S: 522 Network protocol not supported, use (1).", "C: EPSV 1", "S: 229 ...")

    async def test_epsv(self) -> None:
        peer = await self.logged_in()
        for argument, answer in (
            ("", "229"),
            (" 1", "229"),
            (" 2", "522 Network protocol not supported, use (1)."),
            (" 3", "522"),
            (" x", "501"),
            (" ALL", "200"),
        ):
            await peer.dialog(f"C: EPSV{argument}", f"S: {answer}" + ("" if answer.endswith(".") else " ..."))
        for command in ("PASV", "PORT 127,0,0,1,200,1", "EPRT |1|127.0.0.1|2048|"):
            await peer.dialog(f"C: {command}", "S: 501 After EPSV ALL ...")
        self.assertEqual(await self.fetch(peer, "RETR hello.txt"), b"hello\n")

    async def test_ipv6(self) -> None:
        peer = await self.logged_in(host=V6_HERE, client=V6_THERE)
        await peer.dialog(
            "C: PASV",
            "S: 425 PASV knows IPv4 only: use EPSV.",
            "C: EPSV 1",
            "S: 522 Network protocol not supported, use (2).",
            "C: PORT 127,0,0,1,200,1",
            "S: 501 Can't connect over a foreign address.",
            "C: EPRT |1|127.0.0.1|2048|",
            "S: 522 ...",
            "C: EPRT |2|::2|2048|",
            "S: 501 Can't ...",
        )
        port = await self.passive(peer)
        with socket.create_connection(("::1", port)) as data:
            await peer.dialog("C: RETR hello.txt", "S: 150 ...", "S: 226 ...")
            self.assertEqual(data.recv(100), b"hello\n")
        with socket.create_server(("::1", 0), family=socket.AF_INET6) as listening:
            await peer.dialog(f"C: EPRT |2|::1|{listening.getsockname()[1]}|", "S: 200 Connected.")
            await peer.dialog("C: RETR hello.txt", "S: 150 ...", "S: 226 ...")
            with listening.accept()[0] as data:
                self.assertEqual(data.recv(100), b"hello\n")


class ActiveTests(FTPTestCase):
    async def test_nobody_listens(self) -> None:
        listening, port = self.listening()
        listening.close()
        peer = await self.logged_in()
        await peer.dialog(
            f"C: EPRT |1|127.0.0.1|{port}|", "S: 425 Can't connect: connection refused.", "C: NOOP", "S: 200 ..."
        )
        await peer.dialog("C: RETR hello.txt", "S: 425 ...")

    async def test_malformed(self) -> None:
        peer = await self.logged_in()
        for argument in ("1,2,3", "x", "127,0,0,1,256,1", "127,0,0,1,0,0"):
            await peer.dialog(f"C: PORT {argument}", "S: 501 Invalid PORT format.")
        for argument in ("||||", "||", "|1|127.0.0.1|65536|", "|1|127.0.0.1|-1|", "|1|1.2.3.4.5|2048|", "x"):
            await peer.dialog(f"C: EPRT {argument}", "S: 501 Invalid EPRT format.")
        await peer.dialog("C: EPRT |2|1.2.3.256|2048|", "S: 522 ...", "C: EPRT |3|x|1|", "S: 522 ...")

    async def test_off(self) -> None:
        peer = await self.logged_in(active=False)
        for command in ("PORT 127,0,0,1,200,1", "EPRT |1|127.0.0.1|2048|"):
            await peer.dialog(f"C: {command}", "S: 502 ...")

    async def test_an_answer_that_never_comes(self) -> None:
        peer = await self.logged_in(data_timeout=30.0)
        reader = _Deaf()
        self.patch(socket.socket, "connect", reader.connect)
        peer.send(b"PORT 127,0,0,1,200,1\r\n")
        await peer.dialog("-- silence", "-- 32 s", "S: 425 Can't connect: connection timed out.")
        self.assertFalse(reactor.getWriters())

    async def test_the_session_ends_meanwhile(self) -> None:
        peer = await self.logged_in()
        self.patch(socket.socket, "connect", _Deaf().connect)
        peer.send(b"PORT 127,0,0,1,200,1\r\n")
        peer.transport.lose()
        self.assertFalse(reactor.getWriters())


class _Deaf:
    """connect(2) to somebody who never answers: it is never decided, and nothing leaves this host."""

    def connect(self, address: object) -> None:
        raise BlockingIOError


class ListTests(FTPTestCase):
    hidden = True

    def setUp(self) -> None:
        super().setUp()
        (self.root / ".hidden").write_bytes(b"")
        (self.root / "sub" / "a.txt").write_bytes(b"a")
        (self.root / "sub" / "b.dat").write_bytes(b"bb")
        (self.root / "sub" / "[x]").write_bytes(b"")

    async def test_lines(self) -> None:
        peer = await self.logged_in()
        lines = (await self.fetch(peer, "LIST")).decode().split("\r\n")
        self.assertRegex(lines[0], r"^-rw-r--r-- 1 ftp      ftp                 6 \w{3} [ \d]\d .{5} hello.txt$")
        self.assertRegex(lines[1], r"^drwxr-xr-x 1 ftp      ftp      .* sub$")
        self.assertEqual(len(lines), 3)

    async def test_names(self) -> None:
        peer = await self.logged_in()
        for command, names in (
            ("NLST", ["hello.txt", "sub"]),
            ("NLST -a", [".hidden", "hello.txt", "sub"]),
            ("NLST /", ["/hello.txt", "/sub"]),
            ("NLST sub", ["sub/[x]", "sub/a.txt", "sub/b.dat"]),
            ("NLST sub/", ["sub/[x]", "sub/a.txt", "sub/b.dat"]),
            ("NLST sub/*.txt", ["sub/a.txt"]),
            ("NLST *", ["hello.txt", "sub"]),
            ("NLST sub/?.*", ["sub/a.txt", "sub/b.dat"]),
            ("NLST sub/[!a].*", ["sub/b.dat"]),
            ("NLST sub/[x]", ["sub/[x]"]),
            ("NLST hello.txt", ["hello.txt"]),
            ("NLST -la x*", []),
            ("NLST -1 hello.txt", ["hello.txt"]),
        ):
            got = (await self.fetch(peer, command)).decode().split("\r\n")
            self.assertEqual(got, [*names, ""], command)
        await peer.dialog("C: CWD sub", "S: 250 ...")
        self.assertEqual(await self.fetch(peer, "LIST -la nothing*"), b"")
        self.assertEqual((await self.fetch(peer, "LIST -la")).count(b"\r\n"), 3)

    async def test_refused(self) -> None:
        peer = await self.logged_in()
        for command in ("LIST x", "NLST x", "MLSD x", "LIST x/*", "LIST -l x"):
            await self.passive(peer)
            await peer.dialog(f"C: {command}", "S: 550 No such ...")
        await peer.dialog("C: MLSD hello.txt", "S: 501 Not a directory.", "C: LIST hello.txt/*", "S: 550 ...")
        await peer.dialog("C: ABOR", "S: 225 ...", "C: LIST", "S: 425 ...")

    async def test_facts(self) -> None:
        peer = await self.logged_in()
        await peer.dialog("C: OPTS MLST type;size;", "S: 200 ...")
        self.assertEqual(
            await self.fetch(peer, "MLSD sub"),
            b"type=file;size=0; [x]\r\ntype=file;size=1; a.txt\r\ntype=file;size=2; b.dat\r\n",
        )

    async def test_what_no_line_can_hold_is_left_out(self) -> None:
        (self.root / "sub" / "evil\r\nname").write_bytes(b"")
        peer = await self.logged_in()
        for command in ("LIST sub", "NLST sub", "MLSD sub"):
            self.assertEqual((await self.fetch(peer, command)).count(b"\r\n"), 3)

    async def test_limit(self) -> None:
        peer = await self.logged_in(list_limit=2)
        for command in ("NLST sub", "MLSD sub", "LIST sub/*"):
            got = await self.fetch(peer, command, "S: 226 Only the first 2 entries are listed.")
            self.assertEqual(got.count(b"\r\n"), 2)
        self.assertEqual((await self.fetch(peer, "NLST")).count(b"\r\n"), 2)
        self.assertEqual((await self.fetch(peer, "NLST -a", "S: 226 Only ...")).count(b"\r\n"), 2)

    async def test_many_entries_come_in_turns(self) -> None:
        """Between any two batches others have theirs: counted in turns, and not in time."""
        (self.root / "many").mkdir()
        for number in range(3000):
            (self.root / "many" / f"{number:05}").touch()
        turns: list[int] = []
        listing = self.tree.listing

        async def counted(path: bytes, batch: int = 500, permit: object = None) -> object:
            async for entries in listing(path, batch, permit):
                turns.append(len(entries))
                yield entries

        self.patch(type(self.tree), "listing", lambda tree, *arguments: counted(*arguments))
        peer = await self.logged_in()
        names = (await self.fetch(peer, "NLST many")).split()
        self.assertEqual(len(names), 3000)
        self.assertEqual(sum(turns), 3000)
        self.assertLessEqual(max(turns), BATCH)
