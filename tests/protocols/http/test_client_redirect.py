"""Where redirections lead, and what goes there."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from netdaemon.protocols.http.client.errors import RedirectRefused
from netdaemon.protocols.http.client.redirect import Asked, follow
from netdaemon.protocols.http.client.url import parse_url
from netdaemon.protocols.http.grammar.message import Fields, ResponseHead

SECRETS = ((b"Authorization", b"Basic x"), (b"Cookie", b"a=b"), (b"Proxy-Authorization", b"Basic y"))


def head(status: int, *locations: bytes) -> ResponseHead:
    return ResponseHead((1, 1), status, b"", Fields([(b"Location", location) for location in locations]))


def asked(url: str = "http://a.example/", method: bytes = b"GET", **more: object) -> Asked:
    return Asked(method, parse_url(url), **more)  # type: ignore[arg-type]  # the tests' own keywords


def to(given: Asked, status: int, location: bytes) -> Asked:
    found = follow(given, head(status, location))
    assert found is not None
    return found


class HostTests(SynchronousTestCase):
    def test_a_host_that_was_given_is_for_its_origin(self) -> None:
        given = asked(fields=((b"Host", b"c.example"), (b"X", b"y")))
        self.assertEqual(to(given, 302, b"/x").fields, given.fields)
        self.assertEqual(to(given, 302, b"http://b.example/").fields, ((b"X", b"y"),))

    def test_an_empty_location_is_no_place(self) -> None:
        self.assertIsNone(follow(asked(), head(302, b"")))
        self.assertIsNone(follow(asked(), head(302)))


class MethodTests(SynchronousTestCase):
    def method(self, method: bytes, status: int) -> bytes:
        return to(asked(method=method), status, b"/x").method

    def test_rules(self) -> None:
        for status, post, put in [
            (301, b"GET", b"PUT"),
            (302, b"GET", b"PUT"),
            (303, b"GET", b"GET"),
            (307, b"POST", b"PUT"),
            (308, b"POST", b"PUT"),
        ]:
            self.assertEqual(self.method(b"POST", status), post, status)
            self.assertEqual(self.method(b"PUT", status), put, status)
            self.assertEqual(self.method(b"GET", status), b"GET", status)
            self.assertEqual(self.method(b"HEAD", status), b"HEAD", status)

    def test_the_body_goes_with_its_method(self) -> None:
        given = asked(method=b"POST", body=b"data", fields=((b"Content-Type", b"text/plain"), (b"X", b"y")))
        self.assertEqual(to(given, 307, b"/x")[2:4], (given.fields, b"data"))
        self.assertEqual(to(given, 303, b"/x")[2:4], (((b"X", b"y"),), b""))


class PlaceTests(SynchronousTestCase):
    def test_no_redirection(self) -> None:
        for status in (200, 300, 304, 305, 306, 399, 404, 500):
            self.assertIsNone(follow(asked(), head(status, b"/x")))
        self.assertIsNone(follow(asked(), head(302)))

    def test_against_the_current_url(self) -> None:
        first = to(asked("http://a.example/b/"), 302, b"http://c.example/d/e")
        self.assertEqual(str(to(first, 302, b"f").url), "http://c.example/d/f")

    def test_two_places_are_none(self) -> None:
        self.assertRaises(RedirectRefused, follow, asked(), head(302, b"/x", b"/y"))
        self.assertIsNotNone(follow(asked(), head(302, b"/x", b"/x")))

    def test_other_schemes(self) -> None:
        for place in (
            b"file:///etc/passwd",
            b"gopher://a.example/",
            b"data:text/html,x",
            b"http://[",
            b"//[",
            b"/\x01",
        ):
            error = self.assertRaises(RedirectRefused, follow, asked(), head(302, place))
            self.assertTrue(str(error).isprintable())


class SecretTests(SynchronousTestCase):
    def test_kept_within_the_origin(self) -> None:
        given = asked("http://u:p@a.example/", fields=SECRETS)
        found = to(given, 302, b"http://a.example:80/x")
        self.assertEqual((found.url.userinfo, found.fields), (b"u:p", SECRETS))

    def test_dropped_across_origins(self) -> None:
        given = asked("http://u:p@a.example/", fields=((b"X", b"y"), *SECRETS))
        for place in (b"http://b.example/", b"http://a.example:81/", b"https://a.example/", b"//b.example/"):
            found = to(given, 302, place)
            self.assertEqual((found.url.userinfo, found.fields), (None, ((b"X", b"y"),)), place)

    def test_and_not_given_back_on_return(self) -> None:
        away = to(asked("http://u:p@a.example/", fields=SECRETS), 302, b"http://b.example/")
        back = to(away, 302, b"http://a.example/")
        self.assertFalse(back.has_secrets)

    def test_a_login_never_leaves_https(self) -> None:
        place = head(302, b"http://a.example/")
        self.assertRaises(RedirectRefused, follow, asked("https://u:p@a.example/"), place)
        self.assertRaises(RedirectRefused, follow, asked("https://a.example/", fields=SECRETS[:1]), place)
        self.assertIsNotNone(follow(asked("https://a.example/"), place))

    def test_credentials_of_a_server_s_choice(self) -> None:
        self.assertIsNone(to(asked(), 302, b"http://u:p@b.example/").url.userinfo)
        self.assertIsNone(to(asked(), 302, b"http://u:p@a.example/").url.userinfo)
