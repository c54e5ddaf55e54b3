"""The types of value: text -> value -> text."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Any

from hypothesis import assume, given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from netdaemon.config import values
from netdaemon.config.keys import Value
from netdaemon.config.values import Listen, Secret, setting

HERE = Path("/etc/netdaemon")

LETTERS = st.text(alphabet="abcxyz019._-/\\:;#=~", min_size=1, max_size=12)
INTERFACES = st.one_of(st.just(""), st.ip_addresses().map(str))
LISTENS = st.one_of(
    st.builds(Listen, st.sampled_from(["tcp", "tls", "udp"]), port=st.integers(0, 65535), interface=INTERFACES),
    st.builds(Listen, st.just("unix"), name=LETTERS.map(lambda name: f"/{name.lstrip('/')}")),
    st.builds(Listen, st.just("systemd"), name=LETTERS),
)
DIGITS = st.integers(0, 10**6).map(str)

# For each type, texts that are (mostly) right.
TEXTS: list[tuple[Value[Any], st.SearchStrategy[str]]] = [
    (values.text, st.text(max_size=20)),
    (values.hostname, st.from_regex(r"[a-z0-9-]{1,10}(\.[a-z0-9-]{1,10}){0,3}", fullmatch=True)),
    (values.flag, st.sampled_from(["yes", "No", "on", "OFF", "true", "false", "1", "0"])),
    (values.size, st.builds(str.__add__, DIGITS, st.sampled_from(["", "k", "K", "KiB", "M", "G", "GB", "T"]))),
    (
        values.duration,
        st.lists(st.from_regex(r"[0-9]{1,6}(ms|(\.[0-9]{1,6})?[smhdw])", fullmatch=True), min_size=1).map("".join),
    ),
    (values.path, LETTERS),
    (values.words, st.text(max_size=30)),
    (values.sources, st.lists(st.sampled_from(["store", "file:a", "file:~/b", "file:/c:d", "x:y"])).map(" ".join)),
    (values.networks, st.lists(st.ip_addresses().map(str) | st.sampled_from(["10.0.0.0/8", "::/0"])).map(" ".join)),
    (values.listens, st.lists(LISTENS.map(str)).map("\n".join)),
    (values.integer(0, 10**6), DIGITS),
    (values.choice("a", "b c"), st.sampled_from(["a", "b c"])),
    (values.optional(values.path), st.one_of(st.just(""), LETTERS)),
    (values.optional(values.duration), st.sampled_from(["", "0s", "1ms", "1.0005s"])),
]  # fmt: skip


class RoundTripTests(SynchronousTestCase):
    @settings(deadline=None, max_examples=1000)
    @given(st.data())
    def test_what_is_shown_parses_back(self, data: st.DataObject) -> None:
        value, texts = data.draw(st.sampled_from(TEXTS))
        text = data.draw(texts)
        try:
            parsed = value.parse(text, HERE)
        except ValueError:
            assume(False)
        self.assertEqual(value.parse(value.show(parsed), HERE), parsed, (value.name, text))

    def test_every_type_is_tried(self) -> None:
        tried = {value.name for value, _ in TEXTS}
        known = {value.name for value in vars(values).values() if isinstance(value, Value)}
        # A secret is shown as *** and is not meant to be read back.
        self.assertEqual(known - tried, {"secret"})

    @settings(deadline=None, max_examples=300)
    @given(st.lists(LISTENS, max_size=4))
    def test_listens(self, listens: list[Listen]) -> None:
        assume(all("//" not in one.name and "/." not in one.name and not one.name.endswith("/") for one in listens))
        assume(len(set(map(str, listens))) == len(listens))
        self.assertEqual(values.listens.parse(" ".join(map(str, listens)), HERE), tuple(listens))

    @settings(deadline=None, max_examples=300)
    @given(st.sampled_from([value for value, _ in TEXTS]), st.text(max_size=30))
    def test_any_text_is_a_value_or_a_value_error(self, value: Value[Any], text: str) -> None:
        try:
            value.parse(text, HERE)
        except ValueError as error:
            self.assertTrue(str(error))


class ValueTests(SynchronousTestCase):
    def refused(self, value: Value[Any], text: str, message: str) -> None:
        with self.assertRaises(ValueError) as caught:
            value.parse(text, HERE)
        self.assertEqual(str(caught.exception), message)

    def test_text(self) -> None:
        self.assertEqual(values.text.parse("a b", HERE), "a b")
        self.refused(values.text, "a\nb", "one line is wanted")

    def test_hostname(self) -> None:
        for good in ("localhost", "spam.egg", "a-b.example.org", "xn--bcher-kva.example", "x" * 63, "1.example"):
            self.assertEqual(values.hostname.parse(good, HERE), good)
        for bad in (
            "",
            ".",
            "a.",
            "-a",
            "a-",
            "a_b",
            "a b",
            "127.0.0.1",
            "x" * 64,
            "a." * 126 + "ab",
            "b\xfccher.example",
        ):
            with self.assertRaises(ValueError, msg=bad):
                values.hostname.parse(bad, HERE)

    def test_flag(self) -> None:
        for text in ("yes", "On", "TRUE", "1"):
            self.assertIs(values.flag.parse(text, HERE), True)
        for text in ("no", "Off", "FALSE", "0"):
            self.assertIs(values.flag.parse(text, HERE), False)
        self.refused(values.flag, "perhaps", "'perhaps' is neither yes nor no")

    def test_size(self) -> None:
        for text, size in {"0": 0, "512": 512, "64K": 65536, "64k": 65536, "10MiB": 10 << 20, "2GB": 2 << 30}.items():
            self.assertEqual(values.size.parse(text, HERE), size)
        for text in ("", "-1", "1.5K", "K", "1 K", "1P", "\u0661"):
            self.refused(values.size, text, f"{text!r} is not a size such as 512, 64K, 10M or 2G")

    def test_duration(self) -> None:
        for text, seconds in {"0s": 0, "500ms": 0.5, "90s": 90, "1.5m": 90, "1h30m": 5400, "1w": 604800}.items():
            self.assertEqual(values.duration.parse(text, HERE), seconds)
        for text in ("", "5", "s", "-1s", "1.5ms", "1s 2s", "1y", "1S"):
            self.refused(values.duration, text, f"{text!r} is not a duration such as 500ms, 90s, 5m or 1h30m")
        self.refused(values.duration, "36500d1ms", "'36500d1ms' is longer than 36500d")
        self.assertEqual(values.duration.parse("36500d", HERE), 36500 * 86400)

    def test_duration_shown(self) -> None:
        for seconds, text in {
            0.0: "0s",
            0.25: "250ms",
            1.5: "1500ms",
            90.0: "90s",
            600.0: "10m",
            86400.0: "1d",
        }.items():
            self.assertEqual(values.duration.show(seconds), text)

    def test_path(self) -> None:
        self.assertEqual(values.path.parse("a/b", HERE), HERE / "a/b")
        self.assertEqual(values.path.parse("/a/b", HERE), Path("/a/b"))
        self.assertEqual(values.path.parse("~/b", HERE), Path.home() / "b")
        self.refused(values.path, "", "a path is wanted")
        self.refused(values.path, "a\0b", "a path cannot hold a NUL")
        self.refused(values.path, "a\nb", "one path is wanted, on one line")
        self.refused(values.path, "~no.such.user/b", "'~no.such.user/b': there is no such user, or no home folder")

    def test_networks(self) -> None:
        self.assertEqual(
            values.networks.parse("192.0.2.7\n10.0.0.0/8 2001:db8::/32", HERE),
            tuple(map(ipaddress.ip_network, ("192.0.2.7", "10.0.0.0/8", "2001:db8::/32"))),
        )
        self.refused(
            values.networks, "10.0.0.1/8", "'10.0.0.1/8' has bits set behind its prefix, did you mean '10.0.0.0/8'?"
        )
        for text in ("10.0.0", "1.2.3.4/33", "localhost", "::g"):
            self.refused(values.networks, text, f"{text!r} is not a network such as 192.0.2.0/24 or 2001:db8::/32")

    def test_secret(self) -> None:
        secret = values.secret.parse("trustno1", HERE)
        self.assertEqual((secret, repr(secret), values.secret.show(secret)), ("trustno1", "'***'", "***"))
        self.assertNotIn("trustno1", f"{[secret]}")
        self.assertEqual(values.secret.show(Secret("")), "")

    def test_integer_at_its_bounds(self) -> None:
        port = values.integer(1, 10)
        self.assertEqual((port.parse("1", HERE), port.parse("10", HERE)), (1, 10))
        for text in ("0", "11", "", "-1", "1.0", "\u0661", "9" * 5000):
            self.refused(port, text, f"{text!r} is not a whole number from 1 to 10")

    def test_choice(self) -> None:
        self.refused(values.choice("a", "b"), "A", "'A' is not one of a b")

    def test_optional(self) -> None:
        self.assertIsNone(values.optional(values.path).parse("", HERE))
        self.assertEqual(values.optional(values.path).parse("x", HERE), HERE / "x")


class ListenTests(SynchronousTestCase):
    def refused(self, text: str, message: str) -> None:
        with self.assertRaises(ValueError) as caught:
            values.listens.parse(text, HERE)
        self.assertEqual(str(caught.exception), message)

    def test_words(self) -> None:
        self.assertEqual(
            values.listens.parse("tcp:80 tls:443:interface=127.0.0.1\nudp:0:interface=\\:\\:1 systemd:web", HERE),
            (
                Listen("tcp", 80),
                Listen("tls", 443, interface="127.0.0.1"),
                Listen("udp", 0, interface="::1"),
                Listen("systemd", name="web"),
            ),
        )

    def test_a_socket_stands_beneath_the_folder_of_the_ini(self) -> None:
        self.assertEqual(
            values.listens.parse("unix:run/a\\:b unix:/c", HERE),
            (Listen("unix", name="/etc/netdaemon/run/a:b"), Listen("unix", name="/c")),
        )

    def test_refused(self) -> None:
        self.refused("sctp:80", "'sctp:80' does not begin with one of tcp tls udp unix systemd")
        self.refused("tcp", "'tcp' lacks its port")
        self.refused("tcp:", "'tcp:' lacks its port")
        self.refused("unix:", "'unix:' lacks its path")
        self.refused("systemd", "'systemd' lacks its name")
        self.refused("tcp:65536", "'tcp:65536': '65536' is not a port from 0 to 65535")
        self.refused("tcp:-1", "'tcp:-1': '-1' is not a port from 0 to 65535")
        self.refused("tcp:http", "'tcp:http': 'http' is not a port from 0 to 65535")
        self.refused(
            "tcp:1:backlog=5", "'tcp:1:backlog=5': 'backlog=5' is not interface=ADDRESS (write \\: for : in IPv6)"
        )
        self.refused("tcp:1:interface=lo", "'tcp:1:interface=lo': 'lo' is not an IP address")
        self.refused(
            "tcp:1:interface=::1", "'tcp:1:interface=::1': '' is not interface=ADDRESS (write \\: for : in IPv6)"
        )
        self.refused("unix:a:b", "'unix:a:b' has more than a path (write \\: for : in it)")
        self.refused(
            "tcp:1:interface=127.0.0.1:interface=127.0.0.2",
            "'tcp:1:interface=127.0.0.1:interface=127.0.0.2' has two interfaces: write a word for each",
        )

    def test_twice(self) -> None:
        self.refused("tcp:80 tcp:80", "tcp:80 stands twice")
        self.refused("unix:/a unix:/a", "unix:/a stands twice")
        self.assertEqual(len(values.listens.parse("tcp:0 tcp:0", HERE)), 2)


class SettingTests(SynchronousTestCase):
    def test_lines(self) -> None:
        self.assertEqual(setting("a", ""), "a =")
        self.assertEqual(setting("a", "b c"), "a = b c")
        self.assertEqual(setting("a", "b\nc"), "a = b\n    c")
        self.assertEqual(setting("a", ";b"), "a =;b")
