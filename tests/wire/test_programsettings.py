"""The keys of whoever runs programs: what can't be."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from netdaemon.wire.programsettings import ProgramSettings


class SettingsTests(SynchronousTestCase):
    def problems(self, **settings: object) -> list[str]:
        made = ProgramSettings(listen=(), **settings)  # type: ignore[arg-type]
        return [name for name, _ in made.problems()]

    def test_they_are_good_as_they_are(self) -> None:
        self.assertEqual(self.problems(), [])
        self.assertEqual(self.problems(cgi_user="nobody"), [])

    def test_problems(self) -> None:
        self.assertEqual(self.problems(cgi_user="no one"), ["cgi-user"])
        self.assertEqual(self.problems(cgi_timeout=0.0, cgi_lifetime=0.0), ["cgi-timeout", "cgi-lifetime"])
