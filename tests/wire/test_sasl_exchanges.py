"""Mechanisms offered and taken, and PLAIN, LOGIN and EXTERNAL from both sides."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.cred.credentials import IUsernamePassword
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from netdaemon.interfaces import LoginUnavailable, ScramVerifier
from netdaemon.wire.sasl.client import client_exchange
from netdaemon.wire.sasl.credentials import Disproved, IProven, Proven
from netdaemon.wire.sasl.encoding import LONGEST, SaslError
from netdaemon.wire.sasl.server import Done, Offer

VERIFIER = ScramVerifier(bytes(16), 4096, bytes(32), bytes(32))
BINDINGS = {"tls-exporter": b"e" * 32, "tls-server-end-point": b"s" * 32}


def verifier(name: str) -> ScramVerifier:
    return VERIFIER


def login(answer: object) -> tuple[bytes, bytes]:
    assert isinstance(answer, Done), answer
    assert IUsernamePassword.providedBy(answer.credentials)
    return answer.credentials.username, answer.credentials.password


class Offered(SynchronousTestCase):
    def test_nothing(self) -> None:
        self.assertEqual(Offer().names, ())

    def test_in_clear(self) -> None:
        self.assertEqual(Offer(scram_verifier=verifier).names, ("SCRAM-SHA-256",))

    def test_all(self) -> None:
        offer = Offer(scram_verifier=verifier, plain=True, bindings=BINDINGS, identity="mulder")
        self.assertEqual(offer.names, ("SCRAM-SHA-256-PLUS", "SCRAM-SHA-256", "EXTERNAL", "PLAIN", "LOGIN"))
        for name in offer.names:
            self.assertEqual(offer.start(name.lower()).name, name)

    def test_a_certificate_alone(self) -> None:
        self.assertEqual(Offer(identity="mulder").names, ("EXTERNAL",))

    def test_what_is_not_offered_is_refused(self) -> None:
        offer = Offer(scram_verifier=verifier)
        for name in ("PLAIN", "LOGIN", "EXTERNAL", "SCRAM-SHA-256-PLUS", "SCRAM-SHA-1", "CRAM-MD5", "", "__class__"):
            with self.subTest(name):
                self.assertRaises(SaslError, offer.start, name)


class PlainServer(SynchronousTestCase):
    def step(self, response: bytes) -> object:
        return Offer(plain=True).start("PLAIN").step(response)

    def test_with_initial_response(self) -> None:
        self.assertEqual(login(self.step(b"\0mulder\0trustno1")), (b"mulder", b"trustno1"))

    def test_without(self) -> None:
        exchange = Offer(plain=True).start("PLAIN")
        self.assertEqual(exchange.step(None), b"")
        self.assertEqual(login(exchange.step(b"\0mulder\0trustno1")), (b"mulder", b"trustno1"))

    def test_utf_8(self) -> None:
        name, password = "müller".encode(), "схулливан 🛸".encode()
        self.assertEqual(login(self.step(b"\0" + name + b"\0" + password)), (name, password))

    def test_a_password_may_be_any_octets(self) -> None:
        self.assertEqual(login(self.step(b"\0mulder\0\xff\xfe")), (b"mulder", b"\xff\xfe"))

    def test_as_oneself(self) -> None:
        self.assertEqual(login(self.step(b"mulder\0mulder\0trustno1")), (b"mulder", b"trustno1"))

    def test_as_somebody_else(self) -> None:
        self.assertRaises(SaslError, self.step, b"scully\0mulder\0trustno1")

    def test_malformed(self) -> None:
        for response in (
            b"", b"\0", b"\0\0", b"mulder", b"mulder\0trustno1", b"\0mulder", b"\0mulder\0", b"\0\0trustno1",
            b"\0mulder\0trust\0no1", b"\0mulder\0trustno1\0", b"\0\xff\0trustno1", b"\0" + b"a" * 256 + b"\0trustno1",
        ):  # fmt: skip
            with self.subTest(response):
                self.assertRaises(SaslError, self.step, response)

    def test_the_longest_name(self) -> None:
        self.assertEqual(login(self.step(b"\0" + b"a" * 255 + b"\0b"))[0], b"a" * 255)

    def test_the_longest_response(self) -> None:
        rest = LONGEST - len(b"\0mulder\0")
        self.assertEqual(len(login(self.step(b"\0mulder\0" + b"a" * rest))[1]), rest)
        self.assertRaises(SaslError, self.step, b"\0mulder\0" + b"a" * (rest + 1))

    def test_one_round_and_no_more(self) -> None:
        exchange = Offer(plain=True).start("PLAIN")
        exchange.step(b"\0mulder\0trustno1")
        self.assertRaises(SaslError, exchange.step, b"\0mulder\0trustno1")

    def test_a_failure_ends_it(self) -> None:
        exchange = Offer(plain=True).start("PLAIN")
        self.assertRaises(SaslError, exchange.step, b"junk")
        self.assertRaises(SaslError, exchange.step, b"\0mulder\0trustno1")

    @settings(deadline=None, max_examples=200)
    @given(st.binary(max_size=60))
    def test_anything(self, response: bytes) -> None:
        try:
            name, password = login(self.step(response))
        except SaslError:
            return
        self.assertIn(response, (b"\0" + name + b"\0" + password, name + b"\0" + name + b"\0" + password))


class LoginServer(SynchronousTestCase):
    def test_asked(self) -> None:
        exchange = Offer(plain=True).start("LOGIN")
        self.assertEqual(exchange.step(None), b"Username:")
        self.assertEqual(exchange.step(b"mulder"), b"Password:")
        self.assertEqual(login(exchange.step(b"trustno1")), (b"mulder", b"trustno1"))

    def test_name_at_once(self) -> None:
        exchange = Offer(plain=True).start("LOGIN")
        self.assertEqual(exchange.step(b"mulder"), b"Password:")
        self.assertEqual(login(exchange.step(b"trustno1")), (b"mulder", b"trustno1"))

    def test_malformed(self) -> None:
        for name in (b"", b"mul\0der", b"\xff", b"a" * 256):
            with self.subTest(name):
                self.assertRaises(SaslError, Offer(plain=True).start("LOGIN").step, name)
        for password in (b"", b"\0", b"trust\0no1"):
            with self.subTest(password):
                exchange = Offer(plain=True).start("LOGIN")
                exchange.step(b"mulder")
                self.assertRaises(SaslError, exchange.step, password)


class ExternalServer(SynchronousTestCase):
    def test_as_the_certificate_says(self) -> None:
        for response in (b"", b"mulder"):
            done = Offer(identity="mulder").start("EXTERNAL").step(response)
            self.assertEqual(done, Done(Proven("mulder", "EXTERNAL")))

    def test_as_somebody_else(self) -> None:
        for response in (b"scully", b"mulder\0", b"Mulder", b"\xff"):
            with self.subTest(response):
                self.assertRaises(SaslError, Offer(identity="mulder").start("EXTERNAL").step, response)


class ScramServer(SynchronousTestCase):
    def test_our_own_trouble_is_no_saslerror(self) -> None:
        def unavailable(name: str) -> ScramVerifier:
            raise LoginUnavailable

        exchange = Offer(scram_verifier=unavailable).start("SCRAM-SHA-256")
        self.assertRaises(LoginUnavailable, exchange.step, b"n,,n=mulder,r=abc")
        self.assertRaises(SaslError, exchange.step, b"n,,n=mulder,r=abc")

    def test_authorization(self) -> None:
        start = Offer(scram_verifier=verifier).start
        self.assertIsInstance(start("SCRAM-SHA-256").step(b"n,a=mulder,n=mulder,r=abc"), bytes)
        self.assertRaises(SaslError, start("SCRAM-SHA-256").step, b"n,a=scully,n=mulder,r=abc")

    def test_names(self) -> None:
        asked: list[str] = []

        def find(name: str) -> ScramVerifier:
            asked.append(name)
            return VERIFIER

        start = Offer(scram_verifier=find).start
        start("SCRAM-SHA-256").step(b"n,,n=a=2Cb=3Dc,r=abc")
        self.assertEqual(asked, ["a,b=c"])
        self.assertRaises(SaslError, start("SCRAM-SHA-256").step, b"n,,n=" + b"a" * 256 + b",r=abc")

    def test_nonces_differ(self) -> None:
        start = Offer(scram_verifier=verifier).start
        answers = {start("SCRAM-SHA-256").step(b"n,,n=mulder,r=abc") for _ in range(20)}
        self.assertEqual(len(answers), 20)


class Chosen(SynchronousTestCase):
    ALL = ("LOGIN", "plain", "SCRAM-SHA-256", "Scram-Sha-256-Plus", "EXTERNAL", "GSSAPI")

    def test_the_strongest(self) -> None:
        def chosen(offered: tuple[str, ...], bound: bool, plain: bool, external: bool) -> str:
            bindings = BINDINGS if bound else None
            return client_exchange(offered, "u", "p", bindings=bindings, plain=plain, external=external).name

        for expected, given_ in {
            "EXTERNAL": (self.ALL, True, True, True),
            "SCRAM-SHA-256-PLUS": (self.ALL, True, True, False),
            "SCRAM-SHA-256": (self.ALL, False, True, False),
            "PLAIN": (("LOGIN", "PLAIN"), True, True, True),
            "LOGIN": (("LOGIN", "CRAM-MD5"), True, True, True),
        }.items():
            with self.subTest(expected):
                self.assertEqual(chosen(*given_), expected)

    def test_no_password_in_clear(self) -> None:
        for offered in ((), ("PLAIN", "LOGIN"), ("SCRAM-SHA-256-PLUS",), ("EXTERNAL",)):
            with self.subTest(offered):
                self.assertRaises(SaslError, client_exchange, offered, "u", "p")

    def test_the_best_binding(self) -> None:
        exchange = client_exchange(self.ALL, "u", "p", bindings=BINDINGS)
        assert exchange.initial is not None
        self.assertTrue(exchange.initial.startswith(b"p=tls-exporter,,n=u,r="))

    def test_a_password_that_scram_can_not_know(self) -> None:
        self.assertEqual(client_exchange(self.ALL, "u", "🛸", bindings=BINDINGS, plain=True).name, "PLAIN")


class PlainClients(SynchronousTestCase):
    def test_plain(self) -> None:
        exchange = client_exchange(["PLAIN"], "müller", "trustno1", plain=True)
        self.assertEqual(exchange.initial, "\0müller\0trustno1".encode())
        exchange.finish()
        self.assertRaises(SaslError, exchange.step, b"and what else?")
        self.assertRaises(SaslError, exchange.finish)

    def test_nul_can_not_be_sent(self) -> None:
        self.assertRaises(SaslError, client_exchange, ["PLAIN"], "a\0b", "c", plain=True)
        self.assertRaises(SaslError, client_exchange, ["PLAIN"], "a", "b\0c", plain=True)

    def test_login(self) -> None:
        exchange = client_exchange(["LOGIN"], "mulder", "trustno1", plain=True)
        self.assertIsNone(exchange.initial)
        self.assertEqual(exchange.step(b"User Name\0"), b"mulder")
        self.assertRaises(SaslError, client_exchange(["LOGIN"], "a", "b", plain=True).finish)
        self.assertEqual(exchange.step(b"Password\0"), b"trustno1")
        exchange.finish()

    def test_external(self) -> None:
        exchange = client_exchange(["EXTERNAL"], "", "", external=True)
        self.assertEqual(exchange.initial, b"")
        exchange.finish()

    def test_a_challenge_too_long(self) -> None:
        exchange = client_exchange(["LOGIN"], "mulder", "trustno1", plain=True)
        self.assertRaises(SaslError, exchange.step, b"a" * (LONGEST + 1))
        self.assertRaises(SaslError, exchange.finish)

    def test_ours_with_ours(self) -> None:
        for name in ("PLAIN", "LOGIN"):
            ours = client_exchange([name], "mulder", "trustno1", plain=True)
            theirs = Offer(plain=True).start(name)
            answer = theirs.step(ours.initial)
            while isinstance(answer, bytes):
                answer = theirs.step(ours.step(answer))
            self.assertEqual(login(answer), (b"mulder", b"trustno1"))


class CredentialsTests(SynchronousTestCase):
    def test_proven(self) -> None:
        verifyObject(IProven, Proven("mulder", "EXTERNAL"))

    def test_disproved(self) -> None:
        one, other = Disproved(b"mulder", "SCRAM-SHA-256"), Disproved(b"mulder", "SCRAM-SHA-256")
        verifyObject(IUsernamePassword, one)
        self.assertFalse(IProven.providedBy(one))
        self.assertFalse(one.checkPassword(one.password))
        self.assertNotEqual(one.password, other.password)
        self.assertNotIn(one.password.decode(), repr(one))
