"""Text on its way: what is text, its lines, and its line ends."""

from __future__ import annotations

import io

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from netdaemon.protocols.ftp.client.text import Lines, is_text
from netdaemon.wire.failures import TooLarge
from tests.protocols.ftp.scripted import Server

PASSIVE = ("C: EPSV", "S: 229 go (|||2000|)")


class ExtensionTests(SynchronousTestCase):
    def test_by_extension(self) -> None:
        for name in ("a.txt", "A.TXT", "dir.bin/a.html", "a.tar.py"):
            self.assertTrue(is_text(name), name)
        for name in ("a.bin", "a", ".txt", "a.txt/b", "a.", "txt", "a.txt.gz", ""):
            self.assertFalse(is_text(name), name)

    def test_upload_and_download_heed_it(self) -> None:
        for name, kind, sent in (("a.txt", "A", b"x\r\ny\r\n"), ("a.bin", "I", b"x\ny\n")):
            server = Server()
            server.log_in()
            work = server.begin(server.ftp.upload(io.BytesIO(b"x\ny\n"), name))
            server.talk(f"C: TYPE {kind}", "S: 200 ok", *PASSIVE, f"C: STOR {name}", "S: 150 go on")
            self.assertEqual(server.data.taken(), sent)
            server.talk("S: 226 kept")
            self.successResultOf(work)
            file = io.BytesIO()
            work = server.begin(server.ftp.download(name, file))
            server.talk(*PASSIVE, f"C: RETR {name}", "S: 150 here", "D: x\\r", "D: \\ny\\r\\n\\r", "D. ", "S: 226 done")
            self.successResultOf(work)
            self.assertEqual(file.getvalue(), b"x\ny\n\r" if kind == "A" else b"x\r\ny\r\n\r")

    def test_unless_somebody_says_otherwise(self) -> None:
        server = Server()
        server.log_in()
        work = server.begin(server.ftp.upload(io.BytesIO(b"x\n"), "a.txt", text=False))
        server.talk("C: TYPE I", "S: 200 ok", *PASSIVE, "C: STOR a.txt", "S: 150 go on", "S: 226 kept")
        self.successResultOf(work)


class LineTests(SynchronousTestCase):
    @given(st.lists(st.binary(max_size=12).filter(lambda line: b"\n" not in line)), st.integers(1, 5))
    def test_any_lines_in_any_pieces(self, wanted: list[bytes], piece: int) -> None:
        lines = Lines()
        octets = b"".join(line + b"\r\n" for line in wanted)
        found: list[bytes] = []
        for start in range(0, len(octets), piece):
            found += lines.feed(octets[start : start + piece])
        self.assertEqual([*found, *lines.finish()], wanted)

    def test_the_limit(self) -> None:
        for pieces in ([b"12345"], [b"123", b"45"], [b"12345\r\n"], [b"123", b"45\n"]):
            lines = Lines(4)
            self.assertRaises(TooLarge, lambda lines=lines, pieces=pieces: [list(lines.feed(one)) for one in pieces])
        lines = Lines(4)
        self.assertEqual([*lines.feed(b"1234\n12"), *lines.feed(b"34"), *lines.finish()], [b"1234", b"1234"])
