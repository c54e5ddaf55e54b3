"""Virtual hosts: sections that stand behind another's doors, chosen by the host that is asked for."""

from __future__ import annotations

from netdaemon.config.problems import ConfigError
from netdaemon.config.read import Config, parse
from netdaemon.kinds import Kinds
from netdaemon.protocols.http import HTTPSettings
from tests.protocols.http.peer import HTTPTests, Peer


class HostTests(HTTPTests):
    def setUp(self) -> None:
        super().setUp()
        for name in ("own", "blog", "any", "deep"):
            self.file(f"{name}/index.html", name.encode())

    def asked(self, target: bytes, host: bytes) -> bytes:
        guests = (
            HTTPSettings(section="http:blog", listen=(), hosts=("blog.spam.egg", "www.blog.spam.egg"), root="/blog"),
            HTTPSettings(section="http:any", listen=(), hosts=("*.spam.egg",), root="/any"),
            HTTPSettings(section="http:deep", listen=(), hosts=("*.deep.spam.egg",), root="/deep"),
        )
        factory = self.factory(root="/own", guests=guests)
        peer = Peer(factory)
        self.addCleanup(peer.leave)
        for _ in range(2):  # the second time the head is known
            peer.send(b"GET %b HTTP/1.1\r\nHost: %b\r\n\r\n" % (target, host))
        first, second = (reply.body for reply in peer.replies())
        self.assertEqual(first, second)
        return first

    def test_whose_it_is(self) -> None:
        for host, site in (
            (b"spam.egg", b"own"),
            (b"", b"own"),
            (b"127.0.0.1:80", b"own"),
            (b"[::1]:80", b"own"),
            (b"blog.spam.egg", b"blog"),
            (b"BLOG.spam.egg:8080", b"blog"),
            (b"blog.spam.egg.", b"blog"),
            (b"www.blog.spam.egg", b"blog"),
            (b"x.spam.egg", b"any"),
            (b"a.b.spam.egg", b"any"),
            (b"x.deep.spam.egg", b"deep"),
            (b"deep.spam.egg", b"any"),
            (b"evilspam.egg", b"own"),
        ):
            self.assertEqual(self.asked(b"/", host), site, host)
        self.assertEqual(self.asked(b"http://blog.spam.egg/", b"spam.egg"), b"blog", "the URI wins over Host")

    def test_no_way_out_of_its_folder(self) -> None:
        self.assertIn(b"404", self.asked(b"/own/index.html", b"blog.spam.egg"))

    def test_its_own_log(self) -> None:
        guest = HTTPSettings(section="http:blog", listen=(), hosts=("blog.spam.egg",), root="/blog")
        peer = Peer(self.factory(root="/own", guests=(guest,)))
        self.addCleanup(peer.leave)
        for host in (b"blog.spam.egg", b"blog.spam.egg", b"spam.egg"):
            peer.send(b"GET / HTTP/1.1\r\nHost: %b\r\n\r\n" % host)
        assert self.made is not None
        logs = self.made.measure.access_logs
        self.assertEqual((len(logs["http:blog"].lines), len(logs["http"].lines)), (2, 1))


class ConfigurationTests(HTTPTests):
    def read(self, ini: str) -> Config:
        return parse(f"[netdaemon]\ndata = /nowhere/to/be\n{ini}", self.top / "conf.ini", Kinds())

    def problems(self, ini: str) -> list[str]:
        with self.assertRaises(ConfigError) as caught:
            self.read(ini)
        return [str(problem) for problem in caught.exception.problems]

    def test_a_guest_is_told_to_its_host(self) -> None:
        config = self.read(
            "[http:blog]\nhosts = Blog.spam.egg *.b.egg\ncgi = /cgi\n[http]\nlisten = tcp:0\ncgi = /bin\n"
        )
        guest, own = (service.settings for service in config.services)
        self.assertTrue(guest.guest)
        self.assertFalse(own.guest)
        self.assertEqual(own.guests, (guest,))
        assert isinstance(guest, HTTPSettings)
        self.assertEqual(guest.hosts, ("blog.spam.egg", "*.b.egg"))
        self.assertEqual(own.sealed, ("/bin", "/cgi"))

    def test_nobodys_guest(self) -> None:
        (problem,) = self.problems("[http:blog]\nhosts = blog.spam.egg\n[time]\nlisten = tcp:0\n")
        self.assertIn("there is no [http]", problem)

    def test_hosts_with_listen_is_a_section_like_others(self) -> None:
        config = self.read("[http:blog]\nhosts = blog.spam.egg\nlisten = tcp:0\n")
        self.assertFalse(config.services[0].settings.guest)

    def test_listen_is_wanted_otherwise(self) -> None:
        for ini in ("[http:blog]\n", "[http:blog]\nhosts =\n"):
            (problem,) = self.problems(ini)
            self.assertIn("lacks 'listen'", problem)

    def test_a_sites_own_cgi_is_sealed_where_it_stands_in_the_tree(self) -> None:
        self.assertEqual(
            HTTPSettings(listen=(), root="/sites/a", cgi=("/cgi", "/bin")).sealed, ("/sites/a/cgi", "/sites/a/bin")
        )
