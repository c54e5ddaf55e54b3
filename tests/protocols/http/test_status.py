"""The counters: what they look like, and who may look."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_network
from typing import Any

from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text
from twisted.internet import task
from twisted.internet.address import UNIXAddress

from netdaemon.protocols.http.settings import HTTPSettings, Protected
from netdaemon.run.measure import Measure
from tests.protocols.http.peer import NOW, Peer
from tests.protocols.http.visitors import MULDER, AccountTests

LOOPBACK = {"peer": "127.0.0.1", "here": "127.0.0.1", "tls": False}


class StatusCase(AccountTests):
    def parts(self, tree: Any) -> dict[str, Any]:
        self.counters = Measure(task.Clock(), lambda: NOW - 3 * 86400)
        self.counters.watch_doors(
            lambda: {"http": 3.0, "<b>": 1.0}, lambda: {"*": NOW + 86400.0, "a.egg": NOW + 90 * 86400, "old": NOW - 1}
        )
        return {**super().parts(tree), "measure": self.counters}

    def status(self, *fields: bytes, settings: Mapping[str, Any] = {}, **wire: Any) -> Any:
        peer = self.visitor(self.factory(status="/status", **settings), **{**LOOPBACK, **wire})
        return self.via(peer, "/status", *fields)


class FormTests(StatusCase):
    def test_for_people(self) -> None:
        reply = self.status()
        self.assertEqual((reply.status, reply[b"Content-Type"]), (200, b"text/html; charset=utf-8"))
        self.assertEqual((reply[b"Cache-Control"], reply[b"Vary"]), (b"no-store", b"Accept"))
        page = reply.body.decode()
        self.assertIn("Up since 2023-11-11 22:13 UTC, 3 days.", page)
        self.assertIn("<td>&lt;b&gt;</td><td>1</td>", page)
        self.assertNotIn("<b>", page)
        self.assertIn("<td>all names that have none of their own</td>", page)
        self.assertIn('<td><span class="bad">2023-11-15 22:13, in 24 h 0 min</span>', page)
        self.assertIn("a.egg</td><td>2024-02-12 22:13, in 90 days</td>", page)
        self.assertIn("expired", page)
        self.assertNotIn("Errors of its own", page)

    def test_sums(self) -> None:
        factory = self.factory(status="/status")
        peer = self.visitor(factory, **LOOPBACK)
        for target in ("/hello.txt", "/hello.txt", "/none"):
            self.via(peer, target)
        self.counters.auth("http", "ok").inc(1234)
        self.counters.refused("http", "max-connections")
        self.counters.unhandled().inc()
        self.counters.reloaded(False)
        page = self.via(peer, "/status").body.decode()
        self.assertIn('<th scope="col">2xx</th><th scope="col">4xx</th>', page)
        self.assertIn("<tr><td>http</td><td>2</td><td>1</td></tr>", page)
        self.assertIn("<tr><td>http</td><td>1,234</td></tr>", page)
        self.assertIn("max-connections", page)
        self.assertIn("Errors of its own: 1", page)
        self.assertIn("could not be read at the last reload", page)

    def test_for_prometheus(self) -> None:
        accept = b"Accept: application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.1"
        for field, media, parse in (
            (b"Accept: text/plain", b"text/plain; version=0.0.4; charset=utf-8", parse_text),
            (accept, b"application/openmetrics-text; version=1.0.0; charset=utf-8", parse_openmetrics),
        ):
            reply = self.status(field)
            self.assertEqual(reply[b"Content-Type"], media)
            families = {family.name: family for family in parse(reply.body.decode())}
            self.assertEqual(families["netdaemon_start_time_seconds"].samples[0].value, NOW - 3 * 86400)
            self.assertIn("netdaemon_connections", families)

    def test_before_anything_was_counted(self) -> None:
        self.patch(Measure, "samples", lambda measure: iter(()))
        self.assertIn("<p>Up. ", self.status().body.decode())

    def test_methods_and_beneath(self) -> None:
        factory = self.factory(status="/status")
        peer = self.visitor(factory, **LOOPBACK)
        self.assertEqual(self.via(peer, "/status/").status, 404)
        self.assertEqual(self.via(peer, "/status", method=b"POST")[b"Allow"], b"GET, HEAD, OPTIONS")
        self.assertEqual(self.via(peer, "/status", method=b"HEAD").status, 200)


class AccessTests(StatusCase):
    def test_this_machine_only(self) -> None:
        self.assertEqual(self.status(peer="192.0.2.7").status, 403)
        self.assertEqual(self.status(here="192.0.2.1").status, 403)
        self.assertEqual(self.status(peer="192.0.2.7", tls=True).status, 403)
        self.assertEqual(self.status(tls=True).status, 200)

    def test_nobody_behind_a_proxy(self) -> None:
        for field in (b"X-Forwarded-For: 192.0.2.7", b"Forwarded: for=192.0.2.7", b"Via: 1.1 a", b"x-real-ip: ::1"):
            self.assertEqual(self.status(field).status, 403, field)
        self.assertEqual(self.status(settings={"proxy_protocol": (ip_network("127.0.0.0/8"),)}).status, 403)

    def test_a_virtual_host_behind_a_load_balancer(self) -> None:
        guest = HTTPSettings(section="http:b", listen=(), hosts=("b.egg",), status="/status")
        for trusted, status in (((), 200), ((ip_network("10.0.0.0/8"),), 403)):
            peer = self.visitor(self.factory(guests=(guest,), proxy_protocol=trusted), **LOOPBACK)
            self.assertEqual(self.via(peer, "/status", host="b.egg").status, status)

    def test_a_unix_socket_is_where_proxies_come_in(self) -> None:
        peer = Peer(self.factory(status="/status"))
        self.addCleanup(peer.leave)
        peer.wire.peer = peer.wire.here = UNIXAddress("/run/x")  # type: ignore[assignment]
        self.assertEqual(self.via(peer, "/status").status, 403)

    def test_accounts_where_it_is_protected(self) -> None:
        protect = {"protect": (Protected("/status", ("mulder",)),)}
        self.assertEqual(self.status(settings=protect).status, 401, "from this machine too")
        self.assertEqual(self.status(MULDER, settings=protect, peer="192.0.2.7", tls=True).status, 200)
        self.assertEqual(self.status(MULDER, peer="192.0.2.7", tls=True).status, 403, "where it is not")
