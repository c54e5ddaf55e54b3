"""The jar: who may set a cookie, who gets it back, and the file it is kept in."""

from __future__ import annotations

import os
import stat
from http.cookiejar import MozillaCookieJar
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from netdaemon.protocols.http.client import cookies
from netdaemon.protocols.http.client.cookies import BadCookieFile, Jar
from netdaemon.protocols.http.client.url import parse_url
from netdaemon.protocols.http.grammar.message import Fields

NOW = 1_800_000_000


class JarCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.now = float(NOW)
        self.file = Path(self.mktemp())
        self.jar = self.another()

    def another(self, session_too: bool = True) -> Jar:
        return Jar(self.file, session_too, lambda: self.now)

    def set(self, url: str, *values: str) -> None:
        self.jar.take(parse_url(url), Fields([(b"Set-Cookie", value.encode()) for value in values]))

    def sent(self, url: str, jar: Jar | None = None) -> str | None:
        value = (jar or self.jar).header_for(parse_url(url))
        return None if value is None else value.decode("latin-1")

    def check(self, url: str, expected: str | None) -> None:
        self.assertEqual(self.sent(url), expected, url)


class GivingTests(JarCase):
    def test_back_to_who_set_it(self) -> None:
        self.check("http://a.example/", None)
        self.set("http://a.example/", "x=1", "y=2")
        self.check("http://a.example/z?q", "x=1; y=2")
        self.check("https://a.example:8443/", "x=1; y=2")

    def test_a_host_s_own_are_for_no_host_below(self) -> None:
        self.set("http://a.example/", "x=1")
        for url in ("http://b.a.example/", "http://example/", "http://aa.example/", "http://b.example/"):
            self.check(url, None)

    def test_a_domain_s(self) -> None:
        for domain in ("a.example", ".a.example", "A.EXAMPLE"):
            self.setUp()
            self.set("http://www.a.example/", f"x=1; Domain={domain}")
            for url in ("http://a.example/", "http://www.a.example/", "http://x.y.a.example/"):
                self.check(url, "x=1")
            for url in ("http://ba.example/", "http://example/", "http://a.example.org/"):
                self.check(url, None)

    def test_paths(self) -> None:
        self.set("http://a.example/b/c", "x=1", "y=2; Path=/b/c", "z=3; Path=/", "v=4; Path=/b/", "w=5; Path=b")
        for path, expected in (
            ("/", "z=3"), ("/b", "x=1; w=5; z=3"), ("/b/", "v=4; x=1; w=5; z=3"), ("/bb", "z=3"),
            ("/b/c", "y=2; v=4; x=1; w=5; z=3"), ("/b/c/d", "y=2; v=4; x=1; w=5; z=3"), ("/b/cc", "v=4; x=1; w=5; z=3"),
            ("/?/b/c", "z=3"),
        ):  # fmt: skip
            self.check(f"http://a.example{path}", expected)

    def test_secure_ones_go_to_https_only(self) -> None:
        self.set("https://127.0.0.1/", "x=1; Secure")
        self.check("https://127.0.0.1/", "x=1")
        self.check("http://127.0.0.1/", None)

    def test_their_time(self) -> None:
        self.set("http://a.example/", "x=1; Max-Age=10", "y=2; Expires=Fri, 15 Jan 2027 08:00:20 GMT", "z=3")
        for seconds, expected in ((0, "x=1; y=2; z=3"), (10, "y=2; z=3"), (20, "z=3"), (10**9, "z=3")):
            self.now = NOW + seconds
            self.check("http://a.example/", expected)
        self.assertEqual(len(self.jar), 1)

    def test_max_age_comes_before_expires(self) -> None:
        self.set("http://a.example/", "x=1; Max-Age=10; Expires=Thu, 01 Jan 1970 00:00:00 GMT")
        self.check("http://a.example/", "x=1")
        self.set("http://a.example/", "y=1; Max-Age=soon; Expires=Thu, 01 Jan 1970 00:00:00 GMT")
        self.check("http://a.example/", "x=1")

    def test_no_cookie_is_for_ever(self) -> None:
        for value in ("Max-Age=99999999999999999999", "Max-Age=999999999", "Expires=Sun, 06 Nov 2994 08:49:37 GMT"):
            self.setUp()
            self.set("http://a.example/", f"x=1; {value}")
            self.now += 400 * 24 * 3600 - 1
            self.check("http://a.example/", "x=1")
            self.now += 1
            self.check("http://a.example/", None)

    def test_changed_and_taken_back(self) -> None:
        self.set("http://a.example/", "x=1", "y=2")
        self.set("http://a.example/", "x=3")
        self.check("http://a.example/", "x=3; y=2")
        for gone in ("Max-Age=0", "Max-Age=-1", "Max-Age=-99999999999999", "Expires=Thu, 01 Jan 1970 00:00:00 GMT"):
            self.set("http://a.example/", f"x=; {gone}")
            self.check("http://a.example/", "y=2")
            self.set("http://a.example/", "y=2", "x=3")
        self.set("http://a.example/", "nobody=; Max-Age=0")
        self.set("http://a.example/", "x=; Max-Age=0", "y=; Max-Age=0")
        self.assertEqual(self.jar._domains, {})


class RefusingTests(JarCase):
    def refuse(self, url: str, *values: str) -> None:
        for value in values:
            self.set(url, value)
            self.assertEqual(list(self.jar), [], value)

    def test_other_people_s_domains(self) -> None:
        self.refuse(
            "http://www.a.example/",
            *(f"x=1; Domain={name}" for name in ("b.example", "ww.a.example", "x.www.a.example", "..", "a.example.")),
            "x=1; Domain=\u00e9.example",
        )

    def test_registries(self) -> None:
        self.refuse("http://a.example/", "x=1; Domain=example", "x=1; Domain=.example")
        self.refuse("http://www.a.co.uk/", "x=1; Domain=co.uk", "x=1; Domain=uk")
        self.set("http://www.a.co.uk/", "x=1; Domain=a.co.uk")
        self.check("http://a.co.uk/", "x=1")

    def test_a_host_that_is_its_own_registry(self) -> None:
        for host in ("localhost", "co.uk"):
            self.set(f"http://{host}/", f"x=1; Domain={host}")
            self.check(f"http://{host}/", "x=1")
            self.check(f"http://a.{host}/", None)

    def test_addresses_have_no_domains(self) -> None:
        self.refuse("http://10.1.2.3/", "x=1; Domain=2.3", "x=1; Domain=.1.2.3", "x=1; Domain=3")
        self.refuse("http://[::1]/", "x=1; Domain=1", "x=1; Domain=[::1]")
        self.set("http://10.1.2.3/", "x=1; Domain=10.1.2.3")
        self.check("http://10.1.2.3/", "x=1")
        self.set("http://[::1]/", "y=1")
        self.check("http://[::1]/", "y=1")

    def test_http_sets_nothing_that_is_secure(self) -> None:
        self.refuse("http://a.example/", "x=1; Secure")
        self.set("https://a.example/", "x=1; Secure; Path=/b")
        self.set("http://a.example/", "x=2; Path=/b", "x=3; Path=/b/c", "x=4; Path=/")
        self.set("http://www.a.example/", "x=5; Domain=a.example; Path=/b")
        self.check("https://a.example/b/c", "x=1; x=4")

    def test_prefixes(self) -> None:
        self.refuse("https://a.example/", "__Secure-x=1", "__secure-x=1", "__Host-x=1; Secure", "__Host-x=1; Path=/")
        self.refuse("https://a.example/", "__Host-x=1; Secure; Path=/b", "__HOST-x=1; Secure; Path=/; Domain=a.example")
        self.refuse("https://a.example/", "__Host-x=1; Secure; Path=/; Domain=")
        self.refuse("http://a.example/", "__Secure-x=1; Secure", "__Host-x=1; Secure; Path=/")
        self.set("https://a.example/", "__Secure-x=1; Secure; Domain=a.example", "__Host-x=2; Secure; Path=/")
        self.check("https://a.example/", "__Secure-x=1; __Host-x=2")

    def test_how_many(self) -> None:
        for number in range(181):
            self.set("http://a.example/", f"x{number}=1")
        self.assertEqual(len(self.jar), 180)
        self.assertNotIn("x0", {cookie.name.decode() for cookie in self.jar})
        for number in range(3000):
            self.set(f"http://a{number}.example/", "y=1")
        self.assertEqual(len(self.jar), 3000)
        self.check("http://a.example/", None)
        self.check("http://a0.example/", "y=1")

    def test_the_dead_go_first(self) -> None:
        for number in range(180):
            self.set("http://a.example/", f"x{number}=1" + ("; Max-Age=5" if number == 100 else ""))
        self.now += 5
        self.set("http://a.example/", "new=1")
        names = {cookie.name for cookie in self.jar}
        self.assertIn(b"x0", names)
        self.assertNotIn(b"x100", names)

    def test_how_many_are_sent(self) -> None:
        for number in range(180):
            self.set("http://a.example/", f"x{number}=1")
        self.assertEqual((self.sent("http://a.example/") or "").count("="), 150)
        self.setUp()
        for number in range(5):
            self.set("http://a.example/", f"x{number}=" + "v" * 4000)
        sent = self.sent("http://a.example/") or ""
        self.assertEqual(sent.count("="), 2)
        self.assertLessEqual(len(sent), 8190)


class FileTests(JarCase):
    def test_there_and_back(self) -> None:
        self.set(
            "https://a.example/b/c", "x=1; Max-Age=9; HttpOnly", "y=; Domain=a.example; Secure; Max-Age=9", "z=a=b"
        )
        self.set("http://[::1]/", "v6=1")
        self.jar.save()
        again = self.another()
        again.load()
        self.assertEqual(
            {(c.domain, c.host_only, c.path, c.secure, c.http_only, c.expires, c.name, c.value) for c in self.jar},
            {(c.domain, c.host_only, c.path, c.secure, c.http_only, c.expires, c.name, c.value) for c in again},
        )
        self.assertEqual(self.sent("https://a.example/b", again), "x=1; y=; z=a=b")

    def test_for_nobody_else(self) -> None:
        previous = os.umask(0)
        self.addCleanup(os.umask, previous)
        self.set("http://a.example/", "x=1")
        self.jar.save()
        self.assertEqual(stat.S_IMODE(self.file.stat().st_mode), 0o600)
        self.file.chmod(0o644)
        self.jar.save()
        self.assertEqual(stat.S_IMODE(self.file.stat().st_mode), 0o600)
        self.assertEqual([path.name for path in self.file.parent.glob(f".{self.file.name}*")], [])

    def test_whole_or_not_at_all(self) -> None:
        self.set("http://a.example/", "x=1")
        self.jar.save()
        before = self.file.read_bytes()

        def full(descriptor: int, data: bytes) -> None:
            os.write(descriptor, data[:10])
            raise OSError(28, "No space left on device")

        self.patch(cookies, "write_whole", full)
        self.set("http://a.example/", "y=2")
        self.assertRaises(OSError, self.jar.save)
        self.assertEqual(self.file.read_bytes(), before)
        self.assertEqual([path.name for path in self.file.parent.glob(f".{self.file.name}*")], [])

    def test_a_link_stays_one(self) -> None:
        link = Path(self.mktemp())
        link.symlink_to(self.file.absolute())
        jar = Jar(link, True, lambda: self.now)
        jar.take(parse_url("http://a.example/"), Fields([(b"Set-Cookie", b"x=1")]))
        jar.save()
        self.assertTrue(link.is_symlink())
        self.assertIn(b"x\t1", self.file.read_bytes())

    def test_the_session_s_own(self) -> None:
        self.jar = self.another(session_too=False)
        self.set("http://a.example/", "x=1", "y=2; Max-Age=9")
        self.jar.save()
        again = self.another()
        again.load()
        self.assertEqual(self.sent("http://a.example/", again), "y=2")

    def test_no_file(self) -> None:
        self.jar.load()
        self.assertEqual(len(self.jar), 0)
        memory = Jar(None)
        memory.load()
        memory.save()

    def test_curl_s(self) -> None:
        self.file.write_bytes(
            b"# Netscape HTTP Cookie File\n# https://curl.se/docs/http-cookies.html\n"
            b"# This file was generated by libcurl! Edit at your own risk.\n\n"
            b"#HttpOnly_.a.example\tTRUE\t/\tFALSE\t1800000009\tx\t1\n"
            b"127.0.0.1\tFALSE\t/b\tTRUE\t0\ty\t\n"
        )
        self.jar.load()
        self.check("http://www.a.example/", "x=1")
        self.check("https://127.0.0.1/b", "y=")
        self.assertEqual([cookie.http_only for cookie in self.jar], [True, False])

    def test_wget_s(self) -> None:
        """No dot in front of a domain, and a port behind a host."""
        self.file.write_bytes(
            b"# HTTP Cookie File\n# Generated by Wget on 2026-11-25 20:00:00.\n# Edit at your own risk.\n\n"
            b"a.example\tTRUE\t/\tFALSE\t1800000009\tx\t1\n127.0.0.1:8080\tFALSE\t/\tFALSE\t1800000009\ty\t2\n"
        )
        self.jar.load()
        self.check("http://www.a.example/", "x=1")
        self.check("http://127.0.0.1:8080/", "y=2")

    def test_line_ends_of_others_and_lost_tabs(self) -> None:
        self.file.write_bytes(b"\r\na.example\tFALSE\t/\tFALSE\t0\tx\t1\r\na.example\tFALSE\t/\tFALSE\t0\ty")
        self.jar.load()
        self.check("http://a.example/", "x=1; y=")

    def test_others_read_ours(self) -> None:
        self.now = 4_000_000_000  # theirs goes by the real time
        self.set("https://a.example/b/c", "x=1; Max-Age=9; HttpOnly", "y=; Domain=a.example; Secure; Max-Age=9")
        self.jar.save()
        theirs = MozillaCookieJar(str(self.file))
        theirs.load()
        self.assertEqual(
            {(c.domain, c.domain_specified, c.path, c.secure, c.name, c.value) for c in theirs},
            {("a.example", False, "/b", False, "x", "1"), (".a.example", True, "/b", True, "y", "")},
        )

    def test_what_had_its_time_is_gone(self) -> None:
        self.file.write_bytes(b"a.example\tFALSE\t/\tFALSE\t1799999999\tx\t1\na.example\tFALSE\t/\tFALSE\t-1\ty\t1\n")
        self.jar.load()
        self.assertEqual(len(self.jar), 0)

    def test_malformed(self) -> None:
        good = b"a.example\tFALSE\t/\tFALSE\t0\tx\t1\n"
        for bad in (
            b"{}", b"a.example FALSE / FALSE 0 x secret", b"a.example\tMAYBE\t/\tFALSE\t0\tx\tsecret",
            b"a.example\tFALSE\t/\tno\t0\tx\tsecret", b"a.example\tFALSE\t/\tFALSE\tsoon\tx\tsecret",
            b"a.example\tFALSE\tb\tFALSE\t0\tx\tsecret", b"a example\tFALSE\t/\tFALSE\t0\tx\tsecret",
            b"\xe9.example\tFALSE\t/\tFALSE\t0\tx\tsecret", b"\tFALSE\t/\tFALSE\t0\tx\tsecret",
            b"a.example\tFALSE\t/\tFALSE\t" + b"9" * 400 + b"\tx\tsecret", b"SQLite format 3\0\x10\0",
            b"a.example\tFALSE\t/\tFALSE\t0\tx\tsecret\tmore",
        ):  # fmt: skip
            self.file.write_bytes(good + bad + b"\n")
            error = self.assertRaises(BadCookieFile, self.jar.load)
            self.assertTrue(str(error).startswith(f"{self.file}:2: "), error)
            self.assertNotIn("secret", str(error))
            self.assertEqual(len(self.jar), 0, "nothing is taken of a file that is none")

    def test_size(self) -> None:
        self.patch(cookies, "MAX_FILE", 100)
        self.file.write_bytes(b"#" * 100)
        self.jar.load()
        self.file.write_bytes(b"#" * 101)
        self.assertRaises(BadCookieFile, self.jar.load)

    def test_a_folder(self) -> None:
        self.file.mkdir()
        self.assertRaises(OSError, self.jar.load)

    def test_many_lines(self) -> None:
        """The last of them count; the others are not even looked at one by one."""
        kept = []
        keep = Jar._keep
        self.patch(Jar, "_keep", lambda jar, cookie: (kept.append(cookie), keep(jar, cookie)))
        self.file.write_bytes(b"".join(b"a%d.example\tFALSE\t/\tFALSE\t0\tx\t1\n" % n for n in range(20_000)))
        self.jar.load()
        self.assertEqual(len(kept), 3000)
        self.assertEqual(len(self.jar), 3000)
        self.check("http://a19999.example/", "x=1")
