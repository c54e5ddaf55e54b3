"""Quotas: what is counted, when it is counted, and what is refused."""

from __future__ import annotations

import errno
import os

from twisted.internet.task import Clock

from netdaemon.documents.rights import Narrowed
from netdaemon.documents.tree import Tree
from netdaemon.documents.usage import REST, STALE
from netdaemon.interfaces import Account, Exists, Forbidden, NoSpace, Right, Unavailable
from tests.documents.forest import ForestTests, read, save, shown


class QuotaTests(ForestTests):
    def setUp(self) -> None:
        super().setUp()
        self.folder("home/mulder")
        self.clock = Clock()
        self.everything = self.tree(clock=self.clock)

    def narrowed(self, quota: int | None, home: str = "/home/mulder", *rights: Right) -> Narrowed:
        return Narrowed(self.everything, Account("mulder", rights, quota=quota, home=home))

    def used(self, *home: bytes) -> int:
        return self.everything._ledger.usage(home).bytes

    def fits(self, documents: Narrowed, size: int) -> None:
        """Exactly ``size`` more bytes may be written; leaves things as they were."""
        writer = documents.write(b"/home/mulder/probe")
        writer.write(b"x" * size)
        self.assertRaises(NoSpace, writer.write, b"x")
        writer.abandon()

    def test_at_the_limit(self) -> None:
        self.file("home/mulder/a", b"x" * 40)
        self.file("home/scully/a", b"x" * 5000)
        documents = self.narrowed(100)
        save(documents, b"/home/mulder/b", b"x" * 60)
        writer = documents.write(b"/home/mulder/c")
        self.assertRaises(NoSpace, writer.write, b"x")
        self.assertRaises(NoSpace, writer.commit)
        writer.abandon()
        self.assertEqual(shown(documents, b"/home/mulder"), {b"a", b"b"})
        save(documents, b"/home/mulder/empty", b"")

    def test_zero(self) -> None:
        writer = self.narrowed(0).write(b"/home/mulder/a")
        self.assertRaises(NoSpace, writer.write, b"x")

    def test_none(self) -> None:
        save(self.narrowed(None), b"/home/mulder/a", b"x" * 5000)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_what_counts(self) -> None:
        self.file("home/mulder/deep/er/a", b"x" * 10)
        self.file("home/mulder/.hidden", b"x" * 20)
        self.file("home/scully/a", b"x" * 5000)
        self.link("home/mulder/link", "../scully")
        self.link("home/mulder/to-a", "../scully/a")
        os.mkfifo(self.top / "home/mulder/pipe")
        documents = self.narrowed(100)
        self.fits(documents, 70)
        self.assertEqual(self.used(b"home", b"mulder"), 30)

    def test_abandoned_and_removed_come_back(self) -> None:
        documents = self.narrowed(100)
        self.fits(documents, 100)
        save(documents, b"/home/mulder/a", b"x" * 100)
        documents.remove(b"/home/mulder/a")
        self.fits(documents, 100)
        documents.write(b"/home/mulder/dropped").write(b"x" * 100)
        self.fits(documents, 100)
        self.assertEqual(self.used(b"home", b"mulder"), 0)

    def test_what_is_replaced_comes_back(self) -> None:
        self.file("home/mulder/a", b"x" * 80)
        documents = self.narrowed(100)
        save(documents, b"/home/mulder/a", b"y" * 100)
        self.assertEqual(self.used(b"home", b"mulder"), 100)
        save(documents, b"/home/mulder/a", b"z" * 10)
        self.assertEqual(self.used(b"home", b"mulder"), 10)
        self.assertEqual(read(documents, b"/home/mulder/a"), b"z" * 10)

    def test_failed_uploads_come_back(self) -> None:
        documents = self.narrowed(100)
        writer = documents.write(b"/home/mulder/a")
        writer.write(b"x" * 50)

        def fail(fd: int) -> None:
            raise OSError(errno.EIO, "x")

        patch = self.patch(os, "fsync", fail)
        self.assertRaises(Unavailable, writer.commit)
        patch.restore()
        self.fits(documents, 100)

    def test_uploads_at_one_time_share(self) -> None:
        documents = self.narrowed(100)
        first, second = documents.write(b"/home/mulder/a"), documents.write(b"/home/mulder/b")
        first.write(b"x" * 60)
        self.assertRaises(NoSpace, second.write, b"x" * 41)
        second.abandon()
        first.commit()
        self.fits(documents, 40)

    def test_a_link_replaced_gives_nothing_back(self) -> None:
        self.file("home/scully/a", b"x" * 5000)
        self.link("home/mulder/link", "../scully/a")
        documents = self.narrowed(100)
        writer = documents.write(b"/home/mulder/link")
        writer.write(b"x" * 100)
        self.assertRaises(NoSpace, writer.write, b"x")

    def test_others_count_too(self) -> None:
        """Whoever writes beneath the home: it is the folder that is full."""
        documents = self.narrowed(100)
        self.fits(documents, 100)
        save(Narrowed(self.everything, Account("scully")), b"/home/mulder/from-scully", b"x" * 30)
        save(self.everything, b"/home/mulder/from-us", b"x" * 30)
        self.fits(documents, 40)

    def test_homes_in_homes(self) -> None:
        outer = self.narrowed(1000, "/home")
        inner = self.narrowed(100)
        save(outer, b"/home/a", b"x" * 10)
        save(inner, b"/home/mulder/a", b"x" * 20)
        self.assertEqual((self.used(b"home"), self.used(b"home", b"mulder")), (30, 20))

    def test_whole_tree(self) -> None:
        self.file("elsewhere", b"x" * 70)
        documents = self.narrowed(100, "/")
        self.fits(documents, 30)

    def test_only_beneath_the_home(self) -> None:
        """Elsewhere nobody would count it."""
        self.file("pub/a")
        self.link("home/mulder/out", "../../pub")
        documents = self.narrowed(100)
        for path in (b"/a", b"/pub/a", b"/home/a", b"/home/mulder2", b"/home/mulder/out/a"):
            self.assertRaises(Forbidden, documents.write, path)
        documents.make_folder(b"/pub/dir")
        documents.remove(b"/pub/a")
        documents = self.narrowed(100, "/home/mulder", Right("/", "r"), Right("/home/mulder", "rw"))
        self.assertRaises(Forbidden, documents.write, b"/pub/a")
        save(documents, b"/home/mulder/a", b"x")

    def test_by_a_link_into_the_home(self) -> None:
        self.link("door", "home/mulder")
        documents = self.narrowed(100, "/")
        save(documents, b"/door/a", b"x" * 100)
        inner = self.narrowed(150)
        self.fits(inner, 50)

    # --- renaming

    def test_renamed_within_the_home(self) -> None:
        self.file("home/mulder/a", b"x" * 80)
        self.file("home/mulder/dir/b", b"x" * 20)
        documents = self.narrowed(100)
        documents.rename(b"/home/mulder/a", b"/home/mulder/dir/c")
        documents.rename(b"/home/mulder/dir", b"/home/mulder/dir2")
        self.fits(documents, 0)
        documents.rename(b"/home/mulder/dir2/b", b"/home/mulder/dir2/c")  # 80 are replaced by 20
        self.fits(documents, 80)

    def test_renamed_only_to_beneath_the_home(self) -> None:
        self.file("home/mulder/a", b"x")
        self.file("pub/a", b"x" * 200)
        self.folder("home/mulder/dir")
        self.folder("pub/dir")
        self.link("home/mulder/out", "../../pub")
        documents = self.narrowed(100)
        for path in (b"/home/mulder/a", b"/home/mulder/dir", b"/pub/a", b"/pub/dir"):
            for to in (b"/new", b"/pub/new", b"/home/mulder2", b"/home/mulder/out/new"):
                self.assertRaises(Forbidden, documents.rename, path, to)
        self.assertRaises(Forbidden, documents.rename, b"/home/mulder", b"/home2")
        self.assertRaises(Forbidden, documents.rename, b"/home", b"/home2")

    def test_renamed_into_the_home(self) -> None:
        self.file("pub/a", b"x" * 100)
        self.file("pub/b", b"x" * 101)
        self.file("pub/dir/c")
        self.file("home/mulder/old", b"x" * 30)
        documents = self.narrowed(100)
        error = self.assertRaises(NoSpace, documents.rename, b"/pub/a", b"/home/mulder/a")
        self.assertEqual(error.path, b"/home/mulder/a")
        self.assertRaises(NoSpace, documents.rename, b"/pub/b", b"/home/mulder/old")
        self.assertRaises(Forbidden, documents.rename, b"/pub/dir", b"/home/mulder/dir")
        documents.rename(b"/pub/a", b"/home/mulder/old")
        self.assertEqual(self.used(b"home", b"mulder"), 100)
        self.fits(documents, 0)
        self.assertEqual(shown(documents, b"/pub"), {b"b", b"dir/"})

    def test_others_move_bytes_in_and_out(self) -> None:
        self.file("pub/a", b"x" * 30)
        self.file("home/mulder/b", b"x" * 50)
        documents = self.narrowed(100)
        self.fits(documents, 50)
        self.everything.rename(b"/pub/a", b"/home/mulder/a")
        self.fits(documents, 20)
        self.everything.rename(b"/home/mulder/b", b"/pub/b")
        self.fits(documents, 70)
        self.everything.rename(b"/home/mulder/a", b"/pub/b")
        self.fits(documents, 100)

    def test_from_home_to_home(self) -> None:
        self.file("home/scully/a", b"x" * 30)
        documents = self.narrowed(100)
        scully = Narrowed(self.everything, Account("scully", quota=100, home="/home/scully"))
        self.fits(documents, 100)
        scully.write(b"/home/scully/x").abandon()
        self.everything.rename(b"/home/scully/a", b"/home/mulder/a")
        self.assertEqual((self.used(b"home", b"scully"), self.used(b"home", b"mulder")), (0, 30))

    def test_links_and_two_names_count_as_they_did(self) -> None:
        self.file("home/mulder/a", b"x" * 40)
        (self.top / "home/mulder/b").hardlink_to(self.top / "home/mulder/a")
        self.file("pub/c", b"x" * 500)
        self.link("pub/link", "c")
        documents = self.narrowed(100)
        self.fits(documents, 20)
        documents.rename(b"/pub/link", b"/home/mulder/c")
        self.fits(documents, 20)
        documents.rename(b"/home/mulder/a", b"/home/mulder/b")
        self.fits(documents, 60)

    def test_a_moved_folder_is_counted_anew(self) -> None:
        """In, out, the home itself, a home in the folder; and one that has nothing to do with it is not."""
        self.file("home/mulder/dir/a", b"x" * 30)
        self.folder("home/scully")
        documents = self.narrowed(100)
        scully = Narrowed(self.everything, Account("scully", quota=100, home="/home/scully"))
        self.fits(documents, 70)
        scully.write(b"/home/scully/x").abandon()
        file = self.file("home/scully/unseen", b"x")
        for path, to, rest in [
            (b"/home/mulder/dir", b"/dir", 100),
            (b"/dir", b"/home/mulder/back", 70),
            (b"/home/mulder", b"/mulder", 100),
            (b"/mulder", b"/home/mulder", 70),
        ]:
            self.everything.rename(path, to)
            self.everything._ledger.usage((b"home", b"mulder"))
            self.clock.advance(REST)
            self.assertEqual(self.used(b"home", b"mulder"), 100 - rest, (path, to))
        self.assertEqual(self.used(b"home", b"scully"), 0, "not looked at again")
        self.everything.rename(b"/home", b"/house")
        self.everything.rename(b"/house", b"/home")
        self.assertEqual(self.used(b"home", b"scully"), 1)
        file.unlink()

    def test_moved_while_it_is_counted(self) -> None:
        for number in range(700):
            (self.top / f"home/mulder/{number}").write_bytes(b"x")
        self.file("dir/a", b"x" * 30)
        documents = self.narrowed(2000)
        documents.write(b"/home/mulder/probe").abandon()
        self.everything.rename(b"/dir", b"/home/mulder/dir")
        self.clock.advance(REST)
        documents.write(b"/home/mulder/probe").abandon()
        self.clock.advance(REST)
        self.assertEqual(self.used(b"home", b"mulder"), 730)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    # --- uploads kept and gone on with

    def test_kept_counts(self) -> None:
        documents = self.narrowed(100)
        for size in (60, 40):
            writer = documents.write(b"/home/mulder/a")
            writer.write(b"x" * size)
            writer.keep()
            self.assertEqual(self.used(b"home", b"mulder"), size)
        self.fits(documents, 60)
        documents.remove(b"/home/mulder/a.part")
        self.fits(documents, 100)

    def test_kept_when_it_is_full(self) -> None:
        documents = self.narrowed(100)
        writer = documents.write(b"/home/mulder/a")
        writer.write(b"x" * 100)
        self.assertRaises(NoSpace, writer.write, b"x")
        writer.keep()
        self.assertEqual(documents.entry(b"/home/mulder/a.part").size, 100)
        self.fits(documents, 0)

    def test_gone_on_with_counts_once(self) -> None:
        self.file("home/mulder/a.part", b"x" * 60)
        self.file("home/mulder/a", b"x" * 20)
        documents = self.narrowed(100)
        writer = documents.resume(b"/home/mulder/a", 50)
        self.assertEqual(self.used(b"home", b"mulder"), 70)
        writer.write(b"x" * 50)  # the 20 of the old one are given back
        self.assertRaises(NoSpace, writer.write, b"x")
        writer.keep()
        self.assertEqual(self.used(b"home", b"mulder"), 120)
        documents.resume(b"/home/mulder/a", 100).commit()
        self.assertEqual(self.used(b"home", b"mulder"), 100)
        writer = documents.resume(b"/home/mulder/a", 0)
        writer.abandon()
        self.assertEqual(self.used(b"home", b"mulder"), 100)

    def test_copied_counts(self) -> None:
        self.file("home/mulder/a", b"x" * 60)
        self.file("pub/a", b"x" * 41)
        self.link("home/mulder/b", "../../pub/a")
        documents = self.narrowed(100)
        writer = documents.resume(b"/home/mulder/a", 60)  # it replaces as much
        self.assertEqual(self.used(b"home", b"mulder"), 120)
        writer.write(b"x" * 40)
        self.assertRaises(NoSpace, writer.write, b"x")
        writer.abandon()
        self.assertEqual(self.used(b"home", b"mulder"), 60)
        self.assertRaises(NoSpace, documents.resume, b"/home/mulder/b", 41)
        documents.resume(b"/home/mulder/b", 40).commit()
        self.fits(documents, 0)

    def test_new_documents_count(self) -> None:
        documents = self.narrowed(100)
        writer = documents.write(b"/home/mulder/a", new=True)
        writer.write(b"x" * 60)
        save(documents, b"/home/mulder/a", b"x" * 10)
        self.assertRaises(Exists, writer.commit)
        self.assertEqual(self.used(b"home", b"mulder"), 10)

    # --- counting

    def test_counted_in_turns(self) -> None:
        for number in range(1300):
            (self.top / f"home/mulder/{number}").write_bytes(b"x")
        documents = self.narrowed(2000)
        documents.write(b"/home/mulder/a").abandon()
        self.assertEqual(self.used(b"home", b"mulder"), 500)  # what was counted so far stands for the whole
        self.clock.advance(REST)
        self.assertEqual(self.used(b"home", b"mulder"), 1000)
        self.clock.advance(REST)
        self.assertEqual(self.used(b"home", b"mulder"), 1300)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_counted_anew(self) -> None:
        documents = self.narrowed(100)
        self.fits(documents, 100)
        file = self.file("home/mulder/from-outside", b"x" * 90)
        self.clock.advance(STALE)
        self.fits(documents, 100)
        self.clock.advance(0.1)
        self.fits(documents, 10)
        file.unlink()
        self.clock.advance(STALE + 0.1)
        self.fits(documents, 100)

    def test_counted_anew_keeps_the_old_sum_meanwhile(self) -> None:
        documents = self.narrowed(2000)
        for number in range(700):
            (self.top / f"home/mulder/{number}").write_bytes(b"x")
        documents.write(b"/home/mulder/a").abandon()
        self.clock.advance(REST)
        self.clock.advance(STALE + 1)
        for number in range(100):
            (self.top / f"home/mulder/{number}").unlink()
        documents.write(b"/home/mulder/a").abandon()
        self.assertEqual(self.used(b"home", b"mulder"), 700)
        self.clock.advance(REST)
        self.assertEqual(self.used(b"home", b"mulder"), 600)

    def test_one_count_at_a_time(self) -> None:
        for number in range(700):
            (self.top / f"home/mulder/{number}").write_bytes(b"x")
        documents = self.narrowed(2000)
        for _ in range(5):
            documents.write(b"/home/mulder/a").abandon()
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)

    def test_closed_while_counting(self) -> None:
        for number in range(700):
            (self.top / f"home/mulder/{number}").write_bytes(b"x")
        self.narrowed(2000).write(b"/home/mulder/a").abandon()
        self.everything.close()
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_a_count_that_fails_is_reported(self) -> None:
        tree: Tree = self.everything

        def broken() -> float:
            raise RuntimeError("a defect of ours")

        documents = self.narrowed(100)
        tree._ledger._seconds = broken
        save(documents, b"/home/mulder/a", b"x")
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)

    def test_without_a_clock(self) -> None:
        for number in range(1300):
            (self.top / f"home/mulder/{number}").write_bytes(b"x")
        documents = Narrowed(self.tree(), Account("mulder", quota=1400, home="/home/mulder"))
        self.fits(documents, 100)
