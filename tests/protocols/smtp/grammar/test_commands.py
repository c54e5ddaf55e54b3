"""Command lines, whole, cut short, and with bytes behind."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from netdaemon.mail import Malformed
from netdaemon.mail.addresses import Address
from netdaemon.protocols.smtp.grammar.commands import (
    parse_auth,
    parse_bdat,
    parse_greeting,
    parse_mail,
    parse_parameters,
    parse_rcpt,
    parse_string,
)
from netdaemon.protocols.smtp.grammar.parameters import (
    MailParameters,
    Unknown,
    mail_parameters,
    rcpt_parameters,
    write_date,
    write_envid,
)
from netdaemon.protocols.smtp.grammar.xclient import Client, parse_xclient

ALL = ("SIZE", "BODY", "SMTPUTF8", "AUTH", "RET", "ENVID", "REQUIRETLS", "BY", "HOLDFOR", "HOLDUNTIL")
A = Address("a", "example.org")


class PathTests(SynchronousTestCase):
    def test_mail(self) -> None:
        self.assertEqual(parse_mail(b"FROM:<a@example.org>"), (A, {}))
        self.assertEqual(parse_mail(b"FROM:<>"), (None, {}))
        self.assertEqual(
            parse_mail(b"FROM:<a@example.org>  SIZE=1  body=8BITMIME "), (A, {"SIZE": b"1", "BODY": b"8BITMIME"})
        )
        self.assertEqual(parse_mail("FROM:<\xe9@example.org> SMTPUTF8".encode())[0], Address("\xe9", "example.org"))

    def test_every_beginning_of_it(self) -> None:
        whole = b"FROM:<a@example.org>"
        for end in range(len(whole)):
            with self.assertRaises(Malformed):
                parse_mail(whole[:end])
        for behind in (b"x", b">", b"<", b"\tSIZE=1", b"\r\n", b" \r\n", b"\0", b" SIZE=1\r\n"):
            with self.assertRaises(Malformed):
                parse_mail(whole + behind)

    def test_rcpt(self) -> None:
        self.assertEqual(parse_rcpt(b"TO:<a@example.org> NOTIFY=NEVER", "spam.egg"), (A, {"NOTIFY": b"NEVER"}))
        self.assertEqual(parse_rcpt(b"to:<postmaster>", "spam.egg"), (Address("postmaster", "spam.egg"), {}))
        with self.assertRaises(Malformed):
            parse_rcpt(b"TO:<>", "spam.egg")

    @given(st.binary(max_size=80))
    def test_nothing_else_is_raised(self, text: bytes) -> None:
        for parse in (
            parse_mail, lambda line: parse_rcpt(line, "x"), parse_parameters, parse_bdat, parse_auth, parse_string,
            parse_greeting, parse_xclient, lambda line: parse_mail(b"FROM:<" + line),
            lambda line: parse_xclient(b"NAME=" + line),
        ):  # fmt: skip
            try:
                parse(text)
            except Malformed:
                pass


class ParameterTests(SynchronousTestCase):
    def parse(self, text: bytes) -> MailParameters:
        return mail_parameters(parse_parameters(text), ALL)

    def test_values(self) -> None:
        self.assertEqual(self.parse(b""), MailParameters())
        self.assertEqual(self.parse(b"SIZE=00012").size, 12)
        self.assertEqual(self.parse(b"BODY=binarymime").body, "BINARYMIME")
        self.assertEqual(self.parse(b"AUTH=<>").auth, None)
        self.assertEqual(self.parse(b"AUTH=a+40example.org").auth, A)
        self.assertEqual(self.parse(b"RET=hdrs").return_full, False)
        self.assertEqual(self.parse(b"BY=-5;n").by, (-5, "N"))
        self.assertEqual(self.parse(b"HOLDUNTIL=2001-09-09T03:46:40+02:00").hold_until, 1e9)
        with self.assertRaises(Unknown):
            mail_parameters(parse_parameters(b"SIZE=1"), ())
        self.assertEqual(
            rcpt_parameters(parse_parameters(b"NOTIFY=success,failure"), ("NOTIFY",)).notify, {"SUCCESS", "FAILURE"}
        )

    @given(st.sampled_from(ALL), st.binary(max_size=40))
    def test_nothing_else_is_raised(self, name: str, value: bytes) -> None:
        for given_value in (value, None):
            try:
                mail_parameters({name: given_value}, ALL)
            except Malformed:
                pass

    @given(st.sampled_from(["NOTIFY", "ORCPT"]), st.binary(max_size=40), st.booleans())
    def test_nor_by_rcpts(self, name: str, value: bytes, utf8: bool) -> None:
        try:
            rcpt_parameters({name: value}, ("NOTIFY", "ORCPT"), utf8=utf8)
        except Malformed:
            pass

    def test_written(self) -> None:
        self.assertEqual(write_date(1e9), "2001-09-09T01:46:40Z")
        self.assertEqual(write_envid("a b"), b"a+20b")
        for envelope_id in ("x" * 101, "a\r\nb", "\xe9"):
            with self.assertRaises(Malformed):
                write_envid(envelope_id)


class OtherTests(SynchronousTestCase):
    def test_bdat(self) -> None:
        self.assertEqual(parse_bdat(b"10"), (10, False))
        self.assertEqual(parse_bdat(b"10 Last"), (10, True))
        for argument in (b"", b"-1", b"1 2", b"1LAST", b"\xb2", b"1\n"):
            with self.assertRaises(Malformed):
                parse_bdat(argument)

    def test_auth(self) -> None:
        self.assertEqual(parse_auth(b"PLAIN"), ("PLAIN", None))
        self.assertEqual(parse_auth(b"PLAIN ="), ("PLAIN", b"="))
        for argument in (b"", b" PLAIN", b"PLAIN a b", b"PL\xc4IN"):
            with self.assertRaises(Malformed):
                parse_auth(argument)

    def test_strings(self) -> None:
        self.assertEqual(parse_string(b"Fox Mulder"), ("Fox Mulder", False))
        self.assertEqual(parse_string("m\xfcller SMTPUTF8".encode()), ("m\xfcller", True))
        self.assertEqual(parse_string(b"SMTPUTF8"), ("SMTPUTF8", False))

    def test_xclient(self) -> None:
        self.assertEqual(parse_xclient(b"NAME=a.b ADDR=1.2.3.4 PORT=25 HELO=x"), Client("a.b", "1.2.3.4", 25, "x"))
        self.assertEqual(parse_xclient(b"addr=IPV6:::1 NAME=[UNAVAILABLE]"), Client("", "::1"))
