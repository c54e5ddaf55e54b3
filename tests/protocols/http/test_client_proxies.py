"""Which proxy a URL is asked for by."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from netdaemon.protocols.http.client.proxies import Proxies, parse_proxy
from netdaemon.wire.failures import BadURL


def chosen(proxies: Proxies, scheme: str = "http", host: str = "a.example", port: int = 80) -> str | None:
    proxy = proxies.proxy_for(scheme, host, port)
    return None if proxy is None else str(proxy.url)


class ChoiceTests(SynchronousTestCase):
    def test_what_was_set(self) -> None:
        for environment in ({}, {"http_proxy": "http://env.example"}):
            self.assertEqual(chosen(Proxies("http://p.example:3128", None, environment)), "http://p.example:3128/")
            self.assertIsNone(chosen(Proxies("", None, environment)))
        self.assertIsNone(chosen(Proxies()))

    def test_the_environment(self) -> None:
        every = {"http_proxy": "h", "https_proxy": "s", "ftp_proxy": "f", "gopher_proxy": "g", "all_proxy": "a"}
        for scheme, name in (("http", "h"), ("https", "s"), ("ftp", "f"), ("gopher", "g"), ("ftps", "a"), ("x", "a")):
            self.assertEqual(chosen(Proxies(environment=every), scheme), f"http://{name}/")

    def test_case(self) -> None:
        self.assertEqual(chosen(Proxies(environment={"HTTPS_PROXY": "u", "https_proxy": "l"}), "https"), "http://l/")
        self.assertEqual(chosen(Proxies(environment={"HTTPS_PROXY": "u"}), "https"), "http://u/")
        self.assertEqual(chosen(Proxies(environment={"ALL_PROXY": "u"}), "http"), "http://u/")
        self.assertIsNone(chosen(Proxies(environment={"Https_Proxy": "u"}), "https"))

    def test_a_request_s_proxy_field_is_none(self) -> None:
        """httpoxy: a CGI script finds it in HTTP_PROXY."""
        self.assertIsNone(chosen(Proxies(environment={"HTTP_PROXY": "evil.example"})))
        self.assertEqual(chosen(Proxies(environment={"HTTP_PROXY": "evil.example", "all_proxy": "a"})), "http://a/")

    def test_empty_means_none(self) -> None:
        self.assertIsNone(chosen(Proxies(environment={"http_proxy": "", "all_proxy": "a"})))
        self.assertIsNone(chosen(Proxies(environment={"https_proxy": "", "HTTPS_PROXY": "u"}), "https"))

    def test_no_proxy_from_there(self) -> None:
        for name in ("no_proxy", "NO_PROXY"):
            environment = {"http_proxy": "h", name: "a.example"}
            self.assertIsNone(chosen(Proxies(environment=environment)))
            self.assertEqual(chosen(Proxies(None, "", environment)), "http://h/", "what was set comes first")
            self.assertEqual(chosen(Proxies(None, "b.example", environment)), "http://h/")
            self.assertIsNone(chosen(Proxies("http://p", None, environment)))
        both = {"http_proxy": "h", "no_proxy": "b.example", "NO_PROXY": "a.example"}
        self.assertEqual(chosen(Proxies(environment=both)), "http://h/")


class ExceptionTests(SynchronousTestCase):
    def check(self, no_proxy: str, *, none: tuple[str, ...] = (), some: tuple[str, ...] = (), port: int = 80) -> None:
        proxies = Proxies("http://p.example", no_proxy)
        for host in none:
            self.assertIsNone(chosen(proxies, "http", host, port), (no_proxy, host))
        for host in some:
            self.assertIsNotNone(chosen(proxies, "http", host, port), (no_proxy, host))

    def test_names(self) -> None:
        for text in ("a.example", ".a.example", "A.Example", "a.example.", "b.example, a.example", "x  a.example\t,,y"):
            self.check(
                text, none=("a.example", "www.a.example", "x.y.a.example", "a.example."), some=("ba.example", "example")
            )
        self.check("b\u00fccher.example", none=("xn--bcher-kva.example", "www.xn--bcher-kva.example"))
        self.check("localhost", none=("localhost", "a.localhost"), some=("localhost.example", "127.0.0.1", "::1"))

    def test_nobody_by_himself(self) -> None:
        self.check("", some=("localhost", "127.0.0.1", "::1", "a.example"))
        self.check(", ,", some=("a.example",))
        self.check(". ..", some=("a.example", "localhost"))

    def test_everybody(self) -> None:
        for text in ("*", "a.example *", "*, x"):
            self.check(text, none=("a.example", "10.0.0.1", "::1", "localhost"))
        self.check("*.a.example", some=("a.example", "x.a.example"))

    def test_ports(self) -> None:
        for text in ("a.example:8080", ".a.example:8080", "*:8080"):
            self.check(text, none=("a.example", "x.a.example"), port=8080)
            self.check(text, some=("a.example", "x.a.example"))
        self.check("[::1]:81 10.0.0.1:81 10.1.0.0/16:81", none=("::1", "10.0.0.1", "10.1.2.3"), port=81)
        self.check("[::1]:81 10.0.0.1:81 10.1.0.0/16:81", some=("::1", "10.0.0.1", "10.1.2.3"))

    def test_addresses_and_networks(self) -> None:
        self.check("10.0.0.1", none=("10.0.0.1",), some=("10.0.0.10", "110.0.0.1", "a.10.0.0.1", "::ffff:10.0.0.1"))
        self.check("10.0.0.0/8", none=("10.0.0.1", "10.255.255.255"), some=("11.0.0.0", "10.example", "::1"))
        self.check("10.1.2.3/8", none=("10.9.9.9",))
        self.check("192.168.1.128/25", none=("192.168.1.128",), some=("192.168.1.127",))
        self.check("0.0.0.0/0", none=("1.2.3.4",), some=("::1", "a.example"))
        for text in ("fe80::/10", "[fe80::]/10", "[fe80::/10]"):
            self.check(text, none=("fe80::1", "fe80::1%lo"), some=("fec0::1", "10.0.0.1"))
        for text in ("::1", "[::1]", "0:0:0:0:0:0:0:1"):
            self.check(text, none=("::1",), some=("::2",))
        self.check("0.1", some=("10.0.0.1",))

    def test_nonsense(self) -> None:
        self.check("10.0.0.0/99 [::1 /8 a.example:99999 \u0130.. :80 \x00", some=("10.0.0.1", "::1", "a.example"))

    @settings(deadline=None, max_examples=300)
    @given(st.text(max_size=20), st.sampled_from(["a.example", "10.0.0.1", "::1", "fe80::1%lo"]))
    def test_anything(self, no_proxy: str, host: str) -> None:
        chosen(Proxies("http://p", no_proxy), "http", host)


class ProxyTests(SynchronousTestCase):
    def test_forms(self) -> None:
        for text, url in (
            ("p.example:3128", "http://p.example:3128/"),
            ("http://p.example", "http://p.example/"),
            ("HTTP://P.example:80/", "http://p.example/"),
            ("http://p.example:8080/ignored?x#y", "http://p.example:8080/"),
            ("[::1]:3128", "http://[::1]:3128/"),
        ):
            self.assertEqual(str(parse_proxy(text).url), url)

    def test_credentials(self) -> None:
        for text in ("mulder:trust%40no1@p.example:3128", "http://mulder:trust%40no1@p.example:3128"):
            proxy = parse_proxy(text)
            self.assertEqual(proxy.url.userinfo, b"mulder:trust@no1")
            self.assertNotIn("trust", f"{proxy!r} {proxy}")

    def test_what_is_none_of_ours(self) -> None:
        for text in (
            "https://p.example", "socks5://p.example", "socks://u:trustno1@p.example", "ftp://p.example", "",
            "http://", "p.example:0", "p.example:99999", "p exa", "http://a@b@c", "p.example\r\nX: y", "file:///etc",
        ):  # fmt: skip
            error = self.assertRaises(BadURL, parse_proxy, text)
            self.assertNotIn("trustno1", str(error))
        self.assertRaises(BadURL, chosen, Proxies(environment={"all_proxy": "socks5h://127.0.0.1:9050"}))
        self.assertIsNone(chosen(Proxies(None, "a.example", {"all_proxy": "socks5h://127.0.0.1:9050"})))
