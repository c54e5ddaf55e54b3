"""The aliases file: what may stand in it, and every problem with its line."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from netdaemon.config.problems import ConfigError
from netdaemon.mail.addresses import Address
from netdaemon.mail.aliases import LARGEST, MOST_TARGETS, Aliases, Target, parse_aliases, read_aliases

FILE = Path("aliases")


def shown(aliases: Aliases) -> dict[tuple[str, str], list[str]]:
    return {key: [str(target) for target in targets] for key, targets in aliases.items()}


class AliasesTests(SynchronousTestCase):
    def problems(self, text: str) -> list[str]:
        error = self.assertRaises(ConfigError, parse_aliases, text, FILE)
        return [str(problem) for problem in error.problems]

    def test_all_forms(self) -> None:
        text = (
            "\ufeff# people\n"
            "Postmaster: mulder ; who else\n"
            "\n"
            "sales: mulder, scully+deals,\r\n"
            "   # between\n"
            "\tpartner@Example.com , \\root\n"
            "@old.example: mulder\n"
            'info@X.example: "odd, name"@example.net\n'
            "c++#1 : a\n"
        )
        self.assertEqual(
            shown(parse_aliases(text, FILE)),
            {
                ("postmaster", ""): ["mulder"],
                ("sales", ""): ["mulder", "scully+deals", "partner@Example.com", "root"],
                ("", "old.example"): ["mulder"],
                ("info", "x.example"): ['"odd, name"@example.net'],
                ("c++#1", ""): ["a"],
            },
        )

    def test_targets_are_values(self) -> None:
        aliases = parse_aliases("a: b, b, c@d.example, c@d.example", FILE)
        self.assertEqual(aliases["a", ""], (Target("b"), Target(address=Address("c", "d.example"))))

    def test_an_empty_file(self) -> None:
        self.assertEqual(parse_aliases("", FILE), {})
        self.assertEqual(parse_aliases("# nothing\n\n", FILE), {})

    def test_each_problem_has_its_line(self) -> None:
        text = (
            "  indented\n"
            "no colon\n"
            "a: |program, /file, :include:/etc/x\n"
            "b: c\n"
            "B: d\n"
            "nobody:\n"
            "two words: x\n"
            "x: bad@-.example\n"
            "y: z\x07\n"
            "@: x\n"
            'q: "|prog"\n'
        )
        refused = "mail is given to accounts and addresses, not to programs and files"
        self.assertEqual(self.problems(text), [
            "aliases:1: an indented line goes on with the alias before it, and there is none",
            "aliases:2: 'no colon' is not NAME: TARGET, TARGET",
            f"aliases:3: '|program': {refused}",
            f"aliases:3: '/file': {refused}",
            f"aliases:3: ':include:/etc/x': {refused}",
            "aliases:5: 'B' stands twice, first in line 4",
            "aliases:6: 'nobody' stands for nobody",
            "aliases:7: 'two words' can't be an alias: letters, digits and the like are wanted, 64 octets at most",
            "aliases:8: 'bad@-.example': no domain",
            "aliases:9: what can't be seen, or is not UTF-8",
            "aliases:10: '@' can't be an alias: no domain",
            f"aliases:11: '\"|prog\"': {refused}",
        ])  # fmt: skip

    def test_long_names(self) -> None:
        parse_aliases(f"{'x' * 64}: {'y' * 64}", FILE)
        for long in (f"{'x' * 65}: y", f"y: {'x' * 65}", f"y: {'ö' * 33}"):
            self.assertEqual(len(self.problems(long)), 1)

    def test_too_many_targets(self) -> None:
        text = "a: " + ", ".join(f"x{n}" for n in range(MOST_TARGETS))
        parse_aliases(text, FILE)
        self.assertEqual(self.problems(text + ", y"), [f"aliases:1: 'a' stands for more than {MOST_TARGETS} addresses"])

    def test_files(self) -> None:
        file = Path(self.mktemp())
        error = self.assertRaises(ConfigError, read_aliases, file)
        self.assertEqual([str(problem) for problem in error.problems], [
            f"{file}:1: cannot be read: No such file or directory"
        ])  # fmt: skip
        file.write_bytes(b"a: b\xff\n")
        error = self.assertRaises(ConfigError, read_aliases, file)
        self.assertEqual([problem.message for problem in error.problems], ["what can't be seen, or is not UTF-8"])
        file.write_bytes(b"#" * (LARGEST + 1))
        error = self.assertRaises(ConfigError, read_aliases, file)
        self.assertEqual([problem.message for problem in error.problems], ["is larger than 4 MiB"])
        file.write_bytes("a: müller@example.org\n".encode())
        self.assertEqual(shown(read_aliases(file)), {("a", ""): ["müller@example.org"]})

    @given(st.text(alphabet='ab:,@ .\t\n\\"|;#<é\x00', max_size=60))
    def test_whatever_it_says(self, text: str) -> None:
        """It is aliases, or problems with lines; nothing else is raised."""
        try:
            aliases = parse_aliases(text, FILE)
        except ConfigError as error:
            self.assertTrue(all(1 <= problem.line <= text.count("\n") + 1 for problem in error.problems))
        else:
            self.assertTrue(all(aliases.values()))
