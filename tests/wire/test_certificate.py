"""PEM files read and refused, and the self-signed certificate."""

from __future__ import annotations

import os
import ssl
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from twisted.trial.unittest import SynchronousTestCase

from netdaemon.wire.certificate import (
    BIGGEST,
    SELF_SIGNED,
    CertificateError,
    Pair,
    make,
    pem,
    read_certificates,
    read_pair,
    self_signed,
)
from tests.wire.pems import Authority, chain_pem, ed25519_pair, key_pem, put

NOW = datetime.now(UTC).timestamp()
DAY = 86400.0


class ReadTests(SynchronousTestCase):
    authority = Authority()
    pair = authority.issue("spam.egg", "spam.egg")

    def setUp(self) -> None:
        self.folder = Path(self.mktemp())
        self.chain, self.key = put(self.folder, self.pair)

    def refused(self, *words: str, chain: Path | None = None, key: Path | None = None, password: str = "") -> None:
        with self.assertRaises(CertificateError) as caught:
            read_pair(chain or self.chain, key or self.key, password)
        message = str(caught.exception)
        self.assertNotIn("\n", message)
        for word in words:
            self.assertIn(word, message)

    def file(self, name: str, content: bytes) -> Path:
        path = self.folder / name
        path.write_bytes(content)
        return path

    def test_chain_and_key(self) -> None:
        read = read_pair(self.chain, self.key)
        self.assertEqual(read.chain, self.pair.chain)
        self.assertEqual(read.certificate, self.pair.certificate)
        self.assertEqual(read.expiry, self.pair.certificate.not_valid_after_utc.timestamp())

    def test_both_in_one_file(self) -> None:
        for content in (key_pem(self.pair) + chain_pem(self.pair), chain_pem(self.pair) + key_pem(self.pair)):
            both = self.file("both.pem", content)
            self.assertEqual(read_pair(both, both).chain, self.pair.chain)

    def test_words_around_the_blocks(self) -> None:
        """`openssl x509 -text`, bag attributes, CRLF, and EC PARAMETERS before the key."""
        chain = self.file("words.pem", b"Bag Attributes\r\n" + chain_pem(self.pair).replace(b"\n", b"\r\n") + b"\r\n")
        parameters = b"-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"
        traditional = self.pair.key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
        key = self.file("traditional.pem", parameters + traditional)
        self.assertIn(b"BEGIN EC PRIVATE KEY", traditional)
        self.assertEqual(read_pair(chain, key).certificate, self.pair.certificate)

    def test_kinds_of_keys(self) -> None:
        for pair in (
            self.authority.issue("a", "a", key=rsa.generate_private_key(65537, 2048)),
            self.authority.issue("a", "a", key=ec.generate_private_key(ec.SECP384R1())),
            ed25519_pair("a"),
        ):
            chain, key = put(self.folder / "kinds", pair)
            self.assertEqual(read_pair(chain, key).certificate, pair.certificate)

    def test_missing(self) -> None:
        missing = self.folder / "missing.pem"
        self.refused(str(missing), "does not exist", chain=missing)
        self.refused(str(missing), "does not exist", key=missing)

    def test_folder(self) -> None:
        self.refused(str(self.folder), "directory", chain=self.folder)

    def test_no_right_to_it(self) -> None:
        def forbidden(path: Path, mode: str) -> None:
            raise PermissionError(13, "Permission denied", str(path))

        self.patch(Path, "open", forbidden)  # root, as whom tests may run, would read it
        self.refused(str(self.chain), "no right to it")

    def test_not_pem(self) -> None:
        der = self.file("der", self.pair.certificate.public_bytes(Encoding.DER))
        self.refused(str(der), "no certificate in PEM form", "-inform der", chain=der)
        for content in (b"", b"garbage", b"\0" * 100, key_pem(self.pair)):
            self.refused("no certificate in PEM form", chain=self.file("junk", content))
        for content in (b"", b"garbage", b"\0" * 100, chain_pem(self.pair)):
            self.refused("no private key in PEM form", key=self.file("junk", content))

    def test_damaged(self) -> None:
        whole = chain_pem(self.pair)
        for content in (
            b"-----BEGIN CERTIFICATE-----\ngarbage\n-----END CERTIFICATE-----\n",
            whole.replace(b"MII", b"AII", 1),
            whole[: len(whole) // 4],
        ):
            damaged = self.file("damaged.pem", content)
            self.refused(str(damaged), chain=damaged)
        key = key_pem(self.pair)
        damaged = self.file("damaged.pem", key[:60] + key[80:])
        self.refused(str(damaged), "damaged", key=damaged)

    def test_every_cut(self) -> None:
        """A file half written: one error, whatever is missing."""
        whole, key = chain_pem(self.pair), key_pem(self.pair)
        for end in range(0, len(whole), 37):
            cut = self.file("cut.pem", whole[:end])
            try:
                read_pair(cut, self.key)
            except CertificateError:
                pass
            else:
                self.assertGreaterEqual(end, whole.index(b"-----END"))  # the host's own was whole already
        for end in range(0, len(key) - 30, 11):
            self.assertRaises(CertificateError, read_pair, self.chain, self.file("cut.pem", key[:end]))

    def test_someone_elses_key(self) -> None:
        other = self.file("other.pem", key_pem(self.authority.issue("other")))
        self.refused(str(other), str(self.chain), "not the key", key=other)

    def test_chain_in_the_wrong_order(self) -> None:
        wrong = Pair(self.pair.chain[::-1], self.pair.key)
        self.refused("must come first", chain=self.file("wrong.pem", chain_pem(wrong)))

    def test_encrypted(self) -> None:
        encrypted = self.file("encrypted.pem", key_pem(self.pair, "trustno1"))
        self.assertEqual(read_pair(self.chain, encrypted, "trustno1").certificate, self.pair.certificate)
        self.refused(str(encrypted), "is encrypted", "private-key-password", key=encrypted)
        self.refused(str(encrypted), "not its password", key=encrypted, password="trustno2")

    def test_encrypted_traditionally(self) -> None:
        from cryptography.hazmat.primitives.serialization import BestAvailableEncryption

        form = (Encoding.PEM, PrivateFormat.TraditionalOpenSSL, BestAvailableEncryption(b"trustno1"))
        encrypted = self.file("encrypted.pem", self.pair.key.private_bytes(*form))
        self.assertEqual(read_pair(self.chain, encrypted, "trustno1").certificate, self.pair.certificate)
        self.refused("is encrypted", key=encrypted)
        self.refused("not its password", key=encrypted, password="trustno2")

    def test_a_password_that_is_not_needed(self) -> None:
        self.assertEqual(read_pair(self.chain, self.key, "trustno1").certificate, self.pair.certificate)

    def test_too_big(self) -> None:
        whole = chain_pem(self.pair)
        self.assertEqual(read_certificates(self.file("big", whole.ljust(BIGGEST, b"\n"))), self.pair.chain)
        self.refused("bigger than", chain=self.file("big", whole.ljust(BIGGEST + 1, b"\n")))

    def test_secrets_stay_out_of_messages(self) -> None:
        encrypted = self.file("encrypted.pem", key_pem(self.pair, "trustno1"))
        with self.assertRaises(CertificateError) as caught:
            read_pair(self.chain, encrypted, "sesame")
        self.assertNotIn("sesame", str(caught.exception))
        self.assertIsNone(caught.exception.__cause__)


class SelfSignedTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = Path(self.mktemp()) / "data" / "tls"
        self.file = self.folder / SELF_SIGNED

    def test_made_on_first_start(self) -> None:
        pair = self_signed(self.folder, "spam.egg", NOW)
        names = pair.certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        self.assertEqual(names.get_values_for_type(x509.DNSName), ["spam.egg", "localhost"])
        self.assertEqual([str(one) for one in names.get_values_for_type(x509.IPAddress)], ["127.0.0.1", "::1"])
        self.assertIsInstance(pair.key, ec.EllipticCurvePrivateKey)
        self.assertEqual(pair.certificate.public_key().curve.name, "secp256r1")
        self.assertLess(pair.certificate.not_valid_before_utc.timestamp(), NOW)
        life = pair.certificate.not_valid_after_utc - pair.certificate.not_valid_before_utc
        self.assertEqual(life, timedelta(days=825))

    def test_only_for_the_daemon(self) -> None:
        before = os.umask(0)
        try:
            self_signed(self.folder, "spam.egg", NOW)
        finally:
            os.umask(before)
        self.assertEqual(stat.S_IMODE(self.folder.stat().st_mode), 0o700)
        self.assertEqual(stat.S_IMODE(self.file.stat().st_mode), 0o600)
        self.assertEqual([path.name for path in self.folder.iterdir()], [SELF_SIGNED])

    def test_kept(self) -> None:
        first = self_signed(self.folder, "spam.egg", NOW)
        again = self_signed(self.folder, "spam.egg", NOW + 700 * DAY)
        self.assertEqual(first.certificate, again.certificate)

    def test_made_anew_before_its_end(self) -> None:
        first = self_signed(self.folder, "spam.egg", NOW)
        later = self_signed(self.folder, "spam.egg", NOW + 796 * DAY)
        self.assertNotEqual(first.certificate, later.certificate)
        self.assertEqual(self_signed(self.folder, "spam.egg", NOW + 796 * DAY).certificate, later.certificate)

    def test_made_anew_for_another_name(self) -> None:
        first = self_signed(self.folder, "spam.egg", NOW)
        other = self_signed(self.folder, "egg.spam", NOW)
        self.assertNotEqual(first.certificate, other.certificate)

    def test_made_anew_when_damaged(self) -> None:
        self_signed(self.folder, "spam.egg", NOW)
        self.file.write_bytes(self.file.read_bytes()[:300])
        self.assertEqual(self_signed(self.folder, "spam.egg", NOW).chain, read_certificates(self.file))

    def test_long_names(self) -> None:
        long = ".".join(["a" * 60] * 3)
        self.assertIn(long, str(make(long, NOW).certificate.extensions))

    def test_localhost_stands_once(self) -> None:
        names = make("localhost", NOW).certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        self.assertEqual(names.value.get_values_for_type(x509.DNSName), ["localhost"])

    def test_can_not_be_written(self) -> None:
        self.folder.parent.mkdir(parents=True)
        self.folder.write_text("in the way")
        with self.assertRaises(CertificateError) as caught:
            self_signed(self.folder, "spam.egg", NOW)
        self.assertIn(str(self.folder), str(caught.exception))
        self.assertIn("data writable", str(caught.exception))

    def test_a_failed_writing_leaves_nothing(self) -> None:
        self.folder.mkdir(parents=True)
        self.file.mkdir()
        (self.file / "in the way").touch()
        self.assertRaises(CertificateError, self_signed, self.folder, "spam.egg", NOW)
        self.assertEqual([path.name for path in self.folder.iterdir()], [SELF_SIGNED])

    def test_the_standard_library_takes_it(self) -> None:
        """As trust anchor and as server certificate."""
        self.folder.mkdir(parents=True)
        file = self.folder / "pair.pem"
        file.write_bytes(pem(make("spam.egg", NOW)))
        server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        server.load_cert_chain(file)
        client = ssl.create_default_context(cafile=str(file))
        for name in ("spam.egg", "localhost", "127.0.0.1", "::1"):
            with self.subTest(name):
                handshake(client, server, name)
        self.assertRaises(ssl.SSLCertVerificationError, handshake, client, server, "egg.spam")


def handshake(client: ssl.SSLContext, server: ssl.SSLContext, name: str) -> None:
    """The standard library with itself, in memory."""
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    sides = [client.wrap_bio(back, there, server_hostname=name), server.wrap_bio(there, back, server_side=True)]
    for _ in range(4):
        for side in sides:
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                pass
