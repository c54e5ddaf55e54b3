"""Nothing that a client says becomes a second line: not of a header, not of a log, not of a reply."""

from __future__ import annotations

from ipaddress import ip_network

from tests.protocols.smtp.kit import SMTPTestCase


class InjectionTests(SMTPTestCase):
    async def check_header(self, prefix: bytes) -> None:
        lines = prefix.split(b"\r\n")
        self.assertEqual(lines[-1], b"")
        self.assertTrue(lines[0].startswith(b"Received: from "))
        for line in lines[1:-1]:
            self.assertTrue(line.startswith(b" "), prefix)
        self.assertNotIn(b"\n", prefix.replace(b"\r\n", b""))

    async def test_addresses(self) -> None:
        peer = await self.greeted()
        for address in (
            b"<a@b\\r\\nX: y>", b"<a\\rb@c>", b'<"a\\nb"@c>', b'<"a\\\\\\nb"@c>', b"<a@[x:\\r\\n]>", b'<"a\\0b"@c>',
            b"<a@b\\x85c>",
        ):  # fmt: skip
            said = address.decode().encode().decode("unicode_escape").encode("latin-1")
            for verb in (b"MAIL FROM:", b"VRFY "):
                peer.send(verb + said + b"\r\n")
                for line in peer.unread.split(b"\r\n")[:-1]:
                    self.assertIn(line[:1], b"52", (address, line))
                self.assertNotIn(b"X: y", peer.unread)
                peer._take()
                peer._came.clear()
        self.check_none_taken()

    async def test_greetings(self) -> None:
        for name in ("a(b)c", "<x>", "a;b", "x\\\\y", '"q"', "a,b", "=?utf-8?q?x?="):
            peer = self.peer()
            await peer.dialog("S: 220 ...", f"C: EHLO {name}")
            while (await peer.line())[3:4] == b"-":
                pass
            await self.envelope(peer)
            await peer.dialog("C: DATA", "S: 354 ...", "C* .\\r\\n", "S: 250 ...")
            prefix = self.delivery.messages.pop().prefix
            await self.check_header(prefix)
            self.assertNotIn(name.encode(), prefix)

    async def test_xtext(self) -> None:
        peer = await self.greeted()
        for parameter in ("ENVID=a+0D+0AX", "AUTH=a@b+0A", "ENVID=+00", "ENVID=+FF"):
            await peer.dialog(f"C: MAIL FROM:<a@b> {parameter}", "S: 501 5.5.4 ...")
        await peer.dialog("C: MAIL FROM:<a@b>", "S: 250 ...")
        await peer.dialog("C: RCPT TO:<mulder@spam.egg> ORCPT=rfc822;a+0D+0AX:+20y", "S: 501 5.1.3 ...")

    async def test_the_log(self) -> None:
        peer = await self.greeted()
        await peer.dialog(
            'C: MAIL FROM:<"a b> to=<x"@example.org>', "S: 250 ...", "C: RCPT TO:<mulder@spam.egg>", "S: 250 ...",
            "C: DATA", "S: 354 ...", "C* .\\r\\n", "S: 250 ...",
        )  # fmt: skip
        (line,) = self.house.measure.access_logs["smtp"].lines
        self.assertEqual(len(line.split(" ")), 12, line)

    async def test_xclient(self) -> None:
        peer = await self.greeted(xclient=(ip_network("192.0.2.7"),))
        for argument in (
            "NAME=a+0D+0AX", "HELO=a b", "HELO=a+20b", "NAME=(x)", "ADDR=1.2.3", "PORT=x", "LOGIN=mulder", "", "NAME",
            "NAME=a NAME=b",
        ):  # fmt: skip
            await peer.dialog(f"C: XCLIENT {argument}", "S: 501 5.5.4 ...")


class XClientTests(SMTPTestCase):
    async def test_speaking_for_others(self) -> None:
        peer = await self.greeted(xclient=(ip_network("192.0.2.7"),))
        self.assertIn("XCLIENT NAME ADDR PORT HELO", await self.ehlo(peer))
        await peer.dialog(
            "C: XCLIENT NAME=mail.example.org ADDR=IPV6:2001:db8::7 PORT=1234 HELO=told.example",
            "S: 220 spam.egg ESMTP netdaemon",
            "C: MAIL FROM:<a@b>",
            "S: 503 5.5.1 Say EHLO first.",
        )
        await self.ehlo(peer)
        await self.envelope(peer)
        await peer.dialog(
            "C: XCLIENT ADDR=1.2.3.4", "S: 503 5.5.1 ...", "C: DATA", "S: 354 ...", "C* .\\r\\n", "S: 250 ..."
        )
        self.assertIn(
            b"from told.example (mail.example.org [IPv6:2001:db8::7])", self.taken.prefix.replace(b"\r\n", b"")
        )
        self.assertEqual(self.taken.envelope.peer, "2001:db8::7")
        await peer.dialog("C: XCLIENT NAME=[UNAVAILABLE] HELO=[TEMPUNAVAIL]", "S: 220 ...")
        lines = await self.ehlo(peer)
        self.assertIn("XCLIENT NAME ADDR PORT HELO", lines)

    async def test_who_is_not_trusted(self) -> None:
        for networks in ((), (ip_network("192.0.2.8"),)):
            peer = await self.greeted(xclient=networks)
            self.assertNotIn("XCLIENT", " ".join(await self.ehlo(peer)))
            await peer.dialog("C: XCLIENT ADDR=127.0.0.1", "S: 550 5.7.1 ...")

    async def test_no_loopback_rights_by_a_proxy_on_loopback(self) -> None:
        from tests.kit.pump import THERE

        peer = await self.greeted(xclient=(ip_network("127.0.0.0/8"),), client=THERE)
        self.assertIn("PLAIN", " ".join(await self.ehlo(peer)))
        await peer.dialog("C: XCLIENT ADDR=192.0.2.1", "S: 220 ...")
        self.assertNotIn("PLAIN", " ".join(await self.ehlo(peer)))
