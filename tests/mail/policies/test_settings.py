"""The keys of policies, as the INI has them."""

from __future__ import annotations

from pathlib import Path
from unittest import mock

from twisted.trial.unittest import SynchronousTestCase

from netdaemon.config.keys import keys
from netdaemon.config.problems import ConfigError
from netdaemon.config.read import parse
from netdaemon.kinds import Kinds
from netdaemon.mail.policies import settings as module
from netdaemon.mail.policies.settings import CheckSettings, SigningSettings
from netdaemon.protocols.smtp import SMTPSettings, SubmissionSettings
from tests.mail.policies.keys import ed25519_key, rsa_key, written

INI = "[netdaemon]\ndata = state\n"


class SettingsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = self.mktemp()
        written(rsa_key(), self.folder, "rsa.pem")
        written(ed25519_key(), self.folder, "ed25519.pem")

    def read(self, text: str, section: str = "smtp") -> object:
        ini = f"{INI}[{section}]\nlisten = tcp:0:interface=127.0.0.1\n{text}\n"
        return parse(ini, Path(self.folder) / "conf.ini", Kinds()).services[0].settings

    def problem(self, text: str, section: str = "smtp") -> str:
        error = self.assertRaises(ConfigError, self.read, text, section)
        (problem,) = error.problems
        return str(problem)

    def test_off_unless_wanted(self) -> None:
        settings = self.read("")
        assert isinstance(settings, SMTPSettings)
        self.assertFalse(settings.checks)
        self.assertEqual(settings.dkim_sign, ())
        for text in ("spf = mark", "dkim = mark", "dmarc = mark", "dnsbl = bl.example", "greylist = yes"):
            settings = self.read(text)
            assert isinstance(settings, SMTPSettings)
            self.assertTrue(settings.checks, text)

    def test_lists(self) -> None:
        text = "dnsbl = BL.example\n  zen.example 3 127.0.0.2 127.0.0.4/30\n\ndnsbl-allow = good.example 127.0.0.5"
        settings = self.read(text)
        assert isinstance(settings, SMTPSettings)
        self.assertEqual(
            [str(one) for one in settings.dnsbl], ["bl.example 1", "zen.example 3 127.0.0.2/32 127.0.0.4/30"]
        )
        self.assertEqual([str(one) for one in settings.dnsbl_allow], ["good.example 127.0.0.5/32"])
        self.assertTrue(settings.dnsbl_allow[0].allows)
        for text, wrong in (
            ("dnsbl = a b", "'b' is not an answer"),
            ("dnsbl = bl.example 0", "0"),
            ("dnsbl = bl.example 1 192.0.2.1", "is no answer"),
            ("dnsbl = -bl.example", "not a host's name"),
            ("dnsbl-allow = good.example 3", "is not an answer"),
            ("dnsbl =" + "\n  bl.example" * 21, "more than 20 lists"),
        ):
            self.assertIn(wrong, self.problem(text), text)

    def test_what_is_shown_is_understood(self) -> None:
        values = {
            "dnsbl": "bl.example\nzen.example 3 127.0.0.2 127.0.0.4/30",
            "dnsbl_allow": "good.example 127.0.0.5",
            "dkim_sign": "example.org one /etc/x y.pem\nsub.example.org two /z",
        }
        known = dict(keys(CheckSettings)) | dict(keys(SigningSettings))
        for name, text in values.items():
            value = known[name].value
            parsed = value.parse(text, Path("/here"))
            self.assertEqual(value.parse(value.show(parsed), Path("/there")), parsed)

    def test_signing_keys(self) -> None:
        for section in ("smtp", "submission"):
            settings = self.read("dkim-sign = Example.org One rsa.pem\n  example.org two ed25519.pem", section)
            assert isinstance(settings, (SMTPSettings, SubmissionSettings))
            first, second = settings.dkim_sign
            self.assertEqual((first.domain, first.selector, first.file.name), ("example.org", "one", "rsa.pem"))
            self.assertEqual(second.file, Path(self.folder).absolute() / "ed25519.pem")
        for selector in ("2026", "a.b-c", "x" * 63):
            self.read(f"dkim-sign = example.org {selector} rsa.pem")
        (Path(self.folder) / "bad.pem").write_text("no key")
        for text, wrong in (
            ("dkim-sign = example.org one", "is not DOMAIN SELECTOR FILE"),
            ("dkim-sign = example.org one gone.pem", "does not exist"),
            ("dkim-sign = example.org one bad.pem", "bad.pem is no private key in PEM without a passphrase"),
            ("dkim-sign = example.org -x rsa.pem", "'-x' is not a selector"),
            ("dkim-sign = example.org a..b rsa.pem", "'a..b' is not a selector"),
            ("dkim-sign = exam_ple.org one rsa.pem", "is not a host's name"),
        ):
            self.assertIn(wrong, self.problem(text, "submission"), text)

    def test_what_does_not_go_together(self) -> None:
        for text, wrong in (
            ("greylist-delay = 2d", "shorter than greylist-retry"),
            ("greylist-delay = 0s", "longer than 0s"),
            ("greylist-keep = 1d", "greylist-keep is shorter"),
            ("spf = reject", "spf"),
        ):
            self.assertIn(wrong, self.problem(text), text)
        self.assertIn("spf", self.problem("spf = mark", "submission"))

    def test_without_the_library(self) -> None:
        with mock.patch.object(module, "is_installed", return_value=False):
            self.assertIn("pip install 'netdaemon[dmarc]'", self.problem("dmarc = mark"))
            self.read("spf = refuse\ndkim = mark")
