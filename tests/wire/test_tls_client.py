"""Whom our clients believe."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from OpenSSL import SSL
from service_identity import VerificationError
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from netdaemon.config.settings import TLSSettings
from netdaemon.wire.certificate import CertificateError
from netdaemon.wire.tls import Certificates, bindings
from netdaemon.wire.tlsclient import Trust
from tests.wire.pems import Authority, Encoding, put

AUTHORITY = Authority()


class Waiting:
    """The protocol that a handshake is for: it hears why the certificate is not the right one."""

    failure: Failure | None = None

    def failVerification(self, failure: Failure) -> None:
        self.failure = failure


class TrustTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = Path(self.mktemp())
        self.folder.mkdir()
        self.ca = self.folder / "ca.pem"
        self.ca.write_bytes(AUTHORITY.certificate.public_bytes(Encoding.PEM))

    def server(self, pair: Any, **settings: Any) -> Certificates:
        chain, key = put(self.folder / "server", pair)
        certificates = Certificates(
            TLSSettings(certificate=chain, private_key=key, **settings), "spam.egg", self.folder
        )
        certificates.load()
        return certificates

    def shake(self, pair: Any, hostname: str, *alpn: bytes, verify: bool = True) -> tuple[Any, Any, Waiting]:
        """Both connections after a handshake of our client with our server. Raises SSL.Error."""
        waiting = Waiting()
        client = Trust(self.ca).client(hostname, alpn, verify).clientConnectionForTLS(waiting)
        server = self.server(pair).server(alpn).serverConnectionForTLS(None)
        client.set_connect_state()
        server.set_accept_state()
        self.waiting = waiting
        finish(client, server)
        return client, server, waiting

    def test_interface(self) -> None:
        verifyObject(IOpenSSLClientConnectionCreator, Trust().client("spam.egg"))

    def test_the_right_host(self) -> None:
        pair = AUTHORITY.issue("", "spam.egg", "*.spam.egg", "192.0.2.7", "2001:db8::7")
        for name in ("spam.egg", "SPAM.egg", "spam.egg.", "www.spam.egg", "192.0.2.7", "2001:db8::7", "2001:DB8:0::7"):
            with self.subTest(name):
                client, _, _ = self.shake(pair, name)
                self.assertEqual(client.get_protocol_version_name(), "TLSv1.3")

    def test_internationalized(self) -> None:
        _, server, _ = self.shake(AUTHORITY.issue("", "xn--mller-kva.egg"), "Müller.egg")
        self.assertEqual(server.get_servername(), b"xn--mller-kva.egg")

    def test_no_names(self) -> None:
        for name in ("", "a b é", "é" * 300):
            with self.subTest(name):
                self.assertRaises(ValueError, Trust().client, name)

    def test_another_host(self) -> None:
        pair = AUTHORITY.issue("spam.egg", "spam.egg", "*.wild.egg", "192.0.2.7")
        for name in ("egg.spam", "www.spam.egg", "wild.egg", "a.b.wild.egg", "192.0.2.8", "2001:db8::7"):
            with self.subTest(name):
                self.assertRaises(SSL.Error, self.shake, pair, name)
                assert self.waiting.failure is not None
                self.waiting.failure.trap(VerificationError)

    def test_common_names_are_no_hosts(self) -> None:
        """RFC 9525 section 2: only subjectAltName counts."""
        self.assertRaises(SSL.Error, self.shake, AUTHORITY.issue("spam.egg"), "spam.egg")

    def test_a_strange_authority(self) -> None:
        self.assertRaises(SSL.Error, self.shake, Authority().issue("", "spam.egg"), "spam.egg")
        self.assertIsNone(self.waiting.failure)  # OpenSSL's error says it

    def test_expired(self) -> None:
        self.assertRaises(SSL.Error, self.shake, AUTHORITY.issue("", "spam.egg", days=-1), "spam.egg")

    def test_insecure(self) -> None:
        for pair in (Authority().issue("", "egg.spam"), AUTHORITY.issue("", "spam.egg", days=-1)):
            _, server, _ = self.shake(pair, "spam.egg", verify=False)
            self.assertEqual(server.get_servername(), b"spam.egg")

    def test_addresses_are_not_sent_as_names(self) -> None:
        _, server, _ = self.shake(AUTHORITY.issue("", "192.0.2.7"), "192.0.2.7")
        self.assertIsNone(server.get_servername())

    def test_zones_mean_nothing_to_certificates(self) -> None:
        self.shake(AUTHORITY.issue("", "fe80::1"), "fe80::1%eth0")

    def test_alpn(self) -> None:
        client, server, _ = self.shake(AUTHORITY.issue("", "spam.egg"), "spam.egg", b"imap")
        self.assertEqual((client.get_alpn_proto_negotiated(), server.get_alpn_proto_negotiated()), (b"imap", b"imap"))

    def test_the_system_does_not_know_our_authority(self) -> None:
        self.ca.write_bytes(Authority().certificate.public_bytes(Encoding.PEM))
        self.assertRaises(SSL.Error, self.shake, AUTHORITY.issue("", "spam.egg"), "spam.egg")

    def test_older_servers(self) -> None:
        context = SSL.Context(SSL.TLS_METHOD)
        context.set_cipher_list(b"ALL:@SECLEVEL=0")
        context.set_max_proto_version(SSL.TLS1_1_VERSION)
        pair = AUTHORITY.issue("", "spam.egg")
        context.use_certificate(pair.certificate)
        context.use_privatekey(pair.key)
        server = SSL.Connection(context, None)
        server.set_accept_state()
        client = Trust(self.ca).client("spam.egg").clientConnectionForTLS(Waiting())
        client.set_connect_state()
        self.assertRaises(SSL.Error, finish, client, server)

    def test_contexts_are_kept(self) -> None:
        trust = Trust(self.ca)
        one, other = (trust.client(name).clientConnectionForTLS(Waiting()) for name in ("spam.egg", "egg.spam"))
        self.assertIs(one.get_context(), other.get_context())
        insecure = trust.client("spam.egg", verify=False).clientConnectionForTLS(Waiting())
        self.assertIsNot(one.get_context(), insecure.get_context())

    def test_authorities_that_can_not_be_read(self) -> None:
        self.ca.write_text("garbage")
        self.assertRaises(CertificateError, Trust(self.ca).client, "spam.egg")

    def test_bindings_are_the_same_on_both_sides(self) -> None:
        client, server, _ = self.shake(AUTHORITY.issue("", "spam.egg"), "spam.egg")
        self.assertEqual(list(bindings(client)), ["tls-exporter", "tls-server-end-point"])
        self.assertEqual(bindings(client), bindings(server))
        another, _, _ = self.shake(AUTHORITY.issue("", "spam.egg"), "spam.egg")
        self.assertNotEqual(bindings(another)["tls-exporter"], bindings(client)["tls-exporter"])

    def test_bindings_under_tls_1_2(self) -> None:
        pair = AUTHORITY.issue("", "spam.egg")
        client = Trust(self.ca).client("spam.egg").clientConnectionForTLS(Waiting())
        client.set_options(SSL.OP_NO_TLSv1_3)
        client.set_connect_state()
        server = self.server(pair).server().serverConnectionForTLS(None)
        server.set_accept_state()
        finish(client, server)
        self.assertEqual(list(bindings(client)), ["tls-server-end-point"])
        self.assertEqual(bindings(client), bindings(server))

    def test_authorities_are_read_anew_at_a_reload(self) -> None:
        certificates = self.server(AUTHORITY.issue("", "spam.egg"))
        first, second = (certificates.client(name, authorities=self.ca) for name in ("spam.egg", "egg.spam"))
        certificates.reload()
        third = certificates.client("spam.egg", authorities=self.ca)
        contexts = [one.clientConnectionForTLS(Waiting()).get_context() for one in (first, second, third)]
        self.assertIs(contexts[0], contexts[1])
        self.assertIsNot(contexts[0], contexts[2])

    def test_by_the_certificates(self) -> None:
        certificates = self.server(AUTHORITY.issue("", "spam.egg"))
        client = certificates.client("spam.egg", authorities=self.ca).clientConnectionForTLS(Waiting())
        client.set_connect_state()
        server = certificates.server().serverConnectionForTLS(None)
        server.set_accept_state()
        finish(client, server)
        self.assertEqual(certificates.binding(client), certificates.binding(server))


def finish(client: SSL.Connection, server: SSL.Connection) -> None:
    """Both handshakes to their end. Raises the client's error rather than the server's, which follows from it."""
    for _ in range(5):
        for connection, other in ((client, server), (server, client)):
            try:
                connection.do_handshake()
            except SSL.WantReadError:
                pass
            finally:
                try:
                    other.bio_write(connection.bio_read(1 << 15))
                except SSL.WantReadError:
                    pass
