"""Sessions of the POP3 server, as transcripts (RFC 1939)."""

from __future__ import annotations

from netdaemon.interfaces import LoginBanned, LoginUnavailable, TooManySessions
from netdaemon.messages.errors import LeaseHeld, StoreBroken, StoreBusy, StoreFull
from netdaemon.protocols.pop3 import server
from tests.protocols.pop3.kit import DOTS, HELLO, POP3TestCase


class AuthorizationTests(POP3TestCase):
    async def test_user_and_pass(self) -> None:
        self.store.put("mulder", HELLO, DOTS)
        peer = await self.greeted()
        await peer.dialog(
            "C: USER mulder",
            "S: +OK Send the password.",
            "C: PASS trustno1",
            f"S: +OK 2 messages ({len(HELLO + DOTS)} octets)",
            "C: QUIT",
            "S: +OK Goodbye.",
            "-- closed",
        )
        self.assertEqual(self.store.inbox("mulder"), [HELLO, DOTS])

    async def test_a_first_login_makes_the_inbox(self) -> None:
        peer = await self.logged_in()
        await peer.dialog("C: STAT", "S: +OK 0 0", "C: LIST", "S: +OK 0 messages (0 octets)", "S: .")

    async def test_names_and_verbs_are_of_any_case(self) -> None:
        peer = await self.greeted()
        await peer.dialog("C: user mulder", "S: +OK ...", "C: pAsS trustno1", "S: +OK ...", "C: quit", "S: +OK ...")

    async def test_nobody_can_tell_who_is_known(self) -> None:
        peer = await self.greeted(login_attempts=10)
        for name in ("mulder", "nobody", "", "\u00fcmit"):
            if name:
                await peer.dialog(f"C: USER {name}", "S: +OK Send the password.")
                await peer.dialog("C: PASS wrong", "S: -ERR [AUTH] Wrong name or password.")
            else:
                await peer.dialog("C: USER", "S: -ERR A name is wanted.")

    async def test_a_password_may_hold_spaces_and_be_empty(self) -> None:
        peer = await self.greeted(login_attempts=10)
        await peer.dialog("C: USER mulder", "S: +OK ...", "C: PASS  trustno1 ", "S: -ERR [AUTH] ...")
        await peer.dialog("C: USER mulder", "S: +OK ...", "C: PASS", "S: -ERR [AUTH] ...")

    async def test_pass_comes_right_behind_user(self) -> None:
        peer = await self.greeted()
        await peer.dialog("C: PASS trustno1", "S: -ERR USER comes first.")
        await peer.dialog("C: USER mulder", "S: +OK ...", "C: PASS wrong", "S: -ERR [AUTH] ...")
        await peer.dialog("C: PASS trustno1", "S: -ERR USER comes first.")
        self.assertEqual(self.logins.tried, 1)

    async def test_the_last_attempt_ends_the_session(self) -> None:
        peer = await self.greeted(login_attempts=2)
        await peer.dialog("C: USER mulder", "S: +OK ...", "C: PASS a", "S: -ERR [AUTH] Wrong name or password.")
        await peer.dialog("C: USER mulder", "S: +OK ...", "C: PASS b", "S: -ERR [AUTH] ...", "-- closed")

    async def test_commands_of_the_other_state(self) -> None:
        peer = await self.greeted()
        for verb in ("STAT", "LIST", "UIDL", "RETR 1", "TOP 1 0", "DELE 1", "RSET"):
            await peer.dialog(f"C: {verb}", "S: -ERR Log in first.")
        await peer.dialog("C: USER mulder", "S: +OK ...", "C: PASS trustno1", "S: +OK ...")
        for verb in ("USER mulder", "PASS trustno1", "AUTH PLAIN", "STLS", "UTF8"):
            await peer.dialog(f"C: {verb}", "S: -ERR You are logged in already.")

    async def test_what_the_accounts_say(self) -> None:
        for error, text in (
            (TooManySessions("x"), "-ERR [SYS/TEMP] Too many sessions of this account."),
            (LoginBanned(5.0), "-ERR [SYS/TEMP] Too many failed logins from there."),
            (LoginUnavailable("x"), "-ERR [SYS/TEMP] Logins don't work just now."),
        ):
            peer = await self.greeted()
            self.logins.fails = error
            await peer.dialog("C: USER mulder", "S: +OK ...", "C: PASS trustno1", f"S: {text}", "-- closed")

    async def test_unknown_commands_are_not_echoed_and_are_few(self) -> None:
        peer = await self.greeted(bad_commands_before_login=3)
        await peer.dialog("C: APOP mulder c4c9334bac560ecc979e58001b3e22fb", "S: -ERR There is no such command.")
        await peer.dialog("C: <script>", "S: -ERR There is no such command.", "C: XTND", "S: -ERR There is ...")
        await peer.dialog("S: -ERR Too many bad commands.", "-- closed")

    async def test_quit_without_a_login(self) -> None:
        peer = await self.greeted()
        await peer.dialog("C: QUIT", "S: +OK Goodbye.", "-- closed")
        self.assertEqual(self.store.calls, [])


class TransactionTests(POP3TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.store.put("mulder", HELLO, DOTS, b"x\r\n")

    async def test_list(self) -> None:
        peer = await self.logged_in()
        total = len(HELLO) + len(DOTS) + 3
        await peer.dialog(
            "C: STAT",
            f"S: +OK 3 {total}",
            "C: LIST",
            f"S: +OK 3 messages ({total} octets)",
            f"S: 1 {len(HELLO)}",
            f"S: 2 {len(DOTS)}",
            "S: 3 3",
            "S: .",
            "C: LIST 2",
            f"S: +OK 2 {len(DOTS)}",
            "C: LIST 4",
            "S: -ERR There is no such message.",
            "C: LIST 0",
            "S: -ERR There is no such message.",
        )
        for wrong in ("x", "-1", "1 2", "+1", "99999999999", "1.0", "\u0661"):
            await peer.dialog(f"C: LIST {wrong}", "S: -ERR That is not a message's number.")

    async def test_uidl(self) -> None:
        peer = await self.logged_in()
        await peer.dialog(
            "C: UIDL", "S: +OK 3 messages", "S: 1 1001.1", "S: 2 1001.2", "S: 3 1001.3", "S: .", "C: UIDL 3",
            "S: +OK 3 1001.3", "C: UIDL 9", "S: -ERR There is no such message.",
        )  # fmt: skip

    async def test_a_long_listing(self) -> None:
        self.store.put("scully", *[b"x\r\n"] * 3000)
        peer = await self.logged_in("scully", "starbuck")
        peer.send(b"UIDL\r\nLIST\r\nNOOP\r\n")
        self.assertEqual(await peer.line(), b"+OK 3000 messages")
        self.assertEqual(
            [await peer.line() for _ in range(3001)], [*(b"%d 1002.%d" % (n, n) for n in range(1, 3001)), b"."]
        )
        self.assertEqual(await peer.line(), b"+OK 3000 messages (9000 octets)")
        self.assertEqual([await peer.line() for _ in range(3001)], [*(b"%d 3" % n for n in range(1, 3001)), b"."])
        self.assertEqual(await peer.line(), b"+OK")
        self.assertEqual(self.store.calls.count("fetch"), 3)

    async def test_retr(self) -> None:
        peer = await self.logged_in()
        await peer.dialog(
            "C: RETR 1",
            f"S: +OK {len(HELLO)} octets",
            "S* Subject: hello\\r\\n\\r\\nHello\\r\\n.\\r\\n",
            "C: RETR 2",
            f"S: +OK {len(DOTS)} octets",
            "S* Subject: dots\\r\\n\\r\\n..\\r\\n...\\r\\n..x\\r\\nno end\\r\\n.\\r\\n",
            "C: RETR",
            "S: -ERR That is not a message's number.",
            "C: RETR 4",
            "S: -ERR There is no such message.",
        )

    async def test_top(self) -> None:
        peer = await self.logged_in()
        await peer.dialog(
            "C: TOP 2 0",
            "S: +OK Here it is.",
            "S* Subject: dots\\r\\n\\r\\n.\\r\\n",
            "C: TOP 2 2",
            "S: +OK Here it is.",
            "S* Subject: dots\\r\\n\\r\\n..\\r\\n...\\r\\n.\\r\\n",
            "C: TOP 2 99",
            "S: +OK Here it is.",
            "S* Subject: dots\\r\\n\\r\\n..\\r\\n...\\r\\n..x\\r\\nno end\\r\\n.\\r\\n",
            "C: TOP 3 1",
            "S: +OK Here it is.",
            "S* x\\r\\n.\\r\\n",
            "C: TOP 7 1",
            "S: -ERR There is no such message.",
        )
        for wrong in ("", "1", "1 x", "x 1", "1 1 1", "1 -1"):
            await peer.dialog(f"C: TOP {wrong}", "S: -ERR A message's number and a number of lines are wanted.")

    async def test_utf8_in_headers(self) -> None:
        """For who has not said UTF8 it is downgraded; bodies, and what is ASCII, stay as they are (RFC 6856)."""
        raw = "Subject: gr\u00fcn\r\nX: y\r\n\r\nK\u00f6rper\r\n".encode()
        plain = "Subject: =?utf-8?b?Z3LDvG4=?=\r\nX: y\r\n\r\nK\u00f6rper\r\n".encode()
        large = b"x\r\n" * 100_000
        body = "X: y\r\n\r\nK\u00f6rper\r\n".encode()
        self.store.put("scully", raw, raw + large, body)
        for utf8, wanted in ((False, plain), (True, raw)):
            peer = await self.greeted()
            if utf8:
                await peer.dialog("C: UTF8", "S: +OK ...")
            await peer.dialog("C: USER scully", "S: +OK ...", "C: PASS starbuck", "S: +OK ...")
            await peer.dialog("C: RETR 1", f"S: +OK {len(wanted)} octets")
            self.assertEqual(await peer.read(len(wanted) + 3), wanted + b".\r\n")
            peer.send(b"RETR 2\r\n")
            self.assertEqual(await peer.line(), b"+OK %d octets" % (len(wanted) + len(large)))
            self.assertEqual(await peer.read(len(wanted) + len(large) + 3), wanted + large + b".\r\n")
            await peer.dialog("C: TOP 1 0", "S: +OK ...")
            top = wanted[: wanted.index(b"K")]
            self.assertEqual(await peer.read(len(top) + 3), top + b".\r\n")
            await peer.dialog("C: RETR 3", f"S: +OK {len(body)} octets")
            self.assertEqual(await peer.read(len(body) + 3), body + b".\r\n")
            await peer.dialog("C: QUIT", "S: +OK ...", "-- closed")

    async def test_marks(self) -> None:
        peer = await self.logged_in()
        await peer.dialog(
            "C: DELE 2", "S: +OK Message 2 is marked.", "C: DELE 2", "S: -ERR There is no such message.",
            "C: RETR 2", "S: -ERR There is no such message.", "C: TOP 2 0", "S: -ERR There is no such message.",
            "C: UIDL 2", "S: -ERR There is no such message.",
            "C: STAT", f"S: +OK 2 {len(HELLO) + 3}",
            "C: LIST", f"S: +OK 2 messages ({len(HELLO) + 3} octets)", f"S: 1 {len(HELLO)}", "S: 3 3", "S: .",
            "C: UIDL", "S: +OK 2 messages", "S: 1 1001.1", "S: 3 1001.3", "S: .",
            "C: RSET", f"S: +OK 3 messages ({len(HELLO) + len(DOTS) + 3} octets)",
            "C: LIST 2", f"S: +OK 2 {len(DOTS)}", "C: QUIT", "S: +OK ...", "-- closed",
        )  # fmt: skip
        self.assertEqual(len(self.store.inbox("mulder")), 3)

    async def test_what_comes_meanwhile_is_not_seen(self) -> None:
        peer = await self.logged_in()
        self.store.put("mulder", b"later\r\n")
        await peer.dialog("C: STAT", "S: +OK 3 ...", "C: RETR 4", "S: -ERR ...", "C: DELE 1", "S: +OK ...")
        await peer.dialog("C: QUIT", "S: +OK ...", "-- closed")
        self.assertEqual(self.store.inbox("mulder"), [DOTS, b"x\r\n", b"later\r\n"])

    async def test_a_message_that_is_gone_for_good(self) -> None:
        self.store.forget(2)
        peer = await self.logged_in()
        await peer.dialog("C: RETR 2", "S: -ERR [SYS/PERM] It is not there any more.", "C: NOOP", "S: +OK")

    async def test_noop_lang_utf8(self) -> None:
        peer = await self.greeted()
        await peer.dialog(
            "C: NOOP", "S: +OK", "C: UTF8", "S: +OK ...",
            "C: LANG", "S: +OK Languages:", "S: en English", "S: i-default Default language", "S: .",
            "C: LANG *", "S: +OK en ...", "C: LANG en-GB", "S: +OK en ...", "C: LANG i-default", "S: +OK i-default ...",
            "C: LANG fr", "S: -ERR English is what is spoken here.", "C: LANG x y", "S: -ERR That is not a language.",
            "C: NOOP x", "S: -ERR That command has no arguments.",
        )  # fmt: skip


class UpdateTests(POP3TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.store.put("mulder", b"one\r\n", b"two\r\n", b"three\r\n", b"four\r\n")

    async def test_quit_removes_in_one_go(self) -> None:
        peer = await self.logged_in()
        await peer.dialog("C: DELE 1", "S: +OK ...", "C: DELE 2", "S: +OK ...", "C: DELE 4", "S: +OK ...")
        self.assertEqual(len(self.store.inbox("mulder")), 4)
        await peer.dialog("C: QUIT", "S: +OK Goodbye.", "-- closed")
        self.assertEqual(self.store.inbox("mulder"), [b"three\r\n"])
        self.assertEqual(self.store.calls, ["take_lease", "expunge", "give_lease"])

    async def test_nothing_on_a_drop(self) -> None:
        peer = await self.logged_in()
        await peer.dialog("C: DELE 1", "S: +OK ...", "-- hangs up")
        self.assertEqual(len(self.store.inbox("mulder")), 4)
        self.assertEqual(self.store.leases, {})
        self.assertEqual(self.logins.sessions, 0)

    async def test_nothing_at_the_autologout(self) -> None:
        peer = await self.logged_in(idle_timeout=600.0)
        await peer.dialog("C: DELE 1", "S: +OK ...", "-- 595 s", "C: NOOP", "S: +OK", "-- 595 s", "-- silence")
        await peer.dialog("-- 10 s", "-- closed")  # RFC 1939 section 3: without a word
        self.assertEqual(len(self.store.inbox("mulder")), 4)

    async def test_a_client_that_goes_behind_its_quit(self) -> None:
        peer = await self.logged_in()
        waiting = self.store.hold("expunge")
        await peer.dialog("C: DELE 1", "S: +OK ...", "C: QUIT", "-- hangs up")
        self.assertIn("mulder", self.store.leases)  # until that is done
        waiting.callback(None)
        self.assertEqual(self.store.inbox("mulder"), [b"two\r\n", b"three\r\n", b"four\r\n"])

    async def test_a_store_that_can_not(self) -> None:
        peer = await self.logged_in()
        self.store.fail("expunge", StoreFull("no room"))
        await peer.dialog(
            "C: DELE 1",
            "S: +OK ...",
            "C: QUIT",
            "S: -ERR [SYS/TEMP] Some deleted ...",
            "-- closed",
        )
        self.assertEqual(self.store.leases, {})

    async def test_seen(self) -> None:
        peer = await self.logged_in(mark_seen=True)
        await peer.dialog("C: RETR 1", "S: +OK 5 octets", "S* one\\r\\n.\\r\\n", "C: TOP 2 1", "S: +OK ...")
        await peer.dialog("S* two\\r\\n.\\r\\n", "C: QUIT", "S: +OK ...", "-- closed")
        self.assertEqual(self.store.seen("mulder"), [True, False, False, False])
        peer = await self.logged_in()
        await peer.dialog("C: RETR 2", "S: +OK 5 octets", "S* two\\r\\n.\\r\\n", "C: QUIT", "S: +OK ...", "-- closed")
        self.assertEqual(self.store.seen("mulder"), [True, False, False, False])

    async def test_expire(self) -> None:
        self.store.put("scully", b"old\r\n", saved=self.store.now - 31 * 86400)
        self.store.put("scully", b"new\r\n")
        peer = await self.logged_in("scully", "starbuck", expire=30)
        await peer.dialog("C: STAT", "S: +OK 1 5")
        self.assertEqual(self.store.inbox("scully"), [b"new\r\n"])

    async def test_expire_at_once(self) -> None:
        peer = await self.logged_in(expire=0)
        await peer.dialog("C: RETR 2", "S: +OK 5 octets", "S* two\\r\\n.\\r\\n", "C: STAT", "S: +OK 4 ...")
        await peer.dialog("C: QUIT", "S: +OK ...", "-- closed")
        self.assertEqual(self.store.inbox("mulder"), [b"one\r\n", b"three\r\n", b"four\r\n"])


class LeaseTests(POP3TestCase):
    async def test_one_session_at_a_time(self) -> None:
        first = await self.logged_in()
        second = await self.greeted()
        await second.dialog("C: USER mulder", "S: +OK ...", "C: PASS trustno1", "S: -ERR [IN-USE] Another session ...")
        self.assertEqual(self.logins.sessions, 1)
        other = await self.logged_in("scully", "starbuck")
        await other.dialog("C: QUIT", "S: +OK ...", "-- closed")
        await first.dialog("C: QUIT", "S: +OK ...", "-- closed")
        await second.dialog("C: USER mulder", "S: +OK ...", "C: PASS trustno1", "S: +OK ...")

    async def test_it_is_given_back_before_the_answer(self) -> None:
        peer = await self.logged_in()
        waiting = self.store.hold("give_lease")
        await peer.dialog("C: QUIT", "-- silence")
        waiting.callback(None)
        await peer.dialog("S: +OK Goodbye.", "-- closed")

    async def test_it_is_kept_as_long_as_the_session(self) -> None:
        peer = await self.logged_in(idle_timeout=1000.0)
        await peer.dialog("-- 70 s")
        self.assertEqual(self.store.calls.count("take_lease"), 4)
        await peer.dialog("C: QUIT", "S: +OK ...", "-- closed", "-- 70 s")
        self.assertEqual(self.store.calls.count("take_lease"), 4)

    async def test_a_session_that_has_lost_it_ends(self) -> None:
        self.store.put("mulder", HELLO)
        peer = await self.logged_in()
        await peer.dialog("C: DELE 1", "S: +OK ...")
        self.store.fail("take_lease", LeaseHeld("we stood still for too long"))
        await peer.dialog("-- 25 s", "-- closed")
        self.assertEqual(self.store.inbox("mulder"), [HELLO])

    async def test_a_renewal_that_fails_is_tried_again(self) -> None:
        peer = await self.logged_in()
        self.store.fail("take_lease", StoreBusy("much to do"))
        await peer.dialog("-- 50 s", "C: QUIT", "S: +OK ...", "-- closed")
        self.assertEqual(self.store.calls.count("take_lease"), 3)

    async def test_who_goes_while_it_is_taken(self) -> None:
        waiting = self.store.hold("take_lease")
        peer = await self.greeted()
        await peer.dialog("C: USER mulder", "S: +OK ...", "C: PASS trustno1", "-- hangs up")
        self.assertEqual(self.logins.sessions, 0)
        self.assertEqual(self.store.calls, ["take_lease", "give_lease"])
        waiting.addErrback(lambda failure: None)

    async def test_a_store_that_is_busy(self) -> None:
        self.store.fail("take_lease", StoreBusy("closing"))
        peer = await self.greeted()
        await peer.dialog(
            "C: USER mulder", "S: +OK ...", "C: PASS trustno1", "S: -ERR [SYS/TEMP] The maildrop can't be had just now."
        )

    async def test_a_store_that_is_broken(self) -> None:
        self.unhandled = 1
        self.store.fail("take_lease", StoreBroken("bad sector"))
        peer = await self.greeted()
        await peer.dialog("C: USER mulder", "S: +OK ...", "C: PASS trustno1", "S: -ERR [SYS/TEMP] That failed ...")
        self.assertEqual(len(self.flushLoggedErrors(StoreBroken)), 1)

    async def test_login_delay(self) -> None:
        peer = await self.logged_in(login_delay=60.0)
        await peer.dialog("C: QUIT", "S: +OK ...", "-- closed", "-- 59 s")
        peer = await self.greeted(login_delay=60.0)
        await peer.dialog("C: USER mulder", "S: +OK ...", "C: PASS trustno1", "S: -ERR [LOGIN-DELAY] ...")
        other = await self.logged_in("scully", "starbuck", login_delay=60.0)
        await other.dialog("C: QUIT", "S: +OK ...")
        await peer.dialog("-- 1 s", "C: USER mulder", "S: +OK ...", "C: PASS trustno1", "S: +OK ...")

    async def test_login_delay_counts_from_logins_that_came_to_something(self) -> None:
        held = await self.logged_in()
        peer = await self.greeted(login_delay=60.0)
        await peer.dialog("C: USER mulder", "S: +OK ...", "C: PASS trustno1", "S: -ERR [IN-USE] ...")
        await held.dialog("C: QUIT", "S: +OK ...", "-- closed")
        await peer.dialog("C: USER mulder", "S: +OK ...", "C: PASS trustno1", "S: +OK ...")

    async def test_the_book_of_logins_forgets(self) -> None:
        peer = await self.greeted(login_delay=60.0)
        factory = peer.session.factory
        self.patch(server, "MOST_ACCOUNTS", 3)
        for name in "abcd":
            factory.logged_in(name)
        self.assertEqual([factory.too_early(name) for name in "abcde"], [False, True, True, True, False])
        self.clock.advance(60)
        factory.logged_in("e")
        self.assertEqual(list(factory._logins), ["e"])


class StopTests(POP3TestCase):
    async def test_drain(self) -> None:
        self.store.put("mulder", HELLO)
        peer = await self.logged_in()
        await peer.dialog("C: DELE 1", "S: +OK ...")
        peer.session.drain()
        await peer.dialog("S: -ERR [SYS/TEMP] The server is stopping.", "-- closed")
        self.assertEqual(self.store.inbox("mulder"), [HELLO])

    async def test_drain_within_update(self) -> None:
        self.store.put("mulder", HELLO)
        peer = await self.logged_in()
        waiting = self.store.hold("expunge")
        await peer.dialog("C: DELE 1", "S: +OK ...", "C: QUIT")
        peer.session.drain()
        await peer.dialog("-- silence")
        waiting.callback(None)
        await peer.dialog("S: +OK Goodbye.", "-- closed")
        self.assertEqual(self.store.inbox("mulder"), [])

    async def test_counters_and_the_access_log(self) -> None:
        self.store.put("mulder", HELLO, DOTS)
        peer = await self.logged_in()
        await peer.dialog("C: RETR 1", "S: +OK ...", "S* Subject: hello\\r\\n\\r\\nHello\\r\\n.\\r\\n", "-- 2 s")
        await peer.dialog(
            "C: TOP 1 0", "S: +OK ...", "S* Subject: hello\\r\\n\\r\\n.\\r\\n", "C: LIST 9", "S: -ERR ..."
        )
        await peer.dialog("C: DELE 1", "S: +OK ...", "C: QUIT", "S: +OK ...", "-- closed")
        measure = self.house.measure
        self.assertEqual(measure.commands["pop3", "RETR", "ok"], 1)
        self.assertEqual(measure.commands["pop3", "LIST", "refused"], 1)
        self.assertEqual(measure.commands["pop3", "PASS", "ok"], 1)
        self.assertEqual(measure.commands["pop3", "QUIT", "ok"], 1)
        self.assertEqual(
            measure.access_logs["pop3"].lines,
            [f'127.0.0.1 - mulder [09/Sep/2001:01:46:40 +0000] "POP3" quit 2.000 retr=1/{len(HELLO)} top=1 dele=1'],
        )
