"""Policies in a session: what is refused at RCPT and behind the data, what is written down, who is asked nothing."""

from __future__ import annotations

from dataclasses import replace
from email import message_from_bytes
from pathlib import Path
from typing import Any

from twisted.internet.address import IPv4Address, UNIXAddress
from twisted.internet.defer import Deferred

from netdaemon.config.keys import keys
from netdaemon.config.values import networks
from netdaemon.mail.policies.settings import SigningFile
from netdaemon.protocols import smtp
from netdaemon.protocols.smtp import SMTPSettings, SubmissionSettings
from tests.kit.dialog import Peer
from tests.kit.pump import THERE
from tests.mail.policies.keys import MESSAGE, ed25519_key, record, rsa_key, written
from tests.mail.policies.zone import TIMEOUT, Zone, ZoneNames
from tests.protocols.smtp.kit import PLAIN, STRANGER, SMTPTestCase

OTHER = IPv4Address("TCP", "198.51.100.7", 40000)
RECORDS = {
    "example.org": ["TXT v=spf1 ip4:192.0.2.7 -all exp=why.example.org"],
    "why.example.org": ["TXT %{i} is not one of ours"],
    "client.example": ["TXT v=spf1 ip4:192.0.2.0/24 ~all"],
    "slow.example": TIMEOUT,
    "_dmarc.example.org": ["TXT v=DMARC1; p=reject"],
    "_dmarc.mild.example": ["TXT v=DMARC1; p=quarantine"],
    "one._domainkey.example.org": [record(rsa_key())],
    "two._domainkey.example.org": [record(ed25519_key())],
    "7.100.51.198.bl.example": ["A 127.0.0.2", "TXT sends spam"],
    "7.100.51.198.good.example": ["A 127.0.0.5"],
    "7.2.0.192.good.example": ["A 127.0.0.5"],
}


def parsed(name: str, text: str) -> Any:
    """A key of [smtp], as the INI has it."""
    key = dict(keys(SMTPSettings))[name]
    return key.value.parse(text, Path())


class PolicyTestCase(SMTPTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.zone = Zone(RECORDS)
        self.now = 1_000_000_000.0
        data = Path(self.mktemp())
        data.mkdir(parents=True)
        self.house = replace(self.house, resolver=ZoneNames(self.zone), data=data, wall=lambda: self.now)

    def signing(self) -> tuple[SigningFile, ...]:
        folder = str(self.house.data)
        return (
            SigningFile("example.org", "one", written(rsa_key(), folder, "rsa.pem")),
            SigningFile("example.org", "two", written(ed25519_key(), folder, "ed25519.pem")),
        )

    async def send(self, peer: Peer, octets: bytes = MESSAGE, reply: str = "250 2.0.0 ...") -> None:
        await peer.dialog("C: DATA", "S: 354 ...")
        peer.send(octets + b".\r\n")
        await peer.dialog(f"S: {reply}")

    async def sent(self, octets: bytes = MESSAGE, *, sender: str = "fox@example.org", **settings: Any) -> Any:
        """One message, taken, as a reader has it; the delivery is emptied."""
        peer = await self.addressed(sender=sender, **settings)
        await self.send(peer, octets)
        taken = self.taken
        self.delivery.messages.clear()
        return message_from_bytes(taken.prefix + taken.octets)

    def results(self, message: Any) -> list[str]:
        """What the one Authentication-Results field says, method by method."""
        (value,) = message.get_all("Authentication-Results")
        who, *rest = " ".join(value.split()).split("; ")
        self.assertEqual(who, "spam.egg")
        return rest


class RecipientTests(PolicyTestCase):
    async def test_nothing_is_asked_unless_it_is_wanted(self) -> None:
        message = await self.sent(client=OTHER)
        self.assertNotIn("Authentication-Results", message)
        self.assertIsNone(self.factory().policy)
        self.assertEqual(self.zone.asked, [])

    async def test_spf(self) -> None:
        for sender, client, reply in (
            ("fox@example.org", STRANGER, "250 2.1.5 ..."),
            (
                "fox@example.org",
                OTHER,
                "550 5.7.23 198.51.100.7 may not send for that domain (SPF). "
                "Its owner says: 198.51.100.7 is not one of ours",
            ),
            ("fox@slow.example", STRANGER, "451 4.4.3 ..."),
            ("fox@nothing.example", OTHER, "250 2.1.5 ..."),
            ("", OTHER, "250 2.1.5 ..."),
        ):
            for mode in ("refuse", "mark"):
                peer = await self.greeted(client=client, spf=mode)
                await peer.dialog(f"C: MAIL FROM:<{sender}>", "S: 250 ...", "C: RCPT TO:<mulder@spam.egg>")
                await peer.dialog(f"S: {reply if mode == 'refuse' else '250 2.1.5 ...'}")

    async def test_spf_of_helo(self) -> None:
        self.zone.records["client.example"] = ["TXT v=spf1 -all"]
        peer = await self.greeted(client=STRANGER, spf="refuse")
        await peer.dialog("C: MAIL FROM:<>", "S: 250 ...", "C: RCPT TO:<mulder@spam.egg>", "S: 550 5.7.23 ...")

    async def test_lists(self) -> None:
        bl, good = _lists("bl.example 2", "good.example")
        for client, settings, reply in (
            (OTHER, {"dnsbl": bl}, "550 5.7.1 198.51.100.7 is listed at bl.example: sends spam"),
            (STRANGER, {"dnsbl": bl}, "250 ..."),
            (OTHER, {"dnsbl": bl, "dnsbl_refuse": 3}, "250 ..."),
            (OTHER, {"dnsbl": bl, "dnsbl_refuse": 2}, "550 ..."),
            (OTHER, {"dnsbl": bl, "dnsbl_allow": good}, "250 ..."),
        ):
            peer = await self.greeted(client=client, **settings)
            await peer.dialog("C: MAIL FROM:<a@b>", "S: 250 ...", "C: RCPT TO:<mulder@spam.egg>", f"S: {reply}")
            # what there isn't, is told first; postmaster hears of everything
            await peer.dialog("C: RCPT TO:<nobody@spam.egg>", "S: 550 5.1.1 ...")
            await peer.dialog("C: RCPT TO:<Postmaster@spam.egg>", "S: 250 ...")

    async def test_a_list_is_asked_once(self) -> None:
        bl, _ = _lists("bl.example", "good.example")
        peer = await self.addressed("mulder@spam.egg", "scully@spam.egg", client=STRANGER, dnsbl=bl)
        await self.send(peer)
        await self.envelope(peer)
        self.assertEqual([name for _, name in self.zone.asked], ["7.2.0.192.bl.example"])

    async def test_greylisting(self) -> None:
        async def come(sender: str, reply: str, client: Any = OTHER, **settings: Any) -> None:
            peer = await self.greeted(client=client, greylist=True, **settings)
            await peer.dialog(f"C: MAIL FROM:<{sender}>", "S: 250 ...", "C: RCPT TO:<mulder@spam.egg>", f"S: {reply}")

        await come("a@example.com", "451 4.7.1 Not known yet: come again in 301 seconds.")
        self.now += 100
        await come("a@example.com", "451 4.7.1 Not known yet: come again in 201 seconds.")
        await come("", "451 4.7.1 ...")
        self.now += 200
        await come("a@example.com", "250 2.1.5 ...")
        # SPF or a list make somebody known
        await come("a@example.org", "250 2.1.5 ...", client=STRANGER)
        await come("a@example.org", "451 4.7.1 ...", client=STRANGER, greylist_spf=False)
        await come("b@example.com", "451 4.7.1 ...")
        await come("b@example.com", "250 2.1.5 ...", dnsbl_allow=_lists("x.example", "good.example")[1])

    async def test_a_greylist_that_does_not_work(self) -> None:
        (self.house.data / "greylist.sqlite").write_bytes(b"no database" * 1000)
        await self.addressed(client=OTHER, greylist=True)

    async def test_who_is_asked_nothing(self) -> None:
        bl, _ = _lists("bl.example", "good.example")
        strict = {"spf": "refuse", "dnsbl": bl, "greylist": True, "dmarc": "refuse", "dkim": "mark"}
        self.zone.records["1.0.0.127.bl.example"] = ["A 127.0.0.2"]
        for client, settings in (
            (THERE, {}),
            (UNIXAddress(None), {}),
            (OTHER, {"relay_hosts": _networks("198.51.100.0/24")}),
            (OTHER, {"unchecked": _networks("198.51.100.7")}),
        ):
            message = await self.sent(client=client, **strict, **settings)
            self.assertNotIn("Authentication-Results", message)
        peer = await self.greeted(client=OTHER, plaintext_login="always", own_sender=False, **strict)
        await peer.dialog(f"C: AUTH PLAIN {PLAIN}", "S: 235 ...")
        await self.envelope(peer, sender="fox@example.org")
        await self.send(peer)
        self.assertEqual(self.zone.asked, [])

    async def test_xclient_makes_another_of_him(self) -> None:
        bl, _ = _lists("bl.example", "good.example")
        peer = await self.greeted(client=THERE, dnsbl=bl, xclient=_networks("127.0.0.1"))
        await self.envelope(peer)
        await peer.dialog("C: RSET", "S: 250 ...", "C: XCLIENT ADDR=198.51.100.7", "S: 220 ...")
        await self.ehlo(peer)
        await peer.dialog("C: MAIL FROM:<a@b>", "S: 250 ...", "C: RCPT TO:<mulder@spam.egg>", "S: 550 5.7.1 ...")


class MessageTests(PolicyTestCase):
    async def test_authentication_results(self) -> None:
        everything = {"spf": "mark", "dkim": "mark", "dmarc": "mark"}
        message = await self.sent(client=STRANGER, **everything)
        self.assertEqual(message.keys()[:2], ["Authentication-Results", "Received"])
        self.assertEqual(
            self.results(message),
            [
                "spf=pass smtp.mailfrom=fox@example.org",
                "spf=pass smtp.helo=client.example",
                "dkim=none",
                "dmarc=pass header.from=example.org",
            ],
        )
        message = await self.sent(client=OTHER, **everything)
        self.assertEqual(
            self.results(message),
            [
                "spf=fail smtp.mailfrom=fox@example.org",
                "spf=softfail smtp.helo=client.example",
                "dkim=none",
                "dmarc=fail header.from=example.org policy.dmarc=reject",
            ],
        )

    async def test_each_is_an_option_of_its_own(self) -> None:
        for settings, methods in (
            ({"spf": "mark"}, {"spf"}),
            ({"dkim": "mark"}, {"dkim"}),
            ({"dmarc": "mark"}, {"spf", "dkim", "dmarc"}),
        ):
            message = await self.sent(client=STRANGER, **settings)
            self.assertEqual({word.partition("=")[0] for word in self.results(message)}, methods)
        good = _lists("x.example", "good.example")[1]
        message = await self.sent(client=STRANGER, dkim="mark", dnsbl_allow=good)
        self.assertEqual(self.results(message), ["dkim=none", "dnswl=pass dns.zone=good.example"])

    async def test_dmarc_refuses(self) -> None:
        for author, client, reply in (
            ("fox@example.org", STRANGER, "250 ..."),
            (
                "fox@example.org",
                OTHER,
                "550 5.7.26 example.org does not stand behind this, and wants it rejected (DMARC).",
            ),
            ("fox@sub.example.org", OTHER, "550 5.7.26 ..."),
            ("fox@mild.example", OTHER, "250 ..."),
            ("fox@nothing.example", OTHER, "250 ..."),
            ("fox@slow.example", OTHER, "250 ..."),
            ("a@nothing.example, fox@example.org", OTHER, "550 5.7.26 ..."),
            ("Fox\r\n <fox@\r\n example.org>", OTHER, "550 5.7.26 ..."),
            # what nobody could send to is an author all the same
            (f"{'x' * 65}@example.org, a@nothing.example", OTHER, "550 5.7.26 ..."),
            ('"a\r\n b"@example.org, a@nothing.example', OTHER, "550 5.7.26 ..."),
            ("fox@nothing.example@example.org", OTHER, "550 5.7.1 ..."),
            ("fox@nothing.example(c)@example.org", OTHER, "550 5.7.1 ..."),
            ('"fox@x"@nothing.example', OTHER, "250 ..."),
            ("fox@x.example <fox@nothing.example>", OTHER, "250 ..."),
            ("fox@-, a@nothing.example", OTHER, "550 5.7.1 ..."),
            ("a: b;", OTHER, "550 5.7.1 ..."),
            (", ".join(["fox@nothing.example"] * 2000).replace(", ", ",\r\n "), OTHER, "550 5.7.1 ..."),
            ("nobody", OTHER, "550 5.7.1 The message needs one From, with its author's address."),
            ("fox@example.org\r\nFrom: a@example.com", STRANGER, "550 5.7.1 ..."),
            (", ".join(f"a@{n}.example" for n in range(6)), OTHER, "550 5.7.1 ..."),
        ):
            peer = await self.addressed(sender="fox@example.org", client=client, dmarc="refuse")
            await self.send(peer, b"From: " + author.encode() + b"\r\n\r\nHello\r\n", reply)
        # what can't be looked up now may come again
        self.zone.records["_dmarc.busy.example"] = TIMEOUT
        peer = await self.addressed(sender="fox@example.org", client=STRANGER, dmarc="refuse")
        await self.send(peer, b"From: fox@busy.example\r\n\r\n", "451 4.7.0 ...")
        self.zone.records["example.org"] = TIMEOUT
        peer = await self.addressed(sender="fox@example.org", client=OTHER, dmarc="refuse")
        await self.send(peer, b"From: fox@example.org\r\n\r\n", "451 4.7.0 ...")

    async def test_a_name_server_that_never_answers(self) -> None:
        class Silent:
            def __getattr__(self, name: str) -> Any:
                return lambda asked: Deferred()

        self.house = replace(self.house, resolver=Silent())
        peer = await self.greeted(client=STRANGER, spf="refuse", dkim="mark", dmarc="mark")
        peer.send(b"MAIL FROM:<fox@example.org>\r\nRCPT TO:<mulder@spam.egg>\r\n")
        await peer.dialog("S: 250 ...", "-- silence")
        self.clock.pump([1.0] * 25)
        await peer.dialog("S: 451 4.4.3 ...")

    async def test_a_check_that_goes_on_and_on(self) -> None:
        """Each look-up ends in its time, and nobody looks what has become of all of them."""
        names = ZoneNames(Zone({"example.org": ["TXT v=spf1 ptr exists:%{p}.example.org +all"]}))
        names.zone.pointers = {"192.0.2.7": [f"{n}.example.org" for n in range(10)]}
        asked: list[str] = []

        class Slow:
            def __getattr__(self, name: str) -> Any:
                if name != "lookupAddress":
                    return getattr(names, name)
                return lambda host: asked.append(host) or Deferred()  # type: ignore[func-returns-value]

        self.house = replace(self.house, resolver=Slow())
        peer = await self.greeted(client=STRANGER, spf="refuse")
        peer.send(b"MAIL FROM:<fox@example.org>\r\nRCPT TO:<mulder@spam.egg>\r\n")
        await peer.dialog("S: 250 ...", "-- silence")
        self.clock.pump([1.0] * 21)
        await peer.dialog("S: 451 4.4.3 ...")
        self.assertEqual(len(asked), 2)
        self.clock.pump([1.0] * 100)
        self.assertEqual(len(asked), 2)

    async def test_signed_here_and_verified_there(self) -> None:
        signing = self.signing()
        peer = await self.greeted(kind=smtp.submission, client=THERE, own_sender=False, dkim_sign=signing)
        await peer.dialog(f"C: AUTH PLAIN {PLAIN}", "S: 235 ...")
        await self.envelope(peer, sender="fox@example.org")
        await self.send(peer)
        sent = self.taken
        self.delivery.messages.clear()
        self.assertEqual(sent.prefix.count(b"DKIM-Signature: "), 2)
        self.assertLess(sent.prefix.index(b"DKIM-Signature"), sent.prefix.index(b"Received"))
        message = await self.sent(sent.prefix + sent.octets, client=OTHER, dkim="mark", dmarc="refuse")
        spf, helo, rsa, ed25519, dmarc = self.results(message)
        self.assertEqual((spf[:8], helo[:12]), ("spf=fail", "spf=softfail"))
        words = "dkim=pass header.d=example.org header.s=one header.a=rsa-sha256 header.b="
        self.assertTrue(rsa.startswith(words), rsa)
        self.assertTrue(
            ed25519.startswith("dkim=pass header.d=example.org header.s=two header.a=ed25519-sha256"), ed25519
        )
        self.assertEqual(dmarc, "dmarc=pass header.from=example.org")
        # whose keys are in testing, does not stand behind it yet
        self.zone.records |= {
            "one._domainkey.example.org": [record(rsa_key(), "t=y; ")],
            "two._domainkey.example.org": [record(ed25519_key(), "t=y; ")],
        }
        message = await self.sent(sent.prefix + sent.octets, client=OTHER, dkim="mark", dmarc="mark")
        self.assertEqual(self.results(message)[-1], "dmarc=fail header.from=example.org policy.dmarc=reject")
        self.assertIn('dkim=pass reason="a key in testing"', self.results(message)[2])
        # and changed on its way
        message = await self.sent((sent.prefix + sent.octets).replace(b"Hello", b"Hullo"), client=OTHER, dkim="mark")
        self.assertEqual(
            [one[:37] for one in self.results(message)], ['dkim=fail reason="the body was changed'[:37]] * 2
        )

    async def test_whose_mail_is_signed(self) -> None:
        signing = self.signing()
        for author, settings, client, signatures in (
            ("fox@example.org", {"relay_hosts": _networks("198.51.100.7")}, OTHER, 2),
            ("Fox <FOX@Sub.Example.ORG>", {"relay_hosts": _networks("198.51.100.7")}, OTHER, 2),
            ("fox@example.com", {"relay_hosts": _networks("198.51.100.7")}, OTHER, 0),
            ("a@example.org, b@example.org", {"relay_hosts": _networks("198.51.100.7")}, OTHER, 2),
            ("a@example.org, b@example.com", {"relay_hosts": _networks("198.51.100.7")}, OTHER, 0),
            ("nobody", {"relay_hosts": _networks("198.51.100.7")}, OTHER, 0),
            ("fox@example.org", {}, OTHER, 0),
            ("fox@example.org", {}, THERE, 0),
        ):
            octets = b"From: " + author.encode() + b"\r\n\r\nHello\r\n"
            message = await self.sent(octets, client=client, dkim_sign=signing, **settings)
            self.assertEqual(len(message.get_all("DKIM-Signature", [])), signatures, (author, settings))
            self.assertNotIn("Authentication-Results", message)

    async def test_who_claims_to_be_us(self) -> None:
        forged = b"Authentication-Results: spam.egg; dkim=pass header.d=bank.example\r\n"
        others = b"Authentication-Results: other.example; dkim=none\r\n"
        for settings in ({"dkim": "mark", "client": OTHER}, {"dkim": "mark", "client": THERE}):
            message = await self.sent(forged + others + forged + MESSAGE, **settings)
            values = message.get_all("Authentication-Results")
            self.assertNotIn("bank.example", "".join(values))
            self.assertIn("other.example; dkim=none", values)
        # also from accounts; and what is signed then is what is left
        peer = await self.greeted(kind=smtp.submission, client=THERE, own_sender=False, dkim_sign=self.signing())
        await peer.dialog(f"C: AUTH PLAIN {PLAIN}", "S: 235 ...")
        await self.envelope(peer, sender="fox@example.org")
        await self.send(peer, forged + MESSAGE)
        sent = self.taken.prefix + self.taken.octets
        self.delivery.messages.clear()
        self.assertNotIn(b"bank.example", sent)
        message = await self.sent(sent, client=OTHER, dkim="mark")
        self.assertEqual([one[:9] for one in self.results(message)], ["dkim=pass"] * 2)

    async def test_a_header_without_end(self) -> None:
        peer = await self.addressed(client=OTHER, dkim="mark")
        await self.send(
            peer, (b"X: " + b"y" * 900 + b"\r\n") * 1300, "554 5.6.0 The header of the message is too long."
        )
        self.check_none_taken()

    async def test_a_message_in_chunks(self) -> None:
        peer = await self.addressed(sender="fox@example.org", client=STRANGER, spf="mark")
        await peer.dialog(f"C: BDAT {len(MESSAGE)} LAST")
        peer.send(MESSAGE)
        await peer.dialog("S: 250 ...")
        self.assertTrue(self.taken.prefix.startswith(b"Authentication-Results: spam.egg; spf=pass"))

    async def test_lmtp_asks_nothing(self) -> None:
        self.assertIsNone(self.factory(smtp.lmtp).policy)

    async def test_submission_without_keys_asks_nothing(self) -> None:
        self.assertIsNone(self.factory(smtp.submission).policy)
        self.assertFalse(hasattr(SubmissionSettings, "spf"))


def _networks(text: str) -> Any:
    return networks.parse(text, Path())


def _lists(refusing: str, allowing: str) -> Any:
    return parsed("dnsbl", refusing), parsed("dnsbl_allow", allowing)
