"""What attackers send: browsers led here, floods, lines too long, NUL, bare line ends, slow peers, deaf peers."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import TestCase

from tests.protocols.pop3.kit import HELLO, POP3TestCase


class ProbeTests(POP3TestCase):
    async def test_a_browser(self) -> None:
        for line in ("GET / HTTP/1.1", "POST /1 HTTP/1.1", "CONNECT x:110 HTTP/1.1", "HOST: x", "OPTIONS * HTTP/1.0"):
            peer = await self.greeted()
            await peer.dialog(f"C* {line}\\r\\nUSER mulder\\r\\n", "S: -ERR There is no such command.", "-- closed")
        self.assertEqual(self.logins.tried, 0)

    async def test_flawed_lines(self) -> None:
        self.store.put("mulder", HELLO)
        peer = await self.logged_in()
        for line in ("DELE 1\\nX", "DELE\\x001", "DELE 1\\rX", "\\x00", "NOOP\\x00"):
            await peer.dialog(f"C* {line}\\r\\n", "S: -ERR Bare CR, LF or NUL in a line.")
        await peer.dialog("C: DELE \u00b9", "S: -ERR That is not a message's number.", "C: STAT", "S: +OK 1 ...")

    async def test_a_bare_lf_ends_no_line(self) -> None:
        peer = await self.greeted()
        await peer.dialog("C* QUIT\\n", "-- silence", "C* NOOP\\r\\n", "S: -ERR Bare CR, LF or NUL in a line.")

    async def test_at_the_limit_and_one_beyond(self) -> None:
        peer = await self.greeted()
        name = "x" * (512 - 2 - 5)
        await peer.dialog(f"C: USER {name}", "S: +OK ...", f"C: USER {name}x", "S: -ERR The line is too long.")

    async def test_an_endless_line(self) -> None:
        peer = await self.greeted()
        for _ in range(20):
            peer.send(b"x" * 4096)
        await peer.dialog("S: -ERR The line is too long.", "-- closed")

    async def test_a_flood_of_commands(self) -> None:
        self.store.put("mulder", HELLO)
        peer = await self.logged_in()
        peer.send(b"NOOP\r\n" * 10_000 + b"STAT\r\n")
        self.assertEqual([await peer.line() for _ in range(10_000)], [b"+OK"] * 10_000)
        await peer.dialog(f"S: +OK 1 {len(HELLO)}")

    async def test_behind_a_command_that_takes_its_time(self) -> None:
        """Nothing that stands behind PASS is looked at before it is answered."""
        waiting = self.store.hold("take_lease")
        peer = await self.greeted()
        peer.send(b"USER mulder\r\nPASS trustno1\r\nSTAT\r\nQUIT\r\n")
        await peer.dialog("S: +OK Send the password.", "-- silence")
        waiting.callback(None)
        await peer.dialog("S: +OK 0 messages (0 octets)", "S: +OK 0 0", "S: +OK Goodbye.", "-- closed")

    async def test_what_follows_quit_is_not_done(self) -> None:
        self.store.put("mulder", HELLO)
        peer = await self.logged_in()
        peer.send(b"QUIT\r\nDELE 1\r\nQUIT\r\n")
        await peer.dialog("S: +OK Goodbye.", "-- closed")
        self.assertEqual(self.store.inbox("mulder"), [HELLO])

    async def test_a_byte_a_second(self) -> None:
        peer = await self.greeted(command_timeout=30.0)
        for octet in b"USER mulder" * 2:
            peer.send(bytes([octet]))
            await peer.dialog("-- 1 s")
        await peer.dialog("-- silence", "-- 10 s", "-- closed")

    async def test_a_response_that_never_comes(self) -> None:
        peer = await self.greeted(command_timeout=30.0)
        await peer.dialog("C: AUTH LOGIN", "S: + VXNlcm5hbWU6", "-- 32 s", "-- closed")

    async def test_who_never_reads(self) -> None:
        self.store.put("mulder", b"x" * 98 + b"\r\n" + b"spam\r\n" * 1_000_000)
        peer = await self.logged_in(stall_timeout=180.0)
        peer.transport.on_write = lambda: None
        peer.transport.deliver(b"RETR 1\r\n")
        self.assertLess(len(peer.transport.unsent), 1_000_000)
        await peer.dialog("-- 179 s")
        self.assertTrue(peer.transport.connected)
        await peer.dialog("-- 3 s")
        self.assertFalse(peer.transport.connected)

    async def test_bad_commands_after_the_login(self) -> None:
        peer = await self.logged_in(bad_commands=3, bad_commands_before_login=1)
        await peer.dialog("C: X", "S: -ERR ...", "C: RETR x", "S: -ERR ...", "C: TOP", "S: -ERR ...")
        await peer.dialog("S: -ERR Too many bad commands.", "-- closed")


LINES = st.sampled_from(
    [b"NOOP", b"STAT", b"LIST", b"LIST 2", b"UIDL", b"RETR 1", b"RETR 2", b"TOP 2 1", b"DELE 1", b"DELE 3", b"RSET",
     b"LIST 9", b"X", b"", b"RETR 3", b"\xff", b"CAPA", b"LANG", b"AUTH", b"TOP 1 0"]
)  # fmt: skip


class SplitTests(TestCase):
    """However commands are cut and joined on their way, the answers are the same."""

    @given(st.lists(LINES, max_size=12), st.integers(1, 40))
    @settings(max_examples=60, deadline=None)
    def test_pieces(self, lines: list[bytes], piece: int) -> None:
        data = b"".join(line + b"\r\n" for line in [b"USER mulder", b"PASS trustno1", *lines, b"QUIT"])

        def answers(size: int) -> tuple[bytes, list[bytes]]:
            case = POP3TestCase("setUp")
            case.setUp()
            case.store.put("mulder", HELLO, b".x\r\n\r\n..\r\nspam\r\n", b"z" * 70_000 + b"\r\n.\r\n")
            peer = case.peer(piece=size)
            peer.send(data)
            for _ in range(1000):  # each look takes what is there, and lets the session write more
                if peer.closed:
                    break
            self.assertTrue(peer.closed)
            return peer.unread, case.store.inbox("mulder")

        self.assertEqual(answers(piece), answers(len(data)))
