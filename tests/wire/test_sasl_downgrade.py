"""Somebody in the middle of a SCRAM login: bindings of another connection, mechanisms taken away, messages replayed."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from netdaemon.interfaces import ScramVerifier
from netdaemon.wire.sasl import scram
from netdaemon.wire.sasl.client import ClientExchange, client_exchange
from netdaemon.wire.sasl.credentials import Proven
from netdaemon.wire.sasl.encoding import SaslError, decode_base64, encode_base64
from netdaemon.wire.sasl.server import Done, Offer, ServerExchange

VERIFIER = scram.scram_verifier_of("trustno1", 4096)
OURS = {"tls-exporter": b"e" * 32, "tls-server-end-point": b"s" * 32}
MITMS = {"tls-exporter": b"x" * 32, "tls-server-end-point": b"y" * 32}
PLUS, BARE = "SCRAM-SHA-256-PLUS", "SCRAM-SHA-256"


def verifier(name: str) -> ScramVerifier:
    return VERIFIER


def offer(**bindings: bytes) -> Offer:
    return Offer(scram_verifier=verifier, bindings={name.replace("_", "-"): data for name, data in bindings.items()})


BOUND = Offer(scram_verifier=verifier, bindings=OURS)


def to_the_proof(ours: ClientExchange, theirs: ServerExchange) -> bytes:
    challenge = theirs.step(ours.initial)
    assert isinstance(challenge, bytes)
    return ours.step(challenge)


class Bindings(SynchronousTestCase):
    def test_each_that_the_server_has(self) -> None:
        for name, data in OURS.items():
            with self.subTest(name):
                ours = client_exchange([PLUS], "mulder", "trustno1", bindings={name: data})
                theirs = BOUND.start(PLUS)
                final = theirs.step(to_the_proof(ours, theirs))
                assert isinstance(final, bytes)
                self.assertEqual(theirs.step(ours.step(final)), Done(Proven("mulder", PLUS)))
                ours.finish()

    def test_of_another_connection(self) -> None:
        ours = client_exchange([PLUS], "mulder", "trustno1", bindings=MITMS)
        theirs = BOUND.start(PLUS)
        self.assertRaises(SaslError, theirs.step, to_the_proof(ours, theirs))

    def test_changed_on_the_way(self) -> None:
        """The proof covers the binding: to put in the right one does not help."""
        ours = client_exchange([PLUS], "mulder", "trustno1", bindings=MITMS)
        theirs = BOUND.start(PLUS)
        proof = to_the_proof(ours, theirs)
        wrong = encode_base64(b"p=tls-exporter,," + MITMS["tls-exporter"])
        right = encode_base64(b"p=tls-exporter,," + OURS["tls-exporter"])
        self.assertIn(wrong, proof)
        done = theirs.step(proof.replace(wrong, right))
        assert isinstance(done, Done)
        self.assertFalse(isinstance(done.credentials, Proven))

    def test_one_that_the_server_has_not(self) -> None:
        ours = client_exchange([PLUS], "mulder", "trustno1", bindings={"tls-unique": b"u"})
        self.assertRaises(SaslError, BOUND.start(PLUS).step, ours.initial)

    def test_plus_without_a_binding(self) -> None:
        for first in (b"n,,n=mulder,r=abc", b"y,,n=mulder,r=abc"):
            self.assertRaises(SaslError, BOUND.start(PLUS).step, first)

    def test_a_binding_without_plus(self) -> None:
        first = b"p=tls-exporter,,n=mulder,r=abc"
        self.assertRaises(SaslError, BOUND.start(BARE).step, first)
        self.assertRaises(SaslError, offer().start(BARE).step, first)

    def test_plus_taken_out_of_the_offer(self) -> None:
        """The client says y: I could, but you can't; and the server can."""
        ours = client_exchange([BARE], "mulder", "trustno1", bindings=OURS)
        assert ours.initial is not None
        self.assertTrue(ours.initial.startswith(b"y,,"))
        self.assertRaises(SaslError, BOUND.start(BARE).step, ours.initial)
        theirs = offer().start(BARE)
        self.assertIsInstance(theirs.step(to_the_proof(ours, theirs)), bytes)

    def test_y_made_n_on_the_way(self) -> None:
        ours = client_exchange([BARE], "mulder", "trustno1", bindings=OURS)
        theirs = BOUND.start(BARE)
        assert ours.initial is not None
        challenge = theirs.step(ours.initial.replace(b"y,,", b"n,,"))
        assert isinstance(challenge, bytes)
        self.assertRaises(SaslError, theirs.step, ours.step(challenge))

    def test_a_client_without_bindings_may_do_without(self) -> None:
        ours = client_exchange(BOUND.names, "mulder", "trustno1")
        theirs = BOUND.start(BARE)
        self.assertIsInstance(theirs.step(to_the_proof(ours, theirs)), bytes)


class Replayed(SynchronousTestCase):
    def test_a_proof_seen_before(self) -> None:
        ours = client_exchange([BARE], "mulder", "trustno1")
        theirs = offer().start(BARE)
        seen = to_the_proof(ours, theirs)
        again = offer().start(BARE)
        again.step(ours.initial)
        self.assertRaises(SaslError, again.step, seen)  # its nonce is not this exchange's

    def test_with_the_nonce_put_right(self) -> None:
        ours = client_exchange([BARE], "mulder", "trustno1")
        theirs = offer().start(BARE)
        seen = to_the_proof(ours, theirs)
        again = offer().start(BARE)
        challenge = again.step(ours.initial)
        assert isinstance(challenge, bytes)
        nonce, proof = challenge.split(b",")[0], seen.rpartition(b",p=")[2]
        done = again.step(b"c=biws," + nonce + b",p=" + proof)
        assert isinstance(done, Done)
        self.assertFalse(isinstance(done.credentials, Proven))

    def test_one_bit_of_the_proof(self) -> None:
        ours = client_exchange([BARE], "mulder", "trustno1")
        theirs = offer().start(BARE)
        head, _, proof = to_the_proof(ours, theirs).rpartition(b",p=")
        octets = bytearray(decode_base64(proof))
        octets[31] ^= 1
        done = theirs.step(head + b",p=" + encode_base64(bytes(octets)))
        assert isinstance(done, Done)
        self.assertFalse(isinstance(done.credentials, Proven))


class FalseServers(SynchronousTestCase):
    """A server that does not know the password gets nowhere, and gets nothing but a proof."""

    def client(self) -> ClientExchange:
        ours = client_exchange([BARE], "mulder", "trustno1")
        assert ours.initial is not None
        nonce = ours.initial.rpartition(b"r=")[2]
        ours.step(b"r=" + nonce + b"more,s=QSXCR+Q6sek8bf92QSXCRw==,i=4096")
        return ours

    def test_success_without_a_signature(self) -> None:
        self.assertRaises(SaslError, self.client().finish)

    def test_success_at_once(self) -> None:
        self.assertRaises(SaslError, client_exchange([BARE], "mulder", "trustno1").finish)

    def test_a_signature_by_guess(self) -> None:
        for final in (b"v=" + encode_base64(bytes(32)), b"v=", b"", b"e=other-error", b"v=" + encode_base64(b"x")):
            with self.subTest(final):
                ours = self.client()
                self.assertRaises(SaslError, ours.step, final)
                self.assertRaises(SaslError, ours.finish)
                self.assertRaises(SaslError, self.client().finish, final)

    def test_an_empty_response_is_due_behind_the_signature(self) -> None:
        ours = client_exchange([BARE], "mulder", "trustno1")
        theirs = offer().start(BARE)
        theirs.step(to_the_proof(ours, theirs))
        self.assertRaises(SaslError, theirs.step, b"something")
        self.assertRaises(SaslError, theirs.step, b"")
