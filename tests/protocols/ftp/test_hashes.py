"""HASH and its older kin."""

from __future__ import annotations

import hashlib
import zlib

from tests.protocols.ftp.kit import FTPTestCase

HELLO = b"hello\n"


class HashTests(FTPTestCase):
    async def test_algorithms(self) -> None:
        peer = await self.logged_in()
        for name, digest in (
            ("SHA-256", hashlib.sha256(HELLO).hexdigest()),
            ("SHA-512", hashlib.sha512(HELLO).hexdigest()),
            ("SHA-1", hashlib.sha1(HELLO).hexdigest()),
            ("MD5", hashlib.md5(HELLO).hexdigest()),
            ("CRC32", f"{zlib.crc32(HELLO):08x}"),
        ):
            await peer.dialog(f"C: OPTS HASH {name}", f"S: 200 {name}")
            await peer.dialog("C: HASH hello.txt", f"S: 213 {name} 0-5 {digest} hello.txt")
        await peer.dialog("C: OPTS HASH", "S: 200 CRC32", "C: OPTS HASH MD4", "S: 504 ...")

    async def test_a_range(self) -> None:
        peer = await self.logged_in()
        await peer.dialog(
            "C: RANG 1 3",
            "S: 350 ...",
            "C: HASH hello.txt",
            f"S: 213 SHA-256 1-3 {hashlib.sha256(b'ell').hexdigest()} hello.txt",
            "C: HASH hello.txt",
            f"S: 213 SHA-256 0-5 {hashlib.sha256(HELLO).hexdigest()} hello.txt",
            "C: RANG 1 300",
            "S: 350 ...",
            "C: HASH hello.txt",
            "S: 501 The range ends behind the file.",
            "C: REST 7",
            "S: 350 ...",
            "C: HASH hello.txt",
            "S: 501 ...",
            "C: HASH sub",
            "S: 550 Is a ...",
            "C: HASH x",
            "S: 550 No such ...",
        )

    async def test_by_name(self) -> None:
        peer = await self.logged_in()
        for command, answer in (
            ("XSHA256 hello.txt", hashlib.sha256(HELLO).hexdigest()),
            ("XSHA512 hello.txt", hashlib.sha512(HELLO).hexdigest()),
            ("XSHA hello.txt", hashlib.sha1(HELLO).hexdigest()),
            ("XSHA1 hello.txt", hashlib.sha1(HELLO).hexdigest()),
            ("XMD5 hello.txt", hashlib.md5(HELLO).hexdigest()),
            ("XCRC hello.txt", f"{zlib.crc32(HELLO):08X}"),
            ('XCRC "hello.txt" 1', f"{zlib.crc32(HELLO[1:]):08X}"),
            ('XSHA256 "hello.txt" 1 4', hashlib.sha256(HELLO[1:4]).hexdigest()),
        ):
            await peer.dialog(f"C: {command}", f"S: 250 {answer}")
        for command in (
            'XCRC "hello.txt" 1 7',
            'XCRC "hello.txt" 3 1',
            'XCRC "hello.txt',
            'XCRC "hello.txt" x',
            'XMD5 "hello.txt" 1 2 3',
        ):
            await peer.dialog(f"C: {command}", "S: 501 ...")
