from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from netdaemon.accounts.names import AccountError, account_name, normal_name, right, tree_path
from netdaemon.interfaces import Right


class NameTests(SynchronousTestCase):
    def test_one_form(self) -> None:
        for given_name in ("mulder", "Mulder", "MULDER"):
            self.assertEqual(account_name(given_name), "mulder")

    def test_good(self) -> None:
        for name in ("a", "_postgres", "www-data", "dana.scully", "007", "x" * 64):
            self.assertEqual(normal_name(name), name)

    def test_bad(self) -> None:
        for name in (
            "",
            "x" * 65,
            "-c",
            ".hidden",
            "dot.",
            "a b",
            "a/b",
            "a@b",
            "a:b",
            "a\n",
            "ä",
            "\u212aelvin",
            "a\0",
        ):
            self.assertIsNone(normal_name(name), name)
            with self.assertRaisesRegex(AccountError, "can't be an account's name"):
                account_name(name)

    def test_reserved(self) -> None:
        for name in ("anonymous", "Anonymous", "all"):
            self.assertIsNone(normal_name(name))
            with self.assertRaisesRegex(AccountError, f"no account may be called {name.lower()}"):
                account_name(name)

    @given(st.text(max_size=80))
    @hypothesis_settings(deadline=None, max_examples=200)
    def test_normal_is_its_own_normal(self, text: str) -> None:
        name = normal_name(text)
        if name is not None:
            self.assertEqual(normal_name(name), name)
            self.assertNotIn("/", name)  # networks among the bans have one


class PathTests(SynchronousTestCase):
    def test_one_form(self) -> None:
        for path, normal in (
            ("/", "/"),
            ("//", "/"),
            ("/pub/", "/pub"),
            ("/a//b", "/a/b"),
            ("/ä ö", "/ä ö"),
            ("/.x", "/.x"),
        ):
            self.assertEqual(tree_path(path), normal)

    def test_bad(self) -> None:
        for path, why in (
            ("", "does not begin with /"),
            ("pub", "does not begin with /"),
            ("/a/../b", "without . and .."),
            ("/.", "without . and .."),
            ("/a\nb", "control characters"),
            ("/a\x85b", "control characters"),
            ("/\udcff", "no UTF-8"),
            ("/" + "x" * 256, "can't be a path"),
            ("/.netdaemon-00.part", "can't be a path"),
        ):
            with self.assertRaisesRegex(AccountError, why):
                tree_path(path)

    def test_right(self) -> None:
        self.assertEqual(right("/pub/", "rw"), Right("/pub", "rw"))
        with self.assertRaisesRegex(AccountError, "'w' is not one of rw r -"):
            right("/pub", "w")
