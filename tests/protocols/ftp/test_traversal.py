"""Paths that would lead out of the tree, or into what is hidden."""

from __future__ import annotations

from netdaemon.config.settings import DocumentsSettings
from netdaemon.documents.tree import Tree
from netdaemon.interfaces import Account
from tests.protocols.ftp.kit import FTPTestCase

OUT = (
    "../secret",
    "../../secret",
    "/../secret",
    "sub/../../secret",
    "//../secret",
    "..//secret",
    "./../secret",
    "sub/./.././../secret",
    "/sub/../../../secret",
    "%2e%2e/secret",
    "..%2fsecret",
    "..\\secret",
    "\\..\\secret",
    "link/secret",
    "outside",
    "sub/up/secret",
)

READING = ("RETR", "SIZE", "MDTM", "CWD", "MLST", "HASH", "LIST", "MLSD", "STAT", "XSHA256")
CHANGING = ("DELE", "RMD", "RNFR", "MFMT 20010101000000", "SITE CHMOD 777", "SITE UTIME 200101010000")


class TraversalTests(FTPTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.secret = self.root.parent / "secret"
        self.secret.write_bytes(b"SECRET")
        (self.root / "link").symlink_to("..")
        (self.root / "outside").symlink_to("../secret")
        (self.root / "sub" / "up").symlink_to("../..")
        (self.root / ".netrc").write_bytes(b"SECRET")

    async def test_nothing_outside_is_read_or_changed(self) -> None:
        peer = await self.logged_in()
        for path in (*OUT, ".netrc", "sub/../.netrc"):
            await self.passive(peer)
            for command in (*READING, *CHANGING):
                await peer.dialog(f"C: {command} {path}", "S: 55...")

    async def test_nothing_outside_is_made(self) -> None:
        """Above the top is the top: what is made is made within the tree, or not at all."""
        peer = await self.logged_in()
        for path in OUT:
            (self.root / "victim").write_bytes(b"victim")
            for command in ("STOR", "APPE", "MKD", "RNFR victim\r\nRNTO"):
                await self.passive(peer)
                peer.send(f"{command} {path}\r\nABOR\r\n".encode())
                while not (await peer.line()).startswith((b"225", b"226")):
                    pass
        self.assertEqual(self.secret.read_bytes(), b"SECRET")
        self.assertEqual({entry.name for entry in self.root.parent.iterdir()} - {"secret", self.root.name}, set())

    async def test_above_the_top_is_the_top(self) -> None:
        peer = await self.logged_in()
        await peer.dialog("C: CWD ../../..", "S: 250 ...", "C: PWD", 'S: 257 "/" ...', "C: CDUP", "S: 250 ...")
        self.assertNotIn(b"secret", await self.fetch(peer, "NLST .."))

    async def test_links_that_lead_out_are_not_shown(self) -> None:
        peer = await self.logged_in()
        self.assertEqual((await self.fetch(peer, "NLST")).split(), [b"hello.txt", b"sub"])


class HomeTests(FTPTestCase):
    account = Account("mulder", home="/sub")

    async def test_a_home_is_a_tree_of_its_own(self) -> None:
        (self.root / "sub" / "mine").write_bytes(b"mine")
        peer = await self.logged_in(home_only=True)
        await self.passive(peer)
        for path in ("../hello.txt", "/../hello.txt", "/sub/mine"):
            await peer.dialog(f"C: RETR {path}", "S: 550 ...", f"C: SIZE {path}", "S: 550 ...")
        await peer.dialog("C: RNFR mine", "S: 350 ...", "C: RNTO ../stolen", "S: 250 ...")
        self.assertTrue((self.root / "sub" / "stolen").exists())


class SealedTests(FTPTestCase):
    """Beneath a CGI prefix nobody writes: the tree sees to it, whatever the command."""

    def setUp(self) -> None:
        super().setUp()
        (self.root / "cgi").mkdir()
        (self.root / "cgi" / "script").write_bytes(b"#!")
        self.tree.close()
        self.tree = Tree(DocumentsSettings(root=self.root), None, ["/cgi"])
        self.addCleanup(self.tree.close)
        self.logins._tree = self.tree

    async def test_no_command_writes_there(self) -> None:
        peer = await self.logged_in()
        await self.passive(peer)
        for command in (
            "STOR cgi/evil",
            "STOR cgi/script",
            "APPE cgi/script",
            "STOU cgi/evil",
            "DELE cgi/script",
            "MKD cgi/x",
            "RMD cgi",
            "SITE CHMOD 777 cgi/script",
            "MFMT 20010101000000 cgi/script",
            "MFF UNIX.mode=0777; cgi/script",
        ):
            await peer.dialog(f"C: {command}", "S: 550 Not enough privileges.")
        await peer.dialog("C: RNFR hello.txt", "S: 350 ...", "C: RNTO cgi/hello", "S: 550 ...")
        await peer.dialog("C: RNFR cgi", "S: 350 ...", "C: RNTO elsewhere", "S: 550 ...")
        await peer.dialog("C: RNFR cgi/script", "S: 350 ...", "C: RNTO script", "S: 550 ...")
        self.assertEqual((self.root / "cgi" / "script").read_bytes(), b"#!")
