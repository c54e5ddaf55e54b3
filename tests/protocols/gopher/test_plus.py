"""Gopher+: headers, views and attributes, on both sides; and what is asked amiss."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from netdaemon.protocols.gopher.grammar.plus import View, failed, parse_attributes, parse_header, sized
from netdaemon.protocols.gopher.grammar.request import Malformed
from netdaemon.protocols.gopher.reply import WHOLE
from tests.protocols.gopher.garden import GardenTests


class GrammarTests(SynchronousTestCase):
    def test_headers(self) -> None:
        for line, header in ((b"+-1", (True, -1)), (b"+-2", (True, -2)), (b"+0", (True, 0)), (b"+123", (True, 123)),
                             (b"--1", (False, -1)), (b"-5", (False, 5))):  # fmt: skip
            self.assertEqual(parse_header(line), header)
        for line in (b"", b"+", b"+-3", b"+1x", b"0a\tb\tc\t1", b"+" + b"9" * 16, b"++1"):
            self.assertRaises(Malformed, parse_header, line)
        self.assertEqual(sized(7), b"+7\r\n")
        self.assertEqual(failed(1, "no\r\nx"), b"--1\r\n1 nox\r\n.\r\n")

    def test_attributes_of_others(self) -> None:
        (one,) = parse_attributes(
            b"+INFO: 0Spam\t/s\th\t70\t+\r\n+ADMIN:\r\n Admin: Fox <fox@egg>\r\n"
            b" Mod-Date: Wed Jul 28 17:02:01 1993 <19930728170201>\r\n+VIEWS:\r\n Text/plain: <10k>\r\n"
            b" application/postscript De_DE: <100k>\r\n junk\r\n+ABSTRACT:\r\n one\r\n  two\r\n+ASK:\r\n Ask: Name?\r\n"
            b"+COLOUR: red\r\n.\r\n+INFO: never"
        )
        assert one.item is not None
        self.assertEqual((one.item.description, one.item.plus), ("Spam", True))
        self.assertEqual((one.admin, one.modified, one.abstract), ("Fox <fox@egg>", "19930728170201", "one\n two"))
        self.assertEqual(one.views, [View("Text/plain", "10k"), View("application/postscript De_DE", "100k")])
        self.assertEqual(one.others, {"ASK": ["Ask: Name?"], "COLOUR": ["red"]})

    @settings(deadline=None)
    @given(st.binary(max_size=200))
    def test_whatever_comes(self, data: bytes) -> None:
        parse_attributes(data)
        parse_attributes(b"+INFO: " + data)


class ServerTests(GardenTests):
    def setUp(self) -> None:
        super().setUp()
        self.file("s/a.txt", b".one\ntwo\n")
        self.file("s/a.txt.abstract", b"About one\x1b\nand two\n")
        self.file("s/b.bin", b"\0\1\2")
        self.file("s.abstract", b"All of it")

    async def test_documents(self) -> None:
        for request in (b"/s/a.txt\t+", b"/s/a.txt\t+text/plain", b"/s/a.txt\t+Text/Plain En_US", b"0/s/a.txt\t\t+"):
            self.assertEqual(await self.ask(request), b"+-1\r\n..one\r\ntwo\r\n.\r\n", request)
        self.assertEqual(await self.ask(b"/s/b.bin\t+"), b"+3\r\n\0\1\2")
        big = bytes(2 * WHOLE)
        self.file("big.bin", big)
        self.assertEqual(await self.ask(b"/big.bin\t+"), b"+%d\r\n%b" % (len(big), big))
        self.file("big.txt", b"x\n" * WHOLE)
        self.assertEqual(await self.ask(b"/big.txt\t+"), b"+-1\r\n%b.\r\n" % (b"x\r\n" * WHOLE))
        page = await self.ask(b"URL:http://a/\t+")
        header, _, rest = page.partition(b"\r\n")
        self.assertEqual(header, b"+%d" % len(rest))

    async def test_menus(self) -> None:
        plain = await self.ask(b"/s")
        self.assertEqual(await self.ask(b"/s\t+"), b"+-1\r\n" + plain)
        self.assertEqual(await self.ask(b"/s\t+application/gopher-menu"), b"+-1\r\n" + plain)
        self.assertEqual(await self.ask(b"/s\t+application/gopher+-menu"), b"+-1\r\n" + plain)

    async def test_attributes_of_an_item(self) -> None:
        answer = await self.ask(b"/s/a.txt\t!", admin="Fox <fox@egg>")
        self.assertTrue(answer.startswith(b"+-1\r\n+INFO: 0a.txt\t/s/a.txt\tspam.egg\t1025\t+\r\n+ADMIN:\r\n"))
        (one,) = parse_attributes(answer[5:])
        self.assertEqual((one.admin, one.abstract), ("Fox <fox@egg>", "About one\nand two"))
        self.assertEqual(one.views, [View("text/plain", "1k")])
        self.assertRegex(one.modified, r"\A20[0-9]{12}\Z")
        (one,) = parse_attributes((await self.ask(b"/s\t!"))[5:])
        assert one.item is not None
        self.assertEqual((one.item.type, one.item.selector, one.abstract), ("1", "/s", "All of it"))
        (root,) = parse_attributes((await self.ask(b"\t!"))[5:])
        assert root.item is not None
        self.assertEqual((root.item.type, root.item.selector), ("1", "/"))

    async def test_some_attributes(self) -> None:
        self.assertNotIn(b"+ADMIN", await self.ask(b"/s/a.txt\t!+VIEWS"))
        answer = await self.ask(b"/s/a.txt\t!+abstract")
        self.assertEqual(answer.count(b"\r\n+"), 2)
        self.assertIn(b"+ABSTRACT:\r\n About one\r\n and two\r\n.\r\n", answer)
        self.assertEqual((await self.ask(b"/s/a.txt\t!+NONE")).count(b"+"), 3)  # the header, +INFO and its mark

    async def test_attributes_of_a_folder(self) -> None:
        answer = await self.ask(b"/s\t$")
        found = parse_attributes(answer[5:])
        self.assertEqual([one.item.selector for one in found if one.item], ["/s/a.txt", "/s/b.bin"])
        self.assertEqual(found[1].views, [View("application/octet-stream", "1k")])
        root = parse_attributes((await self.ask(b"\t$"))[5:])
        self.assertEqual([one.item.type + one.item.selector for one in root if one.item], ["1/s", "7/"])
        self.file("s/gophermap", b"text\n0Mine\ta.txt\n1Else\t/\telse.egg\t70\n")
        found = parse_attributes((await self.ask(b"/s\t$", admin="Fox"))[5:])
        self.assertEqual([one.item.host for one in found if one.item], ["spam.egg", "else.egg"])
        self.assertEqual(found[0].admin, "Fox")

    async def test_what_is_refused(self) -> None:
        for request in (b"/none\t+", b"/none\t!", b"/none\t$", b"/../x\t+", b"/s/a.txt\t$", b"/s/a.txt\t+image/gif",
                        b"/s\t+text/html", b"/s\t+\t1", b"/s/a.txt\t+text/plain\t1", b"/s\t!\t1",
                        b"URL:javascript:x\t+"):  # fmt: skip
            answer = await self.ask(request)
            self.assertRegex(answer, rb"\A--1\r\n1 [ -~]+\r\n\.\r\n\Z", request)
        self.assertRegex(await self.ask(b"/s\t$", listing=False), rb"\A--1\r\n1 ")
