"""Item types: by names, by contents."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from netdaemon.protocols.gopher.grammar.types import by_beginning, by_name, media_of


class TypeTests(SynchronousTestCase):
    def test_names(self) -> None:
        for names, kind in (
            (b"a.txt A.TXT a.md a.c a.py a.json a.xml a.csv a.log README readme Makefile mail.eml", b"0"),
            (b"a.hqx", b"4"),
            (b"a.zip a.tar.gz a.tgz a.7z a.rar a.lzh a.bz2", b"5"),
            (b"a.uue a.UU", b"6"),
            (b"a.iso a.deb a.wasm a.sqlite", b"9"),
            (b"a.gif", b"g"),
            (b"a.png", b"p"),
            (b"a.jpg a.jpeg a.webp a.svg a.ico", b"I"),
            (b"a.html a.htm a.xhtml", b"h"),
            (b"a.mp3 a.ogg a.flac a.wav a.au", b"s"),
            (b"a.pdf a.ps a.docx a.odt a.epub a.rtf a.djvu", b"d"),
            (b"a.mp4 a.avi a.webm a.mkv", b";"),
        ):
            for name in names.split():
                self.assertEqual(by_name(name), kind, name)
        for name in (b"spam", b"a.unheard-of", b".txt", b"a."):
            self.assertIsNone(by_name(name), name)
        self.assertEqual(by_name(b"a.Spam", {b"spam": b"s"}), b"s")

    def test_contents(self) -> None:
        for beginning, kind in (
            (b"", b"0"), (b"text\r\n", b"0"), ("\u00e4\u4e2d".encode(), b"0"), (b"caf\xe9\x1b[1m", b"0"),
            (b"GIF89a...", b"g"), (b"\x89PNG\r\n\x1a\n", b"p"), (b"\xff\xd8\xff\xe0", b"I"), (b"%PDF-1.7", b"d"),
            (b"PK\x03\x04", b"5"), (b"\x1f\x8b\x08", b"5"), (bytes(257) + b"ustar", b"5"), (b"ID3\x04", b"s"),
            (b"RIFF1234WAVEfmt ", b"s"), (b"RIFF1234AVI LIST", b";"), (b"\0\0\0\x20ftypisom", b";"),
            (b"begin 644 cat.gif\n", b"6"), (b"(This file must be converted with BinHex 4.0)", b"4"),
            (b"<!DOCTYPE html>", b"h"), (b"\n <HTML lang=en>", b"h"), (b"<htmlish>", b"0"), (b"begin the day\n", b"0"),
            (b"\x7fELF", b"9"), (b"a\0b", b"9"), (b"\x01", b"9"),
        ):  # fmt: skip
            self.assertEqual(by_beginning(beginning), kind, beginning)

    @settings(deadline=None)
    @given(st.binary(max_size=300))
    def test_whatever_is_there(self, beginning: bytes) -> None:
        self.assertIn(by_beginning(beginning), b"04569gIhsdp;")

    def test_views(self) -> None:
        for name, kind, media in (
            (b"a.txt", b"0", b"text/plain"), (b"a.png", b"p", b"image/png"), (b"spam", b"0", b"text/plain"),
            (b"spam", b"9", b"application/octet-stream"), (b"", b"1", b"application/gopher-menu"),
        ):  # fmt: skip
            self.assertEqual(media_of(name, kind), media)
