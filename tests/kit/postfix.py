"""A Postfix of the test's own: its queue, its configuration and its ports beneath the test's folder, on loopback.

postfix = Postfix(self, "relayhost = [127.0.0.1]:2525")
await postfix.start()
postfix.port; postfix.mail("box")
"""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import tempfile
from pathlib import Path
from typing import Any

from twisted.internet import reactor as _reactor
from twisted.internet.task import deferLater
from twisted.internet.utils import getProcessOutputAndValue
from twisted.trial.unittest import TestCase

from tests.kit.daemon import Watched
from tests.kit.programs import needs

reactor: Any = _reactor

LIMIT = 30.0
POLL = 0.05
DOMAIN = "postfix.example"

MAIN = """\
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
maillog_file = {folder}/mail.log
maillog_file_prefixes = {folder}
myhostname = {domain}
mydestination =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
alias_maps =
alias_database =
smtp_dns_support_level = disabled
smtp_host_lookup = native
smtp_tls_security_level = may
smtpd_tls_security_level = none
virtual_mailbox_domains = {domain}
virtual_mailbox_base = {folder}/mail
virtual_mailbox_maps = inline:{{ box@{domain}=box/ }}
virtual_minimum_uid = 1
virtual_uid_maps = static:{uid}
virtual_gid_maps = static:{gid}
minimal_backoff_time = 1s
queue_run_delay = 1s
"""

MASTER = """\
127.0.0.1:{port} inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
proxywrite unix - - n - 1 proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""


class Postfix:
    """Takes mail for box@postfix.example into a Maildir, and passes on what ``more`` says."""

    def __init__(self, case: TestCase, *more: str) -> None:
        self._program = needs(case, "postfix")
        if os.geteuid() != 0:
            case.skipTest("Postfix is started by root only")
        self._case = case
        # Its processes become another user, who must be able to get there; socket paths are short.
        self.folder = Path(tempfile.mkdtemp(prefix="postfix-"))
        case.addCleanup(shutil.rmtree, self.folder)
        self.folder.chmod(0o755)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        owner = pwd.getpwnam("postfix")
        for name, mode in (("conf", 0o755), ("queue", 0o755), ("data", 0o700), ("mail", 0o700)):
            (self.folder / name).mkdir(mode=mode)
        for name in ("data", "mail"):
            os.chown(self.folder / name, owner.pw_uid, owner.pw_gid)
        words = {"folder": self.folder, "domain": DOMAIN, "uid": owner.pw_uid, "gid": owner.pw_gid, "port": self.port}
        (self.folder / "conf" / "main.cf").write_text(MAIN.format(**words) + "".join(f"{line}\n" for line in more))
        (self.folder / "conf" / "master.cf").write_text(MASTER.format(**words))
        self.process = Watched()
        self._transport: Any = None

    async def start(self) -> None:
        """Start it, and wait until it takes connections."""
        words = [self._program, "-c", str(self.folder / "conf"), "start-fg"]
        self._case.addCleanup(self._stop)
        self._transport = reactor.spawnProcess(self.process, words[0], words, env=os.environ)
        end = reactor.seconds() + LIMIT
        while not self._answers():
            if self.process.status is not None or reactor.seconds() > end:
                raise AssertionError(f"Postfix does not start: {self.log}")
            await deferLater(reactor, POLL)

    def _answers(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    @property
    def log(self) -> str:
        file = self.folder / "mail.log"
        said = (self.process.out + self.process.err).decode()
        return said + (file.read_text() if file.exists() else "")

    def mail(self, box: str = "box") -> list[bytes]:
        """What is in a Maildir."""
        return [file.read_bytes() for file in sorted((self.folder / "mail" / box / "new").glob("*"))]

    async def until_mail(self, count: int) -> list[bytes]:
        end = reactor.seconds() + LIMIT
        while len(found := self.mail()) < count:
            if reactor.seconds() > end:
                raise AssertionError(f"Postfix has {len(found)} messages: {self.log}")
            await deferLater(reactor, POLL)
        return found

    async def _stop(self) -> None:
        if self.process.status is None:
            await getProcessOutputAndValue(
                self._program, ["-c", str(self.folder / "conf"), "abort"], env=dict(os.environ)
            )
            await self.process.ended()
