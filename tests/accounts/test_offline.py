import os
import subprocess
import sys
from pathlib import Path

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from netdaemon.accounts.names import AccountError
from netdaemon.accounts.offline import store_in
from netdaemon.accounts.schema import FILE
from tests.accounts.kit import CountingHasher, folder

CHECKOUT = Path(__file__).resolve().parents[2]
NOBODY = 65534


class StoreInTests(SynchronousTestCase):
    def test_the_folder_is_made(self) -> None:
        data = folder(self.mktemp()) / "state" / "netdaemon"
        with store_in(data) as store:
            store.add("mulder", CountingHasher().keep(b"trustno1"))
        self.assertEqual(data.stat().st_mode & 0o777, 0o700)
        with store_in(data) as store:
            self.assertEqual(store.get("mulder").name, "mulder")
        self.assertEqual([path.name for path in data.iterdir()], [FILE])  # nothing of SQLite's own lies about

    def test_a_folder_that_can_not_be_made(self) -> None:
        file = folder(self.mktemp()) / "file"
        file.write_text("")
        with self.assertRaisesRegex(AccountError, "Not a directory"), store_in(file / "data"):
            pass
        with self.assertRaisesRegex(AccountError, "Not a directory"), store_in(file):
            pass

    def test_closed_whatever_happens(self) -> None:
        with self.assertRaises(ZeroDivisionError), store_in(folder(self.mktemp())) as store:
            1 // 0  # noqa: B018  # to raise
        with self.assertRaises(AccountError):
            store.accounts()


class RootTests(SynchronousTestCase):
    """Root's commands, and a daemon that runs as somebody else."""

    def setUp(self) -> None:
        if os.geteuid() != 0:
            raise SkipTest("only root can act for others")
        self.data = folder(self.mktemp())
        self.data.parent.chmod(0o711)  # mktemp's own, which others can't pass otherwise
        for path in (self.data, *self.data.parents):
            if not path.stat().st_mode & 0o001:
                raise SkipTest(f"{path} is closed to others")

    def run_python(self, code: str) -> "subprocess.CompletedProcess[bytes]":
        prepare = "import sys, os\nfrom pathlib import Path\nfrom netdaemon.accounts.hashing import Kept\n"
        prepare += "from netdaemon.accounts.offline import store_in\ndata = Path(sys.argv[1])\n"
        return subprocess.run(
            [sys.executable, "-c", prepare + code, str(self.data)], cwd=CHECKOUT, check=True, stdout=subprocess.PIPE
        )

    def test_what_is_made_belongs_to_the_owner_of_the_folder(self) -> None:
        os.chown(self.data, NOBODY, NOBODY)
        made = self.run_python(
            "with store_in(data) as store:\n"
            "    store.add('mulder', Kept('x', None))\n"
            "    print(os.geteuid(), *sorted({(p.stat().st_uid, p.stat().st_gid) for p in data.iterdir()}))\n"
            "print(os.geteuid(), os.getegid())"
        )
        self.assertEqual(made.stdout.decode(), f"{NOBODY} ({NOBODY}, {NOBODY})\n0 0\n")

    def test_a_link_leads_root_nowhere(self) -> None:
        os.chown(self.data, NOBODY, NOBODY)
        (self.data / FILE).symlink_to("/etc/netdaemon-must-not-exist")
        with self.assertRaisesRegex(AccountError, "not a regular file"), store_in(self.data):
            pass
        self.assertFalse(Path("/etc/netdaemon-must-not-exist").exists())
        self.assertEqual(os.geteuid(), 0)

    def test_a_new_folder_is_made_for_the_daemons_user(self) -> None:
        data = self.data / "new"
        with store_in(data, "nobody"):
            pass
        for path in (data, data / FILE):
            self.assertEqual(path.stat().st_uid, NOBODY)

    def test_a_user_that_is_not_there(self) -> None:
        new = store_in(self.data / "new", "nobody-by-that-name")
        with self.assertRaisesRegex(AccountError, "user nobody-by-that-name is not on this system"), new:
            pass
        self.assertFalse((self.data / "new").exists())
