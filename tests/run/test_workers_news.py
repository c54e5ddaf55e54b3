"""News of logins between the workers: on the channel, kept for later ones, and in two throttles that are one."""

from __future__ import annotations

import json
from typing import Any

from twisted.internet import task
from twisted.trial.unittest import SynchronousTestCase

from netdaemon.accounts.bans import Bans
from netdaemon.accounts.origin import origin
from netdaemon.accounts.store import Store
from netdaemon.accounts.throttle import HOME, RETELL, News, Throttle
from netdaemon.accounts.worker import Inline
from netdaemon.run.news import Chronicle, message_of, news_of
from tests.accounts.kit import WALL, folder, peer, settings

HERE = origin(peer("192.0.2.7"))
THERE = origin(peer("2001:db8::9"))
KEY = b"k" * 32


class SharedCase(SynchronousTestCase):
    """``self.throttles`` are those of two workers, ``self.said`` what went over the channel."""

    def setUp(self) -> None:
        self.clock = task.Clock()
        self.clock.advance(1000)
        self.store = Store(folder(self.mktemp()), lambda: WALL + self.clock.seconds())
        self.addCleanup(self.store.close)
        self.said: list[bytes] = []
        self.chronicle = Chronicle(self.clock, 600.0)
        self.throttles: list[Throttle] = []
        self.join()
        self.join()

    def join(self) -> Throttle:
        """One more worker, told of what was."""
        made = settings(throttle_failures=5)
        wall = lambda: WALL + self.clock.seconds()  # noqa: E731  # one line says it all
        throttle = Throttle(made, self.clock, Bans(self.store, Inline(), self.clock, wall, made.ban))

        def tell(news: News) -> None:
            data = json.dumps(message_of(news)).encode()
            self.said.append(data)
            self.chronicle.add(news_of(json.loads(data)))
            for other in self.throttles:
                if other is not throttle:
                    other.hear(news_of(json.loads(data)))

        throttle.share(KEY, tell)
        for ago, news in self.chronicle:
            throttle.hear(news, ago)
        self.throttles.append(throttle)
        return throttle


class ThrottleTests(SharedCase):
    def test_delay(self) -> None:
        first, second = self.throttles
        first.failed("mulder", HERE, b"a")
        self.assertEqual(second.wait("mulder", HERE), 0.5)
        second.failed("mulder", HERE, b"b")
        first.failed("scully", HERE, b"c")
        self.assertEqual([one.wait("mulder", HERE) for one in self.throttles], [2.0, 2.0])

    def test_the_same_wrong_password_counts_once(self) -> None:
        for number in range(20):
            self.throttles[number % 2].failed("mulder", HERE, b"the old one")
        self.assertEqual([one.banned("mulder", HERE) for one in self.throttles], [0.0, 0.0])
        self.assertEqual([one.wait("mulder", HERE) for one in self.throttles], [0.5, 0.5])

    def test_ban(self) -> None:
        for number in range(5):
            self.assertEqual([one.banned("mulder", HERE) for one in self.throttles], [0.0, 0.0])
            self.throttles[number % 2].failed("mulder", HERE, b"%d" % number)
        self.assertEqual([one.banned("mulder", HERE) for one in self.throttles], [900.0, 900.0])
        self.assertEqual([one.banned("mulder", THERE) for one in self.throttles], [0.0, 0.0])
        self.assertEqual([ban.subject for ban in self.store.bans()], ["192.0.2.7/32"])

    def test_ban_when_the_news_cross(self) -> None:
        """Each is told of the other's last failure after its own: somebody has to write the ban down."""
        first, second = self.throttles
        held: list[tuple[Throttle, News]] = []
        first.share(KEY, lambda news: held.append((second, news)))
        second.share(KEY, lambda news: held.append((first, news)))
        for number in range(3):
            first.failed("mulder", HERE, b"a%d" % number)
            second.failed("mulder", HERE, b"b%d" % number)
        self.assertEqual(self.store.bans(), [])
        for throttle, news in held:
            throttle.hear(news)
        self.assertEqual([one.banned("mulder", HERE) > 0 for one in self.throttles], [True, True])
        self.assertEqual([ban.subject for ban in self.store.bans()], ["192.0.2.7/32"])

    def test_success(self) -> None:
        first, second = self.throttles
        first.failed("mulder", HERE, b"a")
        first.failed("scully", HERE, b"a")
        second.succeeded("Mulder", HERE)
        self.assertTrue(first.is_home("mulder", HERE))
        self.assertEqual([one.wait("mulder", HERE) for one in self.throttles], [0.0, 0.0])
        self.assertEqual([one.wait("skinner", HERE) for one in self.throttles], [0.5, 0.5])

    def test_success_is_told_when_it_says_something(self) -> None:
        first = self.throttles[0]
        first.succeeded("mulder", HERE)
        first.succeeded("mulder", HERE)
        self.assertEqual(len(self.said), 1)
        first.succeeded("mulder", THERE)
        self.assertEqual(len(self.said), 2)
        first.failed("mulder", HERE, b"a")
        first.succeeded("mulder", HERE)
        self.assertEqual(len(self.said), 4)
        self.clock.advance(RETELL + 1)
        first.succeeded("mulder", HERE)
        self.assertEqual(len(self.said), 5)

    def test_no_password_is_told(self) -> None:
        for secret in (b"trustno1", None):
            self.throttles[0].failed("mulder", HERE, secret)
        self.throttles[0].failed("trustno1 in the wrong place", HERE, b"trustno1")
        self.assertEqual(len(self.said), 3)
        for data in self.said:
            self.assertNotIn(b"trustno1", data)
            self.assertNotIn(b"trustno1".hex().encode(), data)

    def test_a_later_worker(self) -> None:
        """It knows who failed and who is at home, and bans nobody anew."""
        first, second = self.throttles
        first.succeeded("scully", THERE)
        for number in range(4):
            first.failed("mulder", HERE, b"%d" % number)
        self.clock.advance(3)
        third = self.join()
        self.assertEqual(third.wait("mulder", HERE), second.wait("mulder", HERE))
        self.assertTrue(third.is_home("scully", THERE))
        third.failed("mulder", HERE, b"4")
        self.assertEqual([one.banned("mulder", HERE) for one in self.throttles], [900.0] * 3)
        self.clock.advance(100)
        fourth = self.join()
        self.assertEqual(fourth.banned("mulder", HERE), 800.0)  # from the database
        self.store.lift(["192.0.2.7/32"])
        self.clock.advance(1)
        fifth = self.join()
        self.assertEqual([one.banned("mulder", HERE) for one in (*self.throttles[:3], fourth, fifth)], [0.0] * 5)

    def test_unix_sockets(self) -> None:
        local = origin(object())  # type: ignore[arg-type]  # as a UNIX address, which has no host
        self.throttles[0].failed("mulder", local, b"a")
        self.assertEqual(self.throttles[1].wait("mulder", local), 0.5)


class ChronicleTests(SharedCase):
    def test_in_order(self) -> None:
        for failed in (True, False, True):
            self.chronicle.add(News(failed, "mulder", HERE.text))
            self.clock.advance(1)
        self.assertEqual([(ago, news.failed) for ago, news in self.chronicle], [(3.0, True), (2.0, False), (1.0, True)])

    def test_never_now(self) -> None:
        self.chronicle.add(News(True, "mulder", HERE.text))
        self.assertTrue(all(ago > 0 for ago, _ in self.chronicle))

    def test_forgets(self) -> None:
        self.chronicle.add(News(True, "mulder", HERE.text))
        self.chronicle.add(News(False, "mulder", HERE.text))
        self.clock.advance(600)
        self.assertEqual([news.failed for _, news in self.chronicle], [False])
        self.clock.advance(HOME)
        self.assertEqual(list(self.chronicle), [])

    def test_one_success_for_each_place(self) -> None:
        for _ in range(3):
            self.chronicle.add(News(False, "mulder", HERE.text))
        self.assertEqual(len(list(self.chronicle)), 1)


class MessageTests(SharedCase):
    def test_there_and_back(self) -> None:
        for news in (
            News(True, "mulder", "192.0.2.7", b"\x00\xff"),
            News(True, "", "2001:db8::9"),
            News(False, "mulder", "local"),
        ):
            self.assertEqual(news_of(json.loads(json.dumps(message_of(news)))), news)

    def test_nonsense(self) -> None:
        good: dict[str, Any] = {"failed": True, "account": "mulder", "where": "192.0.2.7", "mac": None}
        for name, value in (
            ("failed", 1),
            ("account", None),
            ("account", "x" * 65),
            ("where", 3),
            ("where", "1" * 65),
            ("mac", "xyz"),
            ("mac", 5),
        ):
            with self.assertRaises((TypeError, ValueError), msg=f"{name} = {value!r}"):
                news_of(good | {name: value})
        for name in good:
            with self.assertRaises(KeyError):
                news_of({key: value for key, value in good.items() if key != name})

    def test_no_account_or_place(self) -> None:
        for news in (News(True, "MULDER", HERE.text), News(True, "mulder", "nowhere"), News(True, "a b", HERE.text)):
            with self.assertRaises(ValueError):
                self.throttles[0].hear(news)
