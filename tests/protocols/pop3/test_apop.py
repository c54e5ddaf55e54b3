"""APOP (RFC 1939 section 7): the file of secrets, and logins by digest."""

from __future__ import annotations

import hashlib
import poplib
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import SynchronousTestCase, TestCase

from netdaemon.protocols.pop3 import POP3Settings
from netdaemon.protocols.pop3.apop import BadSecrets, knows, read_secrets
from netdaemon.protocols.pop3.client import NotLoggedIn, NoWayIn
from netdaemon.protocols.pop3.grammar import Malformed, parse_apop
from tests.kit.daemon import Daemon
from tests.protocols.pop3.kit import POP3TestCase
from tests.protocols.pop3.scripted import Server

BANNER = b"<1896.697170952@dbc.mtview.ca.us>"


class FileTests(SynchronousTestCase):
    def write(self, octets: bytes, mode: int = 0o600) -> Path:
        file = Path(self.mktemp())
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(octets)
        file.chmod(mode)
        return file

    def test_lines(self) -> None:
        file = self.write(b"# a comment\n\nMulder  tan staaf \r\n; another\nscully x\n")
        self.assertEqual(read_secrets(file), {"mulder": b"tan staaf", "scully": b"x"})

    def test_what_will_not_do(self) -> None:
        for octets, said in ((b"mulder\n", ":1: "), (b"a b\nA c\n", ":2: "), (b"../x y\n", ":1: ")):
            with self.assertRaises(BadSecrets) as raised:
                read_secrets(self.write(octets))
            self.assertIn(said, str(raised.exception))
        self.assertRaises(BadSecrets, read_secrets, self.write(b"a b\n", 0o640))
        self.assertRaises(BadSecrets, read_secrets, Path(self.mktemp()))

    def test_the_configuration_says_so(self) -> None:
        wrong = POP3Settings(section="pop3", listen=(), apop=self.write(b"a b\n", 0o644))
        self.assertEqual([name for name, _ in wrong.problems()], ["apop"])


class DigestTests(SynchronousTestCase):
    def test_the_rfc_s_example(self) -> None:
        secrets = {"mrose": b"tanstaaf"}
        self.assertTrue(knows(secrets, "mrose", BANNER, b"c4c9334bac560ecc979e58001b3e22fb"))
        self.assertTrue(knows(secrets, "MRose", BANNER, b"C4C9334BAC560ECC979E58001B3E22FB"))
        self.assertFalse(knows(secrets, "mrose", b"<1@x>", b"c4c9334bac560ecc979e58001b3e22fb"))

    def test_nobody_s_digest_is_that_of_no_secret(self) -> None:
        digest = hashlib.md5(BANNER).hexdigest().encode()
        for name in ("nobody", "", "../x"):
            self.assertFalse(knows({"mulder": b"x"}, name, BANNER, digest))

    @settings(deadline=None, max_examples=100)
    @given(st.binary(max_size=60))
    def test_arguments(self, argument: bytes) -> None:
        try:
            name, digest = parse_apop(argument)
        except Malformed:
            return
        self.assertEqual(name.encode("utf-8", "surrogateescape") + b" " + digest, argument)
        self.assertEqual(len(digest), 32)


class SessionTests(POP3TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.file = Path(self.mktemp()).absolute()
        self.file.parent.mkdir(parents=True, exist_ok=True)
        self.file.write_bytes(b"mulder tanstaaf\n")
        self.file.chmod(0o600)

    async def banner(self) -> tuple[object, bytes]:
        peer = self.peer(apop=self.file)
        line = (await peer.line()).rstrip(b"\r\n")
        return peer, line.rpartition(b" ")[2]

    async def test_in(self) -> None:
        peer, banner = await self.banner()
        digest = hashlib.md5(banner + b"tanstaaf").hexdigest()
        await peer.dialog(f"C: APOP mulder {digest}", "S: +OK 0 messages ...", "C: STAT", "S: +OK 0 0")  # type: ignore[attr-defined]

    async def test_out(self) -> None:
        peer, banner = await self.banner()
        digest = hashlib.md5(banner + b"trustno1").hexdigest()
        for name in ("mulder", "scully", "nobody"):
            if name == "nobody":
                peer, _ = await self.banner()
            await peer.dialog(f"C: APOP {name} {digest}", "S: -ERR [AUTH] Wrong name or password.")  # type: ignore[attr-defined]
        self.assertEqual(self.logins.tried, 3)  # each is counted where all failures are
        await peer.dialog("C: APOP mulder", "S: -ERR A name and a digest are wanted.")  # type: ignore[attr-defined]

    async def test_every_banner_is_another(self) -> None:
        self.assertNotEqual((await self.banner())[1], (await self.banner())[1])


class ClientTests(SynchronousTestCase):
    def test_the_rfc_s_example(self) -> None:
        server = Server("+OK POP3 server ready <1896.697170952@dbc.mtview.ca.us>")
        work = server.begin(server.pop.apop("mrose", "tanstaaf"))
        server.talk("C: APOP mrose c4c9334bac560ecc979e58001b3e22fb", "S: +OK maildrop has 1 message (369 octets)")
        self.successResultOf(work)
        self.assertNotIn("c4c9334", "".join(server.said))

    def test_where_there_is_none(self) -> None:
        for greeting in ("+OK ready", "+OK <no at sign>", "+OK < @ >", "+OK <a@b"):
            server = Server(greeting)
            self.failureResultOf(server.begin(server.pop.apop("u", "p")), NoWayIn)

    def test_refused(self) -> None:
        server = Server("+OK <1@x>")
        work = server.begin(server.pop.apop("u", "p"))
        server.talk("C: APOP u 8d48c4ee9483d3aaeadef82a00a2701b", "S: -ERR no")
        self.failureResultOf(work, NotLoggedIn)


class PoplibTests(TestCase):
    async def test_by_the_standard_library(self) -> None:
        secrets = Path(self.mktemp()).absolute()
        secrets.parent.mkdir(parents=True, exist_ok=True)
        secrets.write_bytes(b"mulder tanstaaf\n")
        secrets.chmod(0o600)
        daemon = Daemon(self, f"[pop3]\nlisten = tcp:0:interface=127.0.0.1\napop = {secrets}\n")
        from tests.kit.command import command

        done = await command(
            "-c", daemon.ini_file, "user", "add", "mulder", "--password-stdin", input=b"another password"
        )
        self.assertEqual(done.status, 0, done.err)
        await daemon.start()

        def session(secret: str) -> bytes:
            client = poplib.POP3("127.0.0.1", daemon.port("pop3"), timeout=60)
            try:
                return client.apop("mulder", secret)
            finally:
                client.quit()

        self.assertTrue((await deferToThread(session, "tanstaaf")).startswith(b"+OK"))
        with self.assertRaises(poplib.error_proto):
            await deferToThread(session, "another password")
