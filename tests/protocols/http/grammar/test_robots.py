"""robots.txt: groups, rules, and which of them counts."""

from __future__ import annotations

import re
from urllib.parse import quote_from_bytes, unquote_to_bytes

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from netdaemon.protocols.http.grammar.robots import parse_robots


class RobotsCase(SynchronousTestCase):
    def check(self, text: bytes, *, yes: tuple[bytes, ...] = (), no: tuple[bytes, ...] = (), agent: str = "a") -> None:
        robots = parse_robots(text)
        for target in yes:
            self.assertTrue(robots.allows(agent, target), (text, target))
        for target in no:
            self.assertFalse(robots.allows(agent, target), (text, target))


class GroupTests(RobotsCase):
    # RFC 9309 5.1
    EXAMPLE = (
        b"User-Agent: *\nDisallow: *.gif$\nDisallow: /example/\nAllow: /publications/\n\n"
        b"User-Agent: foobot\nDisallow:/\nAllow:/example/page.html\nAllow:/example/allowed.gif\n\n"
        b"User-Agent: barbot\nUser-Agent: bazbot\nDisallow: /example/page.html\n\nUser-Agent: quxbot\n"
    )

    def test_the_example_of_the_rfc(self) -> None:
        for agent, yes, no in (
            ("x", (b"/", b"/publications/", b"/a.gifs"), (b"/a.gif", b"/example/", b"/example/page.html")),
            ("foobot", (b"/example/page.html", b"/example/allowed.gif"), (b"/", b"/publications/", b"/example/x")),
            ("BarBot/1.0", (b"/a.gif", b"/example/"), (b"/example/page.html",)),
            ("bazbot", (b"/a.gif",), (b"/example/page.html",)),
            ("quxbot", (b"/a.gif", b"/example/page.html"), ()),
        ):
            self.check(self.EXAMPLE, yes=yes, no=no, agent=agent)

    def test_nothing(self) -> None:
        for text in (
            b"",
            b"\xef\xbb\xbf",
            b"nonsense",
            b"<html>\n<body>: </body>",
            b"\0\xff:\n" * 50,
            b"User-agent: *",
        ):
            self.check(text, yes=(b"/", b"", b"/x"))

    def test_groups_of_one_name_are_one(self) -> None:
        text = b"User-agent: a\nDisallow: /1\nUser-agent: b\nDisallow: /2\nUser-agent: A\nDisallow: /3"
        self.check(text, yes=(b"/2",), no=(b"/1", b"/3"))
        self.check(text, yes=(b"/1", b"/3"), no=(b"/2",), agent="b")

    def test_an_own_group_counts_instead_of_that_of_all(self) -> None:
        text = b"User-agent: *\nDisallow: /1\n\nUser-agent: a\nDisallow: /2"
        self.check(text, yes=(b"/1",), no=(b"/2",))
        self.check(text, yes=(b"/2",), no=(b"/1",), agent="aa")
        self.check(text, yes=(b"/2",), no=(b"/1",), agent="")

    def test_agents(self) -> None:
        text = b"User-agent: Net-Daemon_/2.0 (all of them)\nDisallow: /"
        for agent in ("net-daemon_", "NET-DAEMON_/1.0", "net-daemon_ (x)"):
            self.check(text, no=(b"/",), agent=agent)
        for agent in ("net", "netdaemon", "x net-daemon_"):
            self.check(text, yes=(b"/",), agent=agent)
        self.check(b"User-agent: * # all\nDisallow: /", no=(b"/",))
        self.check(b"User-agent: *bot\nDisallow: /", yes=(b"/",))

    def test_rules_of_nobody(self) -> None:
        self.check(b"Disallow: /\nUser-agent: b\nDisallow: /", yes=(b"/",))
        self.check(b"User-agent: 123\nDisallow: /", yes=(b"/",))

    def test_what_is_no_rule_ends_no_run_of_agents(self) -> None:
        text = b"User-agent: a\nSitemap: /s\n\nCrawl-delay: 2\nFoo: bar\nUser-agent: b\nDisallow: /"
        for agent in ("a", "b"):
            self.check(text, no=(b"/",), agent=agent)

    def test_how_it_may_be_written(self) -> None:
        for text in (
            b"\xef\xbb\xbfUSER-AGENT:a\r\ndisallow:/x",
            b"user-agent \t: \ta\r\tDISALLOW : /x # why\r",
            b"# first\nUser-agent: a#b\n\n\nDisallow: /x\t\n",
        ):
            self.check(text, yes=(b"/",), no=(b"/x", b"/xy"))


class RuleTests(RobotsCase):
    def rule(self, pattern: bytes, *, yes: tuple[bytes, ...] = (), no: tuple[bytes, ...] = ()) -> None:
        """What the pattern matches, and what it doesn't."""
        self.check(b"User-agent: *\nDisallow: " + pattern, yes=no, no=yes)

    def test_beginnings(self) -> None:
        self.rule(
            b"/fish",
            yes=(b"/fish", b"/fish.html", b"/fish/salmon", b"/fishheads?id=a"),
            no=(b"/Fish.asp", b"/cat/fish", b"/"),
        )
        self.rule(b"/fish/", yes=(b"/fish/", b"/fish/?id=a"), no=(b"/fish", b"/fish.html"))
        self.rule(b"", no=(b"/", b""))
        self.rule(b"/", yes=(b"/", b"", b"/x"))
        self.rule(b"private", no=(b"/private", b"/"))

    def test_anything(self) -> None:
        self.rule(b"/fish*", yes=(b"/fish", b"/fish.html"), no=(b"/Fish",))
        self.rule(b"*", yes=(b"/", b"/x"))
        self.rule(b"/*.php", yes=(b"/a.php", b"/a/b.php?c", b"/.php"), no=(b"/", b"/a.PHP"))
        self.rule(b"/*.php$", yes=(b"/a.php", b"/a.php.php"), no=(b"/a.php?b", b"/a.php5", b"/php"))
        self.rule(b"/a*b*c$", yes=(b"/abc", b"/axbxcxc", b"/abcc"), no=(b"/ab", b"/acb", b"/abcx"))
        self.rule(b"/a**b", yes=(b"/ab", b"/axb"), no=(b"/a",))
        self.rule(b"/*ab*ab$", yes=(b"/abab", b"/ab/ab"), no=(b"/ab", b"/aab"))

    def test_the_end(self) -> None:
        self.rule(b"/$", yes=(b"/", b""), no=(b"/a", b"/?"))
        self.rule(b"/a$b", yes=(b"/a$b", b"/a%24bc"), no=(b"/a",))
        self.rule(b"/a*$", yes=(b"/a", b"/ab"), no=(b"/b",))
        self.rule(b"$", no=(b"/",))

    def test_escapes(self) -> None:
        """RFC 9309 2.2.2's table, and what follows from it."""
        self.rule(b"/foo/bar?baz=quz", yes=(b"/foo/bar?baz=quz",))
        self.rule(b"/foo/bar?baz=https://foo.bar", yes=(b"/foo/bar?baz=https://foo.bar",))
        self.rule(
            b"/foo/bar/\xe3\x83\x84", yes=(b"/foo/bar/%E3%83%84", b"/foo/bar/%e3%83%84", b"/foo/bar/\xe3\x83\x84")
        )
        self.rule(b"/foo/bar/%E3%83%84", yes=(b"/foo/bar/%E3%83%84", b"/foo/bar/\xe3\x83\x84"))
        self.rule(b"/foo/bar/%62%61%7A", yes=(b"/foo/bar/baz", b"/foo/bar/%62az"))
        self.rule(b"/a%2Fb", yes=(b"/a%2fb",), no=(b"/a/b",))
        self.rule(
            b"/path/file-with-a-%2A.html",
            yes=(b"/path/file-with-a-*.html", b"/path/file-with-a-%2a.html"),
            no=(b"/path/file-with-a-x.html",),
        )
        self.rule(b"/path/foo-%24", yes=(b"/path/foo-$", b"/path/foo-%24x"), no=(b"/path/foo-",))
        self.rule(b"/100%", yes=(b"/100%", b"/100%zz"), no=(b"/100",))

    def test_the_longest_counts(self) -> None:
        for text, yes, no in (
            (b"Allow: /p\nDisallow: /", (b"/page",), (b"/x",)),
            (b"Disallow: /\nAllow: /p", (b"/page",), (b"/x",)),
            (b"Allow: /folder\nDisallow: /folder", (b"/folder/page",), ()),
            (b"Disallow: /folder\nAllow: /folder", (b"/folder/page",), ()),
            (b"Allow: /page\nDisallow: /*.htm", (), (b"/page.htm",)),
            (b"Allow: /$\nDisallow: /", (b"/",), (b"/page.htm",)),
            (b"Disallow: /\nAllow: /a/*.html$\nDisallow: /a/b/c/d/e/f", (b"/a/x.html",), (b"/a/b/c/d/e/f.html",)),
        ):
            self.check(b"User-agent: *\n" + text, yes=yes, no=no)

    def test_robots_txt_itself(self) -> None:
        self.rule(b"/", no=(b"/robots.txt", b"/robots%2Etxt"), yes=(b"/robots.txt2", b"/a/robots.txt"))

    @settings(deadline=None, max_examples=400)
    @given(st.text("ab*$/", max_size=8), st.text("ab/", max_size=10))
    def test_as_a_regular_expression_has_it(self, pattern: str, path: str) -> None:
        pattern, path = "/" + pattern.strip("$") + pattern[-1:].replace("*", ""), "/" + path
        body = pattern.removesuffix("$")
        expression = ".*".join(re.escape(piece) for piece in body.split("*")) + (r"\Z" if pattern != body else "")
        robots = parse_robots(b"User-agent: *\nDisallow: " + pattern.encode())
        self.assertEqual(not robots.allows("a", path.encode()), re.match(expression, path) is not None)

    @settings(deadline=None, max_examples=200)
    @given(st.binary(max_size=12))
    def test_all_ways_to_write_a_path(self, path: bytes) -> None:
        ways = ["/" + quote_from_bytes(path, safe=""), "/" + "".join(f"%{octet:02x}" for octet in path)]
        for pattern in ways:
            robots = parse_robots(f"User-agent: *\nDisallow: {pattern}$".encode())
            for way in ways:
                self.assertFalse(robots.allows("a", way.encode()), (unquote_to_bytes(pattern), way))


class OthersTests(RobotsCase):
    def test_delays(self) -> None:
        robots = parse_robots(
            b"User-agent: a\nCrawl-delay: 2.5\nDisallow:\nUser-agent: *\nCrawl-delay: 7\nUser-agent: b\nDisallow: /"
            b"\nUser-agent: c\nCrawl-delay: -1\nCrawl-delay: soon\nCrawl-delay: 1e9\nCrawl-delay: nan"
        )
        self.assertEqual([robots.delay(agent) for agent in ("a", "x", "b", "c")], [2.5, 7.0, 7.0, None])
        self.assertIsNone(parse_robots(b"").delay("a"))

    def test_sitemaps(self) -> None:
        robots = parse_robots(b"Sitemap: https://a.example/s.xml\nUser-agent: *\nSITEMAP: /t \nSitemap:\nDisallow: /")
        self.assertEqual(robots.sitemaps, ["https://a.example/s.xml", "/t"])
