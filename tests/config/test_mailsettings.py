"""[mail]: values of its own, and what it finds wrong."""

from __future__ import annotations

from netdaemon.config.mailsettings import HostPort
from tests.config.ini import GOOD, IniTests


class MailTests(IniTests):
    def test_values(self) -> None:
        (self.folder / "aliases").touch()
        mail = self.parse(
            f"{GOOD}[mail]\ndomains = Spam.Egg other.example\naliases = aliases\nsmarthost = [::1]:2525\n"
            "retry = 1m 1h30m\nrequire-tls = bank.example\nresolvers = 127.0.0.1:5353 ::1\nseparator =\n"
        ).mail
        self.assertEqual(mail.domains, ("spam.egg", "other.example"))
        self.assertEqual(mail.aliases, self.folder / "aliases")
        self.assertEqual((mail.smarthost, str(mail.smarthost)), (HostPort("::1", 2525), "[::1]:2525"))
        self.assertEqual(mail.retry, (60.0, 5400.0))
        self.assertEqual(mail.require_tls, ("bank.example",))
        self.assertEqual(mail.resolvers, (HostPort("127.0.0.1", 5353), HostPort("::1")))
        self.assertEqual(mail.separator, "")

    def test_defaults(self) -> None:
        mail = self.parse(GOOD).mail
        self.assertEqual(
            (mail.retry, mail.warn_after, mail.give_up_after), ((300, 900, 1800, 3600, 10_800), 14_400, 432_000)
        )
        self.assertEqual((mail.smarthost, mail.separator, mail.port), (None, "+", 25))

    def test_wrong_values(self) -> None:
        text = "[mail]\ndomains = -x\nsmarthost = a:0\nresolvers = 1.2.3\nretry = 5m 0s\nport = 0\n"
        self.assertEqual(self.problems(GOOD + text), [
            "6: [mail] domains: '-x' is not a host's name such as mail.example.org (xn--... if not ASCII)",
            "7: [mail] smarthost: 'a:0': '0' is not a port from 1 to 65535",
            "8: [mail] resolvers: '1.2.3': '1.2.3' is not an IP address",
            "9: [mail] retry: durations of a second or more are wanted, such as 5m 15m 1h",
            "10: [mail] port: '0' is not a whole number from 1 to 65535",
        ])  # fmt: skip

    def test_keys_that_do_not_go_together(self) -> None:
        text = "[mail]\nsmarthost-user = a\nsmarthost-password = b\nsmarthost-tls = never\nseparator = ++\n"
        text += "catch-all = a b\naliases = none\nwarn-after = 6d\n"
        self.assertEqual(self.problems(GOOD + text), [
            "6: [mail] smarthost-user goes with smarthost, which is not set",
            "8: [mail] a password is not sent without verified TLS: never won't do",
            "9: [mail] '++' is not one character such as + or -",
            "10: [mail] 'a b' is neither an account nor an alias nor an address",
            f"11: [mail] {self.folder}/none does not exist",
            "12: [mail] warn-after is not shorter than give-up-after",
        ])  # fmt: skip
        self.assertEqual(
            self.problems(
                f"{GOOD}[mail]\nsmarthost = a\nsmarthost-password = b\ngive-up-after = 0s\nresolvers = ns.x\n"
            ),
            [
                "7: [mail] smarthost-password goes with smarthost-user, which is not set",
                "8: [mail] give-up-after must be longer than 0",
                "9: [mail] name servers are told by their addresses",
            ],
        )
