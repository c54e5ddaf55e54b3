"""Every command of the client, what it makes of the reply, and that no argument becomes a second command."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from netdaemon.protocols.ftp.client import Entry, Failed, Hash, NoAnswer, NotSpoken, Refused, TooLarge
from netdaemon.protocols.ftp.client import session as session_module
from netdaemon.protocols.ftp.client.session import FTP
from tests.protocols.ftp.scripted import Server

PASSIVE = ("C: EPSV", "S: 229 go (|||2000|)")
Call = Callable[[FTP], Any]


class CommandCase(SynchronousTestCase):
    features: tuple[str, ...] = ()

    def setUp(self) -> None:
        self.server = Server()
        self.server.log_in(*self.features)

    def result(self, call: Call, *script: str) -> Any:
        work = self.server.begin(call(self.server.ftp))
        self.server.talk(*script)
        return self.successResultOf(work)

    def failure(self, call: Call, *script: str) -> Any:
        work = self.server.begin(call(self.server.ftp))
        self.server.talk(*script)
        return self.failureResultOf(work).value


class CommandTests(CommandCase):
    def test_plain_ones(self) -> None:
        calls: list[tuple[Call, str]] = [
            (lambda ftp: ftp.cwd("a b"), "CWD a b"),
            (lambda ftp: ftp.cdup(), "CDUP"),
            (lambda ftp: ftp.rmd("a"), "RMD a"),
            (lambda ftp: ftp.dele(" a "), "DELE  a "),
            (lambda ftp: ftp.noop(), "NOOP"),
            (lambda ftp: ftp.site("CHMOD 600 a"), "SITE CHMOD 600 a"),
            (lambda ftp: ftp.stat(), "STAT"),
            (lambda ftp: ftp.stat("a"), "STAT a"),
            (lambda ftp: ftp.abor(), "ABOR"),
            (lambda ftp: ftp.mfmt("a", 784111777.9), "MFMT 19941106084937 a"),
            (lambda ftp: ftp.do("XSHA1", "a"), "XSHA1 a"),
        ]
        for call, line in calls:
            self.result(call, f"C: {line}", "S: 250 ok")
            self.assertIsInstance(self.failure(call, f"C: {line}", "S: 550 no"), Refused)

    def test_names(self) -> None:
        self.result(lambda ftp: ftp.dele("\u20ac"), "C: DELE \u20ac", "S: 250 ok")
        work = self.server.begin(self.server.ftp.dele("\udcff"))
        self.assertEqual(self.server.line(), b"DELE \xff")
        self.server.talk("S: 250 ok")
        self.successResultOf(work)

    def test_pwd_and_mkd(self) -> None:
        self.assertEqual(self.result(lambda ftp: ftp.pwd(), "C: PWD", 'S: 257 "/a""b" is it'), '/a"b')
        self.assertIsInstance(self.failure(lambda ftp: ftp.pwd(), "C: PWD", "S: 257 /a"), NotSpoken)
        self.assertEqual(self.result(lambda ftp: ftp.mkd("b"), "C: MKD b", 'S: 257 "/a/b" made'), "/a/b")
        self.assertEqual(self.result(lambda ftp: ftp.mkd("b"), "C: MKD b", "S: 250 made"), "b")

    def test_size_and_times(self) -> None:
        def size(ftp: FTP) -> Any:
            return ftp.size("a")

        def mdtm(ftp: FTP) -> Any:
            return ftp.mdtm("a")

        self.assertEqual(self.result(size, "C: TYPE I", "S: 200 ok", "C: SIZE a", "S: 213 12"), 12)
        self.assertEqual(self.result(size, "C: SIZE a", "S: 250  1000 "), 1000)
        for text in ("", "-1", "1e3", "9" * 19, "12 octets"):
            self.assertIsInstance(self.failure(size, "C: SIZE a", f"S: 213 {text}"), NotSpoken)
        self.assertEqual(self.result(mdtm, "C: MDTM a", "S: 213 19941106084937.5"), 784111777.5)
        self.assertIsInstance(self.failure(mdtm, "C: MDTM a", "S: 213 yesterday"), NotSpoken)

    def test_rename(self) -> None:
        def rename(ftp: FTP) -> Any:
            return ftp.rename("a", "b")

        self.result(rename, "C: RNFR a", "S: 350 and?", "C: RNTO b", "S: 250 ok")
        self.failure(rename, "C: RNFR a", "S: 550 none")
        self.failure(rename, "C: RNFR a", "S: 250 not what was asked")
        self.failure(rename, "C: RNFR a", "S: 350 and?", "C: RNTO b", "S: 553 no")
        self.assertIsNone(self.server.line())

    def test_nothing_comes_between_the_two_halves(self) -> None:
        rename = self.server.begin(self.server.ftp.rename("a", "b"))
        noop = self.server.begin(self.server.ftp.noop())
        self.server.talk("C: RNFR a", "S: 350 and?", "C: RNTO b", "S: 250 ok", "C: NOOP", "S: 200 ok")
        self.successResultOf(rename)
        self.successResultOf(noop)

    def test_mlst(self) -> None:
        def mlst(ftp: FTP) -> Any:
            return ftp.mlst("a")

        lines = ("C: MLST a", "S: 250-so", "S:  Type=file;Size=12;Modify=19941106084937; a", "S: 250 end")
        self.assertEqual(self.result(mlst, *lines), Entry("a", "file", 12, 784111777.0))
        here = ("C: MLST", "S: 250-so", "S:  type=cdir; /a", "S: 250 end")
        self.assertEqual(self.result(lambda ftp: ftp.mlst(), *here), Entry("/a", "dir"))
        self.assertIsInstance(self.failure(mlst, "C: MLST a", "S: 250 type=file; a"), NotSpoken)
        self.assertIsInstance(self.failure(mlst, "C: MLST a", "S: 250-so", "S:  nonsense", "S: 250 end"), NotSpoken)

    def test_hash(self) -> None:
        digest = "ab" * 32
        made = self.result(lambda ftp: ftp.hash("a"), "C: HASH a", f"S: 213 SHA-256 0-12 {digest} a")
        self.assertEqual(made, Hash("SHA-256", 0, 12, bytes.fromhex(digest)))
        script = ("C: OPTS HASH SHA-1", "S: 200 SHA-1", "C: HASH a", "S: 213 SHA-1 0-12 abcd")
        self.assertEqual(self.result(lambda ftp: ftp.hash("a", "SHA-1"), *script).digest, b"\xab\xcd")
        self.assertIsInstance(self.failure(lambda ftp: ftp.hash("a", "SHA-1"), "C: HASH a", "S: 213 abc"), NotSpoken)

    def test_no_argument_becomes_a_command(self) -> None:
        calls: list[Callable[..., Any]] = [
            lambda ftp, name: ftp.cwd(name),
            lambda ftp, name: ftp.dele(name),
            lambda ftp, name: ftp.rename(name, "b"),
            lambda ftp, name: ftp.rename("a", name),
            lambda ftp, name: ftp.size(name),
            lambda ftp, name: ftp.retrieve(name),
            lambda ftp, name: ftp.store(name, [b"x"]),
            lambda ftp, name: ftp.append(name, [b"x"]),
            lambda ftp, name: ftp.store_unique([b"x"], name),
            lambda ftp, name: ftp.folder(name),
            lambda ftp, name: ftp.nlst(name),
            lambda ftp, name: ftp.list_lines(name),
            lambda ftp, name: ftp.retrlines(name, print),
            lambda ftp, name: ftp.login(name, "x"),
            lambda ftp, name: ftp.do("SITE", name),
            lambda ftp, name: ftp.site(name),
            lambda ftp, name: ftp.hash(name),
            lambda ftp, name: ftp.mlst(name),
            lambda ftp, name: ftp.prot(name),
        ]
        for call in calls:
            for name in ("a\r\nDELE b", "a\nDELE b", "a\rb", "a\0b"):
                self.setUp()
                failure = self.failure(partial(call, name=name))
                self.assertIsInstance(failure, ValueError)
                self.assertNotIsInstance(failure, Failed)
                self.assertFalse(self.server.dropped)
                self.assertEqual(bytes(self.server.said), b"")

    def test_quit(self) -> None:
        work = self.server.begin(self.server.ftp.quit())
        self.server.talk("C: QUIT", "S: 221 bye")
        self.assertTrue(self.server.transport.disconnecting)
        self.server.transport.lose()
        self.successResultOf(work)
        self.assertIsInstance(self.failure(lambda ftp: ftp.noop()), NoAnswer)


class FolderTests(CommandCase):
    MLSD = ("C: TYPE A", "S: 200 ok", *PASSIVE, "C: MLSD pub", "S: 150 here")
    LIST = (*PASSIVE, "C: LIST pub", "S: 150 here")

    @staticmethod
    def folder(ftp: FTP) -> Any:
        return ftp.folder("pub")

    def test_by_mlsd(self) -> None:
        lines = (
            "D: type=cdir; .\\r\\ntype=pdir; ..\\r\\ntype=dir;modify=19941106084937; d\\r\\n",
            "D: type=file;size=3; a b\\r\\nType=OS.unix=slink:/etc; l\\r\\ntype=OS.unix=chr-1/2; c\\r\\n",
        )
        found = self.result(self.folder, *self.MLSD, *lines, "D. ", "S: 226 done")
        self.assertEqual(
            found,
            [
                Entry("d", "dir", None, 784111777.0),
                Entry("a b", "file", 3),
                Entry("l", "link", target="/etc"),
                Entry("c", "other"),
            ],
        )

    def test_by_list_where_mlsd_is_not_known(self) -> None:
        for code in (500, 502):
            self.setUp()
            refused = ("C: TYPE A", "S: 200 ok", *PASSIVE, "C: MLSD pub", f"S: {code} no")
            unix = ("D: total 1\\r\\n-rw-r--r-- 1 u g 3 Nov  6 1994 a b\\r\\n",)
            found = self.result(self.folder, *refused, *self.LIST, *unix, "D. ", "S: 226 done")
            self.assertEqual(found, [Entry("a b", "file", 3, 784080000.0, 86400.0)])
            dos = ("D: 11-06-94  08:49AM  <DIR>  d\\r\\n",)
            found = self.result(self.folder, *self.LIST, *dos, "D. ", "S: 226 done")
            self.assertEqual(found, [Entry("d", "dir", None, 784111740.0, 60.0)])

    def test_no_folder_is_no_reason_for_list(self) -> None:
        failure = self.failure(self.folder, "C: TYPE A", "S: 200 ok", *PASSIVE, "C: MLSD pub", "S: 501 no folder")
        self.assertIsInstance(failure, Refused)
        self.assertIsNone(self.server.line())

    def test_what_is_no_listing(self) -> None:
        failure = self.failure(self.folder, *self.MLSD, "D: hello\\r\\n", "D. ", "S: 226 done")
        self.assertIsInstance(failure, NotSpoken)

    def test_neither_is_this(self) -> None:
        """A name left out of a mirror's list would be a name deleted."""
        refused = ("C: TYPE A", "S: 200 ok", *PASSIVE, "C: MLSD pub", "S: 502 no")
        unix = ("D: -rw-r--r-- 1 u g 3 Nov  6 1994 a\\r\\nls: b: Input/output error\\r\\n",)
        failure = self.failure(self.folder, *refused, *self.LIST, *unix, "D. ", "S: 226 done")
        self.assertIsInstance(failure, NotSpoken)

    def test_a_listing_has_a_limit(self) -> None:
        self.patch(session_module, "MAX_LISTING", 20)
        failure = self.failure(self.folder, *self.MLSD, "D: type=file; abcdefgh\\r\\n")
        self.assertIsInstance(failure, TooLarge)
        self.assertTrue(self.server.dropped)

    def test_no_name_is_an_option(self) -> None:
        refused = ("C: TYPE A", "S: 200 ok", *PASSIVE, "C: MLSD -R", "S: 502 no")
        script = (*refused, *PASSIVE, "C: LIST ./-R", "S: 150 here", "D. ", "S: 226 done")
        self.assertEqual(self.result(lambda ftp: ftp.folder("-R"), *script), [])

    def test_names_and_lines(self) -> None:
        script = (
            "C: TYPE A",
            "S: 200 ok",
            *PASSIVE,
            "C: NLST",
            "S: 150 here",
            "D: a\\r\\n b\\r\\n",
            "D. ",
            "S: 226 done",
        )
        self.assertEqual(self.result(lambda ftp: ftp.nlst(), *script), ["a", " b"])
        script = (*self.LIST, "D: total 0\\r\\n", "D. ", "S: 226 done")
        self.assertEqual(self.result(lambda ftp: ftp.list_lines("pub"), *script), ["total 0"])


class FeatureTests(CommandCase):
    features = ("SIZE",)

    def test_without_the_feature_mlsd_is_not_tried(self) -> None:
        script = ("C: TYPE A", "S: 200 ok", *PASSIVE, "C: LIST", "S: 150 here", "D. ", "S: 226 done")
        self.assertEqual(self.result(lambda ftp: ftp.folder(), *script), [])
