"""What a mirror makes of two trees."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from netdaemon.protocols.ftp.client.plan import Choice, Copy, Item, compare, parents

FOLDER = Item("dir")
LINK = Item("link")


def document(size: int = 1, modified: float | None = 100.0, precision: float = 1.0) -> Item:
    return Item("file", size, modified, precision)


class CompareTests(SynchronousTestCase):
    def test_the_same(self) -> None:
        tree = {"d": FOLDER, "d/a": document(), "b": document()}
        plan = compare(tree, tree, delete=True)
        self.assertEqual((plan.delete, plan.remove, plan.make, plan.copy, plan.same), ([], [], [], [], 2))

    def test_new(self) -> None:
        plan = compare({"d": FOLDER, "d/e": FOLDER, "d/e/a": document(5), "b": document(7)}, {})
        self.assertEqual(plan.make, ["d", "d/e"])
        self.assertEqual(plan.copy, [Copy("b", document(7), None), Copy("d/e/a", document(5), None)])
        self.assertEqual(plan.octets, 12)

    def test_size_and_time(self) -> None:
        for there, same in (
            (document(2), False),
            (document(1, 101.0), False),
            (document(1, 99.0), False),
            (document(1, 100.9), True),
            (document(1, 130.0, 60.0), True),
            (document(1, 160.0, 60.0), False),
            (document(1, None), True),
            (Item("file", None, 100.0), False),
        ):
            self.assertEqual(bool(compare({"a": document()}, {"a": there}).same), same, there)

    def test_where_times_cannot_be_set(self) -> None:
        for modified, same in ((101.0, True), (1000.0, True), (99.0, False)):
            plan = compare({"a": document()}, {"a": document(1, modified)}, keeps_times=False)
            self.assertEqual(bool(plan.same), same)

    def test_deleting(self) -> None:
        target = {"a": document(), "d": FOLDER, "d/b": document(), "d/e": FOLDER, "l": LINK}
        plan = compare({}, target)
        self.assertEqual((plan.delete, plan.remove), ([], []))
        plan = compare({}, target, delete=True)
        self.assertEqual((plan.delete, plan.remove), (["a", "d/b", "l"], ["d/e", "d"]))

    def test_not_where_nobody_could_look(self) -> None:
        target = {"d": FOLDER, "d/e": FOLDER, "d/e/a": document(), "a": document()}
        plan = compare({"d": FOLDER}, target, delete=True, unknown={"d"})
        self.assertEqual((plan.delete, plan.remove), (["a"], []))
        self.assertEqual(compare({}, target, delete=True, unknown={""}).delete, [])

    def test_links_are_left_as_they_are(self) -> None:
        plan = compare({"a": LINK, "b": Item("other")}, {"a": document(), "b": FOLDER}, delete=True)
        self.assertEqual((plan.delete, plan.remove, plan.copy), ([], [], []))

    def test_one_in_the_other_s_place(self) -> None:
        source = {"a": document(), "d": FOLDER, "d/x": document()}
        target = {"a": FOLDER, "a/y": document(), "d": LINK}
        plan = compare(source, target)
        self.assertEqual([path for path, why in plan.problems], ["a", "d"])
        self.assertEqual((plan.make, plan.copy, plan.delete, plan.remove), ([], [], [], []))
        plan = compare(source, target, delete=True)
        self.assertEqual((plan.delete, plan.remove, plan.make), (["a/y", "d"], ["a"], ["d"]))
        self.assertEqual([copy.path for copy in plan.copy], ["a", "d/x"])


NAMES = st.sampled_from(["a", "b", "a/a", "a/b", "a/b/a", "b/a", "b/a/a"])
ITEMS = st.sampled_from([FOLDER, LINK, document(), document(2), document(1, 200.0)])


def grown(items: dict[str, Item]) -> dict[str, Item]:
    """The items whose folders are there."""
    return {path: item for path, item in items.items() if all(items.get(above) == FOLDER for above in parents(path))}


TREES = st.dictionaries(NAMES, ITEMS).map(grown)


class PropertyTests(SynchronousTestCase):
    @given(TREES, TREES)
    def test_the_plan_makes_them_the_same(self, source: dict[str, Item], target: dict[str, Item]) -> None:
        plan = compare(source, target, delete=True)
        self.assertEqual(plan.problems, [])
        made = dict(target)
        for path in plan.delete:
            self.assertNotEqual(made.pop(path), FOLDER)
        for path in plan.remove:
            self.assertEqual(made.pop(path), FOLDER)
            self.assertFalse([other for other in made if other.startswith(path + "/")], "it is empty by then")
        for path in plan.make:
            self.assertNotIn(path, made)
            self.assertTrue(all(made.get(above) == FOLDER for above in parents(path)))
            made[path] = FOLDER
        for copy in plan.copy:
            self.assertTrue(all(made.get(above) == FOLDER for above in parents(copy.path)))
            made[copy.path] = copy.item
        links = {path for path, item in source.items() if item == LINK}
        for path in links:  # of these nothing is made, and nothing is taken
            made.pop(path, None)
        beneath = {path for path in made if any(above in links for above in parents(path))}
        wanted = {path: item for path, item in source.items() if item != LINK}
        self.assertEqual({path: item for path, item in made.items() if path not in beneath}, wanted)

    @given(TREES, TREES)
    def test_without_delete_nothing_is(self, source: dict[str, Item], target: dict[str, Item]) -> None:
        plan = compare(source, target)
        self.assertEqual((plan.delete, plan.remove), ([], []))


class ChoiceTests(SynchronousTestCase):
    def test_globs(self) -> None:
        for choice, path, folder, taken in (
            (Choice(), "a/b", False, True),
            (Choice(exclude=["*.o"]), "a/b.o", False, False),
            (Choice(exclude=["*.o"]), "a/b.c", False, True),
            (Choice(exclude=["build"]), "a/build", True, False),
            (Choice(exclude=["/build"]), "a/build", True, True),
            (Choice(exclude=["/build"]), "build", True, False),
            (Choice(exclude=["a/*"]), "a/b", False, False),
            (Choice(exclude=["a/*"]), "c/a/b", False, True),
            (Choice(include=["*.c"]), "a/b.c", False, True),
            (Choice(include=["*.c"]), "a/b.o", False, False),
            (Choice(include=["*.c"]), "a", True, True),
            (Choice(include=["*.c"], exclude=["x*"]), "x.c", False, False),
            (Choice(exclude=["[AB]"]), "a", False, True),
        ):
            self.assertEqual(choice.takes(path, folder), taken, (choice, path))
