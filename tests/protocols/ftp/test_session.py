"""The control connection: who is there, what is known, what is refused (RFC 959)."""

from __future__ import annotations

from netdaemon.interfaces import LoginBanned, LoginUnavailable, TooManySessions
from netdaemon.protocols.ftp.commands import COMMANDS
from netdaemon.protocols.ftp.grammar.replies import parse_reply
from tests.kit.dialog import Peer
from tests.protocols.ftp.kit import FTPTestCase


async def reply(peer: Peer, command: str) -> tuple[int, tuple[bytes, ...]]:
    """The reply to ``command``, of however many lines."""
    peer.send(command.encode() + b"\r\n")
    lines = [await peer.line()]
    while lines[-1][:4] != lines[0][:3] + b" ":
        lines.append(await peer.line())
    whole = parse_reply(lines)
    return whole.code, whole.lines


class LoginTests(FTPTestCase):
    async def test_login_and_goodbye(self) -> None:
        peer = self.peer()
        await peer.dialog(
            "S: 220 spam.egg FTP server ready.",
            "C: user mulder",
            "S: 331 Send the password.",
            "C: pass trustno1",
            "S: 230 Logged in.",
            "C: PWD",
            'S: 257 "/" is the current directory.',
            "C: QUIT",
            "S: 221 Goodbye.",
            "-- closed",
        )
        self.assertEqual(self.house.measure.commands["ftp", "PASS", "ok"], 1)

    async def test_byte_by_byte(self) -> None:
        peer = self.peer(piece=1)
        await peer.dialog("S: 220 ...", "C: USER mulder", "S: 331 ...", "C: PASS trustno1", "S: 230 ...")

    async def test_anonymous(self) -> None:
        for name in ("anonymous", "ftp"):
            peer = self.peer()
            await peer.dialog("S: 220 ...", f"C: USER {name}", "S: 331 Anybody ...", "C: PASS", "S: 230 Logged in.")
            await peer.dialog("C: MKD x", "S: 550 Not enough privileges.")

    async def test_anonymous_is_off_unless_it_is_on(self) -> None:
        peer = self.peer(anonymous=False)
        await peer.dialog("S: 220 ...", "C: USER anonymous", "S: 331 Send ...", "C: PASS x", "S: 530 Auth...")

    async def test_order(self) -> None:
        peer = self.peer()
        await peer.dialog(
            "S: 220 ...",
            "C: PASS trustno1",
            "S: 503 Login with USER first.",
            "C: USER mulder",
            "S: 331 ...",
            "C: PWD",
            "S: 530 Log in with USER and PASS first.",
            "C: PASS trustno1",
            "S: 230 ...",
            "C: PASS trustno1",
            "S: 503 User already authenticated.",
            "C: USER mulder",
            "S: 331 ...",
            "C: PWD",
            "S: 530 ...",
        )
        self.assertEqual(self.logins.sessions, 0)

    async def test_every_command_but_these_wants_a_login(self) -> None:
        free = {
            "USER",
            "PASS",
            "QUIT",
            "HOST",
            "AUTH",
            "PBSZ",
            "PROT",
            "CCC",
            "SITE",
            "SYST",
            "STAT",
            "HELP",
            "NOOP",
            "FEAT",
            "LANG",
        }
        peer = self.peer()
        await peer.dialog("S: 220 ...")
        for verb in COMMANDS:
            name = verb.name.decode()
            if name not in free:
                await peer.dialog(f"C: {name} x", "S: 530 Log in with USER and PASS first.")
        await peer.dialog("C: STAT /", "S: 530 ...", "C: SITE CHMOD 777 x", "S: 530 ...")

    async def test_failed_logins_end_the_session(self) -> None:
        peer = self.peer()
        await peer.dialog(
            "S: 220 ...",
            "C: USER mulder",
            "S: 331 ...",
            "C: PASS wrong",
            "S: 530 Authentication failed.",
            "C: PASS trustno1",
            "S: 503 ...",
            "C: USER nobody",
            "S: 331 Send the password.",
            "C: PASS wrong",
            "S: 530 Authentication failed.",
            "C: USER mulder",
            "S: 331 ...",
            "C: PASS wrong",
            "S: 530 Authentication failed.",
            "-- closed",
        )

    async def test_why_not(self) -> None:
        for error, answer in (
            (LoginBanned(10), "S: 421 Too many failed logins from there."),
            (TooManySessions(), "S: 421 Too many sessions of this account."),
            (LoginUnavailable(), "S: 421 Logins don't work just now."),
        ):
            self.logins.fails = error
            peer = self.peer()
            await peer.dialog("S: 220 ...", "C: USER mulder", "S: 331 ...", "C: PASS trustno1", answer, "-- closed")

    async def test_no_password_in_clear(self) -> None:
        for settings in ({"plaintext_login": "never"}, {"require_tls": True}):
            peer = self.peer(**settings)
            await peer.dialog(
                "S: 220 ...",
                "C: USER mulder",
                "S: 530 This connection is in clear: begin with AUTH TLS.",
                "C: PASS trustno1",
                "S: 503 ...",
                "C: USER anonymous",
                "S: 331 ...",
                "C: PASS x",
                "S: 230 ...",
            )

    async def test_rein(self) -> None:
        peer = await self.logged_in()
        await peer.dialog(
            "C: CWD sub",
            "S: 250 ...",
            "C: REIN",
            "S: 220 Ready for a new user.",
            "C: PWD",
            "S: 530 ...",
            "C: USER anonymous",
            "S: 331 ...",
            "C: PASS",
            "S: 230 ...",
            "C: PWD",
            'S: 257 "/" ...',
            "C: SIZE hello.txt",
            "S: 550 SIZE not allowed in ASCII mode.",
        )
        self.assertEqual(self.logins.sessions, 1)

    async def test_nothing_is_inherited_from_who_was_there_before(self) -> None:
        peer = await self.logged_in()
        await peer.dialog("C: RNFR hello.txt", "S: 350 ...", "C: REST 3", "S: 350 ...")
        await self.passive(peer)
        await peer.dialog("C: USER anonymous", "S: 331 ...", "C: PASS", "S: 230 ...", "C: RNTO x", "S: 503 ...")
        await peer.dialog("C: RETR hello.txt", "S: 425 ...")
        self.assertEqual(await self.fetch(peer, "RETR hello.txt"), b"hello\n")

    async def test_host(self) -> None:
        peer = self.peer(hosts=("ftp.example.org",))
        await peer.dialog(
            "S: 220 ...",
            "C: HOST Spam.Egg.",
            "S: 220 This is it.",
            "C: HOST ftp.example.org",
            "S: 220 ...",
            "C: HOST 127.0.0.1",
            "S: 220 ...",
            "C: HOST evil.example",
            "S: 504 There is no such host here.",
            "C: HOST [::1]",
            "S: 504 ...",
            "C: HOST a b",
            "S: 501 ...",
            "C: USER mulder",
            "S: 331 ...",
            "C: HOST spam.egg",
            "S: 503 HOST comes before USER.",
        )


class ParameterTests(FTPTestCase):
    async def test_types_structures_and_modes(self) -> None:
        peer = await self.logged_in()
        for command, answer in (
            ("TYPE A", "200"),
            ("TYPE A N", "200"),
            ("TYPE I", "200"),
            ("TYPE L 8", "200"),
            ("type l7", "200"),
            ("TYPE E", "504"),
            ("TYPE L 36", "504"),
            ("TYPE A T", "504"),
            ("TYPE", "501"),
            ("STRU F", "200"),
            ("STRU R", "504"),
            ("STRU P", "504"),
            ("STRU X", "501"),
            ("MODE S", "200"),
            ("MODE Z", "200"),
            ("MODE B", "504"),
            ("MODE C", "504"),
            ("MODE X", "501"),
            ("ALLO 1000 R 10", "202"),
            ("ACCT x", "202"),
            ("SMNT x", "502"),
            ("SYST", "215"),
            ("NOOP", "200"),
            ("LANG", "200"),
            ("LANG en-GB", "200"),
            ("LANG fr", "504"),
            ("OPTS UTF8 ON", "200"),
            ("OPTS UTF8 OFF", "501"),
            ("OPTS X", "501"),
            ("OPTS MODE Z LEVEL 9", "200"),
            ("OPTS MODE Z LEVEL 10", "501"),
            ("CCC", "533"),
            ("PBSZ 0", "503"),
            ("PROT P", "503"),
            ("AUTH KERBEROS_V4", "504"),
        ):
            await peer.dialog(f"C: {command}", f"S: {answer} ...")

    async def test_features(self) -> None:
        peer = await self.logged_in()
        code, lines = await reply(peer, "FEAT")
        self.assertEqual(code, 211)
        features = [line[1:] for line in lines[1:-1]]
        for name in (
            b"AUTH TLS",
            b"EPRT",
            b"EPSV",
            b"HOST",
            b"MDTM",
            b"MFMT",
            b"MODE Z",
            b"PBSZ",
            b"PROT",
            b"SIZE",
            b"REST STREAM",
            b"RANG STREAM",
            b"TVFS",
            b"UTF8",
            b"AVBL",
            b"XSHA256",
            b"LANG EN*",
        ):
            self.assertIn(name, features)
        self.assertIn(b"HASH SHA-256*;SHA-512;SHA-1;MD5;CRC32", features)
        self.assertIn(b"MLST type*;perm*;size*;modify*;unique*;unix.mode;unix.uid;unix.gid;", features)
        await peer.dialog(
            "C: OPTS HASH sha-1", "S: 200 SHA-1", "C: OPTS MLST Size;x;type;", "S: 200 MLST OPTS type;size;"
        )
        code, lines = await reply(peer, "FEAT")
        self.assertIn(b" HASH SHA-256;SHA-512;SHA-1*;MD5;CRC32", lines)
        self.assertIn(b" MLST type*;perm;size*;modify;unique;unix.mode;unix.uid;unix.gid;", lines)

    async def test_every_command_that_is_a_feature_is_known(self) -> None:
        peer = await self.logged_in()
        _, lines = await reply(peer, "FEAT")
        for line in lines[1:-1]:
            word = line.split()[0]
            if word not in (b"TVFS", b"UTF8"):
                self.assertIsNotNone(COMMANDS.find(word), word)

    async def test_active_is_no_feature_where_it_is_off(self) -> None:
        peer = await self.logged_in(active=False)
        _, lines = await reply(peer, "FEAT")
        self.assertNotIn(b" EPRT", lines)

    async def test_help(self) -> None:
        peer = await self.logged_in()
        code, lines = await reply(peer, "HELP")
        self.assertEqual(code, 214)
        self.assertEqual({name for line in lines[1:-1] for name in line.split()}, {verb.name for verb in COMMANDS})
        await peer.dialog(
            "C: HELP retr",
            "S: 214 Syntax: RETR path",
            "C: HELP x",
            "S: 501 ...",
            "C: SITE HELP chmod",
            "S: 214 Syntax: SITE CHMOD mode path",
            "C: SITE HELP x",
            "S: 501 ...",
            "C: SITE X",
            "S: 500 ...",
        )

    async def test_stat(self) -> None:
        peer = self.peer()
        await peer.dialog("S: 220 ...")
        code, lines = await reply(peer, "STAT")
        self.assertEqual((code, lines[2]), (211, b" Not logged in."))
        peer = await self.logged_in()
        code, lines = await reply(peer, "STAT")
        self.assertIn(b" Logged in as mulder.", lines)
        self.assertIn(b" TYPE: I; STRU: F; MODE: S; data in clear.", lines)
        code, lines = await reply(peer, "STAT /")
        self.assertEqual(code, 212)
        self.assertEqual([line.rpartition(b" ")[2] for line in lines[1:-1]], [b"hello.txt", b"sub"])
        code, lines = await reply(peer, "STAT hello.txt")
        self.assertEqual((code, len(lines)), (213, 3))
        await peer.dialog("C: STAT *", "S: 550 Globbing not supported.", "C: STAT x", "S: 550 No such ...")


class IdleTests(FTPTestCase):
    async def test_silence_ends_a_session(self) -> None:
        peer = await self.logged_in(idle_timeout=60.0)
        await peer.dialog("-- 58 s", "-- silence", "-- 4 s", "S: 421 Control connection timed out.", "-- closed")

    async def test_a_slow_line_does_too(self) -> None:
        peer = await self.logged_in(command_timeout=10.0)
        await peer.dialog("C* NOO", "-- 12 s", "S: 421 ...", "-- closed")

    async def test_the_stop(self) -> None:
        peer = await self.logged_in()
        peer.session.drain()
        await peer.dialog("S: 421 The server is stopping.", "-- closed")

    async def test_unknown_commands_are_not_echoed_and_are_few(self) -> None:
        peer = self.peer(bad_commands_before_login=3)
        await peer.dialog(
            "S: 220 ...",
            "C: <evil>",
            "S: 500 Command not understood.",
            "C: x",
            "S: 500 ...",
            "C: x",
            "S: 500 ...",
            "S: 421 Too many bad commands.",
            "-- closed",
        )

    async def test_a_browser_gets_one_refusal(self) -> None:
        peer = self.peer()
        await peer.dialog("S: 220 ...", "C* GET / HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n", "S: 500 ...", "-- closed")
