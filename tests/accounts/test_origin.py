from ipaddress import ip_network

from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.trial.unittest import SynchronousTestCase

from netdaemon.accounts.origin import LOCAL, Origin, origin, parse_address
from tests.accounts.kit import peer


def texts(where: Origin) -> list[str]:
    return [network for network, _ in where.networks]


class OriginTests(SynchronousTestCase):
    def test_ipv4(self) -> None:
        where = origin(peer("192.0.2.77"))
        self.assertEqual(texts(where), ["192.0.2.77/32", "192.0.2.64/26", "192.0.2.0/24", "192.0.0.0/16"])
        self.assertEqual(where.place, "192.0.2.77/32")
        self.assertEqual(where.text, "192.0.2.77")

    def test_ipv6(self) -> None:
        where = origin(peer("2001:db8:1:2ff:3::4"))
        self.assertEqual(texts(where), ["2001:db8:1:2ff::/64", "2001:db8:1:200::/56", "2001:db8:1::/48"])
        self.assertEqual(where.place, "2001:db8:1:2ff::/64")

    def test_limits_grow_with_the_width(self) -> None:
        for host in ("192.0.2.7", "2001:db8::1"):
            factors = [factor for _, factor in origin(peer(host)).networks]
            self.assertEqual(factors[0], 1)
            self.assertEqual(factors, sorted(set(factors)))

    def test_ipv4_in_ipv6_is_ipv4(self) -> None:
        self.assertEqual(origin(IPv6Address("TCP", "::ffff:192.0.2.7", 1)), origin(IPv4Address("TCP", "192.0.2.7", 1)))
        self.assertTrue(origin(peer("::ffff:127.0.0.1")).loopback)

    def test_zones(self) -> None:
        self.assertEqual(origin(peer("fe80::1%eth0")).place, "fe80::/64")

    def test_loopback(self) -> None:
        for host in ("127.0.0.1", "127.9.9.9", "::1"):
            self.assertTrue(origin(peer(host)).loopback, host)
        for host in ("192.0.2.7", "2001:db8::1", "10.0.0.1", "0.0.0.0", "::"):
            self.assertFalse(origin(peer(host)).loopback, host)

    def test_unix(self) -> None:
        where = origin(UNIXAddress("/run/x"))
        self.assertEqual((where.place, where.text, where.networks), (LOCAL, LOCAL, ()))
        self.assertFalse(where.loopback)
        self.assertFalse(where.within([ip_network("0.0.0.0/0")]))

    def test_within(self) -> None:
        networks = [ip_network("10.0.0.0/8"), ip_network("2001:db8::/32")]
        for host, inside in (("10.1.2.3", True), ("11.1.2.3", False), ("2001:db8::1", True), ("::1", False)):
            self.assertIs(origin(peer(host)).within(networks), inside, host)

    def test_parse(self) -> None:
        for text in ("", "mulder", "192.0.2", "192.0.2.7/32", "1.2.3.4\n"):
            self.assertIsNone(parse_address(text), text)
