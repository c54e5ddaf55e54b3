import getpass
import json

from netdaemon.accounts.hashing import LONGEST_PASSWORD, Hasher
from netdaemon.accounts.schema import FILE
from netdaemon.interfaces import Account, Right
from netdaemon.messages.store import Store as Messages
from netdaemon.messages.store import done
from tests.accounts.kit import CHEAP
from tests.cli.accounts import CommandCase

STDIN = "--password-stdin"


class AddTests(CommandCase):
    def add(self, *words: str, stdin: bytes = b"trustno1\n") -> str:
        return self.good("user", "add", *words, STDIN, stdin=stdin)

    def is_password(self, password: bytes, name: str = "mulder") -> bool:
        record = self.store().find(name)
        assert record is not None
        return Hasher(CHEAP).verify(record.hash, password)

    def test_before_the_daemon_ever_ran(self) -> None:
        self.assertEqual(self.add("Mulder"), "")
        self.assertEqual(self.store().get("mulder"), Account("mulder"))
        self.assertTrue(self.is_password(b"trustno1"))

    def test_beside_a_daemon(self) -> None:
        store = self.store()
        self.assertIsNone(store.find("mulder"))
        self.add("mulder", "--home", "/people/mulder", "--quota", "1G")
        self.assertEqual(store.get("mulder"), Account("mulder", quota=1 << 30, home="/people/mulder"))

    def test_the_password_is_the_first_line(self) -> None:
        for number, (stdin, password) in enumerate(
            (
                (b"trustno1", b"trustno1"),
                (b"trustno1\n", b"trustno1"),
                (b"trustno1\r\nmore\n", b"trustno1"),
                (b" with spaces \n", b" with spaces "),
                ("gr\u00fc\u00df".encode(), "gr\u00fc\u00df".encode()),
                (b"x" * LONGEST_PASSWORD + b"\r\n", b"x" * LONGEST_PASSWORD),
            )
        ):
            self.add(f"user{number}", stdin=stdin)
            self.assertTrue(self.is_password(password, f"user{number}"), stdin)

    def test_no_password(self) -> None:
        for stdin in (b"", b"\n", b"\r\nlater\n"):
            self.assertEqual(self.bad("user", "add", "mulder", STDIN, stdin=stdin), "the password is empty")
        for longer in (1, 2, 3, 5000):
            stdin = b"x" * (LONGEST_PASSWORD + longer) + b"\n"
            self.assertIn("more than 1024 bytes", self.bad("user", "add", "mulder", STDIN, stdin=stdin))
        self.assertEqual(self.store().accounts(), [])

    def test_what_can_not_be(self) -> None:
        self.assertIn("can't be an account's name", self.bad("user", "add", "a b", STDIN, stdin=b"x\n"))
        self.assertIn("no account may be called anonymous", self.bad("user", "add", "anonymous", STDIN, stdin=b"x\n"))
        self.assertIn("does not begin with /", self.bad("user", "add", "a", STDIN, "--home", "x", stdin=b"x\n"))
        self.assertIn("'lots' is not a size", self.misused("user", "add", "a", STDIN, "--quota", "lots", stdin=b"x\n"))
        self.add("mulder")
        self.assertEqual(self.bad("user", "add", "MULDER", STDIN, stdin=b"x\n"), "there is an account mulder already")

    def test_a_terminal_is_never_written_raw(self) -> None:
        self.assertNotIn("\x1b", self.bad("user", "add", "\x1b[2J", STDIN, stdin=b"x\n"))

    def test_without_a_terminal_it_never_prompts(self) -> None:
        self.patch(getpass, "getpass", lambda prompt: self.fail("prompted"))
        for command in ("add", "passwd"):
            self.store().add("passwd", Hasher(CHEAP).keep(b"x")) if command == "passwd" else None
            self.assertIn("--password-stdin", self.misused("user", command, command, stdin=b"trustno1\n"))

    def test_on_a_terminal_it_asks_twice(self) -> None:
        prompts: list[str] = []
        self.patch(getpass, "getpass", lambda prompt: prompts.append(prompt) or "gr\u00fc\u00df")
        self.assertEqual(self.run_command("user", "add", "mulder", tty=True).status, 0)
        self.assertEqual(len(prompts), 2)
        self.assertTrue(self.is_password("gr\u00fc\u00df".encode()))

    def test_on_a_terminal_twice_the_same(self) -> None:
        typed = iter(["one", "other"])
        self.patch(getpass, "getpass", lambda prompt: next(typed))
        ran = self.run_command("user", "add", "mulder", tty=True)
        self.assertEqual((ran.status, ran.err), (1, "netdaemon: the two are not the same\n"))
        self.assertEqual(self.store().accounts(), [])


class ChangeTests(CommandCase):
    def setUp(self) -> None:
        super().setUp()
        self.daemons = self.store()
        self.daemons.add("mulder", Hasher(CHEAP).keep(b"trustno1"))

    def test_passwd(self) -> None:
        self.assertEqual(self.good("user", "passwd", "mulder", STDIN, stdin=b"new\n"), "")
        record = self.daemons.find("mulder")
        assert record is not None
        self.assertTrue(Hasher(CHEAP).verify(record.hash, b"new"))
        assert record.scram is not None

    def test_passwd_of_nobody_asks_for_none(self) -> None:
        self.patch(getpass, "getpass", lambda prompt: self.fail("prompted"))
        ran = self.run_command("user", "passwd", "nobody", tty=True)
        self.assertEqual((ran.status, ran.err), (1, "netdaemon: there is no account nobody\n"))

    def test_enable_and_disable(self) -> None:
        for command, enabled in (("disable", False), ("disable", False), ("enable", True)):
            self.assertEqual(self.good("user", command, "mulder"), "")
            self.assertIs(self.daemons.get("mulder").enabled, enabled)

    def test_quota(self) -> None:
        for word, quota in (("10M", 10 << 20), ("0", 0), ("none", None)):
            self.assertEqual(self.good("user", "quota", "mulder", word), "")
            self.assertEqual(self.daemons.get("mulder").quota, quota)
        self.assertIn("'x' is not a size", self.misused("user", "quota", "mulder", "x"))
        self.assertIn("no quota", self.bad("user", "quota", "mulder", "999999999T"))

    def test_remove(self) -> None:
        self.assertEqual(self.good("user", "remove", "Mulder"), "")
        self.assertIsNone(self.daemons.find("mulder"))

    def test_remove_with_mail(self) -> None:
        store = Messages(self.data)
        self.addCleanup(store.close)
        for name in ("mulder", "scully"):
            done(store.create(name, "INBOX"))
        self.good("user", "remove", "Mulder")
        self.assertEqual([folder.name for folder in store.folders("mulder")], [])
        self.assertEqual([folder.name for folder in store.folders("scully")], ["INBOX"])
        self.good("user", "add", "scully", STDIN, stdin=b"x\n")
        self.assertEqual([folder.name for folder in store.folders("scully")], [])  # it was nobody's

    def test_rights(self) -> None:
        self.assertEqual(self.good("user", "rights", "mulder"), "")
        for path, mode in (("/", "-"), ("/pub/", "r"), ("/people/mulder", "rw")):
            self.assertEqual(self.good("user", "rights", "mulder", path, mode), "")
        self.assertEqual(self.good("user", "rights", "mulder"), "-  /\nrw /people/mulder\nr  /pub\n")
        self.assertEqual(self.good("user", "rights", "mulder", "--remove", "/"), "")
        self.assertEqual(self.daemons.get("mulder").rights, (Right("/people/mulder", "rw"), Right("/pub", "r")))
        self.assertEqual(self.bad("user", "rights", "mulder", "--remove", "/"), "mulder has no right of its own at /")
        self.assertIn("does not begin with /", self.bad("user", "rights", "mulder", "pub", "r"))

    def test_rights_misused(self) -> None:
        self.assertIn("say rw, r or -", self.misused("user", "rights", "mulder", "/pub"))
        self.assertIn("either PATH", self.misused("user", "rights", "mulder", "/pub", "r", "--remove", "/pub"))
        self.assertIn("invalid choice", self.misused("user", "rights", "mulder", "/pub", "w"))

    def test_nobody(self) -> None:
        for words in (
            ("remove", "x"),
            ("rights", "x"),
            ("rights", "x", "/", "r"),
            ("enable", "x"),
            ("quota", "x", "1"),
        ):
            self.assertEqual(self.bad("user", *words), "there is no account x")


class ListTests(CommandCase):
    def setUp(self) -> None:
        super().setUp()
        kept = Hasher(CHEAP).keep(b"trustno1")
        store = self.store()
        store.add("scully", kept, quota=2 << 30, home="/people/scully")
        store.add("mulder", kept)
        store.set_right("scully", "/", "-")
        store.set_right("scully", "/pub", "r")
        store.set_enabled("scully", False)

    def test_text(self) -> None:
        self.assertEqual(
            self.good("user", "list").splitlines(),
            [
                "NAME    LOGIN  QUOTA  HOME            RIGHTS",
                "mulder  yes    none   /               /=rw",
                "scully  no     2G     /people/scully  /=- /pub=r",
            ],
        )

    def test_json(self) -> None:
        mulder, scully = json.loads(self.good("user", "list", "--json"))
        self.assertGreater(mulder.pop("created"), 1_700_000_000)
        self.assertEqual(mulder, {"name": "mulder", "enabled": True, "quota": None, "home": "/", "rights": []})
        self.assertEqual(scully["rights"], [{"path": "/", "mode": "-"}, {"path": "/pub", "mode": "r"}])
        self.assertEqual((scully["quota"], scully["enabled"]), (2 << 30, False))

    def test_no_secrets(self) -> None:
        for words in (("list",), ("list", "--json")):
            self.assertNotIn("argon2", self.good("user", *words))


class WrongTests(CommandCase):
    def test_no_configuration(self) -> None:
        ran = self.run_command("user", "list", config=False)
        self.assertEqual(ran.status, 2)
        self.assertIn("-c FILE", ran.err)

    def test_a_configuration_with_problems(self) -> None:
        self.ini.write_text("[netdaemon]\ndata = data\ncolour = blue\n")
        self.assertIn("colour", self.misused("user", "list"))

    def test_a_broken_store(self) -> None:
        self.data.mkdir()
        (self.data / FILE).write_bytes(b"no database " * 100)
        self.assertIn("not a database", self.bad("user", "list"))

    def test_no_command(self) -> None:
        self.assertIn("usage:", self.misused("user"))
        self.assertIn("usage:", self.misused("user", "add"))
