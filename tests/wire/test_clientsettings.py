"""What every line protocol's client is told of TLS."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from netdaemon.wire.clientsettings import TLS, ClientSettings


@dataclass(frozen=True)
class PageSettings(ClientSettings[TLS]):
    tls: TLS = TLS.NONE
    pages: int = 1


class Asked:
    """Notes what it is asked for."""

    def client(self, hostname: str, alpn: Sequence[bytes], verify: bool) -> Any:
        return hostname, tuple(alpn), verify


class ClientSettingsTests(SynchronousTestCase):
    def test_certificates_are_verified_unless_said_otherwise(self) -> None:
        self.assertEqual(PageSettings(trust=Asked()).context("spam.egg"), ("spam.egg", (), True))
        settings = PageSettings(TLS.IMPLICIT, False, Asked(), 2)
        self.assertEqual(settings.context("spam.egg", [b"page"]), ("spam.egg", (b"page",), False))

    def test_a_protocol_s_own_keys_come_behind(self) -> None:
        self.assertEqual([field.name for field in fields(PageSettings)], ["tls", "verify", "trust", "pages"])

    def test_no_host_s_name(self) -> None:
        self.assertRaises(ValueError, PageSettings().context, "\u2024")
