"""The bench's own arithmetic, its tables and its page; how quick anything is, no test says."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from tests.bench import __main__ as command
from tests.bench import page, parts
from tests.bench.figures import BUSY, CPU, LOAD_BUSY, OTHERS, RATE, Goal, Run, Spread, judge, ratio, spreads
from tests.bench.loads import parse_h2load, parse_wrk
from tests.bench.part import Column, Later, Part, Script, Variant, work_columns
from tests.bench.processes import Missing, Server
from tests.bench.rounds import Results, run


def runs(rate: float, cpu: float, busy: float = 1.0, load: float = 0.5) -> dict[str, Spread]:
    """The spreads of one run."""
    return spreads([{RATE: rate, CPU: cpu, BUSY: busy, LOAD_BUSY: load}])


def nobody(folder: Path) -> Server:
    raise Missing("nobody is not installed")


def nothing(server: Server, seconds: float) -> Run:
    raise AssertionError("no load without a server")


def part(*goals: Goal) -> Part:
    variants = tuple(Variant(name, nobody, nothing) for name in ("ours", "theirs", "nobody"))
    return Part("p.q", "A part", "About it.", work_columns("things"), variants, "theirs", goals)


class SpreadTests(SynchronousTestCase):
    def test_odd_and_even(self) -> None:
        self.assertEqual(Spread.of([5, 1, 2]), Spread(2, 1, 5))
        self.assertEqual(Spread.of([4, 1, 2, 9]), Spread(3, 1, 9))

    @given(st.lists(st.floats(0, 1e9), min_size=1, max_size=9))
    @settings(deadline=None, max_examples=50)
    def test_order(self, values: list[float]) -> None:
        spread = Spread.of(values)
        self.assertTrue(spread.least <= spread.median <= spread.most)
        self.assertEqual(spread, Spread.of(values[::-1]))

    def test_only_columns_of_every_run(self) -> None:
        self.assertEqual(spreads([{"a": 1.0, "b": 2.0}, {"a": 3.0}]), {"a": Spread(2, 1, 3)})


class GoalTests(SynchronousTestCase):
    def test_rate_at_the_bound_and_below(self) -> None:
        goal = Goal("ours", RATE, "theirs", least=1.5)
        self.assertTrue(judge(goal, {"ours": runs(150, 6), "theirs": runs(100, 10)}).reached)
        verdict = judge(goal, {"ours": runs(149, 6), "theirs": runs(100, 10)})
        self.assertFalse(verdict.reached)
        self.assertEqual(verdict.value, 1.49)
        self.assertFalse(verdict.by_cpu)

    def test_most_at_the_bound_and_beyond(self) -> None:
        goal = Goal("ours", CPU, "theirs", most=1.2)
        self.assertTrue(judge(goal, {"ours": runs(1, 12), "theirs": runs(1, 10)}).reached)
        self.assertFalse(judge(goal, {"ours": runs(1, 13), "theirs": runs(1, 10)}).reached)

    def test_paced_by_the_load_is_judged_by_cpu(self) -> None:
        """A peer that can do more than the generator asks of it is not measured by its rate."""
        results = {"ours": runs(100, 10), "theirs": runs(100, 5, busy=0.5, load=1.0)}
        verdict = judge(Goal("ours", RATE, "theirs", least=1.0), results)
        self.assertTrue(verdict.by_cpu)
        self.assertEqual(verdict.value, 0.5)
        self.assertFalse(verdict.reached)

    def test_as_it_is(self) -> None:
        results = {"ours": runs(100, 10), "theirs": runs(100, 5, busy=0.5, load=1.0)}
        self.assertTrue(judge(Goal("ours", RATE, "theirs", least=1.0, as_it_is=True), results).reached)

    def test_busy_server_sets_its_own_pace(self) -> None:
        results = {"ours": runs(100, 10, busy=1.0, load=0.95), "theirs": runs(50, 20)}
        self.assertFalse(judge(Goal("ours", RATE, "theirs", least=1.0), results).by_cpu)

    def test_figure_of_its_own(self) -> None:
        memory = {"ours": spreads([{"memory": 1.9}, {"memory": 2.1}])}
        self.assertTrue(judge(Goal("ours", "memory", most=2.0), memory).reached)
        self.assertFalse(judge(Goal("ours", "memory", most=1.9), memory).reached)

    def test_missing_is_not_reached(self) -> None:
        goal = Goal("ours", RATE, "theirs", least=1.0)
        for results in ({}, {"ours": runs(1, 1)}, {"theirs": runs(1, 1)}):
            verdict = judge(goal, results)
            self.assertIsNone(verdict.value)
            self.assertFalse(verdict.reached)

    def test_ratio_to_nothing(self) -> None:
        self.assertIsNone(ratio(runs(1, 1), runs(0, 1), RATE))

    def test_wording(self) -> None:
        self.assertEqual(Goal("a", RATE, "nginx", least=1.1).wording(), "at least 1.1 x nginx")
        self.assertEqual(Goal("a", "memory", most=28.0).wording(), "at most 28")


class TableTests(SynchronousTestCase):
    def test_lined_up(self) -> None:
        self.assertEqual(
            page.table([["", "things/s"], ["a", "1"], ["longer", "1,000"]]),
            "|        | things/s |\n| ------ | -------: |\n| a      |        1 |\n| longer |    1,000 |",
        )

    def test_figures(self) -> None:
        rate = Column(RATE, "things/s", 1, "more")
        self.assertEqual(page.figure(Spread(1234.56, 1000, 2000), rate), "1,234.6 (1,000.0 to 2,000.0)")
        self.assertEqual(page.figure(Spread(3.01, 3.0, 3.02), rate), "3.0")
        self.assertEqual(page.figure(Spread(0.987, 0.9, 1.0), Column(BUSY, "core")), "99 %")

    def test_section(self) -> None:
        goals = (Goal("ours", RATE, "theirs", least=2.0), Goal("ours", RATE, "nobody", least=1.0))
        spread = {"ours": runs(150, 5), "theirs": runs(100, 10, busy=0.5, load=0.99)}
        spread["theirs"][OTHERS] = Spread(0.1, 0.1, 0.2)
        text = page.section(Results(part(*goals), 3, 2.0, spread, {"nobody": "nobody is not installed"}))
        self.assertIn("### A part\n\nAbout it.\n\n", text)
        self.assertIn("| theirs (paced by the load) |", text)
        self.assertRegex(text, r"\| ours +\| +150 \| +5\.0 \| +100 % \| +50 % \| +1\.50 \| +0\.50 \|")
        self.assertRegex(text, r"ours: CPU us each, for its rate \| at least 2 x theirs \| 2\.00 +\| reached +\|")
        self.assertRegex(text, r"ours: things/s +\| at least 1 x nobody \| +\| not measured \|")
        self.assertIn("`make bench ONLY=p.q`, 3 runs each of 2 s, disturbed: others used up to 20 %", text)
        self.assertTrue(text.endswith("left out: nobody (nobody is not installed)."))


class RoundsTests(SynchronousTestCase):
    def test_missing_peers_are_skipped_by_name(self) -> None:
        folder = Path(self.mktemp())
        folder.mkdir()
        said: list[str] = []
        results = run(part(), folder, 2, 1.0, said.append)
        self.assertEqual(set(results.skipped), {"ours", "theirs", "nobody"})
        self.assertEqual(results.spreads, {})
        self.assertIn("p.q: nobody is left out: nobody is not installed", said)
        self.assertIn("Nothing could be measured.", page.section(results))


class PageTests(SynchronousTestCase):
    later = (Later("FTP", "vsftpd", "vsftpd", "RETR"),)

    def text(self, **sections: str) -> str:
        return page.Page(sections).text(["one", "two"], self.later, "## Notes\n\nBy hand.\n")

    def test_what_is_written_is_read(self) -> None:
        sections = {"machine": "## The machine", "one": "### One\n\n| 1 |", "two": "### Two"}
        text = self.text(**sections)
        self.assertEqual(page.Page.parse(text).sections, sections)
        self.assertTrue(text.endswith("## Notes\n\nBy hand.\n"))
        self.assertIn("vsftpd", text)

    def test_a_part_replaces_only_its_own(self) -> None:
        old = self.text(machine="m", one="1", two="2")
        new = page.Page.parse(old).updated({"two": "two anew"}).text(["one", "two"], self.later, "notes")
        self.assertEqual(page.Page.parse(new).sections, {"machine": "m", "one": "1", "two": "two anew"})

    def test_order_is_the_registry_s(self) -> None:
        text = self.text(two="22", one="11", gone="no part any more")
        self.assertLess(text.index("11"), text.index("22"))
        self.assertNotIn("gone", text)


class WrkTests(SynchronousTestCase):
    GOOD = "Running 1s test\n  102345 requests in 1.10s, 118.3MB read\nRequests/sec:  93041.2\n"

    def test_good(self) -> None:
        done = parse_wrk(self.GOOD)
        self.assertEqual((done.units, done.seconds), (102345, 1.10))
        self.assertEqual(parse_wrk("7 requests in 500.00ms, 1KB read").seconds, 0.5)

    def test_wrong_answers_are_no_result(self) -> None:
        for wrong in ("  Non-2xx or 3xx responses: 3\n", "  Socket errors: connect 0, read 7, write 0, timeout 0\n"):
            with self.assertRaises(RuntimeError):
                parse_wrk(self.GOOD + wrong)
        parse_wrk(self.GOOD + "  Socket errors: connect 0, read 0, write 0, timeout 0\n")

    def test_nothing_said(self) -> None:
        with self.assertRaises(RuntimeError):
            parse_wrk("unable to connect")


class H2LoadTests(SynchronousTestCase):
    GOOD = (
        "finished in 2.00s, 9048.00 req/s, 10.17MB/s\n"
        "requests: 18096 total, 18224 started, 18096 done, 18096 succeeded, 0 failed, 0 errored, 0 timeout\n"
        "status codes: 18096 2xx, 0 3xx, 0 4xx, 0 5xx\n"
    )

    def test_good(self) -> None:
        done = parse_h2load(self.GOOD)
        self.assertEqual((done.units, done.seconds), (18096, 2.0))
        self.assertEqual(parse_h2load(self.GOOD.replace("2.00s", "500.00ms")).seconds, 0.5)

    def test_wrong_answers_are_no_result(self) -> None:
        for right, wrong in (
            ("0 failed", "1 failed"),
            ("0 timeout", "2 timeout"),
            ("18096 2xx, 0 3xx", "18095 2xx, 1 3xx"),
        ):
            with self.assertRaises(RuntimeError):
                parse_h2load(self.GOOD.replace(right, wrong))
        with self.assertRaises(RuntimeError):
            parse_h2load("unable to connect")


class RegistryTests(SynchronousTestCase):
    def test_names_are_unique(self) -> None:
        names = [one.name for one in parts.PARTS]
        self.assertEqual(len(names), len(set(names)))

    def test_variants_columns_and_goals_fit(self) -> None:
        for one in parts.PARTS:
            if isinstance(one, Script):
                continue
            names = [variant.name for variant in one.variants]
            columns = {column.name for column in one.columns}
            self.assertEqual(len(names), len(set(names)), one.name)
            self.assertIn(one.against, names)
            for goal in one.goals:
                self.assertIn(goal.ours, names)
                self.assertIn(goal.column, columns)
                self.assertTrue(goal.against is None or goal.against in names, f"{one.name}: {goal}")
                self.assertNotEqual(goal.least is None, goal.most is None, f"{one.name}: {goal}")

    def test_choosing(self) -> None:
        self.assertEqual(parts.chosen([]), list(parts.PARTS))
        self.assertEqual([one.name for one in parts.chosen(["time.udp", "lines"])][:1], ["time.udp"])
        self.assertTrue(all(one.name.startswith("http.") for one in parts.chosen(["http"])))
        self.assertIn("there is no part 'htt'", str(self.assertRaises(LookupError, parts.chosen, ["htt"])))


class CommandTests(SynchronousTestCase):
    """The page on disk, with nothing measured."""

    def setUp(self) -> None:
        self.page = Path(self.mktemp())
        self.sections = {"machine": "## M", "http.small": "### S"}

    def write(self, *names: str, sections: dict[str, str] | None = None) -> int:
        asked = command.arguments([*names, "--page", str(self.page)])
        with contextlib.redirect_stderr(io.StringIO()):
            return command.write(asked, sections or self.sections)

    def read(self) -> dict[str, str]:
        return dict(page.Page.parse(self.page.read_text()).sections)

    def test_all_parts_write_it_anew(self) -> None:
        self.write(sections={"machine": "## another", "time.tcp": "### T"})
        self.assertEqual(self.write(), 0)
        self.assertEqual(self.read(), self.sections)

    def test_some_parts_keep_the_others(self) -> None:
        self.write()
        self.assertEqual(self.write("time", sections={"machine": "## M", "time.tcp": "### T"}), 0)
        self.assertEqual(self.read(), {**self.sections, "time.tcp": "### T"})

    def test_figures_of_two_machines_never_mix(self) -> None:
        self.write()
        self.assertEqual(self.write("time", sections={"machine": "## another", "time.tcp": "### T"}), 1)
        self.assertEqual(self.read(), self.sections)

    def test_wrong_arguments(self) -> None:
        for wrong in (["nosuch"], ["--rounds", "0"], ["--seconds", "0"], ["--seconds", "61"]):
            with contextlib.redirect_stderr(io.StringIO()), self.assertRaises(SystemExit) as caught:
                command.arguments(wrong)
            self.assertEqual(caught.exception.code, 2)
