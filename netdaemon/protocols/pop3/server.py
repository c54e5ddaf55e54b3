"""POP3 server session (RFC 1939): who is there, and his maildrop."""

from __future__ import annotations

import secrets
from collections import OrderedDict
from collections.abc import Awaitable, Iterable

from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure

from netdaemon.interfaces import IHouse, Login
from netdaemon.messages.errors import NoSuchFolder, NoSuchMessage, StoreBroken, StoreError
from netdaemon.messages.interfaces import IMessages
from netdaemon.protocols.pop3 import ALPN, POP3Settings
from netdaemon.protocols.pop3.access import Tally, access_line
from netdaemon.protocols.pop3.apop import read_secrets
from netdaemon.protocols.pop3.commands import COMMANDS
from netdaemon.protocols.pop3.commands.states import IN, NAMED, STRANGER
from netdaemon.protocols.pop3.maildrop import Maildrop
from netdaemon.wire.framing import CRLF
from netdaemon.wire.line import LineFactory, LineSession, Refused, Texts, Verb
from netdaemon.wire.linestream import HANDSHAKE
from netdaemon.wire.moment import log_moment
from netdaemon.wire.sasl.server import Offer
from netdaemon.wire.tls import bindings
from netdaemon.wire.tlsbinding import peer_identity

MAX_LINE = 12_288
"""Octets of a line: those of a SASL response (RFC 5034 section 4). Commands have `commands.LIMIT`."""

SHORT = 500
"""Lines of a listing that are sent in one write."""

MOST_ACCOUNTS = 100_000
"""Accounts whose last login is remembered, for ``login-delay``."""


class POP3Factory(LineFactory):
    """The sessions of one section, and what they share."""

    name = "pop3"

    def __init__(self, settings: POP3Settings, house: IHouse) -> None:
        super().__init__(settings, house)
        self.messages: IMessages = house.messages
        self.log = house.measure.access(settings)
        self.tls = house.tls.server(ALPN)
        self.greeting = b"+OK %b POP3 server ready." % house.hostname.encode()
        self.apop = None if settings.apop is None else read_secrets(settings.apop)
        """Name to secret; None without APOP."""
        self._name = secrets.token_hex(8)  # no other process has the same, on whatever host
        self._holders = 0
        self._logins: OrderedDict[str, float] = OrderedDict()

    def holder(self) -> str:
        """A name for one more session, under which it takes its lease."""
        self._holders += 1
        return f"{self._name}.{self._holders}"

    def too_early(self, account: str) -> bool:
        """Did that account log in less than ``login-delay`` ago (RFC 2449 section 6.5)?"""
        last = self._logins.get(account)
        return last is not None and self.house.clock.seconds() < last + self.settings.login_delay

    def logged_in(self, account: str) -> None:
        """That account has logged in just now."""
        delay, logins = self.settings.login_delay, self._logins
        if not delay:
            return
        now = self.house.clock.seconds()
        while logins and (next(iter(logins.values())) + delay <= now or len(logins) >= MOST_ACCOUNTS):
            logins.popitem(last=False)
        logins[account] = now
        logins.move_to_end(account)


class POP3Session(LineSession):
    """One connection."""

    __slots__ = ("banner", "failures", "login", "maildrop", "tally", "user", "utf8")

    max_line = MAX_LINE
    verbs = COMMANDS
    texts = Texts(
        unknown=b"-ERR There is no such command.",
        state=b"-ERR Not now.",
        syntax=b"-ERR Bare CR, LF or NUL in a line.",
        too_long=b"-ERR The line is too long.",
        failure=b"-ERR [SYS/TEMP] That failed here; try again later.",
        too_many=b"-ERR Too many bad commands.",
        timeout=b"-ERR Too slow.",
        stopping=b"-ERR [SYS/TEMP] The server is stopping.",
    )

    def __init__(self, factory: POP3Factory) -> None:
        super().__init__(factory)
        self.failures = 0
        """Failed logins so far."""
        self.login: Login | None = None
        self.maildrop: Maildrop | None = None
        self.tally: Tally | None = None
        self.banner = b""
        """What APOP's digest is made of, the angle brackets included; empty without APOP."""
        self.user = b""
        """What USER has said."""
        self.utf8 = False
        """The client has said that it understands UTF-8 in headers (RFC 6856)."""

    # --- lines -----------------------------------------------------------------------------------------------

    def greet(self) -> None:
        factory = self.factory
        if factory.apop is not None:
            self.banner = b"<%b@%b>" % (secrets.token_hex(16).encode(), factory.house.hostname.encode())
            self.send(factory.greeting + b" " + self.banner)
            return
        self.send(factory.greeting)

    def command(self, line: bytes) -> Awaitable[None] | None:
        try:
            work = super().command(line)
        except StoreError as error:
            raise refused(error) from error
        return None if work is None else self._told(work)

    async def _told(self, work: Awaitable[None]) -> None:
        try:
            await work
        except StoreError as error:
            raise refused(error) from error

    def wrong_state(self, verb: Verb) -> bytes:
        if verb.states == IN:
            return b"-ERR Log in first."
        if self.state == IN:
            return b"-ERR You are logged in already."
        return b"-ERR USER comes first." if verb.states == NAMED else self.texts.state

    def bad_arguments(self, verb: Verb) -> bytes:
        if verb.words is not None and verb.words[1] == 0:
            return b"-ERR That command has no arguments."
        return b"-ERR That command wants other arguments."

    def listing(self, first: bytes, lines: Iterable[bytes], count: int) -> Awaitable[None] | None:
        """Answer with ``first``, ``count`` lines, none of which begins with a dot, and the dot that ends them."""
        if count > SHORT or self.transcript is not None:
            return self._listing(first, lines)
        self.write(CRLF.join((first, *lines, b".\r\n")))
        return None

    async def _listing(self, first: bytes, lines: Iterable[bytes]) -> None:
        self.send(first)
        await self.send_listing(lines)

    # --- who is there ----------------------------------------------------------------------------------------

    @property
    def drop(self) -> Maildrop:
        """The maildrop of who has logged in."""
        assert self.maildrop is not None, "the table of commands lets nobody in before"
        return self.maildrop

    def offer(self) -> Offer:
        """The mechanisms that work here and now."""
        house = self.factory.house
        connection = self.transport.getHandle() if self.secure else None
        return Offer(
            scram_verifier=house.logins.scram_verifier if house.logins.has_verifiers else None,
            plain=self.may_login_plain,
            bindings={} if connection is None else bindings(connection),
            identity=None if connection is None else peer_identity(connection, house.hostname),
        )

    def let_in(self, login: Login, maildrop: Maildrop) -> None:
        """TRANSACTION begins."""
        self.login, self.maildrop = login, maildrop
        maildrop.keep(self.factory.deadlines, self.abort)
        self.user = b""
        self.state = IN
        self.logged_in = True
        self.tally = Tally(self.factory.house.clock.seconds())

    def leave(self, end: str = "lost") -> Awaitable[None] | None:
        """Nobody is here any more: give back what the login took. What to wait for until the maildrop is free."""
        login, self.login = self.login, None
        maildrop, self.maildrop = self.maildrop, None
        tally, self.tally = self.tally, None
        if login is None or maildrop is None or tally is None:
            return None
        login.logout()
        factory = self.factory
        if factory.log is not None:
            tally.end = end if tally.end == "lost" else tally.end
            now, seconds = factory.house.wall(), factory.house.clock.seconds() - tally.began
            factory.log.write(access_line(self.peer_host, login.account.name, log_moment(int(now)), tally, seconds))
        return maildrop.release()

    def forget(self) -> None:
        self.state = STRANGER
        self.user = b""
        self.utf8 = False

    # --- the end ---------------------------------------------------------------------------------------------

    def timed_out(self, timing: int) -> None:
        if timing == HANDSHAKE:
            super().timed_out(timing)
            return
        # RFC 1939 section 3: the session ends without UPDATE and without a word
        if self.tally is not None:
            self.tally.end = "expired"
        self.close(linger=True)

    def drain(self) -> None:
        if self.tally is not None:
            self.tally.end = "stopped"
        super().drain()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        super().connectionLost(reason)
        self.leave()


def refused(error: StoreError) -> Exception:
    """What the store would not do, as a reply; what is our fault stays what it is."""
    if isinstance(error, NoSuchMessage | NoSuchFolder):
        return Refused(b"-ERR [SYS/PERM] It is not there any more.")
    if error.temporary and not isinstance(error, StoreBroken):
        return Refused(b"-ERR [SYS/TEMP] The maildrop can't be had just now.")
    return error


POP3Factory.session = POP3Session
