"""Who gets what: aliases, folders of accounts, groups, forwards, and what is nobody's."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from netdaemon.mail import addressmap
from netdaemon.mail.addresses import Address, parse_address
from netdaemon.mail.addressmap import AddressMap, TooManyAddresses
from netdaemon.mail.aliases import Target, parse_aliases

ALIASES = """
postmaster: mulder
sales: mulder, scully+deals, partner@example.com
owner-sales: scully
scully: scully, Scully@example.net
all: sales, skinner, all2
all2: all, partner@EXAMPLE.com
a: b
b: a
top: left, right
left: bottom
right: bottom
bottom: skinner
@old.example: mulder
info@old.example: skinner
lists: mulder
circle: circle+x
"""


def make(aliases: str = ALIASES, **settings: str) -> AddressMap:
    return AddressMap(
        ("spam.egg", "old.example", "bücher.example"),
        parse_aliases(aliases, Path("aliases")),
        {"mulder", "scully", "skinner", "bottom", "circle"}.__contains__,
        **settings,
    )


class RouteTests(SynchronousTestCase):
    def route(self, address: str, addresses: AddressMap | None = None) -> list[str]:
        """Mailboxes as ACCOUNT/DETAIL, then addresses."""
        found = (addresses or make()).route(parse_address(address))
        return [f"{one.account}/{one.detail}" for one in found.mailboxes] + [
            str(one.address) for one in found.elsewhere
        ]

    def test_accounts(self) -> None:
        self.assertEqual(self.route("mulder@spam.egg"), ["mulder/"])
        self.assertEqual(self.route("MULDER@SPAM.EGG"), ["mulder/"])
        self.assertEqual(self.route("mulder@xn--bcher-kva.example"), ["mulder/"])
        self.assertEqual(self.route("mulder+Lists@spam.egg"), ["mulder/lists"])
        self.assertEqual(self.route("mulder+a+b@spam.egg"), ["mulder/a+b"])
        self.assertEqual(self.route("mulder+@spam.egg"), [])
        self.assertEqual(self.route("+x@spam.egg"), [])
        self.assertEqual(self.route("nobody@spam.egg"), [])
        self.assertEqual(self.route('"mul der"@spam.egg'), [])

    def test_elsewhere(self) -> None:
        self.assertEqual(self.route("mulder@example.com"), ["mulder@example.com"])
        (one,) = make().route(parse_address("mulder@example.com")).elsewhere
        self.assertIsNone(one.by)

    def test_another_separator_or_none(self) -> None:
        self.assertEqual(self.route("mulder-x@spam.egg", make(separator="-")), ["mulder/x"])
        self.assertEqual(self.route("mulder+x@spam.egg", make(separator="")), [])

    def test_groups(self) -> None:
        sales = ["mulder/", "scully/deals", "partner@example.com", "Scully@example.net"]
        self.assertEqual(self.route("Sales@spam.egg"), sales)
        route = make().route(parse_address("sales@spam.egg"))
        self.assertEqual((str(route.owner), route.expanded), ("owner-sales@spam.egg", True))
        self.assertEqual({str(one.by) for one in route.elsewhere}, {"sales@spam.egg"})
        self.assertIsNone(make().route(parse_address("lists@spam.egg")).owner)

    def test_an_alias_that_names_itself_is_the_account(self) -> None:
        self.assertEqual(self.route("scully@spam.egg"), ["scully/", "Scully@example.net"])
        self.assertEqual(self.route("circle@spam.egg"), ["circle/x"])

    def test_circles_and_duplicates(self) -> None:
        self.assertEqual(self.route("a@spam.egg"), [])
        both = make("m: mulder, scully\nmulder: scully\nscully: mulder")
        for name in ("m", "mulder", "scully"):  # whichever way it is reached: nobody is lost
            self.assertEqual(sorted(self.route(f"{name}@spam.egg", both)), ["mulder/", "scully/"])
        self.assertEqual(
            self.route("all@spam.egg"),
            ["skinner/", "mulder/", "scully/deals", "partner@example.com", "Scully@example.net"],
        )

    def test_two_ways_to_one_alias(self) -> None:
        """The second one is not taken for a way back: the account bottom gets nothing."""
        self.assertEqual(self.route("top@spam.egg"), ["skinner/"])

    def test_details_are_handed_on(self) -> None:
        self.assertEqual(self.route("lists+python@spam.egg"), ["mulder/python"])

    def test_domains(self) -> None:
        self.assertEqual(self.route("anybody@old.example"), ["mulder/"])
        self.assertEqual(self.route("info@old.example"), ["skinner/"])
        self.assertEqual(self.route("info@spam.egg"), [])
        self.assertEqual(self.route("skinner@old.example"), ["skinner/"])

    def test_catch_all_and_postmaster(self) -> None:
        self.assertEqual(self.route("x@spam.egg", make("", catch_all="mulder")), ["mulder/"])
        self.assertEqual(self.route("x@spam.egg", make("", catch_all="all@example.com")), ["all@example.com"])
        self.assertEqual(self.route("x@spam.egg", make("", catch_all="no-such")), [])
        self.assertEqual(self.route("Postmaster@spam.egg", make("", postmaster="scully")), ["scully/"])
        self.assertEqual(self.route("Postmaster@spam.egg", make(postmaster="scully")), ["mulder/"])
        self.assertEqual(
            self.route("postmaster@spam.egg", make("", catch_all="mulder", postmaster="scully")), ["scully/"]
        )

    def test_members(self) -> None:
        members = make().members(parse_address("SALES@spam.egg"))
        assert members is not None
        self.assertEqual(list(map(str, members)), ["mulder@spam.egg", "scully+deals@spam.egg", "partner@example.com"])
        for none in ("mulder@spam.egg", "sales+x@spam.egg", "sales@example.com"):
            self.assertIsNone(make().members(parse_address(none)))

    def test_too_many(self) -> None:
        self.patch(addressmap, "MOST", 21)
        twenty = "group: " + ", ".join(f"x{n}@example.com" for n in range(20))
        self.assertEqual(len(self.route("group@spam.egg", make(twenty))), 20)
        self.assertRaises(TooManyAddresses, self.route, "group@spam.egg", make(twenty + ", y@example.com"))

    def test_each_account_is_asked_for_once(self) -> None:
        asked: list[str] = []

        def exists(name: str) -> bool:
            asked.append(name)
            return True

        addresses = AddressMap(("spam.egg",), parse_aliases(ALIASES, Path("aliases")), exists)
        for address, names in (("mulder@spam.egg", ["mulder"]), ("scully@spam.egg", ["scully"]), ("a@spam.egg", "ab")):
            asked.clear()
            addresses.route(parse_address(address))
            self.assertEqual(sorted(asked), list(names))

    def test_who_cannot_be_asked_is_not_nobody(self) -> None:
        def broken(name: str) -> bool:
            raise RuntimeError("the accounts are away")

        addresses = AddressMap(("spam.egg",), {}, broken)
        self.assertRaises(RuntimeError, addresses.route, parse_address("x@spam.egg"))


NAMES = st.sampled_from(["a", "b", "c", "d", "e", "f"])
TARGETS = st.one_of(NAMES.map(Target), NAMES.map(lambda name: Target(address=Address(name, "far.example"))))


class PropertyTests(SynchronousTestCase):
    @given(
        st.dictionaries(NAMES, st.lists(TARGETS, min_size=1, max_size=4).map(tuple), max_size=6),
        st.sets(NAMES),
        NAMES,
        st.sampled_from(["", "a", "x@far.example"]),
    )
    def test_it_ends_and_loses_nobody(
        self, aliases: dict[str, tuple[Target, ...]], accounts: set[str], start: str, catch_all: str
    ) -> None:
        """As the definition has it, written as plain reachability: what is found is what can be reached."""
        keyed = {(name, ""): targets for name, targets in aliases.items()}
        route = AddressMap(("here.example",), keyed, accounts.__contains__, catch_all=catch_all).route(
            Address(start, "here.example")
        )

        def leads_to(name: str) -> set[str]:
            targets = aliases.get(name, ())
            if not targets and name not in accounts and catch_all and "@" not in name:
                targets = (Target(catch_all) if catch_all == "a" else Target(address=Address("x", "far.example")),)
            return {str(target) for target in targets}

        def reachable(names: set[str]) -> set[str]:
            reached: set[str] = set()
            while names - reached:
                reached |= names
                names = {further for name in names for further in leads_to(name)}
            return reached

        reached = reachable({start})
        self.assertEqual({str(one.address) for one in route.elsewhere}, {name for name in reached if "@" in name})
        self.assertEqual(
            sorted(one.account for one in route.mailboxes),
            sorted(name for name in reached & accounts if name not in aliases or name in reachable(leads_to(name))),
        )
