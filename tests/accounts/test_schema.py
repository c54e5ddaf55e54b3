import sqlite3
import stat

from twisted.trial.unittest import SynchronousTestCase

from netdaemon.accounts import schema
from netdaemon.accounts.names import AccountError
from netdaemon.accounts.schema import FILE, ROOM, VERSIONS, open_database, transaction
from tests.accounts.kit import folder


class OpenTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.data = folder(self.mktemp())

    def open(self) -> sqlite3.Connection:
        connection = open_database(self.data, 1.0)
        self.addCleanup(connection.close)
        return connection

    def test_new(self) -> None:
        connection = self.open()
        self.assertEqual(connection.execute("PRAGMA journal_mode").fetchone(), ("wal",))
        self.assertEqual(connection.execute("PRAGMA synchronous").fetchone(), (2,))  # FULL
        self.assertEqual(connection.execute("SELECT * FROM schema").fetchall(), [(ROOM, len(VERSIONS))])
        for suffix in ("", "-wal", "-shm"):
            self.assertEqual(stat.S_IMODE((self.data / (FILE + suffix)).stat().st_mode), 0o600)

    def test_opened_again_it_stays(self) -> None:
        first = self.open()
        secret = first.execute("SELECT value FROM account_state WHERE name = 'scram-secret'").fetchone()
        self.assertEqual(len(secret[0]), 32)
        second = self.open()
        self.assertEqual(
            second.execute("SELECT value FROM account_state WHERE name = 'scram-secret'").fetchone(), secret
        )

    def test_other_rooms_tables_stay(self) -> None:
        """Whoever was first in the file: the message store's tables and version are not ours."""
        other = sqlite3.connect(self.data / FILE)
        other.executescript(
            "CREATE TABLE schema (room TEXT PRIMARY KEY, version INTEGER NOT NULL);"
            "INSERT INTO schema VALUES ('messages', 7); CREATE TABLE folder (id INTEGER); PRAGMA user_version = 3"
        )
        other.close()
        connection = self.open()
        self.assertEqual(
            connection.execute("SELECT * FROM schema ORDER BY room").fetchall(),
            [(ROOM, len(VERSIONS)), ("messages", 7)],
        )
        self.assertEqual(connection.execute("PRAGMA user_version").fetchone(), (3,))
        self.assertEqual(connection.execute("SELECT count(*) FROM folder").fetchone(), (0,))

    def test_a_newer_one_is_left_alone(self) -> None:
        self.open().execute("UPDATE schema SET version = 99")
        with self.assertRaisesRegex(AccountError, "newer netdaemon"):
            self.open()

    def test_an_older_one_is_brought_up_to_date(self) -> None:
        self.open().execute("INSERT INTO account_state VALUES ('kept', 1)")
        self.patch(schema, "VERSIONS", (*VERSIONS, ("ALTER TABLE account ADD COLUMN colour TEXT",)))
        connection = self.open()
        self.assertEqual(connection.execute("SELECT version FROM schema").fetchone(), (len(VERSIONS) + 1,))
        self.assertEqual(connection.execute("SELECT colour FROM account").fetchall(), [])
        self.assertEqual(connection.execute("SELECT value FROM account_state WHERE name = 'kept'").fetchone(), (1,))

    def test_an_upgrade_that_fails_changes_nothing(self) -> None:
        self.open()
        broken = ("CREATE TABLE half (id INTEGER)", "CREATE TABLE account (id INTEGER)")
        self.patch(schema, "VERSIONS", (*VERSIONS, broken))
        with self.assertRaisesRegex(AccountError, "account already exists"):
            self.open()
        self.patch(schema, "VERSIONS", VERSIONS)
        tables = self.open().execute("SELECT name FROM sqlite_master WHERE name = 'half'").fetchall()
        self.assertEqual(tables, [])

    def test_no_folder(self) -> None:
        with self.assertRaisesRegex(AccountError, "No such file"):
            open_database(self.data / "absent", 1.0)

    def test_no_database(self) -> None:
        (self.data / FILE).write_bytes(b"this is no database " * 100)
        with self.assertRaisesRegex(AccountError, "not a database"):
            self.open()

    def test_no_link_is_followed(self) -> None:
        target = self.data / "elsewhere"
        (self.data / FILE).symlink_to(target)
        with self.assertRaisesRegex(AccountError, "not a regular file"):
            self.open()
        self.assertFalse(target.exists())


class TransactionTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.connection = open_database(folder(self.mktemp()), 1.0)
        self.addCleanup(self.connection.close)

    def test_all(self) -> None:
        with transaction(self.connection):
            self.connection.execute("INSERT INTO account_state VALUES ('a', 1)")
        self.assertFalse(self.connection.in_transaction)
        self.assertEqual(self.connection.execute("SELECT value FROM account_state WHERE name = 'a'").fetchone(), (1,))

    def test_nothing(self) -> None:
        with self.assertRaises(ZeroDivisionError), transaction(self.connection):
            self.connection.execute("INSERT INTO account_state VALUES ('a', 1)")
            1 // 0  # noqa: B018  # to raise
        self.assertFalse(self.connection.in_transaction)
        self.assertIsNone(self.connection.execute("SELECT value FROM account_state WHERE name = 'a'").fetchone())

    def test_sqlite_rolled_back_already(self) -> None:
        with self.assertRaises(sqlite3.IntegrityError), transaction(self.connection):
            self.connection.execute("INSERT OR ROLLBACK INTO account_state VALUES ('lifted', 1)")
        self.assertFalse(self.connection.in_transaction)
