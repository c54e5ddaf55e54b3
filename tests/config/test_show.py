"""A configuration shown as INI text."""

from __future__ import annotations

from dataclasses import replace

from netdaemon.config.show import show
from tests.config.ini import GOOD, IniTests


class ShowTests(IniTests):
    def test_what_differs_from_the_defaults(self) -> None:
        text = GOOD + "max-connections = 5\nplaintext-login = loopback\n[mine]\nkind = parrot\nlisten = tcp:1\n udp:1\n"
        self.assertEqual(
            show(self.parse(text)),
            f"""[netdaemon]
data = {self.folder}/state

[web]
listen = tcp:0
max-connections = 5

[mine]
kind = parrot
listen = tcp:1 udp:1
""",
        )

    def test_everything(self) -> None:
        shown = show(self.parse(GOOD), every=True)
        for line in ("[tls]", "private-key-password =", "watch = 10s", "hostname = localhost", "access-log ="):
            self.assertIn(f"{line}\n", shown)

    def test_it_reads_back_to_the_same(self) -> None:
        (self.folder / "tree;#").mkdir()
        config = self.parse(
            GOOD
            + "access-log = logs/web.log\nproxy-protocol = 10.0.0.0/8 ::1\n[documents]\nroot = tree;#\nhidden = yes\n"
            + "[parrot:b]\nlisten = udp:7:interface=\\:\\:1 unix:a\\:b\ngroups = x\n  y ; z\nbanner =;a  b\n"
            + "[accounts]\nthrottle-delay = 1.5s\nthrottle-window = 1h30m\nauth = store demo\n[log]\nlevel = warn\n"
        )
        for every in (False, True):
            again = self.parse(show(config, every))
            self.assertEqual(again, replace(config, services=again.services))
            self.assertEqual(
                [(service.kind, service.settings) for service in again.services],
                [(service.kind, service.settings) for service in config.services],
            )

    def test_secrets_are_masked(self) -> None:
        (self.folder / "secret").write_text("trustno1\n")
        for line in ("password = trustno1", "password-file = secret"):
            config = self.parse(f"{GOOD}[parrot]\nlisten = tcp:1\n{line}\n")
            for every in (False, True):
                shown = show(config, every)
                self.assertIn("password = ***\n", shown)
                self.assertNotIn("trustno1", shown)
