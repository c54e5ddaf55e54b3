"""DKIM: signed here and verified here, and both beside dkimpy."""

from __future__ import annotations

import time
from base64 import b64encode
from typing import Any

import dkim
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase, TestCase

from netdaemon.mail.policies.dkimsign import SigningKey, keys_for, load_key, sign
from netdaemon.mail.policies.dkimtags import BadTags, Unacceptable, parse_key, parse_signature
from netdaemon.mail.policies.dkimverify import Checked, verify
from tests.mail.policies.keys import (
    ED25519_SIGNER,
    MESSAGE,
    RSA_SIGNER,
    at_once,
    ed25519_key,
    head_of,
    pem,
    record,
    rsa_key,
    spooled,
    written,
)
from tests.mail.policies.zone import TIMEOUT, Zone

NOW = int(time.time())  # dkimpy looks at the clock, and lets signatures differ from it by ten hours
BOTH = (RSA_SIGNER, ED25519_SIGNER)
KEYS = {"one._domainkey.example.org": [record(rsa_key())], "two._domainkey.example.org": [record(ed25519_key())]}


def signed(message: bytes = MESSAGE, *keys: SigningKey) -> bytes:
    """The message with our signatures in front."""
    return sign(spooled(message), head_of(message), keys or BOTH, NOW) + message


async def check(octets: bytes, records: dict[str, Any] | None = None, now: float = NOW) -> list[Checked]:
    return await verify(spooled(octets), head_of(octets), Zone(KEYS if records is None else records), at_once, now)


async def results(octets: bytes, records: dict[str, Any] | None = None, now: float = NOW) -> list[tuple[str, str]]:
    return [(one.result, one.reason) for one in await check(octets, records, now)]


def theirs(octets: bytes, number: int = 0) -> bool:
    """dkimpy's verdict."""
    names = {name.encode() + b".": lines[0][4:].encode() for name, lines in KEYS.items()}
    found: bool = dkim.DKIM(octets).verify(number, dnsfunc=lambda name, timeout=5: names[name])
    return found


OTHERS_FIELDS = b"v=1; a=rsa-sha256; d=example.org; s=one; h=from; bh=%b; b=%b" % (
    b64encode(b"x" * 32),
    b64encode(b"y" * 256),
)


# Appendix A.3
RFC_8463 = """\
DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed;
 d=football.example.com; i=@football.example.com;
 q=dns/txt; s=brisbane; t=1528637909; h=from : to :
 subject : date : message-id : from : subject : date;
 bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;
 b=/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11BusFa3bT3
 FY5OsU7ZbnKELq+eXdp1Q1Dw==
From: Joe SixPack <joe@football.example.com>
To: Suzie Q <suzie@shopping.example.net>
Subject: Is dinner ready?
Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)
Message-ID: <20030712040037.46341.5F8J@football.example.com>

Hi.

We lost the game.  Are you hungry yet?

Joe.
"""


class SignTests(TestCase):
    async def test_both_kinds_hold(self) -> None:
        octets = signed()
        self.assertEqual(await results(octets), [("pass", "")] * 2)
        first, second = await check(octets)
        assert first.signature is not None and second.signature is not None
        self.assertEqual((first.signature.algorithm, first.signature.selector), ("rsa-sha256", "one"))
        self.assertEqual((second.signature.algorithm, second.signature.domain), ("ed25519-sha256", "example.org"))
        for line in octets.split(b"\r\n"):
            self.assertLessEqual(len(line), 78)

    async def test_for_dkimpy_too(self) -> None:
        for message in (
            MESSAGE,
            b"From: fox@example.org\r\n\r\n",
            b"From: fox@example.org\r\n",
            b"From: fox@example.org\r\nTo: a@b\r\nTo: c@d\r\nX:\r\n\r\nno end",
            b"FROM : fox@example.org\r\nSubject:\r\n\t\r\n x\r\n\r\n\r\n\r\n",
            b"From: fox@example.org\r\nSubject: \xc3\xa4\r\n\r\n" + b"\xff line \t\r\n" * 9000,
        ):
            octets = signed(message)
            self.assertEqual(await results(octets), [("pass", "")] * 2, message[:80])
            if b"FROM :" not in message:  # what dkimpy does not read
                self.assertEqual([theirs(octets, number) for number in (0, 1)], [True, True], message[:80])

    async def test_what_is_changed_breaks_it(self) -> None:
        octets = signed()
        for old, new, holds in (
            (b"Lunch", b"Dinner", False),
            (b"fox@", b"cat@", False),
            (b"Hello", b"Hullo", False),
            (b"place?\r\n", b"place?\r\nBuy!\r\n", False),
            (b"\r\n\r\n", b"\r\nFrom: other@example.org\r\n\r\n", False),
            (b"From:", b"Subject: another\r\nFrom:", False),
            (b"From:", b"Cc: another@example.org\r\nFrom:", False),
            (b"From:", b"Content-Type: text/html\r\nFrom:", False),
            (b"X-Other: 1\r\n", b"X-Other: 2\r\n", True),
            (b"X-Other: 1\r\n", b"", True),
            (b"Lunch  \t today", b"Lunch today", True),
            (b"Hello,  \r\n", b"Hello,\r\n", True),
            (b"To: dana", b"TO:\r\n\tdana", True),
        ):
            self.assertEqual(octets.count(old) > 0, True, old)
            head, body = octets[: octets.index(b"From:")], octets[octets.index(b"From:") :]
            found = {result for result, _ in await results(head + body.replace(old, new, 1))}
            self.assertEqual(found == {"pass"}, holds, (old, new, found))
        self.assertEqual(await results(b"Received: from x\r\nReturn-Path: <>\r\n" + octets), [("pass", "")] * 2)

    async def test_many_of_a_name(self) -> None:
        for count in (1, 19, 20, 21, 50):
            octets = signed(b"To: a@example.org\r\n" * count + MESSAGE)
            self.assertEqual(await results(octets), [("pass", "")] * 2, count)

    @given(
        st.lists(
            st.sampled_from([b"Subject: a\r\n", b"X: b  c\r\n", b"To:\r\n d\r\n", b"Date:\r\n", b"cc: \te \r\n"]),
            max_size=8,
        ),
        st.lists(st.sampled_from([b"x", b" ", b"\t", b"\r\n", b".", b"\xe4"]), max_size=30).map(b"".join),
    )
    def test_any_message(self, fields: list[bytes], body: bytes) -> None:
        octets = signed(
            b"From: fox@example.org\r\n" + b"".join(fields) + b"\r\n" + body + b"\r\n", ED25519_SIGNER, RSA_SIGNER
        )
        self.assertEqual(self.successResultOf(Deferred.fromCoroutine(results(octets))), [("pass", "")] * 2)
        self.assertTrue(theirs(octets))


class VerifyTests(TestCase):
    async def test_dkimpys_signatures(self) -> None:
        for header_how in (b"relaxed", b"simple"):
            for body_how in (b"relaxed", b"simple"):
                for message in (MESSAGE, b"From: fox@example.org\r\n\r\n\r\n", b"From: fox@example.org\r\n\r\nx \r\n"):
                    field = dkim.sign(
                        message, b"one", b"example.org", pem_pkcs1(), canonicalize=(header_how, body_how), length=True
                    )
                    self.assertEqual(await results(field + message), [("pass", "")], (header_how, body_how, message))
                    self.assertEqual(
                        await results(field + message + b"more\r\n"), [("policy", "a part of the body is not signed")]
                    )

    async def test_the_example_of_rfc_8463(self) -> None:
        octets = RFC_8463.replace("\n", "\r\n").encode()
        key = "TXT v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
        records = {"brisbane._domainkey.football.example.com": [key]}
        self.assertEqual(await results(octets, records), [("pass", "")])
        self.assertEqual(
            await results(octets.replace(b"dinner", b"supper"), records), [("fail", "the header was changed")]
        )

    async def test_unsigned(self) -> None:
        self.assertEqual(await check(MESSAGE), [])

    async def test_no_signature(self) -> None:
        for value, reason in (
            (b"", "no v="),
            (b"v", "what is no tag"),
            (b"v=1; v=1", "v= twice"),
            (b"v=1; ; a=x", "what is no tag"),
            (b"v=1", "no a="),
            (OTHERS_FIELDS.replace(b"v=1", b"v=2"), "an unknown version"),
            (OTHERS_FIELDS.replace(b"rsa-sha256", b"rsa-md5"), "an unknown algorithm"),
            (OTHERS_FIELDS.replace(b"h=from", b"h=to"), "From is not signed"),
            (OTHERS_FIELDS.replace(b"h=from", b"h=from:a b?: "), "no names of fields in h="),
            (OTHERS_FIELDS + b"; i=@other.example", "i= is not within d="),
            (OTHERS_FIELDS + b"; i=@xexample.org", "i= is not within d="),
            (OTHERS_FIELDS + b"; c=nofws", "an unknown canonicalisation"),
            (OTHERS_FIELDS + b"; q=http", "no way to its key"),
            (OTHERS_FIELDS + b"; l=-1", "l= is no number"),
            (OTHERS_FIELDS + b"; l=" + b"9" * 13, "l= is no number"),
            (OTHERS_FIELDS + b"; t=2; x=1", "it ended before it began"),
            (OTHERS_FIELDS.replace(b"bh=", b"bh=!"), "what is no base64"),
            (OTHERS_FIELDS.replace(b"d=example.org", b"d=exam ple.org"), "no domain, or no selector"),
            (OTHERS_FIELDS.replace(b"d=example.org", b"d=example..org"), "no domain, or no selector"),
            (OTHERS_FIELDS.replace(b"s=one", b"s=" + b"x" * 64), "no domain, or no selector"),
            (OTHERS_FIELDS + b"; z=\xe4", "octets that are not ASCII"),
            (OTHERS_FIELDS + b"; z=" + b"x" * 17000, "a signature that is too long"),
        ):
            octets = b"DKIM-Signature: " + value + b"\r\n" + MESSAGE
            self.assertEqual(await results(octets), [("neutral", reason)], value)

    async def test_what_we_do_not_rely_on(self) -> None:
        for value, expected in (
            (OTHERS_FIELDS.replace(b"rsa-sha256", b"rsa-sha1"), ("policy", "rsa-sha1")),
            (OTHERS_FIELDS + b"; x=%d" % (NOW - 301), ("fail", "the signature has expired")),
            (OTHERS_FIELDS + b"; t=%d" % (NOW + 301), ("fail", "the signature is of the future")),
            (OTHERS_FIELDS + b"; x=%d; t=%d" % (NOW, NOW), ("fail", "the body was changed")),
            (OTHERS_FIELDS + b"; l=9999", ("fail", "the body was changed")),
            (OTHERS_FIELDS + b"; l=0", ("policy", "a part of the body is not signed")),
        ):
            self.assertEqual(await results(b"DKIM-Signature: " + value + b"\r\n" + MESSAGE), [expected], value)

    async def test_keys(self) -> None:
        octets = signed(MESSAGE, RSA_SIGNER)
        good = record(rsa_key())
        for lines, expected in (
            ([good], ("pass", "")),
            (["TXT nonsense", good], ("pass", "")),
            ([record(rsa_key(1024)), good], ("pass", "")),
            ([record(rsa_key(1024))], ("fail", "the header was changed")),
            ([], ("permerror", "there is no key")),
            (TIMEOUT, ("temperror", "the key can't be had just now")),
            (["TXT nonsense"], ("permerror", "what is no tag")),
            (["TXT v=DKIM1; p="], ("permerror", "the key was revoked")),
            (["TXT v=DKIM1; k=rsa"], ("permerror", "no key")),
            (["TXT v=DKIM1; p=!"], ("permerror", "what is no base64")),
            (["TXT v=DKIM1; p=AAAA"], ("permerror", "the key is none")),
            ([good.replace("v=DKIM1; ", "")], ("pass", "")),
            ([good.replace("DKIM1", "DKIM2")], ("permerror", "an unknown version")),
            ([good.replace("k=rsa", "k=dsa")], ("permerror", "an unknown kind of key")),
            ([good.replace("k=rsa", "k=ed25519")], ("permerror", "the key is for another algorithm")),
            ([record(ed25519_key()).replace("ed25519", "rsa")], ("permerror", "the key is none")),
            ([record(rsa_key(), "h=sha1; ")], ("permerror", "a key for other hashes")),
            ([record(rsa_key(), "h=sha1:sha256; ")], ("pass", "")),
            ([record(rsa_key(), "s=tlsrpt; ")], ("permerror", "a key for other services")),
            ([record(rsa_key(), "s=*; t=s; n=a note; ")], ("pass", "")),
            ([record(rsa_key(), "t=y; ")], ("pass", "")),
            ([record(rsa_key(1024), "t=y; ")], ("neutral", "the header was changed")),
        ):
            self.assertEqual(await results(octets, {"one._domainkey.example.org": lines}), [expected], lines)
        self.assertEqual(await results(octets, {}), [("permerror", "there is no key")])
        self.assertTrue((await check(octets, {"one._domainkey.example.org": [record(rsa_key(), "t=y; ")]}))[0].testing)

    async def test_strict_identities(self) -> None:
        field = dkim.sign(MESSAGE, b"one", b"example.org", pem_pkcs1(), identity=b"fox@sub.example.org")
        for tags, result in (("", "pass"), ("t=s; ", "permerror")):
            ((found, _),) = await results(field + MESSAGE, {"one._domainkey.example.org": [record(rsa_key(), tags)]})
            self.assertEqual(found, result)

    async def test_more_authors_than_signed(self) -> None:
        field = dkim.sign(MESSAGE, b"one", b"example.org", pem_pkcs1(), include_headers=[b"from", b"to"])
        self.assertEqual(await results(field + MESSAGE), [("pass", "")])
        self.assertEqual(
            await results(b"From: evil@example.net\r\n" + field + MESSAGE), [("policy", "a From that is not signed")]
        )


def pem_pkcs1() -> bytes:
    octets: bytes = rsa_key().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    return octets


class KeyTests(SynchronousTestCase):
    def test_whose(self) -> None:
        keys = [SigningKey("example.org", "a", rsa_key()), SigningKey("sub.example.org", "b", rsa_key()), *BOTH]
        for domain, selectors in (
            ("example.org", "a one two"),
            ("EXAMPLE.org", "a one two"),
            ("sub.example.org", "b"),
            ("x.sub.example.org", "b"),
            ("other.example.org", "a one two"),
            ("xexample.org", ""),
            ("org", ""),
            ("", ""),
        ):
            self.assertEqual(" ".join(key.selector for key in keys_for(keys, domain)), selectors, domain)

    def test_files(self) -> None:
        folder = self.mktemp()
        for key in (rsa_key(), ed25519_key(), rsa_key(1024)):
            self.assertEqual(pem(load_key(written(key, folder, "key.pem"))), pem(key))
        wrong = written(ec.generate_private_key(ec.SECP256R1()), folder, "ec.pem")
        self.assertIn("neither", str(self.assertRaises(ValueError, load_key, wrong)))
        wrong.write_bytes(b"x")
        self.assertIn("no private key", str(self.assertRaises(ValueError, load_key, wrong)))
        self.assertRaises(OSError, load_key, wrong.parent / "gone.pem")


class ParserTests(SynchronousTestCase):
    @given(st.one_of(st.binary(max_size=200), st.text("vabdhs=;:1xyz./@+ \r\n\t", max_size=200).map(str.encode)))
    def test_never_anything_else(self, octets: bytes) -> None:
        for value in (octets, OTHERS_FIELDS + b";" + octets, octets + b";" + OTHERS_FIELDS):
            try:
                parse_signature(value)
            except (BadTags, Unacceptable):
                pass
            try:
                parse_key(value)
            except BadTags:
                pass
