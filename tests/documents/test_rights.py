"""The tree narrowed to an account: hidden, read only, and what links can't go around."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from netdaemon.documents.rights import Narrowed, Rights
from netdaemon.interfaces import Account, DocumentError, Forbidden, IDocuments, IsFolder, NotFound, Right
from tests.documents.forest import ForestTests, read, save, shown


def account(*rights: tuple[str, str], name: str = "mulder") -> Account:
    return Account(name, tuple(Right(path, mode) for path, mode in rights))


class NarrowedTests(ForestTests):
    def setUp(self) -> None:
        super().setUp()
        for path in ("a", "pub/a", "pub/in/a", "private/a", "private/open/a", "private/deep/er/a"):
            self.file(path, path.encode())

    def narrowed(self, *rights: tuple[str, str], name: str = "mulder", hidden: bool = False) -> Narrowed:
        return Narrowed(self.tree(hidden=hidden), account(*rights, name=name))

    def untouchable(self, documents: Narrowed, path: bytes, kind: type[Exception]) -> None:
        for call in (documents.write, documents.remove, documents.make_folder):
            self.assertRaises(kind, call, path)
        self.assertRaises(kind, documents.write, path, True)
        self.assertRaises(kind, documents.resume, path, 0)
        self.assertRaises(kind, documents.rename, path, b"/elsewhere")
        self.assertFalse(documents.may_write(path))

    def test_interface(self) -> None:
        verifyObject(IDocuments, self.narrowed())

    def test_no_rights_is_everything(self) -> None:
        documents = self.narrowed()
        self.assertEqual(shown(documents), {b"a", b"pub/", b"private/"})
        save(documents, b"/pub/new", b"new")
        self.assertEqual(read(documents, b"/pub/new"), b"new")
        documents.make_folder(b"/dir")
        documents.remove(b"/dir")
        documents.remove(b"/a")

    def test_read_only(self) -> None:
        documents = self.narrowed(("/", "r"), ("/pub/in", "rw"))
        self.assertEqual(read(documents, b"/a"), b"a")
        self.assertEqual(shown(documents), {b"a", b"pub/", b"private/"})
        for path in (b"/a", b"/new", b"/pub/a", b"/pub/in-other", b"/pub/../a", b"/pub/in/../a"):
            self.untouchable(documents, path, Forbidden)
        save(documents, b"/pub/in/a", b"new")
        documents.make_folder(b"/pub/in/dir")
        documents.remove(b"/pub/in/dir")
        documents.remove(b"/pub/in/a")
        documents.remove(b"/pub/in")

    def test_hidden(self) -> None:
        documents = self.narrowed(("/private", "-"))
        self.assertEqual(shown(documents), {b"a", b"pub/"})
        for path in (b"/private", b"/private/", b"/private/a", b"/private/deep/er/a", b"/pub/../private/a"):
            for call in (documents.entry, documents.open, documents.list):
                self.assertRaises(NotFound, call, path)
            self.untouchable(documents, path, NotFound)
        self.assertEqual(read(documents, b"/a"), b"a")
        documents.make_folder(b"/private2")  # names are compared whole

    def test_hidden_but_for_the_way(self) -> None:
        documents = self.narrowed(("/", "-"), ("/private/open", "r"), ("/private/deep/er", "rw"))
        self.assertEqual(shown(documents), {b"private/"})
        self.assertEqual(shown(documents, b"/private"), {b"open/", b"deep/"})
        self.assertEqual(shown(documents, b"/private/deep"), {b"er/"})
        self.assertEqual(shown(documents, b"/private/deep/er"), {b"a"})
        self.assertTrue(documents.entry(b"/private").folder)
        self.assertRaises(NotFound, documents.open, b"/private/a")
        self.assertRaises(NotFound, documents.entry, b"/private/a")
        self.assertRaises(NotFound, documents.entry, b"/pub")
        self.untouchable(documents, b"/private", Forbidden)
        self.untouchable(documents, b"/private/new", NotFound)
        self.untouchable(documents, b"/private/open/a", Forbidden)
        save(documents, b"/private/deep/er/a", b"new")

    def test_longest_path_counts(self) -> None:
        documents = self.narrowed(("/private/open", "r"), ("/private", "-"), ("/private/open/a", "rw"))
        self.assertEqual(shown(documents, b"/private"), {b"open/"})
        self.assertRaises(Forbidden, documents.write, b"/private/open/b")
        save(documents, b"/private/open/a", b"new")

    def test_anonymous_only_reads(self) -> None:
        for rights in ((), (("/", "r"),), (("/", "rw"), ("/pub", "rw"))):
            documents = self.narrowed(*rights, name="anonymous")
            self.assertEqual(read(documents, b"/pub/a"), b"pub/a")
            for path in (b"/a", b"/new", b"/pub/new"):
                self.untouchable(documents, path, Forbidden)
        documents = self.narrowed(("/private", "-"), name="anonymous")
        self.assertRaises(NotFound, documents.open, b"/private/a")

    def test_renamed_where_both_may_be_written(self) -> None:
        documents = self.narrowed(("/", "r"), ("/pub", "rw"), ("/private/open", "rw"))
        for path, to in (
            (b"/pub/a", b"/a"),
            (b"/pub/a", b"/private/x"),
            (b"/a", b"/pub/x"),
            (b"/a", b"/pub/a"),
            (b"/pub/in", b"/in"),
            (b"/private/deep", b"/pub/deep"),
        ):
            self.assertRaises(Forbidden, documents.rename, path, to)
        documents.rename(b"/pub/a", b"/private/open/a")
        documents.rename(b"/pub/in", b"/private/open/in")
        self.assertEqual(read(documents, b"/private/open/a"), b"pub/a")
        documents = self.narrowed(("/private", "-"))
        self.assertRaises(NotFound, documents.rename, b"/a", b"/private/x")
        self.assertRaises(NotFound, documents.rename, b"/private/a", b"/x")

    def test_renaming_opens_nothing(self) -> None:
        """A folder takes what is closed in it along, to where it would be open."""
        for mode in ("-", "r"):
            documents = self.narrowed(("/private/deep/er", mode))
            for path in (b"/private", b"/private/deep"):
                self.assertRaises(Forbidden, documents.rename, path, b"/pub/x")
            documents.rename(b"/private/open", b"/pub/x")
            documents.rename(b"/pub/x", b"/private/open")
        documents = self.narrowed(("/private/deep/er", "rw"), ("/pub/shut", "-"))
        self.assertRaises(Forbidden, documents.rename, b"/pub", b"/x")
        documents.rename(b"/private/deep", b"/deep")

    def test_renaming_puts_nothing_where_it_may_not(self) -> None:
        """A folder brings what is in it to places that are closed."""
        documents = self.narrowed(("/x/er", "r"), ("/y/er/a", "-"))
        for to in (b"/x", b"/y"):
            self.assertRaises(Forbidden, documents.rename, b"/private/deep", to)
        documents.rename(b"/private/deep", b"/z")

    def test_gone_on_with_only_what_may_be_read(self) -> None:
        self.link("pub/to-a", "../private/a")
        documents = self.narrowed(("/private", "-"))
        error = self.assertRaises(DocumentError, documents.resume, b"/pub/to-a", 3)
        self.assertIn(type(error), (NotFound, Forbidden))
        self.link("pub/to-b", "../private/open/a")
        documents = self.narrowed(("/private", "-"), ("/private/open", "r"))
        writer = documents.resume(b"/pub/to-b", 3)
        writer.commit()
        self.assertEqual(read(documents, b"/pub/to-b"), b"pri")

    def test_kept_only_where_it_may_be_written(self) -> None:
        for mode in ("r", "-"):
            self.file("pub/a.part", b"older")
            documents = self.narrowed(("/pub/a.part", mode))
            writer = documents.write(b"/pub/a")
            writer.write(b"new")
            writer.keep()
            self.assertEqual((self.top / "pub/a.part").read_bytes(), b"older")
            documents.resume(b"/pub/a", 3).commit()
            self.assertEqual((self.top / "pub/a").read_bytes(), b"pub", "of the document, not of the part")
            self.assertEqual((self.top / "pub/a.part").read_bytes(), b"older")

    def test_listing_too(self) -> None:
        documents = self.narrowed(("/private", "-"))

        async def names() -> set[bytes]:
            return {entry.name async for entries in documents.listing(b"/") for entry in entries}

        self.assertEqual(self.successResultOf(Deferred.fromCoroutine(names())), {b"a", b"pub"})

    def test_links_go_around_nothing(self) -> None:
        self.link("pub/to-private", "../private")
        self.link("pub/to-a", "../private/a")
        self.link("pub/to-pub", ".")
        self.link("to-private", self.top / "private")
        documents = self.narrowed(("/private", "-"))
        self.assertEqual(shown(documents, b"/pub"), {b"a", b"in/", b"to-pub/"})
        for path in (b"/pub/to-private", b"/pub/to-a", b"/pub/to-private/a", b"/to-private/a", b"/pub/to-pub/to-a"):
            self.assertRaises(NotFound, documents.open, path)
            self.assertRaises(NotFound, documents.entry, path)
        self.untouchable(documents, b"/pub/to-private/new", NotFound)
        self.assertEqual(read(documents, b"/pub/to-pub/in/a"), b"pub/in/a")
        documents = self.narrowed(("/private", "r"))
        self.assertEqual(read(documents, b"/pub/to-a"), b"private/a")
        self.untouchable(documents, b"/pub/to-private/a", Forbidden)
        self.assertRaises(Forbidden, documents.write, b"/pub/to-private/new")

    def test_links_open_nothing(self) -> None:
        """The path as it is given must be allowed too."""
        self.link("private/to-pub", "../pub")
        documents = self.narrowed(("/private", "-"), ("/pub", "rw"))
        self.assertRaises(NotFound, documents.open, b"/private/to-pub/a")
        self.link("pub/in-link", "in")
        documents = self.narrowed(("/pub/in-link", "r"))
        self.assertRaises(Forbidden, documents.write, b"/pub/in-link/a")
        save(documents, b"/pub/in/a", b"new")

    def test_a_link_in_place_of_a_folder_lists_by_both(self) -> None:
        self.link("door", "private")
        documents = self.narrowed(("/private/deep", "-"), ("/door/open", "-"))
        self.assertEqual(shown(documents, b"/private"), {b"a", b"open/"})
        self.assertEqual(shown(documents, b"/door"), {b"a"})

    def test_names_that_are_no_utf8(self) -> None:
        self.file(b"caf\xe9/a")
        self.file("café/a")
        documents = self.narrowed(("/caf\udce9", "-"), ("/café", "r"))
        self.assertRaises(NotFound, documents.open, b"/caf\xe9/a")
        self.assertEqual(read(documents, "/café/a".encode()), b"data")
        self.assertRaises(Forbidden, documents.remove, "/café/a".encode())

    def test_the_tree_rules_still_hold(self) -> None:
        self.file(".h/a")
        documents = self.narrowed(("/", "rw"), ("/.h", "rw"))
        self.assertRaises(NotFound, documents.open, b"/.h/a")
        self.assertRaises(NotFound, documents.open, b"/../outside/secret")
        self.assertRaises(IsFolder, documents.write, b"/pub")


class RightsTests(SynchronousTestCase):
    def test_what_cannot_be_a_right(self) -> None:
        for path, mode in [("/../a", "-"), ("/a\0", "-"), ("/" + "a" * 256, "-"), ("/a", "x"), ("/a", "")]:
            self.assertRaises(ValueError, Rights, account((path, mode)))
        self.assertRaises(ValueError, Rights, Account("mulder", home="/.."))
        self.assertRaises(ValueError, Rights, account(("/\ud800", "-")))

    def test_forms_of_a_path(self) -> None:
        for path in ("/a/b", "a/b", "/a/b/", "//a/./b", "/a/c/../b"):
            rights = Rights(account((path, "-")))
            self.assertIs(rights.reads((b"a", b"b", b"c")), NotFound, path)
            self.assertIsNone(rights.reads((b"a", b"bc")), path)

    @given(
        st.lists(
            st.tuples(st.lists(st.sampled_from("abc"), max_size=3), st.sampled_from(["rw", "r", "-"])),
            max_size=6,
            unique_by=lambda right: tuple(right[0]),
        ),
        st.lists(st.sampled_from("abc"), max_size=4),
    )
    @settings(deadline=None, max_examples=200)
    def test_as_the_words_say(self, lines: list[tuple[list[str], str]], path: list[str]) -> None:
        matching = [line for line in lines if path[: len(line[0])] == line[0]]
        mode = max(matching, key=lambda line: len(line[0]))[1] if matching else "rw"
        leads = any(line[0][: len(path)] == path and len(line[0]) > len(path) and line[1] != "-" for line in lines)
        rights = Rights(account(*(("/" + "/".join(names), mode) for names, mode in lines)))
        where = tuple(name.encode() for name in path)
        self.assertIs(rights.reads(where), NotFound if mode == "-" else None)
        self.assertIs(rights.sees(where), NotFound if mode == "-" and not leads else None)
        self.assertEqual(rights.writes(where) is None, mode == "rw")
        self.assertEqual(rights.writes(where) is NotFound, mode == "-" and not leads)
