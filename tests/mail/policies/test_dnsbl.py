"""Lists of hosts in the DNS (RFC 5782)."""

from __future__ import annotations

from ipaddress import IPv4Network

from twisted.trial.unittest import TestCase

from netdaemon.mail.policies.dnsbl import Listed, look_up, reason
from netdaemon.mail.policies.hostlist import HostList
from tests.mail.policies.zone import TIMEOUT, Zone

V6 = "2001:db8::2"
V6_LABELS = "2.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2"


class ListTests(TestCase):
    async def test_what_is_an_entry(self) -> None:
        some = HostList("bl.example", answers=(IPv4Network("127.0.0.4/30"), IPv4Network("127.0.0.2")))
        for one, answers, listed in (
            (HostList("bl.example"), ["A 127.0.0.2"], True),
            (HostList("bl.example"), ["A 127.1.2.3"], True),
            (HostList("bl.example"), ["A 192.0.2.1"], False),
            (HostList("bl.example"), ["A 128.0.0.2"], False),
            (HostList("bl.example"), ["A 192.0.2.1", "A 127.0.0.2"], True),
            (HostList("bl.example"), ["A 127.255.255.254"], False),
            (HostList("bl.example"), ["A nonsense"], False),
            (HostList("bl.example"), [], False),
            (HostList("bl.example"), TIMEOUT, False),
            (some, ["A 127.0.0.2"], True),
            (some, ["A 127.0.0.3"], False),
            (some, ["A 127.0.0.7"], True),
            (some, ["A 127.0.0.8"], False),
        ):
            zone = Zone({"7.2.0.192.bl.example": answers})
            found = await look_up(zone, "192.0.2.7", [one])
            self.assertEqual(found, Listed(1, ("bl.example",)) if listed else Listed(), answers)
        self.assertEqual(await look_up(Zone({}), "192.0.2.7", [HostList("bl.example")]), Listed())

    async def test_addresses(self) -> None:
        zone = Zone({"7.2.0.192.bl.example": ["A 127.0.0.2"], f"{V6_LABELS}.bl.example": ["A 127.0.0.2"]})
        for address in ("192.0.2.7", "::ffff:192.0.2.7", V6, "2001:db8:0:0::2"):
            self.assertEqual((await look_up(zone, address, [HostList("bl.example")])).weight, 1, address)
        self.assertEqual((await look_up(zone, "192.0.2.8", [HostList("bl.example")])).weight, 0)

    async def test_weights_add_up(self) -> None:
        zone = Zone({f"7.2.0.192.{name}.example": ["A 127.0.0.2"] for name in ("a", "b", "good")})
        lists = [HostList("a.example", 3), HostList("b.example", 4), HostList("c.example", 5)]
        self.assertEqual(await look_up(zone, "192.0.2.7", lists), Listed(7, ("a.example", "b.example")))
        lists.append(HostList("good.example", allows=True))
        self.assertEqual(await look_up(zone, "192.0.2.7", lists), Listed(7, ("a.example", "b.example"), "good.example"))
        self.assertEqual(await look_up(zone, "192.0.2.7", []), Listed())

    async def test_reasons(self) -> None:
        for lines, text in (
            (["TXT see http://bl.example/?192.0.2.7"], "see http://bl.example/?192.0.2.7"),
            (["TXT one", "TXT two"], "one"),
            (["TXT a\r\n250 OK"], ""),
            ([b"TXT \xff"], ""),
            (["TXT " + "x" * 5000], "x" * 200),
            ([], ""),
            (TIMEOUT, ""),
        ):
            zone = Zone({"7.2.0.192.bl.example": lines})
            self.assertEqual(await reason(zone, "192.0.2.7", "bl.example"), text, lines)
        self.assertEqual(await reason(Zone({}), "192.0.2.7", "bl.example"), "")
