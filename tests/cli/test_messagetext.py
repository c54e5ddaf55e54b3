"""A message as text for a terminal."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from netdaemon.cli.messagetext import as_text, heading

MIXED = b"""\
From: =?utf-8?q?Fox_M=C3=BClder?= <mulder@spam.egg>
To: scully@spam.egg
Date: Wed, 25 Nov 2026 21:17:00 +0000
Subject: =?iso-8859-1?q?The_truth_=E9?=
X-Noise: not shown
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=b

--b
Content-Type: multipart/alternative; boundary=c

--c
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: quoted-printable

It is =C3=BCberall.
--c
Content-Type: text/html

<p>It is <b>everywhere</b>.
--c--
--b
Content-Type: application/pdf; name="x.pdf"
Content-Disposition: attachment; filename*=utf-8''gr%C3%BCn.pdf
Content-Transfer-Encoding: base64

AAAA
--b
Content-Type: message/rfc822

Subject: within

x
--b--
""".replace(b"\n", b"\r\n")


class AsTextTests(SynchronousTestCase):
    def test_parts(self) -> None:
        self.assertEqual(
            as_text(MIXED),
            "From: Fox M\u00fclder <mulder@spam.egg>\n"
            "To: scully@spam.egg\n"
            "Date: Wed, 25 Nov 2026 21:17:00 +0000\n"
            "Subject: The truth \u00e9\n"
            "\n"
            "It is \u00fcberall.\n"
            "\n"
            "[gr\u00fcn.pdf: application/pdf, 3 octets]\n"
            "[without a name: message/rfc822, 20 octets]\n",
        )

    def test_html_alone(self) -> None:
        page = (
            b"Content-Type: text/html; charset=utf-8\r\n\r\n<html><head><title>t</title><style>x{}</style></head>"
            b"<body><h1>Hello</h1><p>A &amp; B\r\n  C<br>D</p><script>evil()</script><ul><li>1<li>2</ul>"
        )
        self.assertEqual(as_text(page), "\nHello\n\nA & B C\nD\n\n1\n2\n")

    def test_nothing_controls_the_terminal(self) -> None:
        message = (
            b"Subject: a\x1b[2J\x07b\r\nFrom: \xe2\x80\xaex\r\n\r\n\x1b]0;title\x07\xc2\x9b\r\nx\x00\r\n\ty\xe2\x80\xae"
        )
        self.assertEqual(as_text(message), "From: x\nSubject: a[2Jb\n\n]0;title\nx\n        y\n")

    def test_odd_ones(self) -> None:
        self.assertEqual(as_text(b""), "\n")
        self.assertEqual(as_text(b"\r\njust text"), "\njust text\n")
        self.assertEqual(as_text(b"Subject: x"), "Subject: x\n\n")
        self.assertEqual(as_text(b"Content-Type: multipart/alternative; boundary=b\r\n\r\n--b--\r\n"), "")

    @given(st.binary(max_size=300))
    def test_anything(self, message: bytes) -> None:
        as_text(message)
        heading(message, str)


class HeadingTests(SynchronousTestCase):
    def test_it(self) -> None:
        self.assertEqual(
            heading(MIXED, lambda second: f"@{second}"),
            ("@1795641420", "Fox M\u00fclder <mulder@spam.egg>", "The truth \u00e9"),
        )
        self.assertEqual(heading(b"", str), ("-", "-", "-"))
        self.assertEqual(heading(b"Subject: a\tb\r\n c\r\n", str), ("-", "-", "a b c"))

    def test_a_year_nobody_has(self) -> None:
        def moment(second: int) -> str:
            raise OverflowError

        self.assertEqual(heading(b"Date: 1 Jan 9999 00:00 +0000\r\n", moment)[0], "-")
