"""The tree: CWD to AVBL, and SITE (RFC 959, RFC 3659, draft-somers-ftp-mfxx)."""

from __future__ import annotations

import os
import stat

from netdaemon.interfaces import Account, Right
from tests.protocols.ftp.kit import FTPTestCase


class FolderTests(FTPTestCase):
    async def test_walking(self) -> None:
        peer = await self.logged_in()
        await peer.dialog(
            "C: MKD sub/deep",
            'S: 257 "/sub/deep" is made.',
            "C: CWD sub/deep",
            "S: 250 ...",
            "C: PWD",
            'S: 257 "/sub/deep" is the current directory.',
            "C: CDUP",
            "S: 250 ...",
            "C: XPWD",
            'S: 257 "/sub" ...',
            "C: XCUP",
            "S: 250 ...",
            "C: CDUP",
            "S: 250 ...",
            "C: PWD",
            'S: 257 "/" ...',
            "C: CWD ../../../sub",
            "S: 250 ...",
            "C: PWD",
            'S: 257 "/sub" ...',
            "C: CWD",
            "S: 250 ...",
            "C: PWD",
            'S: 257 "/" ...',
            "C: CWD hello.txt",
            "S: 550 Not a directory.",
            "C: CWD x",
            "S: 550 No such file...",
            "C: MKD sub",
            "S: 550 File exists.",
            "C: RMD sub",
            "S: 550 ...",
            "C: XRMD sub/deep",
            "S: 250 ...",
            "C: RMD sub",
            "S: 250 ...",
            "C: RMD sub",
            "S: 550 No such file...",
            "C: RMD hello.txt",
            "S: 550 Not a dir...",
            "C: RMD /",
            "S: 550 Can't remove root directory.",
            "C: DELE /",
            "S: 550 Is a directory.",
        )

    async def test_quotes_are_doubled(self) -> None:
        peer = await self.logged_in()
        await peer.dialog('C: MKD a"b', 'S: 257 "/a""b" is made.', 'C: CWD a"b', 'S: 250 "/a""b" ...')

    async def test_names_that_are_no_utf8(self) -> None:
        name = b"caf\xe9 \xff"
        peer = await self.logged_in()
        peer.send(b"MKD " + name + b"\r\n")
        self.assertEqual(await peer.line(), b'257 "/%b" is made.' % name)
        self.assertIn(name, [os.fsencode(one.name) for one in self.root.iterdir()])
        self.assertIn(b" " + name + b"\r\n", await self.fetch(peer, "MLSD"))
        self.assertIn(name + b"\r\n", await self.fetch(peer, "NLST"))
        peer.send(b"RMD " + name + b"\r\n")
        await peer.dialog("S: 250 ...")

    async def test_spaces_around_a_name_are_its_own(self) -> None:
        peer = await self.logged_in()
        await peer.dialog("C: MKD  a ", 'S: 257 "/ a " is made.', "C: RMD  a ", "S: 250 ...")

    async def test_renaming(self) -> None:
        peer = await self.logged_in()
        await peer.dialog(
            "C: RNTO x",
            "S: 503 Bad sequence of commands: use RNFR first.",
            "C: RNFR x",
            "S: 550 No such ...",
            "C: RNTO y",
            "S: 503 ...",
            "C: RNFR hello.txt",
            "S: 350 ...",
            "C: RNTO sub/bye.txt",
            "S: 250 ...",
            "C: RNFR sub/bye.txt",
            "S: 350 ...",
            "C: NOOP",
            "S: 200 ...",
            "C: RNTO x",
            "S: 503 ...",
            "C: RNFR sub/bye.txt",
            "S: 350 ...",
            "C: RNTO sub",
            "S: 550 File exists.",
            "C: RNFR sub",
            "S: 350 ...",
            "C: RNTO sub/under",
            "S: 550 ...",
            "C: RNFR /",
            "S: 550 Can't rename home directory.",
        )
        self.assertEqual((self.root / "sub" / "bye.txt").read_bytes(), b"hello\n")

    async def test_removing(self) -> None:
        peer = await self.logged_in()
        await peer.dialog(
            "C: DELE sub", "S: 550 Is a ...", "C: DELE hello.txt", "S: 250 ...", "C: DELE hello.txt", "S: 550 ..."
        )


class FactTests(FTPTestCase):
    def setUp(self) -> None:
        super().setUp()
        os.utime(self.root / "hello.txt", (784111777, 784111777))
        os.utime(self.root / "sub", (784111777, 784111777))
        (self.root / "hello.txt").chmod(0o640)

    async def test_size_and_time(self) -> None:
        peer = await self.logged_in()
        await peer.dialog(
            "C: SIZE hello.txt",
            "S: 213 6",
            "C: MDTM hello.txt",
            "S: 213 19941106084937",
            "C: SIZE sub",
            "S: 550 ...",
            "C: MDTM sub",
            "S: 550 ...",
            "C: SIZE x",
            "S: 550 ...",
            "C: MDTM x",
            "S: 550 ...",
            "C: TYPE A",
            "S: 200 ...",
            "C: SIZE hello.txt",
            "S: 550 SIZE not allowed in ASCII mode.",
        )

    async def test_facts_of_one_thing(self) -> None:
        peer = await self.logged_in()
        found = (self.root / "hello.txt").stat()
        await peer.dialog(
            "C: MLST hello.txt",
            "S: 250-Listing:",
            "S:  type=file;perm=adfrw;size=6;modify=19941106084937;"
            f"unique={found.st_dev:x}g{found.st_ino:x}; /hello.txt",
            "S: 250 End.",
            "C: OPTS MLST type;unix.mode;",
            "S: 200 ...",
            "C: MLST hello.txt",
            "S: 250-...",
            "S:  type=file;unix.mode=0640; /hello.txt",
            "S: 250 ...",
            "C: OPTS MLST",
            "S: 200 MLST OPTS ",
            "C: CWD sub",
            "S: 250 ...",
            "C: MLST",
            "S: 250-...",
            "S:   /sub",
            "S: 250 ...",
            "C: MLST x",
            "S: 550 ...",
        )

    async def test_setting_the_time(self) -> None:
        peer = await self.logged_in()
        await peer.dialog(
            "C: MFMT 20010203040506 hello.txt",
            "S: 213 Modify=20010203040506; hello.txt",
            "C: MDTM hello.txt",
            "S: 213 20010203040506",
            "C: MFMT 2001 hello.txt",
            "S: 501 Invalid time format...",
            "C: MFMT hello.txt",
            "S: 501 Syntax error...",
            "C: MFMT 20010203040506 x",
            "S: 550 ...",
            "C: SITE UTIME 20020203040506 hello.txt",
            "S: 200 ...",
            "C: MDTM hello.txt",
            "S: 213 20020203040506",
            "C: SITE UTIME 200302030405 hello.txt",
            "S: 200 ...",
            "C: MDTM hello.txt",
            "S: 213 20030203040500",
            "C: SITE UTIME hello.txt 20040101000000 20040203040506 20040101000000 UTC",
            "S: 200 ...",
            "C: MDTM hello.txt",
            "S: 213 20040203040506",
            "C: SITE UTIME x",
            "S: 501 ...",
        )

    async def test_setting_facts(self) -> None:
        peer = await self.logged_in()
        await peer.dialog(
            "C: MFF modify=20010203040506;UNIX.mode=0604; hello.txt",
            "S: 213 Modify=20010203040506;UNIX.mode=0604; hello.txt",
            "C: MFF UNIX.owner=root; hello.txt",
            "S: 504 ...",
            "C: MFF hello.txt",
            "S: 501 ...",
            "C: MFF UNIX.mode=4755; hello.txt",
            "S: 501 ...",
        )
        self.assertEqual(stat.S_IMODE((self.root / "hello.txt").stat().st_mode), 0o604)

    async def test_permissions(self) -> None:
        peer = await self.logged_in()
        await peer.dialog(
            "C: SITE CHMOD 600 hello.txt",
            "S: 200 ...",
            "C: SITE CHMOD 600",
            "S: 501 Syntax error: SITE CHMOD needs two arguments.",
            "C: SITE CHMOD 4755 hello.txt",
            "S: 501 Invalid SITE CHMOD format.",
            "C: SITE CHMOD u+s hello.txt",
            "S: 501 ...",
            "C: SITE CHMOD 600 x",
            "S: 550 ...",
        )
        self.assertEqual(stat.S_IMODE((self.root / "hello.txt").stat().st_mode), 0o600)

    async def test_space(self) -> None:
        peer = await self.logged_in()
        await peer.dialog(
            "C: AVBL", "S: 213 ...", "C: AVBL hello.txt", "S: 550 Not a directory.", "C: AVBL x", "S: 550 ..."
        )


class RightsTests(FTPTestCase):
    account = Account("mulder", rights=(Right("/", "r"), Right("/home", "rw"), Right("/secret", "-")), home="/home")

    def setUp(self) -> None:
        super().setUp()
        (self.root / "home").mkdir()
        (self.root / "secret").mkdir()
        (self.root / "secret" / "file").write_bytes(b"x")

    async def test_a_session_begins_at_home(self) -> None:
        peer = await self.logged_in()
        await peer.dialog(
            "C: PWD",
            'S: 257 "/home" ...',
            "C: MKD a",
            "S: 257 ...",
            "C: MKD /b",
            "S: 550 Not enough privileges.",
            "C: RNFR a",
            "S: 350 ...",
            "C: RNTO /a",
            "S: 550 Not enough ...",
            "C: DELE /hello.txt",
            "S: 550 Not enough ...",
            "C: SITE CHMOD 777 /hello.txt",
            "S: 550 Not enough ...",
            "C: MFMT 20010203040506 /hello.txt",
            "S: 550 ...",
            "C: CWD /secret",
            "S: 550 No such file or directory.",
            "C: SIZE /secret/file",
            "S: 550 No such ...",
        )
        self.assertNotIn(b"secret", await self.fetch(peer, "NLST /"))
        lines = (await self.fetch(peer, "MLSD /")).decode()
        self.assertRegex(lines, "perm=cdeflmp;[^ ]* home\r\n")
        self.assertRegex(lines, "perm=el;[^ ]* sub\r\n")
        self.assertRegex(lines, "perm=r;[^ ]* hello.txt\r\n")

    async def test_home_only(self) -> None:
        (self.root / "home" / "mine").write_bytes(b"mine")
        peer = await self.logged_in(home_only=True)
        await peer.dialog("C: PWD", 'S: 257 "/" ...', "C: CWD ..", "S: 250 ...", "C: SIZE /hello.txt", "S: 550 ...")
        self.assertEqual(await self.fetch(peer, "NLST"), b"mine\r\n")
        self.assertEqual(await self.fetch(peer, "RETR ../../mine"), b"mine")

    async def test_home_that_is_not_there_yet(self) -> None:
        (self.root / "home").rmdir()
        peer = await self.logged_in()
        await peer.dialog("C: PWD", 'S: 257 "/" ...')


class QuotaTests(FTPTestCase):
    account = Account("mulder", quota=1000, home="/sub")

    async def test_it_holds(self) -> None:
        peer = await self.logged_in()
        await peer.dialog("C: AVBL", "S: 213 1000")
        await self.store(peer, "STOR a", b"x" * 600)
        await self.store(peer, "STOR b", b"x" * 600, "S: 552 The disk or your quota is full.")
        await peer.dialog("C: SIZE b", "S: 550 ...", "C: AVBL", "S: 213 400")
        await peer.dialog("C: PASV", "S: 227 ...", "C: STOR /a", "S: 550 Not enough privileges.")
