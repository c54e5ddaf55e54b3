"""SMTP and LMTP server sessions (RFC 5321, RFC 6409, RFC 2033): who is there, and the message under way."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import connectionDone
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure

from netdaemon.interfaces import IHouse, Login
from netdaemon.mail.interfaces import Envelope, IDelivery, IVisit, MailRefused
from netdaemon.mail.received import received_field
from netdaemon.messages.errors import StoreError
from netdaemon.protocols.smtp import (
    ALPN,
    AccountSettings,
    LMTPSettings,
    SMTPSettings,
    SubmissionSettings,
    TransferSettings,
)
from netdaemon.protocols.smtp.commands import COMMANDS, LMTP_COMMANDS, MAX_LINE
from netdaemon.protocols.smtp.commands.states import GREETED, MAIL, STRANGER
from netdaemon.protocols.smtp.grammar.replies import reply_line, reply_lines
from netdaemon.protocols.smtp.grammar.xclient import Client
from netdaemon.protocols.smtp.policy import policy_of
from netdaemon.protocols.smtp.record import line_of
from netdaemon.protocols.smtp.senders import Senders
from netdaemon.protocols.smtp.transaction import ANSWER_LATER, Answers, Transaction, no_room, worst
from netdaemon.protocols.smtp.trusted import within
from netdaemon.wire.framing import CRLF
from netdaemon.wire.line import LineFactory, LineSession, Refused, Texts, Verb
from netdaemon.wire.sasl.server import Offer
from netdaemon.wire.tls import bindings
from netdaemon.wire.tlsbinding import peer_identity


class SMTPFactory(LineFactory):
    """The sessions of one section, and what they share."""

    _log = Logger()

    def __init__(self, settings: TransferSettings, house: IHouse) -> None:
        super().__init__(settings, house)
        self.lmtp = isinstance(settings, LMTPSettings)
        self.wants_login = isinstance(settings, SubmissionSettings)
        """Is this submission, where nothing begins without a login?"""
        self.name = "lmtp" if self.lmtp else "submission" if self.wants_login else "smtp"
        self.session = LMTPSession if self.lmtp else SMTPSession
        self.delivery: IDelivery = house.delivery
        self.policy = policy_of(settings, house)
        self.log = house.measure.access(settings)
        self.tls = house.tls.server((b"lmtp",) if self.lmtp else ALPN)
        self.takes_logins = isinstance(settings, AccountSettings) and bool(settings.mechanisms)
        self.senders = Senders(settings) if isinstance(settings, AccountSettings) else None
        self.hold = settings.hold if isinstance(settings, SubmissionSettings) else 0.0
        self.greeting_delay = settings.greeting_delay if isinstance(settings, SMTPSettings) else 0.0
        self.greeting = reply_line(220, "", f"{house.hostname} {'LMTP' if self.lmtp else 'ESMTP'} netdaemon")
        self._session = secrets.token_hex(4)  # no other process has the same
        self._transfers = 0

    def transfer(self) -> str:
        """A name for one more message, unique in this host."""
        self._transfers += 1
        return f"{int(self.house.wall()):x}.{self._session}.{self._transfers:x}"

    def deliver(self, transaction: Transaction, spool: Any, prefix: bytes, visit: IVisit | None) -> Deferred[Answers]:
        """Hand a message over. Whoever waits for it may go away: it goes on, and the spool lives until its end."""
        answer: Deferred[Answers] = Deferred()

        def tell(result: Any) -> None:
            if not answer.called:
                answer.callback(result)

        Deferred.fromCoroutine(self._deliver(transaction.envelope, spool, prefix, visit)).addBoth(tell)
        return answer

    async def _deliver(self, envelope: Envelope, spool: Any, prefix: bytes, visit: IVisit | None) -> Answers:
        count = len(envelope.recipients)
        try:
            octets = spool
            if visit is not None:
                fields, octets = await visit.at_message(envelope, spool)
                prefix = fields + prefix
            answers = await self.delivery.deliver(envelope, octets, prefix)
        except MailRefused as refused:
            return [refused] * count
        except (StoreError, OSError) as error:
            self._log.error("{transfer} can't be kept: {error}", transfer=envelope.transfer, error=str(error))
            return [no_room(error)] * count
        except Exception:  # noqa: BLE001  # a defect of ours: the client keeps its message, and is told to come again
            self._log.failure("{transfer} was not delivered", transfer=envelope.transfer)
            self.unhandled.inc()
            return [ANSWER_LATER] * count
        finally:
            spool.abort()
        if len(answers) != count:
            self._log.error("{transfer}: delivery has not answered for each recipient", transfer=envelope.transfer)
            self.unhandled.inc()
            return [ANSWER_LATER] * count
        return answers


class SMTPSession(LineSession):
    """One connection."""

    __slots__ = (
        "_client",
        "_visit",
        "esmtp",
        "failures",
        "helo",
        "login",
        "messages",
        "peer_name",
        "refused",
        "spoilt",
        "told_helo",
        "transaction",
    )

    max_line = MAX_LINE
    verbs = COMMANDS
    texts = Texts(
        unknown=b"500 5.5.1 There is no such command.",
        state=b"503 5.5.1 Not now.",
        syntax=b"500 5.5.2 Bare CR, LF or NUL in a line.",
        too_long=b"500 5.5.2 The line is too long.",
        failure=b"451 4.3.0 That failed here; try again later.",
        too_many=b"421 4.7.0 Too many bad commands.",
        timeout=b"421 4.4.2 Too slow.",
        stopping=b"421 4.3.2 The server is stopping.",
    )

    def __init__(self, factory: SMTPFactory) -> None:
        super().__init__(factory)
        self.failures = 0
        """Failed logins so far."""
        self.refused = 0
        """Refused recipients so far."""
        self.messages = 0
        """Messages begun so far."""
        self.login: Login | None = None
        self.helo = ""
        """The name in HELO, EHLO or LHLO."""
        self.esmtp = False
        self.peer_name = ""
        """The peer's name in DNS, by XCLIENT's word."""
        self.told_helo = ""
        """What the peer has said in HELO, by XCLIENT's word: the proxy's own does not count then."""
        self._client: IAddress | None = None
        """Who the peer is, by XCLIENT's word."""
        self._visit: IVisit | None = None
        self.transaction: Transaction | None = None
        self.spoilt = False
        """MAIL or a chunk was refused, and what a client had sent behind it is coming still."""

    # --- lines -----------------------------------------------------------------------------------------------

    def greet(self) -> Awaitable[None] | None:
        if self.factory.greeting_delay:
            return self._greet_later()
        self.send(self.factory.greeting)
        return None

    async def _greet_later(self) -> None:
        await deferLater(self.factory.house.clock, self.factory.greeting_delay)
        if self.waiting:
            # RFC 5321 4.3.1: the client waits for the greeting
            raise Refused(b"554 5.5.1 You spoke before you were greeted.", close=True)
        self.send(self.factory.greeting)

    def command(self, line: bytes) -> Awaitable[None] | None:
        try:
            work = super().command(line)
        except MailRefused as refused:
            raise Refused(reply_line(refused.code, refused.status, refused.text)) from refused
        return None if work is None else self._told(work)

    async def _told(self, work: Awaitable[None]) -> None:
        try:
            await work
        except MailRefused as refused:
            raise Refused(reply_line(refused.code, refused.status, refused.text)) from refused

    def wrong_state(self, verb: Verb) -> bytes:
        if self.state == STRANGER:
            return b"503 5.5.1 Say %b first." % (b"LHLO" if self.factory.lmtp else b"EHLO")
        return b"503 5.5.1 Not within a transaction."

    def bad_arguments(self, verb: Verb) -> bytes:
        if verb.words is not None and verb.words[1] == 0:
            return b"501 5.5.4 That command has no arguments."
        return b"501 5.5.4 That command wants other arguments."

    def reply(self, code: int, status: str, *texts: str) -> None:
        """Send a reply of one line or several, in one write."""
        lines = reply_lines(code, status, *texts)
        if self.transcript is not None:
            for line in lines:
                self.said(line)
        self.write(CRLF.join(lines) + CRLF)

    # --- who is there ----------------------------------------------------------------------------------------

    @property
    def peer(self) -> IAddress:
        return self._client or super().peer

    @property
    def may_xclient(self) -> bool:
        """May who is connected say for whom it speaks?"""
        return within(self.transport.getPeer(), self.settings.xclient)

    def speak_for(self, address: IAddress | None, client: Client) -> None:
        """By XCLIENT the peer is another from now on, and has said nothing yet."""
        self.forget()
        self._client = address or self._client
        self._visit = None
        if client.name is not None:
            self.peer_name = client.name
        if client.helo is not None:
            self.told_helo = client.helo

    @property
    def visit(self) -> IVisit | None:
        """What the section's policies know of the peer; None without any."""
        if self._visit is None and self.factory.policy is not None:
            self._visit = self.factory.policy.at_connect("" if self.peer_host == "unix" else self.peer_host)
        return self._visit

    @property
    def may_relay(self) -> bool:
        """Is it one of ``relay-hosts``?"""
        return isinstance(self.settings, AccountSettings) and within(self.peer, self.settings.relay_hosts)

    def offer(self) -> Offer:
        """What works here and now; of that, `mechanisms` are wanted."""
        factory, settings = self.factory, self.settings
        if not factory.takes_logins or (settings.require_tls and not self.secure):
            return Offer()
        house = factory.house
        connection = self.transport.getHandle() if self.secure else None
        return Offer(
            scram_verifier=house.logins.scram_verifier if house.logins.has_verifiers else None,
            plain=self.may_login_plain,
            bindings={} if connection is None else bindings(connection),
            identity=None if connection is None else peer_identity(connection, house.hostname),
        )

    def mechanisms(self, offer: Offer) -> tuple[str, ...]:
        """By which of them may a client log in?"""
        return tuple(name for name in offer.names if name in self.settings.mechanisms)

    def let_in(self, login: Login) -> None:
        """Somebody has logged in."""
        self.login = login
        self.logged_in = True

    def _log_out(self) -> None:
        login, self.login = self.login, None
        self.logged_in = False
        if login is not None:
            login.logout()

    def forget(self) -> None:
        self.end_transaction()
        self._log_out()
        self.helo = ""
        self.esmtp = False
        self.state = STRANGER

    # --- the message under way -------------------------------------------------------------------------------

    def begin(self, envelope: Envelope) -> None:
        """MAIL was taken."""
        self.messages += 1
        self.transaction = Transaction(envelope, self.settings)
        self.state = MAIL

    @property
    def message(self) -> Transaction:
        """The message under way."""
        assert self.transaction is not None, "the commands look at the state before"
        return self.transaction

    def end_transaction(self) -> None:
        """Forget the message under way, if there is one."""
        transaction, self.transaction = self.transaction, None
        if transaction is not None:
            transaction.abort()
        if self.state != STRANGER:
            self.state = GREETED
        self.spoilt = False

    async def deliver(self) -> None:
        """The message has come whole: hand it over, and only then answer."""
        transaction = self.message
        envelope = transaction.envelope
        try:
            try:
                await transaction.finish()
            except MailRefused as refused:
                answers: Answers = [refused] * len(envelope.recipients)
            else:
                answers = await self.factory.deliver(
                    transaction, transaction.take_spool(), self._received(envelope), self.visit
                )
            self.conclude(answers)
        finally:
            if self.transaction is transaction:
                self.end_transaction()

    def failed(self) -> MailRefused:
        """We failed at the message under way: write that down. What the client is told."""
        self._log.failure("{protocol}: the message was not taken", protocol=self.factory.name)
        self.factory.unhandled.inc()
        return ANSWER_LATER

    def conclude(self, answers: Answers) -> None:
        """The message is taken or refused: say so."""
        transaction = self.message
        self._write_down(transaction, answers)
        self.end_transaction()
        self.answer(transaction.envelope, answers)

    def answer(self, envelope: Envelope, answers: Answers) -> None:
        """One reply for the whole message. What was taken for one recipient must not come again for all."""
        refused = worst(answers)
        if refused is not None:
            raise Refused(reply_line(refused.code, refused.status, refused.text))
        self.reply(250, "2.0.0", f"Taken as {envelope.transfer}.")

    def _received(self, envelope: Envelope) -> bytes:
        """The trace field (RFC 5321 section 4.4). Of several recipients none is told of the others."""
        connection = self.transport.getHandle() if self.secure else None
        tls = ""
        if connection is not None:
            tls = f"{connection.get_protocol_version_name()} {connection.get_cipher_name()}"
        return received_field(
            greeting=self.helo,
            peer=envelope.peer or "127.0.0.1",
            peer_name=self.peer_name,
            host=self.factory.house.hostname,
            protocol=envelope.protocol,
            number=envelope.transfer,
            recipient=envelope.recipients[0].address if len(envelope.recipients) == 1 else None,
            tls=tls,
            now=self.factory.house.wall(),
        )

    @property
    def protocol(self) -> str:
        """What Received says behind ``with`` (RFC 3848); see `mail` for what SMTPUTF8 makes of it."""
        if not self.esmtp:
            return "SMTP"
        name = "LMTP" if self.factory.lmtp else "ESMTP"
        return name + ("S" if self.secure else "") + ("A" if self.login is not None else "")

    def _write_down(self, transaction: Transaction, answers: Answers) -> None:
        factory = self.factory
        line = line_of(
            transaction.envelope,
            transaction.size,
            answers,
            peer=self.peer_host,
            section=self.settings.section or factory.name,
            now=factory.house.wall(),
            lmtp=factory.lmtp,
        )
        if factory.log is not None:
            factory.log.write(line)
        else:
            self._log.info("{line}", line=line)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        super().connectionLost(reason)
        self.end_transaction()
        self._log_out()


class LMTPSession(SMTPSession):
    """The same as LMTP has it."""

    __slots__ = ()

    verbs = LMTP_COMMANDS

    def answer(self, envelope: Envelope, answers: Answers) -> None:
        """RFC 2033 section 4.2: a reply for each recipient that was accepted, in their order."""
        for refused in answers:
            if refused is None:
                self.reply(250, "2.1.5", f"Taken as {envelope.transfer}.")
            else:
                self.reply(refused.code, refused.status, refused.text)
