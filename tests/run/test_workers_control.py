"""The channel between the parent and its workers: messages whole, in pieces, too long, and nonsense."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase

from netdaemon.run import control as control_module
from netdaemon.run.control import Control, Message

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


class Transport(StringTransport):
    aborted = False

    def abortConnection(self) -> None:
        self.aborted = True
        self.loseConnection()


class ControlTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.heard: list[Message] = []
        self.lost: list[bool] = []
        self.control, self.transport = self.made()

    def made(self) -> tuple[Control, Transport]:
        def strict(message: Message) -> None:
            self.heard.append({"number": int(message["number"])})

        made = Control({"any": self.heard.append, "strict": strict}, lambda: self.lost.append(True))
        transport = Transport()
        made.makeConnection(transport)
        return made, transport

    def said(self, **message: Any) -> bytes:
        """What the channel sends for a message."""
        control, transport = self.made()
        control.tell("any", **message)
        return transport.value()

    def wrong(self, data: bytes) -> None:
        control, transport = self.made()
        control.dataReceived(data)
        self.assertTrue(transport.aborted, data)

    @given(messages=st.lists(st.dictionaries(st.text(), values, max_size=3), max_size=4), size=st.integers(1, 9))
    @settings(deadline=None, max_examples=30)
    def test_in_pieces(self, messages: list[dict[str, Any]], size: int) -> None:
        self.heard.clear()
        data = b"".join(self.said(more=message) for message in messages)
        control, transport = self.made()
        for start in range(0, len(data), size):
            control.dataReceived(data[start : start + size])
        self.assertEqual([message["more"] for message in self.heard], messages)
        self.assertFalse(transport.aborted)

    def test_what_comes_behind_is_kept(self) -> None:
        self.control.dataReceived(self.said(number=1) + self.said(number=2)[:-3])
        self.assertEqual([message["number"] for message in self.heard], [1])

    def test_a_word_of_its_own(self) -> None:
        self.control.dataReceived(b'{"word": "strict", "number": 7}\n')
        self.assertEqual(self.heard, [{"number": 7}])

    def test_nonsense(self) -> None:
        for line in (
            b"\n",
            b"boo\n",
            b"[1]\n",
            b"null\n",
            b"{}\n",
            b'{"word": "unheard-of"}\n',
            b'{"word": ["any"]}\n',
            b'{"word": "strict"}\n',
            b'{"word": "strict", "number": "x"}\n',
            b'{"word": "strict", "number": null}\n',
            b"\xff\n",
            b"[" * 100_000 + b"\n",
        ):
            self.wrong(line)
        self.assertEqual(self.heard, [])

    def test_nothing_is_heard_behind_nonsense(self) -> None:
        self.wrong(b"boo\n" + self.said(number=1))
        self.assertEqual(self.heard, [])

    def test_the_longest(self) -> None:
        self.patch(control_module, "LARGEST", 100)
        room = 100 - len(self.said(more="").rstrip(b"\n"))
        self.control.dataReceived(self.said(more="x" * room))
        self.assertEqual(len(self.heard), 1)
        self.wrong(self.said(more="x" * (room + 1)))
        self.assertEqual(len(self.heard), 1)

    def test_too_long_without_an_end(self) -> None:
        self.patch(control_module, "LARGEST", 100)
        for _ in range(100):
            self.control.dataReceived(b"x")
        self.assertFalse(self.transport.aborted)
        self.control.dataReceived(b"x")
        self.assertTrue(self.transport.aborted)

    def test_an_ini_of_the_largest_size_fits(self) -> None:
        from netdaemon.config.read import LARGEST

        worst = json.dumps({"text": "\udcff" * LARGEST})
        self.assertLess(len(worst) + 64 * 1024, control_module.LARGEST)

    def test_gone(self) -> None:
        self.control.connectionLost()
        self.assertEqual(self.lost, [True])
        self.transport.clear()
        self.control.tell("any")
        self.control.end()
        self.assertEqual((self.transport.value(), self.transport.disconnecting), (b"", False))

    def test_end(self) -> None:
        self.control.tell("any", last=True)
        self.control.end()
        self.assertTrue(self.transport.disconnecting)
        self.assertIn(b"last", self.transport.value())
