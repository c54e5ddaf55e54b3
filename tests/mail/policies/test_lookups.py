"""Look-ups by Twisted's names, its answers made up: aliases, limits, deadlines, what is kept."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock
from twisted.names import dns
from twisted.names.error import DNSNameError, DNSServerError
from twisted.trial.unittest import SynchronousTestCase, TestCase

from netdaemon.mail.policies.lookups import LookUps
from netdaemon.mail.policies.resolving import NoSuchName, TemporarilyUnknown, reversed_labels, usable_name


def header(name: str, payload: Any, ttl: int = 300) -> Any:
    return dns.RRHeader(name, payload.TYPE, ttl=ttl, payload=payload)


class Names:
    """What a name server says, by (type, name); an exception is raised, a Deferred waited for."""

    def __init__(self, answers: dict[tuple[str, str], Any]) -> None:
        self.answers = answers
        self.asked: list[tuple[str, str]] = []

    def _ask(self, kind: str) -> Callable[[str], Deferred[Any]]:
        def ask(name: str) -> Deferred[Any]:
            self.asked.append((kind, name))
            answer = self.answers.get((kind, name), DNSNameError())
            if isinstance(answer, Deferred):
                return answer
            return fail(answer) if isinstance(answer, Exception) else succeed((answer, [], []))

        return ask

    def __getattr__(self, name: str) -> Any:
        kinds = {"Text": "TXT", "Address": "A", "IPV6Address": "AAAA", "MailExchange": "MX", "Pointer": "PTR"}
        return self._ask(kinds[name.removeprefix("lookup")])


class LookUpTests(TestCase):
    def look_ups(self, answers: dict[tuple[str, str], Any], **settings: Any) -> LookUps:
        self.clock = Clock()
        self.names = Names(answers)
        return LookUps(self.names, self.clock, **settings)

    async def test_each_type(self) -> None:
        ip6 = f"{'.'.join(reversed('20010db8' + '0' * 23 + '1'))}.ip6.arpa"
        look_ups = self.look_ups(
            {
                ("TXT", "a.example"): [header("a.example", dns.Record_TXT(b"v=spf1 ", b"-all"))],
                ("A", "a.example"): [header("A.example", dns.Record_A("192.0.2.1"))],
                ("AAAA", "a.example"): [header("a.example", dns.Record_AAAA("2001:DB8:0::1"))],
                ("MX", "a.example"): [
                    header("a.example", dns.Record_MX(20, "B.example")),
                    header("a.example", dns.Record_MX(0, "")),
                    header("a.example", dns.Record_NS("no.example")),
                    header("other.example", dns.Record_MX(1, "evil.example")),
                ],
                ("PTR", "1.2.0.192.in-addr.arpa"): [header("1.2.0.192.in-addr.arpa", dns.Record_PTR("a.example"))],
                ("PTR", ip6): [header(ip6, dns.Record_PTR("six.example"))],
            }
        )
        self.assertEqual(await look_ups.txt("A.example."), [b"v=spf1 -all"])
        self.assertEqual(await look_ups.a("a.example"), ["192.0.2.1"])
        self.assertEqual(await look_ups.aaaa("a.example"), ["2001:db8::1"])
        self.assertEqual(await look_ups.mx("a.example"), [(0, ""), (20, "b.example")])
        self.assertEqual(await look_ups.ptr("192.0.2.1"), ["a.example"])
        self.assertEqual(await look_ups.ptr("::ffff:192.0.2.1"), ["a.example"])
        self.assertEqual(await look_ups.ptr("2001:db8::1"), ["six.example"])

    async def test_aliases(self) -> None:
        look_ups = self.look_ups(
            {
                ("A", "a.example"): [
                    header("b.example", dns.Record_A("192.0.2.1")),
                    header("a.example", dns.Record_CNAME("B.example")),
                ],
                ("A", "c.example"): [header("c.example", dns.Record_CNAME("b.example"))],
                ("A", "b.example"): [header("b.example", dns.Record_A("192.0.2.2"))],
                ("A", "nowhere.example"): [header("nowhere.example", dns.Record_CNAME("gone.example"))],
                ("A", "self.example"): [header("self.example", dns.Record_CNAME("self.example"))],
                **{
                    ("A", f"{n}.example"): [header(f"{n}.example", dns.Record_CNAME(f"{n + 1}.example"))]
                    for n in range(20)
                },
            }
        )
        self.assertEqual(await look_ups.a("a.example"), ["192.0.2.1"])
        self.assertEqual(await look_ups.a("c.example"), ["192.0.2.2"])
        await self.assertFailure(Deferred.fromCoroutine(look_ups.a("nowhere.example")), NoSuchName)
        for name in ("self.example", "0.example"):
            await self.assertFailure(Deferred.fromCoroutine(look_ups.a(name)), TemporarilyUnknown)
        self.assertLess(len(self.names.asked), 20)

    async def test_no_answer(self) -> None:
        look_ups = self.look_ups({("A", "empty.example"): [], ("A", "bad.example"): DNSServerError()})
        self.assertEqual(await look_ups.a("empty.example"), [])
        await self.assertFailure(Deferred.fromCoroutine(look_ups.a("gone.example")), NoSuchName)
        await self.assertFailure(Deferred.fromCoroutine(look_ups.a("bad.example")), TemporarilyUnknown)
        asked = len(self.names.asked)
        for name in ("", ".", "a..b", "x" * 64, "x." * 127 + "y", "ä.example", "a\r\n.example", "a\0b", "a\\.b"):
            await self.assertFailure(Deferred.fromCoroutine(look_ups.a(name)), NoSuchName)
        self.assertEqual(len(self.names.asked), asked)

    async def test_the_deadline_is_for_all_of_it(self) -> None:
        silent: Deferred[Any] = Deferred()
        look_ups = self.look_ups(
            {("A", "a.example"): [header("a.example", dns.Record_CNAME("b.example"))], ("A", "b.example"): silent},
            deadline=5.0,
        )
        answer = Deferred.fromCoroutine(look_ups.a("a.example"))
        self.clock.advance(4.9)
        self.assertNoResult(answer)
        self.clock.advance(0.2)
        self.failureResultOf(answer, TemporarilyUnknown)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    async def test_what_is_kept(self) -> None:
        look_ups = self.look_ups(
            {
                ("A", "a.example"): [
                    header("a.example", dns.Record_A("192.0.2.1"), ttl=100),
                    header("a.example", dns.Record_A("192.0.2.2"), ttl=50),
                ],
                ("A", "never.example"): [header("never.example", dns.Record_A("192.0.2.1"), ttl=0)],
                ("A", "long.example"): [header("long.example", dns.Record_A("192.0.2.1"), ttl=10**9)],
                ("TXT", "large.example"): [header("large.example", dns.Record_TXT(*[b"x" * 250] * 20))],
                ("A", "bad.example"): DNSServerError(),
            }
        )

        async def asked(kind: str, name: str) -> int:
            before = len(self.names.asked)
            try:
                await getattr(look_ups, kind)(name)
            except (NoSuchName, TemporarilyUnknown):
                pass
            return len(self.names.asked) - before

        for name, seconds in (("a.example", 50), ("gone.example", 60), ("long.example", 3600)):
            self.assertEqual(await asked("a", name), 1)
            self.clock.advance(seconds - 0.1)
            self.assertEqual(await asked("a", name), 0, name)
            self.clock.advance(0.2)
            self.assertEqual(await asked("a", name), 1, name)
        for kind, name in (("a", "never.example"), ("a", "bad.example"), ("txt", "large.example")):
            self.assertEqual([await asked(kind, name), await asked(kind, name)], [1, 1], name)

    async def test_no_more_than_so_many_are_kept(self) -> None:
        look_ups = self.look_ups({}, most=3)
        for name in ("a", "b", "c", "a", "d"):
            await self.assertFailure(Deferred.fromCoroutine(look_ups.a(name)), NoSuchName)
        self.assertEqual([name for _, name in self.names.asked], ["a", "b", "c", "d"])
        for name in ("a", "b"):
            await self.assertFailure(Deferred.fromCoroutine(look_ups.a(name)), NoSuchName)
        self.assertEqual([name for _, name in self.names.asked], ["a", "b", "c", "d", "b"])

    async def test_no_more_than_so_many_are_taken(self) -> None:
        look_ups = self.look_ups({("A", "a.example"): [header("a.example", dns.Record_A("192.0.2.1"))] * 1000})
        self.assertEqual(len(await look_ups.a("a.example")), 100)


class NameTests(SynchronousTestCase):
    @given(st.text(max_size=300))
    def test_any_name(self, name: str) -> None:
        try:
            usable = usable_name(name)
        except NoSuchName:
            return
        wire = dns.Name(usable.encode())
        stream = BytesIO()
        wire.encode(stream)
        self.assertLessEqual(len(stream.getvalue()), 255)

    @given(st.ip_addresses())
    def test_reversed(self, address: Any) -> None:
        mapped = address.ipv4_mapped if address.version == 6 else None
        plain = mapped or address
        zone = ".ip6.arpa" if plain.version == 6 else ".in-addr.arpa"
        self.assertEqual(reversed_labels(str(address)) + zone, plain.reverse_pointer)
