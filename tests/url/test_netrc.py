"""What a .netrc says: several logins of a machine, quotes, macros, and what is none."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from netdaemon.url.logins import Login, netrc_login
from netdaemon.url.netrc import Entry, Malformed, login_in, parse_netrc
from netdaemon.wire.failures import LocalTrouble

FILE = """\
# comment
machine a.example login mulder password trustno1
machine a.example
\tlogin scully password "sta\\"r buck" account x
macdef init
  machine evil login x password y

machine b.example password only#hash
default login anonymous password me@
"""


class ParseTests(SynchronousTestCase):
    def test_entries(self) -> None:
        self.assertEqual(
            parse_netrc(FILE),
            [
                Entry("a.example", "mulder", "trustno1"),
                Entry("a.example", "scully", 'sta"r buck', "x"),
                Entry("b.example", None, "only#hash"),
                Entry(None, "anonymous", "me@"),
            ],
        )

    def test_on_one_line_and_on_many(self) -> None:
        wanted = [Entry("a", "b", "c"), Entry("d", "e", "f")]
        self.assertEqual(parse_netrc("machine a login b password c machine d login e password f"), wanted)
        self.assertEqual(parse_netrc("machine\r\na\r\nlogin\r\nb password\nc\n\nmachine d user e\npassword f"), wanted)

    def test_quotations(self) -> None:
        for text, password in (
            ('"a b"', "a b"),
            ('"\\\\"', "\\"),
            ('"a\\tb\\n\\r"', "a\tb\n\r"),
            ('""', ""),
            ("a\\tb", "a\\tb"),
        ):
            self.assertEqual(parse_netrc(f"machine a login b password {text}"), [Entry("a", "b", password)])

    def test_what_is_none(self) -> None:
        for text in ("login a", "machine a login", "machine a secret b", 'machine a password "b', "hello"):
            error = self.assertRaises(Malformed, parse_netrc, text)
            self.assertIn("line 1: ", str(error))
            self.assertNotIn("secret", str(error))

    @settings(deadline=None)
    @given(st.text(max_size=80))
    def test_nothing_else_is_raised(self, text: str) -> None:
        try:
            parse_netrc(text)
        except Malformed:
            pass

    @settings(deadline=None)
    @given(st.text(st.characters(blacklist_characters="\n\r", blacklist_categories=("Cs",)), max_size=30))
    def test_any_password_can_be_written(self, password: str) -> None:
        quoted = password.replace("\\", "\\\\").replace('"', '\\"')
        self.assertEqual(parse_netrc(f'machine a login b password "{quoted}"')[0].password, password)


class ChoiceTests(SynchronousTestCase):
    def login(self, host: str, user: str | None = None) -> tuple[str | None, str | None] | None:
        found = login_in(parse_netrc(FILE), host, user)
        return None if found is None else (found.login, found.password)

    def test_the_first_that_fits(self) -> None:
        self.assertEqual(self.login("a.example"), ("mulder", "trustno1"))
        self.assertEqual(self.login("A.Example", "scully"), ("scully", 'sta"r buck'))
        self.assertEqual(self.login("b.example", "anybody"), ("anybody", "only#hash"))

    def test_the_default(self) -> None:
        self.assertEqual(self.login("c.example"), ("anonymous", "me@"))
        self.assertEqual(self.login("b.example"), ("anonymous", "me@"))
        self.assertIsNone(self.login("a.example", "skinner"))

    def test_the_file(self) -> None:
        path = Path(self.mktemp())
        self.assertIsNone(netrc_login(path, "a.example", None))
        path.write_text(FILE)
        self.assertEqual(netrc_login(path, "a.example", "scully"), Login("scully", 'sta"r buck', "x"))
        path.write_text("nonsense trustno1")
        error = self.assertRaises(LocalTrouble, netrc_login, path, "a.example", None)
        self.assertNotIn("trustno1", str(error))
        path.write_bytes(b"#" * (1024 * 1024 + 1))
        self.assertRaises(LocalTrouble, netrc_login, path, "a.example", None)
