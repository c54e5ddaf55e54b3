"""Programs' error messages in the log: cut into lines, and bounded."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.logger import globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from netdaemon.wire.complaints import A_MINUTE, LONGEST, MOST, Allowance, Complaints
from netdaemon.wire.escape import escape


class ComplaintsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.events: list[dict[str, object]] = []
        globalLogPublisher.addObserver(self.events.append)
        self.addCleanup(globalLogPublisher.removeObserver, self.events.append)
        self.clock = Clock()
        self.allowance = Allowance(self.clock)
        self.complaints = Complaints(b"/cgi/a\nb", self.allowance)

    def said(self) -> list[object]:
        said = [event["line"] for event in self.events if "line" in event]
        self.events.clear()
        return said

    def test_lines(self) -> None:
        for piece in (b"on", b"e\r\ntwo\nthr", b"ee"):
            self.complaints.add(piece)
        self.assertEqual({event["program"] for event in self.events}, {"/cgi/a\nb"})
        self.assertEqual(self.said(), ["one", "two"])
        self.complaints.end()
        self.complaints.end()
        self.assertEqual(self.said(), ["three"])

    def test_nothing_controls_the_log(self) -> None:
        self.complaints.add(b"\x1b[2J\rfaked\x00\xff\n")
        # As text: the log escapes what it is given.
        (said,) = self.said()
        self.assertEqual(escape(str(said)), "\\x1b[2J\\x0dfaked\\x00\\\\xff")

    def test_long_lines(self) -> None:
        self.complaints.add(b"a" * (2 * LONGEST + 1))
        self.complaints.end()
        self.assertEqual(self.said(), ["a" * LONGEST, "a" * LONGEST, "a"])
        self.complaints.add(b"b" * (LONGEST + 1) + b"\n")
        self.assertEqual(self.said(), ["b" * LONGEST, "b"])

    def test_one_program(self) -> None:
        for _ in range(10):
            self.complaints.add(b"x" * 999 + b"\n" + b"y" * 8999 + b"\n")
        *said, last = self.said()
        self.assertEqual(last, "(more than is logged of one program)")
        self.assertLess(sum(len(str(line)) for line in said), MOST)
        self.assertGreater(sum(len(str(line)) for line in said), MOST - 100)
        self.complaints.add(b"more\n")
        self.complaints.end()
        self.assertEqual(self.said(), [])

    def test_all_programs_of_a_minute(self) -> None:
        for _ in range(A_MINUTE // LONGEST + 10):
            one = Complaints(b"/cgi/one", self.allowance)
            one.add(b"x" * LONGEST)
            one.end()
        self.assertEqual(len([event for event in self.events if "line" not in event]), 1)
        self.assertEqual(len(self.said()), A_MINUTE // LONGEST)
        self.clock.advance(60)
        self.complaints.add(b"again\n")
        self.assertEqual(self.said(), ["again"])
