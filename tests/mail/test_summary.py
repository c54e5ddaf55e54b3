"""What is kept of a message."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from netdaemon.mail.bodystructure import body_of
from netdaemon.mail.envelope import EMPTY, read_envelope
from netdaemon.mail.parts import find_section
from netdaemon.mail.summary import summarise
from netdaemon.messages.interfaces import Summary
from tests.mail.kit import crlf, cut, cuts
from tests.mail.test_structure import tricky

MESSAGE = crlf("""
Message-ID: <m@x>
References: <a@x>
 <b@x>
In-Reply-To: <c@x>
Date: Sun, 6 Nov 1994 08:49:37 +0000
From: =?utf-8?q?F=C3=BC?= <f@x>
To: t@x,
\tu@x
Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=
 aus Ulm
MIME-Version: 1.0
Content-Type: multipart/alternative; boundary=b

--b
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: quoted-printable

Sch=C3=B6ne
Gr=C3=BC=C3=9Fe
--b
Content-Type: text/html

<p>no</p>
--b--
""")


class SummaryTests(SynchronousTestCase):
    def test_all_of_it(self) -> None:
        summary = summarise([MESSAGE])
        self.assertEqual(
            (summary.msgid, summary.subject, summary.from_, summary.to, summary.date),
            ("<m@x>", "Grüße aus Ulm", "Fü <f@x>", "t@x, u@x", 784111777),
        )
        self.assertEqual(summary.references, ("<a@x>", "<b@x>"))
        self.assertEqual(summary.preview, "Schöne Grüße")
        self.assertEqual(summary.headers_size, MESSAGE.index(b"\r\n\r\n") + 4)
        self.assertEqual(summary.lines, MESSAGE[summary.headers_size :].count(b"\n"))
        self.assertEqual(read_envelope(summary.envelope).date, b"Sun, 6 Nov 1994 08:49:37 +0000")
        self.assertTrue(body_of(summary.bodystructure).startswith(b'(("text" "plain" ("charset" "utf-8") NIL'))
        section = find_section(summary.bodystructure, (2,))
        assert section is not None
        self.assertEqual(MESSAGE[section.body : section.end], b"<p>no</p>")

    def test_nothing(self) -> None:
        for pieces in ([], [b""], [b"", b""]):
            summary = summarise(pieces)
            self.assertEqual(
                (summary.msgid, summary.date, summary.references, summary.lines, summary.headers_size, summary.preview),
                ("", None, (), 0, 0, ""),
            )
            self.assertEqual(summary.envelope, EMPTY)

    def test_in_reply_to_where_there_is_no_references(self) -> None:
        self.assertEqual(summarise([b"In-Reply-To: <a@x>\r\n\r\n"]).references, ("<a@x>",))

    @given(cuts)
    def test_in_pieces(self, at: list[int]) -> None:
        self.assertEqual(summarise(cut(MESSAGE, at)), summarise([MESSAGE]))

    @settings(deadline=None)
    @given(st.one_of(st.binary(max_size=200), tricky), cuts)
    def test_any_octets_have_one(self, octets: bytes, at: list[int]) -> None:
        summary = summarise(cut(octets, at))
        self.assertIsInstance(summary, Summary)
        for text in (summary.msgid, summary.subject, summary.from_, summary.to, summary.preview, *summary.references):
            self.assertNotIn("\0", text)
            text.encode()
