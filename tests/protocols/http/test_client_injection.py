"""What would get into a request that is nobody's to put there: by a login, a realm, a cookie, or a form."""

from __future__ import annotations

import os
from base64 import b64encode
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from netdaemon.protocols.http.client import form
from netdaemon.protocols.http.client.authentication import Authenticator, Login
from netdaemon.protocols.http.client.cookies import BadCookieFile
from netdaemon.protocols.http.client.form import Part, file_part, multipart
from netdaemon.protocols.http.client.url import parse_url
from netdaemon.protocols.http.grammar.challenge import parse_challenges
from netdaemon.protocols.http.grammar.message import Fields
from netdaemon.wire.failures import BadURL
from tests.protocols.http.test_client_authentication import MULDER, Server
from tests.protocols.http.test_client_cookies import JarCase
from tests.protocols.http.test_client_form import body_of, raw, read_back


class LoginTests(SynchronousTestCase):
    def test_controls_in_a_login(self) -> None:
        for bad in (b"a\r\nX: y", b"a\n", b"\0", b"\x7f"):
            self.assertRaises(BadURL, Authenticator, Login(bad, b""))
            self.assertRaises(BadURL, Authenticator, Login(b"a", bad))

    def test_a_realm_that_wants_out_of_its_quotes(self) -> None:
        realm = b'x", uri="/evil", x="\\'
        server = Server()
        server.realm = realm
        value = Authenticator(MULDER).answer(server.challenge(), b"GET", b"/")
        read = parse_challenges([value or b""])
        self.assertEqual(len(read), 1)
        self.assertEqual((read[0].parameters["uri"], read[0].parameters["realm"]), ("/", realm.decode()))

    def test_a_target_that_wants_out(self) -> None:
        value = Authenticator(MULDER).answer(Server().challenge(), b"GET", b'/", username="scully')
        self.assertEqual(parse_challenges([value or b""])[0].parameters["username"], "mulder")

    def test_line_ends_by_way_of_a_challenge(self) -> None:
        """No parser lets them in; neither does the writer."""
        server = Server()
        (challenge,) = server.challenge()
        for name in ("realm", "nonce", "opaque"):
            bad = challenge._replace(parameters={**challenge.parameters, name: "a\r\nEvil: 1"})
            self.assertRaises(ValueError, Authenticator(MULDER).answer, [bad], b"GET", b"/")

    def test_the_password_is_not_shown(self) -> None:
        self.assertNotIn("trustno1", repr(MULDER))
        self.assertNotIn(b64encode(b"mulder:trustno1").decode(), repr(Authenticator(MULDER)))


class CookieTests(JarCase):
    def test_line_ends_from_a_file(self) -> None:
        for value in (b"1\r", b"1\x00", b"1; admin=1", b"1\x0b"):
            self.file.write_bytes(b"a.example\tFALSE\t/\tFALSE\t0\tx\t" + value + b"\nb")
            self.assertRaises(BadCookieFile, self.jar.load)

    @settings(deadline=None, max_examples=300)
    @given(st.binary(max_size=40), st.binary(max_size=10), st.binary(max_size=10))
    def test_nothing_but_one_field_and_one_line(self, pair: bytes, path: bytes, domain: bytes) -> None:
        """Fields from a peer hold no line ends; should one ever get this far, it goes no further."""
        self.jar = self.another()
        field = pair + b"; Path=/" + path + b"; Domain=" + domain
        self.jar.take(parse_url("http://a.example/"), Fields([(b"Set-Cookie", field)]))
        for cookie in self.jar:
            sent = self.jar.header_for(parse_url("http://a.example" + cookie.path.decode("latin-1")))
            _ = Fields([(b"Cookie", sent or b"")]).block
        self.jar.save()
        again = self.another()
        again.load()
        self.assertEqual(len(again), len(self.jar))

    def test_values_are_not_shown(self) -> None:
        self.set("http://a.example/", "session=trustno1")
        self.assertNotIn("trustno1", repr(list(self.jar)))


class FormTests(SynchronousTestCase):
    def test_names_that_want_out(self) -> None:
        """As browsers escape them, and others read them."""
        for name, written in (
            ('a"; filename="evil', b"a%22; filename=%22evil"),
            ("a\r\nX: y\r\n\r\nz", b"a%0D%0AX: y%0D%0A%0D%0Az"),
            ("a%22\\", b"a%22\\"),
        ):
            body = raw(Part(name, b"v"))
            self.assertEqual(body, b'--B\r\nContent-Disposition: form-data; name="%b"\r\n\r\nv\r\n--B--\r\n' % written)
            body = raw(Part("n", b"v", name))
            self.assertIn(b'name="n"; filename="%b"\r\nContent-Type: ' % written, body)
        self.assertIn(b'filename="a%0Ab%0Dc"', raw(Part("n", b"v", "a\nb\rc")))
        self.assertIn(b'name="a%0D%0Ab%0D%0Ac"', raw(Part("a\nb\rc", b"v")))

    def test_names_of_files_that_are_no_text(self) -> None:
        self.assertIn(b'filename="\xff.txt"', raw(Part("n", b"v", os.fsdecode(b"\xff.txt"))))

    def test_media_types_that_want_out(self) -> None:
        for kind in (b"a/b\r\nX: y", b"a/b\n", b"a\0"):
            self.assertRaises(ValueError, multipart, [Part("n", b"v", "f", kind)])

    def test_nobody_guesses_the_boundary(self) -> None:
        kinds = {multipart([])[0] for _ in range(100)}
        self.assertEqual(len(kinds), 100)
        for kind in kinds:
            boundary = kind.partition(b"boundary=")[2]
            self.assertLessEqual(len(boundary), 70)  # RFC 2046 5.1.1
            self.assertRegex(boundary, rb"\Anetdaemon-[0-9a-f]{32}\Z")

    def test_what_looks_like_a_boundary_is_content(self) -> None:
        self.patch(form, "CHUNK", 7)
        value = b"\r\n--netdaemon-\r\n--\r\n--netdaemon-00000000000000000000000000000000--\r\n"
        path = Path(self.mktemp())
        path.write_bytes(value)
        kind, upload = multipart([Part("a", value), file_part("f", path)])
        self.assertEqual([part.get_payload(decode=True) for part in read_back(kind, body_of(upload))], [value] * 2)
