"""Digest and Basic authentication: the examples of the RFCs, and a server that does its own sums."""

from __future__ import annotations

import hashlib
from typing import Any
from urllib.parse import unquote_to_bytes
from urllib.request import parse_http_list, parse_keqv_list

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from netdaemon.protocols.http.client.authentication import Authenticator, Login
from netdaemon.protocols.http.grammar.challenge import parse_challenges, quoted

MULDER = Login(b"mulder", b"trustno1")


def md5(text: str) -> str:
    return hashlib.md5(text.encode("latin-1")).hexdigest()


def parameters(value: bytes | None) -> dict[str, str]:
    assert value is not None and value.startswith(b"Digest ")
    return parse_keqv_list(parse_http_list(value[7:].decode("latin-1")))


class Server:
    """Checks digests as RFC 7616 3.4 has them, by hand."""

    def __init__(
        self, algorithm: str | None = "SHA-256", qop: str | None = "auth", userhash: bool = False, **more: str
    ) -> None:
        self.algorithm, self.qop, self.userhash, self.more = algorithm, qop, userhash, more
        self.login, self.realm, self.nonce = MULDER, b"the x files", b"n1"
        self.session: str | None = None
        self.counts: list[str] = []

    def hash(self, data: bytes) -> str:
        name = (self.algorithm or "MD5").upper().removesuffix("-SESS")
        return {"MD5": hashlib.md5, "SHA-256": hashlib.sha256, "SHA-512-256": lambda d: hashlib.new("sha512_256", d)}[
            name
        ](data).hexdigest()

    def challenge(self) -> Any:
        value = b"Digest realm=%b, nonce=%b" % (quoted(self.realm), quoted(self.nonce))
        if self.algorithm is not None:
            value += b", algorithm=" + self.algorithm.encode()
        if self.qop is not None:
            value += b', qop="%b"' % self.qop.encode()
        if self.userhash:
            value += b", userhash=true"
        for name, text in self.more.items():
            value += b", %b=%b" % (name.encode(), quoted(text.encode()))
        return parse_challenges([value])

    def key(self, cnonce: bytes) -> str:
        key = self.hash(self.login.user + b":" + self.realm + b":" + self.login.password)
        if (self.algorithm or "").lower().endswith("-sess"):
            if self.session is None:
                self.session = self.hash(key.encode() + b":" + self.nonce + b":" + cnonce)
            key = self.session
        return key

    def lets_in(self, value: bytes | None, method: bytes, target: bytes) -> bool:
        sent = {name: text.encode("latin-1") for name, text in parameters(value).items()}
        if "username*" in sent:
            user = unquote_to_bytes(sent["username*"].removeprefix(b"UTF-8''"))
        else:
            user = sent["username"]
        expected = self.login.user
        if self.userhash:
            expected = self.hash(self.login.user + b":" + self.realm).encode()
        if (user, sent["realm"], sent["nonce"], sent["uri"]) != (expected, self.realm, self.nonce, target):
            return False
        if sent.get("opaque", b"").decode() != self.more.get("opaque", ""):
            return False
        a2 = self.hash(method + b":" + target).encode()
        if self.qop is None:
            middle = self.nonce
        else:
            self.counts.append(sent["nc"].decode())
            middle = b":".join((self.nonce, sent["nc"], sent["cnonce"], sent["qop"]))
        key = self.key(sent.get("cnonce", b""))
        return sent["response"].decode() == self.hash(key.encode() + b":" + middle + b":" + a2)


class ExampleTests(SynchronousTestCase):
    NONCE = "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v"
    CNONCE = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"
    FORM = (
        b'Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm=%b, '
        b'nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"'
    )

    def answer(self, *values: bytes) -> dict[str, str]:
        authenticator = Authenticator(Login(b"Mufasa", b"Circle of Life"), cnonce=lambda: self.CNONCE)
        return parameters(authenticator.answer(parse_challenges(values), b"GET", b"/dir/index.html"))

    def test_rfc_7616_3_9_1(self) -> None:
        md5_answer = self.answer(self.FORM % b"MD5")
        self.assertEqual(
            md5_answer,
            {
                "username": "Mufasa",
                "realm": "http-auth@example.org",
                "uri": "/dir/index.html",
                "algorithm": "MD5",
                "nonce": self.NONCE,
                "nc": "00000001",
                "cnonce": self.CNONCE,
                "qop": "auth",
                "response": "8ca523f5e9506fed4657c9700eebdbec",
                "opaque": "FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS",
            },
        )
        both = self.answer(self.FORM % b"MD5", self.FORM % b"SHA-256")
        self.assertEqual(both["algorithm"], "SHA-256")
        self.assertEqual(both["response"], "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1")

    def test_rfc_2617_3_5(self) -> None:
        authenticator = Authenticator(Login(b"Mufasa", b"Circle Of Life"), cnonce=lambda: "0a4f113b")
        challenges = parse_challenges([
            b'Digest realm="testrealm@host.com", qop="auth,auth-int", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", '
            b'opaque="5ccc069c403ebaf9f0171e9517f40e41"'
        ])  # fmt: skip
        sent = parameters(authenticator.answer(challenges, b"GET", b"/dir/index.html"))
        self.assertEqual(sent["response"], "6629fae49393a05397450978507c4ef1")
        self.assertNotIn("algorithm", sent)

    def test_rfc_2069(self) -> None:
        """No qop: the old form; the sums are those of its section 2.4, done by hand."""
        sent = self.answer(b'Digest realm="r", nonce="n"')
        a1, a2 = md5("Mufasa:r:Circle of Life"), md5("GET:/dir/index.html")
        self.assertEqual(sent["response"], md5(f"{a1}:n:{a2}"))
        self.assertFalse({"qop", "nc", "cnonce", "opaque", "algorithm"} & set(sent))

    def test_basic(self) -> None:
        """RFC 7617 2."""
        authenticator = Authenticator(Login(b"Aladdin", b"open sesame"))
        value = authenticator.answer(parse_challenges([b'Basic realm="WallyWorld"']), b"GET", b"/")
        self.assertEqual(value, b"Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==")

    def test_the_head_has_quotes_where_they_belong(self) -> None:
        """RFC 7616 3.4: qop, nc, algorithm and userhash without."""
        authenticator = Authenticator(MULDER, cnonce=lambda: "c")
        challenge = parse_challenges([b'Digest realm="a\\"b", nonce=n, qop=auth, algorithm="SHA-256", userhash=true'])
        value = authenticator.answer(challenge, b"GET", b"/")
        assert value is not None
        for part in (b"qop=auth,", b"nc=00000001,", b"algorithm=SHA-256,", b"userhash=true,", b'realm="a\\"b",'):
            self.assertIn(part, value + b",")


class ServerTests(SynchronousTestCase):
    KINDS = (
        {},
        {"algorithm": "MD5"},
        {"algorithm": None},
        {"algorithm": "sha-512-256"},
        {"algorithm": "MD5-sess"},
        {"algorithm": "SHA-256-sess"},
        {"algorithm": "SHA-512-256-sess"},
        {"qop": None},
        {"qop": "auth-int , AUTH"},
        {"userhash": True},
        {"opaque": 'o"paque'},
        {"charset": "UTF-8"},
    )

    def test_every_kind(self) -> None:
        for kind in self.KINDS:
            server, authenticator = Server(**kind), Authenticator(MULDER)  # type: ignore[arg-type]
            value = authenticator.answer(server.challenge(), b"GET", b"/a?b")
            self.assertTrue(server.lets_in(value, b"GET", b"/a?b"), kind)
            self.assertFalse(server.lets_in(value, b"PUT", b"/a?b"), kind)
            server.counts.clear()
            for target in (b"/", b"/c"):
                self.assertTrue(server.lets_in(authenticator.again(b"PUT", target), b"PUT", target), kind)
            self.assertEqual(server.counts, ["00000002", "00000003"] if kind.get("qop", "") is not None else [])
            wrong = Authenticator(Login(b"mulder", b"trustno2"))
            self.assertFalse(server.lets_in(wrong.answer(server.challenge(), b"GET", b"/"), b"GET", b"/"), kind)

    def test_a_user_of_all_languages(self) -> None:
        user = "J\u00e4s\u00f8n Doe".encode()
        for kind in ({}, {"charset": "UTF-8"}, {"userhash": True, "charset": "UTF-8"}):
            server = Server(**kind)  # type: ignore[arg-type]
            server.login = Login(user, b"Secret, or not?")
            value = Authenticator(server.login).answer(server.challenge(), b"GET", b"/doe.json")
            self.assertTrue(server.lets_in(value, b"GET", b"/doe.json"), kind)
            assert value is not None
            self.assertEqual(value.isascii(), bool(kind))

    @settings(deadline=None, max_examples=150)
    @given(
        st.text("ab:\"\\ \u00e4,='", max_size=9).map(str.encode),
        st.text(max_size=9).map(str.encode).filter(lambda value: not any(o < 32 or o == 127 for o in value)),
        st.text('ab"\\, =', max_size=9).map(str.encode),
        st.sampled_from(KINDS),
    )
    def test_any_login_anywhere(self, user: bytes, password: bytes, realm: bytes, kind: dict[str, Any]) -> None:
        server = Server(**kind)
        server.login, server.realm = Login(user, password), realm
        value = Authenticator(server.login).answer(server.challenge(), b"GET", b"/")
        # parse_keqv_list takes the quotes of a value that is a quote for its own
        sent = parse_challenges([value or b""])[0].parameters
        self.assertEqual(sent["realm"].encode("latin-1"), realm)
        if not {b'"', b"\\"} & {realm[:1], realm[-1:], user[:1], user[-1:]}:
            self.assertTrue(server.lets_in(value, b"GET", b"/"))


class ChoiceTests(SynchronousTestCase):
    def chosen(self, *values: bytes, login: Login = MULDER) -> str | None:
        value = Authenticator(login).answer(parse_challenges(values), b"GET", b"/")
        if value is None:
            return None
        return parameters(value).get("algorithm", "none") if value.startswith(b"Digest") else "basic"

    def test_the_strongest(self) -> None:
        digest = b"Digest realm=r, nonce=n, qop=auth"
        sha256, sha512 = digest + b", algorithm=SHA-256", digest + b", algorithm=SHA-512-256"
        for values, expected in (
            ((b"Basic realm=x", digest, sha512, sha256), "SHA-256"),
            ((b"Basic realm=x", digest, sha512), "SHA-512-256"),
            ((b"Basic realm=x", digest), "none"),
            ((digest + b"," + sha256 + b", Basic realm=x",), "SHA-256"),
            ((digest + b", algorithm=SHA-3", b"Basic realm=x"), "basic"),
            ((digest + b", algorithm=SHA-3", digest), "none"),
            ((b"Negotiate", b"NTLM", b"Bearer realm=x"), None),
            ((b"Digest realm=r, nonce=n, qop=auth-int",), None),
            ((b"Digest realm=r, nonce=n, algorithm=MD5-sess",), None),
            ((b"Digest realm=r, qop=auth",), None),
            ((b"Digest nonce=n, qop=auth", b"Basic realm=x"), "basic"),
            ((), None),
        ):
            self.assertEqual(self.chosen(*values), expected, values)

    def test_a_colon_in_the_user_is_none_of_basic_s(self) -> None:
        login = Login(b"a:b", b"c")
        self.assertIsNone(self.chosen(b"Basic realm=x", login=login))
        self.assertEqual(self.chosen(b"Basic realm=x", b"Digest realm=r, nonce=n", login=login), "none")


class CourseTests(SynchronousTestCase):
    """What comes after the first answer."""

    def test_refused(self) -> None:
        for challenges in (parse_challenges([b"Basic realm=x"]), Server().challenge()):
            authenticator = Authenticator(MULDER)
            sent = authenticator.answer(challenges, b"GET", b"/")
            self.assertIsNone(authenticator.answer(challenges, b"GET", b"/", sent))
            self.assertIsNone(authenticator.again(b"GET", b"/"), "nor is it sent of itself any more")

    def test_basic_is_the_same_in_every_realm(self) -> None:
        authenticator = Authenticator(MULDER)
        sent = authenticator.answer(parse_challenges([b"Basic realm=x"]), b"GET", b"/")
        self.assertIsNone(authenticator.answer(parse_challenges([b"Basic realm=y"]), b"GET", b"/", sent))

    def test_no_weaker_scheme_for_who_was_refused(self) -> None:
        server, authenticator = Server(), Authenticator(MULDER)
        challenges = [*server.challenge(), *parse_challenges([b"Basic realm=x"])]
        sent = authenticator.answer(challenges, b"GET", b"/")
        self.assertIsNone(authenticator.answer(challenges, b"GET", b"/", sent))

    def test_two_requests_at_once_are_both_answered(self) -> None:
        server, authenticator = Server(), Authenticator(MULDER)
        for target in (b"/a", b"/b"):
            value = authenticator.answer(server.challenge(), b"GET", target, None)
            self.assertTrue(server.lets_in(value, b"GET", target))

    def test_stale(self) -> None:
        server, authenticator = Server(), Authenticator(MULDER)
        sent = authenticator.answer(server.challenge(), b"GET", b"/")
        server.nonce, server.more = b"n2", {"stale": "TRUE"}
        renewed = authenticator.answer(server.challenge(), b"GET", b"/", sent)
        self.assertTrue(server.lets_in(renewed, b"GET", b"/"))
        self.assertEqual(parameters(renewed)["nc"], "00000001")
        server.nonce, server.more = b"n3", {"stale": "false"}
        self.assertIsNone(authenticator.answer(server.challenge(), b"GET", b"/", renewed))

    def test_another_realm(self) -> None:
        server, authenticator = Server(), Authenticator(MULDER)
        sent = authenticator.answer(server.challenge(), b"GET", b"/")
        server.realm = b"other"
        value = authenticator.answer(server.challenge(), b"GET", b"/other", sent)
        self.assertTrue(server.lets_in(value, b"GET", b"/other"))

    def test_next_nonce(self) -> None:
        server, authenticator = Server(), Authenticator(MULDER)
        sent = authenticator.answer(server.challenge(), b"GET", b"/")
        assert sent is not None
        self.assertTrue(authenticator.informed(b'nextnonce="n2"', b"/", sent))
        server.nonce = b"n2"
        value = authenticator.again(b"GET", b"/")
        self.assertTrue(server.lets_in(value, b"GET", b"/"))
        self.assertEqual(server.counts, ["00000001"])

    def test_rspauth(self) -> None:
        for algorithm in ("MD5", "SHA-256", "SHA-256-sess"):
            server, authenticator = Server(algorithm), Authenticator(MULDER)
            sent = authenticator.answer(server.challenge(), b"GET", b"/a")
            assert sent is not None
            authenticator.again(b"GET", b"/another under way")
            own = parameters(sent)
            cnonce = own["cnonce"].encode()
            middle = b":".join((b"n1", b"00000001", cnonce, b"auth", server.hash(b":/a").encode()))
            proof = server.hash(server.key(cnonce).encode() + b":" + middle)
            info = f'qop=auth, nc=00000001, cnonce="{own["cnonce"]}", nextnonce="n2", rspauth='.encode()
            self.assertFalse(authenticator.informed(info + quoted(b"0" * len(proof)), b"/a", sent))
            self.assertEqual(
                parameters(authenticator.again(b"GET", b"/"))["nonce"], "n1", "a liar's nonce is not taken"
            )
            self.assertTrue(authenticator.informed(info + quoted(proof.encode()), b"/a", sent))
            self.assertEqual(parameters(authenticator.again(b"GET", b"/"))["nonce"], "n2")

    def test_no_information(self) -> None:
        authenticator = Authenticator(MULDER)
        sent = authenticator.answer(Server().challenge(), b"GET", b"/")
        assert sent is not None
        for info in (None, b"", b"nonsense here", b'nextnonce="'):
            self.assertTrue(authenticator.informed(info, b"/", sent))
        self.assertTrue(authenticator.informed(b"nextnonce=x", b"/", b"Bearer x"))

    def test_basic_beneath_its_directory(self) -> None:
        """RFC 7617 2.2."""
        authenticator = Authenticator(MULDER)
        self.assertIsNone(authenticator.again(b"GET", b"/"))
        authenticator.answer(parse_challenges([b"Basic realm=x"]), b"GET", b"/a/b?c=/d/e")
        for target, inside in (
            (b"/a/", True), (b"/a/x", True), (b"/a/b/c", True), (b"/a/?q", True),
            (b"/a", False), (b"/ab", False), (b"/", False), (b"/d/e", False),
        ):  # fmt: skip
            self.assertEqual(authenticator.again(b"GET", target) is not None, inside, target)
        authenticator.answer(parse_challenges([b"Basic realm=x"]), b"GET", b"/x/")
        self.assertIsNotNone(authenticator.again(b"GET", b"/x/y"))
        self.assertIsNotNone(authenticator.again(b"GET", b"/a/y"))
        for number in range(100):
            authenticator.answer(parse_challenges([b"Basic realm=x"]), b"GET", b"/%d/" % number)
        self.assertIsNotNone(authenticator.again(b"GET", b"/99/"))
        self.assertIsNone(authenticator.again(b"GET", b"/a/y"), "what is remembered has its bounds")

    def test_the_domain_of_a_digest(self) -> None:
        server, authenticator = Server(domain="/a /b/ http://other.example/c"), Authenticator(MULDER)
        authenticator.answer(server.challenge(), b"GET", b"/a")
        for target, inside in ((b"/a", True), (b"/ax", True), (b"/b/c", True), (b"/b", False), (b"/c", False)):
            self.assertEqual(authenticator.again(b"GET", target) is not None, inside, target)

    def test_a_proxy_is_all_one_space(self) -> None:
        authenticator = Authenticator(MULDER, proxy=True)
        sent = authenticator.answer(parse_challenges([b"Basic realm=x"]), b"GET", b"http://a.example/a/b")
        for target in (b"http://b.example/", b"c.example:443"):
            self.assertEqual(authenticator.again(b"CONNECT", target), sent)
        server = Server(domain="/nowhere")
        authenticator.answer(server.challenge(), b"CONNECT", b"c.example:443")
        again = authenticator.again(b"CONNECT", b"d.example:443")
        self.assertTrue(server.lets_in(again, b"CONNECT", b"d.example:443"))

    def test_many_realms(self) -> None:
        server, authenticator = Server(), Authenticator(MULDER)
        for number in range(1000):
            server.realm = b"%d" % number
            authenticator.answer(server.challenge(), b"GET", b"/")
        self.assertLessEqual(len(authenticator._spaces), 16)
