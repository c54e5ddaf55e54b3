"""`[netdaemon] workers`: a number, or auto."""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from netdaemon.config.values import auto, integer

HERE = Path("/")


class AutoTests(SynchronousTestCase):
    value = auto(integer(1, 512))

    def test_there_and_back(self) -> None:
        for text, value in (("auto", None), ("1", 1), ("512", 512)):
            self.assertEqual(self.value.parse(text, HERE), value)
            self.assertEqual(self.value.show(value), text)

    def test_neither(self) -> None:
        for text in ("", "0", "513", "Auto", "auto 1", "-1"):
            with self.assertRaises(ValueError, msg=text):
                self.value.parse(text, HERE)

    def test_said_in_the_reference(self) -> None:
        self.assertEqual(self.value.name, "number or auto")
        self.assertEqual(self.value.syntax, "A whole number from 1 to 512, or auto.")
