"""Authentication-Results: what we write, and whose others are (RFC 8601)."""

from __future__ import annotations

from email import message_from_bytes
from email.policy import default

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from netdaemon.mail.policies.authresults import Finding, authserv_id, ours, results_field
from netdaemon.mail.policies.head import Without
from tests.mail.policies.keys import head_of, spooled


def unfolded(field: bytes) -> str:
    return field.decode().replace("\r\n", "")


class WriteTests(SynchronousTestCase):
    def test_the_field(self) -> None:
        findings = [
            Finding("spf", "pass", [("smtp.mailfrom", "fox@example.org")]),
            Finding("dkim", "fail", [("header.d", "example.org"), ("header.b", "ab+/cd==")], "the body was changed"),
            Finding("dkim", "none"),
        ]
        field = results_field("spam.egg", findings)
        self.assertEqual(
            unfolded(field),
            "Authentication-Results: spam.egg; spf=pass smtp.mailfrom=fox@example.org; dkim=fail "
            'reason="the body was changed" header.d=example.org header.b="ab+/cd=="; dkim=none',
        )
        self.assertTrue(field.endswith(b"\r\n"))
        self.assertTrue(all(len(line) <= 78 for line in field.split(b"\r\n")))

    def test_nothing_was_found(self) -> None:
        self.assertEqual(results_field("spam.egg", []), b"Authentication-Results: spam.egg; none\r\n")

    def test_what_strangers_say_stays_a_value(self) -> None:
        for said, written in (
            ("x; dkim=pass", '"x; dkim=pass"'),
            ('"; dkim=pass', '"\\"; dkim=pass"'),
            ("a\r\nX: y", '"a??X: y"'),
            ("\0\x7f", '"??"'),
            ("ä@ö", '"?@?"'),
            ("(", '"("'),
            ("", '""'),
            ("a@b@c", '"a@b@c"'),
            ("fox@example.org", "fox@example.org"),
            ("\\", '"\\\\"'),
        ):
            field = results_field("spam.egg", [Finding("spf", "none", [("smtp.helo", said)])])
            self.assertEqual(unfolded(field), f"Authentication-Results: spam.egg; spf=none smtp.helo={written}", said)

    @given(st.text(max_size=400), st.text(max_size=400))
    def test_any_words(self, said: str, reason: str) -> None:
        field = results_field("spam.egg", [Finding("spf", "fail", [("smtp.helo", said)], reason)] * 2)
        self.assertTrue(field.isascii())
        self.assertLess(max(map(len, field.split(b"\r\n"))), 998)
        message = message_from_bytes(field + b"\r\nbody", policy=default)
        self.assertEqual(message.keys(), ["Authentication-Results"])
        self.assertEqual(message.get_payload(), "body")


class ReadTests(SynchronousTestCase):
    def test_who_says_so(self) -> None:
        for value, who in (
            (b" spam.egg; none", "spam.egg"),
            (b" SPAM.egg;none", "spam.egg"),
            (b"\r\n\tspam.egg\r\n ; none", "spam.egg"),
            (b" spam.egg 1; spf=pass", "spam.egg"),
            (b" spam.egg 1 (v1); spf=pass", "spam.egg"),
            (b" (a (nested) comment) spam.egg (another); none", "spam.egg"),
            (b' "spam.egg"; none', "spam.egg"),
            (b' "spam\\.egg" 1; none', "spam.egg"),
            (b" spam.egg.; none", "spam.egg"),
            (b" spam.egg", "spam.egg"),
            (b" other.example; spf=pass (spam.egg;)", "other.example"),
            (b" spam.egg.example; none", "spam.egg.example"),
            (b" spam.egg spf=pass", None),
            (b" ; none", None),
            (b"", None),
            (b" (spam.egg; none", None),
            (b" <spam.egg>; none", None),
            (b" \xff; none", None),
        ):
            self.assertEqual(authserv_id(value), who, value)

    def test_what_is_removed(self) -> None:
        octets = (
            b"Authentication-Results: spam.egg; dkim=pass\r\n"
            b"From: a\r\n"
            b"AUTHENTICATION-RESULTS : \r\n\tspam.egg;\r\n\tspf=pass\r\n"
            b"Authentication-Results: other.example; spf=pass\r\n"
            b"Authentication-Results: nobody knows\r\n"
            b"X-Authentication-Results: spam.egg; spf=pass\r\n"
            b"no field\r\n"
            b"Authentication-Results: spam.egg; spf=pass\r\n"
            b"\r\n"
            b"Authentication-Results: spam.egg; in the body\r\n"
        )
        left = Without(spooled(octets), ours(head_of(octets), "Spam.Egg"))
        self.assertEqual(
            left.read(0, 10_000),
            b"From: a\r\n"
            b"Authentication-Results: other.example; spf=pass\r\n"
            b"X-Authentication-Results: spam.egg; spf=pass\r\n"
            b"no field\r\n"
            b"\r\n"
            b"Authentication-Results: spam.egg; in the body\r\n",
        )

    @given(st.binary(max_size=60))
    def test_any_value(self, value: bytes) -> None:
        authserv_id(value)

    @given(st.sampled_from(["spam.egg", "other.example"]), st.text(max_size=30))
    def test_what_we_write_is_ours(self, host: str, said: str) -> None:
        field = results_field(host, [Finding("spf", "none", [("smtp.helo", said)])])
        self.assertEqual(authserv_id(field.partition(b":")[2]), host)
