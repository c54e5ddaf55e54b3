"""A whole configuration, or every problem in it."""

from __future__ import annotations

import os
from pathlib import Path
from unittest import skipIf

from netdaemon.config.problems import ConfigError
from netdaemon.config.read import LARGEST, read
from netdaemon.config.values import Listen
from tests.config.ini import GOOD, FewKinds, IniTests, parrot, web


class ConfigTests(IniTests):
    def test_the_least(self) -> None:
        config = self.parse(GOOD)
        self.assertEqual(config.file, self.file)
        self.assertEqual(config.netdaemon.data, self.folder / "state")
        self.assertEqual(config.netdaemon.hostname, "localhost")
        self.assertEqual(config.accounts.auth, ("store",))
        (service,) = config.services
        self.assertIs(service.kind, web)
        self.assertEqual((service.line, service.asked, service.settings.section), (3, "", "web"))
        self.assertEqual(service.settings.listen, (Listen("tcp", 0),))

    def test_values(self) -> None:
        config = self.parse(
            GOOD + "access-log = logs/web\n[parrot]\nlisten = tcp:1\n  udp:1\n  ; and\n  tls:2\ngroups = a b\n c\n"
        )
        first, second = config.services
        self.assertEqual(first.settings.access_log, self.folder / "logs/web")
        self.assertEqual([listen.port for listen in second.settings.listen], [1, 1, 2])
        self.assertEqual(second.settings.groups, ("a", "b", "c"))

    def test_instances(self) -> None:
        config = self.parse(GOOD + "[web:intranet]\nlisten = tcp:1\n[mine]\nkind = parrot\nlisten = udp:1\n")
        self.assertEqual(
            [(service.settings.section, service.kind, service.line, service.asked) for service in config.services],
            [("web", web, 3, ""), ("web:intranet", web, 5, ""), ("mine", parrot, 7, "parrot")],
        )

    def test_sections_in_any_order(self) -> None:
        config = self.parse("[web]\nlisten = tcp:0\n[netdaemon]\ndata = /state\n")
        self.assertEqual(config.netdaemon.data, Path("/state"))

    def test_equal_texts_give_equal_configurations(self) -> None:
        self.assertEqual(self.parse(GOOD), self.parse(GOOD))
        self.assertNotEqual(self.parse(GOOD), self.parse(GOOD + "max-connections = 7\n"))


class ProblemTests(IniTests):
    def test_nothing_at_all(self) -> None:
        self.assertEqual(self.problems(""), [
            "1: [netdaemon] lacks 'data': write data = /var/lib/netdaemon",
            "1: no service: a section such as [http] with listen = tcp:8080:interface=127.0.0.1 is wanted",
        ])  # fmt: skip

    def test_everything_at_once_and_by_line(self) -> None:
        text = """stray
[netdaemon]
hostname = -
data = state
[web]
lisen = tcp:80
max-connections = many
[wbe]
[tls]
minimum = 1.1
[netdaemon]
"""
        self.assertEqual(self.problems(text), [
            "1: 'stray' stands before any [section]",
            "3: [netdaemon] hostname: '-' is not a host's name such as mail.example.org (xn--... if not ASCII)",
            "5: [web] lacks 'listen': write listen = tcp:8080:interface=127.0.0.1 tls:8443",
            "6: [web] unknown key 'lisen', did you mean 'listen'?",
            "7: [web] max-connections: 'many' is not a whole number from 1 to 10000000",
            "8: [wbe] unknown section, did you mean 'web'?",
            "10: [tls] minimum: '1.1' is not one of 1.2 1.3",
            "11: [netdaemon] the section stands twice, first in line 2",
        ])  # fmt: skip

    def test_unknown_keys(self) -> None:
        self.assertEqual(self.problems(GOOD + "max_connections = 5\nListen = x\nroot = /srv\nqqq = 1\n"), [
            "5: [web] unknown key 'max_connections', did you mean 'max-connections'?",
            "6: [web] unknown key 'Listen', did you mean 'listen'?",
            "7: [web] unknown key 'root': it belongs to [documents]",
            "8: [web] unknown key 'qqq'",
        ])  # fmt: skip

    def test_unknown_sections(self) -> None:
        self.assertEqual(self.problems(GOOD + "[TLS]\n[xyzzy]\nlisten = tcp:1\n[wep:a]\n[netdeamon]\n"), [
            "5: [TLS] unknown section, did you mean 'tls'?",
            "6: [xyzzy] unknown section",
            "8: [wep:a] unknown section, did you mean 'web'?",
            "9: [netdeamon] unknown section, did you mean 'netdaemon'?",
        ])  # fmt: skip

    def test_a_kind_that_cannot_be_used(self) -> None:
        reason = "torn.module cannot be imported: ImportError: half of it is gone"
        self.assertEqual(self.problems(GOOD + "[torn]\nlisten = tcp:1\n[mine]\nkind = wep\n[b]\nkind = torn\n"), [
            f"5: [torn] {reason}",
            "8: [mine] kind = wep: there is no kind called 'wep', did you mean 'web'?",
            f"10: [b] kind = torn: {reason}",
        ])  # fmt: skip

    def test_daemon_sections_have_no_kind(self) -> None:
        self.assertEqual(self.problems(GOOD + "[log]\nkind = web\n"), ["6: [log] unknown key 'kind'"])

    def test_names_of_services(self) -> None:
        message = "a service's name is made of letters, digits and . _ -"
        for name in ("web:", "web:a b", "web:a:b", "web:../x", "web:\u00e4", f"web:{'x' * 64}"):
            (problem,) = self.problems(f"{GOOD}[{name}]\nlisten = tcp:1\n")
            self.assertTrue(problem.endswith(message), problem)
        self.parse(f"{GOOD}[web:{'x' * 63}]\nlisten = tcp:1\n")

    def test_a_line_indented_by_mistake(self) -> None:
        self.assertEqual(self.problems(GOOD + "[parrot]\nlisten = tcp:1\ngroups = a\n  banner = b\n  [web]\n"), [
            "8: [parrot] 'banner = b' is indented, so it goes on with 'groups': begin it at the margin",
            "9: [parrot] '[web]' is indented, so it goes on with 'groups': begin it at the margin",
        ])  # fmt: skip

    def test_settings_that_refuse(self) -> None:
        self.assertEqual(self.problems(GOOD + "[fussy]\nlisten = tcp:1\n"), ["5: [fussy] today is not a good day"])

    def test_own_problems_have_the_line_of_their_key(self) -> None:
        self.assertEqual(self.problems(GOOD + "[parrot]\nlisten = tcp:1\nbanner = goodbye\nhandshake-timeout = 0s\n"), [
            "7: [parrot] a banner greets",
            "8: [parrot] handshake-timeout must be longer than 0",
        ])  # fmt: skip

    def test_a_book_in_one_value(self) -> None:
        (problem,) = self.problems(GOOD + "max-connections = " + "9" * 100_000)
        self.assertLess(len(problem), 600)

    def test_a_file_of_nothing_but_mistakes(self) -> None:
        """Every one is told; suggestions end where they would only cost time."""
        problems = self.problems(GOOD + "".join(f"lisen{number} = 1\n" for number in range(500)))
        self.assertEqual(len(problems), 500)
        self.assertIn("did you mean", problems[0])
        self.assertNotIn("did you mean", problems[-1])


class ListenTests(IniTests):
    def test_no_address(self) -> None:
        self.assertEqual(
            self.problems("[netdaemon]\ndata = a\n[web]\nlisten =\n"),
            ["4: [web] listen names no address: write listen = tcp:8080:interface=127.0.0.1 or the like"],
        )

    def test_words_that_the_kind_does_not_take(self) -> None:
        self.assertEqual(self.problems(GOOD + "[web:b]\nlisten = tcp:1 udp:1\n[quote]\nlisten = udp:17 tcp:17\n"), [
            "6: [web:b] udp:1: web has no udp, only systemd tcp tls unix",
            "8: [quote] tcp:17: quote has no tcp, only udp",
        ])  # fmt: skip

    def test_one_address_for_two(self) -> None:
        text = GOOD + "[web:a]\nlisten = tcp:80\n[web:b]\nlisten = tls:80:interface=127.0.0.1\n"
        self.assertEqual(self.problems(text), [
            "8: [web:b] tls:80:interface=127.0.0.1 is taken by tcp:80 of [web:a] in line 6",
        ])  # fmt: skip

    def test_one_address_twice_in_one_service(self) -> None:
        self.assertEqual(
            self.problems("[netdaemon]\ndata = a\n[web]\nlisten = tcp:80 tls:80\n"),
            ["4: [web] tls:80 is taken by tcp:80 of the same line"],
        )

    def test_addresses_are_compared_also_when_something_else_is_wrong(self) -> None:
        text = GOOD + "[web:a]\nlisten = unix:s\n[web:b]\nlisten = unix:s\nx = 1\ngrace = 1\n"
        self.assertEqual(self.problems(text), [
            f"8: [web:b] unix:{self.folder}/s is taken by unix:{self.folder}/s of [web:a] in line 6",
            "9: [web:b] unknown key 'x'",
            "10: [web:b] unknown key 'grace': it belongs to [netdaemon]",
        ])  # fmt: skip


class SecretTests(IniTests):
    def secret(self, lines: str) -> str:
        (service,) = self.parse(f"[netdaemon]\ndata = a\n[parrot]\nlisten = tcp:0\n{lines}\n").services
        password: str = service.settings.password
        return password

    def wrong(self, lines: str) -> list[str]:
        return self.problems(f"[netdaemon]\ndata = a\n[parrot]\nlisten = tcp:0\n{lines}\n")

    def test_in_the_ini(self) -> None:
        self.assertEqual(self.secret("password = trustno1"), "trustno1")

    def test_in_a_file(self) -> None:
        (self.folder / "secret").write_bytes(b" trust no 1 ; \xc3\xa4\r\nnot this\n")
        self.assertEqual(self.secret("password-file = secret"), " trust no 1 ; \u00e4")
        (self.folder / "secret").write_bytes(b"x" * 4096)
        self.assertEqual(self.secret(f"password-file = {self.folder}/secret"), "x" * 4096)

    def test_never_shown(self) -> None:
        config = self.parse(GOOD + "[parrot]\nlisten = tcp:1\npassword = trustno1\n")
        self.assertNotIn("trustno1", repr(config))

    def test_both(self) -> None:
        (self.folder / "secret").write_text("x")
        self.assertEqual(
            self.wrong("password = y\npassword-file = secret"),
            ["6: [parrot] password-file and password (line 5) are both set: keep one"],
        )

    def test_not_there(self) -> None:
        self.assertEqual(
            self.wrong("password-file = secret"), [f"5: [parrot] password: {self.folder}/secret does not exist"]
        )

    def test_unfit(self) -> None:
        for content, message in {
            b"": f"the first line of {self.folder}/secret is empty",
            b"\nx": f"the first line of {self.folder}/secret is empty",
            b"\xff": f"the first line of {self.folder}/secret is not UTF-8",
            b"x" * 4097: f"the first line of {self.folder}/secret is longer than 4096 bytes",
        }.items():
            (self.folder / "secret").write_bytes(content)
            self.assertEqual(self.wrong("password-file = secret"), [f"5: [parrot] password: {message}"])
        self.assertEqual(
            self.wrong("password-file = ."), [f"5: [parrot] password: {self.folder} cannot be read: Is a directory"]
        )
        self.assertEqual(self.wrong("password-file ="), ["5: [parrot] password: password-file wants one path"])

    def test_own_problems_have_the_line_of_the_file_key(self) -> None:
        (self.folder / "secret").write_text("12345\n")
        self.assertEqual(self.wrong("password-file = secret"), ["5: [parrot] that is the password of a fool's luggage"])

    def test_only_secrets_come_from_files(self) -> None:
        self.assertEqual(
            self.wrong("banner-file = x"), ["5: [parrot] unknown key 'banner-file', did you mean 'banner'?"]
        )


class FileTests(IniTests):
    def wrong(self) -> list[str]:
        with self.assertRaises(ConfigError) as caught:
            read(self.file, FewKinds())
        self.assertEqual(str(caught.exception), "\n".join(map(str, caught.exception.problems)))
        return [str(problem).removeprefix(f"{self.file}:") for problem in caught.exception.problems]

    def test_read(self) -> None:
        self.file.write_bytes(b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").encode())
        self.assertEqual(read(self.file, FewKinds()).netdaemon.data, self.folder / "state")

    def test_relative_paths_stay_when_the_working_directory_changes(self) -> None:
        self.file.write_text(GOOD)
        relative = Path(os.path.relpath(self.file))
        self.assertTrue(read(relative, FewKinds()).netdaemon.data.is_absolute())

    def test_not_there(self) -> None:
        self.assertEqual(self.wrong(), ["1: cannot be read: No such file or directory"])

    def test_a_folder(self) -> None:
        self.file.mkdir()
        self.assertEqual(self.wrong(), ["1: cannot be read: Is a directory"])

    @skipIf(os.geteuid() == 0, "root reads everything")
    def test_forbidden(self) -> None:
        self.file.touch(mode=0)
        self.assertEqual(self.wrong(), ["1: cannot be read: Permission denied"])

    def test_size(self) -> None:
        padding = b";" * (LARGEST - len(GOOD) - 1) + b"\n"
        self.file.write_bytes(padding + GOOD.encode())
        self.assertEqual(self.file.stat().st_size, LARGEST)
        self.assertEqual(len(read(self.file, FewKinds()).services), 1)
        self.file.write_bytes(b";" + padding + GOOD.encode())
        self.assertEqual(self.wrong(), ["1: is larger than 1 MiB, no configuration is"])

    def test_bytes_that_are_no_text(self) -> None:
        self.file.write_bytes(GOOD.encode() + b"; caf\xe9\n[w\x00eb]\n")
        self.assertEqual(self.wrong(), [
            "5: [web] is not UTF-8: byte 0xE9 in column 6",
            "6: [web] control character U+0000 in column 3",
            "6: [web] the section stands twice, first in line 3",
        ])  # fmt: skip
