"""The POP3 client against servers that say what the test wants, and against ours."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from netdaemon.protocols.pop3.client import (
    TLS,
    BadURL,
    Broken,
    NoAnswer,
    NotLoggedIn,
    NotSpoken,
    NoWayIn,
    Refused,
    TLSFailed,
    TooLarge,
    TryLater,
    parse_url,
)
from netdaemon.wire.category import Category
from netdaemon.wire.sasl.encoding import encode_base64
from tests.protocols.pop3.scripted import Server

CAPA = ("C: CAPA", "S: +OK", "S: USER", "S: PIPELINING", "S: .")
NO_CAPA = ("C: CAPA", "S: -ERR what?")


class LoginTests(SynchronousTestCase):
    def test_user_and_pass(self) -> None:
        for capa in (CAPA, NO_CAPA):
            server = Server()
            work = server.begin(server.pop.begin("mulder", "trust no 1"))
            server.talk(*capa, "C: USER mulder", "S: +OK", "C: PASS trust no 1", "S: +OK 2 messages")
            self.assertIs(self.successResultOf(work), server.pop)
            self.assertIn("C: PASS ***", server.said)
            self.assertNotIn("trust", "\n".join(server.said))

    def test_wrong_password(self) -> None:
        server = Server()
        work = server.begin(server.pop.login("mulder", "x"))
        server.talk(*CAPA, "C: USER mulder", "S: +OK", "C: PASS x", "S: -ERR [AUTH] no\x1b[2J")
        error: Any = self.failureResultOf(work, NotLoggedIn).value
        self.assertEqual(str(error), "[AUTH] no\\x1b[2J")
        self.assertEqual((error.category, error.status.code), (Category.AUTHENTICATION, "AUTH"))

    def test_not_now(self) -> None:
        for code in ("IN-USE", "LOGIN-DELAY", "SYS/TEMP", "sys/temp/disk"):
            server = Server()
            work = server.begin(server.pop.login("mulder", "x"))
            server.talk(*CAPA, "C: USER mulder", "S: +OK", "C: PASS x", f"S: -ERR [{code}] later")
            self.assertEqual(self.failureResultOf(work, TryLater).value.category, Category.TEMPORARY)

    def test_plain_with_an_initial_response(self) -> None:
        server = Server()
        work = server.begin(server.pop.login("mulder", "trustno1"))
        response = encode_base64(b"\0mulder\0trustno1").decode()
        server.talk("C: CAPA", "S: +OK", "S: SASL PLAIN LOGIN", "S: .", f"C: AUTH PLAIN {response}", "S: +OK in")
        self.assertIsNone(self.successResultOf(work))
        self.assertIn("C: AUTH PLAIN ***", server.said)

    def test_plain_that_is_too_long_for_a_command(self) -> None:
        password = "x" * 200
        server = Server()
        work = server.begin(server.pop.login("mulder", password))
        response = encode_base64(b"\0mulder\0" + password.encode()).decode()
        server.talk(
            "C: CAPA", "S: +OK", "S: SASL PLAIN", "S: .", "C: AUTH PLAIN", "S: + ", f"C: {response}", "S: +OK in"
        )
        self.assertIsNone(self.successResultOf(work))
        self.assertNotIn(response[:20], "\n".join(server.said))

    def test_login(self) -> None:
        server = Server()
        work = server.begin(server.pop.login("mulder", "trustno1"))
        server.talk(
            "C: CAPA", "S: +OK", "S: SASL LOGIN", "S: .", "C: AUTH LOGIN", "S: + VXNlcm5hbWU6", "C: bXVsZGVy",
            "S: + UGFzc3dvcmQ6", "C: dHJ1c3RubzE=", "S: -ERR no",
        )  # fmt: skip
        self.failureResultOf(work, NotLoggedIn)

    def test_a_server_that_does_not_know_the_password(self) -> None:
        server = Server()
        work = server.begin(server.pop.login("mulder", "trustno1"))
        server.talk("C: CAPA", "S: +OK", "S: SASL SCRAM-SHA-256 PLAIN", "S: .")
        self.assertTrue(server.line().startswith("AUTH SCRAM-SHA-256 "))
        server.talk("S: +OK come in")
        self.failureResultOf(work, NoWayIn)
        self.assertTrue(server.pop.gone)

    def test_never_in_clear(self) -> None:
        server = Server(plain=False)
        work = server.begin(server.pop.login("mulder", "trustno1"))
        server.talk("C: CAPA", "S: +OK", "S: SASL PLAIN", "S: USER", "S: .")
        self.failureResultOf(work, NoWayIn)
        self.assertEqual(bytes(server.transport.unsent), b"")

    def test_a_name_that_would_be_a_command(self) -> None:
        for user, password in (("mulder\r\nDELE 1", "x"), ("mulder", "x\r\nDELE 1"), ("m\0", "x")):
            server = Server()
            work = server.begin(server.pop.login(user, password))
            server.talk(*CAPA)
            if user == "mulder":
                server.talk("C: USER mulder", "S: +OK")
            self.failureResultOf(work, NoWayIn)
            self.assertEqual(bytes(server.transport.unsent), b"")

    def test_a_greeting_that_refuses(self) -> None:
        server = Server("-ERR [SYS/TEMP] too many here")
        self.failureResultOf(server.begin(server.pop.begin("mulder", "x")), TryLater)

    def test_no_tls_there(self) -> None:
        server = Server(tls=TLS.EXPLICIT)
        work = server.begin(server.pop.begin("mulder", "x"))
        server.talk("C: STLS", "S: -ERR what?")
        self.failureResultOf(work, TLSFailed)
        self.assertEqual(bytes(server.transport.unsent), b"")

    def test_injected_behind_the_go_ahead(self) -> None:
        server = Server(tls=TLS.EXPLICIT)
        work = server.begin(server.pop.begin("mulder", "x"))
        server.talk("C: STLS", "S* +OK\\r\\n+OK I know nothing of SASL\\r\\n")
        self.failureResultOf(work, NotSpoken)
        self.assertTrue(server.pop.gone)


class MaildropTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.server = Server()

    def ask(self, work: Any, *script: str) -> Any:
        begun = self.server.begin(work)
        self.server.talk(*script)
        return self.successResultOf(begun)

    def fails(self, kind: type[Exception], work: Any, *script: str) -> Any:
        begun = self.server.begin(work)
        self.server.talk(*script)
        return self.failureResultOf(begun, kind).value

    def test_listings(self) -> None:
        pop = self.server.pop
        self.assertEqual(self.ask(pop.stat(), "C: STAT", "S: +OK 2 320 and more"), (2, 320))
        listed = self.ask(pop.list(), "C: LIST", "S: +OK", "S: 1 120", "S: 2 200 more", "S: .")
        self.assertEqual(listed, {1: 120, 2: 200})
        self.assertEqual(self.ask(pop.list(), "C: LIST", "S: +OK", "S: ."), {})
        self.assertEqual(self.ask(pop.octets(2), "C: LIST 2", "S: +OK 2 200"), 200)
        uids = self.ask(pop.uidl(), "C: UIDL", "S: +OK", "S: 1 a.b", "S: 2 ..x", "S: .")
        self.assertEqual(uids, {1: "a.b", 2: "..x"})
        self.assertEqual(self.ask(pop.uid(2), "C: UIDL 2", "S: +OK 2 abc"), "abc")

    def test_nonsense(self) -> None:
        for method, line in (("stat", "+OK many"), ("octets", "+OK 1"), ("uid", "+OK 1 \u00fc")):
            self.setUp()
            work = getattr(self.server.pop, method)(*([] if method == "stat" else [1]))
            self.fails(NotSpoken, work, f"S: {line}")
        for method, line in (("list", "1 x"), ("uidl", "x y")):
            self.setUp()
            self.fails(NotSpoken, getattr(self.server.pop, method)(), "S: +OK", f"S: {line}", "S: .")
        for line in ("HTTP/1.1 400 Bad Request", "220 ftp", "", "+OKAY", "+ challenge"):
            self.setUp()
            self.fails(NotSpoken, self.server.pop.noop(), f"S: {line}")

    def test_messages(self) -> None:
        pop = self.server.pop
        message = self.ask(pop.message(1), "C: RETR 1", "S: +OK", "S* ..dot\\r\\n", "S* x\\r\\n.\\r\\n")
        self.assertEqual(message, b".dot\r\nx\r\n")
        self.assertEqual(self.ask(pop.top(1, 3), "C: TOP 1 3", "S: +OK", "S* a: b\\r\\n\\r\\n.\\r\\n"), b"a: b\r\n\r\n")
        parts: list[bytes] = []
        self.assertEqual(self.ask(pop.retrieve(1, parts.append), "C: RETR 1", "S: +OK", "S* x\\r\\n.\\r\\n"), 3)
        self.assertEqual(b"".join(parts), b"x\r\n")

    def test_what_write_raises_comes_at_the_end(self) -> None:
        def write(data: bytes) -> None:
            raise OSError("the disk is full")

        pop = self.server.pop
        self.fails(OSError, pop.retrieve(1, write), "C: RETR 1", "S: +OK", "S* x\\r\\n.\\r\\n")
        self.ask(pop.noop(), "C: NOOP", "S: +OK")

    def test_too_large(self) -> None:
        pop = self.server.pop
        self.fails(TooLarge, pop.message(1, limit=3), "C: RETR 1", "S: +OK", "S* xx\\r\\nyy\\r\\n.\\r\\n")
        self.assertEqual(self.ask(pop.message(1, limit=4), "C: RETR 1", "S: +OK", "S* xx\\r\\n.\\r\\n"), b"xx\r\n")

    def test_it_breaks_off(self) -> None:
        error = self.fails(Broken, self.server.pop.message(1), "C: RETR 1", "S: +OK", "S* half a li", "-- closes")
        self.assertEqual(error.category, Category.PARTIAL)
        self.setUp()
        self.fails(Broken, self.server.pop.message(1), "C: RETR 1", "S: +OK", "S* half a li", "-- 32 s")
        self.setUp()
        self.fails(NoAnswer, self.server.pop.noop(), "C: NOOP", "-- closes")
        self.setUp()
        self.fails(NoAnswer, self.server.pop.noop(), "C: NOOP", "-- 32 s")

    def test_pipelined(self) -> None:
        pop = self.server.pop

        async def tops() -> list[tuple[int, bytes | None]]:
            return [one async for one in pop.tops([1, 2, 3])]

        found = self.ask(
            tops(), *CAPA, "C: TOP 1 0", "C: TOP 2 0", "C: TOP 3 0",
            "S* +OK\\r\\na: 1\\r\\n\\r\\n.\\r\\n-ERR gone\\r\\n+OK\\r\\na: 3\\r\\n\\r\\n.\\r\\n",
        )  # fmt: skip
        self.assertEqual(found, [(1, b"a: 1\r\n\r\n"), (2, None), (3, b"a: 3\r\n\r\n")])
        self.ask(pop.delete(1, 2), "C: DELE 1", "C: DELE 2", "S: +OK", "S: +OK")
        self.fails(Refused, pop.delete(1, 2, 3), "C: DELE 1", "C: DELE 2", "C: DELE 3", "S: +OK", "S: -ERR", "S: +OK")

    def test_one_at_a_time_without_pipelining(self) -> None:
        self.ask(self.server.pop.delete(1, 2), *NO_CAPA, "C: DELE 1", "S: +OK", "C: DELE 2", "S: +OK")

    def test_the_rest(self) -> None:
        pop = self.server.pop
        self.ask(pop.reset(), "C: RSET", "S: +OK")
        self.ask(pop.utf8(), "C: UTF8", "S: +OK")
        self.ask(pop.language("fr"), "C: LANG fr", "S: +OK fr bien")
        languages = self.ask(pop.languages(), "C: LANG", "S: +OK", "S: fr Fran\u00e7ais", "S: en", "S: .")
        self.assertEqual(languages, {"fr": "Fran\u00e7ais", "en": ""})
        self.fails(Refused, pop.noop(), "C: NOOP", "S: -ERR")

    def test_quit(self) -> None:
        work = self.server.begin(self.server.pop.quit())
        self.server.talk("C: QUIT", "S: +OK bye", "-- closes")
        self.successResultOf(work)
        self.assertTrue(self.server.pop.gone)

    def test_quit_that_did_not_delete(self) -> None:
        work = self.server.begin(self.server.pop.quit())
        self.server.talk("C: QUIT", "S: -ERR [SYS/TEMP] not all were deleted", "-- closes")
        self.failureResultOf(work, TryLater)
        self.assertTrue(self.server.pop.gone)

    def test_nothing_is_deleted_when_something_is_raised(self) -> None:
        async def fail() -> None:
            async with self.server.pop as pop:
                await pop.delete(1)
                raise RuntimeError("of the caller's")

        work = self.server.begin(fail())
        self.server.talk(*NO_CAPA, "C: DELE 1", "S: +OK")
        self.failureResultOf(work, RuntimeError)
        self.assertEqual(bytes(self.server.transport.unsent), b"")
        self.assertTrue(self.server.transport.aborted)


class URLTests(SynchronousTestCase):
    def test_them(self) -> None:
        url = parse_url("pop3://mulder:trust%20no%201@pop.example.org")
        self.assertEqual((url.host, url.port, url.number, url.user, url.password),
                         ("pop.example.org", 110, None, b"mulder", b"trust no 1"))  # fmt: skip
        self.assertEqual(str(url), "pop3://pop.example.org/")
        url = parse_url("POP3S://[::1]:8995/12")
        self.assertEqual((url.scheme, url.host, url.port, url.number, url.user), ("pop3s", "::1", 8995, 12, None))
        self.assertEqual(str(url), "pop3s://[::1]:8995/12")
        for wrong in (
            "pop3://", "http://x/", "pop3://x/0", "pop3://x/a", "pop3://x/1/2", "pop3://x/?1", "pop3://a%0d%0aQUIT@x/",
            "pop3://a:b%00@x/", "pop3://x:0/", "pop3:x",
        ):  # fmt: skip
            error = self.assertRaises(BadURL, parse_url, wrong)
            self.assertNotIn("%0d", str(error))
