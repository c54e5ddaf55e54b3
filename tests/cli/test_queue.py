"""`netdaemon queue`: the books, seen and changed as the daemon sees them."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from netdaemon.mail import books
from netdaemon.mail.addresses import parse_address
from netdaemon.mail.interfaces import Recipient
from netdaemon.mail.letter import Addressee
from netdaemon.messages.store import done
from tests.cli.accounts import CommandCase
from tests.mail.postoffice import PostOffice


class QueueCase(CommandCase):
    def office(self) -> PostOffice:
        """A store with two messages in its queue, as the daemon has it open."""
        self.data.mkdir(exist_ok=True, mode=0o700)
        office = PostOffice(self, data=self.data)
        office.deliver("mulder@spam.egg", "fox@far.example", "walter@far.example", account="mulder")
        office.deliver("", "x@other.example", trusted=True, octets=b"Subject: \x1b[31mred\r\n\r\nx\r\n")
        return office

    def states(self, office: PostOffice) -> list[str]:
        return [letter.state for letter in office.letters()]


class ListTests(QueueCase):
    def test_list(self) -> None:
        self.office()
        first, second, third = self.good("queue", "list").splitlines()
        self.assertEqual(first.split(), ["ID", "STATE", "SIZE", "ARRIVED", "NEXT", "TRY", "SENDER", "RECIPIENTS"])
        self.assertTrue(second.startswith("1   due"), second)
        self.assertTrue(second.endswith("mulder@spam.egg  fox@far.example, walter@far.example"), second)
        self.assertTrue(third.endswith("<>               x@other.example"), third)

    def test_json(self) -> None:
        self.office()
        first, second = json.loads(self.good("queue", "list", "--json"))
        self.assertEqual(
            (first["id"], first["sender"], first["account"], first["state"]), (1, "mulder@spam.egg", "mulder", "due")
        )
        self.assertEqual([one["address"] for one in first["recipients"]], ["fox@far.example", "walter@far.example"])
        self.assertEqual((second["sender"], second["tries"]), ("", 0))

    def test_nothing(self) -> None:
        self.assertIn("is not there", self.bad("queue", "list"))
        self.data.mkdir(mode=0o700)
        self.assertEqual(len(self.good("queue", "list").splitlines()), 1)
        self.assertEqual(json.loads(self.good("queue", "list", "--json")), [])

    def test_show(self) -> None:
        office = self.office()
        tried = Addressee(
            Recipient(parse_address("fox@far.example")), status="4.2.0", reply="450 4.2.0 \x07later", tries=1
        )
        tried = replace(tried, host="far.example")
        done(office.store.write(lambda work: books.note(work, 1, [tried])))
        out = self.good("queue", "show", "1")
        for line in (
            "Sender:     mulder@spam.egg",
            "Recipient:  fox@far.example (waiting, far.example said: 450 4.2.0 \\x07later)",
            "Recipient:  walter@far.example (waiting)",
            "Subject:    hello",
        ):
            self.assertIn(line + "\n", out)
        self.assertIn("\\x1b[31mred", self.good("queue", "show", "2"))
        self.assertEqual(json.loads(self.good("queue", "show", "1", "--json"))["recipients"][0]["tries"], 1)
        self.assertIn("there is no message 9", self.bad("queue", "show", "9"))


class SteerTests(QueueCase):
    def test_hold_release_retry_drop(self) -> None:
        office = self.office()
        self.assertEqual(self.good("queue", "hold", "1"), "1 message\n")
        self.assertEqual(self.states(office), ["held", "due"])
        self.assertEqual(self.good("queue", "retry", "--all"), "1 message\n")
        self.assertEqual(self.good("queue", "release", "--all"), "1 message\n")
        self.assertEqual(self.good("queue", "hold", "--all"), "2 messages\n")
        self.assertEqual(self.states(office), ["held", "held"])
        self.assertEqual(self.good("queue", "drop", "2"), "1 message\n")
        self.assertEqual(self.states(office), ["held"])
        self.assertEqual(self.good("queue", "drop", "--all"), "1 message\n")
        self.assertEqual((office.letters(), office.store.folder("@queue", "outgoing").messages), ([], 0))

    def test_retry_is_now(self) -> None:
        office = self.office()
        done(office.store.write(lambda work: work.db.execute("UPDATE queue SET next_try = 9e9").rowcount))
        self.assertEqual(self.good("queue", "retry", "1"), "1 message\n")
        self.assertLess(office.letters()[0].next_try, 8e9)

    def test_a_daemon_that_runs_hears_of_it(self) -> None:
        office = self.office()
        heard: list[Any] = []
        office.store.switchboard.subscribe(office.folder, heard.append)
        office.store.look()
        heard.clear()
        self.good("queue", "hold", "1")
        office.store.look()
        self.assertEqual([change.folder for change in heard], [office.folder])
        heard.clear()
        self.assertEqual(self.run_command("queue", "hold", "1").out, "0 messages\n")
        office.store.look()
        self.assertEqual(heard, [])

    def test_what_is_not_there(self) -> None:
        office = self.office()
        ran = self.run_command("queue", "hold", "1", "77")
        self.assertEqual((ran.status, ran.out), (1, "1 message\n"))
        self.assertEqual(self.run_command("queue", "drop", "77").status, 1)
        self.assertEqual(len(office.letters()), 2)

    def test_misuse(self) -> None:
        self.office()
        for words in (("hold",), ("drop", "--all", "1"), ("retry", "x"), ("show", "-1"), ("show", "1" * 20)):
            self.assertEqual(self.run_command("queue", *words).status, 2, words)


class AliasesTests(CommandCase):
    def test_config_check_reads_them(self) -> None:
        aliases = self.ini.parent / "aliases"
        self.ini.write_text(self.ini.read_text() + f"\n[mail]\naliases = {aliases}\n")
        aliases.write_text("a: b\n")
        self.good("config", "check")
        aliases.write_text("a: b\nc: |d\n\n\nnobody:\n")
        ran = self.run_command("config", "check")
        self.assertEqual((ran.status, len(ran.err.splitlines())), (2, 2))
        self.assertIn(f"{aliases}:2: ", ran.err)
        self.assertIn(f"{aliases}:5: 'nobody' stands for nobody", ran.err)
