"""The POP3 server, asked by the programs that people have."""

from __future__ import annotations

import os
import signal

from tests.flows.pop3flow import FIRST, HOST, PASSWORD, PATIENCE, SECOND, USER, POP3Flow
from tests.kit.mail import inbox
from tests.kit.programs import needs


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
