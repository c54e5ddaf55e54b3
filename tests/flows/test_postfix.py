"""Mail to and from Postfix, both relaying."""

from __future__ import annotations

import smtplib

from twisted.internet.threads import deferToThread

from tests.flows.test_queue import MAIL, QueueCase, ini
from tests.kit.postfix import Postfix

# with all that Postfix would add
WHOLE = b"Message-Id: <1@spam.egg>\r\nDate: Wed, 1 Jan 2025 00:00:00 +0000\r\n" + MAIL


class PostfixTests(QueueCase):
    async def test_it_takes_from_us(self) -> None:
        postfix = Postfix(self)
        await postfix.start()
        near = await self.daemon(
            ini("spam.egg", f"smarthost = 127.0.0.1:{postfix.port}", "smarthost-tls = opportunistic")
        )
        await self.submit(near, "box@postfix.example", mail=WHOLE)
        (found,) = await postfix.until_mail(1)
        self.assertTrue(found.replace(b"\n", b"\r\n").endswith(WHOLE), found)
        self.assertIn(b"Return-Path: <mulder@spam.egg>", found)
        self.assertEqual(found.count(b"Return-Path:"), 1)
        await self.until_queue(near, 0)
        # and what it refuses comes back
        await self.submit(near, "nobody@postfix.example")
        (report,) = await self.until_mail(near, 1)
        self.assertIn(b"Final-Recipient: rfc822;nobody@postfix.example\r\nAction: failed\r\nStatus: 5.1.1", report)

    async def test_it_relays_to_us(self) -> None:
        near = await self.daemon(ini("spam.egg"))
        postfix = Postfix(self, f"relayhost = [127.0.0.1]:{near.port('smtp')}")
        await postfix.start()

        def send(*recipients: str) -> None:
            with smtplib.SMTP("127.0.0.1", postfix.port, timeout=30) as client:
                client.sendmail("box@postfix.example", recipients, WHOLE)

        await deferToThread(send, "mulder@spam.egg", "mulder+x@spam.egg")
        (found,) = await self.until_mail(near, 1)
        self.assertTrue(
            found.startswith(b"Return-Path: <box@postfix.example>\r\nReceived: from postfix.example"), found
        )
        self.assertTrue(found.endswith(WHOLE))
        self.assertIn(b" ESMTPS (TLS", found)
        # an address that is not here: Postfix sends the report, which comes back to its own box
        await deferToThread(send, "nobody@spam.egg")
        (report,) = await postfix.until_mail(1)
        self.assertIn(b"550 5.1.1", report)
