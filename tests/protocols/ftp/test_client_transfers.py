"""Transfers between our client and servers that do everything they may do, and most of what they may not."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.trial.unittest import SynchronousTestCase

from netdaemon.protocols.ftp.client import (
    Broken,
    ConnectFailed,
    Failed,
    NoAnswer,
    NotSpoken,
    Refused,
    Settings,
    Timeouts,
    TooLarge,
    TryLater,
)
from netdaemon.protocols.ftp.client.session import FTP
from netdaemon.protocols.ftp.client.transfers import Transfer
from tests.protocols.ftp.scripted import CLIENT, PEER, Server

PASSIVE = ("C: EPSV", "S: 229 go (|||2000|)")
BEGUN = ("C: TYPE I", "S: 200 ok", *PASSIVE, "C: RETR name", "S: 150 here")


class TransferCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.start()

    def start(self, *features: str, **settings: Any) -> Server:
        peer = settings.pop("peer", PEER)
        host = settings.pop("host", CLIENT)
        self.server = Server(Settings(**settings), peer=peer, host=host)
        self.server.log_in(*features)
        self.chunks: list[bytes] = []
        return self.server

    @property
    def ftp(self) -> FTP:
        return self.server.ftp

    def fetch(self, **arguments: Any) -> Deferred[Any]:
        async def work() -> None:
            async with await self.ftp.retrieve("name", **arguments) as download:
                async for chunk in download:
                    self.chunks.append(chunk)

        return self.server.begin(work())

    def send(self, *chunks: bytes, **arguments: Any) -> Deferred[Any]:
        return self.server.begin(self.ftp.store("name", list(chunks), **arguments))

    @property
    def fetched(self) -> bytes:
        return b"".join(self.chunks)


class DownloadTests(TransferCase):
    def test_whole(self) -> None:
        for piece in (None, 1):
            server = self.start()
            server.piece = piece
            work = self.fetch()
            server.talk("C: TYPE I", "S: 200 ok", *PASSIVE, "C: RETR name", "S: 150 here (11 bytes)")
            server.talk("D: hello ", "D: world", "D. ", "S: 226 done")
            self.successResultOf(work)
            self.assertEqual(self.fetched, b"hello world")
            self.assertEqual(server.network.dialled, [(PEER, 2000)])

    def test_the_type_is_told_once(self) -> None:
        for types in (["C: TYPE I", "S: 200 ok"], []):
            work = self.fetch()
            self.server.talk(*types, *PASSIVE, "C: RETR name", "S: 125 here", "D. ", "S: 226 done")
            self.successResultOf(work)

    def test_what_else_goes_before_it(self) -> None:
        heard: list[bytes] = []

        async def before(control: Any) -> None:
            control.say(b"SIZE name")
            heard.append((await control.reply()).text)
            if heard == [b"7"]:
                raise ValueError("too large")

        async def work() -> None:
            await (await Transfer.begin(self.ftp, b"RETR name", before=before)).end()

        fetching = self.server.begin(work())
        self.server.talk("C: TYPE I", "S: 200 ok", *PASSIVE, "C: SIZE name", "S: 213 7")
        self.failureResultOf(fetching, ValueError)
        self.server.turn()
        self.assertTrue(self.server.data.aborted)
        fetching = self.server.begin(work())
        self.server.talk(*PASSIVE, "C: SIZE name", "S: 213 5", "C: RETR name", "S: 150 here", "D. ", "S: 226 ok")
        self.successResultOf(fetching)
        self.assertEqual(heard, [b"7", b"5"])

    def test_the_type_behind_epsv(self) -> None:
        server = self.start(type_last=True)
        work = self.fetch()
        server.talk(*PASSIVE, "C: TYPE I", "S: 200 ok", "C: RETR name", "S: 150 here", "D: hello", "D. ", "S: 226 ok")
        self.successResultOf(work)
        work = self.fetch()
        server.talk(*PASSIVE, "C: RETR name", "S: 150 here", "D. ", "S: 226 ok")
        self.successResultOf(work)

    def test_a_type_that_is_not_known_there(self) -> None:
        server = self.start(type_last=True)
        work = self.fetch()
        server.talk(*PASSIVE, "C: TYPE I", "S: 504 no")
        self.failureResultOf(work, Refused)
        server.turn()
        self.assertTrue(server.data.aborted)
        self.assertFalse(server.dropped)

    def test_150_without_data(self) -> None:
        work = self.fetch()
        self.server.talk(*BEGUN, "D. ", "S: 226 done")
        self.successResultOf(work)
        self.assertEqual(self.fetched, b"")

    def test_226_before_the_data_end(self) -> None:
        work = self.fetch()
        self.server.talk(*BEGUN, "D: hel", "S: 226 done")
        self.assertNoResult(work)
        self.server.talk("D: lo", "D. ")
        self.successResultOf(work)
        self.assertEqual(self.fetched, b"hello")

    def test_all_of_it_before_the_150(self) -> None:
        work = self.fetch()
        self.server.talk("C: TYPE I", "S: 200 ok", *PASSIVE, "C: RETR name", "D: hello", "D. ")
        self.server.talk("S* 150 here\\r\\n226 done\\r\\n")
        self.successResultOf(work)
        self.assertEqual(self.fetched, b"hello")

    def test_a_200_before_the_150(self) -> None:
        work = self.fetch()
        self.server.talk(
            "C: TYPE I", "S: 200 ok", *PASSIVE, "C: RETR name", "S: 200 fine", "S: 150 here", "D: x", "D. "
        )
        self.server.talk("S: 226 done")
        self.successResultOf(work)

    def test_no_transfer(self) -> None:
        for line, kind in (
            ("550 none", Refused),
            ("450 busy", TryLater),
            ("425 no data connection", TryLater),
            ("226 done, without having begun", Refused),
        ):
            server = self.start()
            work = self.fetch()
            server.talk("C: TYPE I", "S: 200 ok", *PASSIVE, "C: RETR name", f"S: {line}")
            self.assertIs(type(self.failureResultOf(work, Failed).value), kind)
            self.assertTrue(server.data.aborted)
            noop = server.begin(self.ftp.noop())
            server.talk("C: NOOP", "S: 200 still here")
            self.successResultOf(noop)

    def test_421_within_it(self) -> None:
        work = self.fetch()
        self.server.talk(*BEGUN, "D: hel", "S: 421 going down")
        failure = self.failureResultOf(work, Broken).value
        self.assertEqual(failure.reply.code, 421)
        self.assertEqual(self.fetched, b"hel")
        self.assertTrue(self.server.data.aborted)

    def test_426_behind_the_data(self) -> None:
        work = self.fetch()
        self.server.talk(*BEGUN, "D: hel", "D. ", "S: 426 oh")
        self.assertEqual(self.failureResultOf(work, Broken).value.reply.code, 426)

    def test_the_control_connection_ends_within_it(self) -> None:
        work = self.fetch()
        self.server.talk(*BEGUN, "D: hel")
        self.server.transport.finish()
        self.assertIn("control connection", str(self.failureResultOf(work, Broken).value))

    def test_the_data_connection_breaks(self) -> None:
        work = self.fetch()
        self.server.talk(*BEGUN, "D: hel")
        self.server.data.lose(ConnectionResetError())
        self.assertNoResult(work)
        self.server.talk("S: 426 the disk failed")
        failure = self.failureResultOf(work, Broken).value
        self.assertEqual(
            (str(failure), failure.reply.code), ("the data connection broke off: 426 the disk failed", 426)
        )
        self.assertFalse(self.server.dropped)

    def test_and_the_server_says_nothing_to_it(self) -> None:
        work = self.fetch()
        self.server.talk(*BEGUN, "D: hel")
        self.server.data.lose(ConnectionResetError())
        self.server.talk("-- 7 s")
        self.assertIsNone(self.failureResultOf(work, Broken).value.reply)
        self.assertTrue(self.server.dropped)

    def test_too_little(self) -> None:
        for begin in ({"size": 6}, {}):
            server = self.start()
            work = self.fetch(**begin)
            server.talk("C: TYPE I", "S: 200 ok", *PASSIVE, "C: RETR name", "S: 150 here (6 bytes)")
            server.talk("D: hello", "D. ", "S: 226 done")
            self.assertIn("5 octets came in place of 6", str(self.failureResultOf(work, Broken).value))

    def test_more_than_was_said_is_a_file_that_grew(self) -> None:
        work = self.fetch(size=4)
        self.server.talk(*BEGUN, "D: hello", "D. ", "S: 226 ok")
        self.successResultOf(work)

    def test_a_stall(self) -> None:
        work = self.fetch()
        self.server.talk(*BEGUN, "D: hel", "-- 59 s", "D: lo")
        self.server.talk("-- 59 s")
        self.assertNoResult(work)
        self.server.talk("-- 2 s", "-- 7 s")
        self.failureResultOf(work, Broken)
        self.assertTrue(self.server.data.aborted)

    def test_a_long_transfer_leaves_the_control_connection_alone(self) -> None:
        server = self.start(keep_alive=20.0)
        work = self.fetch()
        server.talk(*BEGUN)
        for _ in range(100):
            server.talk("D: x", "-- 50 s")
        self.assertIsNone(server.line(), "no NOOP is sent in the middle of a transfer")
        server.talk("D. ", "-- 290 s", "S: 226 at last")
        self.successResultOf(work)
        self.assertIsNone(server.line(), "nor are those made up for")
        server.talk("-- 21 s", "C: NOOP", "S: 200 yes")
        self.assertFalse(server.dropped)

    def test_the_final_reply_has_its_limit(self) -> None:
        work = self.fetch()
        self.server.talk(*BEGUN, "D: x", "D. ", "-- 302 s")
        self.failureResultOf(work, NoAnswer)
        self.assertTrue(self.server.dropped)

    def test_from_an_offset(self) -> None:
        work = self.fetch(offset=6, size=11)
        self.server.talk("C: TYPE I", "S: 200 ok", *PASSIVE, "C: REST 6", "S: 350 ok", "C: RETR name", "S: 150 here")
        self.server.talk("D: world", "D. ", "S: 226 done")
        self.successResultOf(work)
        self.assertEqual(self.fetched, b"world")

    def test_no_offsets_there(self) -> None:
        work = self.fetch(offset=6)
        self.server.talk("C: TYPE I", "S: 200 ok", *PASSIVE, "C: REST 6", "S: 502 no")
        self.failureResultOf(work, Refused)
        self.assertIsNone(self.server.line())

    def test_what_nobody_reads_is_not_read(self) -> None:
        """Back-pressure: a reader that takes its time has the server wait."""
        server = self.server
        work = server.begin(self.ftp.retrieve("name"))
        server.talk(*BEGUN)
        download = self.successResultOf(work)
        self.assertFalse(server.data.reading)
        first = server.begin(download.__anext__())
        server.send(server.data, b"x")
        self.assertEqual(self.successResultOf(first), b"x")
        server.data.deliver(bytes(300 * 1024))
        self.assertFalse(server.data.reading)
        self.successResultOf(server.begin(download.drop()))

    def test_cancelled(self) -> None:
        work = self.fetch()
        self.server.talk(*BEGUN, "D: hel")
        work.cancel()
        self.failureResultOf(work, CancelledError)
        self.assertTrue(self.server.dropped and self.server.data.aborted)


class AbortTests(TransferCase):
    def begin(self) -> Any:
        work = self.server.begin(self.ftp.retrieve("name"))
        self.server.talk(*BEGUN, "D: hel")
        return self.successResultOf(work)

    def test_whatever_is_answered(self) -> None:
        for replies in (
            ["S: 426 broken off", "S: 226 abort done", "S: 200 noop"],
            ["S: 226 was done", "S: 225 nothing to abort", "S: 200 noop"],
            ["S: 225 abort done", "S: 200 noop"],
            ["S: 451 oh", "S: 502 ABOR? what?", "S: 200 noop"],
        ):
            server = self.start()
            work = server.begin(self.begin().close())
            server.talk("C: ABOR", replies[0], "C: NOOP", *replies[1:])
            self.successResultOf(work)
            self.assertTrue(server.data.aborted)
            after = server.begin(self.ftp.pwd())
            server.talk("C: PWD", 'S: 257 "/"')
            self.assertEqual(self.successResultOf(after), "/")

    def test_out_of_step(self) -> None:
        work = self.server.begin(self.begin().close())
        self.server.talk("C: ABOR", "S: 226 ok", "C: NOOP", *["S: 226 what?"] * 4)
        self.failureResultOf(work, NotSpoken)
        self.assertTrue(self.server.dropped)

    def test_others_wait_for_the_end(self) -> None:
        download = self.begin()
        pwd = self.server.begin(self.ftp.pwd())
        self.assertIsNone(self.server.line())
        closing = self.server.begin(download.close())
        self.server.talk("C: ABOR", "S: 226 ok", "C: NOOP", "S: 200 ok", "C: PWD", 'S: 257 "/a"')
        self.successResultOf(closing)
        self.assertEqual(self.successResultOf(pwd), "/a")


class UploadTests(TransferCase):
    def test_whole(self) -> None:
        work = self.send(b"hello ", b"", b"world")
        self.server.talk("C: TYPE I", "S: 200 ok", *PASSIVE, "C: STOR name", "S: 150 go on")
        self.assertEqual(self.server.data.taken(), b"hello world")
        self.assertTrue(self.server.data.disconnecting and not self.server.data.aborted)
        self.server.talk("S: 226 kept")
        self.assertEqual(self.successResultOf(work).text, b"kept")

    def test_an_empty_one(self) -> None:
        work = self.send()
        self.server.talk("C: TYPE I", "S: 200 ok", *PASSIVE, "C: STOR name", "S: 150 go on", "S: 226 kept")
        self.successResultOf(work)

    def test_no_faster_than_it_is_taken(self) -> None:
        made: list[int] = []

        def chunks() -> Any:
            for number in range(10):
                made.append(number)
                yield bytes(100_000)

        work = self.server.begin(self.ftp.store("name", chunks()))
        self.server.talk("C: TYPE I", "S: 200 ok", *PASSIVE, "C: STOR name", "S: 150 go on")
        self.assertEqual(made, [0])
        for count in range(2, 11):
            self.server.data.taken()
            self.assertEqual(len(made), count)
        self.server.data.taken()
        self.server.talk("S: 226 kept")
        self.successResultOf(work)

    def test_a_server_that_takes_nothing(self) -> None:
        work = self.send(bytes(100_000))
        self.server.talk("C: TYPE I", "S: 200 ok", *PASSIVE, "C: STOR name", "S: 150 go on", "-- 61 s", "-- 7 s")
        self.assertIn("took nothing", str(self.failureResultOf(work, Broken).value))
        self.assertTrue(self.server.data.aborted)

    def test_no_room(self) -> None:
        """The server says so within the transfer, and goes on reading or not."""
        for line, kind in (("552 quota", Refused), ("452 disk full", TryLater), ("426 oh", Broken)):
            server = self.start()
            work = self.send(bytes(100_000), b"more")
            server.talk("C: TYPE I", "S: 200 ok", *PASSIVE, "C: STOR name", "S: 150 go on", f"S: {line}")
            self.failureResultOf(work, kind)
            self.assertTrue(server.data.aborted)
            self.assertFalse(server.dropped)

    def test_the_data_connection_is_closed_by_the_server(self) -> None:
        work = self.send(bytes(100_000), b"more")
        self.server.talk("C: TYPE I", "S: 200 ok", *PASSIVE, "C: STOR name", "S: 150 go on")
        self.server.data.lose()
        self.server.talk("S: 552 quota")
        self.failureResultOf(work, Refused)

    def test_a_source_that_fails(self) -> None:
        """What there is of it must not be taken for the whole: the connection is reset, not closed."""

        def chunks() -> Any:
            yield b"hello"
            raise OSError(5, "Input/output error")

        work = self.server.begin(self.ftp.store("name", chunks()))
        self.server.talk("C: TYPE I", "S: 200 ok", *PASSIVE, "C: STOR name", "S: 150 go on")
        self.failureResultOf(work, OSError)
        self.assertTrue(self.server.data.aborted)
        self.assertTrue(self.server.dropped)

    def test_cancelled(self) -> None:
        work = self.send(bytes(100_000), b"more")
        self.server.talk("C: TYPE I", "S: 200 ok", *PASSIVE, "C: STOR name", "S: 150 go on")
        work.cancel()
        self.failureResultOf(work, CancelledError)
        self.assertTrue(self.server.data.aborted and self.server.dropped)

    def test_behind_an_offset_and_appended(self) -> None:
        work = self.send(b"rest", offset=100)
        self.server.talk("C: TYPE I", "S: 200 ok", *PASSIVE, "C: REST 100", "S: 350 ok", "C: STOR name", "S: 150 go on")
        self.server.talk("S: 226 kept")
        self.successResultOf(work)
        work = self.server.begin(self.ftp.append("name", [b"rest"]))
        self.server.talk(*PASSIVE, "C: APPE name", "S: 150 go on", "S: 226 kept")
        self.successResultOf(work)

    def test_under_a_name_of_the_server_s(self) -> None:
        for begun, final, name in (
            ("150 FILE: ab.1", "226 done", "ab.1"),
            ("125 go on", "250 file: a b", "a b"),
            ("150 go on", "226 done", None),
        ):
            server = self.start()
            work = server.begin(self.ftp.store_unique([b"x"]))
            server.talk("C: TYPE I", "S: 200 ok", *PASSIVE, "C: STOU", f"S: {begun}", f"S: {final}")
            self.assertEqual(self.successResultOf(work), name)

    def test_text(self) -> None:
        for piece in (100, 1):
            text = b"a\nb\r\n\rc\r\r\n\n"
            server = self.start()
            pieces = [text[start : start + piece] for start in range(0, len(text), piece)]
            work = self.send(*pieces, text=True)
            server.talk("C: TYPE A", "S: 200 ok", *PASSIVE, "C: STOR name", "S: 150 go on")
            self.assertEqual(server.data.taken(), b"a\r\nb\r\n\rc\r\r\n\r\n")
            server.talk("S: 226 kept")
            self.successResultOf(work)


class PassiveTests(TransferCase):
    def test_epsv_is_not_known(self) -> None:
        for line in ("500 what?", "501 no", "502 no", "522 not that family"):
            server = self.start()
            work = self.fetch()
            server.talk("C: TYPE I", "S: 200 ok", "C: EPSV", f"S: {line}", "C: PASV", "S: 227 (192,0,2,21,7,208)")
            server.talk("C: RETR name", "S: 150 here", "D. ", "S: 226 done")
            self.successResultOf(work)
            again = self.fetch()
            server.talk("C: PASV", "S: 227 =192,0,2,21,7,209", "C: RETR name", "S: 150 here", "D. ", "S: 226 done")
            self.successResultOf(again)
            self.assertEqual(server.network.dialled, [(PEER, 2000), (PEER, 2001)])

    def test_a_foreign_address_is_never_dialled(self) -> None:
        for foreign in ("127,0,0,1", "10,0,0,1", "169,254,169,254", "198,51,100,7", "0,0,0,0", "255,255,255,255"):
            server = self.start(epsv=False)
            work = self.fetch()
            server.talk("C: TYPE I", "S: 200 ok", "C: PASV", f"S: 227 Entering ({foreign},7,208).")
            server.talk("C: RETR name", "S: 150 here", "D. ", "S: 226 done")
            self.successResultOf(work)
            self.assertEqual(server.network.dialled, [(PEER, 2000)])

    def test_nor_one_in_epsv(self) -> None:
        work = self.fetch()
        self.server.talk("C: TYPE I", "S: 200 ok", "C: EPSV", "S: 229 (|1|127.0.0.1|2000|)")
        self.failureResultOf(work, NotSpoken)
        self.assertEqual(self.server.network.dialled, [])

    def test_what_is_no_port(self) -> None:
        for epsv, line in (
            (False, "227 nothing"),
            (False, "227 (1,2,3,4,0,0)"),
            (False, "227 (1,2,3,4,256,1)"),
            (True, "229 (|||0|)"),
            (True, "229 (|||65536|)"),
            (True, "229 2000"),
        ):
            server = self.start(epsv=epsv)
            work = self.fetch()
            server.talk("C: TYPE I", "S: 200 ok", "C: EPSV" if epsv else "C: PASV", f"S: {line}")
            self.failureResultOf(work, NotSpoken)
            self.assertEqual(server.network.dialled, [])

    def test_epsv_leads_nowhere(self) -> None:
        self.server.network.refuses.add(2000)
        work = self.fetch()
        self.server.talk("C: TYPE I", "S: 200 ok", *PASSIVE, "C: PASV", "S: 227 (1,2,3,4,8,0)", "C: RETR name")
        self.server.talk("S: 150 here", "D. ", "S: 226 done")
        self.successResultOf(work)
        self.assertEqual(self.server.network.dialled, [(PEER, 2000), (PEER, 2048)])

    def test_nor_does_pasv(self) -> None:
        server = self.start(epsv=False)
        server.network.refuses.add(2000)
        work = self.fetch()
        server.talk("C: TYPE I", "S: 200 ok", "C: PASV", "S: 227 (1,2,3,4,7,208)")
        self.assertIn("port 2000: connection refused", str(self.failureResultOf(work, ConnectFailed).value))
        self.assertFalse(server.dropped)

    def test_nobody_answers(self) -> None:
        server = self.start(epsv=False)
        server.network.silent.add(2000)
        work = self.fetch()
        server.talk("C: TYPE I", "S: 200 ok", "C: PASV", "S: 227 (1,2,3,4,7,208)", "-- 31 s")
        self.assertIn("no answer", str(self.failureResultOf(work, ConnectFailed).value))

    def test_epsv_is_answered_with_what_is_no_answer(self) -> None:
        for reply in ("314 what?", "200 ok", "500 what?"):
            server = self.start()
            work = self.fetch()
            server.talk("C: TYPE I", "S: 200 ok", "C: EPSV", f"S: {reply}", "C: PASV", "S: 227 (192,0,2,21,7,208)")
            server.talk("C: RETR name", "S: 150 here", "D. ", "S: 226 done")
            self.successResultOf(work)
        server = self.start()
        work = self.fetch()
        server.talk("C: TYPE I", "S: 200 ok", "C: EPSV", "S: 425 not now")
        self.failureResultOf(work, TryLater)

    def test_ipv6_without_epsv_is_epsv_all_the_same(self) -> None:
        server = self.start(peer="2001:db8::21", host="2001:db8::1", epsv=False)
        work = self.fetch()
        server.talk("C: TYPE I", "S: 200 ok", *PASSIVE, "C: RETR name", "S: 150 here", "D. ", "S: 226 done")
        self.successResultOf(work)

    def test_ipv6_knows_no_pasv(self) -> None:
        server = self.start(peer="2001:db8::21")
        work = self.fetch()
        server.talk("C: TYPE I", "S: 200 ok", "C: EPSV", "S: 502 no")
        self.failureResultOf(work, Refused)
        self.assertIsNone(server.line())
        work = self.fetch()
        server.talk("C: EPSV", "S: 229 (|||2000|)", "C: RETR name", "S: 150 here", "D. ", "S: 226 done")
        self.successResultOf(work)
        self.assertEqual(server.network.dialled, [("2001:db8::21", 2000)])


class ActiveTests(TransferCase):
    def setUp(self) -> None:
        self.start(active=True)

    EPRT = (f"C: EPRT |1|{CLIENT}|50000|", "S: 200 ok")
    PORT = ("C: PORT 192,0,2,1,195,80", "S: 200 ok")

    def test_eprt(self) -> None:
        work = self.fetch()
        self.server.talk("C: TYPE I", "S: 200 ok", *self.EPRT, "C: RETR name", "S: 150 here")
        self.assertEqual(self.server.network.ports[0].host, CLIENT)
        self.assertTrue(self.server.network.call_back())
        self.server.talk("D: hello", "D. ", "S: 226 done")
        self.successResultOf(work)
        self.assertEqual(self.fetched, b"hello")
        self.assertFalse(self.server.network.ports[0].open)

    def test_the_connection_may_come_before_the_150(self) -> None:
        work = self.fetch()
        self.server.talk("C: TYPE I", "S: 200 ok", *self.EPRT, "C: RETR name")
        self.assertTrue(self.server.network.call_back())
        self.server.talk("D: hello", "D. ", "S: 150 here", "S: 226 done")
        self.successResultOf(work)

    def test_port_where_eprt_is_not_known(self) -> None:
        for first in ([self.EPRT[0], "S: 500 what?"], []):
            work = self.fetch()
            types = ["C: TYPE I", "S: 200 ok"] if first else []
            self.server.talk(*types, *first, *self.PORT, "C: RETR name", "S: 150 here")
            self.server.network.call_back()
            self.server.talk("D. ", "S: 226 done")
            self.successResultOf(work)

    def test_ipv6(self) -> None:
        server = self.start(active=True, peer="2001:db8::21", host="2001:db8::1")
        work = self.fetch()
        server.talk("C: TYPE I", "S: 200 ok", "C: EPRT |2|2001:db8::1|50000|", "S: 502 no")
        self.failureResultOf(work, Refused)
        self.assertIsNone(server.line())
        self.assertFalse(server.network.ports[0].open)

    def test_a_server_that_never_connects(self) -> None:
        work = self.fetch()
        self.server.talk("C: TYPE I", "S: 200 ok", *self.EPRT, "C: RETR name", "S: 150 here", "-- 31 s")
        self.assertIn("no data connection", str(self.failureResultOf(work, ConnectFailed).value))
        self.assertFalse(self.server.network.ports[0].open)
        self.assertTrue(self.server.dropped)

    def test_somebody_else_connects(self) -> None:
        work = self.fetch()
        self.server.talk("C: TYPE I", "S: 200 ok", *self.EPRT, "C: RETR name", "S: 150 here")
        self.assertFalse(self.server.network.call_back("203.0.113.9"))
        self.assertTrue(self.server.network.call_back())
        self.assertFalse(self.server.network.call_back(), "one is enough")
        self.server.talk("D: hello", "D. ", "S: 226 done")
        self.successResultOf(work)
        self.assertEqual(self.fetched, b"hello")

    def test_refused(self) -> None:
        work = self.fetch()
        self.server.talk("C: TYPE I", "S: 200 ok", *self.EPRT, "C: RETR name", "S: 550 none")
        self.failureResultOf(work, Refused)
        self.assertFalse(self.server.network.ports[0].open)
        self.assertFalse(self.server.dropped)


class LineTests(TransferCase):
    def lines(self) -> Deferred[Any]:
        self.got: list[str] = []
        work = self.server.begin(self.ftp.retrlines("name", self.got.append))
        self.server.talk("C: TYPE A", "S: 200 ok", *PASSIVE, "C: RETR name", "S: 150 here")
        return work

    def test_lines(self) -> None:
        for piece in (None, 1):
            self.start()
            self.server.piece = piece
            work = self.lines()
            self.server.talk("D: a\\r\\nb\\n\\r\\n\\xff\\r\\nlast", "D. ", "S: 226 done")
            self.successResultOf(work)
            self.assertEqual(self.got, ["a", "b", "", "\udcff", "last"])

    def test_one_without_an_end(self) -> None:
        work = self.lines()
        self.server.send(self.server.data, b"x" * 65536)
        self.assertNoResult(work)
        self.server.send(self.server.data, b"x")
        self.failureResultOf(work, TooLarge)
        self.assertTrue(self.server.dropped)

    def test_a_callback_that_fails(self) -> None:
        def refuse(line: str) -> None:
            raise OSError(28, "No space left on device")

        work = self.server.begin(self.ftp.retrlines("name", refuse))
        self.server.talk("C: TYPE A", "S: 200 ok", *PASSIVE, "C: RETR name", "S: 150 here", "D: a\\r\\n")
        self.failureResultOf(work, OSError)
        self.assertTrue(self.server.dropped)

    def test_timeouts_are_the_settings(self) -> None:
        server = self.start(timeouts=Timeouts(stall=5))
        work = self.fetch()
        server.talk(*BEGUN, "-- 6 s", "-- 7 s")
        self.failureResultOf(work, Broken)
