"""Whatever hosts say, and whenever the daemon stops: each recipient gets it once, or the sender is told of him once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from hypothesis import given, settings
from hypothesis import strategies as st

from netdaemon.protocols.smtp.hops import Answer, HopFailed
from tests.mail.postoffice import result
from tests.protocols.smtp.relaying import LATER, NEVER, OK, RelayCase

NAMES = [f"{name}@{domain}" for domain in ("far.example", "other.example") for name in ("a", "b", "c")]
FATES = st.tuples(st.integers(0, 3), st.booleans())
"""How often somebody has to wait, and whether he gets it then."""
EVENTS = st.sampled_from(["restart", "down", "up", "wait"])


class NobodyLostTests(RelayCase):
    @settings(max_examples=40, deadline=None)
    @given(st.dictionaries(st.sampled_from(NAMES), FATES, min_size=1), st.lists(EVENTS, max_size=8))
    def test_all_ends_are_ends(self, fates: dict[str, tuple[int, bool]], events: list[str]) -> None:
        self.set_up_in(None)
        self.hosts.clear()
        left = {name: waits for name, (waits, _) in fates.items()}

        def answers(to: str) -> Answer:
            if left[to] > 0:
                left[to] -= 1
                return LATER
            return OK if fates[to][1] else NEVER

        hosts = [self.host(domain, answers) for domain in ("far.example", "other.example")]
        relay = self.relay()
        self.send(*fates)
        for event in events:
            if event == "restart":
                result(relay.stop())
                relay = self.relay()
            elif event == "down":
                hosts[0].down = HopFailed("4.4.1", "no answer")
                hosts[1].breaks = HopFailed("4.4.2", "broke")
            elif event == "up":
                hosts[0].down = hosts[1].breaks = None
            else:
                self.pass_time(900, step=300)
        hosts[0].down = hosts[1].breaks = None
        self.pass_time(8 * 3600, step=900)
        result(relay.stop())
        self.assertEqual(self.letters(), [])
        got = Counter(name for host in hosts for names in host.recipients for name in names)
        self.assertEqual(got, Counter(name for name, (_, good) in fates.items() if good))
        self.assertEqual(self.told_of(b"failed"), Counter(name for name, (_, good) in fates.items() if not good))

    def told_of(self, action: bytes) -> Counter[str]:
        """Whom reports to the sender name."""
        found: Counter[str] = Counter()
        mail: Callable[[str], list[bytes]] = self.office.mail
        if any(folder.name == "INBOX" for folder in self.office.store.folders("mulder")):
            for report in mail("mulder"):
                for block in report.split(b"\r\n\r\n"):
                    if b"Action: " + action in block:
                        line = next(one for one in block.split(b"\r\n") if one.startswith(b"Final-Recipient:"))
                        found[line.partition(b";")[2].decode()] += 1
        return found
