"""Mail from and into Maildir and mbox: what comes back is what went out."""

from __future__ import annotations

import io
import os
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from netdaemon.messages import importing, maildir, mbox
from netdaemon.messages.errors import BadName, OverQuota, StoreError
from netdaemon.messages.exporting import to_maildir, to_mbox
from netdaemon.messages.foreign import with_crlf
from netdaemon.messages.importing import Import, NoMail, Taken, kind_of, sources
from netdaemon.messages.interfaces import Quota
from netdaemon.messages.store import Store, done
from netdaemon.messages.values import NO_FLAGS, Flag
from tests.messages.stores import StoreCase, summarise

BODY = b"Subject: x\r\nMessage-ID: <1@x>\r\n\r\nFrom the beginning\r\n>From quoted\r\n\r\nFrom here\r\n.\r\n"


def ignore(octets: int) -> None:
    pass


class ForeignCase(StoreCase):
    def bring(self, path: Path, store: Store | None = None, account: str = "mulder", kind: str = "") -> list[Taken]:
        bringing = Import(store or self.store, account, summarise)
        return [bringing.folder(name, messages(), ignore) for name, messages in sources(path, kind or kind_of(path))]

    def counts(self, taken: list[Taken]) -> list[tuple[str, int, int]]:
        return [(each.folder, each.new, each.known) for each in taken]

    def furnish(self) -> None:
        inbox, deep, dotted = self.folder(), self.folder("a/\u00fc & b"), self.folder("v1.2/INBOX")
        self.put(
            inbox, octets=BODY, flags=Flag.SEEN | Flag.ANSWERED, keywords=("$Forwarded", "work"), received=86_400.0
        )
        self.put(inbox, flags=Flag.DRAFT | Flag.FLAGGED | Flag.DELETED, received=1_234_567_890.0)
        self.put(inbox, deep, keywords=("work",), received=5.0)
        self.put(dotted, octets=b"Subject: empty\r\n\r\n", received=7.0)
        self.put(dotted, octets=b"Subject: long\r\n\r\n" + b"x" * 300_000 + b"\r\n", received=9.0)


class MaildirTests(ForeignCase):
    def new_maildir(self, *folders: str) -> Path:
        top = self.new_folder()
        for folder in ("", *folders):
            for part in ("cur", "new", "tmp"):
                (top / folder / part).mkdir(parents=True)
        return top

    def drop(self, top: Path, name: str, octets: bytes = b"Subject: x\n\ny\n", modified: float = 100.0) -> None:
        (top / name).write_bytes(octets)
        os.utime(top / name, (modified, modified))

    def test_there_and_back(self) -> None:
        self.furnish()
        top = self.new_folder()
        for folder in self.store.folders("mulder"):
            to_maildir(self.store, folder, top, ignore)
        self.assertIn(".v1&AC4-2.INBOX", [path.name for path in top.iterdir()])
        there = self.open(self.new_folder())
        self.bring(top, there)
        self.assertEqual(self.sorted(self.shown(there)), self.sorted(self.shown(self.store)))

    def sorted(self, shown: dict[str, list[tuple[object, ...]]]) -> dict[str, list[tuple[object, ...]]]:
        """A Maildir knows no order but that of the dates."""
        return {name: sorted(messages, key=repr) for name, messages in shown.items()}

    def test_out_twice(self) -> None:
        self.furnish()
        top, inbox = self.new_folder(), self.folder()
        self.assertEqual(to_maildir(self.store, inbox, top, ignore), (3, set()))
        done(self.store.store_flags(inbox.id, ((3, 3),), add=Flag.SEEN))
        self.assertEqual(to_maildir(self.store, inbox, top, ignore), (0, set()))
        there = self.open(self.new_folder())
        self.assertEqual(self.counts(self.bring(top, there)), [("INBOX", 3, 0)])
        self.assertEqual(self.sorted(self.shown(there)), {"INBOX": self.sorted(self.shown(self.store))["INBOX"]})

    def test_what_others_wrote(self) -> None:
        top = self.new_maildir(".Sent", ".a.b", ".&APw-", ".\u00e4")
        (top / "dovecot-keywords").write_text("0 $Junk\n2 work\nnonsense\n99 x\n3\n")
        self.drop(top, "cur/1:2,FRSTDacz")
        self.drop(top, "cur/2:2,P", b"Subject: 2\r\n\r\ny\r\n", 50.25)
        self.drop(top, "new/3", b"Subject: 3\n\ny\n", 200)
        self.drop(top, "cur/4:1,x", b"Subject: 4\n\ny\n", 300)
        self.drop(top, "cur/.hidden")
        self.drop(top, "tmp/5")
        self.drop(top, ".a.b/cur/6")
        taken = self.bring(top)
        self.assertEqual(
            self.counts(taken), [("INBOX", 4, 0), ("\u00fc", 0, 0), ("Sent", 0, 0), ("a/b", 1, 0), ("\u00e4", 0, 0)]
        )
        shown = self.shown(self.store)["INBOX"]
        everything = Flag.FLAGGED | Flag.ANSWERED | Flag.SEEN | Flag.DELETED | Flag.DRAFT
        self.assertEqual(
            shown,
            [
                (b"Subject: 2\r\n\r\ny\r\n", NO_FLAGS, ("$Forwarded",), 50.25),
                (b"Subject: x\r\n\r\ny\r\n", everything, ("$Junk", "work"), 100.0),
                (b"Subject: 3\r\n\r\ny\r\n", NO_FLAGS, (), 200.0),
                (b"Subject: 4\r\n\r\ny\r\n", NO_FLAGS, (), 300.0),
            ],
        )

    def test_twice_the_same(self) -> None:
        """What is in it twice comes twice, but not at each import."""
        top = self.new_maildir()
        self.drop(top, "cur/1")
        self.drop(top, "cur/2")
        self.drop(top, "new/3", b"other")
        self.assertEqual(self.counts(self.bring(top)), [("INBOX", 3, 0)])
        self.assertEqual(self.counts(self.bring(top)), [("INBOX", 0, 3)])
        self.drop(top, "new/4")
        self.assertEqual(self.counts(self.bring(top)), [("INBOX", 1, 3)])

    def test_broken_off_and_gone_on_with(self) -> None:
        top = self.new_maildir()
        for number in range(20):
            self.drop(top, f"new/{number:02}", b"%d" % number, number)
        self.patch(importing, "MESSAGES", 3)
        seen: list[int] = []

        def enough(octets: int) -> None:
            seen.append(octets)
            if len(seen) == 11:
                raise KeyboardInterrupt

        with self.assertRaises(KeyboardInterrupt):
            for _, messages in sources(top, "maildir"):
                Import(self.store, "mulder", summarise).folder("INBOX", messages(), enough)
        self.assertEqual(len(self.shown(self.store)["INBOX"]), 9)
        self.assertEqual(self.counts(self.bring(top)), [("INBOX", 11, 9)])
        self.assertEqual(
            [each[0] for each in self.shown(self.store)["INBOX"]], [b"%d" % number for number in range(20)]
        )

    def test_keywords_that_can_not_be(self) -> None:
        top = self.new_maildir()
        (top / "dovecot-keywords").write_text("0 a(b\n1 good\n")
        self.drop(top, "cur/1:2,ab")
        (taken,) = self.bring(top)
        self.assertRegex(taken.complaints[0], r"cur/1:2,ab: 'a\(b' can't be a keyword")
        self.assertEqual(self.shown(self.store)["INBOX"][0][2], ("good",))

    def test_more_keywords_than_letters(self) -> None:
        inbox = self.folder()
        words = tuple(f"k{number:02}" for number in range(28))
        self.put(inbox, keywords=words)
        _, unsaid = to_maildir(self.store, inbox, self.new_folder(), ignore)
        self.assertEqual(unsaid, {"k26", "k27"})

    def test_folders_that_can_not_be(self) -> None:
        for name in (".a..b", "..", ".&AA0-"):
            if name == "..":
                continue
            top = self.new_maildir(name)
            with self.assertRaises(BadName):
                self.bring(top)
        with self.assertRaises(maildir.NotMaildir):
            self.bring(self.new_folder(), kind="maildir")

    def test_quotas_hold(self) -> None:
        self.store.close()
        self.store = Store(self.data, limit=lambda account: Quota(messages=2))
        self.addCleanup(self.store.close)
        top = self.new_maildir()
        for number in range(3):
            self.drop(top, f"cur/{number}", b"%d" % number)
        with self.assertRaises(OverQuota):
            self.bring(top)


class MboxTests(ForeignCase):
    def new_mbox(self, octets: bytes) -> Path:
        path = self.new_folder() / "mbox"
        path.write_bytes(octets)
        return path

    def read(self, octets: bytes) -> list[tuple[bytes, Flag, tuple[str, ...], float | None]]:
        return [
            (b"".join(found.pieces()), found.flags, found.keywords, found.received)
            for found in mbox.messages(self.new_mbox(octets))
        ]

    def test_there_and_back(self) -> None:
        self.furnish()
        top = self.new_folder()
        for folder in self.store.folders("mulder"):
            to_mbox(self.store, folder, top, ignore)
        self.assertTrue((top / "a" / "\u00fc & b.mbox").exists())
        there = self.open(self.new_folder())
        self.bring(top, there)
        self.assertEqual(self.shown(there), self.shown(self.store))
        self.assertEqual(self.counts(self.bring(top, there))[0], ("INBOX", 0, 3))

    def test_read(self) -> None:
        self.assertEqual(
            self.read(
                b"junk\n\nFrom mulder@x Sat Jan  3 01:46:40 1970\nSubject: a\n"
                b"Status: RO\nX-Status: AF\nX-Keywords: x y\n"
                b"\nHello\n>From me\n>>From you\n> From\n\nFrom here it goes on\n\n"
                b"From - nonsense\nstatus: O\n\n\n\nFrom x Fri Feb 13 23:31:30 2009 +0000\n"
            ),
            [
                (
                    b"Subject: a\r\n\r\nHello\r\nFrom me\r\n>From you\r\n> From\r\n",
                    Flag.SEEN | Flag.ANSWERED | Flag.FLAGGED,
                    ("x", "y"),
                    179_200.0,
                ),
                (b"", NO_FLAGS, (), None),
                (b"\r\n\r\n", NO_FLAGS, (), None),
                (b"", NO_FLAGS, (), 1_234_567_890.0),
            ],
        )

    def test_nothing(self) -> None:
        for octets in (b"", b"\n", b"no mbox at all\n" * 10, b"Fro"):
            self.assertEqual(self.read(octets), [])

    def test_dates(self) -> None:
        for line, date in (
            (b"From a@b Thu Jan  1 00:00:05 1970", 5.0),
            (b"From a@b Thu Jan  1 00:00 1970", 0.0),
            (b"From a b c  Thu Jan 1 00:00:05 UTC 1970", 5.0),
            (b"From a Thu Foo  1 00:00:05 1970", None),
            (b"From a Thu Jan  1 00:00:05 0000", None),
            (b"From ", None),
            (b"From " + b"x" * 100_000, None),
        ):
            ((_, _, _, received),) = self.read(line + b"\n\n")
            self.assertEqual(received, date, line[:60])

    def test_without_a_date_it_is_the_messages_own(self) -> None:
        path = self.new_mbox(b"From x\nSubject: y\n\nz\n")
        bringing = Import(
            self.store, "mulder", lambda octets: summarise(octets).__class__(**{**vars(summarise([])), "date": 77})
        )
        bringing.folder("INBOX", mbox.messages(path), ignore)
        self.assertEqual(self.shown(self.store)["INBOX"][0][3], 77.0)

    def test_what_nobody_reads_is_passed_over(self) -> None:
        path = self.new_mbox(b"From a\n\n1\n\nFrom b\n\n2\n\nFrom c\nX: y\n\n3\n")
        self.assertEqual(len(list(mbox.messages(path))), 3)

    def test_long_lines_and_their_borders(self) -> None:
        for length in (65_534, 65_535, 65_536, 65_537, 200_000):
            line = b"x" * length
            for end in (b"\n", b"\r\n"):
                ((octets, *_),) = self.read(b"From a" + end + b"S: t" + end + end + line + end + b"From b" + end)
                self.assertEqual(octets, b"S: t\r\n\r\n" + line + b"\r\nFrom b\r\n", (length, end))

    @given(
        st.lists(
            st.tuples(
                st.lists(
                    st.sampled_from([b"", b"From x", b">From y", b">>From ", b"text", b"From", b" From z", b"\t"])
                ),
                st.sampled_from([NO_FLAGS, Flag.SEEN, Flag.SEEN | Flag.DRAFT, Flag.DELETED | Flag.FLAGGED]),
                st.sampled_from([(), ("a",), ("a", "b")]),
                st.integers(0, 1 << 32),
            ),
            max_size=4,
        ),
        st.integers(1, 9),
    )
    def test_any_text_comes_back(self, messages: list, size: int) -> None:
        file = io.BytesIO()
        wanted = []
        for lines, flags, keywords, received in messages:
            octets = b"Subject: x\r\n\r\n" + b"".join(line + b"\r\n" for line in lines)
            pieces = [octets[at : at + size] for at in range(0, len(octets), size)]
            mbox.write(file, pieces, flags, keywords, received + 0.5)
            wanted.append((octets, flags, keywords, float(received)))
        self.assertEqual(self.read(file.getvalue()), wanted)

    @given(
        st.lists(
            st.sampled_from(
                [b"From ", b"\n", b"\r\n", b"\r", b">From ", b"Status: R", b"X-Keywords: \xff", b"x", b" ", b":", b"\0"]
            )
        ).map(b"".join)
    )
    def test_any_file_can_be_read(self, octets: bytes) -> None:
        for message, _, _, _ in self.read(octets):
            self.assertNotRegex(message, rb"(?<!\r)\n")

    def test_no_mail(self) -> None:
        with self.assertRaises(NoMail):
            self.bring(self.new_folder())
        self.assertTrue(issubclass(NoMail, StoreError))


class LineEndTests(SynchronousTestCase):
    def test_whole_and_in_pieces(self) -> None:
        for octets, wanted in (
            (b"", b""),
            (b"a", b"a"),
            (b"a\nb\n", b"a\r\nb\r\n"),
            (b"\na\n", b"\r\na\r\n"),
            (b"a\r\nb\n", b"a\r\nb\n"),
            (b"a\nb\r\nc\n", b"a\r\nb\r\nc\r\n"),
            (b"a\n\r\n", b"a\r\n\r\n"),
            (b"a\n\n\n", b"a\r\n\r\n\r\n"),
        ):
            for size in (1, 2, 3, 100):
                pieces = [octets[at : at + size] for at in range(0, len(octets), size)]
                self.assertEqual(b"".join(with_crlf(pieces)), wanted, (octets, size))
