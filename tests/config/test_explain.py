"""Sections and keys explained at the terminal."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from netdaemon.config.explain import explain
from tests.config.ini import FewKinds

KINDS = [FewKinds.known[name] for name in ("parrot", "web")]


class ExplainTests(SynchronousTestCase):
    def refused(self, word: str, message: str) -> None:
        with self.assertRaises(LookupError) as caught:
            explain(word, KINDS)
        self.assertEqual(caught.exception.args, (message,))

    def test_a_key_of_one_section(self) -> None:
        self.assertEqual(
            explain("log.level", KINDS),
            """level  in [log]
    Leave out what weighs less than this.
    Type: choice. One of: debug info warn error.
    Default: info""",
        )

    def test_a_required_key_of_several(self) -> None:
        lines = explain("listen", KINDS).splitlines()
        self.assertEqual(lines[0], "listen  in [parrot] [web]")
        self.assertIn("    Required.", lines)
        self.assertIn("    Example: listen = tcp:8080:interface=127.0.0.1 tls:8443", lines)

    def test_keys_of_one_name_that_differ(self) -> None:
        text = explain("password", KINDS)
        self.assertIn("Or password-file = PATH: the first line of that file.", text)
        self.assertEqual(explain("password-file", KINDS), text)
        self.assertIn("Empty unless set.", text)

    def test_a_section(self) -> None:
        lines = explain("parrot", KINDS).splitlines()
        self.assertEqual(lines[:3], ["[parrot]", "    Says it again.", "    It listens by: systemd tcp tls udp unix."])
        self.assertIn(";max-connections = 10000", lines)
        self.assertIn("listen = tcp:8080:interface=127.0.0.1 tls:8443", lines)
        self.assertNotIn("It listens", explain("tls", KINDS))

    def test_unknown(self) -> None:
        self.refused("lisen", "there is no key and no section called 'lisen', did you mean 'listen'?")
        self.refused("qqqqq", "there is no key and no section called 'qqqqq'")
        self.refused("wep.listen", "there is no section called 'wep', did you mean 'web'?")
        self.refused("web.lisen", "[web] has no key called 'lisen', did you mean 'listen'?")
        self.refused("web.root", "[web] has no key called 'root': it belongs to [documents]")
        self.refused("", "there is no key and no section called ''")
