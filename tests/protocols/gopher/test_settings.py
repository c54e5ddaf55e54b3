"""What a [gopher] section may say, and what the operator is told of mistakes."""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from netdaemon.config.problems import ConfigError
from netdaemon.config.read import parse
from netdaemon.interfaces import IServiceKind
from netdaemon.kinds import Kinds
from netdaemon.protocols.gopher import GopherSettings, gopher


def read(lines: str) -> GopherSettings:
    config = parse(f"[netdaemon]\ndata = state\n[gopher]\nlisten = tcp:0\n{lines}\n", Path("/nowhere/x.ini"), Kinds())
    (service,) = config.services
    assert isinstance(service.settings, GopherSettings)
    return service.settings


class SettingsTests(SynchronousTestCase):
    def test_the_kind(self) -> None:
        self.assertTrue(IServiceKind.providedBy(gopher))
        self.assertEqual(gopher.name, "gopher")
        self.assertIs(Kinds().find("gopher"), gopher)

    def test_defaults(self) -> None:
        settings = read("")
        self.assertEqual((settings.root, settings.listing, settings.gophermap), ("/", True, "gophermap"))
        self.assertEqual((settings.host, settings.port, settings.users, settings.sealed), (None, None, None, ()))

    def test_values(self) -> None:
        settings = read("root = /site/\nhosts = a.egg=/a B.egg=/b/\ntypes = log=0 .PNG=I\ncgi = /cgi/ /bin\n"
                        "users = /home\nport = 70\nhost = gopher.egg")  # fmt: skip
        self.assertEqual((settings.root, settings.users), ("/site", "/home"))
        self.assertEqual(settings.hosts, (("a.egg", "/a"), ("b.egg", "/b")))
        self.assertEqual(settings.types, (("log", "0"), ("png", "I")))
        self.assertEqual(settings.sealed, ("/site/cgi", "/site/bin"))
        self.assertEqual((settings.port, settings.host), (70, "gopher.egg"))

    def test_mistakes(self) -> None:
        for line, word in (
            ("root = site", "path of the document tree"),
            ("root = /a/../b", "path of the document tree"),
            ("hosts = a.egg", "NAME=/PATH"),
            ("hosts = a.egg=/a a.egg=/b", "twice"),
            ("hosts = -=/a", "host's name"),
            ("types = png", "ENDING=TYPE"),
            ("types = png=1", "can't be of type 1"),
            ("cgi = /", "all of the tree"),
            ("gophermap = a/b", "name of a document"),
            ("gophertag =", "name of a document"),
            ("search-time = 0s", "longer than 0s"),
            ("stall-timeout = 0s", "longer than 0s"),
            ("handshake-timeout = 0s", "longer than 0"),
            ("port = 0", "whole number"),
            ("serch = yes", "did you mean"),
        ):
            with self.assertRaises(ConfigError) as caught:
                read(line)
            self.assertEqual(len(caught.exception.problems), 1, line)
            self.assertIn(word, str(caught.exception), line)
