"""Where mail for a domain goes, by MX records or without; and where it never goes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred, fail, succeed
from twisted.names import dns
from twisted.names.error import DNSNameError, DNSQueryTimeoutError, DNSServerError
from twisted.trial.unittest import SynchronousTestCase

from netdaemon.config.mailsettings import HostPort, MailSettings
from netdaemon.protocols.smtp import route
from netdaemon.protocols.smtp.route import (
    MOST_DESTINATIONS,
    Destination,
    NoRoute,
    Routes,
    SystemResolver,
    nameservers,
)
from tests.mail.postoffice import result


class Zone:
    """Answers out of a table: {"example.com": {"MX": [(10, "mx.example.com")], "A": ["8.8.8.8"], "AAAA": []}}.

    A name that is not in it does not exist; an exception in place of a list is raised.
    """

    def __init__(self, **records: dict[str, Any]) -> None:
        self.records: dict[str, dict[str, Any]] = {}
        self.asked: list[tuple[str, str]] = []

    def _look_up(self, kind: str, name: str, make: Callable[[Any], Any]) -> Deferred[Any]:
        self.asked.append((kind, name))
        if name not in self.records:
            return fail(DNSNameError(name))
        found = self.records[name].get(kind, [])
        if isinstance(found, Exception):
            return fail(found)
        answers = [dns.RRHeader(name, getattr(dns, kind), payload=make(one)) for one in found]
        return succeed((answers, [], []))

    def lookupMailExchange(self, name: str) -> Deferred[Any]:
        return self._look_up("MX", name, lambda one: dns.Record_MX(*one))

    def lookupAddress(self, name: str) -> Deferred[Any]:
        return self._look_up("A", name, dns.Record_A)

    def lookupText(self, name: str) -> Deferred[Any]:
        return self._look_up("TXT", name, dns.Record_TXT)

    def lookupPointer(self, name: str) -> Deferred[Any]:
        return self._look_up("PTR", name, dns.Record_PTR)

    def lookupIPV6Address(self, name: str) -> Deferred[Any]:
        return self._look_up("AAAA", name, dns.Record_AAAA)


class RouteCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.zone = Zone()
        self.zone.records = {
            "example.com": {"MX": [(20, "b.example.com"), (10, "a.example.com"), (20, "c.example.com")]},
            "a.example.com": {"A": ["8.8.8.1", "8.8.8.2"], "AAAA": ["2606:4700::1"]},
            "b.example.com": {"A": ["8.8.8.3"]},
            "c.example.com": {"AAAA": ["2606:4700::2"]},
            "plain.example": {"A": ["8.8.8.4"]},
            "null.example": {"MX": [(0, "")]},
            "empty.example": {},
            "ours.example": {"MX": [(10, "spam.egg")]},
            "backup.example": {"MX": [(10, "a.example.com"), (20, "Spam.Egg"), (20, "b.example.com")]},
            "gone.example": {"MX": [(10, "no-such.example"), (20, "b.example.com")]},
            "dead.example": {"MX": [(10, "no-such.example")]},
            "slow.example": {"MX": DNSQueryTimeoutError(1)},
            "sick.example": {"MX": DNSServerError("refused")},
            "half.example": {"MX": [(10, "half-host.example")]},
            "half-host.example": {"A": DNSQueryTimeoutError(1)},
            "evil.example": {"MX": [(10, "lo.example"), (20, "ten.example"), (30, "cloud.example")]},
            "lo.example": {"A": ["127.0.0.1"], "AAAA": ["::1", "::ffff:127.0.0.1"]},
            "ten.example": {"A": ["10.0.0.1"]},
            "cloud.example": {"A": ["169.254.169.254"]},
            "xn--bcher-kva.example": {"A": ["8.8.8.5"]},
        }

    def find(self, domain: str, **settings: Any) -> list[str]:
        routes = Routes(
            MailSettings(**settings), ["spam.egg"], self.zone, shuffle=list.reverse, ours=lambda one: one == "8.8.8.9"
        )
        return [f"{one.host} {one.address} {one.port}" for one in result(routes.find(domain))]

    def refused(self, domain: str, **settings: Any) -> str:
        error = self.assertRaises(NoRoute, self.find, domain, **settings)
        return f"{error.code} {error.status}"


class RouteTests(RouteCase):
    def test_by_preference_and_at_random_among_equals(self) -> None:
        self.assertEqual(
            self.find("Example.COM"),
            [
                "a.example.com 2606:4700::1 25",
                "a.example.com 8.8.8.1 25",
                "a.example.com 8.8.8.2 25",
                "c.example.com 2606:4700::2 25",
                "b.example.com 8.8.8.3 25",
            ],
        )

    def test_without_mx_the_domain_itself(self) -> None:
        self.assertEqual(self.find("plain.example", port=2525), ["plain.example 8.8.8.4 2525"])

    def test_idn(self) -> None:
        self.assertEqual(self.find("bücher.example"), ["xn--bcher-kva.example 8.8.8.5 25"])

    def test_null_mx(self) -> None:
        self.assertEqual(self.refused("null.example"), "556 5.1.10")

    def test_no_such_domain(self) -> None:
        self.assertEqual(self.refused("none.example"), "550 5.1.2")
        self.assertEqual(self.refused("empty.example"), "550 5.4.4")
        self.assertEqual(self.refused("dead.example"), "550 5.4.4")

    def test_what_is_not_told_now(self) -> None:
        for domain in ("slow.example", "sick.example", "half.example"):
            self.assertEqual(self.refused(domain), "451 4.4.3", domain)

    def test_a_host_that_is_gone(self) -> None:
        self.assertEqual(self.find("gone.example"), ["b.example.com 8.8.8.3 25"])

    def test_our_own_name_among_them(self) -> None:
        self.assertEqual(self.refused("ours.example"), "554 5.4.6")
        self.assertEqual({line.split()[0] for line in self.find("backup.example")}, {"a.example.com"})

    def test_address_literals(self) -> None:
        self.assertEqual(self.find("[8.8.8.7]"), ["[8.8.8.7] 8.8.8.7 25"])
        self.assertEqual(self.find("[IPv6:2606:4700::9]"), ["[IPv6:2606:4700::9] 2606:4700::9 25"])
        self.assertEqual(self.refused("[x:y]"), "550 5.1.2")
        self.assertEqual(self.zone.asked, [])

    def test_many_hosts(self) -> None:
        self.zone.records["many.example"] = {"MX": [(n, f"m{n}.example") for n in range(50)]}
        for n in range(50):
            self.zone.records[f"m{n}.example"] = {"A": [f"8.8.{n}.1", f"8.8.{n}.2"]}
        self.assertEqual(len(self.find("many.example")), MOST_DESTINATIONS)


class SmarthostTests(RouteCase):
    def test_by_address(self) -> None:
        self.assertEqual(self.find("x.example", smarthost=HostPort("127.0.0.1", 2525)), ["127.0.0.1 127.0.0.1 2525"])
        self.assertEqual(self.find("x.example", smarthost=HostPort("127.0.0.1")), ["127.0.0.1 127.0.0.1 587"])
        self.assertEqual(
            self.find("x.example", smarthost=HostPort("127.0.0.1"), smarthost_tls="implicit"),
            ["127.0.0.1 127.0.0.1 465"],
        )
        self.assertEqual(self.zone.asked, [])

    def test_by_name(self) -> None:
        self.assertEqual(self.find("x", smarthost=HostPort("plain.example", 1)), ["plain.example 8.8.8.4 1"])
        self.assertEqual(
            self.find("x", smarthost=HostPort("localhost", 1)), ["localhost 127.0.0.1 1", "localhost ::1 1"]
        )

    def test_one_that_is_not_there_is_no_recipients_fault(self) -> None:
        self.assertEqual(self.refused("x", smarthost=HostPort("none.example")), "451 4.4.4")


class ForbiddenPlacesTests(RouteCase):
    """What a stranger's MX may lead to."""

    def test_never_here_nor_in_this_house(self) -> None:
        for domain in ("evil.example", "lo.example", "ten.example", "cloud.example", "[127.0.0.1]", "[IPv6:::1]"):
            self.assertEqual(self.refused(domain), "550 5.4.4", domain)
        self.zone.records["own.example"] = {"A": ["8.8.8.9"]}
        self.assertEqual(self.refused("own.example"), "550 5.4.4")
        self.zone.records["mixed.example"] = {"A": ["127.0.0.1", "8.8.8.8", "0.0.0.0", "255.255.255.255"]}
        self.assertEqual(self.find("mixed.example"), ["mixed.example 8.8.8.8 25"])

    def test_unless_it_is_allowed(self) -> None:
        self.assertEqual(self.find("lo.example", allow_loopback=True), [
            "lo.example ::1 25", "lo.example 127.0.0.1 25"
        ])  # fmt: skip
        self.assertEqual(self.find("ten.example", allow_private=True), ["ten.example 10.0.0.1 25"])
        self.assertEqual(self.refused("ten.example", allow_loopback=True), "550 5.4.4")
        self.assertEqual(self.refused("lo.example", allow_private=True), "550 5.4.4")
        self.assertEqual(self.refused("cloud.example", allow_loopback=True, allow_private=True), "550 5.4.4")

    @given(st.ip_addresses().map(str))
    def test_whatever_address(self, address: str) -> None:
        """Nothing comes out that is not public, and nobody stumbles."""
        from netdaemon.wire.places import Place, place_of

        kind = "AAAA" if ":" in address else "A"
        zone = Zone()
        zone.records["x.example"] = {kind: [address]}
        routes = Routes(MailSettings(), ["spam.egg"], zone, ours=lambda one: False)
        try:
            (found,) = result(routes.find("x.example"))
        except NoRoute as error:
            self.assertEqual(error.status, "5.4.4")
        else:
            self.assertIs(place_of(found.address), Place.PUBLIC)
            self.assertIsInstance(found, Destination)


class SystemResolverTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.file = Path(self.mktemp())

    def test_nameservers(self) -> None:
        for text, found in (
            ("", ["127.0.0.1"]),
            (
                "# nameserver 9.9.9.9\nsearch x\nnameserver 8.8.8.8\nnameserver fe80::1%eth0\nnameserver\n",
                ["8.8.8.8", "fe80::1"],
            ),
            ("nameserver name.example\n", ["127.0.0.1"]),
        ):
            self.file.write_text(text)
            self.assertEqual(nameservers(self.file), found)
        self.file.unlink()
        self.assertEqual(nameservers(self.file), ["127.0.0.1"])

    def test_it_is_read_again_when_it_changed(self) -> None:
        made: list[list[tuple[str, int]]] = []

        class Recorded(Zone):
            def __init__(self, servers: list[tuple[str, int]], timeout: object, reactor: object) -> None:
                super().__init__()
                made.append(servers)

        self.patch(route, "Resolver", Recorded)
        resolver = SystemResolver(None, self.file)
        for text in ("", "nameserver 8.8.8.8\n", "nameserver 8.8.8.8\n\nnameserver 9.9.9.9\n"):
            if text:
                self.file.write_text(text)
            for look_up in (
                resolver.lookupMailExchange,
                resolver.lookupAddress,
                resolver.lookupIPV6Address,
                resolver.lookupText,
                resolver.lookupPointer,
            ):
                self.failureResultOf(look_up("x.example"), DNSNameError)
        self.assertEqual(made, [[("127.0.0.1", 53)], [("8.8.8.8", 53)], [("8.8.8.8", 53), ("9.9.9.9", 53)]])
