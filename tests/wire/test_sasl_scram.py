"""SCRAM's messages and arithmetic, by the RFC's own numbers and with scramp on the other side."""

from __future__ import annotations

import hashlib
from typing import Any

import scramp
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.cred.credentials import IUsernamePassword
from twisted.trial.unittest import SynchronousTestCase

from netdaemon.interfaces import ScramVerifier
from netdaemon.wire.sasl import client, scram
from netdaemon.wire.sasl.client import ClientExchange, client_exchange
from netdaemon.wire.sasl.credentials import Disproved, Proven
from netdaemon.wire.sasl.encoding import LONGEST, SaslError, decode_base64
from netdaemon.wire.sasl.server import Done, Offer

# RFC 7677 section 3
CLIENT_NONCE = "rOprNGfwEbeRWgbNEkqO"
SERVER_NONCE = "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
CLIENT_FIRST = b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO"
SERVER_FIRST = b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
CLIENT_FINAL = (
    b"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
)
SERVER_FINAL = b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="
PENCIL = scram.scram_verifier_of("pencil", 4096, decode_base64(b"W22ZaJ0SNY7soEsUEjb6gQ=="))

NAMES = st.text(st.characters(codec="utf-8", min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=30)
EITHER = ("SCRAM-SHA-256", "SCRAM-SHA-256-PLUS")


def only(name: str, verifier: ScramVerifier) -> Any:
    def find(asked: str) -> ScramVerifier:
        return verifier if asked == name else scram.scram_verifier_of("nobody knows this", 4096, bytes(16))

    return find


class ByTheRFC(SynchronousTestCase):
    def test_client(self) -> None:
        exchange = ClientExchange("SCRAM-SHA-256", client._scram("user", "pencil", "n", nonce=CLIENT_NONCE))
        self.assertEqual(exchange.initial, CLIENT_FIRST)
        self.assertEqual(exchange.step(SERVER_FIRST), CLIENT_FINAL)
        self.assertRaises(SaslError, exchange.finish)
        exchange = ClientExchange("SCRAM-SHA-256", client._scram("user", "pencil", "n", nonce=CLIENT_NONCE))
        exchange.step(SERVER_FIRST)
        self.assertEqual(exchange.step(SERVER_FINAL), b"")
        exchange.finish()

    def test_server(self) -> None:
        self.patch(scram, "nonce", lambda: SERVER_NONCE)
        exchange = Offer(scram_verifier=only("user", PENCIL)).start("scram-sha-256")
        self.assertEqual(exchange.step(CLIENT_FIRST), SERVER_FIRST)
        self.assertEqual(exchange.step(CLIENT_FINAL), SERVER_FINAL)
        self.assertEqual(exchange.step(b""), Done(Proven("user", "SCRAM-SHA-256")))

    def test_server_with_a_place_for_success_data(self) -> None:
        self.patch(scram, "nonce", lambda: SERVER_NONCE)
        exchange = Offer(scram_verifier=only("user", PENCIL), success_data=True).start("SCRAM-SHA-256")
        exchange.step(CLIENT_FIRST)
        self.assertEqual(exchange.step(CLIENT_FINAL), Done(Proven("user", "SCRAM-SHA-256"), SERVER_FINAL))

    def test_verifier(self) -> None:
        mechanism = scramp.ScramMechanism("SCRAM-SHA-256")
        salt, stored, server, iterations = mechanism.make_auth_info("pencil", iteration_count=4096, salt=PENCIL.salt)
        self.assertEqual(PENCIL, ScramVerifier(salt, iterations, stored, server))

    def test_a_verifier_of_ours(self) -> None:
        one, other = scram.scram_verifier_of("pencil"), scram.scram_verifier_of("pencil")
        self.assertNotEqual(one.salt, other.salt)
        self.assertEqual((len(one.salt), one.iterations), (16, 15_000))


class Messages(SynchronousTestCase):
    def test_names_are_escaped(self) -> None:
        for name in ("a=b", "a,b", "=2C", "=3D", ",,", "=", "ü=ß,"):
            with self.subTest(name):
                first = scram.client_first(name, "abc", "n")
                self.assertNotIn(",", first.bare.split(",r=")[0])
                self.assertEqual(scram.parse_client_first((first.header + first.bare).encode()), first)

    def test_client_first(self) -> None:
        first = scram.parse_client_first(b"p=tls-exporter,a=mulder,n=mulder,r=abc,x=let be")
        self.assertEqual((first.header, first.flag, first.binding), ("p=tls-exporter,a=mulder,", "p", "tls-exporter"))
        self.assertEqual((first.authorize, first.username, first.nonce), ("mulder", "mulder", "abc"))
        self.assertEqual(first.bare, "n=mulder,r=abc,x=let be")

    def test_malformed_client_first(self) -> None:
        for message in (
            b"", b",", b",,", b"n", b"n,", b"n,,", b"n,,n=u", b"n,,r=abc", b"n,,r=abc,n=u", b"n,,n=,r=abc",
            b"n,,n=u,r=", b"n,,n=u,r=a b", b"n,,n=u,r=\xc3\xa4", b"n,,n=u=,r=abc", b"n,,n=u=2c,r=abc", b"n,,n=u,r=abc,",
            b"n,,n=u,r=abc,xx", b"n,,n=u,r=abc,1=x", b"n,,n=\0,r=abc", b"n,,n=\xff,r=abc", b"n,b=u,n=u,r=abc",
            b"n,a=,n=u,r=abc", b"N,,n=u,r=abc", b"x,,n=u,r=abc", b"p,,n=u,r=abc", b"p=,,n=u,r=abc",
            b"p=tls exporter,,n=u,r=abc", b"y=tls-exporter,,n=u,r=abc", b"n,,m=x,n=u,r=abc", b" n,,n=u,r=abc",
        ):  # fmt: skip
            with self.subTest(message):
                self.assertRaises(SaslError, scram.parse_client_first, message)

    def test_malformed_server_first(self) -> None:
        good = b"r=abcdef,s=QSXCR+Q6sek8bf92,i=4096"
        self.assertEqual(scram.parse_server_first(good, "abc").iterations, 4096)
        for message in (
            b"", b"r=abcdef", b"s=QSXCR+Q6sek8bf92,r=abcdef,i=4096", b"r=abcdef,s=,i=4096", b"r=abcdef,s=*,i=4096",
            b"r=abcdef,s==,i=4096", b"r=abcdef,s=QSXCR+Q6sek8bf9,i=4096", b"r=abcdef,s=QSXCR+Q6sek8bf92,i=",
            b"r=abcdef,s=QSXCR+Q6sek8bf92,i=04096", b"r=abcdef,s=QSXCR+Q6sek8bf92,i=+4096",
            "r=abcdef,s=QSXCR+Q6sek8bf92,i=٤٠٩٦".encode(), b"r=abcdef,s=QSXCR+Q6sek8bf92,i=4096.0",
            b"m=x,r=abcdef,s=QSXCR+Q6sek8bf92,i=4096", b"e=no-resources", b"\xff",
        ):  # fmt: skip
            with self.subTest(message):
                self.assertRaises(SaslError, scram.parse_server_first, message, "abc")

    def test_the_server_must_repeat_our_nonce_and_add_to_it(self) -> None:
        for nonce in (b"abc", b"ab", b"xabc", b"Abcdef"):
            with self.subTest(nonce):
                message = b"r=" + nonce + b",s=QSXCR+Q6sek8bf92,i=4096"
                self.assertRaises(SaslError, scram.parse_server_first, message, "abc")

    def test_iterations_have_bounds(self) -> None:
        for count, good in ((4095, False), (4096, True), (1_000_000, True), (1_000_001, False), (10**30, False)):
            message = f"r=abcdef,s=QSXCR+Q6sek8bf92,i={count}".encode()
            with self.subTest(count):
                if good:
                    self.assertEqual(scram.parse_server_first(message, "abc").iterations, count)
                else:
                    self.assertRaises(SaslError, scram.parse_server_first, message, "abc")

    def test_malformed_client_final(self) -> None:
        self.assertEqual(scram.parse_client_final(CLIENT_FINAL).binding, b"n,,")
        for message in (
            b"", b"c=biws,r=abc", CLIENT_FINAL[:-1], CLIENT_FINAL + b"=", CLIENT_FINAL + b",x=y", CLIENT_FINAL[1:],
            b"c=biws,r=abc,p=", b"c=biws,r=abc,p==", b"c=biws,r=abc,p=AAAA", b"r=abc,c=biws,p=" + b"A" * 43 + b"=",
            b"c=*,r=abc,p=" + b"A" * 43 + b"=", b"c=b,r=abc,p=" + b"A" * 43 + b"=",
        ):  # fmt: skip
            with self.subTest(message):
                self.assertRaises(SaslError, scram.parse_client_final, message)

    def test_malformed_server_final(self) -> None:
        for message in (b"", b"v=", b"v=*", b"e=other-error", b"x=AAAA", b"v", b"\xff"):
            with self.subTest(message):
                self.assertRaises(SaslError, scram.parse_server_final, message)

    def test_cut_short(self) -> None:
        """No prefix of a message is taken for a whole one that says something else."""
        for end in range(len(CLIENT_FINAL)):
            self.assertRaises(SaslError, scram.parse_client_final, CLIENT_FINAL[:end])
        for end in range(len(b"n,,n=user,r=") + 1):
            self.assertRaises(SaslError, scram.parse_client_first, CLIENT_FIRST[:end])

    @settings(deadline=None, max_examples=300)
    @given(st.binary(max_size=120) | st.text(alphabet="nyp=,arcsievm+/AQ0", max_size=60).map(str.encode))
    def test_anything(self, data: bytes) -> None:
        """SaslError or a value, never another error."""
        for parse in (
            scram.parse_client_first,
            scram.parse_client_final,
            scram.parse_server_final,
            lambda message: scram.parse_server_first(message, "A"),
        ):
            try:
                parse(data)
            except SaslError:
                pass


def scramp_client(password: str, binding: tuple[str, bytes] | None = None) -> Any:
    names = ["SCRAM-SHA-256-PLUS"] if binding is not None else ["SCRAM-SHA-256"]
    return scramp.ScramClient(names, "mulder", password, channel_binding=binding)


class AgainstScramp(SynchronousTestCase):
    """A foreign client against our server, our client against a foreign server."""

    verifier = scram.scram_verifier_of("trustno1", 4096)

    def serve(self, foreign: Any, offer: Offer) -> object:
        exchange = offer.start(foreign.mechanism_name)
        challenge = exchange.step(foreign.get_client_first().encode())
        assert isinstance(challenge, bytes)
        foreign.set_server_first(challenge.decode())
        final = exchange.step(foreign.get_client_final().encode())
        if isinstance(final, Done):
            return final.credentials
        foreign.set_server_final(final.decode())
        done = exchange.step(b"")
        assert isinstance(done, Done)
        return done.credentials

    def test_foreign_client(self) -> None:
        offer = Offer(scram_verifier=only("mulder", self.verifier))
        self.assertEqual(self.serve(scramp_client("trustno1"), offer), Proven("mulder", "SCRAM-SHA-256"))

    def test_foreign_client_with_binding(self) -> None:
        binding = ("tls-server-end-point", hashlib.sha256(b"certificate").digest())
        offer = Offer(scram_verifier=only("mulder", self.verifier), bindings=dict([binding]))
        self.assertEqual(self.serve(scramp_client("trustno1", binding), offer), Proven("mulder", "SCRAM-SHA-256-PLUS"))

    def test_foreign_client_with_a_wrong_password(self) -> None:
        credentials = self.serve(scramp_client("trustno2"), Offer(scram_verifier=only("mulder", self.verifier)))
        self.assertIsInstance(credentials, Disproved)
        self.assertTrue(IUsernamePassword.providedBy(credentials))

    def test_foreign_client_that_nobody_knows(self) -> None:
        credentials = self.serve(scramp_client("trustno1"), Offer(scram_verifier=only("scully", self.verifier)))
        self.assertIsInstance(credentials, Disproved)

    def ask(self, ours: ClientExchange, binding: tuple[str, bytes] | None = None) -> None:
        mechanism = scramp.ScramMechanism(ours.name)
        kept = (self.verifier.salt, self.verifier.stored_key, self.verifier.server_key, self.verifier.iterations)
        foreign = mechanism.make_server(lambda name: kept if name == "mulder" else None, channel_binding=binding)
        assert ours.initial is not None
        foreign.set_client_first(ours.initial.decode())
        foreign.set_client_final(ours.step(foreign.get_server_first().encode()).decode())
        self.assertEqual(ours.step(foreign.get_server_final().encode()), b"")
        ours.finish()

    def test_foreign_server(self) -> None:
        self.ask(client_exchange(EITHER, "mulder", "trustno1"))

    def test_foreign_server_with_binding(self) -> None:
        binding = ("tls-server-end-point", hashlib.sha256(b"certificate").digest())
        self.ask(client_exchange(EITHER, "mulder", "trustno1", bindings=dict([binding])), binding)

    def test_foreign_server_does_not_believe_another_password(self) -> None:
        with self.assertRaises(scramp.ScramException):
            self.ask(client_exchange(EITHER, "mulder", "trustno2"))


class OursAgainstOurs(SynchronousTestCase):
    @settings(deadline=None, max_examples=40)
    @given(
        st.text(min_size=1, max_size=40),
        st.text(min_size=1, max_size=40),
        st.dictionaries(NAMES, st.binary(min_size=1)),
    )
    def test_right(self, name: str, password: str, bindings: dict[str, bytes]) -> None:
        bindings = {"".join(c for c in key if c.isalnum()) or "x": data for key, data in bindings.items()}
        try:
            verifier = scram.scram_verifier_of(password, 4096)
            normal = scram.prepared(name)
        except SaslError:
            return
        offer = Offer(scram_verifier=only(normal, verifier), bindings=bindings)
        ours = client_exchange(offer.names, name, password, bindings=bindings)
        theirs = offer.start(ours.name)
        answer = theirs.step(ours.initial)
        while isinstance(answer, bytes):
            answer = theirs.step(ours.step(answer))
        ours.finish()
        self.assertEqual(answer, Done(Proven(normal, "SCRAM-SHA-256-PLUS" if bindings else "SCRAM-SHA-256")))

    @settings(deadline=None, max_examples=20)
    @given(st.text(min_size=1, max_size=20), st.text(min_size=1, max_size=20))
    def test_wrong(self, right: str, guess: str) -> None:
        try:
            verifier = scram.scram_verifier_of(right, 4096)
            if scram.prepared(guess) == scram.prepared(right):
                return
        except SaslError:
            return
        offer = Offer(scram_verifier=only("mulder", verifier))
        ours = client_exchange(offer.names, "mulder", guess)
        theirs = offer.start(ours.name)
        challenge = theirs.step(ours.initial)
        assert isinstance(challenge, bytes)
        done = theirs.step(ours.step(challenge))
        assert isinstance(done, Done)
        self.assertEqual(type(done.credentials), Disproved)
        self.assertEqual((done.credentials.username, done.data), (b"mulder", None))
        self.assertRaises(SaslError, ours.finish)

    def test_too_long(self) -> None:
        offer = Offer(scram_verifier=only("mulder", PENCIL))
        message = b"n,,n=u,r=" + b"a" * LONGEST
        self.assertRaises(SaslError, offer.start("SCRAM-SHA-256").step, message)
        self.assertIsInstance(offer.start("SCRAM-SHA-256").step(message[:LONGEST]), bytes)
