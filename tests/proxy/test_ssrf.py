"""Whom a client makes the proxy ask: what is private stays private, whatever its address looks like.

The resolver and the dialler are the test's own: what was not dialled stands in no list of theirs.
"""

from __future__ import annotations

from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectError

from netdaemon.proxy.dialler import Dialler, Passage
from tests.proxy.world import PUBLIC, ProxyTests, World, request

LOOPBACK = (
    "127.0.0.1", "127.0.0.53", "127.255.255.254", "::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::",
    "2001:0:7f00:1::f7f7:f7f7", "2001:0:808:808::80ff:fffe", "fe80::5efe:127.0.0.1", "::ffff:0:127.0.0.1",
)  # fmt: skip
PRIVATE = (
    "10.0.0.1", "10.255.255.255", "172.16.0.1", "172.31.255.255", "192.168.0.1", "169.254.1.1", "100.64.0.1",
    "100.127.255.255", "192.0.0.8", "192.0.2.1", "198.18.0.1", "198.19.255.255", "198.51.100.1", "203.0.113.1",
    "fe80::1", "febf::1", "fec0::1", "fc00::1", "fdff::1", "2001:db8::1", "100::1", "2001:10::1", "3fff::1", "5f00::1",
    "::ffff:10.0.0.1", "64:ff9b::a00:1", "2002:a00:1::1", "2001:0:a00:1::f7f7:f7f7", "::8.8.8.8", "64:ff9b:1::808:808",
)  # fmt: skip
NEVER = (
    "0.0.0.0", "0.0.0.1", "0.255.255.255", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255", "::",
    "ff02::1", "169.254.169.254", "fd00:ec2::254", "100.100.100.200", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe",
    "2002:a9fe:a9fe::", "::ffff:0.0.0.0", "64:ff9b:1:a9fe:a9:fe00::", "64:ff9b:1::a9fe:a9fe",
)  # fmt: skip
OPEN = ("8.8.8.8", "1.1.1.1", "172.32.0.1", "100.128.0.1", "192.167.255.255", "2606:4700::1111", "2001:4860:4860::8888",
        "64:ff9b::808:808", "2002:808:808::1")  # fmt: skip

# Ways in which resolvers take 127.0.0.1 (inet_aton)
ODD = (
    b"127.1", b"127.0.1", b"0x7f.1", b"0x7f000001", b"2130706433", b"017700000001", b"0177.0.0.1", b"0x7f.0x0.0x0.0x1",
    b"127.0.0.1.", b"2130706433.", b"0X7F.1", b"127.0x1", b"00000177.0.0.01",
)  # fmt: skip


class AddressTests(ProxyTests):
    def names(self, *addresses: str) -> None:
        self.world.names["target.example"] = list(addresses)
        self.world.dialled.clear()

    def status(self, url: bytes = b"http://target.example/", method: bytes = b"GET", **settings: bool) -> int:
        """What the client is told; 0 when the target was dialled."""
        given = {"allow_private": False, "allow_loopback": False, **settings}
        browser = self.get(url, method=method, **given)
        return 0 if self.world.dialled else browser.reply(method).status

    def test_nothing_of_this_house_is_dialled(self) -> None:
        for address in (*LOOPBACK, *PRIVATE, *NEVER):
            self.names(address)
            self.assertEqual(self.status(), 403, address)
            self.assertEqual(self.world.dialled, [], address)

    def test_what_is_out_in_the_world_is(self) -> None:
        for address in OPEN:
            self.names(address)
            self.assertEqual(self.status(), 0, address)
            self.assertEqual(self.world.dialled, [(address, 80)])

    def test_private_ones_where_they_are_allowed(self) -> None:
        for address in PRIVATE:
            self.names(address)
            self.assertEqual(self.status(allow_private=True), 0, address)
        for address in (*LOOPBACK, *NEVER):
            self.names(address)
            self.assertEqual(self.status(allow_private=True), 403, address)

    def test_loopback_where_it_is_allowed(self) -> None:
        for address in LOOPBACK:
            self.names(address)
            self.assertEqual(self.status(allow_loopback=True), 0, address)
        for address in (*PRIVATE, *NEVER):
            self.names(address)
            self.assertEqual(self.status(allow_loopback=True), 403, address)

    def test_what_is_never_asked(self) -> None:
        for address in NEVER:
            self.names(address)
            self.assertEqual(self.status(allow_loopback=True, allow_private=True), 403, address)

    def test_written_into_the_url(self) -> None:
        for address in (*LOOPBACK, *PRIVATE, *NEVER):
            host = f"[{address}]" if ":" in address else address
            self.assertEqual(self.status(b"http://%b/" % host.encode()), 403, address)
        self.assertEqual((self.world.asked, self.world.dialled), ([], []))

    def test_numbers_in_odd_forms_are_what_they_are(self) -> None:
        for host in ODD:
            self.assertEqual(self.status(b"http://%b/" % host), 403, host)
            self.world.dialled.clear()
            self.assertEqual(self.status(b"http://%b/" % host, allow_loopback=True), 0, host)
            self.assertEqual(self.world.dialled, [("127.0.0.1", 80)], host)
            self.world.dialled.clear()
        self.assertEqual(self.world.asked, [], "no resolver was asked what they mean")

    def test_what_two_readers_read_differently_is_refused(self) -> None:
        for host in (
            b"256.0.0.1", b"1.2.3.4.5", b"0x100000000", b"4294967296", b"1.2.3.0x", b"08.1", b"127.0.0.0x1g.1",
            b"%31%32%37.0.0.1", b"127.0.0.1%00.example", b"a..b", b".a", b"[::1", b"[::1%25lo]", b"[fe80::1%eth0]",
            b"127.0.0.1\\@example.org", b"a@127.0.0.1", b"127.0.0.1:80:80", b"127.0.0.1:0", b"127.0.0.1:65536",
            b"127.0.0.1:+80", b"[v1.x]", b"a,b",
        ):  # fmt: skip
            if host == b"1.2.3.0x":
                continue  # inet_aton takes it for 1.2.3.0
            self.assertEqual(self.status(b"http://%b/" % host, allow_loopback=True, allow_private=True), 400, host)
        self.assertEqual(self.world.dialled, [])

    def test_by_every_way(self) -> None:
        for address in ("127.0.0.1", "10.0.0.1", "169.254.169.254", "::1", "fd00:ec2::254"):
            self.names(address)
            for url in (b"https://target.example/", b"ftp://target.example/", b"gopher://target.example/1"):
                self.assertEqual(self.status(url), 403, (address, url))
            self.assertEqual(self.status(b"target.example:443", b"CONNECT"), 403, address)
        self.assertEqual(self.world.dialled, [])

    def test_the_address_that_was_checked_is_the_one_that_is_dialled(self) -> None:
        # A name that means something else a moment later (DNS rebinding) is asked for once.
        self.names(PUBLIC)
        self.assertEqual(self.status(), 0)
        self.assertEqual(self.world.asked, ["target.example"])
        self.assertEqual(self.world.dialled, [(PUBLIC, 80)])

    def test_of_several_only_those_that_are_allowed(self) -> None:
        self.names("127.0.0.1", "10.0.0.1", PUBLIC, "::ffff:127.0.0.1")
        self.assertEqual(self.status(), 0)
        self.world.wait(5)
        self.assertEqual(self.world.dialled, [(PUBLIC, 80)])

    def test_mapped_addresses_are_dialled_as_what_they_are(self) -> None:
        self.names("::ffff:8.8.8.8")
        self.assertEqual(self.status(), 0)
        self.assertEqual(self.world.dialled, [("8.8.8.8", 80)])

    def test_this_hosts_own_addresses_are_loopback(self) -> None:
        # To 127.0.0.1 a socket can be bound as to any other of this host's addresses.
        from netdaemon.proxy import rules

        self.patch(rules, "is_ours", lambda address: address == PUBLIC)
        self.names(PUBLIC)
        self.assertEqual(self.status(), 403)
        self.assertEqual(self.status(allow_private=True), 403)
        self.assertEqual(self.status(allow_loopback=True), 0)

    def test_how_own_addresses_are_told(self) -> None:
        from netdaemon.wire.places import is_ours

        self.assertEqual([is_ours(one) for one in ("127.0.0.1", "8.8.8.8", "2606:4700::1111")], [True, False, False])

    def test_a_page_tells_nothing_of_what_was_found(self) -> None:
        self.names("10.1.2.3")
        reply = self.get(b"http://target.example/", allow_private=False).reply()
        self.assertNotIn(b"10.1.2.3", reply.body)

    def test_no_such_host(self) -> None:
        self.assertEqual(self.status(b"http://nowhere.example/"), 502)


class PassageTests(ProxyTests):
    """What a client of any protocol can reach that was given a passage in place of the reactor."""

    def test_nothing_but_the_host_that_was_asked_for(self) -> None:
        world = World()
        passage = Passage(world, 21, ["203.0.113.7"])
        for host, port in (("127.0.0.1", 40000), ("203.0.113.8", 40000), ("203.0.113.7", 25), ("203.0.113.7", 6379),
                           ("203.0.113.7", 80), ("localhost", 21)):  # fmt: skip
            self.assertRaises(ConnectError, passage.connectTCP, host, port, None)
        self.assertEqual(world.dialled, [])

    def test_every_name_leads_there(self) -> None:
        found: list[IPv4Address] = []

        class Receiver:
            resolutionBegan = resolutionComplete = staticmethod(lambda *ignored: None)
            addressResolved = staticmethod(found.append)

        world = World({"localhost": ["127.0.0.1"]})
        Passage(world, 21, ["203.0.113.7"]).resolveHostName(Receiver(), "localhost", 99)  # type: ignore[arg-type]
        self.assertEqual([one.host for one in found], ["203.0.113.7"])
        self.assertEqual(world.asked, [])

    def test_lookups_do_not_take_all_threads(self) -> None:
        world = World()
        world.mute.update(f"slow{number}" for number in range(20))
        dialler = Dialler(world, lambda address: None, 5.0)
        from twisted.internet.defer import Deferred

        waiting = [Deferred.fromCoroutine(dialler.passage(f"slow{number}", 80)) for number in range(20)]
        for one in waiting:
            one.addErrback(lambda failure: None)
        self.assertEqual(len(world.asked), 8)
        world.wait(6)
        self.assertEqual(len(world.asked), 8, "a thread that waits in vain is not free before it says so")


class PortTests(ProxyTests):
    def status(self, url: bytes, method: bytes = b"GET", **settings: object) -> int:
        browser = self.get(url, method=method, **settings)
        dialled, self.world.dialled[:] = bool(self.world.dialled), []
        return 0 if dialled else browser.reply(method).status

    def test_ports_of_other_protocols(self) -> None:
        for port in (1, 7, 19, 22, 23, 25, 53, 110, 119, 143, 389, 465, 587, 636, 993, 995, 6379, 6667, 11211):
            for scheme in (b"http", b"https", b"ftp", b"gopher"):
                self.assertEqual(self.status(b"%b://origin.example:%d/" % (scheme, port)), 403, (scheme, port))

    def test_each_scheme_has_its_own(self) -> None:
        for scheme, own in ((b"http", 80), (b"ftp", 21), (b"gopher", 70)):
            for port in (21, 70, 80):
                expected = 0 if port == own else 403
                self.assertEqual(self.status(b"%b://origin.example:%d/" % (scheme, port)), expected, (scheme, port))
        for port in (443, 8080, 3128, 1024, 40000):
            self.assertEqual(self.status(b"http://origin.example:%d/" % port), 0, port)

    def test_tunnels(self) -> None:
        for port, expected in ((443, 0), (563, 0), (80, 403), (22, 403), (25, 403), (8443, 403)):
            self.assertEqual(self.status(b"origin.example:%d" % port, b"CONNECT"), expected, port)

    def test_tunnels_as_the_operator_wants_them(self) -> None:
        from pathlib import Path

        from netdaemon.proxy.settings import _ports

        ports = _ports.parse("22 8000-8009", Path())
        for port, expected in ((22, 0), (8000, 0), (8009, 0), (8010, 403), (443, 403)):
            status = self.status(b"origin.example:%d" % port, b"CONNECT", connect_ports=ports)
            self.assertEqual(status, expected, port)


class LineEndTests(ProxyTests):
    """What would be another line to whoever is asked."""

    def test_gopher_and_ftp(self) -> None:
        for url in (
            b"gopher://origin.example/1%0d%0aHELO%20me",
            b"gopher://origin.example/1a%0Ab",
            b"gopher://origin.example/1a%0Db",
            b"gopher://origin.example/1a%00b",
            b"gopher://origin.example/7a?b%0d%0ac",
            b"gopher://origin.example/7a%09b%0d%0ac",
            b"gopher://origin.example/%0d",
            b"ftp://origin.example/a%0d%0aDELE%20b",
            b"ftp://origin.example/a%0ab",
            b"ftp://origin.example/a%0db;type=i",
            b"ftp://origin.example/a%00b",
        ):
            self.assertEqual(self.get(url).reply().status, 403, url)
        self.assertEqual(self.world.dialled, [])

    def test_in_a_login(self) -> None:
        for url, fields in (
            (b"ftp://a%0d%0aDELE%20b:c@origin.example/", ()),
            (b"ftp://a:c%0aDELE@origin.example/", ()),
            (b"ftp://a%00:c@origin.example/", ()),
        ):
            self.assertEqual(self.get(url, *fields).reply().status, 400, url)
        self.assertEqual(self.world.dialled, [])

    def test_in_http_they_stay_what_they_are(self) -> None:
        self.get(b"http://origin.example/a%0d%0ab")
        self.assertTrue(self.world.origin().hear().startswith(b"GET /a%0d%0ab HTTP/1.1\r\n"))


class ClientTests(ProxyTests):
    def test_whom_it_serves(self) -> None:
        url = b"http://origin.example/"
        for peer, status in (("127.0.0.1", 0), ("127.9.9.9", 0), ("::1", 0), ("::ffff:127.0.0.1", 0),
                             ("192.0.2.7", 403), ("10.0.0.1", 403), ("fe80::1%eth0", 403), ("::2", 403)):  # fmt: skip
            self.world.dialled.clear()
            browser = self.browser(peer=peer)
            browser.send(request(url))
            self.assertEqual(0 if self.world.dialled else browser.reply().status, status, peer)

    def test_others_where_they_are_allowed(self) -> None:
        from ipaddress import ip_network

        factory = self.proxy(allow_clients=(ip_network("192.0.2.0/24"), ip_network("2001:db8::/32")))
        for peer, served in (("192.0.2.7", True), ("192.0.3.7", False), ("2001:db8::7", True), ("127.0.0.1", False)):
            self.world.dialled.clear()
            browser = self.browser(factory, peer=peer)
            browser.send(request(b"http://origin.example/", b"Connection: close"))
            self.assertEqual(bool(self.world.dialled), served, peer)
            if self.world.dialled:
                self.world.origin().say(b"HTTP/1.1 204 No\r\nConnection: close\r\n\r\n")

    def test_tunnels_are_for_them_alone_too(self) -> None:
        browser = self.browser(peer="192.0.2.7")
        browser.send(request(b"origin.example:443", method=b"CONNECT"))
        self.assertEqual(browser.reply().status, 403)
        self.assertEqual(self.world.dialled, [])


class RuleTests(ProxyTests):
    def asked(self, allow: str = "", deny: str = "") -> list[str]:
        """Which of some hosts may be asked."""
        from pathlib import Path

        from netdaemon.proxy.settings import _hosts

        settings = {"allow": _hosts.parse(allow, Path()), "deny": _hosts.parse(deny, Path())}
        hosts = ("a.example", "www.a.example", "nota.example", "b.example", "b.example:8080", "203.0.113.9")
        may = []
        for host in hosts:
            self.world.names[host.partition(":")[0]] = ["203.0.113.1"]
            self.world.dialled.clear()
            browser = self.get(b"http://%b/" % host.upper().encode(), **settings)
            if self.world.dialled:
                may.append(host)
            else:
                self.assertEqual(browser.reply().status, 403)
        return may

    def test_all_for_no_rules(self) -> None:
        self.assertEqual(len(self.asked()), 6)

    def test_the_very_name(self) -> None:
        self.assertEqual(self.asked(allow="A.example."), ["a.example"])

    def test_all_beneath(self) -> None:
        self.assertEqual(self.asked(allow="*.a.example"), ["www.a.example"])

    def test_one_port(self) -> None:
        self.assertEqual(self.asked(allow="b.example:8080"), ["b.example:8080"])
        self.assertEqual(
            self.asked(allow="*:80", deny="*.a.example b.example"), ["a.example", "nota.example", "203.0.113.9"]
        )

    def test_addresses(self) -> None:
        self.assertEqual(self.asked(allow="203.0.113.9"), ["203.0.113.9"])
        self.assertEqual(self.asked(allow="0xcb.0x007109"), ["203.0.113.9"], "also where the operator writes oddly")

    def test_deny_comes_first(self) -> None:
        self.assertEqual(self.asked(allow="*", deny="*.example"), ["203.0.113.9"])

    def test_a_name_with_a_dot_at_its_end_is_the_same(self) -> None:
        from pathlib import Path

        from netdaemon.proxy.settings import _hosts

        reply = self.get(b"http://origin.example./", deny=_hosts.parse("origin.example", Path())).reply()
        self.assertEqual(reply.status, 403)
