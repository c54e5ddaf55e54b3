"""The POP3 server as it is started, asked by the programs that people have."""

from __future__ import annotations

import hashlib
import os
import poplib
import signal
import socket
import ssl
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from twisted.internet import reactor as _reactor
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from netdaemon.protocols.pop3.client import TLS, Refused, Settings, connect, plain
from netdaemon.wire.tlsclient import Trust
from netdaemon.wire.transcript import Transcript
from tests.kit.command import command
from tests.kit.daemon import Daemon
from tests.kit.mail import deliver, inbox
from tests.kit.programs import needs

T = TypeVar("T")

reactor: Any = _reactor

HOST = "127.0.0.1"
LOCAL = "interface=127.0.0.1"
INI = f"""[netdaemon]
hostname = localhost
[accounts]
auth = demo
[pop3]
listen = tcp:0:{LOCAL} tls:0:{LOCAL}
access-log = access.log
"""
USER, PASSWORD = "mulder", "trustno1"
PATIENCE = 60.0

FIRST = (
    b"From: Scully <scully@spam.egg>\r\nTo: mulder@spam.egg\r\nSubject: =?utf-8?q?gr=C3=BCn?=\r\n\r\n"
    b"Hello\r\n.\r\n..x\r\n"
)
SECOND = b"Subject: second\r\n\r\nNo end of line, and dots:\r\n.\r\n..."
LARGE = 100 << 20


class POP3Flow(TestCase):
    """A daemon with some mail for the demo's account."""

    async def started(self, *messages: bytes | Iterator[bytes], ini: str = INI) -> Daemon:
        daemon = Daemon(self, ini)
        deliver(daemon.data, USER, *messages)
        await daemon.start()
        self.port, self.tls_port = daemon.port("pop3"), daemon.port("pop3", "tls")
        return daemon

    async def in_thread(self, work: Callable[[], T]) -> T:
        found: T = await deferToThread(work)
        return found

    async def output(self, *words: str, status: int = 0, env: dict[str, str] | None = None) -> bytes:
        done = await deferToThread(
            lambda: subprocess.run(
                words,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=PATIENCE,
                env={**os.environ, **(env or {})},
            )
        )
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        return done.stdout

    def home(self) -> Path:
        """A folder for a program's own files."""
        folder = Path(self.mktemp()).absolute()
        folder.mkdir(parents=True, mode=0o700)
        return folder

    def certificate(self, daemon: Daemon) -> str:
        """The daemon's own, as an authority for those who verify."""
        return str(daemon.data / "tls" / "self-signed.pem")


def lines(message: bytes) -> list[bytes]:
    return message.removesuffix(b"\r\n").split(b"\r\n")


class PoplibTests(POP3Flow):
    async def test_everything(self) -> None:
        daemon = await self.started(FIRST, SECOND)

        def talk() -> None:
            box = poplib.POP3(HOST, self.port, timeout=PATIENCE)
            capabilities = box.capa()
            self.assertIn("STLS", capabilities)
            self.assertIn("UIDL", capabilities)
            box.user(USER)
            box.pass_(PASSWORD)
            self.assertEqual(box.stat(), (2, len(FIRST) + len(SECOND)))
            self.assertEqual(box.list()[1], [b"1 %d" % len(FIRST), b"2 %d" % len(SECOND)])
            self.assertEqual(box.retr(1)[1], lines(FIRST))
            self.assertEqual(box.retr(2)[1], lines(SECOND))
            self.assertEqual(box.top(1, 1)[1], lines(FIRST)[:5])
            uids = box.uidl()[1]
            self.assertEqual(box.uidl(2).split()[2], uids[1].split()[1])
            self.assertRaises(poplib.error_proto, box.retr, 3)
            box.dele(1)
            self.assertEqual(box.stat(), (1, len(SECOND)))
            box.rset()
            self.assertEqual(box.stat()[0], 2)
            box.dele(1)
            box.noop()
            box.quit()
            again = poplib.POP3_SSL(HOST, self.tls_port, context=unverified(), timeout=PATIENCE)
            again.user(USER)
            again.pass_(PASSWORD)
            self.assertEqual([line.split()[1] for line in again.uidl()[1]], [uids[1].split()[1]])
            again.close()  # without QUIT

        await self.in_thread(talk)
        await daemon.stop()
        self.assertEqual(inbox(daemon.data, USER), [SECOND])
        log = (daemon.folder / "access.log").read_text().splitlines()
        self.assertRegex(
            log[0], rf'^127\.0\.0\.1 - mulder \[.*\] "POP3" quit [0-9.]+ retr=2/{len(FIRST + SECOND)} top=1 dele=1$'
        )
        self.assertRegex(log[1], '"POP3" lost .* retr=0/0 top=0 dele=0$')

    async def test_stls_and_the_lease(self) -> None:
        await self.started(FIRST)

        def talk() -> None:
            first = poplib.POP3(HOST, self.port, timeout=PATIENCE)
            first.stls(unverified())
            first.user(USER)
            first.pass_(PASSWORD)
            second = poplib.POP3(HOST, self.port, timeout=PATIENCE)
            second.user(USER)
            with self.assertRaisesRegex(poplib.error_proto, r"\[IN-USE\]"):
                second.pass_(PASSWORD)
            second.quit()
            first.quit()
            third = poplib.POP3(HOST, self.port, timeout=PATIENCE)
            third.user(USER)
            third.pass_(PASSWORD)
            third.quit()

        await self.in_thread(talk)

    async def test_a_reload_keeps_the_session_and_the_mail(self) -> None:
        daemon = await self.started(FIRST)

        def begin() -> poplib.POP3:
            box = poplib.POP3(HOST, self.port, timeout=PATIENCE)
            box.user(USER)
            box.pass_(PASSWORD)
            box.dele(1)
            return box

        box = await self.in_thread(begin)
        self.assertTrue(await daemon.reload(INI + "login-delay = 30s\n"))

        def end() -> None:
            other = poplib.POP3(HOST, self.port, timeout=PATIENCE)
            other.user(USER)
            self.assertRaises(poplib.error_proto, other.pass_, PASSWORD)
            self.assertIn("LOGIN-DELAY", other.capa())
            other.quit()
            box.quit()

        await self.in_thread(end)
        status, _ = await daemon.stop()
        self.assertEqual(status, 0)
        self.assertEqual(inbox(daemon.data, USER), [])

    async def test_a_stop_deletes_nothing(self) -> None:
        daemon = await self.started(FIRST)

        def begin() -> poplib.POP3:
            box = poplib.POP3(HOST, self.port, timeout=PATIENCE)
            box.user(USER)
            box.pass_(PASSWORD)
            box.dele(1)
            return box

        box = await self.in_thread(begin)
        daemon.signal(signal.SIGTERM)
        said = await self.in_thread(lambda: box.file.readline())
        self.assertEqual(said, b"-ERR [SYS/TEMP] The server is stopping.\r\n")
        box.close()
        self.assertEqual((await daemon.wait())[0], 0)
        self.assertEqual(inbox(daemon.data, USER), [FIRST])


def unverified() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


class ProgramTests(POP3Flow):
    async def test_curl(self) -> None:
        curl = needs(self, "curl")
        daemon = await self.started(FIRST, SECOND)
        base = f"pop3://{USER}:{PASSWORD}@{HOST}:{self.port}"
        listing = b"1 %d\r\n2 %d\r\n" % (len(FIRST), len(SECOND))
        self.assertEqual(await self.output(curl, "-sS", f"{base}/"), listing)
        self.assertEqual(await self.output(curl, "-sS", f"{base}/1"), FIRST)
        self.assertEqual(await self.output(curl, "-sSk", "--ssl-reqd", f"{base}/2"), SECOND + b"\r\n")
        secure = f"pop3s://{USER}:{PASSWORD}@{HOST}:{self.tls_port}"
        self.assertEqual(await self.output(curl, "-sSk", f"{secure}/1"), FIRST)
        for mechanism in ("PLAIN", "LOGIN"):
            words = ("--login-options", f"AUTH={mechanism}", f"{secure}/")
            self.assertEqual(await self.output(curl, "-sSk", *words), listing)
        await self.output(curl, "-sS", f"pop3://{USER}:wrong@{HOST}:{self.port}/", status=67)
        self.assertEqual(await self.output(curl, "-sS", "-X", "DELE 1", "-I", f"{base}/"), b"")
        await daemon.stop()
        self.assertEqual(inbox(daemon.data, USER), [SECOND])

    async def test_fetchmail(self) -> None:
        fetchmail = needs(self, "fetchmail")
        daemon = await self.started(FIRST, SECOND)
        for number, (port, more) in enumerate(
            ((self.port, "sslproto ''"), (self.port, "sslproto 'TLS1.2+' sslcertck"), (self.tls_port, "ssl sslcertck"))
        ):
            home = self.home()
            (home / "rc").write_text(
                f"set no bouncemail\npoll localhost via 127.0.0.1 protocol pop3 port {port} uidl\n"
                f'user "{USER}" password "{PASSWORD}" {"keep" if number < 2 else "nokeep"} fetchall {more} '
                f'sslcertfile "{self.certificate(daemon)}" sslcommonname localhost\n'
                f'mda "cat >> {home}/got"\n'
            )
            (home / "rc").chmod(0o600)
            words = (fetchmail, "-f", str(home / "rc"), "--idfile", str(home / "ids"), "--pidfile", str(home / "pid"))
            await self.output(*words, "--nosyslog", env={"HOME": str(home), "FETCHMAILHOME": str(home)})
            got = (home / "got").read_bytes()
            self.assertIn(b"\nHello\n.\n..x\n", got)
            self.assertIn(b"\nNo end of line, and dots:\n.\n...", got)
        await daemon.stop()
        self.assertEqual(inbox(daemon.data, USER), [])

    async def test_mpop(self) -> None:
        mpop = needs(self, "mpop")
        daemon = await self.started(FIRST, SECOND)
        home = self.home()
        for number, (port, more) in enumerate(
            (
                (self.port, "tls off\nauth user"),
                (self.port, "tls on\ntls_starttls on\nauth plain"),
                (self.tls_port, "tls on\ntls_starttls off\nauth scram-sha-256"),
                (self.tls_port, "tls on\ntls_starttls off\nauth on"),
            )
        ):
            place = home / f"box{number}"
            for part in ("cur", "new", "tmp"):
                (place / part).mkdir(parents=True)
            trust = "" if more.startswith("tls off") else f"\ntls_trust_file {self.certificate(daemon)}"
            (home / "rc").write_text(
                f"account default\nhost localhost\nport {port}\nuser {USER}\npassword {PASSWORD}\n{more}{trust}\n"
                f"delivery maildir {place}\nkeep {'on' if number < 3 else 'off'}\nuidls_file {home}/uidls{number}\n"
            )
            (home / "rc").chmod(0o600)
            await self.output(mpop, "-C", str(home / "rc"), "-q")
            got = sorted(file.read_bytes() for file in (place / "new").iterdir())
            self.assertEqual(len(got), 2)
            self.assertTrue(any(b"\nHello\n.\n..x\n" in message for message in got))
        await daemon.stop()
        self.assertEqual(inbox(daemon.data, USER), [])

    async def test_mutt(self) -> None:
        mutt = needs(self, "mutt")
        await self.started(FIRST, SECOND)
        home = self.home()
        (home / "rc").write_text(
            f'set pop_user="{USER}" pop_pass="{PASSWORD}" ssl_starttls=no ssl_force_tls=no pop_authenticators="user"\n'
            f'set pop_delete=no pop_checkinterval=0 pop_host="pop://{HOST}:{self.port}" spoolfile="{home}/spool"\n'
            f'set folder="{home}" record="" quit=yes wait_key=no move=no message_cachedir=""\n'
            'push "<fetch-mail><quit>"\n'
        )
        (home / "spool").touch()
        await self.in_thread(lambda: in_terminal([mutt, "-n", "-F", str(home / "rc")], str(home)))
        got = (home / "spool").read_bytes()
        self.assertIn(b"\nHello\n.\n..x\n", got)
        self.assertIn(b"Subject: second\n", got)


def in_terminal(words: list[str], home: str) -> None:
    """Run a program that wants a terminal to its end."""
    import pty
    import select

    pid, terminal = pty.fork()
    if not pid:
        os.execvpe(words[0], words, {**os.environ, "HOME": home, "TERM": "xterm"})
    try:
        while select.select([terminal], [], [], PATIENCE)[0]:
            try:
                if not os.read(terminal, 4096):
                    break
            except OSError:  # its end, as Linux tells it
                break
    finally:
        if os.waitpid(pid, os.WNOHANG)[0] == 0:
            os.kill(pid, signal.SIGTERM)
            os.waitpid(pid, 0)
        os.close(terminal)


class ClientTests(POP3Flow):
    async def test_ours(self) -> None:
        daemon = await self.started(FIRST, SECOND)
        trust = Trust(Path(self.certificate(daemon)))
        for tls, port in ((TLS.NONE, self.port), (TLS.EXPLICIT, self.port), (TLS.IMPLICIT, self.tls_port)):
            settings = Settings(tls=tls, trust=trust)
            async with await connect(
                reactor, "localhost", port, user=USER, password=PASSWORD, settings=settings
            ) as box:
                self.assertEqual(await box.stat(), (2, len(FIRST) + len(SECOND)))
                self.assertEqual(await box.message(1), FIRST)
                self.assertEqual([number async for number, _ in box.tops([1, 2, 3])], [1, 2, 3])
                self.assertIn("SCRAM-SHA-256", " ".join((await box.capabilities())["SASL"]))

            def blocking(tls: TLS = tls, port: int = port) -> None:
                settings = Settings(tls=tls, trust=trust)
                with plain.connect("localhost", port, user=USER, password=PASSWORD, settings=settings) as box:
                    self.assertEqual(box.list(), {1: len(FIRST), 2: len(SECOND)})
                    self.assertEqual(box.message(2), SECOND + b"\r\n")
                    self.assertEqual(dict(box.tops([1, 9])), {1: FIRST[: FIRST.index(b"Hello")], 9: None})
                    self.assertRaises(Refused, box.delete, 3)
                    self.assertEqual(len(set(box.uidl().values())), 2)
                    box.noop()

            await self.in_thread(blocking)
        await daemon.stop()

    async def test_scram_is_bound_to_the_connection(self) -> None:
        daemon = await self.started(FIRST)
        said: list[str] = []
        settings = Settings(
            tls=TLS.IMPLICIT, trust=Trust(Path(self.certificate(daemon))), transcript=Transcript(said.append)
        )
        box = await connect(reactor, "localhost", self.tls_port, user=USER, password=PASSWORD, settings=settings)
        await box.quit()
        self.assertIn("C: AUTH SCRAM-SHA-256-PLUS ***", said)
        self.assertNotIn(PASSWORD, "\n".join(said))


class CommandTests(POP3Flow):
    async def test_list_and_read(self) -> None:
        daemon = await self.started(FIRST, SECOND)
        where = f"pop3://{USER}:{PASSWORD}@{HOST}:{self.port}"
        done = await command("mail", "list", where)
        self.assertEqual(
            (done.status, done.out.decode(), done.err),
            (0, f"1\t{len(FIRST)}\t-\tScully <scully@spam.egg>\tgr\u00fcn\n2\t{len(SECOND)}\t-\t-\tsecond\n", ""),
        )
        done = await command("mail", "read", where, "1")
        self.assertEqual(
            done.out.decode(),
            "From: Scully <scully@spam.egg>\nTo: mulder@spam.egg\nSubject: gr\u00fcn\n\nHello\n.\n..x\n",
        )
        self.assertEqual((await command("mail", "read", f"{where}/2", "--raw")).out, SECOND + b"\r\n")
        secure = f"pop3s://{USER}:{PASSWORD}@{HOST}:{self.tls_port}"
        self.assertEqual((await command("mail", "read", secure, "1", "--insecure", "--raw")).out, FIRST)
        self.assertEqual((await command("mail", "read", where, "1", "--starttls", "-k", "--raw")).out, FIRST)
        home = self.home()
        (home / ".netrc").write_text(f"machine {HOST} login {USER} password {PASSWORD}\n")
        (home / ".netrc").chmod(0o600)
        done = await command("mail", "list", f"pop3://{HOST}:{self.port}", HOME=str(home))
        self.assertEqual((done.status, done.out.count(b"\n")), (0, 2))
        await daemon.stop()
        self.assertEqual(inbox(daemon.data, USER), [FIRST, SECOND])

    async def test_exit_statuses(self) -> None:
        daemon = await self.started(FIRST)
        where = f"pop3://{USER}:{PASSWORD}@{HOST}:{self.port}"
        home = str(self.home())
        for status, words in (
            (2, ("list", "http://localhost/")),
            (2, ("list", f"pop3://{HOST}:{self.port}")),
            (2, ("read", where)),
            (2, ("read", where, "0")),
            (4, ("list", f"pop3s://{USER}:{PASSWORD}@{HOST}:{self.tls_port}")),
            (5, ("list", f"pop3://{USER}:wrong@{HOST}:{self.port}")),
            (6, ("read", where, "2")),
        ):
            done = await command("mail", *words, HOME=home)
            self.assertEqual(done.status, status, (words, done))
            self.assertEqual(done.out, b"")
            self.assertNotIn(PASSWORD, done.err)
        await daemon.stop()
        self.assertEqual((await command("mail", "list", where)).status, 3)


class LargeTests(POP3Flow):
    async def test_a_large_message_in_little_memory(self) -> None:
        """100 MB out in at most 30 MB more memory, with dots at the beginning of every line."""
        digest = hashlib.sha256()

        def pieces() -> Iterator[bytes]:
            head = b"Subject: large\r\n\r\n"
            line = b"." + b"x" * 61 + b"\r\n"
            piece = line * 1024
            digest.update(head)
            yield head
            for _ in range(LARGE // len(piece)):
                digest.update(piece)
                yield piece

        daemon = await self.started(pieces(), FIRST)

        def retrieve(number: int) -> str:
            got = hashlib.sha256()
            settings = Settings(tls=TLS.NONE)
            with plain.connect(HOST, self.port, user=USER, password=PASSWORD, settings=settings) as box:
                box.retrieve(number, got.update)
            return got.hexdigest()

        await self.in_thread(lambda: retrieve(2))
        before = most_memory(daemon.pid)
        self.assertEqual(await self.in_thread(lambda: retrieve(1)), digest.hexdigest())
        self.assertLess(most_memory(daemon.pid) - before, 30 << 20)
        # and while nobody reads, it stays in the store
        deaf = await self.in_thread(self.deaf)
        await self.in_thread(self.another)  # once that is served, all that could be sent to the deaf one was
        self.assertLess(most_memory(daemon.pid) - before, 30 << 20)
        deaf.close()
        await daemon.stop()

    def another(self) -> None:
        with plain.connect(HOST, self.port) as box:
            self.assertIn("UIDL", box.capabilities())

    def deaf(self) -> socket.socket:
        connection = socket.create_connection((HOST, self.port), timeout=PATIENCE)
        connection.sendall(f"USER {USER}\r\nPASS {PASSWORD}\r\nRETR 1\r\n".encode())
        said = b""
        while b"octets\r\nSubject" not in said:
            said += connection.recv(4096)
        return connection


def most_memory(pid: int) -> int:
    """The most that a process has held so far, in octets."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) << 10


class WorkersTests(POP3Flow):
    async def test_the_lease_holds_between_workers(self) -> None:
        ini = INI.replace("hostname = localhost", "hostname = localhost\nworkers = 2")
        await self.started(FIRST, ini=ini)

        def talk() -> None:
            held = poplib.POP3(HOST, self.port, timeout=PATIENCE)
            held.user(USER)
            held.pass_(PASSWORD)
            others = [poplib.POP3(HOST, self.port, timeout=PATIENCE) for _ in range(12)]  # to both workers
            for other in others:
                other.user(USER)
                with self.assertRaisesRegex(poplib.error_proto, r"\[IN-USE\]"):
                    other.pass_(PASSWORD)
            held.dele(1)
            held.quit()
            for other in others:
                other.user(USER)
                other.pass_(PASSWORD)
                self.assertEqual(other.stat(), (0, 0))
                other.quit()

        await self.in_thread(talk)
