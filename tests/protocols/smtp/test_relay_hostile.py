"""What a hostile next host, or a hostile client before, may write into reports, books and terminals."""

from __future__ import annotations

import email
import email.policy

from hypothesis import given, settings
from hypothesis import strategies as st

from netdaemon.mail.addresses import Address, parse_address
from netdaemon.mail.interfaces import Recipient
from netdaemon.protocols.smtp.hops import Answer
from netdaemon.protocols.smtp.sending import LONGEST_REPLY
from tests.protocols.smtp.relaying import RelayCase

EVIL = "no\r\nBcc: everybody@x.example\r\n\r\n\x1b[31m\x00\u202e" + "x" * 5000


class HostileTests(RelayCase):
    def test_a_reply_is_no_field(self) -> None:
        self.host("far.example", lambda to: Answer(550, "5.1.1", EVIL))
        self.relay()
        self.send("fox@far.example")
        (report,) = self.office.mail("mulder")
        for line in report.split(b"\r\n"):
            self.assertFalse(line.lower().startswith(b"bcc:"), line)
            self.assertLessEqual(len(line), 998)
            self.assertFalse({0, 10, 13, 27} & set(line), line)

    def test_it_is_kept_short(self) -> None:
        self.host("far.example", lambda to: Answer(450, "4.0.0", EVIL))
        self.relay()
        self.send("fox@far.example")
        self.assertEqual(len(self.letters()[0].addressees[0].reply), LONGEST_REPLY)

    def test_addresses_that_must_be_quoted(self) -> None:
        """They come through the books, the envelope and the report as they were."""
        far = self.host("far.example", lambda to: Answer(550, "5.1.1", "no"))
        self.relay()
        odd = Address('a "b\\c", <d>@e', "far.example")
        self.send(Recipient(odd))
        self.assertEqual(far.envelopes[0].recipients[0].address, odd)
        self.assertIn(rb'Final-Recipient: rfc822;"a \"b\\c\", <d>@e"@far.example', self.office.mail("mulder")[0])

    @settings(max_examples=60, deadline=None)
    @given(
        st.text(max_size=80),
        st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=40),
        st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=40),
        st.sampled_from(["fox@far.example", "föx@far.example", '"f o x"@far.example']),
        st.binary(max_size=60),
    )
    def test_whatever_is_said(self, reply: str, original: str, envelope_id: str, to: str, header: bytes) -> None:
        """There is one report, and another's parser reads it: three parts, one recipient, whose address it has."""
        self.set_up_in(None)
        self.hosts.clear()
        self.host("far.example", lambda name: Answer(554, "5.7.1", reply))
        relay = self.relay()
        octets = header.replace(b"\0", b"") + b"\r\n\r\nbody\r\n"
        recipient = Recipient(parse_address(to), original=original)
        self.send(recipient, envelope_id=envelope_id, octets=octets, utf8=True)
        self.assertEqual(self.letters(), [])
        (report,) = self.office.mail("mulder")
        parsed = email.message_from_bytes(report, policy=email.policy.default)
        self.assertEqual(parsed.get_content_type(), "multipart/report")
        self.assertEqual(len(list(parsed.iter_parts())), 3)
        self.assertEqual(parsed["To"], "mulder@spam.egg")
        status = list(parsed.iter_parts())[1].get_payload()
        self.assertEqual(len([part for part in status if part["Final-Recipient"]]), 1)
        relay.wake()
