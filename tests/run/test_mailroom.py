"""Delivery and the queue in the daemon: opened when mail is taken, started, handed on, closed."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from twisted.internet import task
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from netdaemon.config.problems import ConfigError
from netdaemon.config.read import Config, parse
from netdaemon.kinds import Kinds
from netdaemon.mail.addresses import parse_address
from netdaemon.mail.interfaces import Envelope, MailRefused, Recipient
from netdaemon.mail.letter import STATES
from netdaemon.messages.store import Store
from netdaemon.run.mailroom import Mailroom
from netdaemon.run.measure import Measure
from netdaemon.run.storeroom import Storeroom
from netdaemon.wire.deadlines import Wheel
from netdaemon.wire.tlsclient import Trust
from tests.mail.postoffice import result
from tests.run import test_storeroom


class FakeRealm:
    """Knows mulder."""

    def knows(self, name: str) -> bool:
        return name == "mulder"


class MailroomTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).absolute()
        self.folder.mkdir()
        self.data = self.folder / "data"
        self.data.mkdir(mode=0o700)
        self.reactor = test_storeroom.FakeReactor()
        self.patch(Store, "__init__", test_storeroom.StoreroomTests.inline(Store.__init__))
        self.store = Storeroom(self.data, self.reactor)
        self.addCleanup(self.store.close)
        self.measure = Measure(self.reactor)

    def config(self, *lines: str) -> Config:
        text = f"[netdaemon]\nhostname = spam.egg\ndata = {self.data}\n[smtp]\nlisten = tcp:0\n[mail]\n"
        return parse(text + "\n".join(lines), self.folder / "x.ini", Kinds())

    def room(self, *lines: str) -> Mailroom:
        realm: Any = FakeRealm()
        made = Mailroom(
            self.config(*lines),
            self.reactor,
            self.store,
            realm,
            Trust(),
            Wheel(self.reactor),
            self.measure,
            time.time,
            task.deferLater,
        )
        self.addCleanup(made.close)
        return made

    def deliver(self, room: Mailroom, to: str) -> str:
        envelope = Envelope(
            f"T{time.time_ns()}", parse_address("mulder@spam.egg"), (Recipient(parse_address(to)),), "mulder"
        )
        spool = room.delivery.spool()
        spool.write(b"Subject: x\r\n\r\n")
        try:
            result(room.delivery.deliver(envelope, spool.finish()))
        except MailRefused as refused:
            return f"{refused.code} {refused.status}"
        return ""

    def samples(self) -> dict[str, float]:
        return {
            labels["result"]: value
            for name, labels, value in self.measure.samples()
            if name == "netdaemon_delivery_total"
        }

    def test_nothing_is_opened_before_mail_is_taken(self) -> None:
        room = self.room()
        room.start()
        result(room.stop(0.0))
        room.close()
        self.assertEqual((list(self.data.iterdir()), self.reactor.getDelayedCalls()), ([], []))

    def test_aliases_are_read_at_once(self) -> None:
        aliases = self.folder / "aliases"
        aliases.write_text("fox: mulder\n")
        self.assertEqual(self.deliver(self.room("aliases = aliases"), "fox@spam.egg"), "")
        aliases.write_text("fox: |mulder\n")
        error = self.assertRaises(ConfigError, self.room, "aliases = aliases")
        self.assertEqual([(problem.file, problem.line) for problem in error.problems], [(aliases, 1)])

    def test_what_is_counted(self) -> None:
        room = self.room("domains = other.example")
        self.assertEqual(self.deliver(room, "mulder@other.example"), "")
        self.assertEqual(self.deliver(room, "nobody@spam.egg"), "550 5.1.1")
        self.assertEqual((self.samples()["accepted"], self.samples()["refused"]), (1, 1))

    def test_one_sends_after_the_other(self) -> None:
        first, second = self.room(), self.room()
        for room in (first, second):
            self.assertIs(room.delivery, room.delivery)
        self.assertEqual(first.states(), {})
        first.start()
        self.assertEqual(self.deliver(first, "x@[127.0.0.1]"), "")
        self.assertEqual(set(first.states()), set(STATES))
        stopping = Deferred.fromCoroutine(first.stop(10.0))
        self.successResultOf(stopping)
        self.assertEqual(first.states(), {})
        second.start()
        self.assertEqual(set(second.states()), set(STATES))
        result(second.stop(0.0))

    def test_without_a_postmaster(self) -> None:
        """It is said, and nothing else happens."""
        from twisted.logger import globalLogPublisher

        heard: list[str] = []

        def observer(event: Any) -> None:
            heard.append(str(event.get("log_format")))

        globalLogPublisher.addObserver(observer)
        self.addCleanup(globalLogPublisher.removeObserver, observer)
        assert self.room("postmaster = mulder").delivery is not None
        self.assertEqual([line for line in heard if "postmaster" in line], [])
        assert self.room().delivery is not None
        self.assertEqual(len([line for line in heard if "nobody reads postmaster" in line]), 1)
