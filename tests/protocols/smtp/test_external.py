"""AUTH EXTERNAL: who shows a certificate of an authority that is trusted with that needs no password (RFC 4422 A)."""

from __future__ import annotations

import smtplib
import ssl
from base64 import b64encode
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding

from netdaemon.config.settings import TLSSettings
from tests.flows.smtppost import MAIL, PostTestCase
from tests.flows.test_smtp_clients import HER, ME, trusting
from tests.wire.pems import Authority, put


class ExternalTests(PostTestCase):
    def tls_settings(self, pem: Path) -> TLSSettings:
        self.authority = Authority()
        authorities = self.folder / "clients.pem"
        authorities.write_bytes(self.authority.certificate.public_bytes(Encoding.PEM))
        return TLSSettings(certificate=pem, private_key=pem, client_ca=authorities)

    def context(self, authority: Authority, name: str) -> ssl.SSLContext:
        context = trusting()
        chain, key = put(self.folder / name, authority.issue(name, emails=(f"{name}@localhost",)))
        context.load_cert_chain(chain, key)
        return context

    async def test_by_certificate(self) -> None:
        def send() -> None:
            for words, code in ((b64encode(b"scully").decode(), 501), ("=", 235)):
                with smtplib.SMTP("127.0.0.1", self.ports["submission"]) as client:
                    client.ehlo()
                    self.assertNotIn("EXTERNAL", client.esmtp_features["auth"])
                    client.starttls(context=self.context(self.authority, "mulder"))
                    client.ehlo()
                    self.assertIn("EXTERNAL", client.esmtp_features["auth"])
                    self.assertEqual(client.docmd("AUTH", f"EXTERNAL {words}")[0], code)
                    if code == 235:
                        client.sendmail(ME, [HER], MAIL)

        await self.away(send)
        self.assertEqual(self.taken().envelope.account, "mulder")

    async def test_without_one(self) -> None:
        def send() -> None:
            with smtplib.SMTP("127.0.0.1", self.ports["submission"]) as client:
                client.starttls(context=trusting())
                client.ehlo()
                self.assertNotIn("EXTERNAL", client.esmtp_features["auth"])
                self.assertEqual(client.docmd("AUTH", "EXTERNAL =")[0], 504)

        await self.away(send)
