"""A server's names never lead out of the local folder, and a URL never into a command."""

from __future__ import annotations

import os
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from netdaemon.protocols.ftp.client import URL, BadURL, UnsafeName, parse_url
from netdaemon.protocols.ftp.client.mirror import Mirror, Wishes
from netdaemon.protocols.ftp.client.plan import Choice, Item
from netdaemon.protocols.ftp.client.tree import LocalTree, safe_name
from tests.protocols.ftp.scripted import Server


class SafeNameTests(SynchronousTestCase):
    def test_refused(self) -> None:
        for name in ("", ".", "..", "/", "a/b", "../a", "/etc/passwd", "a\0", "a\nb", "a\rb", "x" * 256, "\u20ac" * 86):
            self.assertRaises(UnsafeName, safe_name, name)

    def test_what_is_a_name(self) -> None:
        for name in ("a", "...", "..a", ".profile", "-rf", " ", "\udcff", "\u20ac" * 85, "C:\\a", "~", "\x1b[2J"):
            self.assertEqual(safe_name(name), name)

    @given(st.binary(max_size=300))
    def test_whatever_it_is_it_stays_in_its_folder(self, octets: bytes) -> None:
        try:
            name = safe_name(octets.decode("utf-8", "surrogateescape"))
        except UnsafeName:
            return
        place = LocalTree(Path("/srv/mirror")).place(f"sub/{name}")
        self.assertEqual(os.path.dirname(os.path.normpath(os.fspath(place))), "/srv/mirror/sub")


class HostileListingTests(SynchronousTestCase):
    """A whole mirror from a server that wants to write where it may not."""

    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).absolute()
        self.here = self.folder / "here"
        self.here.mkdir(parents=True)
        self.outside = self.folder / "outside"
        self.outside.mkdir()

    def mirror(self, listing: str, *rest: str, delete: bool = False) -> Mirror:
        server = Server()
        server.log_in("MLST type*;size*;")

        async def connect() -> object:
            return server.ftp

        mirror = Mirror(connect, self.here, "/pub", Wishes(Choice(), delete, jobs=1))  # type: ignore[arg-type]

        async def work() -> None:
            await mirror.download(await mirror.plan_download())

        done = Deferred.fromCoroutine(work())
        server.talk("C: CWD /pub", "S: 250 ok", "C: CWD /pub", "S: 250 ok", "C: TYPE A", "S: 200 ok")
        server.talk(
            "C: EPSV", "S: 229 (|||2000|)", "C: MLSD", "S: 150 here", f"D: {listing}", "D. ", "S: 226 ok", *rest
        )
        self.successResultOf(done)
        self.assertIsNone(server.line(), "nothing else was asked for")
        return mirror

    def names(self) -> list[str]:
        return sorted(str(path.relative_to(self.folder)) for path in self.folder.rglob("*"))

    def test_names_that_lead_out(self) -> None:
        lines = [
            f"type={kind};size=1; {name}" for kind in ("file", "dir") for name in ("../outside/x", "/tmp/x", "a/b")
        ]
        mirror = self.mirror("\\r\\n".join([*lines, "type=file;size=1; a\\x00b", "type=dir; ..", ""]))
        self.assertEqual(self.names(), ["here", "outside"])
        self.assertEqual(len(mirror.report.problems), 7)
        self.assertEqual(mirror.report.category, 6)

    def test_a_link_of_the_user_s_is_not_walked_through(self) -> None:
        (self.here / "d").symlink_to(self.outside)
        fetch = ("C: CWD /pub/d", "S: 250 ok", "C: EPSV", "S: 229 (|||2001|)", "C: MLSD", "S: 150 here")
        mirror = self.mirror("type=dir; d\\r\\n", *fetch, "D: type=file;size=1; x\\r\\n", "D. ", "S: 226 ok")
        self.assertEqual(self.names(), ["here", "here/d", "outside"])
        self.assertEqual([path for path, why in mirror.report.problems], ["d"])

    def test_a_link_in_a_document_s_place_is_replaced_not_followed(self) -> None:
        victim = self.outside / "victim"
        victim.write_bytes(b"precious")
        (self.here / "x").symlink_to(victim)
        self.mirror("type=file;size=1; x\\r\\n")
        self.assertEqual(victim.read_bytes(), b"precious")

    def test_links_of_the_server_s_are_left_out(self) -> None:
        self.mirror("type=OS.unix=slink:/etc; l\\r\\ntype=OS.unix=chr-1/3; null\\r\\n")
        self.assertEqual(self.names(), ["here", "outside"])

    def test_nothing_is_deleted_that_could_not_be_listed(self) -> None:
        (self.here / "d").mkdir()
        (self.here / "d" / "kept").touch()
        (self.here / "gone").touch()
        lines = "type=dir; d\\r\\ntype=dir; e\\r\\n"
        more = ("C: CWD /pub/d", "S: 550 no", "C: CWD /pub/e", "S: 250 ok", "C: EPSV", "S: 229 (|||2001|)", "C: MLSD")
        mirror = self.mirror(lines, *more, "S: 150 here", "D. ", "S: 226 ok", delete=True)
        self.assertEqual(self.names(), ["here", "here/d", "here/d/kept", "here/e", "outside"])
        self.assertEqual([path for path, why in mirror.report.problems], ["d"])


class LocalTreeTests(SynchronousTestCase):
    def test_items(self) -> None:
        root = Path(self.mktemp())
        (root / "d" / "e").mkdir(parents=True)
        (root / "d" / "f").write_bytes(b"123")
        os.utime(root / "d" / "f", (5, 5))
        (root / "l").symlink_to("/")
        os.mkfifo(root / "p")
        (root / "x.part").touch()  # somebody's own
        (root / "y.part").touch()
        (root / "y.part.json").touch()
        items = LocalTree(root).items(Choice())
        self.assertEqual(sorted(items), ["d", "d/e", "d/f", "l", "p", "x.part"])
        self.assertEqual({path: item.kind for path, item in items.items() if "/" not in path}["l"], "link")
        self.assertEqual(items["p"].kind, "other")
        self.assertEqual(items["d/f"], Item("file", 3, 5.0))
        self.assertEqual(sorted(LocalTree(root).items(Choice(exclude=["d"]))), ["l", "p", "x.part"])


class URLTests(SynchronousTestCase):
    def test_parts(self) -> None:
        for text, wanted in (
            ("ftp://a.example", URL("ftp", "a.example", 21, b"")),
            ("FTP://A.example:2121/pub/x", URL("ftp", "a.example", 2121, b"pub/x")),
            ("ftps://a.example/", URL("ftps", "a.example", 990, b"")),
            ("ftp://a//etc/x", URL("ftp", "a", 21, b"/etc/x")),
            ("ftp://a/%2Fetc/x", URL("ftp", "a", 21, b"/etc/x")),
            ("ftp://a/b%20c/%ff", URL("ftp", "a", 21, b"b c/\xff")),
            ("ftp://a/x;type=A", URL("ftp", "a", 21, b"x", "a")),
            ("ftp://a/x;y?z", URL("ftp", "a", 21, b"x;y?z")),
            ("ftp://u:p%3a%40@a/x", URL("ftp", "a", 21, b"x", "", b"u", b"p:@")),
            ("ftp://u@a/x", URL("ftp", "a", 21, b"x", "", b"u", None)),
            ("ftp://u:@a/x", URL("ftp", "a", 21, b"x", "", b"u", b"")),
            ("ftp://[::1]:21/x", URL("ftp", "::1", 21, b"x")),
        ):
            self.assertEqual(parse_url(text), wanted, text)

    def test_refused(self) -> None:
        for text in (
            "http://a/", "ftp:a", "ftp://", "ftp:///x", "ftp://a:0/", "ftp://a:65536/", "ftp://a/x;type=z", "ftp://a/\n",
            "ftp://a/x%0d%0aDELE%20y", "ftp://a/x%00", "ftp://u%0aDELE:p@a/", "ftp://u:p%0d@a/", "ftp://u:trustno1@a:x/",
        ):  # fmt: skip
            failure = self.assertRaises(BadURL, parse_url, text)
            self.assertNotIn("trustno1", str(failure))

    def test_as_text(self) -> None:
        for text in ("ftp://a/", "ftp://a:2121/b%20c/%FF", "ftps://[::1]/x;type=i", "ftp://a//etc/x"):
            self.assertEqual(str(parse_url(text)), text)
        self.assertEqual(str(parse_url("ftp://u:trustno1@a/x")), "ftp://a/x")

    @given(st.binary(max_size=40).filter(lambda path: not set(path) & set(b"\r\n\0")))
    def test_any_path_survives_its_text(self, path: bytes) -> None:
        url = URL("ftp", "a", 21, path)
        self.assertEqual(parse_url(str(url)), url)
