"""Transfers, both ways: RETR, STOR, APPE, STOU, REST, RANG, ABOR, and the log of them (RFC 959, RFC 3659)."""

from __future__ import annotations

import time
import zlib

from netdaemon.wire.deadlines import Wheel
from tests.protocols.ftp.kit import FTPTestCase

BIG = bytes(range(256)) * 40_000
"""Ten MB: more than all buffers on the way hold."""


class RetrieveTests(FTPTestCase):
    async def test_passive(self) -> None:
        peer = await self.logged_in()
        self.assertEqual(await self.fetch(peer, "RETR hello.txt"), b"hello\n")
        (self.root / "empty").write_bytes(b"")
        self.assertEqual(await self.fetch(peer, "RETR empty"), b"")
        (self.root / "big").write_bytes(BIG)
        self.assertEqual(await self.fetch(peer, "RETR big"), BIG)

    async def test_its_size_is_told(self) -> None:
        peer = await self.logged_in()
        data = await self.connect(await self.passive(peer))
        await peer.dialog("C: RETR hello.txt", "S: 150 The data connection is opened (6 bytes).", "S: 226 Transfer ...")
        self.assertEqual(await data.all(), b"hello\n")

    async def test_the_client_may_connect_late(self) -> None:
        peer = await self.logged_in()
        port = await self.passive(peer)
        await peer.dialog("C: RETR hello.txt", "S: 150 ...", "-- silence")
        data = await self.connect(port)
        self.assertEqual(await data.all(), b"hello\n")
        await peer.dialog("S: 226 ...")

    async def test_refused(self) -> None:
        peer = await self.logged_in()
        await peer.dialog("C: RETR hello.txt", "S: 425 Use PORT or PASV first.")
        await self.passive(peer)
        await peer.dialog(
            "C: RETR x", "S: 550 No such ...", "C: RETR sub", "S: 550 Is a directory.", "C: RETR", "S: 501 ..."
        )

    async def test_one_connection_is_for_one_transfer(self) -> None:
        peer = await self.logged_in()
        await self.fetch(peer, "RETR hello.txt")
        await peer.dialog("C: RETR hello.txt", "S: 425 ...")

    async def test_text(self) -> None:
        (self.root / "text").write_bytes(b"a\nb\r\n\r\rc\n" * 30_000)
        peer = await self.logged_in()
        await peer.dialog("C: TYPE A", "S: 200 ...")
        self.assertEqual(await self.fetch(peer, "RETR text"), b"a\r\nb\r\n\r\rc\r\n" * 30_000)

    async def test_from_the_middle(self) -> None:
        peer = await self.logged_in()
        await peer.dialog("C: REST 2", "S: 350 The next transfer begins at 2.")
        self.assertEqual(await self.fetch(peer, "RETR hello.txt"), b"llo\n")
        self.assertEqual(await self.fetch(peer, "RETR hello.txt"), b"hello\n")
        await peer.dialog("C: REST 6", "S: 350 ...")
        self.assertEqual(await self.fetch(peer, "RETR hello.txt"), b"")
        await peer.dialog(
            "C: REST 7",
            "S: 350 ...",
            "C: RETR hello.txt",
            "S: 554 The restart position 7 > file size 6.",
            "C: REST -1",
            "S: 501 ...",
            "C: REST x",
            "S: 501 ...",
            "C: REST 99999999999999999999",
            "S: 501 ...",
            "C: TYPE A",
            "S: 200 ...",
            "C: REST 1",
            "S: 501 Resuming transfers not allowed in ASCII mode.",
        )

    async def test_a_range(self) -> None:
        peer = await self.logged_in()
        await peer.dialog("C: RANG 1 3", "S: 350 ...")
        self.assertEqual(await self.fetch(peer, "RETR hello.txt"), b"ell")
        await peer.dialog("C: RANG 4 100", "S: 350 ...")
        self.assertEqual(await self.fetch(peer, "RETR hello.txt"), b"o\n")
        await peer.dialog(
            "C: RANG 1 3",
            "S: 350 ...",
            "C: RANG 1 0",
            "S: 350 ...",
            "C: RANG 3 1",
            "S: 501 ...",
            "C: RANG 1",
            "S: 501 ...",
        )
        self.assertEqual(await self.fetch(peer, "RETR hello.txt"), b"hello\n")

    async def test_deflated(self) -> None:
        (self.root / "text").write_bytes(b"the same again and again\n" * 20_000)
        peer = await self.logged_in()
        await peer.dialog("C: MODE Z", "S: 200 ...")
        came = await self.fetch(peer, "RETR text")
        self.assertLess(len(came), 10_000)
        self.assertEqual(zlib.decompress(came), b"the same again and again\n" * 20_000)
        self.assertIn(b"hello.txt\r\n", zlib.decompress(await self.fetch(peer, "NLST")))
        await peer.dialog("C: MODE S", "S: 200 ...")
        self.assertEqual(await self.fetch(peer, "RETR hello.txt"), b"hello\n")

    async def test_active(self) -> None:
        listening, port = self.listening()
        peer = await self.logged_in()
        await peer.dialog(f"C: PORT 127,0,0,1,{port >> 8},{port & 255}", "S: 200 Connected.")
        connection, address = listening.accept()
        with connection:
            self.assertEqual(address[0], "127.0.0.1")
            await peer.dialog("C: RETR hello.txt", "S: 150 ...", "S: 226 ...")
            self.assertEqual(connection.recv(100), b"hello\n")
            self.assertEqual(connection.recv(100), b"")

    async def test_a_client_that_goes(self) -> None:
        (self.root / "big").write_bytes(BIG)
        peer = await self.logged_in()
        data = await self.begin(peer, "RETR big")
        data.transport.abortConnection()
        await peer.dialog("S: 426 ...", "C: NOOP", "S: 200 ...")

    async def test_a_client_that_takes_nothing(self) -> None:
        (self.root / "big").write_bytes(BIG)
        peer = await self.logged_in(stall_timeout=30.0, idle_timeout=5.0)
        data = await self.begin(peer, "RETR big")
        data.transport.pauseProducing()
        await self.until(lambda: peer.session.transfer.channel.octets)
        await peer.dialog("-- 20 s", "-- silence")  # idle_timeout counts while nothing is under way
        await peer.dialog("-- 40 s", "S: 426 Data connection timed out.")
        data.transport.resumeProducing()
        self.assertIsNotNone(await data.ended)

    async def test_a_client_that_does_not_connect(self) -> None:
        peer = await self.logged_in(data_timeout=30.0)
        await self.passive(peer)
        await peer.dialog(
            "C: RETR hello.txt",
            "S: 150 ...",
            "-- 32 s",
            "S: 425 Can't open data connection: ...",
            "C: NOOP",
            "S: 200 ...",
        )

    async def test_the_session_ends_meanwhile(self) -> None:
        (self.root / "big").write_bytes(BIG)
        peer = await self.logged_in()
        data = await self.begin(peer, "RETR big")
        peer.transport.lose()
        self.assertIsNotNone(await data.ended)


class StoreTests(FTPTestCase):
    async def test_whole_or_absent(self) -> None:
        peer = await self.logged_in()
        data = await self.begin(peer, "STOR new")
        data.transport.write(BIG)
        await self.until(lambda: peer.session.transfer.channel.octets)
        self.assertFalse((self.root / "new").exists())
        data.transport.loseConnection()
        await peer.dialog("S: 226 Transfer complete.")
        self.assertEqual((self.root / "new").read_bytes(), BIG)
        self.assertEqual(sorted(one.name for one in self.root.iterdir()), ["hello.txt", "new", "sub"])

    async def test_in_anothers_place(self) -> None:
        peer = await self.logged_in()
        await self.store(peer, "STOR hello.txt", b"bye")
        self.assertEqual((self.root / "hello.txt").read_bytes(), b"bye")
        await self.store(peer, "STOR hello.txt", b"")
        self.assertEqual((self.root / "hello.txt").read_bytes(), b"")

    async def test_refused(self) -> None:
        peer = await self.logged_in()
        await peer.dialog("C: STOR x", "S: 425 ...", "C: APPE x", "S: 425 ...")
        await self.passive(peer)
        await peer.dialog("C: STOR sub", "S: 550 Is a directory.", "C: STOR x/y", "S: 550 No such ...")
        peer = await self.logged_in("anonymous")
        await self.passive(peer)
        for command in ("STOR x", "APPE hello.txt", "STOU"):
            await peer.dialog(f"C: {command}", "S: 550 Not enough privileges.")

    async def test_text(self) -> None:
        peer = await self.logged_in()
        await peer.dialog("C: TYPE A", "S: 200 ...")
        await self.store(peer, "STOR text", b"a\r\nb\rc\n\r\n\r")
        self.assertEqual((self.root / "text").read_bytes(), b"a\nb\rc\n\n\r")

    async def test_deflated(self) -> None:
        peer = await self.logged_in()
        await peer.dialog("C: MODE Z", "S: 200 ...")
        data = await self.begin(peer, "STOR z")
        data.transport.write(zlib.compress(BIG, 9))
        data.transport.loseConnection()
        for _ in range(50):  # what it becomes much of is written in turns
            self.clock.advance(0)
            await self.until(lambda: True)
        await peer.dialog("S: 226 ...")
        self.assertEqual((self.root / "z").read_bytes(), BIG)
        await peer.dialog("C: TYPE A", "S: 200 ...")
        await self.store(peer, "STOR t", zlib.compress(b"a\r\nb\r\n"))
        self.assertEqual((self.root / "t").read_bytes(), b"a\nb\n")

    async def test_deflated_and_cut_short(self) -> None:
        peer = await self.logged_in()
        await peer.dialog("C: MODE Z", "S: 200 ...")
        await self.store(peer, "STOR z", zlib.compress(b"a" * 1000)[:-4], "S: 426 ...")
        await self.store(peer, "STOR z", b"this is no zlib", "S: 451 ...")
        await self.store(peer, "STOR z", zlib.compress(b"x") + b"more", "S: 451 ...")
        self.assertFalse((self.root / "z").exists())

    async def test_active(self) -> None:
        listening, port = self.listening()
        peer = await self.logged_in()
        await peer.dialog(f"C: EPRT |1|127.0.0.1|{port}|", "S: 200 Connected.")
        connection, _ = listening.accept()
        with connection:
            await peer.dialog("C: STOR new", "S: 150 ...")
            connection.sendall(b"new")
        await peer.dialog("S: 226 ...")
        self.assertEqual((self.root / "new").read_bytes(), b"new")

    async def test_behind_what_is_there(self) -> None:
        peer = await self.logged_in()
        await self.store(peer, "APPE hello.txt", b"world")
        self.assertEqual((self.root / "hello.txt").read_bytes(), b"hello\nworld")
        await self.store(peer, "APPE new", b"new")
        self.assertEqual((self.root / "new").read_bytes(), b"new")
        await peer.dialog("C: REST 1", "S: 350 ...", "C: APPE new", "S: 450 ...")

    async def test_under_a_name_of_our_own(self) -> None:
        peer = await self.logged_in()
        names = set()
        for argument, folder, begin in (("", "", "ftp."), (" sub/log", "sub/", "log.")):
            data = await self.connect(await self.passive(peer))
            peer.send(f"STOU{argument}\r\n".encode())
            line = (await peer.line()).decode()
            self.assertTrue(line.startswith(f"150 FILE: {begin}"), line)
            data.transport.write(b"unique")
            data.transport.loseConnection()
            await peer.dialog("S: 226 ...")
            name = folder + line.removeprefix("150 FILE: ")
            self.assertEqual((self.root / name).read_bytes(), b"unique")
            names.add(name)
        self.assertEqual(len(names), 2)
        await peer.dialog("C: REST 1", "S: 350 ...", "C: STOU", "S: 450 Can't STOU while REST ...")

    async def test_the_port_may_come_behind_stou(self) -> None:
        """RFC 1123 4.1.2.9's reply tells the name first, and some clients open their port only then."""
        listening, port = self.listening()
        peer = await self.logged_in()
        await peer.dialog(
            "C: STOU", "S: 150 FILE: ...", f"C: PORT 127,0,0,1,{port >> 8},{port & 255}", "S: 200 Connected."
        )
        connection, _ = listening.accept()
        with connection:
            connection.sendall(b"late")
        await peer.dialog("S: 226 ...")
        await peer.dialog("C: STOU", "S: 150 FILE: ...", "C: PASV", "S: 227 ...", "C: ABOR", "S: 426 ...", "S: 226 ...")
        await peer.dialog("C: STOU", "S: 150 FILE: ...", "C: ABOR", "S: 426 ...", "S: 226 ...")
        await peer.dialog("C: STOU", "S: 150 FILE: ...", "-- 32 s", "S: 425 ...")
        self.assertEqual([file.read_bytes() for file in self.root.glob("ftp.*")], [b"late"])


class ResumeTests(FTPTestCase):
    """An upload that breaks off is kept aside, and gone on with."""

    async def broken(self, command: str, content: bytes) -> None:
        """An upload whose connection breaks."""
        peer = await self.logged_in()
        data = await self.begin(peer, command)
        data.transport.write(content)
        await self.until(lambda: peer.session.transfer.channel.octets == len(content))
        data.transport.abortConnection()
        await peer.dialog("S: 426 ...")

    async def test_by_rest_and_stor(self) -> None:
        await self.broken("STOR new", b"first")
        self.assertEqual((self.root / "new.part").read_bytes(), b"first")
        self.assertFalse((self.root / "new").exists())
        peer = await self.logged_in()
        await peer.dialog("C: SIZE new", "S: 213 5", "C: REST 6", "S: 350 ...")
        await self.passive(peer)
        await peer.dialog("C: STOR new", "S: 554 The restart position 6 > file size 5.", "C: REST 5", "S: 350 ...")
        await self.store(peer, "STOR new", b" second")
        self.assertEqual((self.root / "new").read_bytes(), b"first second")
        self.assertFalse((self.root / "new.part").exists())

    async def test_by_appe(self) -> None:
        await self.broken("STOR new", b"first")
        peer = await self.logged_in()
        await self.store(peer, "APPE new", b" second")
        self.assertEqual((self.root / "new").read_bytes(), b"first second")
        self.assertFalse((self.root / "new.part").exists())

    async def test_the_old_document_stays_meanwhile(self) -> None:
        await self.broken("STOR hello.txt", b"first, and longer than before")
        self.assertEqual((self.root / "hello.txt").read_bytes(), b"hello\n")
        peer = await self.logged_in()
        await peer.dialog("C: SIZE hello.txt", "S: 213 6", "C: REST 5", "S: 350 ...")
        await self.store(peer, "STOR hello.txt", b"!")
        self.assertEqual((self.root / "hello.txt").read_bytes(), b"first!")

    async def test_appe_means_the_document_and_not_another_uploads_part(self) -> None:
        await self.broken("STOR hello.txt", b"first, and longer than before")
        peer = await self.logged_in()
        await self.store(peer, "APPE hello.txt", b"world")
        self.assertEqual((self.root / "hello.txt").read_bytes(), b"hello\nworld")

    async def test_a_document_gone_on_with_from_its_middle(self) -> None:
        peer = await self.logged_in()
        await peer.dialog("C: REST 2", "S: 350 ...")
        await self.store(peer, "STOR hello.txt", b"avens")
        self.assertEqual((self.root / "hello.txt").read_bytes(), b"heavens")

    async def test_one_that_breaks_again_keeps_what_there_was(self) -> None:
        await self.broken("STOR new", b"first")
        peer = await self.logged_in()
        await peer.dialog("C: REST 5", "S: 350 ...")
        data = await self.begin(peer, "STOR new")
        data.transport.abortConnection()
        await peer.dialog("S: 426 ...")
        self.assertEqual((self.root / "new.part").read_bytes(), b"first")

    async def test_refused_before_it_begins_it_keeps_what_there_was(self) -> None:
        await self.broken("STOR new", b"first")
        peer = await self.logged_in()
        await peer.dialog("C: REST 5", "S: 350 ...", "C: STOR new", "S: 425 ...", "C: APPE new", "S: 425 ...")
        self.assertEqual((self.root / "new.part").read_bytes(), b"first")

    async def test_aborted(self) -> None:
        peer = await self.logged_in()
        data = await self.begin(peer, "STOR new")
        data.transport.write(b"first")
        await self.until(lambda: peer.session.transfer.channel.octets == 5)
        await peer.dialog("C: ABOR", "S: 426 Transfer aborted via ABOR.", "S: 226 ABOR command successful.")
        await peer.dialog("C: SIZE new", "S: 213 5")
        await data.ended

    async def test_the_client_has_gone_when_the_data_ends(self) -> None:
        """RFC 959 4.1.1: the control connection's end is an ABOR, whichever of the two is heard of first."""
        for control_first in (True, False):
            peer = await self.logged_in()
            data = await self.begin(peer, "STOR new")
            data.transport.write(b"first")
            await self.until(lambda peer=peer: peer.session.transfer.channel.octets == 5)
            if control_first:
                await peer.dialog("-- closes")
            data.transport.loseConnection()
            await data.ended
            if not control_first:
                await peer.dialog("-- closes")
            await peer.dialog("S: 426 ...", "-- closed")
            self.assertFalse((self.root / "new").exists())
            self.assertEqual((self.root / "new.part").read_bytes(), b"first")

    async def test_the_session_ends_meanwhile(self) -> None:
        peer = await self.logged_in()
        data = await self.begin(peer, "STOR new")
        data.transport.write(b"first")
        await self.until(lambda: peer.session.transfer.channel.octets == 5)
        peer.transport.lose()
        await data.ended
        self.assertEqual((self.root / "new.part").read_bytes(), b"first")


class MeanwhileTests(FTPTestCase):
    """What may come while a transfer goes on (RFC 959 4.1.3, 4.1.1)."""

    def setUp(self) -> None:
        super().setUp()
        (self.root / "big").write_bytes(BIG)

    async def test_abor(self) -> None:
        peer = await self.logged_in()
        data = await self.begin(peer, "RETR big")
        data.transport.pauseProducing()
        await peer.dialog("C: ABOR", "S: 426 ...", "S: 226 ...", "C: NOOP", "S: 200 ...")
        data.transport.resumeProducing()
        await data.ended
        self.assertLess(len(data.received), len(BIG))

    async def test_abor_of_nothing(self) -> None:
        peer = await self.logged_in()
        await peer.dialog("C: ABOR", "S: 225 No transfer to abort.")
        port = await self.passive(peer)
        await peer.dialog("C: ABOR", "S: 225 ...", "C: RETR hello.txt", "S: 425 ...")
        with self.assertRaises(Exception):  # noqa: B017  # nobody listens there any more
            await self.connect(port)

    async def test_abor_before_the_client_connects(self) -> None:
        peer = await self.logged_in()
        await self.passive(peer)
        await peer.dialog(
            "C: RETR big", "S: 150 ...", "C: ABOR", "S: 426 ...", "S: 226 ...", "C: RETR big", "S: 425 ..."
        )

    async def test_stat_and_noop(self) -> None:
        peer = await self.logged_in()
        data = await self.begin(peer, "RETR big")
        data.transport.pauseProducing()
        await peer.dialog(
            "C: NOOP",
            "S: 200 ...",
            "C: STAT",
            "S: 211-...",
            "S:  Connected ...",
            "S:  Logged in ...",
            "S:  TYPE...",
            "S:  A transfer is under way: ...",
            "S: 211 End.",
        )
        data.transport.resumeProducing()
        self.assertEqual(await data.all(), BIG)
        await peer.dialog("S: 226 ...")

    async def test_others_wait(self) -> None:
        peer = await self.logged_in()
        data = await self.begin(peer, "RETR big")
        data.transport.pauseProducing()
        await peer.dialog("C: STAT hello.txt", "C: PWD", "C: NOOP", "-- silence")
        data.transport.resumeProducing()
        self.assertEqual(await data.all(), BIG)
        await peer.dialog("S: 226 ...", "S: 213-...", "S:  -rw...", "S: 213 ...", "S: 257 ...", "S: 200 ...")

    async def test_quit(self) -> None:
        peer = await self.logged_in()
        data = await self.begin(peer, "RETR big")
        data.transport.pauseProducing()
        await peer.dialog("C: QUIT", "S: 221 ...")
        data.transport.resumeProducing()
        self.assertEqual(await data.all(), BIG)
        await peer.dialog("S: 226 ...", "-- closed")

    async def test_quit_and_a_failure(self) -> None:
        peer = await self.logged_in()
        data = await self.begin(peer, "RETR big")
        data.transport.pauseProducing()
        await peer.dialog("C: QUIT", "S: 221 ...")
        data.transport.abortConnection()
        await peer.dialog("S: 426 ...", "-- closed")

    async def test_rein_and_user(self) -> None:
        for command, answer in (("REIN", "220"), ("USER mulder", "331")):
            peer = await self.logged_in()
            data = await self.begin(peer, "RETR big")
            data.transport.pauseProducing()
            await peer.dialog(f"C: {command}", f"S: {answer} ...", "C: PWD", "S: 530 ...", "C: LIST", "S: 530 ...")
            data.transport.resumeProducing()
            self.assertEqual(await data.all(), BIG)
            await peer.dialog("S: 226 ...", "C: PWD", "S: 530 ...")


class LogTests(FTPTestCase):
    async def test_lines(self) -> None:
        self.patch(time, "localtime", time.gmtime)
        peer = await self.logged_in()
        await self.fetch(peer, "RETR hello.txt")
        await self.store(peer, "STOR a b", b"12345")
        data = await self.begin(peer, "STOR c")
        data.transport.write(b"1")
        await self.until(lambda: peer.session.transfer.channel.octets)
        await peer.dialog("C: ABOR", "S: 426 ...", "S: 226 ...")
        peer = await self.logged_in("anonymous")
        await peer.dialog("C: TYPE A", "S: 200 ...")
        await self.fetch(peer, "RETR hello.txt")
        when = "Sun Sep  9 01:46:40 2001 1 127.0.0.1"
        self.assertEqual(
            self.house.measure.access_logs["ftp"].lines,
            [
                f"{when} 6 /hello.txt b _ o r mulder ftp 0 * c",
                f"{when} 5 /a_b b _ i r mulder ftp 0 * c",
                f"{when} 1 /c b _ i r mulder ftp 0 * i",
                f"{when} 7 /hello.txt a _ o a anonymous ftp 0 * c",
            ],
        )

    async def test_names_can_do_no_harm_there(self) -> None:
        peer = await self.logged_in()
        data = await self.connect(await self.passive(peer))
        peer.send(b"STOR \x1b[2J \xff\xe2\x80\xae\r\n")
        await peer.dialog("S: 150 ...")
        data.transport.loseConnection()
        await peer.dialog("S: 226 ...")
        (line,) = self.house.measure.access_logs["ftp"].lines
        self.assertIn(r"/\x1b[2J_\xff\u202e b", line)


class RateTests(FTPTestCase):
    async def test_a_session_is_held_to_it(self) -> None:
        (self.root / "big").write_bytes(bytes(1 << 20))
        peer = await self.logged_in(rate_per_session=1 << 18)
        data = await self.begin(peer, "RETR big")
        for second in range(3):
            least, most = (1 << 18) * (second + 1) - (1 << 16), (1 << 18) * (second + 1) + (1 << 16)
            await self.until(lambda least=least: len(data.received) >= least)
            self.assertLessEqual(len(data.received), most)
            self.clock.pump([0.1] * 10)
        self.clock.pump([0.1] * 20)
        self.assertEqual(len(await data.all()), 1 << 20)
        await peer.dialog("S: 226 ...")

    async def test_an_account_is_too_both_ways(self) -> None:
        peers = [await self.logged_in(rate_per_account=1 << 18)]
        # the second session is of the same factory
        factory = peers[0].session.factory
        self.assertIs(factory.buckets.of("mulder", "in"), peers[0].session.buckets["in"][0])
        self.assertIsNot(factory.buckets.of("mulder", "in"), factory.buckets.of("mulder", "out"))
        data = await self.begin(peers[0], "STOR big")
        data.transport.write(bytes(1 << 20))
        data.transport.loseConnection()
        await self.until(lambda: peers[0].session.transfer.channel.octets >= 1 << 18)
        self.assertLess(peers[0].session.transfer.channel.octets, 1 << 20)
        for _ in range(60):
            self.clock.advance(0.1)
            await self.until(lambda: True)
        await peers[0].dialog("S: 226 ...")
        self.assertEqual((self.root / "big").stat().st_size, 1 << 20)
        self.assertIsInstance(self.house.deadlines, Wheel)
