"""The POP3 server as it is started: with poplib, over reloads, stops and crashes, in several workers."""

from __future__ import annotations

import poplib
import signal
import subprocess

from tests.flows.pop3flow import FIRST, HOST, INI, LOCAL, PASSWORD, PATIENCE, SECOND, USER, POP3Flow, unverified
from tests.kit.caller import Caller, call
from tests.kit.daemon import Daemon
from tests.kit.mail import inbox
from tests.kit.programs import needs
from tests.wire.pems import Authority, chain_pem, put


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


class CertificateTests(POP3Flow):
    async def test_external(self) -> None:
        """Who shows a certificate needs no password, and is nobody but whom it names."""
        curl = needs(self, "curl")
        folder = self.home()
        ours, theirs = Authority("ours"), Authority("theirs")
        put(folder / "server", ours.issue("localhost", "localhost"))
        put(folder / "mulder", ours.issue("Fox", emails=("mulder@localhost",)))
        put(folder / "nobody", ours.issue("Nobody", emails=("nobody@localhost",)))
        put(folder / "strange", theirs.issue("Fox", emails=("mulder@localhost",)))
        (folder / "ca.pem").write_bytes(chain_pem(ours.issue("x")).partition(b"-----END CERTIFICATE-----\n")[2])
        server = folder / "server"
        tls = f"[tls]\ncertificate = {server}/chain.pem\nprivate-key = {server}/key.pem\nclient-ca = {folder}/ca.pem\n"
        ini = INI.replace("[accounts]", f"{tls}[accounts]")
        await self.started(FIRST, ini=ini)

        async def fetch(who: str, user: str = USER, status: int = 0) -> bytes:
            words = (curl, "-sS", "--cacert", str(folder / "ca.pem"), "--login-options", "AUTH=EXTERNAL")
            if who:
                words += ("--cert", str(folder / who / "chain.pem"), "--key", str(folder / who / "key.pem"))
            return await self.output(*words, f"pop3s://{user}@localhost:{self.tls_port}/1", status=status)

        self.assertEqual(await fetch("mulder"), FIRST)
        for who, user in (("mulder", "scully"), ("nobody", "nobody"), ("nobody", USER), ("", USER)):
            await fetch(who, user, status=67)
        done = await self.in_thread(
            lambda: subprocess.run(
                [
                    curl,
                    "-sSk",
                    "--cert",
                    str(folder / "strange/chain.pem"),
                    "--key",
                    str(folder / "strange/key.pem"),
                    f"pop3s://{USER}@localhost:{self.tls_port}/1",
                ],
                capture_output=True,
                timeout=PATIENCE,
            )
        )
        self.assertNotEqual(done.returncode, 0)
        self.assertEqual(done.stdout, b"")


class CrashTests(POP3Flow):
    async def test_killed_before_and_behind_quit(self) -> None:
        """What QUIT was answered for is done; before that, nothing is."""
        daemon = await self.started(FIRST, SECOND)

        def talk(leave: bool) -> poplib.POP3:
            box = poplib.POP3(HOST, self.port, timeout=PATIENCE)
            box.user(USER)
            box.pass_(PASSWORD)
            box.dele(1)
            if leave:
                box.quit()
            return box

        box = await self.in_thread(lambda: talk(False))
        daemon.signal(signal.SIGKILL)
        await daemon.wait()
        box.close()
        self.assertEqual(inbox(daemon.data, USER), [FIRST, SECOND])
        again = Daemon(self, INI.replace("[netdaemon]", f"[netdaemon]\ndata = {daemon.data}"))
        (daemon.data / "leases.sqlite").unlink()  # that session's would end by itself in a minute
        await again.start()
        self.port = again.port("pop3")
        await self.in_thread(lambda: talk(True))
        again.signal(signal.SIGKILL)
        await again.wait()
        self.assertEqual(inbox(daemon.data, USER), [SECOND])


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

    async def test_changes_are_told_to_the_other_worker(self) -> None:
        """At once and by name: what a worker sees by looking for itself, a second later, it calls "updated"."""
        ini = INI.replace("hostname = localhost", "hostname = localhost\nworkers = 2")
        daemon = await self.started(
            FIRST, ini=f"{ini}[changes]\nkind = tests.kit.kinds:changes\nlisten = tcp:0:{LOCAL}\n"
        )
        listening: dict[bytes, Caller] = {}
        while len(listening) < 2:
            caller = await call(self, daemon.port("changes"))
            listening.setdefault(await caller.until(b"\n"), caller)

        def talk() -> None:
            box = poplib.POP3(HOST, self.port, timeout=PATIENCE)
            box.user(USER)
            box.pass_(PASSWORD)
            box.dele(1)
            box.quit()

        await self.in_thread(talk)
        for caller in listening.values():
            self.assertEqual(await caller.until(b"expunged INBOX\n"), b"expunged INBOX\n")
