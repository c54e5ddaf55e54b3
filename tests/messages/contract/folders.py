from __future__ import annotations

from netdaemon.messages.errors import BadName, FolderExists, FolderRefused, NoSuchFolder
from netdaemon.messages.interfaces import CREATED, DELETED, RENAMED, UPDATED
from tests.messages.contract.base import Base


class FolderContract(Base):
    def names(self, *patterns: str, account: str = "mulder", **more: object) -> list[str]:
        return [folder.name for folder in self.store.folders(account, patterns or ("*",), **more)]

    async def test_create(self) -> None:
        made = await self.store.create("mulder", "Sent", special_use="\\Sent")
        self.assertEqual((made.account, made.name, made.kind, made.special_use), ("mulder", "Sent", "mail", "\\Sent"))
        self.assertEqual((made.uidnext, made.messages, made.octets, made.selectable), (1, 0, 0, True))
        self.assertEqual((made.low_water, made.high_water), (1, 0))
        self.assertGreaterEqual(made.uidvalidity, self.now)
        self.assertEqual(self.store.folder("mulder", "Sent"), made)
        self.assertEqual(self.store.folder_by_id(made.id), made)

    async def test_create_makes_those_above(self) -> None:
        await self.store.create("mulder", "a/b/c")
        self.assertEqual(self.names(), ["a", "a/b", "a/b/c"])
        self.assertEqual([each.has_children for each in self.store.folders("mulder")], [True, True, False])
        self.assertTrue(self.store.folder("mulder", "a").has_children)

    async def test_create_what_is_there(self) -> None:
        await self.store.create("mulder", "Sent")
        await self.fails(FolderExists, self.store.create("mulder", "Sent"))
        await self.store.create("mulder", "inbox")
        await self.fails(FolderExists, self.store.create("mulder", "INBOX"))

    async def test_accounts_are_apart(self) -> None:
        await self.store.create("mulder", "Sent")
        with self.assertRaises(NoSuchFolder):
            self.store.folder("scully", "Sent")
        self.assertEqual(self.names(account="scully"), [])

    async def test_what_can_not_be_a_name(self) -> None:
        for name in (
            "",
            "/",
            "/a",
            "a/",
            "a//b",
            ".",
            "..",
            "a/../b",
            "a\r\nb",
            "a\0",
            "a*",
            "a%",
            "\ud800",
            "x" * 513,
        ):
            await self.fails(BadName, self.store.create("mulder", name))
        await self.fails(BadName, self.store.create("mulder", "/".join("a" * 33)))
        self.assertEqual(self.names(), [])

    async def test_inbox_has_no_case(self) -> None:
        made = await self.store.ensure("mulder", "InBox")
        self.assertEqual(made.name, "INBOX")
        self.assertEqual(await self.store.ensure("mulder", "inbox"), made)
        child = await self.store.create("mulder", "inbox/x")
        self.assertEqual(child.name, "INBOX/x")
        self.assertEqual((await self.store.ensure("mulder", "inboxes")).name, "inboxes")

    async def test_names_are_normal_unicode(self) -> None:
        made = await self.store.create("mulder", "Entwu\u0308rfe")
        self.assertEqual(made.name, "Entw\u00fcrfe")
        self.assertEqual(self.store.folder("mulder", "Entw\u00fcrfe"), made)

    async def test_ensure(self) -> None:
        made = await self.store.ensure("mulder", "a/b")
        self.assertEqual(await self.store.ensure("mulder", "a/b"), made)
        self.assertEqual(self.names(), ["a", "a/b"])
        await self.fails(BadName, self.store.ensure("mulder", "a//b"))

    async def test_kinds(self) -> None:
        group = await self.store.create("", "misc.test", kind="news")
        self.assertEqual(group.kind, "news")
        await self.fails(FolderRefused, self.store.create("mulder", "misc.test", kind="news"))
        await self.fails(FolderRefused, self.store.create("", "x", kind="queue"))
        await self.fails(FolderRefused, self.store.ensure("", "misc.test"))

    async def test_list(self) -> None:
        for name in ("INBOX", "a", "a/b", "a/b/c", "ab"):
            await self.store.ensure("mulder", name)
        for patterns, found in (
            (("*",), ["INBOX", "a", "a/b", "a/b/c", "ab"]),
            (("%",), ["INBOX", "a", "ab"]),
            (("a/%",), ["a/b"]),
            (("a*",), ["a", "a/b", "a/b/c", "ab"]),
            (("inbox",), ["INBOX"]),
            (("A",), []),
            (("a/b", "ab"), ["a/b", "ab"]),
            (("",), []),
        ):
            self.assertEqual(self.names(*patterns), found, patterns)

    async def test_subscriptions(self) -> None:
        await self.store.create("mulder", "a")
        await self.store.create("mulder", "b")
        await self.store.subscribe("mulder", "a")
        await self.store.subscribe("mulder", "a")
        await self.store.subscribe("mulder", "gone")
        self.assertEqual(self.store.subscriptions("mulder"), ["a", "gone"])
        self.assertEqual(self.names(subscriber="mulder"), ["a"])
        await self.store.subscribe("mulder", "a", False)
        await self.store.subscribe("mulder", "a", False)
        self.assertEqual(self.store.subscriptions("mulder"), ["gone"])

    async def test_subscriptions_to_shared_folders(self) -> None:
        await self.group()
        await self.store.subscribe("mulder", "misc.test", owner="")
        self.assertEqual(self.store.subscriptions("mulder", ""), ["misc.test"])
        self.assertEqual(self.store.subscriptions("mulder"), [])
        self.assertEqual(self.names(account="", subscriber="mulder"), ["misc.test"])
        self.assertEqual(self.names(account="", subscriber="scully"), [])

    async def test_rename(self) -> None:
        made = await self.store.create("mulder", "a")
        await self.store.create("mulder", "a/b/c")
        await self.store.create("mulder", "ab")
        await self.put(made)
        renamed = await self.store.rename("mulder", "a", "x/y")
        self.assertEqual(self.names(), ["ab", "x", "x/y", "x/y/b", "x/y/b/c"])
        self.assertEqual(
            (renamed.id, renamed.uidvalidity, renamed.object_id), (made.id, made.uidvalidity, made.object_id)
        )
        self.assertEqual(renamed.messages, 1)

    async def test_rename_what_can_not_be(self) -> None:
        await self.store.create("mulder", "a")
        await self.store.create("mulder", "b")
        await self.fails(NoSuchFolder, self.store.rename("mulder", "x", "y"))
        await self.fails(FolderExists, self.store.rename("mulder", "a", "b"))
        await self.fails(FolderExists, self.store.rename("mulder", "a", "a"))
        await self.fails(FolderRefused, self.store.rename("mulder", "a", "a/b"))
        await self.fails(BadName, self.store.rename("mulder", "a", "../b"))
        self.assertEqual(self.names(), ["a", "b"])

    async def test_rename_is_whole_or_not_at_all(self) -> None:
        await self.store.create("mulder", "a/" + "x" * 400)
        await self.fails(BadName, self.store.rename("mulder", "a", "y" * 200))
        self.assertEqual(self.names(), ["a", "a/" + "x" * 400])

    async def test_rename_inbox(self) -> None:
        """RFC 9051 section 6.3.6: its messages go, it stays, and so do the folders beneath it."""
        inbox = await self.folder()
        await self.store.create("mulder", "INBOX/x")
        await self.fill(inbox, 2)
        made = await self.store.rename("mulder", "inbox", "old")
        self.assertEqual(self.names(), ["INBOX", "INBOX/x", "old"])
        self.assertEqual((self.now_is(inbox).messages, made.messages), (0, 2))
        self.assertNotEqual(made.id, inbox.id)
        self.assertEqual(self.store.usage("mulder").messages, 2)

    async def test_delete(self) -> None:
        made = await self.store.create("mulder", "a")
        await self.put(made)
        await self.store.delete("mulder", "a")
        self.assertEqual(self.names(), [])
        self.assertEqual((self.store.usage("mulder").octets, self.store.usage("mulder").messages), (0, 0))
        with self.assertRaises(NoSuchFolder):
            self.store.folder_by_id(made.id)
        await self.fails(NoSuchFolder, self.store.delete("mulder", "a"))
        await self.fails(NoSuchFolder, self.put(made))

    async def test_delete_inbox(self) -> None:
        await self.folder()
        await self.fails(FolderRefused, self.store.delete("mulder", "Inbox"))

    async def test_delete_with_folders_beneath(self) -> None:
        """RFC 9051 section 6.3.5: the name stays, and can't be deleted again."""
        made = await self.store.create("mulder", "a")
        await self.store.create("mulder", "a/b")
        await self.put(made)
        await self.store.delete("mulder", "a")
        (name, _) = self.store.folders("mulder")
        self.assertEqual((name.name, name.selectable, name.has_children, name.messages), ("a", False, True, 0))
        with self.assertRaises(NoSuchFolder):
            self.store.folder("mulder", "a")
        await self.fails(FolderRefused, self.store.delete("mulder", "a"))
        again = await self.store.create("mulder", "a")
        self.assertTrue(again.selectable)
        self.assertGreater(again.uidvalidity, made.uidvalidity)
        self.assertEqual(self.names(), ["a", "a/b"])

    async def test_uidvalidity_is_never_repeated(self) -> None:
        given = []
        for _ in range(5):
            made = await self.store.create("mulder", "a")
            given.append(made.uidvalidity)
            await self.store.delete("mulder", "a")
        self.now -= 5000  # nor if the clock is set back
        self.reopen()
        given.append((await self.store.create("mulder", "a")).uidvalidity)
        self.assertEqual(given, sorted(set(given)))

    async def test_object_ids(self) -> None:
        one, two = await self.store.create("mulder", "a"), await self.store.create("mulder", "b")
        self.assertNotEqual(one.object_id, two.object_id)
        self.assertRegex(one.object_id, r"\A[A-Za-z][A-Za-z0-9_-]{0,254}\Z")

    async def test_properties(self) -> None:
        made = await self.folder()
        await self.store.set_property(made.id, "/private/comment", "gr\u00fc\u00df")
        await self.store.set_property(made.id, "/private/comment", "new")
        await self.store.set_property(made.id, "x", "y")
        self.assertEqual(self.store.properties(made.id), {"/private/comment": "new", "x": "y"})
        await self.store.set_property(made.id, "x", None)
        await self.store.set_property(made.id, "x", None)
        self.assertEqual(self.store.properties(made.id), {"/private/comment": "new"})
        await self.fails(NoSuchFolder, self.store.set_property(made.id + 1, "x", "y"))

    async def test_one_property_of_many_folders(self) -> None:
        one, two, other = await self.group("a"), await self.group("b"), await self.folder()
        for folder in (one, two, other):
            await self.store.set_property(folder.id, "description", folder.name)
        await self.store.set_property(one.id, "posting", "m")
        self.assertEqual(self.store.property_of("", "description"), {one.id: "a", two.id: "b"})
        self.assertEqual(self.store.property_of("", "posting"), {one.id: "m"})
        self.assertEqual(self.store.property_of("mulder", "posting"), {})

    async def test_special_use(self) -> None:
        made = await self.store.create("mulder", "a")
        await self.store.set_special_use(made.id, "\\Trash")
        self.assertEqual(self.now_is(made).special_use, "\\Trash")
        await self.fails(NoSuchFolder, self.store.set_special_use(made.id + 1, ""))

    async def test_recent(self) -> None:
        made = await self.folder()
        self.assertEqual(await self.store.claim_recent(made.id), 1)
        await self.fill(made, 2)
        self.assertEqual(await self.store.claim_recent(made.id), 1)
        await self.fill(made, 1)
        self.assertEqual([await self.store.claim_recent(made.id) for _ in "ab"], [3, 4])

    async def test_delete_account(self) -> None:
        hers = await self.folder(account="scully")
        await self.put(hers, await self.folder())
        await self.store.create("mulder", "a/b")
        await self.store.subscribe("mulder", "a")
        await self.store.delete_account("mulder")
        self.assertEqual((self.names(), self.store.subscriptions("mulder")), ([], []))
        self.assertEqual(self.store.usage("mulder").octets, 0)
        self.assertEqual(self.now_is(hers).messages, 1)
        await self.fails(FolderRefused, self.store.delete_account(""))

    async def test_they_tell(self) -> None:
        heard: list[tuple[str, str]] = []
        self.store.switchboard.subscribe_account("mulder", lambda change: heard.append((change.what, change.name)))
        await self.store.create("scully", "x")
        made = await self.store.create("mulder", "a/b")
        await self.store.rename("mulder", "a", "c")
        await self.store.set_property(made.id, "x", "y")
        await self.store.delete("mulder", "c/b")
        self.assertEqual(
            heard,
            [(CREATED, "a"), (CREATED, "a/b"), (RENAMED, "c"), (RENAMED, "c/b"), (UPDATED, "c/b"), (DELETED, "c/b")],
        )
