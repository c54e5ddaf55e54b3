"""The keys of [ftp], read from an INI."""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from netdaemon.config.keys import keys
from netdaemon.protocols.ftp import FTPSettings, ftp


def value(name: str, text: str) -> object:
    """What the key ``name`` makes of ``text``."""
    return {key.name: key for _, key in keys(FTPSettings)}[name].value.parse(text, Path())


class SettingsTests(SynchronousTestCase):
    def test_defaults_are_safe(self) -> None:
        settings = FTPSettings(listen=())
        self.assertFalse(settings.anonymous)
        self.assertEqual(settings.plaintext_login, "loopback")
        self.assertEqual((settings.passive_ports[0], settings.passive_ports[-1]), (49152, 65535))
        self.assertEqual(list(settings.problems()), [])

    def test_ports(self) -> None:
        self.assertEqual(value("passive-ports", "50000-50099"), range(50000, 50100))
        for text in ("", "50000", "50099-50000", "0-10", "50000-70000", "a-b", "-1-5"):
            self.assertRaises(ValueError, value, "passive-ports", text)

    def test_addresses(self) -> None:
        shown = {key.name: key for _, key in keys(FTPSettings)}["passive-address"].value
        parsed = shown.parse("10.0.0.0/8=10.0.0.1 203.0.113.5", Path())
        self.assertEqual(shown.show(parsed), "10.0.0.0/8=10.0.0.1 0.0.0.0/0=203.0.113.5")
        self.assertEqual(shown.parse(shown.show(parsed), Path()), parsed)
        for text in ("x", "10.0.0.0/8=", "::1", "::/0=10.0.0.1", "10.0.0.1/8=10.0.0.1", "=10.0.0.1", "ftp.example.org"):
            self.assertRaises(ValueError, shown.parse, text, Path())

    def test_problems(self) -> None:
        settings = FTPSettings(listen=(), data_timeout=0.0, idle_timeout=0.0, passive_ports=range(1000, 2000))
        self.assertEqual({name for name, _ in settings.problems()}, {"data-timeout", "idle-timeout", "passive-ports"})

    def test_no_sockets_without_addresses(self) -> None:
        self.assertNotIn("unix", ftp.transports)
