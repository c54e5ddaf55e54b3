"""The sections' settings: what they take, and what they don't."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from netdaemon.config.problems import ConfigError
from netdaemon.config.read import parse
from netdaemon.kinds import Kinds
from tests.kit.daemon import CHECKOUT

HEAD = "[netdaemon]\ndata = state\n"


class SettingsTests(SynchronousTestCase):
    def read(self, section: str, *keys: str, listen: str = "tcp:0") -> object:
        text = "\n".join([f"{HEAD}[{section}]", f"listen = {listen}", *keys, ""])
        config = parse(text, CHECKOUT / "conf" / "example.ini", Kinds())
        return config.services[0].settings

    def wrong(self, section: str, *keys: str, listen: str = "tcp:0") -> str:
        with self.assertRaises(ConfigError) as raised:
            self.read(section, *keys, listen=listen)
        return "\n".join(map(str, raised.exception.problems))

    def test_senders(self) -> None:
        settings = self.read("submission", "senders = mulder a@b @c.d", "  scully *")
        self.assertEqual(getattr(settings, "senders"), (("mulder", ("a@b", "@c.d")), ("scully", ("*",))))  # noqa: B009
        self.assertIn("neither name@host", self.wrong("smtp", "senders = mulder a"))
        self.assertIn("no address", self.wrong("smtp", "senders = mulder"))

    def test_mechanisms(self) -> None:
        settings = self.read("smtp", "mechanisms = plain")
        self.assertEqual(getattr(settings, "mechanisms"), ("PLAIN",))  # noqa: B009
        self.assertIn("'CRAM-MD5' is not one of", self.wrong("smtp", "mechanisms = CRAM-MD5"))

    def test_limits(self) -> None:
        self.assertIn("998", self.wrong("smtp", "text-line = 997"))
        self.assertIn("more than 0", self.wrong("smtp", "size = 0"))
        self.assertIn("longer than 0s", self.wrong("lmtp", "stall-timeout = 0s"))
        self.read("smtp", "text-line = 0", "bare-line-ends = normalise", "greeting-delay = 5s")
        self.assertIn("bare-line-ends", self.wrong("smtp", "bare-line-ends = pass"))

    def test_lmtp(self) -> None:
        self.assertIn("port 25", self.wrong("lmtp", listen="tcp:25"))
        self.assertIn("unknown key 'mechanisms'", self.wrong("lmtp", "mechanisms = PLAIN"))
        self.assertIn("unknown key 'hold'", self.wrong("smtp", "hold = 1d"))
        self.assertIn("unknown key 'greeting-delay'", self.wrong("submission", "greeting-delay = 1s"))
        self.read("lmtp", listen="unix:lmtp.sock")
