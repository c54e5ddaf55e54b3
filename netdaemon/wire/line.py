"""The session of a line protocol: commands one at a time and in order, whatever the peer sends and however it is cut.

class PageSession(LineSession):
    texts = Texts(unknown=b"500 what?", ...)

    def greet(self) -> None:
        self.send(b"220 spam.egg")

    def noop(self, arguments: bytes) -> None:
        self.send(b"250 OK")

    async def page(self, arguments: bytes) -> None:
        ...
        raise Refused(b"550 nobody here by that name")

PageSession.verbs = VerbTable(Verb(b"NOOP", ALWAYS, PageSession.noop), Verb(b"PAGE", ALWAYS, PageSession.page))

class PageFactory(LineFactory):
    name = "page"
    session = PageSession
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Generator
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory, connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from netdaemon.interfaces import ICounter, IHouse, ISession
from netdaemon.wire.framing import CRLF, GONE, RUNNING, ConnectionLost, FlawedLine, LineTooLong, flaw_in
from netdaemon.wire.linesettings import LineSettings
from netdaemon.wire.linestream import HANDSHAKE, IDLE, LINE, NOTHING, LineStream, Sink
from netdaemon.wire.plaintext import may_travel, on_loopback
from netdaemon.wire.transcript import Transcript
from netdaemon.wire.verbs import ALWAYS, Refused, Texts, Verb, VerbTable

__all__ = [
    "ALWAYS",
    "ConnectionLost",
    "FlawedLine",
    "LineFactory",
    "LineSession",
    "LineSettings",
    "LineTooLong",
    "Refused",
    "Sink",
    "Texts",
    "Verb",
    "VerbTable",
]

_HTTP = (b"GET ", b"POST ", b"PUT ", b"HEAD ", b"OPTIONS ", b"CONNECT ", b"HOST:")


class LineFactory(Factory):
    """Sessions of one section, and what they share. An heir says the protocol's ``name`` and its ``session``."""

    noisy = False
    name = ""
    session: type[LineSession]

    def __init__(self, settings: LineSettings, house: IHouse) -> None:
        self.settings: Any = settings
        self.house = house
        self.deadlines = house.deadlines
        self.unhandled = house.measure.unhandled()
        self._counters: dict[tuple[bytes, str], ICounter] = {}

    def buildProtocol(self, addr: IAddress | None) -> LineSession:
        return self.session(self)

    def transcript(self, session: LineSession) -> Transcript | None:
        """Where this session's transcript goes; None for nowhere. Asked when it begins."""
        return None

    def count(self, verb: Verb, result: str) -> None:
        """One more command whose ``result`` is ok, refused or failed."""
        counter = self._counters.get((verb.name, result))
        if counter is None:
            counter = self.house.measure.command(self.name, verb.name.decode("ascii"), result)
            self._counters[verb.name, result] = counter
        counter.inc()


_NO_VERB = Verb(b"other", ALWAYS, lambda session, arguments: None)


@implementer(ISession)
class LineSession(LineStream):
    """One session; see the module for how a protocol is made of it.

    A command is run by `command`, which returns None when it is done, or something to await. Until that is done no
    other runs, and what the peer sends meanwhile is the command's to take (`line`, `literal`, `body`) or waits.
    """

    __slots__ = ("_draining", "_first", "_hear", "_task", "bad", "logged_in", "state", "verb")

    _log = Logger()
    factory: Any

    texts: Texts
    verbs: VerbTable

    def __init__(self, factory: LineFactory) -> None:
        super().__init__(factory.deadlines)
        self.factory = factory
        self.state: Any = 1
        """The state that the session is in: one of the flags of its verbs' ``states``."""
        self.verb = _NO_VERB
        """The verb under way, or the last one."""
        self.bad = 0
        """Bad commands so far."""
        self.logged_in = False
        """Set it when somebody has logged in: bad commands are then forgiven more often."""
        self._hear: Callable[[bytes], bool] | None = None
        self._task: Deferred[None] | None = None
        self._first = True
        self._draining = False

    # --- for protocols ---------------------------------------------------------------------------------------

    def greet(self) -> Awaitable[None] | None:
        """The session begins: say so. What the peer sends before that is done waits."""
        return None

    def command(self, line: bytes) -> Awaitable[None] | None:
        """Run one command. Raises Refused; what else it raises is our fault."""
        return self.verbs(self, line)

    def wrong_state(self, verb: Verb) -> bytes:
        """The answer to a verb that may not come now."""
        return self.texts.state

    def bad_arguments(self, verb: Verb) -> bytes:
        """The answer to a verb with too few or too many words behind it."""
        return self.texts.syntax

    def refuse(self, text: bytes) -> None:
        """Answer the command under way (or no command at all) with ``text``. IMAP puts its tag before it."""
        self.send(text)

    def farewell(self, text: bytes) -> None:
        """The last word of a session that we end."""
        self.send(text)

    def temporary_failure(self) -> None:
        """Answer a command in which we failed."""
        self.refuse(self.texts.failure)

    def forget(self) -> None:
        """TLS begins: forget all that the peer has told us so far (RFC 3207 section 4.2)."""

    def redact(self, line: bytes) -> bytes:
        """A command line as a transcript may show it."""
        return self.verbs.redact(line)

    def is_http(self, line: bytes) -> bool:
        """Is the session's first line a web browser's, sent here by somebody's page?"""
        if not line[:8].upper().startswith(_HTTP):
            return False
        return b" HTTP/" in line or self.verbs.find(line.partition(b" ")[0]) is None

    # --- who is there ----------------------------------------------------------------------------------------

    @property
    def settings(self) -> Any:
        """The section's settings."""
        return self.factory.settings

    @property
    def line_timeout(self) -> float:
        seconds: float = self.factory.settings.command_timeout
        return seconds

    @property
    def stall_timeout(self) -> float:
        seconds: float = self.factory.settings.stall_timeout
        return seconds

    @property
    def peer_host(self) -> str:
        """The peer's IP address; "unix" when it has none."""
        return getattr(self.peer, "host", "unix")

    @property
    def on_loopback(self) -> bool:
        """Does this connection stay on this host? Behind a PROXY header both of its addresses must say so."""
        return on_loopback(self.transport.getHost(), self.peer)

    @property
    def may_login_plain(self) -> bool:
        """May a password travel over this connection as it is (``plaintext-login``)?"""
        return self.secure or may_travel(self.settings.plaintext_login, self.transport.getHost(), self.peer)

    # --- commands --------------------------------------------------------------------------------------------

    def lineReceived(self, line: bytes) -> None:
        self._timing = NOTHING
        if self.transcript is not None:
            self.heard(self.redact(line))
        self.verb = _NO_VERB
        try:
            if self._first:
                self._first = False
                if self.is_http(line):
                    raise Refused(self.texts.unknown, close=True)
            work = self.command(line)
        except Exception:  # noqa: BLE001  # refusals are answered, our own defects logged
            self._failed(_failure())
        else:
            if work is None:
                self.factory.count(self.verb, "ok")
            else:
                self._run(work)

    def _run(self, work: Awaitable[None]) -> None:
        self.held |= RUNNING
        # Most coroutines are done without having waited for anything: they need no Deferred.
        coroutine = work if isinstance(work, Coroutine) else _wait_for(work)
        try:
            awaited = coroutine.send(None)
        except StopIteration:
            self._succeeded(None)
            return
        except Exception:  # noqa: BLE001  # refusals are answered, our own defects logged
            self._failed(_failure())
            return
        self._task = task = Deferred.fromCoroutine(_continued(coroutine, awaited))
        task.addCallbacks(self._succeeded, self._failed).addErrback(self._defect)

    def _succeeded(self, ignored: object) -> None:
        self.factory.count(self.verb, "ok")
        self._done()

    def _failed(self, failure: Failure) -> None:
        error = failure.value
        if isinstance(error, Refused):
            self.factory.count(self.verb, "refused")
            if error.close:
                self.close(error.text, linger=True)
            else:
                self.refuse(error.text)
                if error.bad:
                    self._bad()
        elif isinstance(error, LineTooLong):
            self.line_too_long()
        elif isinstance(error, FlawedLine):
            self.bad_line(error.line, error.reason)
        elif not ((self.gone or self._ended) and isinstance(error, (ConnectionLost, CancelledError))):
            verb = self.verb.name.decode()
            self._log.failure("{protocol}: {verb} failed", failure, protocol=self.factory.name, verb=verb)
            self.factory.count(self.verb, "failed")
            self.factory.unhandled.inc()
            self.temporary_failure()
        self._done()

    def _defect(self, failure: Failure) -> None:
        """Not even the answer succeeded."""
        self._log.failure("{protocol}: a session failed", failure, protocol=self.factory.name)
        self.factory.unhandled.inc()
        self.abort()

    def _done(self) -> None:
        """Nothing runs any more: on to what waits."""
        self._task = None
        self._hear = None
        if self.held & RUNNING:
            self.held &= ~RUNNING
            if self._draining:
                self.settle()
            elif not self.held:
                self.pump()

    def _bad(self) -> None:
        self.bad += 1
        settings = self.settings
        if self.bad >= (settings.bad_commands if self.logged_in else settings.bad_commands_before_login):
            self.close(self.texts.too_many, linger=True)

    def bad_line(self, line: bytes, reason: str) -> None:
        """A line with a flaw: the protocol's syntax error, and never a command."""
        self._first = False
        self.heard(b"*** (a line with %b)" % reason.encode())
        self.refuse(self.texts.syntax)
        self._bad()

    def line_too_long(self) -> None:
        self._first = False
        self.heard(b"*** (a line too long)")
        self.refuse(self.texts.too_long)
        self._bad()

    def endless_line(self) -> None:
        self.close(self.texts.too_long, linger=True)

    def overhear(self, hear: Callable[[bytes], bool]) -> None:
        """For a command that goes on while the peer speaks (FTP's ABOR during a transfer).

        Until the command's end ``hear`` gets each line that comes and says whether it has dealt with it; if not, that
        line waits for its turn, with all that is behind it.
        """
        self._hear = hear
        self._read_on()
        self._overhear()

    def arrived(self) -> None:
        if self._hear is not None and self._want is None and self.held == RUNNING:
            self._overhear()
        else:
            super().arrived()

    def _overhear(self) -> None:
        while self._hear is not None and self.held == RUNNING:
            try:
                line = self.next_line()
            except LineTooLong:
                self.line_too_long()
                continue
            if line is None:
                return
            if (not self.strict or flaw_in(line, self.eight_bit) is None) and self._hear(line):
                self.heard(self.redact(line))
            else:
                self.put_back(line + CRLF)
                self._hear = None
                super().arrived()

    def settle(self) -> None:
        if self._draining and not self.held & (RUNNING | GONE):
            self.close(self.texts.stopping, linger=True)
        if self.held:
            return
        if self._ended:
            self.hang_up()
            return
        if not (self._unread or self._skipped):
            if self._timing != HANDSHAKE:
                self._arm(IDLE, self.factory.settings.idle_timeout)
        elif self._timing != LINE:
            self._arm(LINE, self.factory.settings.command_timeout)
        if self.paused:
            self._read_on()

    # --- the beginning and the end ---------------------------------------------------------------------------

    def connectionMade(self) -> None:
        self.transcript = self.factory.transcript(self)
        self.transport.registerProducer(self, True)
        if self.secure:
            self._arm(HANDSHAKE, self.settings.handshake_timeout)
        try:
            work = self.greet()
        except Exception:  # noqa: BLE001  # as with any command
            self._failed(_failure())
        else:
            if work is not None:
                self._run(work)
        self.settle()

    def close(self, text: bytes | None = None, *, linger: bool = False) -> None:
        """End the session, behind ``text`` as its farewell. What the peer has sent meanwhile is not looked at.

        ``linger`` when the peer does not expect it: see `hang_up`.
        """
        if self.gone:
            return
        if text is not None:
            self.farewell(text)
        self.hang_up(linger=linger)

    def timed_out(self, timing: int) -> None:
        if timing != HANDSHAKE:
            self.close(self.texts.timeout, linger=True)
        elif self.transport.getHandle().get_peer_finished() is None:
            self.abort()
        else:
            self._timing = NOTHING
            self.settle()

    def drain(self) -> None:
        self._draining = True
        try:
            # A command that waits for a line (IDLE, a SASL response) does no work that could be finished.
            if not self.held & RUNNING or self._timing in (IDLE, LINE):
                self.close(self.texts.stopping, linger=True)
        except Exception:  # noqa: BLE001  # whatever a protocol's farewell does, the daemon goes on stopping
            self._defect(_failure())

    def readConnectionLost(self) -> None:
        super().readConnectionLost()
        self.settle()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        super().connectionLost(reason)
        self._hear = None
        task, self._task = self._task, None
        if task is not None:
            task.cancel()

    # --- TLS -------------------------------------------------------------------------------------------------

    def start_tls(self, context: Any, go_ahead: bytes) -> None:
        """Answer ``go_ahead`` and put TLS beneath the session; call it last in the command.

        Bytes that stand behind the command in clear could be anybody's: they drop the connection, and nothing is
        answered. What was learnt in clear is forgotten (`forget`).
        """
        if self.waiting:
            self._log.warn(
                "{protocol}: {peer} sent bytes in clear behind the command that begins TLS",
                protocol=self.factory.name,
                peer=self.peer_host,
            )
            self.note("bytes in clear behind the command that begins TLS: dropped")
            self.abort()
            return
        self.send(go_ahead)
        self.note("TLS")
        self.transport.startTLS(context)
        self._first = True
        self.forget()
        self._arm(HANDSHAKE, self.settings.handshake_timeout)


def _failure() -> Failure:
    return Failure()  # type: ignore[no-untyped-call]  # Twisted's has no types


def _continued(coroutine: Coroutine[Any, Any, None], awaited: Any) -> Generator[Any, Any, None]:
    """The rest of a coroutine that has begun, and now waits for the Deferred ``awaited``."""
    while True:
        try:
            try:
                result = yield awaited
            except GeneratorExit:
                coroutine.close()
                raise
            except Exception as error:  # noqa: BLE001  # whatever became of the Deferred
                awaited = coroutine.throw(error)
            else:
                awaited = coroutine.send(result)
        except StopIteration:
            return


async def _wait_for(work: Awaitable[None]) -> None:
    await work
