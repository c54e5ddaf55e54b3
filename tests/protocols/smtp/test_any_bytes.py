"""Whatever comes, from a client or from a server: an answer or an end, and no defect."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet import task
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Protocol

from netdaemon.mail.addresses import Address
from netdaemon.mail.interfaces import Envelope, Recipient
from netdaemon.protocols import smtp
from netdaemon.protocols.smtp.client import Failed, Reply, Settings
from netdaemon.protocols.smtp.client.errors import told
from netdaemon.protocols.smtp.client.link import StreamLink
from netdaemon.protocols.smtp.client.session import SMTP
from netdaemon.wire.deadlines import Wheel
from tests.kit.pump import THERE, connect
from tests.protocols.smtp.kit import PLAIN, SMTPTestCase

WORDS = st.sampled_from(
    [
        b"HELO x", b"EHLO x", b"LHLO x", b"MAIL FROM:<a@b>", b"MAIL FROM:<> BODY=BINARYMIME",
        b"RCPT TO:<mulder@spam.egg>",
        b"RCPT TO:<nobody@spam.egg>", b"DATA", b"BDAT 5", b"BDAT 3 LAST", b"BDAT 0", b"RSET", b"NOOP", b"VRFY mulder",
        b"EXPN x", b"HELP", b"AUTH PLAIN", b"AUTH PLAIN " + PLAIN.encode(), b"AUTH LOGIN", b"*", b"=", b".", b"..", b"",
        b"XCLIENT ADDR=1.2.3.4", b"ETRN x", b"\xff\xfe", b"\0", b"a\nb", b"a\rb", b"x" * 600, b"text",
    ]
)  # fmt: skip
SAID = st.lists(st.one_of(WORDS.map(lambda line: line + b"\r\n"), st.binary(max_size=20)), max_size=25).map(b"".join)


class ServerTests(SMTPTestCase):
    @settings(max_examples=200, deadline=None)
    @given(SAID, st.lists(st.integers(1, 30), max_size=30), st.sampled_from([smtp.smtp, smtp.submission, smtp.lmtp]))
    def test_any_client(self, said: bytes, cuts: list[int], kind: Any) -> None:
        peer = self.peer(kind=kind, client=THERE)
        for cut in [*cuts, len(said)]:
            if peer.closed:
                break
            peer.send(said[:cut])
            said = said[cut:]
        came = peer.unread
        self.assertTrue(came.startswith(b"220 "))
        for line in came.split(b"\r\n")[:-1]:
            self.assertRegex(line, rb"\A[2-5][0-9]{2}[ -][ -~]*\Z")
        peer.transport.lose()
        self.assertEqual(self.house.measure.errors, 0)
        self.assertEqual(self.logins.sessions, 0)
        self.assertTrue(all(spool.aborted for spool in self.delivery.spools))
        for taken in self.delivery.messages:
            rest = taken.octets.replace(b"\r\n", b"")
            self.assertTrue(taken.envelope.body == "BINARYMIME" or not {*b"\r\n\0"} & {*rest})
        self.delivery.spools.clear()
        self.delivery.messages.clear()


REPLIES = st.sampled_from(
    [
        b"220 x\r\n", b"250 x\r\n", b"250-x\r\n250 PIPELINING\r\n", b"250-x\r\n250-CHUNKING\r\n250 SIZE 9\r\n",
        b"354 go\r\n",
        b"421 bye\r\n", b"450 later\r\n", b"550 5.1.1 no\r\n", b"334 \r\n", b"235 in\r\n", b"250-\r\n",
        b"999 x\r\n", b"x\r\n",
        b"250-a\r\n251 b\r\n", b"\0\r\n", b"250 a\nb\r\n", b"250\r\n", b"503 x\r\n", b"",
    ]
)  # fmt: skip


class Babbler(Protocol):
    """Says one of ``said`` at once, and another for each line that comes."""

    def __init__(self, said: list[bytes]) -> None:
        self.said = said

    def connectionMade(self) -> None:
        self.say()

    def dataReceived(self, data: bytes) -> None:
        for _ in range(data.count(b"\n")):
            self.say()

    def say(self) -> None:
        transport: Any = self.transport
        if self.said:
            transport.write(self.said.pop(0))
        else:
            transport.loseConnection()


class ClientTests(SMTPTestCase):
    @settings(max_examples=200, deadline=None)
    @given(st.lists(st.one_of(REPLIES, st.binary(max_size=12)), max_size=14), st.booleans(), st.booleans())
    def test_any_server(self, said: list[bytes], lmtp: bool, login: bool) -> None:
        clock = task.Clock()
        link = StreamLink(Wheel(clock), timeout=300.0)
        pump = connect(Babbler([b"220 x\r\n", *said]), link)
        client = SMTP(link, "localhost", Settings(lmtp=lmtp))
        envelope = Envelope("t", None, (Recipient(Address("a", "b")), Recipient(Address("c", "d"))))
        outcomes: list[Any] = []

        async def work() -> list[Reply]:
            with told():
                async with link.alone():
                    await link.greet()
            await client.begin("mulder" if login else None, "trustno1")
            return [*await client.send(envelope, b"x\r\n"), *await client.send(envelope, [b"y\r\n", b"z\r\n"])]

        Deferred.fromCoroutine(work()).addBoth(outcomes.append)
        pump.flush()
        for _ in range(1000):
            if outcomes:
                break
            clock.advance(1)
            pump.flush()
        (outcome,) = outcomes
        if isinstance(outcome, list):
            self.assertEqual(len(outcome), 4)
        else:
            self.assertIsInstance(outcome.value, Failed, outcome.getTraceback())
            self.assertTrue(str(outcome.value).isprintable())
        pump.client.lose()
