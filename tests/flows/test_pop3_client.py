"""The POP3 client with a server of others': Dovecot."""

from __future__ import annotations

import grp
import os
import pwd
import socket
from typing import Any, Self

from twisted.internet import reactor as _reactor
from twisted.internet.error import ProcessExitedAlready
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import SkipTest, TestCase

from netdaemon.protocols.pop3.client import NotLoggedIn, Refused, Settings, connect, plain
from netdaemon.wire.transcript import Transcript
from tests.kit.command import command
from tests.kit.daemon import LIMIT, POLL, Watched, short_folder
from tests.kit.programs import needs

reactor: Any = _reactor

HOST, USER, PASSWORD = "127.0.0.1", "mulder", "trustno1"

MESSAGES = (
    b"From: Scully <scully@spam.egg>\nSubject: one\n\nHello\n.\n..x\n",
    b"Subject: two\n\n" + b".0123456789\n" * 100_000,
)

CONF = """\
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/log
listen = 127.0.0.1
protocols = pop3
ssl = no
auth_mechanisms = plain login {mechanisms}
disable_plaintext_auth = no
default_login_user = {login}
default_internal_user = {internal}
default_internal_group = {group}
first_valid_uid = 1
mail_location = maildir:{folder}/mail
passdb {{
  driver = passwd-file
  args = scheme=PLAIN {folder}/passwd
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={folder}/mail
}}
service pop3-login {{
  chroot =
  inet_listener pop3 {{
    port = {port}
  }}
  inet_listener pop3s {{
    port = 0
  }}
}}
service anvil {{
  chroot =
}}
"""


class Dovecot:
    """Dovecot's pop3d with `MESSAGES` for one account, until the test ends."""

    def __init__(self, test: TestCase) -> None:
        self._test = test
        self._path = needs(test, "dovecot")
        self.folder = short_folder(test)
        self.process = Watched()
        self.port = 0
        self._transport: Any = None

    async def start(self, mechanisms: str = "") -> Self:
        root = os.geteuid() == 0
        me = pwd.getpwuid(os.geteuid())
        try:
            user = pwd.getpwnam("mail") if root else me
        except KeyError:
            raise SkipTest("there is no user mail") from None
        with socket.create_server((HOST, 0)) as free:
            self.port = free.getsockname()[1]
        (self.folder / "passwd").write_text(f"{USER}:{PASSWORD}\n")
        (self.folder / "passwd").chmod(0o644)
        self.folder.chmod(0o755)
        for part in ("cur", "new", "tmp"):
            (self.folder / "mail" / part).mkdir(parents=True)
        for number, message in enumerate(MESSAGES):
            (self.folder / "mail" / "cur" / f"100000000{number}.{number}.host:2,").write_bytes(message)
        if root:
            for place in (self.folder / "mail").rglob("*"):
                os.chown(place, user.pw_uid, user.pw_gid)
            os.chown(self.folder / "mail", user.pw_uid, user.pw_gid)
        conf = self.folder / "conf"
        conf.write_text(
            CONF.format(
                folder=self.folder,
                mechanisms=mechanisms,
                login="dovenull" if root else me.pw_name,
                internal="dovecot" if root else me.pw_name,
                group="dovecot" if root else grp.getgrgid(me.pw_gid).gr_name,
                uid=user.pw_uid,
                gid=user.pw_gid,
                port=self.port,
            )
        )
        self._test.addCleanup(self._stop)
        words = [self._path, "-F", "-c", str(conf)]
        self._transport = reactor.spawnProcess(self.process, self._path, words, env=None)
        end = reactor.seconds() + LIMIT
        while not self._answers():
            if self.process.status is not None or reactor.seconds() > end:
                raise AssertionError(f"dovecot does not start: {self.process.out + self.process.err!r}")
            await deferLater(reactor, POLL)
        return self

    def _answers(self) -> bool:
        try:
            socket.create_connection((HOST, self.port), timeout=LIMIT).close()
        except ConnectionRefusedError:
            return False
        return True

    async def _stop(self) -> None:
        if self.process.status is None:
            try:
                self._transport.signalProcess("TERM")
            except ProcessExitedAlready:
                pass
            await self.process.ended().addTimeout(LIMIT, reactor)


def on_the_wire(message: bytes) -> bytes:
    return message.replace(b"\n", b"\r\n")


class DovecotTests(TestCase):
    async def test_by_each_mechanism(self) -> None:
        server = await Dovecot(self).start("scram-sha-256")
        said: list[str] = []
        settings = Settings(transcript=Transcript(said.append))
        async with await connect(reactor, HOST, server.port, user=USER, password=PASSWORD, settings=settings) as box:
            first, second = map(on_the_wire, MESSAGES)
            self.assertEqual(await box.list(), {1: len(first), 2: len(second)})
            self.assertEqual(await box.message(1), first)
            self.assertEqual(await box.message(2), second)
            self.assertEqual(await box.top(2, 1), b"Subject: two\r\n\r\n.0123456789\r\n")
            self.assertEqual(len(await box.uidl()), 2)
            with self.assertRaises(Refused):
                await box.octets(3)
            await box.delete(1)
        self.assertIn("C: AUTH SCRAM-SHA-256 ***", said)
        try:
            await connect(reactor, HOST, server.port, user=USER, password="wrong")
        except NotLoggedIn as error:
            self.assertEqual(error.status.code, "AUTH")
        else:
            self.fail("with a wrong password")

        def blocking() -> None:
            with plain.connect(HOST, server.port, user=USER, password=PASSWORD) as box:
                self.assertEqual(box.stat(), (1, len(second)))
                self.assertEqual([number for number, _ in box.tops([1])], [1])

        await deferToThread(blocking)

    async def test_the_command(self) -> None:
        server = await Dovecot(self).start()
        where = f"pop3://{USER}:{PASSWORD}@{HOST}:{server.port}"
        done = await command("mail", "list", where)
        first, second = map(on_the_wire, MESSAGES)
        listed = f"1\t{len(first)}\t-\tScully <scully@spam.egg>\tone\n2\t{len(second)}\t-\t-\ttwo\n"
        self.assertEqual((done.status, done.out.decode()), (0, listed))
        self.assertEqual((await command("mail", "read", where, "2", "--raw")).out, second)
