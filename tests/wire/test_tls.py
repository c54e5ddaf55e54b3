"""Certificates as contexts: what a handshake with them comes to, and how they are swapped."""

from __future__ import annotations

import hashlib
import ssl
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding
from OpenSSL import SSL
from twisted.internet.interfaces import IOpenSSLServerConnectionCreator
from twisted.internet.task import Clock
from twisted.logger import LogEvent, LogLevel, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from netdaemon.config.settings import TLSSettings
from netdaemon.config.values import Secret
from netdaemon.interfaces import ITLS
from netdaemon.wire.certificate import SELF_SIGNED
from netdaemon.wire.tls import DEFAULT, TICKET_KEY_LIFE, CertificateError, Certificates, bindings
from netdaemon.wire.tlscontext import NoApplicationProtocol
from tests.wire.handshakes import Refused, Shaken, anybody, shake
from tests.wire.pems import Authority, ed25519_pair, key_pem, put

TLS_1_2 = {"least": ssl.TLSVersion.TLSv1_2, "most": ssl.TLSVersion.TLSv1_2}
TLS_1_3 = {"least": ssl.TLSVersion.TLSv1_3, "most": ssl.TLSVersion.TLSv1_3}
NOW = datetime.now(UTC).timestamp()
DAY = 86400.0
AUTHORITY = Authority()


class TLSCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = Path(self.mktemp())
        self.now = NOW
        self.events: list[LogEvent] = []
        globalLogPublisher.addObserver(self.events.append)
        self.addCleanup(globalLogPublisher.removeObserver, self.events.append)

    def loaded(self, **settings: Any) -> Certificates:
        made = Certificates(TLSSettings(**settings), "spam.egg", self.folder / "data", wall=lambda: self.now)
        made.load()
        return made

    def with_pair(self, common: str = "spam.egg", **settings: Any) -> Certificates:
        chain, key = put(self.folder / "pair", AUTHORITY.issue(common, "spam.egg"))
        return self.loaded(certificate=chain, private_key=key, **settings)

    def said(self, level: LogLevel) -> list[str]:
        return [event["log_format"].format(**event) for event in self.events if event["log_level"] == level]


class Handshakes(TLSCase):
    def test_interfaces(self) -> None:
        certificates = self.loaded()
        verifyObject(ITLS, certificates)
        verifyObject(IOpenSSLServerConnectionCreator, certificates.server((b"http/1.1",)))

    def test_both_versions(self) -> None:
        server = self.with_pair().server()
        self.assertEqual(shake(server, anybody(**TLS_1_2)).client.version(), "TLSv1.2")
        self.assertEqual(shake(server, anybody(**TLS_1_3)).client.version(), "TLSv1.3")

    def test_older_versions(self) -> None:
        old = {"least": ssl.TLSVersion.TLSv1, "most": ssl.TLSVersion.TLSv1_1}
        with self.assertRaises(Refused) as caught:
            shake(self.with_pair().server(), anybody(**old))
        self.assertIn("unsupported protocol", str(caught.exception.server))

    def test_minimum(self) -> None:
        server = self.with_pair(minimum="1.3").server()
        self.assertEqual(shake(server, anybody()).client.version(), "TLSv1.3")
        self.assertRaises(Refused, shake, server, anybody(**TLS_1_2))

    def test_ciphers(self) -> None:
        server = self.with_pair().server()
        for name in ("ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-ECDSA-CHACHA20-POLY1305"):
            context = anybody(**TLS_1_2)
            context.set_ciphers(name)
            self.assertEqual(shake(server, context).client.cipher()[0], name)
        for name in (
            "ECDHE-ECDSA-AES128-SHA",
            "ECDHE-ECDSA-AES128-SHA256",
            "ECDHE-ECDSA-AES128-CCM",
            "DHE-RSA-AES128-GCM-SHA256",
        ):
            context = anybody(**TLS_1_2)
            context.set_ciphers(f"{name}:@SECLEVEL=0")
            self.assertRaises(Refused, shake, server, context)

    def test_the_client_orders_them(self) -> None:
        server = self.with_pair().server()
        names = ["ECDHE-ECDSA-CHACHA20-POLY1305", "ECDHE-ECDSA-AES128-GCM-SHA256"]
        for order in (names, names[::-1]):
            context = anybody(**TLS_1_2)
            context.set_ciphers(":".join(order))
            self.assertEqual(shake(server, context).client.cipher()[0], order[0])

    def test_rsa(self) -> None:
        pair = AUTHORITY.issue("spam.egg", key=rsa.generate_private_key(65537, 2048))
        chain, key = put(self.folder / "rsa", pair)
        shaken = shake(self.loaded(certificate=chain, private_key=key).server(), anybody(**TLS_1_2))
        self.assertTrue(shaken.client.cipher()[0].startswith("ECDHE-RSA-"))

    def test_curves(self) -> None:
        pair = AUTHORITY.issue("spam.egg", key=rsa.generate_private_key(65537, 2048))
        chain, key = put(self.folder / "rsa", pair)  # an ECDSA one would want its own curve as well
        server = self.loaded(certificate=chain, private_key=key).server()
        for curve in ("X25519", "prime256v1", "secp384r1"):
            for version in (TLS_1_2, TLS_1_3):
                context = anybody(**version)
                context.set_ecdh_curve(curve)
                shake(server, context)

    def test_no_compression(self) -> None:
        self.assertIsNone(shake(self.with_pair().server(), anybody()).client.compression())

    def test_no_renegotiation(self) -> None:
        """Neither side begins anew; that of a client is tried in the flows."""
        shaken = shake(self.with_pair().server(), anybody(**TLS_1_2))
        self.assertRaises(SSL.Error, shaken.server.renegotiate)

    def test_the_chain_is_sent(self) -> None:
        context = ssl.create_default_context(cadata=AUTHORITY.certificate.public_bytes(Encoding.PEM).decode())
        self.assertEqual(shake(self.with_pair().server(), context, "spam.egg").subject, "spam.egg")
        self.assertRaises(Refused, shake, self.with_pair().server(), context, "egg.spam")


class ALPN(TLSCase):
    def test_shared(self) -> None:
        server = self.with_pair().server([b"h2", b"http/1.1"])
        for offered, chosen in {
            ("http/1.1",): "http/1.1",
            ("http/1.1", "h2"): "h2",
            ("spdy", "http/1.1"): "http/1.1",
            ("h2",): "h2",
        }.items():
            self.assertEqual(shake(server, anybody(*offered)).client.selected_alpn_protocol(), chosen)

    def test_none_shared(self) -> None:
        """RFC 7301 3.2: the alert, and for Twisted a handshake that failed as any other."""
        server = self.with_pair().server([b"imap"])
        for offered in ("http/1.1", "h2", "IMAP", "imap2", "ima"):
            for version in (TLS_1_2, TLS_1_3):
                with self.subTest(offered), self.assertRaises(Refused) as caught:
                    shake(server, anybody(offered, **version))
                self.assertIsInstance(caught.exception.server, NoApplicationProtocol)
                self.assertIsInstance(caught.exception.server, SSL.Error)
                self.assertIn("no application protocol", str(caught.exception.client).lower())
        # nothing of it stays behind in OpenSSL for the next one
        self.assertEqual(shake(server, anybody("imap")).client.selected_alpn_protocol(), "imap")

    def test_a_client_without(self) -> None:
        self.assertIsNone(shake(self.with_pair().server([b"imap"]), anybody()).client.selected_alpn_protocol())

    def test_a_service_without(self) -> None:
        shaken = shake(self.with_pair().server(), anybody("http/1.1", "imap"))
        self.assertIsNone(shaken.client.selected_alpn_protocol())

    def test_one_creator_for_each(self) -> None:
        certificates = self.with_pair()
        self.assertIs(certificates.server([b"imap"]), certificates.server((b"imap",)))
        self.assertIsNot(certificates.server([b"imap"]), certificates.server())


class Resumption(TLSCase):
    def resumed(self, server: Any, context: ssl.SSLContext, name: str | None = None, again: str | None = None) -> bool:
        first = shake(server, context, name)
        self.assertFalse(first.client.session_reused)
        second = shake(server, context, again or name, first.client.session)
        return bool(second.client.session_reused)

    def test_tickets(self) -> None:
        server = self.with_pair().server()
        for version in (TLS_1_2, TLS_1_3):
            context = anybody(**version)
            self.assertEqual([self.resumed(server, context) for _ in range(5)], [True] * 5)

    def test_session_ids(self) -> None:
        """TLS 1.2 without tickets."""
        server = self.with_pair().server()
        context = anybody(**TLS_1_2)
        context.options |= ssl.OP_NO_TICKET
        self.assertTrue(self.resumed(server, context))

    def test_with_alpn_and_server_name(self) -> None:
        put(self.folder / "sni" / "other.egg", AUTHORITY.issue("other.egg"))
        server = self.with_pair(sni=self.folder / "sni").server([b"imap"])
        for version in (TLS_1_2, TLS_1_3):
            for name in ("other.egg", "spam.egg"):
                self.assertTrue(self.resumed(server, anybody("imap", **version), name))

    def test_with_client_certificates_asked_for(self) -> None:
        """Without a session id context OpenSSL refuses these outright."""
        chain, _ = put(self.folder / "ca", AUTHORITY.issue("x"))
        server = self.with_pair(client_ca=chain).server()
        for version in (TLS_1_2, TLS_1_3):
            self.assertTrue(self.resumed(server, anybody(**version)))

    def test_keys_are_renewed(self) -> None:
        certificates = self.with_pair(watch=3600.0)
        clock = Clock()
        certificates.watch(clock)
        server = certificates.server()
        for version in (TLS_1_2, TLS_1_3):
            context = anybody(**version)
            old = shake(server, context).client.session
            clock.advance(3600)
            self.assertTrue(shake(server, context, session=old).client.session_reused)
            clock.pump([3600] * int(TICKET_KEY_LIFE / 3600))
            self.assertFalse(shake(server, context, session=old).client.session_reused)
            self.assertTrue(self.resumed(server, context))
        certificates.stop()


class ServerNames(TLSCase):
    def setUp(self) -> None:
        super().setUp()
        self.sni = self.folder / "sni"
        for name in ("mail.egg", "_.egg", "www.spam.egg", "Upper.Egg"):
            put(self.sni / name, AUTHORITY.issue(f"for {name}"))

    def test_chosen(self) -> None:
        server = self.with_pair("default", sni=self.sni).server()
        for name, subject in {
            None: "default",
            "mail.egg": "for mail.egg",
            "MAIL.egg": "for mail.egg",
            "www.egg": "for _.egg",
            "upper.egg": "for Upper.Egg",
            "a.b.egg": "default",  # an asterisk stands for one label
            "egg": "default",
            "www.spam.egg": "for www.spam.egg",
            "spam.egg": "for _.egg",
            "nobody.example": "default",
        }.items():
            for version in (TLS_1_2, TLS_1_3):
                with self.subTest(name):
                    self.assertEqual(shake(server, anybody(**version), name).subject, subject)

    def test_a_name_as_a_folder_is_named(self) -> None:
        """Nobody asks for the wildcard or for the default by its own name."""
        generation = self.with_pair("default", sni=self.sni)._generation
        for name, chosen in {
            b"_.egg": "_.egg",
            b"*": DEFAULT,
            b"": DEFAULT,
            b"\xff.egg": "_.egg",
            b".": DEFAULT,
        }.items():
            self.assertEqual(generation.named(name), chosen)

    def test_what_goes_with_the_context(self) -> None:
        """SSL_set_SSL_CTX does not carry everything over: each rule holds for the chosen host as for the default."""
        chain, _ = put(self.folder / "ca", AUTHORITY.issue("x"))
        server = self.with_pair("default", sni=self.sni, minimum="1.3", client_ca=chain).server([b"imap"])
        for name in ("spam.nobody", "mail.egg"):
            with self.subTest(name):
                self.assertRaises(Refused, shake, server, anybody(**TLS_1_2), name)
                self.assertRaises(Refused, shake, server, anybody("http/1.1"), name)
                shaken = shake(server, anybody("imap"), name)
                self.assertEqual(shaken.client.selected_alpn_protocol(), "imap")
                mulder = client_with(self.folder, AUTHORITY.issue("mulder"))
                self.assertEqual(peer(shake(server, mulder, name)), "CN=mulder")
                stranger = client_with(self.folder, Authority("strange").issue("mulder"))
                self.assertRaises(Refused, connect, server, stranger, name)
        tls_1_2 = self.with_pair("default", sni=self.sni).server()
        context = anybody(**TLS_1_2)
        context.set_ciphers("ECDHE-ECDSA-AES128-SHA:@SECLEVEL=0")
        self.assertRaises(Refused, shake, tls_1_2, context, "mail.egg")
        shaken = shake(tls_1_2, anybody(**TLS_1_2), "mail.egg")
        self.assertRaises(SSL.Error, shaken.server.renegotiate)

    def test_expiry(self) -> None:
        expiry = self.with_pair("default", sni=self.sni).expiry
        self.assertEqual(sorted(expiry), sorted([DEFAULT, "mail.egg", "_.egg", "www.spam.egg", "upper.egg"]))
        self.assertTrue(all(NOW + 89 * DAY < when < NOW + 91 * DAY for when in expiry.values()))

    def test_other_things_in_the_folder(self) -> None:
        (self.sni / "README").write_text("how to add a host")
        (self.sni / ".git").mkdir()
        self.assertNotIn("readme", self.with_pair(sni=self.sni).expiry)

    def refused(self, *words: str) -> None:
        with self.assertRaises(CertificateError) as caught:
            self.with_pair(sni=self.sni)
        for word in words:
            self.assertIn(word, str(caught.exception))

    def test_incomplete(self) -> None:
        (self.sni / "mail.egg" / "key.pem").unlink()
        self.refused(str(self.sni / "mail.egg" / "key.pem"), "does not exist")

    def test_no_host(self) -> None:
        (self.sni / "*.spam").mkdir()
        self.refused(str(self.sni / "*.spam"), "_.example.org")

    def test_twice(self) -> None:
        put(self.sni / "MAIL.egg", AUTHORITY.issue("again"))
        self.refused("another folder")

    def test_no_folder(self) -> None:
        self.sni = self.folder / "nowhere"
        self.refused(str(self.sni), "can't be listed")


class Loading(TLSCase):
    def refused(self, *words: str, **settings: Any) -> None:
        with self.assertRaises(CertificateError) as caught:
            self.loaded(**settings)
        for word in words:
            self.assertIn(word, str(caught.exception))
        self.assertNotIn("\n", str(caught.exception))

    def test_self_signed(self) -> None:
        certificates = self.loaded()
        file = self.folder / "data" / "tls" / SELF_SIGNED
        context = ssl.create_default_context(cafile=str(file))
        self.assertEqual(shake(certificates.server(), context, "localhost").subject, "spam.egg")
        self.assertEqual(self.loaded().expiry, certificates.expiry)

    def test_no_self_signed_beside_a_real_one(self) -> None:
        self.with_pair()
        self.assertFalse((self.folder / "data").exists())

    def test_a_key_that_openssl_will_not_have(self) -> None:
        pair = AUTHORITY.issue("weak", key=rsa.generate_private_key(65537, 1024))
        chain, key = put(self.folder / "weak", pair)
        self.refused(str(chain), "too small", certificate=chain, private_key=key)

    def test_password(self) -> None:
        pair = AUTHORITY.issue("spam.egg")
        chain, key = put(self.folder / "pair", pair)
        key.write_bytes(key_pem(pair, "trustno1"))
        self.refused(str(key), "is encrypted", certificate=chain, private_key=key)
        self.loaded(certificate=chain, private_key=key, private_key_password=Secret("trustno1"))

    def test_client_ca(self) -> None:
        chain, key = put(self.folder / "pair", AUTHORITY.issue("spam.egg"))
        self.refused(str(key), "no certificate", certificate=chain, private_key=key, client_ca=key)

    def test_an_expired_one_is_served_and_complained_of(self) -> None:
        chain, key = put(self.folder / "pair", AUTHORITY.issue("spam.egg", days=-1))
        certificates = self.loaded(certificate=chain, private_key=key)
        self.assertEqual(shake(certificates.server(), anybody()).subject, "spam.egg")
        (line,) = self.said(LogLevel.warn)
        self.assertIn("has expired", line)

    def test_one_that_expires_soon_is_complained_of(self) -> None:
        chain, key = put(self.folder / "pair", AUTHORITY.issue("spam.egg", days=6.9))
        self.loaded(certificate=chain, private_key=key)
        self.assertIn("expires soon", self.said(LogLevel.warn)[0])

    def test_one_that_does_not_is_not(self) -> None:
        self.with_pair()
        self.assertEqual(self.said(LogLevel.warn), [])


class Watching(TLSCase):
    def setUp(self) -> None:
        super().setUp()
        self.clock = Clock()

    def watched(self, **settings: Any) -> Certificates:
        certificates = self.with_pair("first", **settings)
        certificates.watch(self.clock)
        self.addCleanup(certificates.stop)
        return certificates

    def swap(self, common: str, folder: str = "pair") -> None:
        put(self.folder / folder, AUTHORITY.issue(common))

    def test_nothing_changes(self) -> None:
        certificates = self.watched()
        before = certificates.server().serverConnectionForTLS(None).get_context()
        self.clock.pump([10] * 20)
        self.assertIs(certificates.server().serverConnectionForTLS(None).get_context(), before)
        self.assertEqual(self.said(LogLevel.info), [])

    def test_swapped_behind_the_same_creator(self) -> None:
        certificates = self.watched(watch=10.0)
        server = certificates.server([b"imap"])
        running = shake(server, anybody())
        self.swap("second")
        self.clock.advance(9.9)
        self.assertEqual(shake(server, anybody()).subject, "first")
        self.clock.advance(0.1)
        self.assertEqual(shake(server, anybody()).subject, "second")
        self.assertIs(certificates.server([b"imap"]), server)
        self.assertEqual(running.server.send(b"still here"), 10)
        self.assertEqual(self.said(LogLevel.info), ["certificates swapped: files have changed"])

    def test_swapped_by_a_link(self) -> None:
        """As certbot does it: the file looked at stays a link, what it leads to changes."""
        one, other = (put(self.folder / name, AUTHORITY.issue(name)) for name in ("one", "two"))
        for name, target in zip(("chain.pem", "key.pem"), one, strict=True):
            (self.folder / name).symlink_to(target.absolute())
        certificates = self.loaded(certificate=self.folder / "chain.pem", private_key=self.folder / "key.pem")
        certificates.watch(self.clock)
        self.addCleanup(certificates.stop)
        for name, target in zip(("chain.pem", "key.pem"), other, strict=True):
            (self.folder / name).unlink()
            (self.folder / name).symlink_to(target.absolute())
        self.clock.advance(10)
        self.assertEqual(shake(certificates.server(), anybody()).subject, "two")

    def test_half_swapped(self) -> None:
        """The certificate is there and its key not yet: the old ones stay, which is said once, and then it works."""
        certificates = self.watched()
        pair = AUTHORITY.issue("second")
        before = (self.folder / "pair" / "key.pem").read_bytes()
        put(self.folder / "pair", pair)
        (self.folder / "pair" / "key.pem").write_bytes(before)
        self.clock.pump([10] * 5)
        self.assertEqual(shake(certificates.server(), anybody()).subject, "first")
        (line,) = self.said(LogLevel.error)
        self.assertIn("stay as they were", line)
        self.assertIn("not the key", line)
        put(self.folder / "pair", pair)
        self.clock.advance(10)
        self.assertEqual(shake(certificates.server(), anybody()).subject, "second")

    def test_each_failure_is_said_once(self) -> None:
        self.watched()
        key = self.folder / "pair" / "key.pem"
        key.unlink()
        self.clock.pump([10] * 5)
        self.assertEqual(len(self.said(LogLevel.error)), 1)
        key.write_text("garbage")
        self.clock.pump([10] * 5)
        self.assertEqual(len(self.said(LogLevel.error)), 2)

    def test_put_back(self) -> None:
        """The very file that was there before: nothing to load, and the next failure is said again."""
        certificates = self.watched()
        key = self.folder / "pair" / "key.pem"
        for _ in range(2):
            key.rename(self.folder / "aside")
            self.clock.advance(10)
            (self.folder / "aside").rename(key)
            self.clock.advance(10)
        self.assertEqual(len(self.said(LogLevel.error)), 2)
        self.assertEqual(shake(certificates.server(), anybody()).subject, "first")

    def test_hosts_come_and_go(self) -> None:
        (self.folder / "sni").mkdir(parents=True)
        certificates = self.watched(sni=self.folder / "sni")
        server = certificates.server()
        self.swap("another", "sni/other.egg")
        self.clock.advance(10)
        self.assertEqual(shake(server, anybody(), "other.egg").subject, "another")
        (self.folder / "sni" / "other.egg").rename(self.folder / "away")
        self.clock.advance(10)
        self.assertEqual(shake(server, anybody(), "other.egg").subject, "first")

    def test_authorities_are_watched(self) -> None:
        ca, _ = put(self.folder / "ca", Authority("other").issue("x"))
        certificates = self.watched(client_ca=ca)
        mulder = client_with(self.folder, AUTHORITY.issue("mulder"))
        self.assertRaises(Refused, connect, certificates.server(), mulder)
        put(self.folder / "ca", AUTHORITY.issue("x"))
        self.clock.advance(10)
        self.assertEqual(peer(shake(certificates.server(), mulder)), "CN=mulder")

    def test_self_signed_is_renewed(self) -> None:
        certificates = self.loaded()
        certificates.watch(self.clock)
        self.addCleanup(certificates.stop)
        before = certificates.expiry[DEFAULT]
        self.now += 794 * DAY
        self.clock.advance(10)
        self.assertEqual(certificates.expiry[DEFAULT], before)
        self.now += 2 * DAY
        self.clock.advance(10)
        self.assertEqual(certificates.expiry[DEFAULT], before + 796 * DAY)
        self.assertEqual(self.said(LogLevel.info), ["certificates swapped: renewed"])

    def test_self_signed_can_not_be_renewed(self) -> None:
        """The disk has become read-only: said once, served on."""
        certificates = self.loaded()
        certificates.watch(self.clock)
        self.addCleanup(certificates.stop)
        tls = self.folder / "data" / "tls"
        tls.rename(self.folder / "away")
        tls.write_text("in the way")
        self.now += 800 * DAY
        self.clock.pump([10] * 5)
        self.assertEqual(len(self.said(LogLevel.error)), 1)
        shake(certificates.server(), anybody())

    def test_stop(self) -> None:
        certificates = self.watched()
        certificates.watch(self.clock)
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)
        certificates.stop()
        certificates.stop()
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_reload(self) -> None:
        certificates = self.watched()
        self.swap("second")
        certificates.reload()
        self.assertEqual(shake(certificates.server(), anybody()).subject, "second")
        self.clock.advance(10)
        self.assertEqual(self.said(LogLevel.info), [])

    def test_reload_fails(self) -> None:
        certificates = self.watched()
        (self.folder / "pair" / "key.pem").write_text("garbage")
        self.assertRaises(CertificateError, certificates.reload)
        self.assertEqual(shake(certificates.server(), anybody()).subject, "first")

    def test_reload_reads_nothing_that_has_not_changed(self) -> None:
        """The key may be root's, who we are no more."""
        certificates = self.watched()

        def forbidden(path: Path, mode: str) -> None:
            raise PermissionError(13, "Permission denied")

        self.patch(Path, "open", forbidden)
        certificates.reload()
        self.assertEqual(shake(certificates.server(), anybody()).subject, "first")


class ClientCertificates(TLSCase):
    def setUp(self) -> None:
        super().setUp()
        ca, _ = put(self.folder / "ca", AUTHORITY.issue("x"))
        self.certificates = self.with_pair(client_ca=ca)

    def identity(self, pair: Any, **version: Any) -> str | None:
        shaken = shake(self.certificates.server(), client_with(self.folder, pair, **version))
        return self.certificates.peer_identity(shaken.server)

    def test_none(self) -> None:
        for version in (TLS_1_2, TLS_1_3):
            shaken = shake(self.certificates.server(), anybody(**version))
            self.assertIsNone(self.certificates.peer_identity(shaken.server))

    def test_none_asked_for(self) -> None:
        mulder = client_with(self.folder, AUTHORITY.issue("mulder"))
        shaken = shake(self.with_pair().server(), mulder)
        self.assertIsNone(self.certificates.peer_identity(shaken.server))

    def test_common_name(self) -> None:
        for version in (TLS_1_2, TLS_1_3):
            self.assertEqual(self.identity(AUTHORITY.issue("mulder"), **version), "mulder")

    def test_host_names_are_no_names_of_persons(self) -> None:
        self.assertEqual(self.identity(AUTHORITY.issue("mulder", "laptop.spam.egg")), "mulder")

    def test_addresses(self) -> None:
        for emails, identity in {
            ("mulder@spam.egg",): "mulder",
            ("mulder@SPAM.egg", "scully@spam.egg"): "mulder",
            ("mulder@elsewhere.egg",): "mulder@elsewhere.egg",
            ("mulder@spam.egg.elsewhere",): "mulder@spam.egg.elsewhere",
        }.items():
            self.assertEqual(self.identity(AUTHORITY.issue("somebody", emails=emails)), identity)

    def test_nameless(self) -> None:
        self.assertIsNone(self.identity(AUTHORITY.issue("")))

    def test_of_a_stranger(self) -> None:
        for pair in (Authority("strange").issue("mulder"), AUTHORITY.issue("mulder", days=-1), ed25519_pair("mulder")):
            for version in (TLS_1_2, TLS_1_3):
                server = self.certificates.server()
                self.assertRaises(Refused, connect, server, client_with(self.folder, pair, **version))

    def test_resumed(self) -> None:
        for version in (TLS_1_2, TLS_1_3):
            mulder = client_with(self.folder, AUTHORITY.issue("mulder"), **version)
            first = shake(self.certificates.server(), mulder)
            again = shake(self.certificates.server(), mulder, session=first.client.session)
            self.assertTrue(again.client.session_reused)
            self.assertEqual(self.certificates.peer_identity(again.server), "mulder")


class ChannelBindings(TLSCase):
    def test_end_point(self) -> None:
        """The standard library can't say it, but has the certificate."""
        certificates = self.with_pair()
        for version in (TLS_1_2, TLS_1_3):
            shaken = shake(certificates.server(), anybody(**version))
            expected = hashlib.sha256(shaken.client.getpeercert(binary_form=True) or b"").digest()
            self.assertEqual(bindings(shaken.server)["tls-server-end-point"], expected)

    def test_the_best(self) -> None:
        certificates = self.with_pair()
        old, new = (shake(certificates.server(), anybody(**version)).server for version in (TLS_1_2, TLS_1_3))
        self.assertEqual(list(bindings(old)), ["tls-server-end-point"])
        self.assertEqual(list(bindings(new)), ["tls-exporter", "tls-server-end-point"])
        self.assertEqual(certificates.binding(old), ("tls-server-end-point", bindings(old)["tls-server-end-point"]))
        name, data = certificates.binding(new) or ("", b"")
        self.assertEqual((name, len(data)), ("tls-exporter", 32))

    def test_before_the_handshake(self) -> None:
        certificates = self.with_pair()
        connection = certificates.server().serverConnectionForTLS(None)
        connection.set_accept_state()
        self.assertEqual((bindings(connection), certificates.binding(connection)), ({}, None))

    def test_of_the_certificate_that_was_shown(self) -> None:
        put(self.folder / "sni" / "other.egg", AUTHORITY.issue("other.egg"))
        certificates = self.with_pair(sni=self.folder / "sni")
        for name in ("other.egg", "spam.egg"):
            shaken = shake(certificates.server(), anybody(), name)
            expected = hashlib.sha256(shaken.client.getpeercert(binary_form=True) or b"").digest()
            self.assertEqual(bindings(shaken.server)["tls-server-end-point"], expected)

    def test_hash_functions(self) -> None:
        """RFC 5929 4.1: the signature's own; none for Ed25519, which has none."""
        for number, (pair, digest) in enumerate(
            (
                (AUTHORITY.issue("a", algorithm=hashes.SHA384()), hashlib.sha384),
                (AUTHORITY.issue("a", algorithm=hashes.SHA512()), hashlib.sha512),
                (ed25519_pair("a"), None),
            )
        ):
            chain, key = put(self.folder / str(number), pair)
            shaken = shake(self.loaded(certificate=chain, private_key=key).server(), anybody())
            der = shaken.client.getpeercert(binary_form=True) or b""
            expected = digest(der).digest() if digest is not None else None
            self.assertEqual(bindings(shaken.server).get("tls-server-end-point"), expected)


def client_with(folder: Path, pair: Any, **version: Any) -> ssl.SSLContext:
    context = anybody(**version)
    context.load_cert_chain(*put(folder / "client", pair))
    return context


def connect(server: Any, context: ssl.SSLContext, name: str | None = None) -> Shaken:
    """A handshake that counts as refused, too, when the client hears of it only afterwards (TLS 1.3)."""
    try:
        return shake(server, context, name)
    except ssl.SSLError as error:
        raise Refused(error, None) from error


def peer(shaken: Shaken) -> str:
    certificate = shaken.server.get_peer_certificate(as_cryptography=True)
    assert certificate is not None
    return certificate.subject.rfc4514_string()
