"""No two services on one address."""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from netdaemon.config.addresses import Place, overlaps
from netdaemon.config.values import listens


def clash(*words: str) -> list[tuple[str, str]]:
    """(word, the earlier word in its way) of listen words in the order given."""
    parsed = [listens.parse(word, Path("/"))[0] for word in words]
    places = [Place(listen, "web", line) for line, listen in enumerate(parsed, 1)]
    return [(words[place.line - 1], words[earlier.line - 1]) for place, earlier in overlaps(places)]


class OverlapTests(SynchronousTestCase):
    def test_apart(self) -> None:
        for words in (
            ("tcp:80", "tcp:81"),
            ("tcp:80", "udp:80"),
            ("tcp:0", "tcp:0"),
            ("tcp:80", "tcp:80:interface=\\:\\:"),
            ("tcp:80:interface=127.0.0.1", "tcp:80:interface=127.0.0.2", "tcp:80:interface=\\:\\:1"),
            ("unix:/a", "unix:/b", "systemd:/a"),
        ):
            self.assertEqual(clash(*words), [], words)

    def test_together(self) -> None:
        for first, second in (
            ("tcp:80", "tcp:80"),
            ("tcp:80", "tls:80"),
            ("udp:37", "udp:37:interface=0.0.0.0"),
            ("tcp:80", "tcp:80:interface=127.0.0.1"),
            ("tcp:80:interface=0.0.0.0", "tls:80:interface=127.0.0.1"),
            ("tcp:80:interface=\\:\\:", "tcp:80:interface=\\:\\:1"),
            ("tcp:80:interface=0\\:0\\:0\\:0\\:0\\:0\\:0\\:1", "tcp:80:interface=\\:\\:1"),
            ("unix:/a", "unix:/a"),
            ("unix:/a", "unix:a"),
            ("systemd:a", "systemd:a"),
        ):
            self.assertEqual(clash(first, second), [(second, first)])
            self.assertEqual(clash(second, first), [(first, second)])

    def test_the_first_is_named(self) -> None:
        self.assertEqual(
            clash("tcp:80:interface=127.0.0.1", "tcp:80:interface=127.0.0.2", "tcp:80", "tls:80"),
            [("tcp:80", "tcp:80:interface=127.0.0.1"), ("tls:80", "tcp:80:interface=127.0.0.1")],
        )
