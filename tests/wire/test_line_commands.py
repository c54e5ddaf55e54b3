"""Commands: one at a time, in order, each answered once; refusals, defects, and the peer that only guesses."""

from __future__ import annotations

from typing import Any

from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase, TestCase

from netdaemon.wire.line import ALWAYS, Verb, VerbTable
from tests.kit.dialog import Peer
from tests.kit.house import house
from tests.wire.toy import ToyFactory, ToySession, ToySettings, toy


class OrderTests(TestCase):
    async def test_a_command_that_takes_its_time_holds_up_those_behind_it(self) -> None:
        made = toy()
        await made.peer.dialog(
            "S: 220 toy", r"C* NOOP 1\r\nSLOW\r\nNOOP 2\r\nSLOW\r\nNOOP 3\r\n", "S: 250 1", "-- silence"
        )
        self.assertEqual(made.session.seen, [b"NOOP 1", b"SLOW"])
        made.session.gates.pop().callback(b"one")
        await made.peer.dialog("S: 250 slow one", "S: 250 2", "-- silence")
        await made.peer.dialog("C: NOOP 4", "-- silence")
        made.session.gates.pop().callback(b"two")
        await made.peer.dialog("S: 250 slow two", "S: 250 3", "S: 250 4", "-- silence")

    async def test_reading_stops_while_a_command_runs(self) -> None:
        made = toy()
        await made.peer.dialog("S: 220 toy", "C: SLOW", "C: NOOP", "-- silence")
        self.assertFalse(made.peer.transport.reading)
        made.peer.send(b"NOOP 2\r\n" * 1000)
        self.assertLess(len(made.session._unread), 100)
        made.session.gates.pop().callback(b"one")
        self.assertTrue(made.peer.transport.reading)
        await made.peer.dialog("S: 250 slow one", "S: 250 OK", "S: 250 2")

    async def test_a_long_pipeline_of_slow_commands_nests_nothing(self) -> None:
        made = toy()
        made.peer.send(b"SLOW\r\n" * 5000)
        for _ in range(5000):
            made.session.gates.pop().callback(b"x")
        self.assertEqual(made.peer.unread.count(b"250 slow x\r\n"), 5000)

    async def test_coroutines_that_do_not_wait(self) -> None:
        made = toy()
        made.peer.send(b"LIST 1\r\n" * 5000 + b"NOOP\r\n")
        self.assertTrue(made.peer.unread.endswith(b"..0\r\n.\r\n250 OK\r\n"))
        self.assertEqual(made.peer.unread.count(b"\r\n.\r\n"), 5000)

    async def test_a_command_reads_a_line(self) -> None:
        for piece in (None, 1):
            made = toy(piece=piece)
            await made.peer.dialog(
                "S: 220 toy", "C: AUTH PLAIN", "S: 334 ", "C: NOOP", "S: 235 4", "C: NOOP", "S: 250 OK"
            )
            await made.peer.dialog(r"C* AUTH PLAIN\r\nabc\r\nNOOP\r\n", "S: 334 ", "S: 235 3", "S: 250 OK")

    async def test_a_line_that_a_command_reads_has_the_same_limits(self) -> None:
        for piece in (None, 1):
            made = toy(piece=piece, bad_commands_before_login=10)
            await made.peer.dialog("S: 220 toy", "C: AUTH PLAIN", "S: 334 ", "C: " + "x" * 79, "S: 500 too long")
            await made.peer.dialog("C: AUTH PLAIN", "S: 334 ", r"C* a\nb\r\n", "S: 501 syntax", "C: NOOP", "S: 250 OK")
            self.assertEqual(made.session.bad, 2)

    async def test_overheard_lines(self) -> None:
        for pipelined in (False, True):
            made = toy()
            await made.peer.dialog("S: 220 toy")
            if pipelined:
                await made.peer.dialog(r"C* BUSY\r\nabor\r\nNOOP\r\n")
            else:
                await made.peer.dialog("C: BUSY", "-- silence", "C* AB", "C* OR\r\n")
                await made.peer.dialog("S: 226 aborted", "C: NOOP", "S: 250 OK", "-- silence")
                continue
            await made.peer.dialog("S: 226 aborted", "S: 250 OK", "-- silence")

    async def test_a_line_nobody_overhears_waits_and_so_do_those_behind_it(self) -> None:
        made = toy()
        await made.peer.dialog("S: 220 toy", "C: BUSY", r"C* NOOP 1\r\nABOR\r\n", "-- silence")
        self.assertFalse(made.peer.transport.reading)
        made.session.gates.pop().callback(b"done")
        await made.peer.dialog("S: 226 done", "S: 250 1", "S: 500 unknown")

    async def test_greeting_that_takes_its_time(self) -> None:
        class Slow(ToySession):
            async def greet(self) -> None:  # type: ignore[override]  # either is allowed by the base
                self.send(await self.gate())

        made = toy(session=Slow)
        await made.peer.dialog("C: NOOP", "-- silence")
        made.session.gates.pop().callback(b"220 at last")
        await made.peer.dialog("S: 220 at last", "S: 250 OK")

    async def test_any_awaitable_will_do(self) -> None:
        class Odd(ToySession):
            def command(self, line: bytes) -> Any:
                return self.gate()

        made = toy(session=Odd)
        await made.peer.dialog("S: 220 toy", r"C* a\r\nb\r\n")
        made.session.gates.pop().callback(None)
        self.assertEqual(len(made.session.gates), 1)


class VerbTests(TestCase):
    async def test_dispatch(self) -> None:
        made = toy(bad_commands_before_login=100)
        await made.peer.dialog(
            "S: 220 toy",
            "C: nOoP",
            "S: 250 OK",
            "C: NOOP  two words",
            "S: 250  two words",
            "C: SECRET",
            "S: 503 not now",
            "C: USER",
            "S: 501 syntax",
            "C: USER a b",
            "S: 501 syntax",
            "C: USER a",
            "S: 331 more",
            "C: PASS sesame",
            "S: 230 in",
            "C: SECRET",
            "S: 250 OK",
            "C: USER a",
            "S: 503 not now",
            "C: mode reader",
            "S: 250 OK",
            "C: MODE WRITER",
            "S: 501 no such mode",
            "C: MODE",
            "S: 501 no such mode",
            "C: ",
            "S: 500 unknown",
            "C:  NOOP",
            "S: 500 unknown",
        )

    async def test_unknown_commands_are_not_echoed(self) -> None:
        made = toy()
        await made.peer.dialog("S: 220 toy", "C: <script>alert(1)</script>", "S: 500 unknown", "-- silence")

    async def test_a_verb_of_its_own_limit(self) -> None:
        made = toy()
        await made.peer.dialog("S: 220 toy", "C: SHORT " + "x" * 12, "S: 250 " + "x" * 12)
        await made.peer.dialog("C: SHORT " + "x" * 13, "S: 500 too long", "C: NOOP " + "x" * 13, "S: 250 " + "x" * 13)
        self.assertEqual(made.session.bad, 1)

    def test_a_table_with_a_verb_twice(self) -> None:
        verb = Verb(b"NOOP", ALWAYS, lambda session, arguments: None)
        self.assertRaises(ValueError, VerbTable, verb, verb)
        self.assertRaises(ValueError, VerbTable, Verb(b"noop", ALWAYS, verb.run))

    async def test_counted(self) -> None:
        made = toy()
        await made.peer.dialog("S: 220 toy", r"C* NOOP\r\nnoop\r\nPASS x\r\nX\r\nSLOW\r\n")
        made.session.gates.pop().callback(b"")
        self.assertEqual(
            made.house.measure.commands,
            {
                ("toy", "NOOP", "ok"): 2,
                ("toy", "PASS", "refused"): 1,
                ("toy", "other", "refused"): 1,
                ("toy", "SLOW", "ok"): 1,
            },
        )


class BadCommandTests(TestCase):
    async def test_three_before_login(self) -> None:
        made = toy()
        await made.peer.dialog("S: 220 toy", "C: X", "S: 500 unknown", "C: SECRET", "S: 503 not now")
        await made.peer.dialog("C: USER", "S: 501 syntax", "S: 421 too many", "-- closed")

    async def test_ten_after_login(self) -> None:
        made = toy()
        await made.peer.dialog("S: 220 toy", "C: PASS sesame", "S: 230 in")
        for _ in range(9):
            await made.peer.dialog("C: X", "S: 500 unknown")
        await made.peer.dialog("C: X", "S: 500 unknown", "S: 421 too many", "-- closed")

    async def test_as_the_settings_say(self) -> None:
        made = toy(bad_commands_before_login=1)
        await made.peer.dialog("S: 220 toy", "C: X", "S: 500 unknown", "S: 421 too many", "-- closed")

    async def test_refusals_that_are_not_bad_are_not_counted(self) -> None:
        made = toy()
        await made.peer.dialog("S: 220 toy")
        for _ in range(20):
            await made.peer.dialog("C: PASS x", "S: 535 no")

    async def test_flawed_and_long_lines_count(self) -> None:
        made = toy()
        await made.peer.dialog("S: 220 toy", r"C* NO\nOP\r\n", "S: 501 syntax", "C: " + "x" * 79, "S: 500 too long")
        await made.peer.dialog(r"C* NO\0OP\r\n", "S: 501 syntax", "S: 421 too many", "-- closed")

    async def test_what_is_behind_the_last_bad_command_is_not_run(self) -> None:
        made = toy()
        await made.peer.dialog("S: 220 toy", r"C* X\r\nX\r\nX\r\nNOOP\r\n", "S: 500 unknown", "S: 500 unknown")
        await made.peer.dialog("S: 500 unknown", "S: 421 too many", "-- closed")
        self.assertEqual(made.session.seen, [])

    async def test_an_endless_line(self) -> None:
        made = toy()
        made.peer.send(b"x" * 70_000)
        await made.peer.dialog("S: 220 toy", "S: 500 too long", "-- closed")


class HTTPTests(TestCase):
    async def test_a_browser_gets_one_refusal(self) -> None:
        for first in (
            "GET / HTTP/1.1",
            "get / http/1.1",
            "POST /x HTTP/1.1",
            "PUT /x HTTP/1.0",
            "HEAD / HTTP/1.1",
            "OPTIONS * HTTP/1.1",
            "CONNECT x:25 HTTP/1.1",
            "Host: mail.example",
            "host:x",
        ):
            made = toy()
            await made.peer.dialog("S: 220 toy", f"C* {first}\r\nHost: x\r\n\r\nNOOP\r\nQUIT\r\n")
            if first.startswith("get"):
                # "GET" is a verb here, and in small letters "http/" is no version
                await made.peer.dialog("S* ..one\r\n..two\r\nthree\r\n.\r\n")
                continue
            await made.peer.dialog("S: 500 unknown", "-- closed")
            self.assertEqual(made.session.seen, [])

    async def test_words_that_are_verbs_here_and_have_no_version_behind_them(self) -> None:
        made = toy()
        await made.peer.dialog("S: 220 toy", "C: GET 17", "S* ..one\r\n..two\r\nthree\r\n.\r\n")

    async def test_only_the_first_command(self) -> None:
        made = toy()
        await made.peer.dialog("S: 220 toy", "C: NOOP", "S: 250 OK", "C: POST / HTTP/1.1", "S: 500 unknown", "C: NOOP")
        await made.peer.dialog("S: 250 OK")


class DefectTests(TestCase):
    async def test_a_defect_is_logged_counted_and_answered(self) -> None:
        for command in ("BOOM", "LATEBOOM", "TWICE"):
            made = toy()
            await made.peer.dialog("S: 220 toy", f"C: {command}", "C: NOOP")
            if made.session.gates:
                made.session.gates.pop().callback(None)
            await made.peer.dialog("S: 451 our fault", "S: 250 OK", "-- silence")
            self.assertEqual(made.house.measure.errors, 1)
            self.assertEqual(made.house.measure.commands["toy", command, "failed"], 1)
            self.assertEqual(len(self.flushLoggedErrors(RuntimeError, ValueError)), 1)
            self.assertEqual(made.session.bad, 0)

    async def test_a_greeting_that_fails(self) -> None:
        class Broken(ToySession):
            def greet(self) -> None:
                raise RuntimeError

        made = toy(session=Broken)
        await made.peer.dialog("S: 451 our fault", "C: NOOP", "S: 250 OK")
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)

    async def test_an_answer_that_fails_drops_the_connection(self) -> None:
        class Worse(ToySession):
            def temporary_failure(self) -> None:
                raise RuntimeError("worse")

        made = toy(session=Worse)
        await made.peer.dialog("S: 220 toy", "C: LATEBOOM")
        made.session.gates.pop().callback(None)
        await made.peer.dialog("-- closed")
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 2)
        self.assertTrue(made.peer.transport.aborted)

    async def test_a_sink_that_fails_does_not_make_commands_of_the_body(self) -> None:
        made = toy()
        body = r"QUIT\r\nNOOP\r\n.\r\nNOOP\r\n"
        await made.peer.dialog("S: 220 toy", "C: FULL", "C* " + body, "S: 451 our fault", "S: 250 OK")
        await made.peer.dialog("C: FULL x", "C* " + body, "S: 452 no room", "S: 250 OK", "-- silence")
        self.assertEqual(len(self.flushLoggedErrors(OSError)), 1)

    async def test_a_body_that_is_broken_off_drops_the_connection(self) -> None:
        # What comes of it later would be taken for commands.
        class Impatient(ToySession):
            def command(self, line: bytes) -> Any:
                if line != b"TRY":
                    return super().command(line)
                self.reading: Any = Deferred.fromCoroutine(self.literal(100))
                return self.reading

        made = toy(session=Impatient)
        await made.peer.dialog("S: 220 toy", r"C* TRY\r\nabc")
        session: Any = made.session
        session.reading.cancel()
        await made.peer.dialog("C: NOOP", "-- closed")
        self.assertTrue(made.peer.transport.aborted)
        self.assertEqual(made.session.seen, [])

    async def test_a_literal_of_a_negative_size(self) -> None:
        made = toy()
        await made.peer.dialog("S: 220 toy", "C: LIT -1", "S: 451 our fault", "C: NOOP", "S: 250 OK")
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)

    async def test_a_listing_that_fails_in_the_middle_drops_the_connection(self) -> None:
        made = toy()
        await made.peer.dialog("S: 220 toy", "C: BROKENLIST")
        self.assertNotIn(b"451", await made.peer.rest())
        self.assertTrue(made.peer.transport.aborted)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)


class BodyTests(TestCase):
    async def test_limit(self) -> None:
        for piece in (None, 1):
            made = toy(piece=piece)
            await made.peer.dialog("S: 220 toy", "C: DATA 5", "S: 354 go on", r"C* abc\r\n.\r\n", "S: 250 5")
            await made.peer.dialog("C: DATA 5", "S: 354 go on", r"C* abcd\r\n.\r\nNOOP\r\n", "S: 552 6 are too many")
            await made.peer.dialog("S: 250 OK", "-- silence")
            self.assertEqual(made.session.seen, [b"abc\r\n", b"abcd\r", b"NOOP"])

    async def test_smuggled_ends(self) -> None:
        for fake in (r"\n.\n", r"\n.\r\n", r"\r\n.\n", r"\r.\r", r"\r\n.\r", r"\r\n.\0\r\n"):
            for piece in (None, 1):
                made = toy(piece=piece)
                await made.peer.dialog("S: 220 toy", "C: DATA", "S: 354 go on", f"C* x{fake}NOOP\\r\\n.\\r\\n")
                await made.peer.dialog("S: 550 bare", "-- silence")
                self.assertEqual(len(made.session.seen), 1)

    async def test_a_slow_sink_stops_the_reading(self) -> None:
        made = toy()
        await made.peer.dialog("S: 220 toy", "C: SINK")
        made.peer.send(b"x" * 1000)
        made.peer.send(b"y" * 1000)
        made.peer.send(b"z" * 1000)
        self.assertFalse(made.peer.transport.reading)
        self.assertEqual(made.session.seen, [b"x" * 1000])
        made.session.gates.pop().callback(None)
        self.assertEqual(made.session.seen[1:], [b"y" * 1000])
        made.session.gates.pop().callback(None)
        self.assertTrue(made.peer.transport.turn())
        self.assertEqual(made.session.seen[2:], [b"z" * 1000])
        made.session.gates.pop().callback(None)
        self.assertTrue(made.peer.transport.reading)
        made.peer.send(b"\r\n.\r\nNOOP\r\n")
        await made.peer.dialog("-- silence")
        made.session.gates.pop().callback(None)
        await made.peer.dialog("S: 250 sunk", "S: 250 OK")


class WhoTests(SynchronousTestCase):
    def session(self, host: Any, peer: Any, policy: str = "loopback") -> ToySession:
        made: Any = ToyFactory(ToySettings(plaintext_login=policy), house()).buildProtocol(None)
        Peer(made, host=host, peer=peer)
        return made

    def test_plain_logins(self) -> None:
        near, far = IPv4Address("TCP", "127.0.0.1", 1), IPv4Address("TCP", "192.0.2.1", 1)
        near6, far6 = IPv6Address("TCP", "::1", 1), IPv6Address("TCP", "2001:db8::1", 1)
        mapped, zoned = IPv6Address("TCP", "::ffff:127.0.0.1", 1), IPv6Address("TCP", "fe80::1%lo", 1)
        for host, peer, local in (
            (near, near, True),
            (near6, near6, True),
            (mapped, mapped, True),
            (UNIXAddress(b"/x"), UNIXAddress(None), True),
            (far, far, False),
            (far6, far6, False),
            (zoned, zoned, False),
            (near, far, False),  # behind a PROXY header
            (far, near, False),
        ):
            self.assertEqual(self.session(host, peer).on_loopback, local, (host, peer))
            self.assertEqual(self.session(host, peer).may_login_plain, local)
            self.assertFalse(self.session(host, peer, "never").may_login_plain)
            self.assertTrue(self.session(host, peer, "always").may_login_plain)
        self.assertEqual(self.session(near, far).peer_host, "192.0.2.1")
        self.assertEqual(self.session(UNIXAddress(b"/x"), UNIXAddress(None)).peer_host, "unix")
        self.assertFalse(self.session(near, far).secure)
