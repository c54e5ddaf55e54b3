from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from scramp import ScramClient, ScramMechanism
from twisted.trial.unittest import SynchronousTestCase

from netdaemon.accounts.hashing import LONGEST_PASSWORD, Hasher, check_hash
from netdaemon.accounts.names import AccountError
from netdaemon.wire.sasl.scram import ITERATIONS, SALT
from tests.accounts.kit import CHEAP, CountingHasher


class HasherTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.hasher = Hasher(CHEAP, iterations=4096)

    def test_right_and_wrong(self) -> None:
        kept = self.hasher.keep(b"trustno1")
        self.assertTrue(kept.hash.startswith("$argon2id$v=19$m=8,t=1,p=1$"))
        self.assertTrue(self.hasher.verify(kept.hash, b"trustno1"))
        self.assertFalse(self.hasher.verify(kept.hash, b"trustno2"))
        self.assertFalse(self.hasher.verify(kept.hash, b""))

    def test_secrets_stay_out_of_reprs(self) -> None:
        self.assertNotIn("argon2id", repr(self.hasher.keep(b"trustno1")))

    def test_library_defaults_in_the_product(self) -> None:
        hasher = Hasher()
        defaults = PasswordHasher()
        self.assertIn(f"$m={defaults.memory_cost},t={defaults.time_cost},p={defaults.parallelism}$", hasher.nobody)
        self.assertEqual(hasher.iterations, ITERATIONS)

    def test_nobody_is_a_hash_like_all_others(self) -> None:
        nobody, real = self.hasher.nobody, self.hasher.hash(b"x")
        self.assertEqual([len(part) for part in nobody.split("$")], [len(part) for part in real.split("$")])
        self.assertFalse(self.hasher.verify(nobody, b"x"))  # and no error: it is well formed
        self.assertFalse(self.hasher.is_stale(nobody))
        self.assertNotEqual(nobody, Hasher(CHEAP).nobody)

    def test_stale(self) -> None:
        self.assertFalse(self.hasher.is_stale(self.hasher.hash(b"x")))
        self.assertTrue(self.hasher.is_stale(PasswordHasher(1, 16, 1).hash(b"x")))

    def test_broken_hash_is_an_error_and_no_wrong_password(self) -> None:
        for broken in ("$argon2id$v=19$m=8,t=1,p=1$!!$zz", "$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$A"):
            with self.assertRaises(Argon2Error):
                self.hasher.verify(broken, b"x")

    def test_length(self) -> None:
        self.assertTrue(self.hasher.keep(b"x" * LONGEST_PASSWORD).hash)
        with self.assertRaisesRegex(AccountError, "more than 1024 bytes"):
            self.hasher.keep(b"x" * (LONGEST_PASSWORD + 1))
        with self.assertRaisesRegex(AccountError, "empty"):
            self.hasher.keep(b"")

    def test_accents_however_typed(self) -> None:
        composed, decomposed = "caf\u00e9".encode(), "cafe\u0301".encode()
        self.assertTrue(self.hasher.verify(self.hasher.hash(composed), decomposed))
        self.assertTrue(self.hasher.verify(self.hasher.hash(decomposed), composed))

    def test_bytes_that_are_no_utf8(self) -> None:
        kept = self.hasher.keep(b"\xff\xfe")
        self.assertTrue(self.hasher.verify(kept.hash, b"\xff\xfe"))
        self.assertFalse(self.hasher.verify(kept.hash, b"\xff\xff"))
        self.assertIsNone(kept.scram)

    @given(st.binary(min_size=1, max_size=40))
    @hypothesis_settings(deadline=None, max_examples=50)
    def test_any_password(self, password: bytes) -> None:
        self.assertTrue(self.hasher.verify(self.hasher.keep(password).hash, password))


class ScramTests(SynchronousTestCase):
    def test_a_foreign_client_proves_the_password(self) -> None:
        kept = CountingHasher().keep(b"trustno1").scram
        assert kept is not None
        self.assertEqual((len(kept.salt), kept.iterations), (SALT, 4096))
        server = ScramMechanism("SCRAM-SHA-256").make_server(
            lambda name: (kept.salt, kept.stored_key, kept.server_key, kept.iterations)
        )
        client = ScramClient(["SCRAM-SHA-256"], "mulder", "trustno1")
        server.set_client_first(client.get_client_first())
        client.set_server_first(server.get_server_first())
        server.set_client_final(client.get_client_final())
        client.set_server_final(server.get_server_final())  # raises when either side is not who it says

    def test_what_saslprep_prohibits_has_no_verifier(self) -> None:
        kept = CountingHasher().keep(b"tab\there")
        self.assertIsNone(kept.scram)
        self.assertTrue(kept.hash)


class CheckHashTests(SynchronousTestCase):
    def test_good(self) -> None:
        for hash in (CHEAP.hash("x"), PasswordHasher().hash("x")):
            self.assertEqual(check_hash(hash), hash)

    def test_bad(self) -> None:
        for hash, why in (
            ("", "not of the form"),
            ("trustno1", "not of the form"),
            ("$6$salt$abcdef", "not of the form"),
            (CHEAP.hash("x").replace("argon2id", "argon2i"), "not of the form"),
            (CHEAP.hash("x").replace("v=19", "v=16"), "not of the form"),
            (CHEAP.hash("x") + "\n", "not of the form"),
            (CHEAP.hash("x").replace("m=8", "m=1048577"), "costs too much"),
            (CHEAP.hash("x").replace("t=1", "t=65"), "costs too much"),
            (CHEAP.hash("x").replace("m=8,t=1,p=1", "m=1048576,t=1,p=65"), "costs too much"),
            (CHEAP.hash("x").replace("m=8", "m=7"), "does not know"),
            (CHEAP.hash("x").replace("t=1", "t=0"), "does not know"),
        ):
            with self.assertRaisesRegex(AccountError, why):
                check_hash(hash)

    def test_at_the_limits(self) -> None:
        self.assertTrue(check_hash(CHEAP.hash("x").replace("m=8,t=1,p=1", "m=1048576,t=64,p=64")))
