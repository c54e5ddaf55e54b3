"""What is protected stays so, whichever way somebody comes: this file is about the ways around."""

from __future__ import annotations

from io import BytesIO
from zipfile import ZipFile

from twisted.trial.unittest import SynchronousTestCase

from netdaemon.interfaces import Account, Right
from netdaemon.protocols.http.beneath import Beneath
from netdaemon.protocols.http.protection import Protection
from netdaemon.protocols.http.settings import HTTPSettings, Protected
from tests.protocols.http.visitors import MULDER, SCULLY, AccountTests

SECRET = b"the truth is out there"
PRIVATE = (Protected("/private", ("mulder",)),)


class BeneathTests(SynchronousTestCase):
    def test_whole_parts_and_the_longest(self) -> None:
        values = Beneath((("/a", 1), ("/a/b/c", 2), ("/d/", 3), ("/a", 4)))
        for path, value in (
            (b"/a", 1),
            (b"/a/", 1),
            (b"/a/b", 1),
            (b"/a/b/c", 2),
            (b"/a/b/c/d/e", 2),
            (b"/a/b/cd", 1),
            (b"/ab", None),
            (b"/d", 3),
            (b"/d/e", 3),
            (b"/", None),
            (b"", None),
            (b"/A", None),
        ):
            self.assertEqual(values.find(path), value, path)
        self.assertEqual(Beneath((("/", 1), ("/a", 2))).find(b"/b"), 1)
        self.assertEqual(Beneath((("/", 1), ("/a", 2))).find(b"/"), 1)
        self.assertIsNone(Beneath[int](()).find(b"/"))
        self.assertFalse(Beneath[int](()))


class RightsTests(SynchronousTestCase):
    def rights(self, account: Account, *lines: Protected, root: str = "/") -> dict[str, str]:
        made = Protection(HTTPSettings(listen=(), protect=lines, root=root)).rights(account)
        return {right.path: right.mode for right in made}

    def test_what_is_protected_from_whom(self) -> None:
        lines = (Protected("/a", ("mulder",)), Protected("/a/b", ()), Protected("/c", ("scully",)))
        self.assertEqual(self.rights(Account(""), *lines), {"/a": "-", "/a/b": "-", "/c": "-"})
        self.assertEqual(self.rights(Account("mulder"), *lines), {"/a": "rw", "/a/b": "rw", "/c": "-"})
        self.assertEqual(self.rights(Account("scully"), *lines), {"/a": "-", "/a/b": "rw", "/c": "rw"})

    def test_rights_of_ones_own_narrow_it_and_open_nothing(self) -> None:
        lines = (Protected("/a", ("mulder",)), Protected("/c", ("scully",)))
        own = (Right("/", "r"), Right("/a/x", "-"), Right("/c/open", "rw"))
        self.assertEqual(self.rights(Account("mulder", own), *lines), {"/": "r", "/a": "r", "/a/x": "-", "/c": "-"})
        self.assertEqual(self.rights(Account("mulder", (Right("/a", "-"),)), *lines), {"/a": "-", "/c": "-"})

    def test_beneath_a_sites_root(self) -> None:
        self.assertEqual(self.rights(Account(""), Protected("/a", ()), root="/s"), {"/s/a": "-"})
        self.assertEqual(self.rights(Account(""), Protected("/", ()), root="/s"), {"/s": "-"})
        self.assertEqual(self.rights(Account(""), Protected("/", ())), {"/": "-"})

    def test_the_first_of_two_alike(self) -> None:
        lines = (Protected("/a", ("scully",)), Protected("/a", ("mulder",)))
        self.assertEqual(self.rights(Account("mulder"), *lines), {"/a": "-"})


class WaysAroundTests(AccountTests):
    def setUp(self) -> None:
        super().setUp()
        self.file("private/index.html", SECRET)
        self.file("private/x.txt", SECRET)
        self.file("private/deep/y.txt", SECRET)
        self.file("open/z.txt", b"open")

    def test_however_it_is_written(self) -> None:
        peer = self.visitor(self.factory(protect=PRIVATE, listing=True))
        for target in (
            "/private",
            "/private/",
            "/private/index.html",
            "/private/x.txt",
            "/private/x.txt/",
            "/private/x.txt?query",
            "/private/?sort=name",
            "/private/?zip",
            "/private/deep",
            "/private/deep/",
            "/private/deep/y.txt",
            "/%70rivate/x.txt",
            "/p%72ivate/%78.txt",
            "//private//x.txt",
            "/./private/./x.txt",
            "/open/../private/x.txt",
            "/private/none",
            "http://a/private/x.txt",
            "http://b:81/private/x.txt",
        ):
            for method in (b"GET", b"HEAD"):
                for _ in range(2):  # the second time its head would be known
                    reply = self.via(peer, target, method=method)
                    self.assertEqual(reply.status, 401, target)
                    self.assertNotIn(SECRET, reply.body)
        # where names differ by case they are other names, and there is nothing
        self.assertEqual(self.via(peer, "/Private/x.txt").status, 404)
        self.assertEqual(self.via(peer, "/privateer").status, 404)

    def test_never_at_hand(self) -> None:
        factory = self.factory(protect=PRIVATE)
        peer = self.visitor(factory)
        for target in ("/private/x.txt", "/private/", "/private/x.txt?a"):
            for fields in ((), (MULDER,), (), (MULDER, b"Range: bytes=0-"), (), (SCULLY,), ()):
                reply = self.via(peer, target, *fields)
                self.assertEqual(SECRET in reply.body, MULDER in fields, (target, fields))
        for head, known in factory.heads._known.items():
            self.assertFalse(known.at_hand, head)
            self.assertNotIn(b"uthorization", head)
        site = factory.sites.own
        for path in (b"/private/x.txt", b"/private/", b"/private/index.html"):
            self.assertIsNone(site.at_hand(path, (), self.clock.seconds()))

    def test_the_same_heads_with_and_without_credentials(self) -> None:
        peer = self.visitor(self.factory(protect=PRIVATE))
        target = "/open/z.txt"
        self.assertEqual([self.via(peer, target, *fields).body for fields in ((), (MULDER,), ())], [b"open"] * 3)

    def test_an_index_that_is_protected_for_itself(self) -> None:
        lines = (Protected("/open/index.html", ("mulder",)),)
        self.file("open/index.html", SECRET)
        peer = self.visitor(self.factory(protect=lines))
        for target in ("/open/", "/open/index.html", "/open/?x"):
            self.assertEqual(self.via(peer, target).status, 401, target)
            self.assertEqual(self.via(peer, target, SCULLY).status, 403, target)
            self.assertEqual(self.via(peer, target, MULDER).body, SECRET)
        self.assertEqual(self.via(peer, "/open/z.txt").status, 200)

    def test_links_lead_nobody_in(self) -> None:
        (self.top / "open" / "link.txt").symlink_to("../private/x.txt")
        (self.top / "open" / "folder").symlink_to("../private")
        (self.top / "out.txt").symlink_to("open/z.txt")
        lines = (*PRIVATE, Protected("/open", ()))
        for settings in ({"protect": PRIVATE}, {"protect": lines}):
            peer = self.visitor(self.factory(**settings))
            fields = () if settings["protect"] is PRIVATE else (SCULLY,)
            for target in ("/open/link.txt", "/open/folder/x.txt", "/open/folder/", "/open/folder/deep/y.txt"):
                for _ in range(2):
                    reply = self.via(peer, target, *fields)
                    self.assertEqual(reply.status, 404, target)
        # by his own place, mulder may see what the link leads to
        self.assertEqual(self.via(peer, "/open/link.txt", MULDER).body, SECRET)

    def test_links_out_of_it(self) -> None:
        (self.top / "private" / "link.txt").symlink_to("../open/z.txt")
        peer = self.visitor(self.factory(protect=PRIVATE))
        self.assertEqual(self.via(peer, "/private/link.txt").status, 401)
        self.assertEqual(self.via(peer, "/private/link.txt", MULDER).body, b"open")

    def test_the_listing_above_does_not_tell(self) -> None:
        lines = (Protected("/private/deep", ("mulder",)), Protected("/private", ()))
        peer = self.visitor(self.factory(protect=lines, listing=True, index=()))
        self.assertNotIn(b"private", self.via(peer, "/").body)
        self.assertNotIn(b"deep", self.via(peer, "/private/", SCULLY).body)
        self.assertIn(b"deep", self.via(peer, "/private/", MULDER).body)

    def test_archives_of_the_folders_above(self) -> None:
        (self.top / "open" / "folder").symlink_to("../private")
        peer = self.visitor(self.factory(protect=PRIVATE, listing=True, index=()))

        def packed(target: str, *fields: bytes) -> list[str]:
            return sorted(ZipFile(BytesIO(self.via(peer, target, *fields).body)).namelist())

        for fields in ((), (MULDER,)):
            names = ["documents/hello.txt", "documents/open/", "documents/open/z.txt"]
            self.assertEqual(packed("/?zip", *fields), names)
        self.assertEqual(packed("/open/?zip"), ["open/z.txt"])
        self.assertIn("private/deep/y.txt", packed("/private/?zip", MULDER))
        self.assertEqual(self.via(peer, "/private/?zip").status, 401)

    def test_all_of_the_site(self) -> None:
        peer = self.visitor(self.factory(protect=(Protected("/", ()), Protected("/open", ("scully",)))))
        for target in ("/", "/hello.txt", "/open/z.txt", "/none"):
            self.assertEqual(self.via(peer, target).status, 401)
        self.assertEqual(self.via(peer, "/hello.txt", MULDER).status, 200)
        self.assertEqual(self.via(peer, "/open/z.txt", MULDER).status, 403)
        self.assertEqual(self.via(peer, "/open/z.txt", SCULLY).status, 200)

    def test_virtual_hosts_are_protected_each_for_itself(self) -> None:
        lines = (Protected("/", ()),)
        guest = HTTPSettings(section="http:b", listen=(), hosts=("b.egg",), root="/private", protect=lines)
        peer = self.visitor(self.factory(guests=(guest,), protect=PRIVATE))
        self.assertEqual(self.via(peer, "/x.txt", host="b.egg").status, 401)
        self.assertEqual(self.via(peer, "/x.txt", MULDER, host="b.egg").body, SECRET)
        self.assertEqual(self.via(peer, "/private/x.txt", host="c.egg").status, 401)


class RightsOfAccountsTests(AccountTests):
    def setUp(self) -> None:
        super().setUp()
        self.file("private/x.txt", b"both")
        self.file("private/mulder/x.txt", b"his")

    def test_what_an_account_may_not_read(self) -> None:
        factory = self.factory(protect=(Protected("/private", ()),), listing=True)
        self.accounts.store.set_right("scully", "/private/mulder", "-")
        peer = self.visitor(factory)
        for _ in range(2):
            self.assertEqual(self.via(peer, "/private/mulder/x.txt", MULDER).body, b"his")
            self.assertEqual(self.via(peer, "/private/mulder/x.txt", SCULLY).status, 404)
            self.assertEqual(self.via(peer, "/private/x.txt", SCULLY).body, b"both")
        self.assertIn(b"mulder", self.via(peer, "/private/", MULDER).body)
        self.assertNotIn(b"mulder", self.via(peer, "/private/", SCULLY).body)

    def test_a_right_that_is_taken_away_is_gone_at_once(self) -> None:
        factory = self.factory(protect=(Protected("/private", ()),))
        peer = self.visitor(factory)
        self.assertEqual(self.via(peer, "/private/x.txt", SCULLY).status, 200)
        self.accounts.store.set_right("scully", "/private", "-")
        self.assertEqual(self.via(peer, "/private/x.txt", SCULLY).status, 404)

    def test_what_has_changed_is_seen_at_once(self) -> None:
        peer = self.visitor(self.factory(protect=(Protected("/private", ()),)))
        self.assertEqual(self.via(peer, "/private/x.txt", MULDER).body, b"both")
        self.file("private/x.txt", b"new")
        self.assertEqual(self.via(peer, "/private/x.txt", MULDER).body, b"new")

    def test_views_are_bounded(self) -> None:
        factory = self.factory(protect=(Protected("/private", ()),))
        peer = self.visitor(factory)
        for number in range(70):
            self.accounts.store.set_right("scully", f"/none/{number}", "r")
            self.assertEqual(self.via(peer, "/private/x.txt", SCULLY).status, 200)
        self.assertEqual(len(factory.sites.own._views._kept), 64)
