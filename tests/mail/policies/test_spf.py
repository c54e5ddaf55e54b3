"""SPF's evaluation, against a zone that is not there (RFC 7208)."""

from __future__ import annotations

from twisted.trial.unittest import TestCase

from netdaemon.mail.policies.spf import Verdict, check_host
from tests.mail.policies.zone import TIMEOUT, Zone

MAIL = "192.0.2.10"
OTHER = "198.51.100.1"
V6 = "2001:db8::10"

ZONE = {
    "example.org": ["TXT v=spf1 mx -all", "TXT something else", "MX 10 mail.example.org", "MX 20 mail2.example.org"],
    "mail.example.org": [f"A {MAIL}", f"AAAA {V6}", "TXT v=spf1 a -all"],
    "mail2.example.org": ["A 192.0.2.11"],
    "slow.example": TIMEOUT,
    "nothing.example": ["A 192.0.2.1"],
}


class SPFTestCase(TestCase):
    async def check(
        self,
        record: str,
        result: str,
        *,
        address: str = MAIL,
        sender: str = "fox@test.example",
        **more: list[str] | None,
    ) -> Verdict:
        """What `record` says at test.example; ``more`` are further names, a_b_example for a.b.example."""
        names = {name.replace("__", "-").replace("_", "."): lines for name, lines in more.items()}
        self.zone = Zone({**ZONE, **names, "test.example": [f"TXT {record}"]})
        self.zone.pointers = {MAIL: ["liar.example", "mail.example.org"]}
        verdict = await check_host(self.zone, address, "test.example", sender, helo="helo.example", host="spam.egg")
        self.assertEqual(verdict.result, result, f"{record}: {verdict}")
        return verdict


class RecordTests(SPFTestCase):
    async def test_whose_mail_it_is(self) -> None:
        zone = Zone(ZONE)
        for address, domain, result in (
            (MAIL, "example.org", "pass"),
            ("192.0.2.11", "EXAMPLE.ORG.", "pass"),
            (f"::ffff:{MAIL}", "example.org", "pass"),
            (V6, "example.org", "pass"),
            (OTHER, "example.org", "fail"),
            ("2001:db8::11", "mail.example.org", "fail"),
            (MAIL, "nothing.example", "none"),
            (MAIL, "not-there.example", "none"),
            (MAIL, "slow.example", "temperror"),
            (MAIL, "localhost", "none"),
            (MAIL, "a..b", "none"),
            (MAIL, "", "none"),
            (MAIL, f"{'x' * 64}.example", "none"),
            (MAIL, f"{'x' * 63}.example", "none"),
            (MAIL, "ünï.example", "none"),
            (MAIL, "[192.0.2.10]", "none"),
            ("", "example.org", "none"),
        ):
            verdict = await check_host(zone, address, domain, f"fox@{domain}")
            self.assertEqual(verdict.result, result, (address, domain))

    async def test_which_record(self) -> None:
        for records, result in (
            (["v=spf1 -all"], "fail"),
            (["V=SPF1 -ALL"], "fail"),
            (["v=spf1"], "neutral"),
            (["v=spf10 -all"], "none"),
            (["v=spf1\t-all"], "none"),
            (["v=spf2.0/mfrom -all", "v=spf1 +all"], "pass"),
            (["v=spf1 +all", "v=spf1 +all"], "permerror"),
            (["v=spf1 +all", "v=spf1"], "permerror"),
            ([" v=spf1 +all"], "none"),
        ):
            zone = Zone({"test.example": [f"TXT {record}" for record in records]})
            self.assertEqual((await check_host(zone, MAIL, "test.example", "test.example")).result, result, records)

    async def test_syntax(self) -> None:
        for record, result in (
            ("v=spf1 +all", "pass"),
            ("v=spf1 ?all", "neutral"),
            ("v=spf1 ~all", "softfail"),
            ("v=spf1   -all  ", "fail"),
            ("v=spf1 all:x", "permerror"),
            ("v=spf1 all/8", "permerror"),
            ("v=spf1 -all nonsense", "permerror"),
            ("v=spf1 -all ip4:1.2.3", "permerror"),
            ("v=spf1 -all\tmx", "permerror"),
            ("v=spf1 !all", "permerror"),
            ("v=spf1 --all", "permerror"),
            ("v=spf1 include -all", "permerror"),
            ("v=spf1 include: -all", "permerror"),
            ("v=spf1 exists -all", "permerror"),
            ("v=spf1 ptr: -all", "permerror"),
            ("v=spf1 a: -all", "permerror"),
            ("v=spf1 a:example -all", "permerror"),
            ("v=spf1 a:example.123 -all", "permerror"),
            ("v=spf1 a:example.-x -all", "permerror"),
            ("v=spf1 a:example.org/33 -all", "permerror"),
            ("v=spf1 a:example.org/024 -all", "permerror"),
            ("v=spf1 a:example.org//129 -all", "permerror"),
            ("v=spf1 a:example.org/24/64 -all", "permerror"),
            ("v=spf1 a/24//64 -all", "fail"),
            ("v=spf1 mx:nothing.example//64 -all", "fail"),
            ("v=spf1 ip4 -all", "permerror"),
            ("v=spf1 ip4:192.0.2.10/33", "permerror"),
            ("v=spf1 ip4:192.0.2.10/", "permerror"),
            ("v=spf1 ip4:192.0.2.010", "permerror"),
            ("v=spf1 ip4:2001:db8::1", "permerror"),
            ("v=spf1 ip6:192.0.2.1", "permerror"),
            ("v=spf1 ip6:2001:db8::1%lo", "permerror"),
            ("v=spf1 ip6:2001:db8::/129", "permerror"),
            ("v=spf1 redirect=a.example redirect=a.example", "permerror"),
            ("v=spf1 redirect=", "permerror"),
            ("v=spf1 exp=a.example exp=b.example -all", "permerror"),
            ("v=spf1 unknown=%{d}/x=y -all", "fail"),
            ("v=spf1 unknown=%{q} -all", "permerror"),
            ("v=spf1 unknown=% -all", "permerror"),
            ("v=spf1 exists:%{c}.example -all", "permerror"),
            ("v=spf1 exists:%{d0}.example -all", "permerror"),
            ("v=spf1 exists:%{}.example -all", "permerror"),
            ("v=spf1 exists:%{d.example -all", "permerror"),
            ("v=spf1 exists:%a.example -all", "permerror"),
            ("v=spf1 -all \u00e4", "permerror"),
        ):
            await self.check(record, result)

    async def test_networks(self) -> None:
        for record, address, result in (
            ("v=spf1 ip4:192.0.2.10 -all", MAIL, "pass"),
            ("v=spf1 ip4:192.0.2.10 -all", V6, "fail"),
            ("v=spf1 ip4:192.0.2.99/24 -all", MAIL, "pass"),
            ("v=spf1 ip4:192.0.2.11 -all", MAIL, "fail"),
            ("v=spf1 ip4:0.0.0.0/0 -all", OTHER, "pass"),
            ("v=spf1 ip6:2001:db8::/32 -all", V6, "pass"),
            ("v=spf1 IP6:2001:DB8:0::10 -all", V6, "pass"),
            ("v=spf1 ip6:::/0 -all", V6, "pass"),
            ("v=spf1 a:mail.example.org -all", MAIL, "pass"),
            ("v=spf1 a:mail.example.org//64 -all", "2001:db8::99", "pass"),
            ("v=spf1 a:mail.example.org/28 -all", "192.0.2.14", "pass"),
            ("v=spf1 a:mail.example.org/28 -all", "192.0.2.16", "fail"),
            ("v=spf1 mx:example.org -all", "192.0.2.11", "pass"),
            ("v=spf1 mx:example.org -all", OTHER, "fail"),
            ("v=spf1 ptr -all", MAIL, "fail"),
            ("v=spf1 ptr:example.org -all", MAIL, "pass"),
            ("v=spf1 ptr:mail.example.org -all", MAIL, "pass"),
            ("v=spf1 ptr:ple.org -all", MAIL, "fail"),
            ("v=spf1 ptr:liar.example -all", MAIL, "fail"),
            ("v=spf1 ptr:example.org -all", OTHER, "fail"),
            ("v=spf1 exists:mail2.example.org -all", V6, "pass"),
            ("v=spf1 exists:gone.example.org -all", MAIL, "fail"),
        ):
            verdict = await self.check(record, result, address=address)
            self.assertEqual(verdict.mechanism, record.split(" ")[1] if result == "pass" else "-all")

    async def test_include(self) -> None:
        for included, result in (
            ("v=spf1 ip4:192.0.2.10 -all", "pass"),
            ("v=spf1 -all", "softfail"),
            ("v=spf1 ~all", "softfail"),
            ("v=spf1 ?all", "softfail"),
            ("v=spf1", "softfail"),
            ("nothing", "permerror"),
            ("v=spf1 nonsense", "permerror"),
            ("v=spf1 include:slow.example", "temperror"),
        ):
            await self.check("v=spf1 include:other.example ~all", result, other_example=[f"TXT {included}"])
        await self.check("v=spf1 include:not-there.example ~all", "permerror")

    async def test_redirect(self) -> None:
        for there, result in (("v=spf1 -all", "fail"), ("v=spf1 +all", "pass"), ("x", "permerror")):
            await self.check("v=spf1 redirect=other.example", result, other_example=[f"TXT {there}"])
            await self.check("v=spf1 redirect=other.example ?all", "neutral", other_example=[f"TXT {there}"])
        # what it names then is the other's, macros too
        await self.check(
            "v=spf1 redirect=other.example", "pass", other_example=["TXT v=spf1 exists:%{d}", "A 127.0.0.1"]
        )
        await self.check("v=spf1 redirect=slow.example", "temperror")

    async def test_a_name_server_that_does_not_tell(self) -> None:
        for record in ("include:slow.example", "a:slow.example", "mx:slow.example", "exists:slow.example"):
            await self.check(f"v=spf1 {record} -all", "temperror")
        self.zone = Zone({"test.example": ["TXT v=spf1 ptr -all"]})
        self.zone.pointers = {MAIL: None}
        self.assertEqual((await check_host(self.zone, MAIL, "test.example", "test.example")).result, "fail")


class ExplanationTests(SPFTestCase):
    async def test_macros(self) -> None:
        # section 7.4's names, with their own values
        sender, v4 = "strong-bad@email.test.example", MAIL
        for text, expected in (
            ("%{s}", sender),
            ("%{o} %{d} %{d4}", "email.test.example test.example test.example"),
            ("%{d1} %{dr} %{d2r}", "example example.test example.test"),
            ("%{l} %{l-} %{lr-} %{l1r-}", "strong-bad strong.bad bad.strong strong"),
            ("%{i} %{ir} %{v}", "192.0.2.10 10.2.0.192 in-addr"),
            ("%{h} %{c} %{r} %{t}", f"helo.example {v4} spam.egg 0"),
            ("%{p}", "mail.example.org"),
            ("100%%%_ok%-%{S}", "100% ok%20strong-bad%40email.test.example"),
            ("%{o1}", "example"),
            ("%{o128} %{o99999999999}", "email.test.example email.test.example"),
        ):
            record = "v=spf1 -all exp=why.test.example"
            verdict = await self.check(record, "fail", sender=sender, why_test_example=[f"TXT {text}"])
            self.assertEqual(verdict.explanation, expected, text)
        verdict = await self.check(
            "v=spf1 -all exp=why.test.example", "fail", address=V6, why_test_example=["TXT %{i1r} %{c} %{v} %{p}"]
        )
        self.assertEqual(verdict.explanation, f"2 {V6} ip6 unknown")

    async def test_none(self) -> None:
        for lines in (
            ["TXT one", "TXT two"],
            [],
            TIMEOUT,
            ["TXT %{x}"],
            ["TXT half a %"],
            ["TXT \u00e4"],
            ["TXT one\r\nTwo"],
            ["TXT " + "x" * 401],
        ):
            verdict = await self.check("v=spf1 -all exp=why.test.example", "fail", why_test_example=lines)
            self.assertEqual(verdict.explanation, "", lines)
        await self.check("v=spf1 ~all exp=why.test.example", "softfail")
        self.assertNotIn(("TXT", "why.test.example"), self.zone.asked)

    async def test_whose(self) -> None:
        """The redirected record's own, and never an included one's."""
        texts = {"why_test_example": ["TXT ours"], "why_other_example": ["TXT theirs"]}
        other = ["TXT v=spf1 -all exp=why.other.example"]
        verdict = await self.check(
            "v=spf1 redirect=other.example exp=why.test.example", "fail", other_example=other, **texts
        )
        self.assertEqual(verdict.explanation, "theirs")
        verdict = await self.check(
            "v=spf1 include:other.example -all exp=why.test.example", "fail", other_example=other, **texts
        )
        self.assertEqual(verdict.explanation, "ours")
        verdict = await self.check("v=spf1 include:other.example -all", "fail", other_example=other, **texts)
        self.assertEqual(verdict.explanation, "")

    async def test_macros_in_names(self) -> None:
        zone = Zone(
            {
                "test.example": ["TXT v=spf1 exists:%{ir}.%{v}._spf.%{d2} exists:%{l1r+}.user.%{o} -all"],
                "10.2.0.192.in-addr._spf.test.example": ["A 127.0.0.2"],
                "fox.user.test.example": ["A 127.0.0.2"],
            }
        )
        for address, sender, result in (
            (MAIL, "x@test.example", "pass"),
            (OTHER, "x@test.example", "fail"),
            (OTHER, "fox@test.example", "pass"),
            (OTHER, "fox+mulder@test.example", "pass"),
        ):
            verdict = await check_host(zone, address, "test.example", sender)
            self.assertEqual(verdict.result, result, (address, sender))
        zone.records["test.example"] = ["TXT v=spf1 exists:100%%%_of%-%{d} -all"]
        zone.records["100% of%20test.example"] = ["A 127.0.0.2"]
        self.assertEqual((await check_host(zone, MAIL, "test.example", "test.example")).result, "pass")
        self.assertIn(("A", "1.100.51.198.in-addr._spf.test.example"), zone.asked)

    async def test_no_local_part(self) -> None:
        zone = Zone(
            {"test.example": ["TXT v=spf1 exists:%{l}.test.example -all"], "postmaster.test.example": ["A 1.2.3.4"]}
        )
        for sender in ("test.example", "@test.example"):
            self.assertEqual((await check_host(zone, MAIL, "test.example", sender)).result, "pass")
