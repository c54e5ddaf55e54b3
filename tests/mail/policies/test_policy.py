"""A section's policies, whatever a message, a record or a client says."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from netdaemon.mail.addresses import Address
from netdaemon.mail.interfaces import Envelope, ISpool, IVisit, MailRefused, Recipient
from netdaemon.mail.policies.policy import Policies
from netdaemon.mail.policies.settings import CheckSettings, SigningFile
from tests.mail.policies.keys import at_once, ed25519_key, head_of, spooled, written
from tests.mail.policies.zone import TIMEOUT, Zone

WORDS = """
    From: To: DKIM-Signature: Authentication-Results: Subject: fox@example.org <a@b.example> example.org v=1;
    a=rsa-sha256; d=example.org; s=one; h=from; bh=AAAA; b=AAAA; l=1; spam.egg; dkim=pass x ( ) " , ; @
"""
MESSAGES = st.lists(
    st.sampled_from([b"\r\n", b"\r\n\r\n", b"\n", b" ", b"\xe4", *map(str.encode, WORDS.split())]), max_size=40
)
TERMS = """
    v=spf1 v=DMARC1; p=reject; p= -all a mx exists:%{l}.x ptr include:example.org v=DKIM1; p=AAAA
"""
RECORDS = st.lists(st.sampled_from(TERMS.split()), max_size=6).map(
    lambda words: [f"TXT {' '.join(words)}", "A 192.0.2.7"]
)
TO = Recipient(Address("dana", "spam.egg"))


async def _through(visit: IVisit, envelope: Envelope, spool: ISpool) -> tuple[bytes, ISpool]:
    await visit.at_recipient(replace(envelope, recipients=()), TO)
    return await visit.at_message(envelope, spool)


class AnythingTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = self.mktemp()
        self.file = written(ed25519_key(), self.folder, "key.pem")

    def policies(self, zone: Zone) -> Policies:
        checks = CheckSettings(listen=(), spf="refuse", dkim="mark", dmarc="refuse", unchecked=())
        return Policies(
            checks=checks,
            signing=[SigningFile("example.org", "one", self.file)],
            host="spam.egg",
            resolver=zone,
            in_thread=at_once,
            clock=Clock(),
            wall=lambda: 1e9,
            data=Path(self.folder),
            chance=lambda: 0.5,
        )

    @given(
        MESSAGES.map(b"".join),
        RECORDS,
        st.one_of(st.just(TIMEOUT), RECORDS),
        st.sampled_from(["example.org", "[192.0.2.7]", "", "x y"]),
        st.sampled_from([None, "fox@example.org", "a@\xfcber.example"]),
        st.sampled_from(["192.0.2.7", "2001:db8::1", "", "::ffff:192.0.2.7"]),
        st.booleans(),
    )
    def test_refused_or_taken_and_nothing_else(
        self, octets: bytes, records: Any, others: Any, helo: str, sender: str | None, peer: str, known: bool
    ) -> None:
        zone = Zone({"example.org": records, "_dmarc.example.org": others, "one._domainkey.example.org": records})
        zone.pointers = {"192.0.2.7": ["example.org"]}
        visit = self.policies(zone).at_connect(peer)
        envelope = Envelope(
            "t", Address(*sender.split("@")) if sender else None, (TO,), peer=peer, helo=helo, trusted=known
        )
        spool = spooled(octets)
        ended = []
        Deferred.fromCoroutine(_through(visit, envelope, spool)).addBoth(ended.append)
        (outcome,) = ended
        if isinstance(outcome, Failure):
            outcome.trap(MailRefused)
            return
        fields, taken = outcome
        self.assertTrue(fields.isascii())
        self.assertTrue(fields == b"" or fields.endswith(b"\r\n"))
        # what is in front is whole fields, and none of the message claims to be ours
        names = [field.name for field in head_of(fields + b"\r\n").fields]
        self.assertTrue(set(names) <= {b"authentication-results", b"dkim-signature"}, names)
        self.assertLessEqual(taken.size, len(octets))
        left = head_of(taken.read(0, len(octets)))
        for field in left.all(b"authentication-results"):
            self.assertNotEqual(field.value.lstrip()[:9].lower(), b"spam.egg;")
