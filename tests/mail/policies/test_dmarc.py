"""DMARC: what domains publish, what is aligned, what follows (RFC 7489)."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase, TestCase

from netdaemon.mail.policies.dmarc import DMARC, Known, Outcome, Policy, parse_policy
from netdaemon.mail.policies.suffixes import organizational
from tests.mail.policies.zone import TIMEOUT, Zone


class RecordTests(SynchronousTestCase):
    def test_records(self) -> None:
        for record, policy in (
            ("v=DMARC1; p=none", Policy("none", "none")),
            ("v=DMARC1;p=REJECT;", Policy("reject", "reject")),
            (
                "v=DMARC1; p=reject; sp=quarantine; pct=5; adkim=s; aspf=s",
                Policy("reject", "quarantine", True, True, 5),
            ),
            ("v=DMARC1; p=reject; pct=101; x=y", Policy("reject", "reject")),
            ("v=DMARC1; p=reject; pct=-1", Policy("reject", "reject")),
            ("v=DMARC1; p=bad; rua=mailto:a@b", Policy("none", "none")),
            ("v=DMARC1; rua=mailto:a@b", Policy("none", "none")),
            ("v=DMARC1; p=bad", None),
            ("v=DMARC1", None),
            ("v=DMARC1; p=none; p=reject", None),
            ("v=DMARC10; p=none", None),
            ("v=dmarc1; p=none", None),
            (" v=DMARC1; p=none", None),
            ("p=none; v=DMARC1", None),
            ("v=DMARC1; p=none; ä=b", None),
            ("v=DMARC1; p=none; x=" + "y" * 5000, None),
        ):
            self.assertEqual(parse_policy(record.encode()), policy, record)

    @given(st.binary(max_size=80))
    def test_any_record(self, octets: bytes) -> None:
        parse_policy(octets)
        parse_policy(b"v=DMARC1;" + octets)


class DMARCTests(TestCase):
    async def evaluate(
        self, *authors: str, records: dict[str, Any], chance: float = 0.5, **known: list[str]
    ) -> tuple[str, str, str]:
        zone = Zone(
            {f"_dmarc.{domain}": lines and [f"TXT {line}" for line in lines] for domain, lines in records.items()}
        )
        outcome = await DMARC(zone, organizational(), lambda: chance).evaluate(authors, Known(**known))
        return outcome.result, outcome.policy, outcome.disposition

    async def test_alignment(self) -> None:
        for tags, known, result in (
            ("", {"spf": ["example.org"]}, "pass"),
            ("", {"dkim": ["example.org"]}, "pass"),
            ("", {"dkim": ["mail.example.org"]}, "pass"),
            ("; adkim=s", {"dkim": ["mail.example.org"]}, "fail"),
            ("; adkim=s", {"dkim": ["x.example", "example.org"]}, "pass"),
            ("; adkim=s", {"spf": ["mail.example.org"]}, "pass"),
            ("; aspf=s", {"spf": ["mail.example.org"]}, "fail"),
            ("", {"spf": ["example.com"], "dkim": ["org"]}, "fail"),
            ("", {}, "fail"),
        ):
            found = await self.evaluate("example.org", records={"example.org": [f"v=DMARC1; p=reject{tags}"]}, **known)
            self.assertEqual(found, (result, "reject", "reject" if result == "fail" else "none"), (tags, known))

    async def test_organizations(self) -> None:
        reject = ["v=DMARC1; p=reject"]
        for author, other, result in (
            ("a.example.co.uk", "b.example.co.uk", "pass"),
            ("a.example.co.uk", "example.co.uk", "pass"),
            ("one.co.uk", "two.co.uk", "fail"),
            ("one.github.io", "two.github.io", "fail"),
            ("a.city.kawasaki.jp", "city.kawasaki.jp", "pass"),
            ("a.made-up-suffix", "b.a.made-up-suffix", "pass"),
            ("one.made-up-suffix", "two.made-up-suffix", "fail"),
        ):
            ((found, _, _)) = await self.evaluate(author, records={author: reject}, dkim=[other])
            self.assertEqual(found, result, (author, other))

    async def test_where_it_is_published(self) -> None:
        both = {"example.org": ["v=DMARC1; p=reject; sp=quarantine"], "own.example.org": ["v=DMARC1; p=none"]}
        self.assertEqual(await self.evaluate("example.org", records=both), ("fail", "reject", "reject"))
        self.assertEqual(await self.evaluate("own.example.org", records=both), ("fail", "none", "none"))
        self.assertEqual(await self.evaluate("a.b.example.org", records=both), ("fail", "quarantine", "quarantine"))
        self.assertEqual(await self.evaluate("other.example", records=both), ("none", "none", "none"))
        two = {"example.org": ["v=DMARC1; p=reject", "v=DMARC1; p=none"]}
        self.assertEqual(await self.evaluate("example.org", records=two), ("none", "none", "none"))
        other = {"example.org": ["v=spf1 -all", "v=DMARC1; p=reject"]}
        self.assertEqual(await self.evaluate("example.org", records=other), ("fail", "reject", "reject"))
        self.assertEqual(
            await self.evaluate("example.org", records={"example.org": TIMEOUT}), ("temperror", "none", "none")
        )
        # what the suffix itself publishes is nobody's
        self.assertEqual(
            await self.evaluate("one.co.uk", records={"co.uk": ["v=DMARC1; p=reject"]}), ("none", "none", "none")
        )

    async def test_percent(self) -> None:
        for policy, percent, chance, disposition in (
            ("reject", 100, 0.999, "reject"),
            ("reject", 30, 0.299, "reject"),
            ("reject", 30, 0.3, "quarantine"),
            ("quarantine", 30, 0.29, "quarantine"),
            ("quarantine", 30, 0.3, "none"),
            ("reject", 0, 0.0, "quarantine"),
            ("none", 0, 0.0, "none"),
        ):
            records = {"example.org": [f"v=DMARC1; p={policy}; pct={percent}"]}
            found = await self.evaluate("example.org", records=records, chance=chance)
            self.assertEqual(found, ("fail", policy, disposition))

    async def test_what_could_not_be_looked_up(self) -> None:
        records = {"example.org": ["v=DMARC1; p=reject"], "mild.example": ["v=DMARC1; p=quarantine"]}
        for author, known, disposition in (
            ("example.org", {"unsure_spf": ["example.org"]}, "defer"),
            ("example.org", {"unsure_dkim": ["a.example.org"]}, "defer"),
            ("example.org", {"unsure_dkim": ["example.com"]}, "reject"),
            ("mild.example", {"unsure_dkim": ["mild.example"]}, "quarantine"),
        ):
            self.assertEqual((await self.evaluate(author, records=records, **known))[2], disposition, author)

    async def test_several_authors(self) -> None:
        records = {"example.org": ["v=DMARC1; p=reject"], "mild.example": ["v=DMARC1; p=none"]}
        for known, expected in (
            ({}, ("fail", "reject", "reject")),
            ({"dkim": ["example.org"]}, ("fail", "none", "none")),
            ({"dkim": ["mild.example"]}, ("fail", "reject", "reject")),
            ({"dkim": ["mild.example", "example.org"]}, ("pass", "none", "none")),
        ):
            found = await self.evaluate("mild.example", "example.org", "mild.example", records=records, **known)
            self.assertEqual(found[::2], expected[::2], known)
        self.assertEqual((await self.evaluate(records=records))[0], "none")
        crowd = [f"{n}.example" for n in range(6)]
        self.assertEqual(await self.evaluate(*crowd, records=records), ("permerror", "reject", "reject"))
        self.assertEqual(await self.evaluate(*crowd[:5], records=records), ("none", "none", "none"))
        self.assertEqual(Outcome("none").disposition, "none")
