"""What strangers may try with DNS records and messages: nothing takes more look-ups, time or room than it should."""

from __future__ import annotations

import time
from base64 import b64encode
from hashlib import sha256
from typing import Any

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from twisted.trial.unittest import SynchronousTestCase, TestCase

from netdaemon.mail.policies.authresults import authserv_id, ours
from netdaemon.mail.policies.dkimverify import MOST_SIGNATURES, body_hashes, verify
from netdaemon.mail.policies.dmarc import parse_policy
from netdaemon.mail.policies.head import read_head
from netdaemon.mail.policies.resolving import NoSuchName, usable_name
from netdaemon.mail.policies.spf import check_host
from tests.mail.policies.keys import at_once, head_of, record, rsa_key, spooled
from tests.mail.policies.test_dkim import signed
from tests.mail.policies.zone import Zone

MAIL = "192.0.2.10"


class LookUpBombs(TestCase):
    async def result(self, record: str, more: dict[str, Any] | None = None) -> str:
        self.zone = Zone({"test.example": [f"TXT v=spf1 {record}"], **(more or {})})
        return (await check_host(self.zone, MAIL, "test.example", "fox@test.example")).result

    async def test_ten_terms_and_no_more(self) -> None:
        names = {f"{n}.example": ["A 198.51.100.1", "MX 1 0.example", "TXT v=spf1 -all"] for n in range(20)}
        for term in ("a:{}.example", "include:{}.example", "mx:{}.example"):
            for count, result in ((10, "softfail"), (11, "permerror")):
                terms = " ".join(term.format(n) for n in range(count))
                self.assertEqual(await self.result(f"{terms} ~all", names), result, (term, count))

    async def test_ten_through_all_includes(self) -> None:
        chain = {f"{n}.example": [f"TXT v=spf1 include:{n + 1}.example ~all"] for n in range(30)}
        self.assertEqual(await self.result("include:0.example ~all", chain), "permerror")
        self.assertLess(len(self.zone.asked), 13)
        chain["9.example"] = ["TXT v=spf1 +all"]
        self.assertEqual(await self.result("include:0.example ~all", chain), "pass")

    async def test_circles(self) -> None:
        self.assertEqual(await self.result("include:test.example"), "permerror")
        self.assertEqual(await self.result("redirect=test.example"), "permerror")
        wide = " ".join(["include:test.example"] * 100)
        self.assertEqual(await self.result(wide), "permerror")
        self.assertLess(len(self.zone.asked), 13)

    async def test_two_void_look_ups_and_no_more(self) -> None:
        for term in ("a:{}.gone.example", "exists:{}.gone.example", "mx:{}.gone.example"):
            for count, result in ((2, "softfail"), (3, "permerror")):
                terms = " ".join(term.format(n) for n in range(count))
                self.assertEqual(await self.result(f"{terms} ~all"), result, (term, count))
                self.assertLess(len(self.zone.asked), 5)
        # names with no such record are void, too
        empty = {f"{n}.example": ["AAAA 2001:db8::1"] for n in range(3)}
        self.assertEqual(await self.result("a:0.example a:1.example a:2.example ~all", empty), "permerror")

    async def test_ten_hosts_of_a_domain_and_no_more(self) -> None:
        for count, result in ((10, "softfail"), (11, "permerror")):
            hosts = {f"h{n}.example": ["A 198.51.100.1"] for n in range(count)}
            hosts["many.example"] = [f"MX 1 h{n}.example" for n in range(count)]
            self.assertEqual(await self.result("mx:many.example ~all", hosts), result)
        self.assertLess(len(self.zone.asked), 4)

    async def test_ten_names_of_an_address_and_no_more(self) -> None:
        zone = Zone({"test.example": ["TXT v=spf1 ptr:h.example ptr:h.example exists:%{p}.x.example ~all"]})
        zone.records |= {f"{n}.h.example": [f"A {MAIL if n == 10 else '198.51.100.1'}"] for n in range(200)}
        zone.pointers = {MAIL: [f"{n}.h.example" for n in range(200)]}
        verdict = await check_host(zone, MAIL, "test.example", "fox@test.example")
        self.assertEqual(verdict.result, "softfail")  # the eleventh was not looked at
        self.assertLess(len(zone.asked), 15)

    async def test_macros(self) -> None:
        long = "%{s}" * 20_000
        started = time.process_time()
        self.assertEqual(await self.result(f"exists:{long}.example ~all"), "permerror")
        self.assertEqual(await self.result(f"x={long} ~all"), "softfail")
        self.assertEqual(
            await self.result("exists:" + "%{s99999999999999999999r.-+,/_=}" * 500 + ".example ~all"), "softfail"
        )
        self.assertEqual(await self.result("exists:" + "%{" * 30_000), "permerror")
        self.assertEqual(await self.result("a " * 30_000), "permerror")
        verdict = await check_host(
            Zone({"test.example": ["TXT v=spf1 -all exp=why.example"], "why.example": [f"TXT {long}"]}),
            MAIL,
            "test.example",
            f"{'x' * 60}@test.example",
        )
        self.assertEqual((verdict.result, verdict.explanation), ("fail", ""))
        self.assertLess(time.process_time() - started, 5.0)


class MessageBombs(TestCase):
    async def test_many_signatures(self) -> None:
        value = b"v=1; a=rsa-sha256; d=%d.example; s=x; h=from; bh=%b; b=AAAA"
        body = b64encode(sha256(b"x\r\n").digest())
        octets = b"".join(b"DKIM-Signature: " + value % (n, body) + b"\r\n" for n in range(3000))
        octets += b"From: a@b\r\n\r\nx\r\n"
        zone = Zone({})
        checked = await verify(spooled(octets), head_of(octets), zone, at_once, 0.0)
        self.assertEqual(len(checked), MOST_SIGNATURES)
        self.assertEqual(len(zone.asked), MOST_SIGNATURES)

    async def test_one_that_signs_a_field_many_times(self) -> None:
        value = b"v=1; a=rsa-sha256; d=a.example; s=x; bh=%b; b=AAAA; h=" % b64encode(sha256(b"x\r\n").digest())
        fields = b"X: y\r\n" * 100_000 + b"From: a@b\r\n\r\nx\r\n"
        octets = b"DKIM-Signature: " + value + b":".join([b"x"] * 900 + [b"from"]) + b"\r\n" + fields
        zone = Zone({"x._domainkey.a.example": [record(rsa_key())]})
        (checked,) = await verify(spooled(octets), head_of(octets), zone, at_once, 0.0)
        self.assertEqual((checked.result, checked.reason), ("fail", "the header was changed"))
        many = octets.replace(b"h=x", b"h=x" + b":x" * 200)
        (checked,) = await verify(spooled(many), head_of(many), zone, at_once, 0.0)
        self.assertEqual((checked.result, checked.reason), ("neutral", "no names of fields in h="))

    async def test_keys_without_number_or_end(self) -> None:
        octets = signed()
        good = record(rsa_key())
        for lines, result in (
            (["TXT x"] * 3 + [good], "permerror"),
            (["TXT x"] * 2 + [good], "pass"),
            ([good + "; n=" + "x" * 20_000], "permerror"),
            (["TXT v=DKIM1; p=" + "A" * 60_000], "permerror"),
        ):
            zone = Zone({"one._domainkey.example.org": lines})
            checked = await verify(spooled(octets), head_of(octets), zone, at_once, 2e9)
            self.assertEqual(checked[0].result, result)

    async def test_rsa_keys_that_are_weak_or_dear(self) -> None:
        modulus = rsa_key().public_key().public_numbers().n
        message = signed()
        for numbers in (
            RSAPublicNumbers((1 << 2000) + 1, modulus),
            RSAPublicNumbers(65537, (1 << 1022) + 1),
            RSAPublicNumbers(65537, (1 << 8192) + 1),
        ):
            octets = numbers.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
            zone = Zone({"one._domainkey.example.org": [f"TXT p={b64encode(octets).decode()}"]})
            checked = await verify(spooled(message), head_of(message), zone, at_once, 2e9)
            self.assertEqual(checked[0].result, "policy")


class TimeBombs(SynchronousTestCase):
    """Each of these takes minutes where somebody looks again and again at the same octets."""

    def test_bodies(self) -> None:
        for octets in (
            (b" " * 996 + b"x\r\n") * 3000,
            b" " * 3_000_000,
            b"\r\n" * 1_500_000,
            b" \r\n" * 1_000_000,
            b"\r" * 3_000_000,
            b"\r\r\n" * 1_000_000,
            b"\t \t" * 1_000_000 + b"x",
        ):
            started = time.process_time()
            body_hashes(spooled(octets), 0, {"simple", "relaxed"})
            self.assertLess(time.process_time() - started, 10.0)

    def test_headers(self) -> None:
        size = 1_000_000
        for octets in (
            b"a:" + b" " * size,
            b"a:\r\n" + b" \r\n" * (size // 3),
            b"\r\n ".join([b"DKIM-Signature: x"] * (size // 20)),
            b"Authentication-Results:" + b"(" * size,
            b"Authentication-Results:" + b"()" * (size // 2),
            b'Authentication-Results:"' + b"\\" * size,
            b"Authentication-Results: " + b"1" * size,
            b"Authentication-Results: a\r\n" * (size // 30),
            b"\r" * size,
            b":" * size,
        ):
            started = time.process_time()
            head = read_head(spooled(octets))
            ours(head, "spam.egg")
            self.assertLess(time.process_time() - started, 10.0, octets[:40])

    def test_values(self) -> None:
        for octets in (b"(" * 500_000, b'"' + b"\\ " * 250_000, b" " * 500_000 + b"x", b"v=DMARC1;" + b"p=;" * 100_000):
            started = time.process_time()
            authserv_id(octets)
            parse_policy(octets)
            self.assertLess(time.process_time() - started, 5.0)


class InjectionTests(TestCase):
    async def test_names_that_would_be_something_else(self) -> None:
        zone = Zone({"test.example": ["TXT v=spf1 exists:%{l}.%{h}.test.example -all"]})
        for local in ("a\r\nb", "a\0b", "a b", "ü", "a..b", "*", "x" * 64, 'a"b', "a\\.b"):
            for helo in ("h.example", "x\r\nRCPT TO:<y>", "[192.0.2.1]", "", "ü.example", "-", "a" * 5000):
                verdict = await check_host(zone, MAIL, "test.example", f"{local}@test.example", helo=helo)
                self.assertIn(verdict.result, ("fail", "permerror"), (local, helo))
        for _, name in zone.asked:
            try:
                self.assertTrue(usable_name(name).isprintable())
            except NoSuchName:
                continue

    async def test_what_an_explanation_may_not_hold(self) -> None:
        for text in ("x\r\n250 OK", "x\x1b[2J", "x\0", "\xff", "%{l}", "x\u2028y"):
            zone = Zone({"test.example": ["TXT v=spf1 -all exp=why.example"], "why.example": [f"TXT {text}"]})
            verdict = await check_host(zone, MAIL, "test.example", "a\r\nb@test.example")
            self.assertEqual((verdict.result, verdict.explanation), ("fail", ""), text)
