import json
import time

from netdaemon.accounts.store import Ban
from netdaemon.cli.ban import held_by, shown
from tests.cli.accounts import CommandCase


class BanCase(CommandCase):
    def setUp(self) -> None:
        super().setUp()
        self.now = time.time()
        self.daemons = self.store()
        self.subjects = ["192.0.2.0/24", "192.0.2.7/32", "198.51.100.9/32", "2001:db8::/64", "mulder"]
        self.daemons.put_bans(self.ban(subject) for subject in self.subjects)

    def ban(self, subject: str) -> Ban:
        return Ban(subject, self.now, self.now + 900, 20)

    def left(self) -> list[str]:
        return [ban.subject for ban in self.daemons.bans()]


class ListTests(BanCase):
    def test_text(self) -> None:
        lines = self.good("ban", "list").splitlines()
        self.assertEqual(lines[0].split(), ["BANNED", "FAILURES", "SINCE", "UNTIL"])
        self.assertEqual(
            [line.split()[:2] for line in lines[1:]],
            [
                ["192.0.2.0/24", "20"],
                ["192.0.2.7", "20"],
                ["198.51.100.9", "20"],
                ["2001:db8::/64", "20"],
                ["mulder", "20"],
            ],
        )

    def test_json(self) -> None:
        bans = json.loads(self.good("ban", "list", "--json"))
        self.assertEqual(
            bans[1],
            {"subject": "192.0.2.7", "kind": "network", "since": self.now, "until": self.now + 900, "failures": 20},
        )
        self.assertEqual((bans[4]["subject"], bans[4]["kind"]), ("mulder", "account"))

    def test_none(self) -> None:
        self.good("ban", "lift", "all")
        self.assertEqual(self.good("ban", "list"), "BANNED  FAILURES  SINCE  UNTIL\n")
        self.assertEqual(json.loads(self.good("ban", "list", "--json")), [])


class LiftTests(BanCase):
    def test_an_address_with_what_lies_around_it(self) -> None:
        self.assertEqual(self.good("ban", "lift", "192.0.2.7"), "192.0.2.0/24\n192.0.2.7\n")
        self.assertEqual(self.left(), self.subjects[2:])
        self.assertEqual(self.daemons.lifted(), 1)

    def test_ipv6(self) -> None:
        self.assertEqual(self.good("ban", "lift", "2001:db8::42"), "2001:db8::/64\n")

    def test_ipv4_in_ipv6(self) -> None:
        self.assertEqual(self.good("ban", "lift", "::ffff:198.51.100.9"), "198.51.100.9\n")

    def test_one_network(self) -> None:
        self.assertEqual(self.good("ban", "lift", "192.0.2.0/24"), "192.0.2.0/24\n")
        self.assertEqual(self.left(), self.subjects[1:])

    def test_an_account(self) -> None:
        self.assertEqual(self.good("ban", "lift", "Mulder"), "mulder\n")
        self.assertEqual(self.left(), self.subjects[:4])

    def test_all(self) -> None:
        self.assertEqual(len(self.good("ban", "lift", "all").splitlines()), 5)
        self.assertEqual(self.left(), [])
        self.assertEqual(self.good("ban", "lift", "all"), "")

    def test_nothing_by_that_name(self) -> None:
        for wanted in ("203.0.113.1", "203.0.113.0/24", "scully", "a b", ""):
            self.assertEqual(self.bad("ban", "lift", wanted), f"no ban holds for {wanted}")
        self.assertEqual(self.left(), self.subjects)

    def test_an_account_called_like_an_address(self) -> None:
        bans = [self.ban("192.0.2.7"), self.ban("192.0.2.7/32"), self.ban("10.0.0.1")]
        self.assertEqual(list(held_by("192.0.2.7", bans)), ["192.0.2.7", "192.0.2.7/32"])

    def test_shown(self) -> None:
        for subject, text in (("192.0.2.7/32", "192.0.2.7"), ("2001:db8::/32", "2001:db8::/32"), ("mulder", "mulder")):
            self.assertEqual(shown(subject), text)
