"""Delivery: who gets what, what is written in front, what is refused and how; all in one transaction."""

from __future__ import annotations

import errno
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from netdaemon.interfaces import LoginUnavailable
from netdaemon.mail import delivery as room
from netdaemon.mail.addresses import parse_address
from netdaemon.mail.interfaces import MailRefused, Recipient
from netdaemon.messages.errors import NoSuchFolder
from netdaemon.messages.interfaces import Quota
from netdaemon.messages.store import done
from tests.mail.postoffice import RECEIVED, TEXT, PostOffice, result

SUCCESS = frozenset({"SUCCESS", "FAILURE"})
ALIASES = """
postmaster: mulder
team: mulder, scully
sales: mulder, partner@example.net
owner-sales: scully
fwd: fox@example.net
"""


class AcceptTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.office = PostOffice(self, ALIASES)

    def test_local(self) -> None:
        for yes in ("mulder@spam.egg", "MULDER+x@Spam.Egg", "sales@spam.egg", "postmaster@spam.egg"):
            self.assertEqual(self.office.accept(yes), "", yes)
        self.assertEqual(self.office.accept("nobody@spam.egg"), "550 5.1.1")

    def test_elsewhere_is_for_accounts_and_ourselves(self) -> None:
        self.assertEqual(self.office.accept("x@example.com"), "550 5.7.1")
        self.assertEqual(self.office.accept("x@example.com", account="mulder"), "")
        self.assertEqual(self.office.accept("x@example.com", trusted=True), "")

    def test_over_quota(self) -> None:
        self.office.quotas["mulder"] = Quota(octets=10)
        self.assertEqual(self.office.accept("mulder@spam.egg"), "")
        self.office.quotas["mulder"] = Quota(octets=0)
        self.assertEqual(self.office.accept("mulder@spam.egg"), "452 4.2.2")
        self.office.quotas["mulder"] = Quota(messages=0)
        self.assertEqual(self.office.accept("mulder@spam.egg"), "452 4.2.2")
        # of several, one has room
        self.assertEqual(self.office.accept("team@spam.egg"), "")
        self.assertEqual(self.office.accept("sales@spam.egg"), "")

    def test_accounts_that_cannot_be_asked(self) -> None:
        def away(name: str) -> bool:
            raise LoginUnavailable("the disk is gone")

        self.office.exists = away
        self.assertEqual(self.office.accept("mulder@spam.egg"), "450 4.3.0")
        self.assertEqual(self.office.deliver("a@example.com", "mulder@spam.egg"), ["450 4.3.0"])

    def test_quotas_that_cannot_be_asked(self) -> None:
        def away(account: str) -> Quota | None:
            raise LoginUnavailable("the disk is gone")

        self.patch(self.office.delivery, "_limit", away)
        self.assertEqual(self.office.accept("mulder@spam.egg"), "450 4.3.0")

    def test_vrfy_and_expn(self) -> None:
        def verify(address: str) -> bool | None:
            return result(self.office.delivery.verify(parse_address(address)))

        self.assertEqual(
            [verify(one) for one in ("mulder@spam.egg", "no@spam.egg", "x@example.com")], [True, False, None]
        )
        members = result(self.office.delivery.members(parse_address("team@spam.egg")))
        self.assertEqual(list(map(str, members or ())), ["mulder@spam.egg", "scully@spam.egg"])
        self.assertIsNone(result(self.office.delivery.members(parse_address("mulder@spam.egg"))))


class DeliverTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.office = PostOffice(self, ALIASES)

    def test_a_local_message(self) -> None:
        self.assertEqual(self.office.deliver("a@example.com", "mulder@spam.egg"), [""])
        self.assertEqual(self.office.mail("mulder"), [b"Return-Path: <a@example.com>\r\n" + RECEIVED + TEXT])
        self.assertEqual(self.office.queue(), [])
        self.assertEqual(self.office.counted, {"accepted": 1})

    def test_several_recipients_share_one_message(self) -> None:
        self.office.deliver("a@example.com", "mulder@spam.egg", "scully@spam.egg", "mulder@spam.egg", "team@spam.egg")
        messages = {
            entry.message
            for account in ("mulder", "scully")
            for entry in self.office.store.entries(self.office.store.folder(account, "INBOX").id, ((1, 9),))
        }
        self.assertEqual((len(messages), len(self.office.mail("mulder")), len(self.office.mail("scully"))), (1, 1, 1))

    def test_the_summary_is_that_of_the_message(self) -> None:
        self.office.deliver("a@example.com", "mulder@spam.egg")
        folder = self.office.store.folder("mulder", "INBOX")
        (row,) = self.office.store.rows(folder.id, ((1, 9),))
        self.assertEqual((row.summary.subject, row.summary.lines, row.received), ("hello", 1, self.office.now))

    def test_folders_by_address(self) -> None:
        done(self.office.store.create("mulder", "Lists/Python"))
        done(self.office.store.create("mulder", "Trash", special_use="\\Trash"))
        for name, folder in (
            ("lists/python", "Lists/Python"),
            ("nowhere", "INBOX"),
            ("lists", "Lists"),
            ("trash", "INBOX"),
            ("inbox", "INBOX"),
        ):
            before = len(self.office.mail("mulder", folder)) if name != "nowhere" else 0
            self.office.deliver("a@example.com", f"mulder+{name}@spam.egg")
            self.assertEqual(len(self.office.mail("mulder", folder)), before + 1, name)

    def test_a_mailbox_that_was_deleted(self) -> None:
        """It is made anew, also when it is one of several, and nobody gets it twice."""
        for recipients in (["mulder@spam.egg"], ["mulder@spam.egg", "scully@spam.egg"]):
            self.office.deliver("a@example.com", "mulder@spam.egg", "scully@spam.egg")
            done(self.office.store.delete_account("mulder"))
            before = len(self.office.mail("scully"))
            self.assertEqual(self.office.deliver("a@example.com", *recipients), [""] * len(recipients))
            self.assertEqual(len(self.office.mail("mulder")), 1)
            self.assertEqual(len(self.office.mail("scully")), before + len(recipients) - 1)

    def test_elsewhere(self) -> None:
        self.office.deliver("mulder@spam.egg", "x@example.com", "Y@example.org", account="mulder")
        (letter,) = self.office.letters()
        self.assertEqual(self.office.queue(), [("mulder@spam.egg", ["x@example.com", "Y@example.org"])])
        self.assertEqual(self.office.sent(letter), RECEIVED + TEXT)
        self.assertEqual((letter.options.account, letter.state, letter.next_try), ("mulder", "due", self.office.now))
        self.assertEqual(letter.expires, self.office.now + 432_000)

    def test_here_and_elsewhere_share_the_octets(self) -> None:
        self.office.deliver("scully@spam.egg", "mulder@spam.egg", "x@example.com", account="scully")
        (letter,) = self.office.letters()
        (entry,) = self.office.store.entries(self.office.store.folder("mulder", "INBOX").id, ((1, 9),))
        self.assertEqual(letter.message, entry.message)

    def test_groups_with_owners(self) -> None:
        self.office.deliver("a@example.com", "sales@spam.egg", "scully@spam.egg")
        self.assertEqual(self.office.queue(), [("owner-sales@spam.egg", ["partner@example.net"])])
        self.assertTrue(self.office.mail("mulder")[0].startswith(b"Return-Path: <owner-sales@spam.egg>\r\n"))
        self.assertTrue(self.office.mail("scully")[0].startswith(b"Return-Path: <a@example.com>\r\n"))
        (letter,) = self.office.letters()
        self.assertEqual(str(letter.addressees[0].by), "sales@spam.egg")
        self.assertEqual(letter.addressees[0].recipient.original, "")
        # each copy once, and none that nobody needs
        self.assertEqual(self.office.store.folder("@queue", "outgoing").messages, 1)

    def test_who_is_left_out_of_a_list(self) -> None:
        """The sender is told, not the list's owner; by octets that are there anyway."""
        office = PostOffice(self, "list: mulder, scully\nowner-list: skinner")
        office.quotas["mulder"] = Quota(octets=10)
        self.assertEqual(office.deliver("a@b.example", "list@spam.egg"), [""])
        self.assertEqual(office.queue(), [("a@b.example", ["list@spam.egg failed"])])
        (letter,) = office.letters()
        self.assertEqual(office.sent(letter), RECEIVED + TEXT)
        self.assertEqual(office.store.folder("@queue", "outgoing").messages, 1)

    def test_a_member_of_two_lists_and_a_recipient_too(self) -> None:
        """Gets it once: as whom it was sent to, else by the first list."""
        lists = "one: mulder, scully, fox@far.example, x@far.example\nowner-one: skinner\n"
        office = PostOffice(self, lists + "two: scully, mulder, fox@far.example\nowner-two: skinner\n")
        self.assertEqual(
            office.deliver(
                "a@b.example", "one@spam.egg", "two@spam.egg", "mulder@spam.egg", "x@far.example", account="z"
            ),
            [""] * 4,
        )
        (to_mulder,), (to_scully,) = office.mail("mulder"), office.mail("scully")
        self.assertTrue(to_mulder.startswith(b"Return-Path: <a@b.example>"))
        self.assertTrue(to_scully.startswith(b"Return-Path: <owner-one@spam.egg>"))
        self.assertEqual(
            office.queue(), [("a@b.example", ["x@far.example"]), ("owner-one@spam.egg", ["fox@far.example"])]
        )
        # the second list alone, all of whose members have it
        self.assertEqual(
            office.deliver("a@b.example", "two@spam.egg", "mulder@spam.egg", "scully@spam.egg", protocol="LMTP"),
            [""] * 3,
        )
        self.assertEqual(len(office.mail("scully")), 2)
        self.assertEqual(office.queue()[2:], [("owner-two@spam.egg", ["fox@far.example"])])

    def test_nobody_at_all(self) -> None:
        self.assertEqual(self.office.deliver("a@b.example"), [])

    def test_reports_keep_their_null_path(self) -> None:
        self.office.deliver("", "sales@spam.egg")
        self.assertTrue(self.office.mail("mulder")[0].startswith(b"Return-Path: <>\r\n"))
        self.assertEqual(self.office.queue(), [("", ["partner@example.net"])])

    def test_forwards(self) -> None:
        self.office.deliver("a@example.com", Recipient(parse_address("fwd@spam.egg"), SUCCESS, "rfc822;f@x.example"))
        (letter,) = self.office.letters()
        (one,) = letter.addressees
        self.assertEqual((str(one.recipient.address), str(one.by)), ("fox@example.net", "fwd@spam.egg"))
        self.assertEqual((one.recipient.notify, one.recipient.original), (SUCCESS, "rfc822;f@x.example"))
        self.office.deliver("a@example.com", "fwd@spam.egg")
        self.assertEqual(self.office.letters()[1].addressees[0].recipient.original, "rfc822;fwd@spam.egg")

    def test_strangers_reach_elsewhere_by_forwards_only(self) -> None:
        self.assertEqual(self.office.accept("fwd@spam.egg"), "")
        self.assertEqual(self.office.accept("fox@example.net"), "550 5.7.1")

    def test_success_is_reported(self) -> None:
        self.office.deliver(
            "a@example.com",
            Recipient(parse_address("mulder@spam.egg"), SUCCESS),
            Recipient(parse_address("team@spam.egg"), SUCCESS),
            Recipient(parse_address("sales@spam.egg"), SUCCESS),
            Recipient(parse_address("fwd@spam.egg"), SUCCESS),
        )
        self.assertEqual(
            self.office.queue(),
            [
                (
                    "a@example.com",
                    [
                        "fox@example.net",
                        "mulder@spam.egg delivered",
                        "team@spam.egg expanded",
                        "sales@spam.egg expanded",
                    ],
                ),
                ("owner-sales@spam.egg", ["partner@example.net"]),
            ],
        )
        self.office.deliver("", Recipient(parse_address("mulder@spam.egg"), SUCCESS))
        self.assertEqual(len(self.office.letters()), 2)

    def test_held_until_its_time(self) -> None:
        later = self.office.now + 3600
        self.office.deliver("mulder@spam.egg", "scully@spam.egg", "x@example.com", account="mulder", hold_until=later)
        self.assertRaises(NoSuchFolder, self.office.mail, "scully")
        (letter,) = self.office.letters()
        self.assertEqual((letter.next_try, letter.since, letter.expires), (later, later, later + 432_000))
        self.assertEqual(len(letter.addressees), 2)
        self.assertEqual(self.office.deliver("a@example.com", "scully@spam.egg", hold_until=self.office.now - 1), [""])
        self.assertEqual(len(self.office.mail("scully")), 1)

    def test_deliver_by(self) -> None:
        soon = self.office.now + 60
        for mode, expires in (("R", soon), ("RT", soon), ("N", self.office.now + 432_000)):
            self.office.deliver("mulder@spam.egg", "x@example.com", account="mulder", deliver_by=(soon, mode))
            self.assertEqual(self.office.letters()[-1].expires, expires)
            self.assertEqual(self.office.letters()[-1].options.deliver_by, (soon, mode))

    def test_large_messages_are_read_in_a_thread(self) -> None:
        self.patch(room, "AT_HAND", 100)
        large = TEXT + b"x" * 70 + b"\r\n"
        large *= 1 + (300 << 10) // len(large)
        self.office.deliver("a@example.com", "mulder@spam.egg", octets=large)
        self.assertTrue(self.office.mail("mulder")[0].endswith(RECEIVED + large))


class LoopTests(SynchronousTestCase):
    def test_too_many_hosts(self) -> None:
        office = PostOffice(self)
        self.assertEqual(office.deliver("a@example.com", "mulder@spam.egg", octets=RECEIVED * 30 + TEXT), [""])
        self.assertEqual(office.deliver("a@example.com", "mulder@spam.egg", octets=RECEIVED * 31 + TEXT), ["554 5.4.6"])
        self.assertEqual(len(office.mail("mulder")), 1)

    def test_a_forward_that_comes_back(self) -> None:
        office = PostOffice(self, "fwd: fox@example.net")
        came = b"Delivered-To: Fwd@spam.egg\r\n" + TEXT
        self.assertEqual(office.deliver("a@example.com", "fwd@spam.egg", octets=came), ["554 5.4.6"])
        self.assertEqual(office.deliver("a@example.com", "mulder@spam.egg", octets=came), [""])
        self.assertEqual(office.deliver("a@example.com", "fwd@spam.egg", "mulder@spam.egg", octets=came), ["", ""])
        self.assertEqual(office.queue(), [("a@example.com", ["fwd@spam.egg failed"])])


class PartlyTests(SynchronousTestCase):
    """Some of the recipients can't be given it."""

    def setUp(self) -> None:
        self.office = PostOffice(self, ALIASES)
        self.office.quotas["mulder"] = Quota(octets=10)

    def test_nobody(self) -> None:
        self.assertEqual(self.office.deliver("a@example.com", "mulder@spam.egg"), ["452 4.2.2"])
        self.assertEqual(self.office.deliver("a@example.com", "x@spam.egg", "y@spam.egg"), ["550 5.1.1"])
        self.assertEqual((self.office.queue(), self.office.counted), ([], {"deferred": 1, "refused": 1}))

    def test_over_smtp_the_others_get_it(self) -> None:
        self.assertEqual(self.office.deliver("a@example.com", "mulder@spam.egg", "scully@spam.egg"), ["", ""])
        self.assertEqual(len(self.office.mail("scully")), 1)
        self.assertEqual(self.office.queue(), [("a@example.com", ["mulder@spam.egg"])])

    def test_over_lmtp_each_has_an_answer(self) -> None:
        self.assertEqual(
            self.office.deliver(
                "a@example.com", "mulder@spam.egg", "scully@spam.egg", "nobody@spam.egg", protocol="LMTP"
            ),
            ["452 4.2.2", "", "550 5.1.1"],
        )
        self.assertEqual(self.office.deliver("a@example.com", "no@spam.egg", protocol="LMTPSA"), ["550 5.1.1"])
        self.assertEqual(
            self.office.deliver("a@example.com", "no@spam.egg", "mulder@spam.egg", protocol="LMTP"),
            ["550 5.1.1", "452 4.2.2"],
        )
        self.assertEqual(self.office.deliver("a@example.com", "no@spam.egg", "mulder@spam.egg"), ["452 4.2.2"])
        self.assertEqual((len(self.office.mail("scully")), self.office.queue()), (1, []))

    def test_unknown_since_rcpt(self) -> None:
        self.assertEqual(self.office.deliver("a@example.com", "nobody@spam.egg", "scully@spam.egg"), ["", ""])
        self.assertEqual(self.office.queue(), [("a@example.com", ["nobody@spam.egg failed"])])
        never = Recipient(parse_address("nobody@spam.egg"), frozenset({"NEVER"}))
        self.office.deliver("a@example.com", never, "scully@spam.egg")
        self.office.deliver("", "nobody@spam.egg", "scully@spam.egg")
        self.assertEqual((len(self.office.letters()), len(self.office.mail("scully"))), (1, 3))

    def test_a_member_of_an_alias(self) -> None:
        self.assertEqual(self.office.deliver("a@example.com", "team@spam.egg", protocol="LMTP"), [""])
        self.assertEqual(self.office.queue(), [("a@example.com", ["team@spam.egg failed"])])
        self.assertEqual(self.office.letters()[0].addressees[0].status, "5.2.2")

    def test_a_list_whose_members_are_all_full(self) -> None:
        office = PostOffice(self, "list: mulder\nowner-list: scully")
        office.quotas["mulder"] = Quota(octets=10)
        self.assertEqual(office.deliver("a@example.com", "list@spam.egg"), ["452 4.2.2"])
        self.assertEqual(office.deliver("a@example.com", "list@spam.egg", "scully@spam.egg"), ["", ""])
        self.assertEqual(office.queue(), [("a@example.com", ["list@spam.egg"])])
        self.assertEqual(office.store.folder("@queue", "outgoing").messages, 1)


class AgainTests(SynchronousTestCase):
    """The same transfer twice: the peer did not hear our yes."""

    def test_nothing_is_doubled(self) -> None:
        office = PostOffice(self, ALIASES)
        office.quotas["skinner"] = Quota(octets=10)
        recipients = ["sales@spam.egg", "x@example.com", "skinner@spam.egg", "scully@spam.egg"]
        for protocol in ("ESMTP", "LMTP"):
            first = office.deliver("a@example.com", *recipients, transfer=protocol, protocol=protocol, account="mulder")
            before = office.queue(), office.mail("mulder"), office.mail("scully")
            again = office.deliver("a@example.com", *recipients, transfer=protocol, protocol=protocol, account="mulder")
            self.assertEqual(first, again)
            self.assertEqual(first, ["", "", "452 4.2.2" if protocol == "LMTP" else "", ""])
            self.assertEqual((office.queue(), office.mail("mulder"), office.mail("scully")), before)


class TroubleTests(SynchronousTestCase):
    """A disk that fails is never a yes, and leaves nothing behind."""

    def setUp(self) -> None:
        self.office = PostOffice(self, ALIASES)
        self.office.deliver("a@example.com", "mulder@spam.egg", "scully@spam.egg")

    def assert_unchanged(self) -> None:
        self.assertEqual((len(self.office.mail("mulder")), len(self.office.mail("scully"))), (1, 1))
        self.assertEqual(self.office.queue(), [])

    def test_reading_the_spool(self) -> None:
        for code, answer in ((errno.EIO, "451 4.3.0"), (errno.ENOSPC, "451 4.3.0")):
            spool = self.office.spool()

            def fail(offset: int, size: int, code: int = code) -> bytes:
                raise OSError(code, "injected")

            spool.read = fail
            envelope = self.office.envelope("a@example.com", "mulder@spam.egg", "x@example.com", account="scully")
            refused = self.assertRaises(MailRefused, result, self.office.delivery.deliver(envelope, spool))
            self.assertEqual(f"{refused.code} {refused.status}", answer)
            self.assert_unchanged()

    def test_every_statement(self) -> None:
        """Each statement of the transaction fails in its turn, as a full and as a failing disk lets it fail."""
        import sqlite3

        engine = self.office.store._writer._engine  # type: ignore[attr-defined]
        real = {"index": engine.index, "blobs": engine.blobs}
        for kind, answer in ((sqlite3.SQLITE_FULL, "452 4.3.1"), (sqlite3.SQLITE_IOERR, "451 4.3.0")):
            for file in ("index", "blobs"):
                count = 0
                while True:
                    failing = Failing(real[file], count, kind)
                    setattr(engine, file, failing)
                    try:
                        answers = self.office.deliver(
                            "scully@spam.egg", "sales@spam.egg", "x@example.com", account="scully", transfer=f"{kind}"
                        )
                    finally:
                        setattr(engine, file, real[file])
                    if not failing.failed:
                        break
                    self.assertEqual(answers, [answer], f"statement {count} of {file}")
                    self.assert_unchanged()
                    count += 1
                self.assertGreater(count, 2)
                self.assertEqual(answers, ["", ""])
                self.setUp()
                engine = self.office.store._writer._engine  # type: ignore[attr-defined]
                real = {"index": engine.index, "blobs": engine.blobs}


class Failing:
    """A connection whose statement of that number fails."""

    def __init__(self, connection: Any, number: int, code: int) -> None:
        self._connection = connection
        self._left = number
        self._code = code
        self.failed = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    def execute(self, sql: str, *values: Any) -> Any:
        self._count(sql)
        return self._connection.execute(sql, *values)

    def executemany(self, sql: str, *values: Any) -> Any:
        self._count(sql)
        return self._connection.executemany(sql, *values)

    def _count(self, sql: str) -> None:
        import sqlite3

        if sql.startswith("ROLLBACK"):
            return
        self._left -= 1
        if self._left == -1:
            self.failed = True
            error = sqlite3.OperationalError("injected")
            error.sqlite_errorcode = self._code
            raise error


class PropertyTests(SynchronousTestCase):
    @settings(max_examples=30, deadline=None)
    @given(
        st.lists(
            st.sampled_from(
                ["mulder", "scully", "skinner", "team", "sales", "fwd", "nobody", "x@example.com", "y@example.org"]
            ),
            min_size=1,
            max_size=6,
        ),
        st.sets(st.sampled_from(["mulder", "scully", "skinner"])),
        st.booleans(),
    )
    def test_nobody_is_lost(self, names: list[str], full: set[str], lmtp: bool) -> None:
        """Every recipient has it in a mailbox, is in the queue, is told of to the sender, or was refused."""
        office = PostOffice(self, ALIASES)
        for account in full:
            office.quotas[account] = Quota(octets=10)
        recipients = [name if "@" in name else f"{name}@spam.egg" for name in names]
        answers = office.deliver("a@b.example", *recipients, account="z", protocol="LMTP" if lmtp else "ESMTP")
        if len(answers) == 1 and len(recipients) > 1:
            self.assertFalse(lmtp)
            self.assertEqual(office.queue(), [])
            return
        queued = {line for _, lines in office.queue() for line in lines}
        members = {"team": ["mulder", "scully"], "sales": ["mulder", "partner@example.net"], "fwd": ["fox@example.net"]}
        for name, recipient, answer in zip(names, recipients, answers, strict=True):
            if answer:
                continue
            missing = [
                one
                for one in members.get(name, [name])
                if not (one in queued if "@" in one else one in ("mulder", "scully", "skinner") and one not in full)
            ]
            if missing:
                self.assertTrue({recipient, f"{recipient} failed"} & queued, (name, queued))


class OwnerTests(SynchronousTestCase):
    def test_whose_an_address_is(self) -> None:
        aliases = "fm: mulder\nx@spam.egg: mulder, scully\nboth: mulder, a@example.net\nskinner: a@example.net"
        office = PostOffice(self, aliases=aliases)
        for address, owner in (
            ("mulder@spam.egg", "mulder"),
            ("Mulder+lists@SPAM.egg", "mulder"),
            ("fm@spam.egg", "mulder"),
            ("x@spam.egg", ""),
            ("both@spam.egg", ""),
            ("skinner@spam.egg", "skinner"),
            ("nobody@spam.egg", ""),
            ("mulder@example.net", ""),
        ):
            owners = [
                name
                for name in ("mulder", "scully", "skinner")
                if result(office.delivery.owns(name, parse_address(address)))
            ]
            self.assertEqual(owners, [owner] if owner else [], address)
