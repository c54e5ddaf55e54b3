"""The relay: what is sent, tried again, given up and told of; by made-up hosts."""

from __future__ import annotations

import itertools
from typing import Any

from twisted.internet.defer import Deferred

from netdaemon.mail import books
from netdaemon.mail.addresses import parse_address
from netdaemon.mail.interfaces import Recipient
from netdaemon.messages.interfaces import Quota
from netdaemon.messages.store import done
from netdaemon.protocols.smtp.hops import IDLE, Answer, HopFailed, Policy
from netdaemon.protocols.smtp.route import NoRoute
from tests.mail.postoffice import RECEIVED, TEXT, result
from tests.protocols.smtp.relaying import LATER, NEVER, OK, RelayCase

HOUR = 3600.0
ALL = frozenset({"SUCCESS", "FAILURE", "DELAY"})


def told(message: bytes, *words: str) -> bool:
    """Are all of these in a report?"""
    return all(word.encode() in message for word in words)


class SendTests(RelayCase):
    def test_what_is_there_and_what_comes(self) -> None:
        far = self.host("far.example")
        self.send("fox@far.example")
        self.relay()
        self.send("walter@far.example")
        self.assertEqual(
            far.received,
            [("mulder@spam.egg", [f"{name}@far.example"], RECEIVED + TEXT) for name in ("fox", "walter")],
        )
        self.assertEqual(self.letters(), [])
        self.assertEqual(self.office.store.folder("@queue", "outgoing").messages, 0)
        self.assertEqual(self.counted, {"sent": 2})

    def test_one_transaction_a_domain(self) -> None:
        far, other = self.host("far.example"), self.host("other.example")
        self.relay()
        self.send("a@far.example", "b@other.example", "c@FAR.example", "d@far.example")
        self.assertEqual(far.recipients, [["a@far.example", "c@FAR.example", "d@far.example"]])
        self.assertEqual(other.recipients, [["b@other.example"]])

    def test_many_recipients(self) -> None:
        far = self.host("far.example")
        self.relay(connections_per_domain=1)
        self.send(*[f"x{number}@far.example" for number in range(250)])
        self.assertEqual([len(names) for names in far.recipients], [100, 100, 50])
        self.assertEqual((len(far.connections), self.letters()), (1, []))

    def test_connections_are_used_again(self) -> None:
        far = self.host("far.example")
        self.relay()
        for name in "abc":
            self.send(f"{name}@far.example")
        self.assertEqual((len(far.connections), far.open, len(far.received)), (1, 1, 3))
        self.pass_time(IDLE, step=1.0)
        self.assertEqual(far.open, 0)

    def test_one_that_was_closed_meanwhile(self) -> None:
        far = self.host("far.example")
        self.relay()
        self.send("a@far.example")
        far.breaks = HopFailed("4.4.2", "closed")
        real, far.connections = far.connections, []

        class Mended(list[Any]):
            def append(self, one: Any) -> None:
                super().append(one)
                far.breaks = None

        far.connections = Mended()
        self.send("b@far.example")
        self.assertEqual((len(real), len(far.connections), far.recipients[-1]), (1, 1, ["b@far.example"]))
        self.assertEqual(self.counted, {"sent": 2})

    def test_the_next_host(self) -> None:
        self.map.domains["far.example"] = ["none", "down", "breaks", "works"]
        self.host("down").down = HopFailed("4.3.2", "not now")
        self.host("breaks").breaks = HopFailed("4.4.2", "broke")
        works = self.host("works")
        self.relay()
        self.send("fox@far.example")
        self.assertEqual(works.recipients, [["fox@far.example"]])
        self.assertEqual(self.letters(), [])

    def test_of_several_failures_the_one_that_says_most(self) -> None:
        """For good only when all say so; and what a host said, more than that another does not answer."""
        for name, failure in (
            ("no", HopFailed("5.3.2", "no mail here", 554)),
            ("busy", HopFailed("4.3.2", "busy")),
            ("dead", HopFailed("4.4.1", "no answer")),
        ):
            self.host(name).down = failure
        self.relay()
        for domain, hosts, status in (
            ("a.example", ["no", "dead", "busy"], "4.3.2"),
            ("b.example", ["no", "dead"], "4.4.1"),
            ("c.example", ["busy", "dead"], "4.3.2"),
        ):
            self.map.domains[domain] = hosts
            self.send(f"x@{domain}")
            self.assertEqual(self.letters()[-1].addressees[0].status, status)
        self.map.domains["d.example"] = ["no"]
        self.send("x@d.example")
        self.assertTrue(told(self.office.mail("mulder")[0], "Status: 5.3.2"))

    def test_limits(self) -> None:
        hosts = [self.host(f"d{n}.example") for n in range(3)]
        for host in hosts:
            host.waiting = []
        self.relay(connections=4, connections_per_domain=2)
        for n in range(3):
            for m in range(3):
                self.send(f"m{m}@d{n}.example")
        self.assertEqual([host.open for host in hosts], [2, 2, 0])
        while any(host.waiting for host in hosts):
            self.assertLessEqual(sum(host.open for host in hosts), 6)
            for host in hosts:
                assert host.waiting is not None
                self.assertLessEqual(len(host.waiting), 2)
                if host.waiting:
                    host.waiting.pop(0).callback(None)
        self.assertEqual([len(host.received) for host in hosts], [3, 3, 3])
        self.assertEqual(self.letters(), [])

    def test_forwards_say_where_they_were(self) -> None:
        far = self.host("far.example")
        self.relay()
        self.send("fwd@spam.egg", "walter@far.example", sender="a@b.example")
        self.assertEqual(
            sorted(far.received),
            [
                ("a@b.example", ["fox@far.example"], b"Delivered-To: fwd@spam.egg\r\n" + RECEIVED + TEXT),
                ("a@b.example", ["walter@far.example"], RECEIVED + TEXT),
            ],
        )

    def test_held_until_its_time_here_and_elsewhere(self) -> None:
        far = self.host("far.example")
        self.relay()
        self.send("scully@spam.egg", "fox@far.example", hold_until=self.office.now + HOUR)
        self.pass_time(HOUR - 60)
        self.assertEqual(far.received, [])
        self.pass_time(120)
        self.assertEqual((far.recipients, len(self.office.mail("scully"))), ([["fox@far.example"]], 1))
        self.assertEqual(self.office.mail("scully"), [b"Return-Path: <mulder@spam.egg>\r\n" + RECEIVED + TEXT])
        self.assertEqual(self.letters(), [])

    def test_policies(self) -> None:
        far, bank = self.host("far.example"), self.host("bank.example")
        self.relay(require_tls=("bank.example",))
        self.send("a@far.example", "b@bank.example")
        self.send("a@far.example", require_tls=True)
        self.assertEqual([policy for _, policy in far.connections], [Policy(), Policy("starttls")])
        self.assertEqual([policy for _, policy in bank.connections], [Policy("starttls")])

    def test_broken_tls(self) -> None:
        """By choice of the moment it is no reason to keep mail; where TLS is a must, it is."""
        far = self.host("far.example")
        far.breaks = HopFailed("4.7.5", "the handshake failed", tls=True)
        self.relay()
        self.send("a@far.example")
        self.assertEqual([policy.tls for _, policy in far.connections], ["opportunistic", "never"])
        far.connections.clear()
        self.send("a@far.example", require_tls=True)
        self.pass_time(120)
        self.assertEqual([policy.tls for _, policy in far.connections], [])
        self.assertEqual(len(self.letters()), 2)

    def test_a_smarthost_gets_all_but_what_is_ours(self) -> None:
        smart = self.host("smart")
        self.map.smarthost = "smart"
        self.map.domains = {"far.example": ["smart"], "other.example": ["smart"]}
        self.relay(smarthost_tls="starttls", smarthost_user="me", smarthost_password="secret")
        self.send("a@far.example", "scully@spam.egg", "b@other.example")
        self.assertEqual(smart.recipients, [["a@far.example", "b@other.example"]])
        self.assertEqual(smart.connections[0][1], Policy("starttls", "me", "secret"))
        self.assertNotIn("secret", repr(smart.connections[0][1]))


class LaterTests(RelayCase):
    def test_the_schedule(self) -> None:
        far = self.host("far.example", lambda to: LATER)
        self.relay()
        self.send("fox@far.example")
        times, begun = [0.0], self.office.now
        while len(times) < 8:
            self.pass_time(60)
            if len(far.envelopes) > len(times):
                times.append(self.office.now - begun)
        waits = [later - earlier for earlier, later in itertools.pairwise(times)]
        self.assertEqual(waits, [300, 900, 1800, 3600, 10_800, 10_800, 10_800])
        (letter,) = self.letters()
        (one,) = letter.addressees
        self.assertEqual(
            (one.tries, one.status, one.reply, one.host), (8, "4.2.0", "450 4.2.0 come later", "far.example")
        )

    def test_only_those_who_wait_are_tried_again(self) -> None:
        far = self.host("far.example", lambda to: LATER if to.startswith("b") else OK)
        self.relay()
        self.send("a@far.example", "b@far.example")
        far.says = lambda to: OK
        self.pass_time(300)
        self.assertEqual(far.recipients, [["a@far.example"], ["b@far.example"]])
        self.assertEqual((self.letters(), self.counted), ([], {"sent": 2, "deferred": 1}))

    def test_nobody_answers(self) -> None:
        """The domain is not asked by every message, but by one a minute; the operator may ask at once."""
        self.relay()
        self.map.domains["far.example"] = ["dead"]
        dead = self.host("dead")
        dead.down = HopFailed("4.4.1", "no answer")
        self.send("a@far.example")
        self.send("b@far.example")
        self.assertEqual(len(dead.connections), 1)
        self.assertEqual([one.addressees[0].reply for one in self.letters()], ["no answer", "no answer"])
        dead.down = None
        self.operate(books.retry, None)
        self.assertEqual(sorted(dead.recipients), [["a@far.example"], ["b@far.example"]])

    def test_name_servers_that_are_silent(self) -> None:
        self.map.domains["far.example"] = NoRoute(451, "4.4.3", "no answer")
        far = self.host("far.example")
        self.relay()
        self.send("a@far.example")
        self.assertEqual(self.letters()[0].addressees[0].status, "4.4.3")
        del self.map.domains["far.example"]
        self.pass_time(300)
        self.assertEqual(far.recipients, [["a@far.example"]])

    def test_a_full_mailbox_here(self) -> None:
        self.relay()
        self.office.quotas["scully"] = Quota(octets=10)
        self.send("scully@spam.egg", "skinner@spam.egg", sender="a@b.example")
        self.assertEqual(len(self.letters()), 1)
        self.pass_time(300)
        self.assertEqual(self.letters()[0].addressees[0].status, "4.2.2")
        self.office.quotas.clear()
        self.pass_time(900)
        self.assertEqual((len(self.office.mail("scully")), self.letters()), (1, []))


class ReportTests(RelayCase):
    def test_a_bounce(self) -> None:
        self.host("far.example", lambda to: NEVER)
        self.relay()
        self.send("fox@far.example", "walter@far.example")
        (report,) = self.office.mail("mulder")
        self.assertTrue(report.startswith(b"Return-Path: <>\r\n"))
        self.assertTrue(
            told(
                report,
                "report-type=delivery-status",
                "Final-Recipient: rfc822;fox@far.example",
                "Action: failed",
                "Status: 5.1.1",
                "Diagnostic-Code: smtp; 550 5.1.1 no such user",
                "Remote-MTA: dns; far.example",
                "Subject: hello",
            ),
            report,
        )
        self.assertNotIn(b"The truth.", report)
        self.assertEqual((self.letters(), self.counted), ([], {"bounced": 2}))

    def test_the_whole_message_on_request(self) -> None:
        self.host("far.example", lambda to: NEVER)
        self.relay()
        self.send("fox@far.example", return_full=True, envelope_id="QQ1")
        self.assertTrue(told(self.office.mail("mulder")[0], "The truth.", "Original-Envelope-Id: QQ1"))

    def test_no_route(self) -> None:
        self.map.domains["null.example"] = NoRoute(556, "5.1.10", "the domain takes no mail (RFC 7505)")
        self.relay()
        self.send("fox@null.example")
        self.assertTrue(told(self.office.mail("mulder")[0], "Status: 5.1.10", "takes no mail"))

    def test_nobody_wants_to_know(self) -> None:
        self.host("far.example", lambda to: NEVER)
        self.relay()
        self.office.store.ensure("mulder", "INBOX")
        self.send(Recipient(parse_address("fox@far.example"), frozenset({"NEVER"})))
        self.send(Recipient(parse_address("fox@far.example"), frozenset({"DELAY"})))
        self.assertEqual((self.office.mail("mulder"), self.letters()), ([], []))

    def test_success(self) -> None:
        self.host("far.example")
        self.host("knows.example", dsn=True)
        self.relay()
        self.send(Recipient(parse_address("fox@far.example"), ALL), Recipient(parse_address("x@knows.example"), ALL))
        (report,) = self.office.mail("mulder")
        self.assertTrue(told(report, "Action: relayed", "fox@far.example"))
        self.assertNotIn(b"knows.example", report)
        self.send(Recipient(parse_address("scully@spam.egg"), ALL, "rfc822;dana@x.example"))
        self.assertTrue(told(self.office.mail("mulder")[1], "Action: delivered", "Original-Recipient: rfc822;dana@x"))
        self.assertEqual(self.letters(), [])

    def test_a_delay_is_told_once(self) -> None:
        self.host("far.example", lambda to: LATER)
        self.relay()
        self.send("fox@far.example")
        self.pass_time(4 * HOUR - 300, step=300)
        self.office.store.ensure("mulder", "INBOX")
        self.assertEqual(self.office.mail("mulder"), [])
        self.pass_time(24 * HOUR, step=900)
        (report,) = self.office.mail("mulder")
        self.assertTrue(told(report, "Action: delayed", "Status: 4.4.7", "Will-Retry-Until:", "450 4.2.0 come later"))
        self.assertEqual(len(self.letters()), 1)

    def test_it_is_given_up(self) -> None:
        self.host("far.example", lambda to: LATER)
        self.relay(warn_after=0.0)
        self.send("fox@far.example")
        self.pass_time(5 * 24 * HOUR - HOUR, step=1800)
        self.assertEqual(len(self.letters()), 1)
        self.pass_time(HOUR + 60)
        (report,) = self.office.mail("mulder")
        self.assertTrue(told(report, "Action: failed", "Status: 5.4.7", "450 4.2.0 come later"))
        self.assertEqual(self.letters(), [])

    def test_deliver_by(self) -> None:
        self.host("far.example", lambda to: LATER)
        self.relay()
        self.send("r@far.example", deliver_by=(self.office.now + 600, "R"))
        self.send("n@far.example", deliver_by=(self.office.now + 600, "N"))
        self.pass_time(1260)
        reports = self.office.mail("mulder")
        self.assertEqual(
            [told(one, "Action: failed", "r@far.example") for one in reports]
            + [told(one, "Action: delayed", "n@far.example") for one in reports],
            [True, False, False, True],
        )

    def test_what_came_from_nobody_is_the_postmasters(self) -> None:
        self.host("far.example", lambda to: NEVER)
        self.relay()
        self.send("fox@far.example", sender="")
        (report,) = self.office.mail("skinner")
        self.assertTrue(told(report, "Action: failed", "fox@far.example"))
        self.assertEqual(self.letters(), [])

    def test_or_nobodys(self) -> None:
        self.host("far.example", lambda to: NEVER)
        self.relay(double_bounces="drop")
        done(self.office.store.ensure("skinner", "INBOX"))
        self.send("fox@far.example", sender="")
        self.assertEqual((self.office.mail("skinner"), self.letters()), ([], []))

    def test_a_sender_who_is_not_there(self) -> None:
        self.host("far.example", lambda to: NEVER)
        self.relay()
        self.send("fox@far.example", sender="nobody@spam.egg")
        self.assertEqual((len(self.office.mail("skinner")), self.letters()), (1, []))

    def test_a_report_elsewhere_that_fails_ends_there(self) -> None:
        """From far to far: the report fails too; the postmaster hears of it, and if he is not there, nobody."""
        self.host("far.example", lambda to: NEVER)
        self.relay()
        self.send("fox@far.example", sender="x@far.example")
        self.assertEqual((len(self.office.mail("skinner")), self.letters()), (1, []))

    def test_a_postmaster_elsewhere_who_is_not_there(self) -> None:
        self.office.addresses._aliases = {("postmaster", ""): self.office.addresses._aliases["fwd", ""]}  # type: ignore[attr-defined]
        far = self.host("far.example", lambda to: NEVER)
        self.relay()
        self.send("fox@far.example", sender="")
        self.assertEqual((len(far.envelopes), self.letters()), (2, []))

    def test_a_store_that_is_full_when_a_report_is_due(self) -> None:
        self.host("far.example", lambda to: NEVER)
        self.relay()
        self.office.quotas["mulder"] = Quota(octets=10)
        self.send("fox@far.example")
        (letter,) = self.letters()
        self.assertEqual([(one.state, one.report) for one in letter.addressees], [("failed", True)])
        self.office.quotas.clear()
        self.pass_time(300)
        self.assertEqual((len(self.office.mail("mulder")), self.letters()), (1, []))


class LeaseTests(RelayCase):
    def test_one_at_a_time(self) -> None:
        far = self.host("far.example")
        first = self.relay()
        second = self.relay()
        for _ in range(5):
            self.send("fox@far.example")
        self.assertEqual(len(far.received), 5)
        result(first.stop())
        self.send("fox@far.example")
        self.pass_time(20)
        self.assertEqual(len(far.received), 6)
        result(second.stop())

    def test_who_died_is_followed(self) -> None:
        """Its lease ends by itself; what it was sending is sent again."""
        far = self.host("far.example")
        done(self.office.store.take_lease(books.ACCOUNT, "dead", 60))
        self.send("fox@far.example")
        done(self.office.store.write(lambda work: books.claim(work, 1)))
        self.relay()
        self.pass_time(50, step=5)
        self.assertEqual((far.received, self.letters()[0].state), ([], "sending"))
        self.pass_time(20, step=5)
        self.assertEqual(far.recipients, [["fox@far.example"]])

    def test_who_died_alone_is_followed_at_once(self) -> None:
        far = self.host("far.example")
        done(self.office.store.take_lease(books.ACCOUNT, "alone", 60))
        self.send("fox@far.example")
        done(self.office.store.write(lambda work: books.claim(work, 1)))
        self.relay(holder="alone")
        self.assertEqual(far.recipients, [["fox@far.example"]])


class StopTests(RelayCase):
    def test_what_is_being_sent_finishes(self) -> None:
        far = self.host("far.example")
        far.waiting = []
        relay = self.relay()
        self.send("fox@far.example")
        stopping = Deferred.fromCoroutine(relay.stop(10.0))
        self.assertFalse(stopping.called)
        far.waiting[0].callback(None)
        self.assertTrue(stopping.called)
        self.assertEqual((far.recipients, self.letters(), far.open), ([["fox@far.example"]], [], 0))

    def test_or_is_due_again(self) -> None:
        far = self.host("far.example")
        far.waiting = []
        relay = self.relay()
        self.send("fox@far.example")
        stopping = Deferred.fromCoroutine(relay.stop(10.0))
        self.clock.advance(9.9)
        self.assertFalse(stopping.called)
        self.clock.advance(0.2)
        self.assertTrue(stopping.called)
        self.assertEqual(([one.state for one in self.letters()], far.open), (["due"], 0))
        self.assertEqual(self.clock.getDelayedCalls(), [])
        far.waiting = None
        self.relay()
        self.assertEqual(far.recipients, [["fox@far.example"]])


class OperatorTests(RelayCase):
    def test_hold_and_release(self) -> None:
        far = self.host("far.example", lambda to: LATER)
        self.relay()
        self.send("fox@far.example")
        number = self.letters()[0].id
        self.assertEqual(self.operate(books.hold, [number]), 1)
        far.says = lambda to: OK
        self.pass_time(HOUR)
        self.assertEqual((far.received, self.letters()[0].state), ([], "held"))
        self.assertEqual(self.operate(books.retry, [number]), 0)
        self.assertEqual(self.operate(books.release, [number], 3600.0), 1)
        self.assertEqual((len(far.received), self.letters()), (1, []))

    def test_hold_while_it_is_sent(self) -> None:
        far = self.host("far.example", lambda to: LATER)
        far.waiting = []
        self.relay()
        self.send("fox@far.example")
        self.operate(books.hold, None)
        far.waiting[0].callback(None)
        (letter,) = self.letters()
        self.assertEqual((letter.state, letter.addressees[0].tries), ("held", 1))

    def test_drop_while_it_is_sent(self) -> None:
        far = self.host("far.example", lambda to: LATER)
        far.waiting = []
        self.relay()
        self.send("fox@far.example")
        self.assertTrue(self.operate(books.remove, self.letters()[0].id))
        far.waiting[0].callback(None)
        self.assertEqual(self.letters(), [])
        self.assertEqual(self.office.store.folder("@queue", "outgoing").messages, 0)

    def test_what_is_counted(self) -> None:
        self.host("far.example", lambda to: LATER)
        relay = self.relay()
        self.send("fox@far.example")
        self.send("walter@far.example")
        self.operate(books.hold, [self.letters()[0].id])
        self.pass_time(30, step=10)
        self.assertEqual(relay.states, {"due": 1, "sending": 0, "held": 1})


class TroubleTests(RelayCase):
    def test_octets_that_are_gone(self) -> None:
        """Nothing is sent that is not whole, and the others go on."""
        far = self.host("far.example")
        done(self.office.store.take_lease(books.ACCOUNT, "x", 5))
        self.send("fox@far.example")
        blobs = self.office.store._writer._engine.blobs  # type: ignore[attr-defined]
        blobs.execute("DELETE FROM blob_chunk")
        self.relay()
        self.pass_time(20)
        self.send("walter@far.example", octets=TEXT + b"more\r\n")
        self.assertEqual(far.recipients, [["walter@far.example"]])
        self.assertEqual([one.state for one in self.letters()], ["due"])

    def test_an_answer_too_few(self) -> None:
        """A defect of ours: the message stays, and it is logged."""
        far = self.host("far.example", lambda to: Answer(250, "2.0.0", "x"))
        self.relay()

        async def short(*ignored: Any) -> list[Answer]:
            return []

        from tests.protocols.smtp import relaying

        self.patch(relaying.Hop, "send", short)
        self.send("fox@far.example")
        self.assertEqual([one.state for one in self.letters()], ["due"])
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)
        self.assertEqual(far.received, [])
