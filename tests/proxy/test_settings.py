"""[proxy] as an operator writes it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from netdaemon.config.keys import keys
from netdaemon.proxy import ProxySettings, proxy

VALUES = {key.name: key.value for _, key in keys(ProxySettings)}
HERE = Path()


def parse(name: str, text: str) -> Any:
    return VALUES[name].parse(text, HERE)


class ValueTests(SynchronousTestCase):
    def test_what_is_shown_reads_back(self) -> None:
        for name, text in (
            ("allow", "a.example *.b.example * c.example:80 *:443 [2001:db8::1] [2001:db8::1]:8080 192.0.2.1"),
            ("connect-ports", "443 563 8000-8999"),
            ("upstream", "http://proxy.example:3128"),
            ("via", "proxy.example"),
        ):
            value = parse(name, text)
            self.assertEqual(VALUES[name].show(value), text)
            self.assertEqual(parse(name, VALUES[name].show(value)), value)

    def test_ports(self) -> None:
        self.assertEqual(parse("connect-ports", "*"), ((1, 65535),))
        for text in ("0", "65536", "5-4", "a", "-", "1-", "443,563"):
            self.assertRaises(ValueError, parse, "connect-ports", text)

    def test_hosts(self) -> None:
        self.assertEqual(parse("deny", "BÜCHER.example.")[0].name, "xn--bcher-kva.example")
        for text in ("*a.example", "a.*", "a:b", "a:0", "a:99999", "http://a", "a/b", "*.", "[::1", "::1", "a b@c"):
            self.assertRaises(ValueError, parse, "deny", text)

    def test_an_upstream_with_a_password(self) -> None:
        one = parse("upstream", "http://me:p%40ss%3Aword@proxy.example")
        self.assertEqual((one.host, one.port, one.user, one.password), ("proxy.example", 80, "me", "p@ss:word"))
        self.assertNotIn("p@ss", repr(one))
        self.assertEqual(VALUES["upstream"].show(one), "http://me:***@proxy.example:80")

    def test_an_error_does_not_say_the_password(self) -> None:
        for text in (
            "https://me:secret@a",
            "http://me:secret@",
            "http://me:secret@a/b",
            "socks://me:secret@a",
            "me:secret@a:1",
        ):
            error = self.assertRaises(ValueError, parse, "upstream", text)
            self.assertNotIn("secret", str(error))

    def test_names(self) -> None:
        for text in ("a b", "a,b", "a(b)", "a/b", "ü"):
            self.assertRaises(ValueError, parse, "via", text)


class SettingsTests(SynchronousTestCase):
    def test_defaults_keep_everybody_out_of_the_house(self) -> None:
        made = ProxySettings(listen=())
        self.assertEqual([str(one) for one in made.allow_clients], ["127.0.0.0/8", "::1/128"])
        self.assertEqual((made.allow_loopback, made.allow_private, made.forwarded_for), (False, False, False))
        self.assertEqual([str(one) for one in made.connect_ports], ["443", "563"])
        self.assertEqual(list(made.problems()), [])

    def test_problems(self) -> None:
        made = ProxySettings(listen=(), answer_timeout=0.0, upstream_exceptions=parse("deny", "a"))
        self.assertEqual([name for name, _ in made.problems()], ["answer-timeout", "upstream-exceptions"])

    def test_the_kind(self) -> None:
        self.assertEqual((proxy.name, proxy.alpn), ("proxy", (b"http/1.1",)))
