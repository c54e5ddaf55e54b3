"""SMTP, submission and LMTP on real sockets, with TLS, in front of a delivery in memory: for clients of all kinds."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from twisted.internet import reactor as _reactor
from twisted.internet.threads import deferToThread
from twisted.internet.utils import getProcessOutputAndValue
from twisted.trial.unittest import TestCase

from netdaemon.config.settings import TLSSettings
from netdaemon.protocols import smtp
from netdaemon.wire.deadlines import Wheel
from netdaemon.wire.tls import Certificates, tls_factory
from netdaemon.wire.tlsclient import Trust
from tests.kit.delivery import MemoryDelivery, Taken
from tests.kit.house import house
from tests.kit.programs import needs
from tests.kit.webserver import certificate
from tests.protocols.smtp.kit import Fox
from tests.wire.ports import listen, listen_behind

T = TypeVar("T")

reactor: Any = _reactor

USER, PASSWORD = "mulder", "trustno1"
MAIL = b"From: mulder@localhost\r\nTo: scully@localhost\r\nSubject: The truth\r\n\r\n.is\r\n..out there\r\n.\r\n"


class Done(NamedTuple):
    """How a program ended, and what it said."""

    status: int
    out: bytes
    err: bytes


class PostTestCase(TestCase):
    """A house called localhost, where mulder and scully have mail; ``self.ports`` has the port of each kind."""

    async def setUp(self) -> None:
        self.folder = Path(self.mktemp()).resolve()
        self.folder.mkdir(parents=True)
        pem = certificate(self.folder / "host.pem", "localhost", "127.0.0.1")
        self.certificates = Certificates(self.tls_settings(pem), "localhost", self.folder)
        self.certificates.load()
        self.trust = Trust(pem)
        wheel = Wheel(reactor)
        self.addCleanup(wheel.stop)
        self.logins = Fox()
        self.delivery = MemoryDelivery("localhost", ["mulder", "scully"])
        self.house = house(
            reactor,
            deadlines=wheel,
            hostname="localhost",
            logins=self.logins,
            delivery=self.delivery,
            tls=self.certificates,
        )
        self.ports: dict[str, int] = {}
        for kind in (smtp.smtp, smtp.submission, smtp.lmtp):
            self.ports[kind.name] = self.listen(kind)
        self.ports["tls"] = self.listen(smtp.submission, tls=True)
        self.addCleanup(self.check_no_defect)

    def tls_settings(self, pem: Path) -> TLSSettings:
        """[tls]."""
        return TLSSettings(certificate=pem, private_key=pem)

    def listen(self, kind: Any, *, tls: bool = False, **settings: Any) -> int:
        """A door of that kind: its port."""
        factory = kind.factory(kind.settings(section=kind.name, listen=(), **settings), self.house)
        if not tls:
            return int(listen(self, factory).getHost().port)
        entrance = tls_factory(self.certificates.server(smtp.ALPN), factory, self.house.deadlines, 10.0)
        return int(listen_behind(self, factory, entrance).getHost().port)

    def check_no_defect(self) -> None:
        self.assertEqual(self.house.measure.errors, 0)

    def taken(self) -> Taken:
        """The one message that has come since, whose fields some client may have added to."""
        self.assertEqual(len(self.delivery.messages), 1)
        return self.delivery.messages.pop()

    async def away(self, work: Callable[[], T]) -> T:
        """Blocking work in a thread."""
        return await deferToThread(work)

    async def program(
        self, name: str, *arguments: str, input: bytes = b"", status: int | None = 0, **environment: str
    ) -> Done:
        """Run a program in ``self.folder``, its home; it must end with ``status``, unless that is None."""
        path = needs(self, name)
        out, err, ended = await getProcessOutputAndValue(
            path,
            arguments,
            env={**os.environ, "HOME": str(self.folder), **environment},
            path=str(self.folder),
            stdinBytes=input,
        )
        if status is not None and ended != status:
            self.fail(f"{name} {' '.join(arguments)} ended with {ended}:\n{out.decode()}\n{err.decode()}")
        return Done(ended, out, err)
