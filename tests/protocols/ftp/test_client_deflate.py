"""MODE Z in the client: when it is said, what goes through it, and streams that are none."""

from __future__ import annotations

import random
import zlib
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from netdaemon.protocols.ftp.client import Broken, Entry, Refused, Settings, TooLarge
from netdaemon.protocols.ftp.client import session as session_module
from netdaemon.protocols.ftp.client.deflated import Deflated
from netdaemon.protocols.ftp.deflate import PIECE, TURN
from netdaemon.wire.blocking import run
from tests.protocols.ftp.scripted import Server
from tests.protocols.ftp.test_client_transfers import BEGUN, PASSIVE, TransferCase

FEATURES = ("S: 211-Features", "S:  MODE Z", "S: 211 End")


class AskedTests(SynchronousTestCase):
    def login(self, *script: str, **settings: Any) -> Server:
        server = Server(Settings(**settings))
        work = server.begin(server.greeted())
        server.talk("S: 220 ready", "C: USER anonymous", "S: 230 in", "C: FEAT", *script)
        self.successResultOf(work)
        self.assertIsNone(server.line())
        return server

    def test_where_it_is_wanted_and_offered(self) -> None:
        offered = ["S: 211-Features", "S:  mode s z", "S: 211 End"]
        for features in (FEATURES, offered):
            server = self.login(*features, "C: MODE Z", "S: 200 ok", compress=True)
            self.assertEqual(server.ftp.mode, b"Z")

    def test_nothing_is_asked_otherwise(self) -> None:
        self.assertIsNone(self.login(*FEATURES).ftp.mode)
        for feature in ("MODE S", "MODE", "MODEZ Z", "SIZE"):
            features = ("S: 211-Features", f"S:  {feature}", "S: 211 End")
            self.assertIsNone(self.login(*features, compress=True, compress_level=9).ftp.mode)
        self.assertIsNone(self.login("S: 500 FEAT?", compress=True).ftp.mode)

    def test_a_level(self) -> None:
        for answer in ("200 ok", "501 no"):
            script = ("C: MODE Z", "S: 200 ok", "C: OPTS MODE Z LEVEL 9", f"S: {answer}")
            self.assertEqual(self.login(*FEATURES, *script, compress=True, compress_level=9).ftp.mode, b"Z")
        for level in (0, 10, -1):
            self.assertRaises(ValueError, Settings, compress_level=level)

    def test_a_server_that_refuses_it_is_used_without(self) -> None:
        server = self.login(*FEATURES, "C: MODE Z", "S: 504 no", compress=True, compress_level=9)
        work = server.begin(server.ftp.store("name", [b"as it is"]))
        server.talk("C: TYPE I", "S: 200 ok", *PASSIVE, "C: STOR name", "S: 150 go on")
        self.assertEqual(server.data.taken(), b"as it is")
        server.talk("S: 226 kept")
        self.successResultOf(work)

    def test_another_login_is_told_anew(self) -> None:
        server = self.login(*FEATURES, "C: MODE Z", "S: 200 ok", compress=True)
        work = server.begin(server.ftp.rein())
        server.talk("C: REIN", "S: 220 ready")
        self.successResultOf(work)
        self.assertIsNone(server.ftp.mode)
        work = server.begin(server.ftp.login("mulder", "x"))
        server.talk("C: USER mulder", "S: 230 in", "C: FEAT", *FEATURES, "C: MODE Z", "S: 200 ok")
        self.successResultOf(work)
        self.assertEqual(server.ftp.mode, b"Z")


class DeflatedCase(TransferCase):
    def start(self, *features: str, **settings: Any) -> Server:
        server = super().start(*features, **settings)
        server.ftp.mode = b"Z"  # what `AskedTests` comes to
        return server

    def come(self, data: bytes) -> None:
        self.server.send(self.server.data, data)

    def hold(self) -> None:
        """What is to come in the next turn waits for `next_turn`: a clock would go on until nothing is left."""
        self.turns: list[Any] = []
        later = self.server.network.callLater

        def held(delay: float, *call: Any) -> Any:
            if delay:
                return later(delay, *call)
            self.turns.append(call)
            return later(1e9, int)

        self.patch(self.server.network, "callLater", held)

    def next_turn(self) -> None:
        function, *arguments = self.turns.pop(0)
        function(*arguments)


class DownloadTests(DeflatedCase):
    def test_whole(self) -> None:
        for piece in (None, 1):
            self.start()
            self.server.piece = piece
            work = self.fetch(size=11)
            self.server.talk(*BEGUN)
            self.come(zlib.compress(b"hello world"))
            self.assertNoResult(work)
            self.server.talk("D. ", "S: 226 done")
            self.successResultOf(work)
            self.assertEqual(self.fetched, b"hello world")

    def test_nothing_is_a_stream_too(self) -> None:
        work = self.fetch()
        self.server.talk(*BEGUN)
        self.come(zlib.compress(b""))
        self.server.talk("D. ", "S: 226 done")
        self.successResultOf(work)
        self.assertEqual(self.fetched, b"")

    def test_behind_an_offset_of_what_it_was(self) -> None:
        work = self.fetch(offset=1000, size=1005)
        self.server.talk("C: TYPE I", "S: 200 ok", *PASSIVE, "C: REST 1000", "S: 350 ok", "C: RETR name", "S: 150 ok")
        self.come(zlib.compress(b"hello"))
        self.server.talk("D. ", "S: 226 done")
        self.successResultOf(work)
        self.assertEqual(self.fetched, b"hello")

    def test_too_little_of_it(self) -> None:
        work = self.fetch(size=6)
        self.server.talk(*BEGUN)
        self.come(zlib.compress(b"hello"))
        self.server.talk("D. ", "S: 226 done")
        self.assertIn("5 octets came in place of 6", str(self.failureResultOf(work, Broken).value))

    def test_cut_short_anywhere(self) -> None:
        """Whatever the server says to it, 226 too."""
        whole = zlib.compress(b"hello world")
        for end in range(len(whole)):
            self.start()
            work = self.fetch()
            self.server.talk(*BEGUN)
            self.come(whole[:end])
            self.server.talk("D. ", "S: 226 done")
            failure = self.failureResultOf(work, Broken).value
            self.assertIn("in the middle of the deflated data", str(failure))
            self.assertFalse(self.server.dropped)

    def test_what_is_no_stream(self) -> None:
        whole = zlib.compress(b"hello world")
        for data, why in (
            (b"hello world", "not deflated data"),
            (whole[:-1] + b"x", "not deflated data"),  # its checksum
            (whole[:5] + b"\xff\xff" + whole[7:], "not deflated data"),
            (whole + b"x", "octets behind the end"),
            (whole + whole, "octets behind the end"),
        ):
            for piece in (None, 1):
                self.start()
                self.server.piece = piece
                work = self.fetch()
                self.server.talk(*BEGUN)
                self.come(data)
                self.server.talk("S: 226 done")
                self.assertIn(why, str(self.failureResultOf(work, Broken).value))
                self.assertTrue(self.server.data.aborted)
                self.assertFalse(self.server.dropped)

    def test_octets_behind_it_that_come_late(self) -> None:
        work = self.fetch()
        self.server.talk(*BEGUN)
        self.come(zlib.compress(b"hello"))
        self.assertNoResult(work)
        self.server.talk("D: x", "S: 226 done")
        self.failureResultOf(work, Broken)

    def test_much_of_a_little_comes_in_pieces_and_in_turns(self) -> None:
        self.hold()
        work = self.fetch()
        self.server.talk(*BEGUN)
        self.come(zlib.compress(bytes(8 * TURN), 9))
        for turn in range(8):
            # the turn's last piece comes behind it
            self.assertEqual((len(self.fetched), len(self.turns)), ((turn + 1) * TURN - PIECE, 1))
            self.next_turn()
        self.assertEqual((len(self.fetched), self.turns), (8 * TURN, []))
        self.assertEqual(max(map(len, self.chunks)), PIECE)
        self.server.talk("D. ", "S: 226 done")
        self.successResultOf(work)

    def test_no_longer_than_a_listing_may_be(self) -> None:
        self.patch(session_module, "MAX_LISTING", 1 << 20)
        work = self.server.begin(self.ftp.nlst())
        self.server.talk("C: TYPE A", "S: 200 ok", *PASSIVE, "C: NLST", "S: 150 here")
        self.come(zlib.compress(b"a name\r\n" * (1 << 20)))
        while not work.called:
            self.server.network.advance(0)
        self.failureResultOf(work, TooLarge)
        self.assertTrue(self.server.dropped)

    def test_broken_off_and_on_with_another(self) -> None:
        download = self.successResultOf(self.begin_one())
        closing = self.server.begin(download.close())
        self.server.talk("C: ABOR", "S: 426 broken off", "C: NOOP", "S: 226 done", "S: 200 noop")
        self.successResultOf(closing)
        self.assertTrue(self.server.data.aborted)
        work = self.fetch()
        self.server.talk(*PASSIVE, "C: RETR name", "S: 150 here")
        self.come(zlib.compress(b"hello"))
        self.server.talk("D. ", "S: 226 done")
        self.successResultOf(work)
        self.assertEqual(self.fetched, b"hello")

    def begin_one(self) -> Deferred[Any]:
        work = self.server.begin(self.ftp.retrieve("name"))
        self.server.talk(*BEGUN)
        self.come(zlib.compress(b"hello")[:-4])
        return work

    def test_text_and_listings(self) -> None:
        lines: list[str] = []
        work = self.server.begin(self.ftp.retrlines("name", lines.append))
        self.server.talk("C: TYPE A", "S: 200 ok", *PASSIVE, "C: RETR name", "S: 150 here")
        self.come(zlib.compress(b"a\r\nb\r\n"))
        self.server.talk("D. ", "S: 226 done")
        self.successResultOf(work)
        self.assertEqual(lines, ["a", "b"])
        for call, line, sent, result in (
            (self.ftp.folder(), "MLSD", b"type=file;size=1; a\r\n", [Entry("a", "file", 1)]),
            (self.ftp.list_lines(), "LIST", b"a line\r\n", ["a line"]),
            (self.ftp.nlst(), "NLST", b"a\r\nb\r\n", ["a", "b"]),
        ):
            work = self.server.begin(call)
            self.server.talk(*PASSIVE, f"C: {line}", "S: 150 here")
            self.come(zlib.compress(sent))
            self.server.talk("D. ", "S: 226 done")
            self.assertEqual(self.successResultOf(work), result)


class UploadTests(DeflatedCase):
    def test_whole(self) -> None:
        for chunks in ([b"hello ", b"", b"world"], [], [b""]):
            self.start()
            work = self.send(*chunks)
            self.server.talk("C: TYPE I", "S: 200 ok", *PASSIVE, "C: STOR name", "S: 150 go on")
            self.assertEqual(zlib.decompress(self.server.data.taken()), b"".join(chunks))
            self.assertTrue(self.server.data.disconnecting and not self.server.data.aborted)
            self.server.talk("S: 226 kept")
            self.successResultOf(work)

    def test_as_text_appended_and_under_another_name(self) -> None:
        for call, type, line, sent in (
            (self.ftp.store("name", [b"a\n"], text=True), "A", "STOR name", b"a\r\n"),
            (self.ftp.append("name", [b"a\n"]), "I", "APPE name", b"a\n"),
            (self.ftp.store_unique([b"a\n"], text=True), "A", "STOU", b"a\r\n"),
        ):
            work = self.server.begin(call)
            self.server.talk(f"C: TYPE {type}", "S: 200 ok", *PASSIVE, f"C: {line}", "S: 150 go on")
            self.assertEqual(zlib.decompress(self.server.data.taken()), sent)
            self.server.talk("S: 226 kept")
            self.successResultOf(work)

    def test_behind_an_offset_of_what_it_was(self) -> None:
        work = self.send(b"rest", offset=100)
        self.server.talk("C: TYPE I", "S: 200 ok", *PASSIVE, "C: REST 100", "S: 350 ok", "C: STOR name", "S: 150 go on")
        self.assertEqual(zlib.decompress(self.server.data.taken()), b"rest")
        self.server.talk("S: 226 kept")
        self.successResultOf(work)

    def test_no_faster_than_it_is_taken(self) -> None:
        made: list[int] = []
        noise = random.Random(1)

        def chunks() -> Any:
            for number in range(10):
                made.append(number)
                yield noise.randbytes(100_000)  # which can't be made any smaller

        work = self.server.begin(self.ftp.store("name", chunks()))
        self.server.talk("C: TYPE I", "S: 200 ok", *PASSIVE, "C: STOR name", "S: 150 go on")
        self.assertEqual(len(made), 1)
        taken = 0
        while len(self.server.data.taken()):
            self.server.network.advance(0)
            taken += 1
            self.assertLessEqual(len(made), taken + 1)
        self.assertEqual(len(made), 10)
        self.server.talk("S: 226 kept")
        self.successResultOf(work)

    def test_little_of_much_is_sent_in_turns(self) -> None:
        """And that the server wants no more of it is heard, although nothing need be sent for long."""
        self.hold()
        made: list[int] = []

        def chunks() -> Any:
            for number in range(1000):
                made.append(number)
                yield bytes(TURN)

        work = self.server.begin(self.ftp.store("name", chunks()))
        self.server.talk("C: TYPE I", "S: 200 ok", *PASSIVE, "C: STOR name", "S: 150 go on")
        self.assertEqual(len(made), 1)
        self.next_turn()
        self.assertEqual(len(made), 2)
        self.server.talk("S: 552 quota")
        self.next_turn()
        self.failureResultOf(work, Refused)
        self.assertEqual(len(made), 3)
        self.assertFalse(self.server.dropped)

    def test_a_source_that_fails(self) -> None:
        """Its beginning has no end, and the connection is reset: nobody can take it for the whole."""

        def chunks() -> Any:
            yield b"hello"
            raise OSError(5, "Input/output error")

        work = self.server.begin(self.ftp.store("name", chunks()))
        self.server.talk("C: TYPE I", "S: 200 ok", *PASSIVE, "C: STOR name", "S: 150 go on")
        self.failureResultOf(work, OSError)
        self.assertTrue(self.server.data.aborted and self.server.dropped)


class Wire:
    """A data connection that keeps what is written, and gives it again in pieces of other sizes."""

    cut = False

    def __init__(self, sizes: list[int]) -> None:
        self.kept = b""
        self.finished = False
        self._sizes = sizes

    async def start_tls(self, context: Any) -> None: ...

    async def write(self, chunk: bytes) -> None:
        self.kept += chunk

    async def turn(self) -> None: ...

    async def finish(self) -> None:
        self.finished = True

    async def read(self) -> bytes:
        size = self._sizes.pop() if self._sizes else 1 << 16
        piece, self.kept = self.kept[:size], self.kept[size:]
        return piece

    def abort(self, why: Exception | None = None) -> None: ...


PIECES = st.lists(st.one_of(st.binary(max_size=2000), st.builds(bytes, st.integers(0, 200_000))), max_size=8)


class RoundTests(SynchronousTestCase):
    @settings(deadline=None)
    @given(PIECES, st.lists(st.integers(1, 300), max_size=300), st.integers(1, 9))
    def test_what_goes_in_comes_out(self, chunks: list[bytes], sizes: list[int], level: int) -> None:
        wire = Wire(sizes)

        async def through() -> bytes:
            sending, receiving = Deflated(wire, level), Deflated(wire)
            for chunk in chunks:
                await sending.write(chunk)
            await sending.finish()
            came = []
            while piece := await receiving.read():
                self.assertLessEqual(len(piece), PIECE)
                came.append(piece)
            return b"".join(came)

        self.assertEqual(run(through()), b"".join(chunks))
        self.assertTrue(wire.finished)

    @settings(deadline=None)
    @given(
        st.binary(max_size=300), st.integers(0, 400), st.binary(max_size=3), st.lists(st.integers(1, 50), max_size=50)
    )
    def test_nothing_else_is_taken_for_a_whole(self, data: bytes, at: int, instead: bytes, sizes: list[int]) -> None:
        whole = zlib.compress(data)
        wire = Wire(sizes)
        wire.kept = whole[:at] + instead + whole[at + len(instead) :]

        async def read() -> bytes:
            came = []
            while piece := await received.read():
                came.append(piece)
            return b"".join(came)

        received = Deflated(wire)
        try:
            came = run(read())
        except Broken:
            return
        self.assertEqual(came, data)
