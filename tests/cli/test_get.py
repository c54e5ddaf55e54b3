"""What `netdaemon get` makes of its arguments, and the file on its way."""

from __future__ import annotations

import json
import os
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from netdaemon.cli.get import Unusable, destinations, name_of
from netdaemon.wire.partfile import Begun, PartFile

URL = "http://a.example/file"


class DestinationTests(SynchronousTestCase):
    def test_standard_output(self) -> None:
        self.assertEqual(destinations(["http://a/", "http://b/"], None), [None, None])
        self.assertEqual(destinations(["http://a/"], "-"), [None])

    def test_a_file(self) -> None:
        self.assertEqual(destinations(["http://a/b"], "some/where"), [Path("some/where")])

    def test_a_folder(self) -> None:
        folder = self.mktemp()
        Path(folder).mkdir(parents=True)
        self.assertEqual(
            destinations(["http://a/b", "http://a/c/", "http://a/d%20e"], folder),
            [Path(folder, "b"), Path(folder, "index.html"), Path(folder, "d e")],
        )

    def test_what_cannot_be(self) -> None:
        folder = self.mktemp()
        Path(folder).mkdir(parents=True)
        for urls, output in [
            (["http://a/b", "http://a/c"], "nowhere"),
            (["http://a/b"], "nowhere/"),
            (["http://a/b", "http://c/b"], folder),
        ]:
            self.assertRaises(Unusable, destinations, urls, output)

    def test_names_never_lead_elsewhere(self) -> None:
        for url, name in [
            ("http://a", "index.html"),
            ("http://a/b?c=/d", "b"),
            ("http://a/..", "index.html"),
            ("http://a/%2e%2e", "index.html"),
            ("http://a/..%2f..%2fetc%2fpasswd", ".._.._etc_passwd"),
            ("http://a/x%00y%0a", "x_y_"),
            ("http://a/%ff", "\udcff"),
            ("http://a/b;type=a", "b;type=a"),
            ("ftp://a/b;type=A", "b"),
        ]:
            self.assertEqual(name_of(url), name, url)


class PartFileTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = Path(self.mktemp())
        self.folder.mkdir(parents=True)
        self.path = self.folder / "file"
        self.part = self.folder / "file.part"

    def names(self) -> list[str]:
        return sorted(path.name for path in self.folder.iterdir())

    def break_off(self, *, validator: str | None = '"v"', total: int | None = 10) -> None:
        file = PartFile(self.path)
        file.open(URL, validator, total)
        file.write(b"hello")
        file.leave()

    def test_whole_under_its_name_and_nothing_before(self) -> None:
        file = PartFile(self.path)
        file.open(URL, '"v"', 5)
        file.write(b"hello")
        self.assertEqual(self.names(), ["file.part", "file.part.json"])
        file.finish()
        self.assertEqual((self.names(), self.path.read_bytes()), (["file"], b"hello"))

    def test_the_old_file_stands_until_the_new_one_is_whole(self) -> None:
        self.path.write_bytes(b"old")
        self.break_off()
        self.assertEqual(self.path.read_bytes(), b"old")

    def test_broken_off_and_gone_on_with(self) -> None:
        self.break_off()
        file = PartFile(self.path)
        self.assertEqual(file.begun(URL), Begun(5, '"v"', 10))
        file.go_on()
        file.write(b"world")
        file.finish()
        self.assertEqual((self.names(), self.path.read_bytes()), (["file"], b"helloworld"))

    def test_what_nobody_can_go_on_with(self) -> None:
        self.assertIsNone(PartFile(self.path).begun(URL))
        self.break_off(validator=None)
        self.assertIsNone(PartFile(self.path).begun(URL))
        self.assertEqual(self.part.read_bytes(), b"hello")
        self.break_off()
        self.assertIsNone(PartFile(self.path).begun("http://a.example/another"))
        self.part.unlink()
        self.assertIsNone(PartFile(self.path).begun(URL))

    def test_notes_that_are_none(self) -> None:
        self.break_off()
        note = self.folder / "file.part.json"
        good = json.loads(note.read_text())
        for wrong in (
            "", "{", "[]", "1", '"x"', "\udcff",
            *(json.dumps({**good, key: value}) for key, value in [
                ("validator", 1), ("validator", "a\r\nEvil: 1"), ("validator", "\u20ac"), ("total", "10"), ("url", None)
            ]),
            *(json.dumps({key: good[key] for key in good if key != gone}) for gone in good),
        ):  # fmt: skip
            note.write_text(wrong, "utf-8", "surrogateescape")
            self.assertIsNone(PartFile(self.path).begun(URL), wrong)

    def test_an_empty_part_is_none(self) -> None:
        file = PartFile(self.path)
        file.open(URL, '"v"', 10)
        self.assertEqual(file.leave(), 0)
        self.assertEqual(self.names(), [])

    def test_one_that_was_never_opened_leaves_all_as_it_was(self) -> None:
        self.break_off()
        PartFile(self.path).leave()
        self.assertEqual(PartFile(self.path).begun(URL), Begun(5, '"v"', 10))

    def test_a_link_in_the_way_is_not_followed(self) -> None:
        victim = self.folder / "victim"
        victim.write_bytes(b"precious")
        self.part.symlink_to(victim)
        self.assertRaises(OSError, PartFile(self.path).open, URL, '"v"', 10)
        self.assertEqual(victim.read_bytes(), b"precious")
        self.part.unlink()
        (self.folder / "file.part.json").symlink_to(victim)
        file = PartFile(self.path)
        file.open(URL, '"v"', 10)  # an old note is removed, whatever it is
        self.assertEqual(victim.read_bytes(), b"precious")
        file.leave()

    def test_a_pipe_is_written_to(self) -> None:
        os.mkfifo(self.path)
        reading = os.open(self.path, os.O_RDONLY | os.O_NONBLOCK)
        self.addCleanup(os.close, reading)
        file = PartFile(self.path)
        file.open(URL, '"v"', 5)
        file.write(b"hello")
        file.finish()
        self.assertEqual(os.read(reading, 10), b"hello")
        self.assertEqual(self.names(), ["file"])
