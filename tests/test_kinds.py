"""How service kinds are found."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase, TestCase

from netdaemon import kinds
from netdaemon.interfaces import IServiceKind, ServiceKind
from netdaemon.kinds import Kinds
from tests.config.ini import parrot, web
from tests.kit.command import command


@dataclass
class Namespace:
    """Something with a kind in it, and something that only looks like one."""

    inner: Any = parrot
    name: str = "no kind"


outer = Namespace()
unsettled = ServiceKind("unsettled", "Its settings are wrong.", Namespace, lambda settings, house: None)  # type: ignore[arg-type]  # so they are


class FindTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.asked: list[object] = []
        self.plugins: list[Any] = []
        self.patch(kinds, "getPlugins", self.get_plugins)
        self.kinds = Kinds({"parrot": "tests.config.ini:parrot", "torn": "tests.config.no_such:kind"})

    def get_plugins(self, interface: object) -> list[Any]:
        self.asked.append(interface)
        return self.plugins

    def refused(self, name: str, message: str) -> None:
        with self.assertRaises(LookupError) as caught:
            self.kinds.find(name)
        self.assertEqual(caught.exception.args, (message,))

    def test_built_in(self) -> None:
        self.assertIs(self.kinds.find("parrot"), parrot)
        self.assertEqual(self.asked, [], "plugins are looked for only when they are needed")

    def test_built_in_and_broken(self) -> None:
        message = "tests.config.no_such cannot be imported: ModuleNotFoundError: No module named 'tests.config.no_such'"
        self.refused("torn", message)

    def test_plugins(self) -> None:
        self.plugins = [web]
        self.assertIs(self.kinds.find("web"), web)
        self.assertEqual(self.kinds.names(), ["parrot", "torn", "web"])
        self.refused("wep", "there is no kind called 'wep'")
        self.assertEqual(self.asked, [IServiceKind], "they are looked for once")

    def test_a_plugin_never_takes_a_built_in_name(self) -> None:
        self.plugins = [ServiceKind("parrot", "Another.", web.settings, web.factory)]
        self.assertIs(self.kinds.find("parrot"), parrot)
        self.assertEqual(self.kinds.names(), ["parrot", "torn"])

    def test_two_plugins_of_one_name(self) -> None:
        self.plugins = [web, ServiceKind("web", "Another.", web.settings, web.factory)]
        place = "netdaemon.interfaces"
        self.refused("web", f"2 plugins are called 'web' ({place} and {place})")

    def test_by_reference(self) -> None:
        self.assertIs(self.kinds.find("tests.config.ini:web"), web)
        self.assertIs(self.kinds.find("tests.test_kinds:outer.inner"), parrot)
        self.assertEqual(self.asked, [])

    def test_wrong_references(self) -> None:
        form = "is not of the form package.module:attribute"
        for name in (":", "a:", ":b", "a b:c", "a:b c", "a..b:c", ".a:b", "a:b:c", "1a:b", "a/b:c", "a:b()"):
            self.refused(name, f"{name!r} {form}")
        self.refused("tests.config.ini:no_such", "tests.config.ini has no no_such")
        self.refused("tests.test_kinds:outer.no_such", "tests.test_kinds has no outer.no_such")

    def test_things_that_are_no_kinds(self) -> None:
        for name in ("os:path", "tests.test_kinds:outer", "netdaemon.interfaces:ServiceKind"):
            self.refused(name, f"{name} is no service kind (it does not provide IServiceKind)")
        self.refused(
            "tests.test_kinds:unsettled",
            "tests.test_kinds:unsettled is no service kind (its settings are no ServiceSettings)",
        )

    def test_whatever_an_import_does(self) -> None:
        folder = Path(self.mktemp())
        folder.mkdir()
        self.patch(sys, "path", [str(folder), *sys.path])
        for name, source, reason in (
            ("raises", "1 / 0", "ZeroDivisionError: division by zero"),
            ("exits", "import sys; sys.exit('bye')", "SystemExit: bye"),
            ("mute", "raise KeyError", "KeyError"),
            ("lines", "raise ValueError('one\\ntwo')", "ValueError: one"),
            ("garbled", "def", "SyntaxError: invalid syntax (garbled_for_netdaemon.py, line 1)"),
        ):
            module = f"{name}_for_netdaemon"
            (folder / f"{module}.py").write_text(source)
            self.addCleanup(sys.modules.pop, module, None)
            self.refused(f"{module}:kind", f"{module} cannot be imported: {reason}")


class BuiltInTests(SynchronousTestCase):
    def test_each_has_the_name_it_is_listed_under(self) -> None:
        self.assertEqual([kind.name for kind in Kinds().built_in()], list(kinds.BUILT_IN))

    def test_each_is_whole(self) -> None:
        for kind in Kinds().built_in():
            self.assertTrue(kind.transports <= {"tcp", "tls", "udp", "unix", "systemd"}, kind)
            self.assertTrue(kind.summary.endswith("."), kind)
            self.assertTrue(set(kind.tries) <= kind.transports, kind)


class PluginTests(TestCase):
    async def test_one_file_adds_a_kind(self) -> None:
        """A third party's file in twisted/plugins, found by the real `netdaemon` in a process of its own."""
        folder = Path(self.mktemp()).absolute()
        (folder / "twisted/plugins").mkdir(parents=True)
        (folder / "twisted/plugins/parrot_plugin.py").write_text("from tests.config.ini import parrot\n")
        (folder / "x.ini").write_text("[netdaemon]\ndata = a\n[parrot]\nlisten = tcp:0\n")
        done = await command("config", "check", "x.ini", cwd=folder)
        self.assertEqual(done, (0, b"x.ini: OK, 1 service: parrot\n", ""))
        (folder / "x.ini").write_text("[netdaemon]\ndata = a\n[parot]\nlisten = tcp:0\n")
        done = await command("config", "check", "x.ini", cwd=folder)
        self.assertEqual(done, (2, b"", "x.ini:3: [parot] unknown section, did you mean 'parrot'?\n"))
