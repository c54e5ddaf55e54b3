"""HOST (RFC 7151): who says it, when, and what becomes of it."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from netdaemon.protocols.ftp.client import NotLoggedIn, Refused, TryLater
from tests.protocols.ftp.scripted import Server

FEATURES = ("C: FEAT", "S: 211-Features", "S:  HOST", "S: 211 End")
NONE = ("C: FEAT", "S: 500 FEAT?")
IN = ("C: USER anonymous", "S: 230 in")


class HostTests(SynchronousTestCase):
    def begin(self, host: str = "ftp.example.org", **settings: Any) -> Deferred[Any]:
        self.server = Server(**{"virtual_host": True, **settings})
        self.server.ftp.host = host
        work = self.server.begin(self.server.greeted())
        self.server.talk("S: 220 ready")
        return work

    def login(self, *script: str, host: str = "ftp.example.org", **settings: Any) -> None:
        work = self.begin(host, **settings)
        self.server.talk(*script)
        self.successResultOf(work)
        self.assertIsNone(self.server.line())

    def test_before_the_login(self) -> None:
        self.login(*FEATURES, "C: HOST ftp.example.org", "S: 220 welcome", *IN, *FEATURES)

    def test_as_the_dns_has_it(self) -> None:
        for host, said in (
            ("FTP.Example.ORG.", "ftp.example.org"),
            ("b\u00fccher.example", "xn--bcher-kva.example"),
            ("under_score.example", "under_score.example"),
        ):
            self.login(*FEATURES, f"C: HOST {said}", "S: 220 welcome", *IN, *NONE, host=host)

    def test_only_if_it_is_wanted(self) -> None:
        self.login(*IN, *FEATURES, virtual_host=False)

    def test_only_where_it_is_known(self) -> None:
        for answer in (
            ("S: 530 log in first",),
            ("S: 500 FEAT?",),
            ("S: 421-Features", "S:  HOST", "S: 421 End"),
            ("S: 211-Features", "S:  HOSTS", "S: 211 End"),
            ("S: 211 none",),
        ):
            # what is known behind the login is asked behind the login
            self.login("C: FEAT", *answer, *IN, *FEATURES)
            self.assertIn("HOST", self.successResultOf(self.server.begin(self.server.ftp.features())))

    def test_addresses_are_no_names(self) -> None:
        for host in ("192.0.2.21", "2001:db8::21", "::1", "fe80::1%1"):
            self.login(*IN, *NONE, host=host)

    def test_no_such_host(self) -> None:
        for reply, kind in (("504 no such host", Refused), ("421 not now", TryLater), ("530 TLS first", NotLoggedIn)):
            work = self.begin()
            self.server.talk(*FEATURES, "C: HOST ftp.example.org", f"S: {reply}")
            self.assertIs(type(self.failureResultOf(work).value), kind)
            self.assertIsNone(self.server.line(), "no name and no password for somebody else")

    def test_again_behind_rein_and_only_there(self) -> None:
        self.login(*FEATURES, "C: HOST ftp.example.org", "S: 220 welcome", *IN, *NONE)
        work = self.server.begin(self.server.ftp.login("mulder", "x"))
        self.server.talk("C: USER mulder", "S: 230 in", *NONE)
        self.successResultOf(work)
        work = self.server.begin(self.server.ftp.rein())
        self.server.talk("C: REIN", "S: 220 ready")
        self.successResultOf(work)
        work = self.server.begin(self.server.ftp.login("scully", "x"))
        self.server.talk(*FEATURES, "C: HOST ftp.example.org", "S: 220 welcome", "C: USER scully", "S: 230 in", *NONE)
        self.successResultOf(work)
