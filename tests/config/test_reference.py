"""The sample configuration and the reference page are true, whole and fresh."""

from __future__ import annotations

import re
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from netdaemon.config.keys import keys
from netdaemon.config.problems import Problems
from netdaemon.config.read import parse
from netdaemon.config.reference import markdown, sample
from netdaemon.config.settings import SECTIONS, ServiceSettings
from netdaemon.config.text import split
from netdaemon.kinds import Kinds

CHECKOUT = Path(__file__).resolve().parents[2]
SAMPLE = CHECKOUT / "conf" / "netdaemon.ini"
PAGE = CHECKOUT / "docs" / "reference.md"


class FreshTests(SynchronousTestCase):
    """`make docs` writes both anew."""

    def test_sample(self) -> None:
        self.assertEqual(SAMPLE.read_text(), sample(Kinds().built_in(), serve="http"), "stale: run `make docs`")

    def test_page(self) -> None:
        self.assertEqual(PAGE.read_text(), markdown(Kinds().built_in()), "stale: run `make docs`")


class SampleTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.kinds = Kinds()
        self.text = sample(self.kinds.built_in(), serve="http")

    def switched_on(self) -> str:
        """The sample with every section and key that is there as a comment, on ports that nobody shares."""
        return re.sub(r"^;(\[.*\]|[a-z-]+ =.*)$", r"\1", self.text, flags=re.MULTILINE)

    def test_it_can_be_used(self) -> None:
        config = parse(self.text, SAMPLE, self.kinds)
        self.assertEqual([service.settings.section for service in config.services], ["http"])

    def test_it_has_every_key_of_every_section(self) -> None:
        problems = Problems(SAMPLE)
        found = {section.name: list(section.entries) for section in split(self.switched_on(), problems)}
        self.assertEqual(list(problems), [])
        wanted = {name: [key.name for _, key in keys(settings)] for name, settings in SECTIONS.items()}
        wanted |= {kind.name: [key.name for _, key in keys(kind.settings)] for kind in self.kinds.built_in()}
        self.assertEqual(
            {name: sorted(names) for name, names in found.items()}, {n: sorted(k) for n, k in wanted.items()}
        )

    def test_its_defaults_are_the_defaults(self) -> None:
        text = re.sub("^listen = .*$", "listen = tcp:0", self.switched_on(), flags=re.MULTILINE)
        all_on = parse(text, SAMPLE, self.kinds)
        least = parse(
            "[netdaemon]\ndata = /var/lib/netdaemon\n[time]\nlisten = tcp:0\n[http]\nlisten = tcp:0\n",
            SAMPLE,
            self.kinds,
        )
        self.assertEqual(all_on.netdaemon, least.netdaemon)
        for name in SECTIONS:
            self.assertEqual(getattr(all_on, name), getattr(least, name))
        built_in = {service.settings.section: service.settings for service in least.services}
        for service in all_on.services:
            self.assertEqual(service.settings, built_in.get(service.settings.section, service.settings))

    def test_lines_fit_the_screen(self) -> None:
        for line in self.text.splitlines():
            self.assertTrue(len(line) <= 100 or line[1:2].isalpha(), line)


class PageTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.kinds = Kinds().built_in()
        self.rows = re.findall(r"^\| `([a-z-]+)` \| (.*)$", markdown(self.kinds), flags=re.MULTILINE)

    def test_every_key_has_its_row(self) -> None:
        common = {key.name for _, key in keys(ServiceSettings)}
        wanted = [key.name for settings in SECTIONS.values() for _, key in keys(settings)] + list(common)
        wanted += [
            key.name
            for kind in self.kinds
            for _, key in keys(kind.settings)
            if key not in {shared for _, shared in keys(ServiceSettings)}
        ]
        self.assertEqual(sorted(name for name, _ in self.rows), sorted(wanted))

    def test_rows_have_four_cells(self) -> None:
        for name, rest in self.rows:
            self.assertEqual(len(re.split(r"(?<!\\)\|", rest)), 4, name)

    def test_bounds_and_options_stand_in_the_row(self) -> None:
        rows = dict(self.rows)
        self.assertTrue(rows["max-connections"].startswith("a whole number from 1 to 10000000 | `10000` |"))
        self.assertTrue(rows["symlinks"].startswith("one of: inside no | `inside` |"))
        self.assertTrue(rows["data"].startswith("path | *required* |"))
        self.assertTrue(rows["ready-file"].startswith("path | *empty* |"))
