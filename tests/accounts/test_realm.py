from typing import Any

from twisted.cred.checkers import ANONYMOUS
from twisted.cred.error import UnauthorizedLogin
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import Interface
from zope.interface.verify import verifyObject

from netdaemon.accounts.realm import NoAvatar, Realm
from netdaemon.accounts.sources import Record
from netdaemon.config.settings import DocumentsSettings
from netdaemon.documents.tree import Tree
from netdaemon.interfaces import Account, Forbidden, IAccountAvatar, IDocuments, IDocumentsAvatar, NotFound, Right
from tests.accounts.checking import Foreign, Table
from tests.accounts.kit import folder


class IMail(Interface):
    """What a later floor may provide."""


class RealmCase(SynchronousTestCase):
    def setUp(self) -> None:
        root = folder(self.mktemp())
        (root / "pub").mkdir()
        (root / "pub" / "file").write_bytes(b"x")
        self.tree = Tree(DocumentsSettings(root=root))
        self.addCleanup(self.tree.close)
        mulder = Account("mulder", rights=(Right("/", "-"), Right("/pub", "r")), quota=7)
        self.table = Table(
            mulder=Record(mulder, "hash"),
            scully=Record(Account("scully"), "hash"),
            krycek=Record(Account("krycek", enabled=False), "hash"),
        )
        self.realm = Realm((Foreign(), self.table), self.tree)

    def documents(self, name: bytes | tuple[()]) -> Any:
        return self.realm.requestAvatar(name, None, IDocumentsAvatar)[1].documents


class AccountTests(RealmCase):
    def test_known(self) -> None:
        self.assertEqual(self.realm.account(b"mulder"), self.table.records["mulder"].account)

    def test_known_to_a_strcred_checker_only(self) -> None:
        self.assertEqual(self.realm.account(b"skinner"), Account("skinner"))

    def test_disabled_whoever_said_yes(self) -> None:
        with self.assertRaises(UnauthorizedLogin):
            self.realm.account(b"krycek")

    def test_anonymous(self) -> None:
        self.assertEqual(self.realm.account(ANONYMOUS), Account("anonymous", rights=(Right("/", "r"),)))
        with self.assertRaises(UnauthorizedLogin):
            self.realm.account(b"anonymous")  # nobody logs in by that name


class AvatarTests(RealmCase):
    def test_who_somebody_is(self) -> None:
        interface, avatar, logout = self.realm.requestAvatar(b"mulder", None, IAccountAvatar)
        self.assertIs(interface, IAccountAvatar)
        self.assertTrue(verifyObject(IAccountAvatar, avatar))
        self.assertEqual(avatar.account, self.table.records["mulder"].account)
        logout()

    def test_the_tree_by_rights(self) -> None:
        interface, avatar, _ = self.realm.requestAvatar(b"mulder", None, IDocumentsAvatar)
        self.assertTrue(verifyObject(interface, avatar))
        self.assertTrue(verifyObject(IDocuments, avatar.documents))
        self.assertEqual([entry.name for entry in avatar.documents.list(b"/pub")], [b"file"])
        with self.assertRaises(Forbidden):
            avatar.documents.remove(b"/pub/file")
        with self.assertRaises(NotFound):
            avatar.documents.write(b"/new")

    def test_the_tree_for_an_account_without_lines(self) -> None:
        self.documents(b"scully").make_folder(b"/new")
        self.documents(b"scully").remove(b"/new")

    def test_anonymous_reads(self) -> None:
        documents = self.documents(ANONYMOUS)
        self.assertEqual(documents.entry(b"/pub/file").size, 1)
        for change in (documents.remove, documents.make_folder, documents.write):
            with self.assertRaises(Forbidden):
                change(b"/pub/file")

    def test_the_first_that_anybody_provides(self) -> None:
        self.assertIs(self.realm.requestAvatar(b"mulder", None, IMail, IAccountAvatar)[0], IAccountAvatar)
        with self.assertRaisesRegex(NoAvatar, "IMail"):
            self.realm.requestAvatar(b"mulder", None, IMail)

    def test_other_rooms_provide_theirs(self) -> None:
        ended: list[str] = []
        self.realm.provide(IMail, lambda account: (f"mail of {account.name}", lambda: ended.append(account.name)))
        interface, avatar, logout = self.realm.requestAvatar(b"mulder", None, IMail, IAccountAvatar)
        self.assertEqual((interface, avatar), (IMail, "mail of mulder"))
        logout()
        self.assertEqual(ended, ["mulder"])
