"""What an FTP server may say, and what it may not: the client's reading of replies and its way in."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase

from netdaemon.protocols.ftp.client import (
    ConnectFailed,
    Failed,
    NoAnswer,
    NotLoggedIn,
    NotSpoken,
    Refused,
    Timeouts,
    TLSFailed,
    TryLater,
    connect,
)
from netdaemon.protocols.ftp.client.settings import TLS
from netdaemon.wire.category import Category
from tests.protocols.ftp.scripted import Server


class ReplyCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.server = Server()
        self.server.log_in()

    def reply_to(self, *lines: str) -> tuple[int, tuple[bytes, ...]]:
        work = self.server.begin(self.server.ftp.ask(b"HELP"))
        self.server.talk("C: HELP", *lines)
        reply = self.successResultOf(work)
        return reply.code, reply.lines

    def failure_of(self, *lines: str) -> Failed:
        work = self.server.begin(self.server.ftp.do("HELP"))
        self.server.talk("C: HELP", *lines)
        return self.failureResultOf(work, Failed).value


class GrammarTests(ReplyCase):
    def test_one_line(self) -> None:
        self.assertEqual(self.reply_to("S: 214 all"), (214, (b"all",)))
        self.assertEqual(self.reply_to("S: 214 "), (214, (b"",)))
        self.assertEqual(self.reply_to("S: 214"), (214, (b"",)))
        self.assertEqual(self.reply_to("S: 214   odd  spacing "), (214, (b"  odd  spacing ",)))

    def test_several(self) -> None:
        wanted = (214, (b"first", b" second", b"215 no end", b"214x none either", b"", b"last"))
        lines = ["S: 214-first", "S:  second", "S: 215 no end", "S: 214x none either", "S: ", "S: 214 last"]
        self.assertEqual(self.reply_to(*lines), wanted)
        self.server.piece = 1
        self.assertEqual(self.reply_to(*lines), wanted)

    def test_the_code_before_each_line(self) -> None:
        self.assertEqual(self.reply_to("S: 214-a", "S: 214-b", "S: 214 c"), (214, (b"a", b"b", b"c")))

    def test_one_reply_does_not_run_into_the_next(self) -> None:
        first = self.server.begin(self.server.ftp.ask(b"HELP"))
        second = self.server.begin(self.server.ftp.ask(b"SYST"))
        self.server.talk("C: HELP", "C: SYST", "S* 214-a\\r\\n b\\r\\n214 c\\r\\n215 UNIX\\r\\n")
        self.assertEqual(self.successResultOf(first).code, 214)
        self.assertEqual(self.successResultOf(second).text, b"UNIX")

    def test_an_end_by_lf_alone(self) -> None:
        """There are servers that do so, and who waits for their CR waits in vain."""
        self.assertEqual(self.reply_to("S* 214 all\\n"), (214, (b"all",)))
        self.assertEqual(self.reply_to("S* 214-a\\r\\n b\\r\\n214 c\\n"), (214, (b"a", b" b", b"c")))
        self.assertEqual(self.reply_to("S* 214 all\\r", "S* \\n"), (214, (b"all",)))

    def test_lf_with_more_behind_it_is_none(self) -> None:
        """It may stand in a name: then what is behind it would be a reply of somebody else's making."""
        self.assertIsInstance(self.failure_of("S* 257 a\\n226 done\\r\\n"), NotSpoken)
        self.assertTrue(self.server.dropped)

    def test_what_is_none(self) -> None:
        for line in ("hello", "21 x", "2144 x", "999 x", "099 x", "-214 x", " 214 x", ""):
            self.setUp()
            self.assertIsInstance(self.failure_of(f"S: {line}"), NotSpoken)
            self.assertTrue(self.server.dropped, line)

    def test_flaws(self) -> None:
        for octets in ("214 a\\rb\\r\\n", "214 a\\x00b\\r\\n", "214 a\\nb\\r\\n"):
            self.setUp()
            self.assertIsInstance(self.failure_of(f"S* {octets}"), NotSpoken)
            self.assertTrue(self.server.dropped, octets)

    def test_a_line_has_a_limit(self) -> None:
        self.assertEqual(self.reply_to("S: 214 " + "x" * (8192 - 6))[0], 214)
        self.assertIsInstance(self.failure_of("S: 214 " + "x" * (8192 - 5)), NotSpoken)
        self.assertTrue(self.server.dropped)

    def test_lines_have_one_too(self) -> None:
        failure = self.failure_of("S: 214-a", *["S:  x"] * 1000)
        self.assertIsInstance(failure, NotSpoken)
        self.assertTrue(self.server.dropped)

    def test_kinds_of_no(self) -> None:
        for code, kind, category in (
            (550, Refused, Category.REFUSED),
            (450, TryLater, Category.TEMPORARY),
            (421, TryLater, Category.TEMPORARY),
            (530, NotLoggedIn, Category.AUTHENTICATION),
            (331, Refused, Category.REFUSED),
        ):
            failure = self.failure_of(f"S: {code} b\x9b\u202eidi")
            self.assertIs(type(failure), kind)
            self.assertEqual(failure.category, category)
            self.assertEqual(str(failure), f"{code} b\\u009b\\u202eidi")

    def test_silence(self) -> None:
        work = self.server.begin(self.server.ftp.noop())
        self.server.talk("C: NOOP", "-- 59 s")
        self.assertNoResult(work)
        self.server.talk("-- 3 s")
        self.failureResultOf(work, NoAnswer)
        self.assertTrue(self.server.dropped)

    def test_a_byte_now_and_then_gives_no_more_time(self) -> None:
        work = self.server.begin(self.server.ftp.noop())
        self.server.talk("C: NOOP", "S* 2", "-- 30 s", "S* 0", "-- 29 s", "S* 0", "-- 4 s")
        self.failureResultOf(work, NoAnswer)
        self.assertTrue(self.server.dropped)

    def test_the_end(self) -> None:
        work = self.server.begin(self.server.ftp.noop())
        self.server.talk("C: NOOP")
        self.server.transport.finish()
        self.assertEqual(str(self.failureResultOf(work, NoAnswer).value), "the server closed the connection")
        again = self.server.begin(self.server.ftp.noop())
        self.failureResultOf(again, NoAnswer)


class GreetingTests(SynchronousTestCase):
    def test_in_so_many_minutes(self) -> None:
        server = Server()
        work = server.begin(server.greeted())
        server.talk("S: 120 in 2 minutes", "S: 220-welcome", "S: 220 now", "C: USER anonymous", "S: 230 in", "C: FEAT")
        server.talk("S: 502 no")
        self.successResultOf(work)

    def test_not_now(self) -> None:
        server = Server()
        work = server.begin(server.greeted())
        server.talk("S: 421 full")
        self.failureResultOf(work, TryLater)

    def test_silence(self) -> None:
        server = Server(timeouts=Timeouts(answer=10))
        work = server.begin(server.greeted())
        server.talk("-- 12 s")
        self.failureResultOf(work)
        self.assertTrue(server.dropped)


class ConnectingTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.reactor: Any = MemoryReactorClock()
        self.work = Deferred.fromCoroutine(connect(self.reactor, "127.0.0.1"))

    def test_cancelled(self) -> None:
        self.assertEqual(self.reactor.tcpClients[0][:2], ("127.0.0.1", 21))
        self.work.cancel()
        self.failureResultOf(self.work, CancelledError)

    def test_no_answer(self) -> None:
        self.reactor.advance(89)
        self.assertNoResult(self.work)
        self.reactor.advance(2)
        self.assertIn("127.0.0.1 port 21: no answer", str(self.failureResultOf(self.work, ConnectFailed).value))

    def test_what_is_no_host(self) -> None:
        work = Deferred.fromCoroutine(connect(self.reactor, "a" * 300 + ".example"))
        self.failureResultOf(work, Failed)


class LoginTests(SynchronousTestCase):
    def login(self, *script: str, account: str | None = None) -> object:
        self.server = server = Server()
        work = server.begin(server.ftp.login("mulder", "trust no 1", account))
        server.talk(*script)
        return work

    def test_ways_in(self) -> None:
        user, password, features = "C: USER mulder", "C: PASS trust no 1", ("C: FEAT", "S: 502 no")
        for script in (
            [user, "S: 230 in", *features],
            [user, "S: 331 and?", password, "S: 230 in", *features],
            [user, "S: 331 and?", password, "S: 202 needless", *features],
            [user, "S: 331 and?", password, "S: 332 account?", "C: ACCT x-files", "S: 230 in", *features],
            [user, "S: 332 account?", "C: ACCT x-files", "S: 230 in", *features],
        ):
            self.successResultOf(self.login(*script, account="x-files"))  # type: ignore[arg-type]

    def test_ways_out(self) -> None:
        user, password = "C: USER mulder", "C: PASS trust no 1"
        for script, kind in (
            ([user, "S: 530 no"], NotLoggedIn),
            ([user, "S: 550 no"], NotLoggedIn),
            ([user, "S: 331 and?", password, "S: 530 no"], NotLoggedIn),
            ([user, "S: 331 and?", password, "S: 503 no"], NotLoggedIn),
            ([user, "S: 331 and?", password, "S: 421 full"], TryLater),
            ([user, "S: 331 and?", password, "S: 332 account?"], NotLoggedIn),
        ):
            self.failureResultOf(self.login(*script), kind)  # type: ignore[arg-type]

    def test_the_password_is_in_no_transcript(self) -> None:
        self.login("C: USER mulder", "S: 331 and?", "C: PASS trust no 1", "S: 230 in")
        self.assertIn("C: PASS ***", self.server.lines)
        self.assertNotIn("trust", "".join(self.server.lines))

    def test_utf8_is_switched_on_where_it_is_known(self) -> None:
        work = self.login("C: USER mulder", "S: 230 in", "C: FEAT", "S: 211-have", "S:  UTF8", "S: 211 end")
        self.server.talk("C: OPTS UTF8 ON", "S: 501 always")
        self.successResultOf(work)  # type: ignore[arg-type]

    def test_features(self) -> None:
        server = Server()
        server.log_in("MLST type*;size*;", "REST STREAM", "utf-8?", "size")
        features = self.successResultOf(server.begin(server.ftp.features()))
        self.assertEqual(features, {"MLST": "type*;size*;", "REST": "STREAM", "UTF-8?": "", "SIZE": ""})


class InjectionTests(SynchronousTestCase):
    """RFC 4217 and what was found wrong with clients of it: nothing said in clear counts under TLS."""

    def test_bytes_behind_the_go_ahead(self) -> None:
        server = Server(tls=TLS.EXPLICIT, verify=False)
        work = server.begin(server.greeted())
        server.talk("S: 220 ready", "C: AUTH TLS", "S* 234 go\\r\\n230 you are in\\r\\n")
        self.failureResultOf(work, NotSpoken)
        self.assertTrue(server.dropped)
        self.assertIsNone(server.line(), "nothing is said in clear any more")

    def test_no_way_round(self) -> None:
        for answer in ("502 what?", "534 no", "200 fine", "334 more"):
            server = Server(tls=TLS.EXPLICIT, verify=False)
            work = server.begin(server.greeted())
            server.talk("S: 220 ready", "C: AUTH TLS", f"S: {answer}")
            self.failureResultOf(work, TLSFailed)
            self.assertIsNone(server.line(), "the password does not go in clear instead")
