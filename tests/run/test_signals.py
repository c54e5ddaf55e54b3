"""Signals: the first stops, the second hurries, SIGHUP reads again, and ten are one. No signal is really sent."""

from __future__ import annotations

import signal
from collections.abc import Callable
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from netdaemon.run.signals import Signals


class StandInReactor:
    _exitSignal: int | None = None

    def __init__(self) -> None:
        self.calls: list[tuple[Callable[..., object], tuple[Any, ...]]] = []
        self.triggers: list[tuple[str, str, Callable[[], object]]] = []

    def callFromThread(self, call: Callable[..., object], *arguments: Any) -> None:
        self.calls.append((call, arguments))

    def addSystemEventTrigger(self, phase: str, event: str, call: Callable[[], object]) -> None:
        self.triggers.append((phase, event, call))

    def turn(self) -> None:
        calls, self.calls = self.calls, []
        for call, arguments in calls:
            call(*arguments)


class SignalTests(SynchronousTestCase):
    def setUp(self) -> None:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            self.addCleanup(signal.signal, number, signal.getsignal(number))
        self.reactor = StandInReactor()
        self.heard: list[str] = []
        signals = Signals(
            self.reactor,
            stop=lambda: self.heard.append("stop"),
            hurry=lambda: self.heard.append("hurry"),
            reload=lambda: self.heard.append("reload"),
        )
        signals.install()

    def send(self, number: int) -> None:
        handler: Any = signal.getsignal(number)
        handler(number, None)

    def test_one_that_twisted_answered_is_forgotten(self) -> None:
        """It came between Twisted's handlers and ours: twistd would die of it in the end."""
        self.reactor._exitSignal = signal.SIGTERM
        (trigger,) = (call for _, event, call in self.reactor.triggers if event == "shutdown")
        trigger()
        self.assertIsNone(self.reactor._exitSignal)

    def test_nothing_happens_inside_the_handler(self) -> None:
        self.send(signal.SIGTERM)
        self.send(signal.SIGHUP)
        self.assertEqual(self.heard, [])

    def test_stop_then_hurry(self) -> None:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGTERM):
            self.send(number)
            self.reactor.turn()
        self.assertEqual(self.heard, ["stop", "hurry", "hurry"])

    def test_ten_reloads_are_one(self) -> None:
        for _ in range(10):
            self.send(signal.SIGHUP)
        self.reactor.turn()
        self.assertEqual(self.heard, ["reload"])
        self.send(signal.SIGHUP)
        self.reactor.turn()
        self.assertEqual(self.heard, ["reload", "reload"])

    def test_no_reload_while_stopping(self) -> None:
        self.send(signal.SIGTERM)
        self.send(signal.SIGHUP)
        self.reactor.turn()
        self.assertEqual(self.heard, ["stop"])

    def test_installed_again_once_the_reactor_has_put_its_own(self) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        phase, event, again = self.reactor.triggers[0]
        self.assertEqual((phase, event), ("during", "startup"))
        again()
        self.send(signal.SIGTERM)
        self.reactor.turn()
        self.assertEqual(self.heard, ["stop"])
