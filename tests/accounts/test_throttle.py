from ipaddress import ip_network
from typing import Any

from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule
from twisted.internet import task
from twisted.internet.address import UNIXAddress
from twisted.trial.unittest import SynchronousTestCase

from netdaemon.accounts import throttle as throttle_module
from netdaemon.accounts.bans import LOOK, Bans
from netdaemon.accounts.origin import origin
from netdaemon.accounts.store import Store
from netdaemon.accounts.throttle import ACCOUNT_FACTOR, HOME, Newest, Throttle
from netdaemon.accounts.worker import Inline
from tests.accounts.kit import WALL, folder, peer, settings

HERE = origin(peer("192.0.2.7"))
THERE = origin(peer("198.51.100.9"))


class ThrottleCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = task.Clock()
        self.clock.advance(1000)
        self.store = Store(folder(self.mktemp()), lambda: WALL + self.clock.seconds())
        self.addCleanup(self.store.close)
        self.throttle = self.open()

    def open(self, **keys: Any) -> Throttle:
        made = settings(**{"throttle_failures": 5, **keys})
        wall = lambda: WALL + self.clock.seconds()  # noqa: E731  # one line says it all
        return Throttle(made, self.clock, Bans(self.store, Inline(), self.clock, wall, made.ban))

    def fail(self, *secrets: bytes, name: str = "mulder", where: Any = HERE) -> None:  # type: ignore[override]  # ours
        for secret in secrets:
            self.throttle.failed(name, where, secret)


class DelayTests(ThrottleCase):
    def test_it_doubles_up_to_the_most(self) -> None:
        self.throttle = self.open(throttle_failures=1000)
        waits = [self.throttle.wait("mulder", HERE)]
        for number in range(7):
            self.fail(b"%d" % number)
            waits.append(self.throttle.wait("mulder", HERE))
        self.assertEqual(waits, [0.0, 0.5, 1.0, 2.0, 4.0, 8.0, 8.0, 8.0])

    def test_more_failures_than_powers(self) -> None:
        self.throttle = self.open(throttle_failures=1_000_000)
        for number in range(2000):
            self.fail(b"%d" % number)
        self.assertEqual(self.throttle.wait("mulder", HERE), 8.0)

    def test_it_runs_from_the_last_failure(self) -> None:
        self.fail(b"a", b"b", b"c")
        self.clock.advance(1.5)
        self.assertEqual(self.throttle.wait("mulder", HERE), 0.5)
        self.clock.advance(0.5)
        self.assertEqual(self.throttle.wait("mulder", HERE), 0.0)
        self.fail(b"d")
        self.assertEqual(self.throttle.wait("mulder", HERE), 4.0)

    def test_forgotten_after_the_window(self) -> None:
        self.fail(b"a", b"b")
        self.clock.advance(599)
        self.fail(b"c")
        self.assertEqual(self.throttle.wait("mulder", HERE), 2.0)
        self.clock.advance(600)
        self.fail(b"d")
        self.assertEqual(self.throttle.wait("mulder", HERE), 0.5)

    def test_all_names_of_an_address_count_together(self) -> None:
        for number, name in enumerate(("mulder", "scully", "a name that can't be", "another such")):
            self.assertEqual(self.throttle.wait("skinner", HERE), 0.0 if number == 0 else 0.5 * 2 ** (number - 1))
            self.fail(b"a", name=name)

    def test_other_addresses_do_not_wait_for_it(self) -> None:
        self.fail(b"a", b"b", name="scully")
        self.assertEqual(self.throttle.wait("mulder", THERE), 0.0)

    def test_the_account_waits_everywhere(self) -> None:
        self.fail(b"a")
        self.fail(b"b", where=THERE)
        self.assertEqual(self.throttle.wait("Mulder", origin(peer("203.0.113.1"))), 1.0)

    def test_but_not_at_home(self) -> None:
        self.throttle.succeeded("mulder", THERE)
        self.fail(b"a", b"b")
        self.assertEqual(self.throttle.wait("mulder", THERE), 0.0)
        self.assertEqual(self.throttle.wait("mulder", HERE), 1.0)

    def test_at_home_nobody_pays_for_neighbours(self) -> None:
        self.throttle.succeeded("mulder", HERE)
        self.fail(b"a", b"b", name="scully")
        self.assertEqual(self.throttle.wait("mulder", HERE), 0.0)
        self.assertEqual(self.throttle.wait("scully", HERE), 1.0)
        self.fail(b"a")
        self.assertEqual(self.throttle.wait("mulder", HERE), 0.5)

    def test_not_at_home_for_ever(self) -> None:
        self.throttle.succeeded("mulder", HERE)
        self.clock.advance(HOME - 1)
        self.assertTrue(self.throttle.is_home("mulder", HERE))
        self.clock.advance(1)
        self.assertFalse(self.throttle.is_home("mulder", HERE))

    def test_success_forgets_the_delay(self) -> None:
        self.fail(b"a", b"b")
        self.throttle.succeeded("mulder", HERE)
        self.assertEqual(self.throttle.wait("mulder", HERE), 0.0)

    def test_success_forgets_only_its_own(self) -> None:
        self.fail(b"a", b"b", name="scully")
        self.fail(b"a")
        self.throttle.succeeded("mulder", HERE)
        self.assertEqual(self.throttle.wait("skinner", HERE), 1.0)

    def test_unix_sockets_wait_too(self) -> None:
        self.fail(b"a", where=origin(UNIXAddress("/run/x")))
        self.assertEqual(self.throttle.wait("mulder", origin(UNIXAddress("/run/y"))), 0.5)


class BanTests(ThrottleCase):
    def test_the_address(self) -> None:
        self.fail(b"1", b"2", b"3", b"4", name="scully")
        self.assertEqual(self.throttle.banned("mulder", HERE), 0.0)
        self.fail(b"5", name="skinner")
        self.assertEqual(self.throttle.banned("mulder", HERE), 900.0)
        self.assertEqual(self.throttle.banned("mulder", THERE), 0.0)
        self.assertEqual([(ban.subject, ban.failures) for ban in self.store.bans()], [("192.0.2.7/32", 5)])

    def test_not_what_lies_before_the_window(self) -> None:
        self.fail(b"1")
        self.clock.advance(300)
        self.fail(b"2", b"3", b"4")
        self.clock.advance(300)
        self.fail(b"5")
        self.assertEqual(self.throttle.banned("mulder", HERE), 0.0)
        self.fail(b"6")
        self.assertNotEqual(self.throttle.banned("mulder", HERE), 0.0)

    def test_the_neighbourhood(self) -> None:
        """Three times the failures from four addresses of one /26: the fifth, which did nothing, is banned with it."""
        for host in range(65, 69):
            for number in range(4):
                self.throttle.failed(f"user{number}", origin(peer(f"192.0.2.{host}")), b"%d" % host)
        self.assertEqual([ban.subject for ban in self.store.bans()], ["192.0.2.64/26"])
        self.assertNotEqual(self.throttle.banned("mulder", origin(peer("192.0.2.90"))), 0.0)
        self.assertEqual(self.throttle.banned("mulder", origin(peer("192.0.2.1"))), 0.0)

    def test_every_width(self) -> None:
        for host, factors in (("192.0.2.{}", (1, 3, 6, 60)), ("2001:db8:0:{}::1", (1, 3, 9))):
            self.assertEqual(tuple(factor for _, factor in origin(peer(host.format(1))).networks), factors)

    def test_ipv6_hosts_of_one_64_are_one(self) -> None:
        for number in range(5):
            self.throttle.failed(f"user{number}", origin(peer(f"2001:db8::{number + 1}")), b"x")
        self.assertNotEqual(self.throttle.banned("mulder", origin(peer("2001:db8::ffff"))), 0.0)

    def test_ipv4_in_ipv6_is_ipv4(self) -> None:
        for number in range(5):
            self.throttle.failed(f"user{number}", origin(peer("::ffff:192.0.2.7")), b"x")
        self.assertNotEqual(self.throttle.banned("mulder", HERE), 0.0)
        self.assertEqual(self.throttle.banned("mulder", origin(peer("::ffff:203.0.113.5"))), 0.0)

    def far_and_wide(self, failures: int) -> None:
        for number in range(failures):
            self.throttle.failed("mulder", origin(peer(f"10.{number}.0.1")), b"%d" % number)

    def test_the_account(self) -> None:
        self.far_and_wide(5 * ACCOUNT_FACTOR - 1)
        self.assertEqual(self.throttle.banned("Mulder", THERE), 0.0)
        self.far_and_wide(0)
        self.throttle.failed("MULDER", origin(peer("10.99.0.1")), b"99")
        self.assertEqual(self.throttle.banned("Mulder", THERE), 900.0)
        self.assertEqual(self.throttle.banned("scully", THERE), 0.0)
        self.assertEqual([ban.subject for ban in self.store.bans()], ["mulder"])

    def test_the_account_but_not_at_home(self) -> None:
        self.throttle.succeeded("mulder", HERE)
        self.far_and_wide(5 * ACCOUNT_FACTOR)
        self.assertEqual(self.throttle.banned("mulder", HERE), 0.0)
        self.assertEqual(self.throttle.banned("mulder", THERE), 900.0)

    def test_no_name_bans_an_address(self) -> None:
        """What a peer calls itself never is the subject of a ban unless it can be an account's name."""
        for number in range(50):
            self.throttle.failed("198.51.100.9/32", origin(peer(f"10.{number}.0.1")), b"%d" % number)
        self.assertEqual(self.throttle.banned("198.51.100.9/32", THERE), 0.0)
        self.assertEqual(self.store.bans(), [])

    def test_the_same_secret_counts_once(self) -> None:
        self.fail(*[b"old password"] * 100)
        self.assertEqual(self.throttle.banned("mulder", HERE), 0.0)
        self.assertEqual(self.throttle.wait("mulder", HERE), 0.5, "it waits, and no longer than once")
        self.fail(b"2", b"3", b"4")
        self.assertEqual(self.throttle.banned("mulder", HERE), 0.0)
        self.fail(b"5")
        self.assertEqual(self.throttle.banned("mulder", HERE), 900.0)

    def test_the_same_secret_waits_again(self) -> None:
        self.fail(b"a", b"b")
        self.clock.advance(100)
        self.fail(b"a")
        self.assertEqual(self.throttle.wait("mulder", HERE), 1.0)

    def test_the_same_secret_for_others_counts(self) -> None:
        for name in ("a", "b", "c", "d", "e"):
            self.fail(b"password", name=name)
        self.assertEqual(self.throttle.banned("mulder", HERE), 900.0)

    def test_the_same_secret_after_the_window_counts(self) -> None:
        self.fail(b"1", b"2", b"3", b"4")
        self.clock.advance(600)
        self.fail(b"1", b"2", b"3", b"4", b"5")
        self.assertEqual(self.throttle.banned("mulder", HERE), 900.0)

    def test_unknown_secrets_count_each(self) -> None:
        for _ in range(5):
            self.throttle.failed("mulder", HERE)
        self.assertEqual(self.throttle.banned("mulder", HERE), 900.0)

    def test_success_does_not_open_the_window(self) -> None:
        """An account of his own does not let somebody try all the others."""
        for number in range(4):
            self.fail(b"%d" % number, name="scully")
            self.throttle.succeeded("mulder", HERE)
        self.fail(b"5", name="scully")
        self.assertEqual(self.throttle.banned("scully", HERE), 900.0)
        self.assertEqual(self.throttle.banned("mulder", HERE), 900.0)

    def test_it_ends(self) -> None:
        self.fail(b"1", b"2", b"3", b"4", b"5")
        self.clock.advance(900)
        self.assertEqual(self.throttle.banned("mulder", HERE), 0.0)

    def test_over_a_restart(self) -> None:
        self.fail(b"1", b"2", b"3", b"4", b"5")
        self.clock.advance(100)
        self.assertEqual(self.open().banned("mulder", HERE), 800.0)

    def test_lifted(self) -> None:
        self.fail(b"1", b"2", b"3", b"4", b"5", name="scully")
        self.store.lift(["192.0.2.7/32"])
        self.clock.advance(LOOK)
        self.assertEqual(self.throttle.banned("mulder", HERE), 0.0)
        self.assertEqual(self.throttle.wait("mulder", HERE), 0.0)
        self.fail(b"6", name="scully")
        self.assertEqual(self.throttle.banned("mulder", HERE), 0.0, "it begins anew")


class TrustTests(ThrottleCase):
    def test_delayed_and_not_banned(self) -> None:
        self.throttle = self.open(trusted=(ip_network("192.0.2.0/24"),))
        self.fail(*(b"%d" % number for number in range(1000)))
        self.assertEqual(self.throttle.banned("mulder", HERE), 0.0)
        self.assertEqual(self.throttle.wait("mulder", HERE), 8.0)
        self.assertEqual(self.store.bans(), [])
        self.assertEqual(self.throttle.wait("mulder", THERE), 0.0, "nobody else pays for it")

    def test_not_with_the_net_around_it(self) -> None:
        self.throttle = self.open(trusted=(ip_network("192.0.2.7/32"),))
        for host in range(8, 12):
            for number in range(4):
                self.throttle.failed(f"user{number}", origin(peer(f"192.0.2.{host}")), b"%d" % host)
        self.assertNotEqual(self.throttle.banned("mulder", origin(peer("192.0.2.6"))), 0.0)
        self.assertEqual(self.throttle.banned("mulder", HERE), 0.0)

    def test_loopback_by_default_and_unix_always(self) -> None:
        for where in (origin(peer("127.0.0.1")), origin(peer("::1")), origin(UNIXAddress("/run/x"))):
            self.fail(*(b"%d" % number for number in range(10)), where=where)
            self.assertEqual(self.throttle.banned("mulder", where), 0.0)


class BoundTests(ThrottleCase):
    def test_newest(self) -> None:
        newest: Newest[str, int] = Newest(2)
        for key in ("a", "b", "a", "c"):
            newest.put(key, 1)
        self.assertEqual([newest.get(key) for key in "abc"], [1, None, 1])
        self.assertEqual((len(newest), newest.values()), (2, [1, 1]))
        newest.pop("a")
        newest.pop("absent")
        self.assertEqual(len(newest), 1)

    def test_a_flood(self) -> None:
        for name, most in (("MOST_PLACES", 8), ("MOST_NAMES", 4), ("MOST_SECRETS", 16), ("MOST_HOMES", 8)):
            self.patch(throttle_module, name, most)
        self.throttle = self.open(throttle_failures=1000)
        for number in range(400):
            where = origin(peer(f"10.0.{number % 20}.{number % 251}"))
            self.fail(b"%d" % number, name=f"user{number}", where=where)
            self.fail(b"%d" % number, name=f"user{number}")
            self.throttle.succeeded(f"user{number}", where)
        self.assertLessEqual(len(self.throttle._places), 8)
        self.assertLessEqual(max(len(place) for place in self.throttle._places.values()), 4)
        self.assertLessEqual(len(self.throttle._secrets), 16)
        self.assertLessEqual(len(self.throttle._homes), 8)

    def test_secrets_are_not_kept(self) -> None:
        self.fail(b"trustno1")
        self.assertNotIn(
            "trustno1",
            repr({name: vars(value) for name, value in vars(self.throttle).items() if hasattr(value, "__dict__")}),
        )
        other = self.open()
        other.failed("mulder", HERE, b"trustno1")
        self.assertNotEqual(
            list(self.throttle._secrets._entries), list(other._secrets._entries), "keyed by the process"
        )


class ThrottleMachine(RuleBasedStateMachine):
    """The throttle against a list of everything that happened, looked through anew for each question."""

    path = ""
    runs = 0

    hosts = st.sampled_from(["192.0.2.7", "192.0.2.8", "198.51.100.9", "127.0.0.1"])
    names = st.sampled_from(["mulder", "scully"])

    LIMIT, WINDOW, BAN = 3, 600.0, 700.0

    def __init__(self) -> None:
        super().__init__()
        ThrottleMachine.runs += 1
        self.clock = task.Clock()
        wall = lambda: WALL + self.clock.seconds()  # noqa: E731  # one line says it all
        self.store = Store(folder(f"{self.path}/{self.runs}"), wall)
        keys = settings(throttle_failures=self.LIMIT, throttle_window=self.WINDOW, ban=self.BAN)
        self.throttle = Throttle(keys, self.clock, Bans(self.store, Inline(), self.clock, wall, self.BAN))
        self.counted: list[tuple[float, str]] = []  # (when, subject) of what counts towards a ban
        self.slow: list[tuple[float, str, str, int]] = []  # (when, host, name, 1 or 0 for a repetition)
        self.secrets: dict[tuple[str, bytes], float] = {}
        self.bans: dict[str, float] = {}
        self.homes: set[tuple[str, str]] = set()

    def teardown(self) -> None:
        self.store.close()

    def lately(self, when: float) -> bool:
        return when > self.clock.seconds() - self.WINDOW

    def subjects(self, name: str, host: str) -> dict[str, int]:
        if host == "127.0.0.1":
            return {}
        return {**dict(origin(peer(host)).networks), name: ACCOUNT_FACTOR}

    @rule(seconds=st.sampled_from([0.25, 3.0, 200.0, 500.0, 700.0]))
    def wait(self, seconds: float) -> None:
        self.clock.advance(seconds)

    @rule(name=names, host=hosts, secret=st.sampled_from([b"1", b"2", b"3", b"4", b"5", None]))
    def failed(self, name: str, host: str, secret: bytes | None) -> None:
        self.throttle.failed(name, origin(peer(host)), secret)
        now, again = self.clock.seconds(), False
        if secret is not None:
            again = (name, secret) in self.secrets and self.lately(self.secrets[name, secret])
            if not again:
                self.secrets[name, secret] = now
        before = [entry for entry in self.slow if entry[1:3] == (host, name)]
        if not before or not self.lately(before[-1][0]):
            self.slow = [entry for entry in self.slow if entry not in before]
            before = []
        self.slow.append((now, host, name, 0 if again and before else 1))
        if again:
            return
        self.counted += [(now, subject) for subject in self.subjects(name, host)]
        for subject, factor in self.subjects(name, host).items():
            if sum(self.lately(when) and whose == subject for when, whose in self.counted) >= self.LIMIT * factor:
                self.bans[subject] = now + self.BAN
                self.counted = [entry for entry in self.counted if entry[1] != subject]

    @rule(name=names, host=hosts)
    def succeeded(self, name: str, host: str) -> None:
        self.throttle.succeeded(name, origin(peer(host)))
        self.slow = [entry for entry in self.slow if entry[1:3] != (host, name)]
        self.homes.add((name, host))

    @rule(name=names, host=hosts)
    def banned(self, name: str, host: str) -> None:
        subjects = set(self.subjects(name, host))
        if (name, host) in self.homes:
            subjects.discard(name)
        ends = [self.bans[subject] for subject in subjects if subject in self.bans]
        expected = max([0.0, *(end - self.clock.seconds() for end in ends)])
        assert abs(self.throttle.banned(name, origin(peer(host))) - expected) < 1e-6

    @rule(name=names, host=hosts)
    def delay(self, name: str, host: str) -> None:
        now, home = self.clock.seconds(), (name, host) in self.homes
        waits = [0.0]
        last = {whose: when for when, place, whose, _ in self.slow if place == host and (whose == name or not home)}
        recent = {whose: when for whose, when in last.items() if self.lately(when)}
        count = sum(n for _, place, whose, n in self.slow if place == host and whose in recent)
        if count:
            waits.append(max(recent.values()) + min(8.0, 0.5 * 2 ** (count - 1)) - now)
        times = [when for when, subject in self.counted if subject == name and self.lately(when)]
        if times and not home:
            waits.append(max(times) + min(8.0, 0.5 * 2 ** (len(times) - 1)) - now)
        assert abs(self.throttle.wait(name, origin(peer(host))) - max(waits)) < 1e-6


class ModelTests(SynchronousTestCase):
    def test_against_the_whole_history(self) -> None:
        ThrottleMachine.path = self.mktemp()
        ThrottleMachine.TestCase.settings = hypothesis_settings(max_examples=40, stateful_step_count=60, deadline=None)
        ThrottleMachine.TestCase("runTest").debug()
