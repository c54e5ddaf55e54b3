"""Executable selectors: what scripts are told, what becomes of what they say, and what nobody gets to see."""

from __future__ import annotations

import time
from typing import Any

from twisted.internet import reactor as _reactor
from twisted.trial.unittest import TestCase

from netdaemon.interfaces import Forbidden
from netdaemon.protocols.gopher import GopherSettings, gopher
from netdaemon.protocols.gopher.grammar.menu import parse_menu
from tests.kit.dialog import Peer
from tests.kit.house import house
from tests.kit.scripts import SH, Scripts
from tests.protocols.gopher.garden import REFUSED

reactor: Any = _reactor


class ScriptTests(TestCase):
    def setUp(self) -> None:
        self.scripts = Scripts(self)
        self.house = house(reactor, documents=self.scripts.tree(), reactor=reactor, wall=time.time)
        self.addCleanup(self.house.deadlines.stop)

    async def ask(self, line: bytes, **settings: Any) -> bytes:
        settings = {"cgi": ("/cgi",), **settings}
        factory: Any = gopher.factory(GopherSettings(section="gopher", listen=(), **settings), self.house)
        peer = Peer(factory.buildProtocol(None), patience=30.0)
        peer.send(line + b"\r\n")
        answer = await peer.rest()
        programs = factory.site._scripts._programs
        await self.scripts.until(lambda: programs is None or not programs._running, "the script has ended")
        return answer

    async def variables(self, line: bytes, **settings: Any) -> dict[str, str]:
        self.scripts.add("cgi/env", SH + "env\n")
        said = (await self.ask(line, **settings)).decode()
        self.assertNotIn("\t", said, self.house)
        return dict(line.split("=", 1) for line in said.splitlines())

    async def test_what_it_says_is_the_answer(self) -> None:
        self.scripts.add("cgi/menu", SH + "printf '0Spam\\t/spam.txt\\tspam.egg\\t70\\r\\n.\\r\\n'\n")
        self.assertEqual(await self.ask(b"/cgi/menu"), b"0Spam\t/spam.txt\tspam.egg\t70\r\n.\r\n")
        self.assertEqual(await self.ask(b"1/cgi/menu\t+"), b"+-2\r\n0Spam\t/spam.txt\tspam.egg\t70\r\n.\r\n")
        self.scripts.add("cgi/big", SH + "head -c 1000000 /dev/zero\n")
        self.assertEqual(await self.ask(b"9/cgi/big"), bytes(1_000_000))
        self.scripts.add("cgi/silent", SH)
        self.assertEqual(await self.ask(b"/cgi/silent"), b"")
        self.assertEqual(self.house.measure.commands["gopher", "script", "ok"], 4)

    async def test_what_it_is_told(self) -> None:
        told = await self.variables(b"7/cgi/env/more/path\tspam & egg;$(id)")
        for name, value in {
            "GATEWAY_INTERFACE": "CGI/1.1", "QUERY_STRING": "spam & egg;$(id)", "SEARCHREQUEST": "spam & egg;$(id)",
            "SELECTOR": "7/cgi/env/more/path", "SCRIPT_NAME": "/cgi/env", "PATH_INFO": "/more/path",
            "SCRIPT_FILENAME": str(self.scripts.top / "cgi/env"), "REMOTE_ADDR": "127.0.0.1", "SERVER_NAME": "spam.egg",
            "SERVER_PORT": "1025", "SERVER_PROTOCOL": "RFC1436", "PATH_TRANSLATED": str(self.scripts.top / "more/path"),
        }.items():  # fmt: skip
            self.assertEqual(told[name], value, name)
        self.assertLess(set(told) - {"PWD", "SHLVL", "_", "OLDPWD"}, {*told, "HOME"})
        self.assertNotIn("HOME", told)  # nothing of ours
        self.assertNotIn("TLS", told)
        self.assertEqual((await self.variables(b"/cgi/env?a=b"))["QUERY_STRING"], "a=b")

    async def test_arguments_there_are_none(self) -> None:
        self.scripts.add("cgi/args", SH + 'echo "$#"\ncat\n')
        for line in (b"/cgi/args\t-e rm", b"/cgi/args?-x", b"/cgi/args/a b"):
            self.assertEqual(await self.ask(line), b"0\n")

    async def test_what_is_not_run_is_not_shown(self) -> None:
        self.scripts.add("cgi/secret.txt", "the password is trustno1 spam", mode=0o644)
        self.scripts.add("cgi/run", SH + "echo # the password is trustno1 spam\n")
        (self.scripts.top / "cgi" / "link").symlink_to("secret.txt")
        for line in (b"/cgi/secret.txt", b"0/cgi/secret.txt", b"/x/../cgi/secret.txt", b"/cgi//secret.txt",
                     b"/cgi/none", b"/cgi/link", b"/cgi/./secret.txt", b"/cgi/secret.txt/more"):  # fmt: skip
            self.assertEqual(await self.ask(line), REFUSED, line)
        for line in (b"/\tpassword", b"/cgi\ttrustno1", b"/cgi\t$", b"/cgi/run\t!", b"/cgi", b"/cgi/secret.txt\t!",
                     b"/cgi/secret.txt\t+"):  # fmt: skip
            self.assertNotIn(b"trustno1", await self.ask(line), line)

    async def test_menus_of_scripts(self) -> None:
        self.scripts.add("cgi/run", SH)
        self.scripts.add("cgi/clock.txt", SH)
        self.scripts.add("cgi/draw.gif", SH)
        self.scripts.add("cgi/tool.py", SH)
        items = parse_menu(await self.ask(b"/cgi"))
        self.assertEqual(
            [item.type + item.selector for item in items if item.leads_on],
            ["0/cgi/clock.txt", "g/cgi/draw.gif", "1/cgi/run", "1/cgi/tool.py"],
        )

    async def test_gophermaps_include_what_scripts_say(self) -> None:
        self.scripts.add("m/gophermap", "before\n=/cgi/more\n=/cgi/none\n=/m/not-run\nafter\n", mode=0o644)
        self.scripts.add("cgi/more", SH + 'echo "for $SELECTOR"\nprintf "0Spam\\tspam.txt\\n.\\nunseen\\n"\n')
        self.scripts.add("m/not-run", SH + "echo run\n")
        items = parse_menu(await self.ask(b"/m"))
        self.assertEqual(
            [item.description for item in items],
            ["before", "for /m", "Spam", "echo run", "", "after", ""],
        )
        self.assertEqual(items[2].selector, "/m/spam.txt")

    async def test_one_that_ends_badly(self) -> None:
        self.scripts.add("cgi/no-such-shell", "#!/no/such/shell\n")
        self.assertIn(b"3Something went wrong here\t", await self.ask(b"/cgi/no-such-shell"))
        self.assertIn(b"--1\r\n1 Something went wrong", await self.ask(b"/cgi/no-such-shell\t+"))
        self.scripts.add("cgi/slow", SH + "exec sleep 100\n")
        self.assertIn(b"3Something went wrong here\t", await self.ask(b"/cgi/slow", cgi_timeout=0.2))
        self.scripts.add("cgi/much", SH + "head -c 1000000 /dev/zero\n")
        answer = await self.ask(b"/cgi/much", cgi_output=100_000)
        self.assertLess(len(answer), 200_000)  # cut off, which the peer is told by a reset

    async def test_one_whose_peer_goes(self) -> None:
        self.scripts.add("cgi/endless", SH + "echo $$ > ../pid\necho begun\nwhile :; do sleep 1; done\n")
        factory = gopher.factory(GopherSettings(section="gopher", listen=(), cgi=("/cgi",)), self.house)
        peer = Peer(factory.buildProtocol(None), patience=30.0)  # type: ignore[arg-type]
        peer.send(b"/cgi/endless\r\n")
        pids = await self.scripts.pids("pid")
        await peer.dialog("S* begun\\n", "-- hangs up")
        await self.scripts.gone(*pids)

    async def test_as_many_as_may(self) -> None:
        self.scripts.add("cgi/wait", SH + "echo $$ >> ../pids\nexec sleep 100\n")
        factory: Any = gopher.factory(
            GopherSettings(section="gopher", listen=(), cgi=("/cgi",), cgi_processes=1), self.house
        )
        peers = [Peer(factory.buildProtocol(None), patience=30.0) for _ in range(3)]
        for peer in peers:
            peer.send(b"/cgi/wait\r\n")
        self.assertIn(b"3Try again later\t", await peers[2].rest())
        pids = await self.scripts.pids("pids")
        for peer in peers:
            await peer.dialog("-- hangs up") if not peer.closed else None
        await self.scripts.gone(*pids)
        await self.scripts.unwatched()

    def test_nobody_writes_there(self) -> None:
        settings = GopherSettings(section="gopher", listen=(), cgi=("/cgi",), root="/site")
        self.assertEqual(settings.sealed, ("/site/cgi",))
        self.assertTrue(issubclass(Forbidden, Exception))

    async def test_off(self) -> None:
        self.scripts.add("cgi/run", SH + "echo run\n")
        self.assertEqual(await self.ask(b"/cgi/run", cgi=()), b"#!/bin/sh\r\necho run\r\n.\r\n")

    async def test_beneath_a_root(self) -> None:
        self.scripts.add("site/cgi/run", SH + 'echo "$SCRIPT_NAME"\n')
        self.scripts.add("cgi/run", SH + "echo outside\n")
        self.assertEqual(await self.ask(b"/cgi/run", root="/site"), b"/cgi/run\n")
