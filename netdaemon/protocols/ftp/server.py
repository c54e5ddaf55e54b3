"""FTP server session (RFC 959): who is there, where he is, and what he has asked for the next transfer."""

from __future__ import annotations

import os
import socket
from collections.abc import Awaitable
from typing import Any

from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure

from netdaemon.interfaces import DocumentError, IDocuments, IHouse, Login
from netdaemon.protocols.ftp import ALPN, FTPSettings
from netdaemon.protocols.ftp.channel import Terms
from netdaemon.protocols.ftp.commands import COMMANDS
from netdaemon.protocols.ftp.commands.states import STRANGER
from netdaemon.protocols.ftp.deflate import LEVEL
from netdaemon.protocols.ftp.grammar.commands import strip_synch
from netdaemon.protocols.ftp.grammar.paths import resolve
from netdaemon.protocols.ftp.grammar.replies import reply_lines
from netdaemon.protocols.ftp.listing import USUAL_FACTS
from netdaemon.protocols.ftp.rate import Bucket, Buckets
from netdaemon.protocols.ftp.refusals import refusal
from netdaemon.protocols.ftp.rendezvous import Dialled, Passive, PassivePorts, unmapped
from netdaemon.protocols.ftp.transfer import Transfer
from netdaemon.wire.line import LineFactory, LineSession, Refused, Texts, Verb

MAX_LINE = 4096 + 256
"""Octets of a command line: the longest path of the tree, and what stands before it."""


class FTPFactory(LineFactory):
    """The sessions of one section, and what they share."""

    name = "ftp"

    def __init__(self, settings: FTPSettings, house: IHouse) -> None:
        super().__init__(settings, house)
        self.ports = PassivePorts(settings.passive_ports)
        self.buckets = Buckets(settings.rate_per_account, house.clock.seconds)
        self.log = house.measure.access(settings)
        self.tls = house.tls.server(ALPN)
        self.owner = (os.getuid(), os.getgid())
        self.hosts = frozenset({house.hostname.lower(), "localhost", *(host.lower() for host in settings.hosts)})


class FTPSession(LineSession):
    """One control connection."""

    __slots__ = (
        "ascii",
        "buckets",
        "cwd",
        "data",
        "deflate",
        "documents",
        "epsv_only",
        "facts",
        "failures",
        "hash",
        "level",
        "login",
        "own_host",
        "pbsz",
        "protect",
        "quitting",
        "range",
        "renaming",
        "rest",
        "terms",
        "transfer",
        "user",
    )

    max_line = MAX_LINE
    verbs = COMMANDS
    texts = Texts(
        unknown=b"500 Command not understood.",
        state=b"530 Log in with USER and PASS first.",
        syntax=b"501 Syntax error: bare CR, LF or NUL in a line.",
        too_long=b"500 The line is too long.",
        failure=b"451 That failed here; try again later.",
        too_many=b"421 Too many bad commands.",
        timeout=b"421 Control connection timed out.",
        stopping=b"421 The server is stopping.",
    )

    def __init__(self, factory: FTPFactory) -> None:
        super().__init__(factory)
        self.failures = 0
        """Failed logins so far."""
        self.quitting = False
        """QUIT came during a transfer: close behind it."""
        self.transfer: Transfer | None = None
        """The transfer under way."""
        self.data: Passive | Dialled | None = None
        """Where the next transfer's data connection comes from."""
        self.own_host = ""
        """Our address on this connection, where data connections begin or end."""
        self.login: Login | None = None
        self.protect = False
        """PROT P: the data goes under TLS."""
        self.pbsz = False
        self.log_out()
        self.reset()

    # --- parameters ------------------------------------------------------------------------------------------

    def reset(self) -> None:
        """All parameters are as they were in the beginning (RFC 959 4.1.1 REIN; 5.3.1.1 for the defaults)."""
        self.ascii = True
        self.deflate = False
        self.level = LEVEL
        self.epsv_only = False
        self.facts: frozenset[bytes] = USUAL_FACTS
        self.hash = b"SHA-256"

    def log_out(self) -> None:
        """End the login, if there is one; a transfer under way goes on with what it has (RFC 959 4.1.1 USER)."""
        login, self.login = self.login, None
        if login is not None:
            login.logout()
        self.state = STRANGER
        self.logged_in = False
        self.user = b""
        self.documents: IDocuments | None = None
        self.cwd = b"/"
        self.buckets: dict[str, tuple[Bucket, ...]] = {}
        self.terms: dict[str, Terms] = {}
        """By direction, what channels must keep to: made for the first transfer of who has logged in."""
        self.rest = 0
        self.range: tuple[int, int] | None = None
        self.renaming: bytes | None = None
        if self.transfer is None:
            self.expect(None)

    def take_rest(self) -> tuple[int, tuple[int, int] | None]:
        """What REST and RANG have asked for, once."""
        rest, span = self.rest, self.range
        self.rest, self.range = 0, None
        return rest, span

    def forget(self) -> None:
        self.log_out()
        self.reset()
        self.protect = self.pbsz = False

    @property
    def tree(self) -> IDocuments:
        """The documents of who has logged in."""
        assert self.documents is not None, "the table of commands lets nobody in before"
        return self.documents

    def path(self, argument: bytes) -> bytes:
        """The absolute path that an argument means."""
        return resolve(self.cwd, argument)

    # --- the control connection ------------------------------------------------------------------------------

    def connectionMade(self) -> None:
        connection = getattr(self.transport, "socket", None)
        if connection is not None:
            # RFC 959 4.1.3: ABOR's "synch" is urgent data. Taken out of the stream, as is usual, what it is sent with
            # would be lost with it: some clients send the whole line that way.
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_OOBINLINE, 1)
        # Nothing goes over the control connection during a long transfer: routers must not forget it.
        self.transport.setTcpKeepAlive(True)
        self.own_host = unmapped(getattr(self.transport.getHost(), "host", ""))
        if self.secure:
            self.pbsz = self.protect = True  # implicit TLS was always understood as meaning the data, too
        super().connectionMade()

    def greet(self) -> None:
        self.send(b"220 %b FTP server ready." % self.factory.house.hostname.encode())

    def command(self, line: bytes) -> Awaitable[None] | None:
        try:
            work = super().command(strip_synch(line))
        except DocumentError as error:
            raise Refused(refusal(error)) from error
        finally:
            if self.verb.name not in (b"RNFR", b"other"):
                self.renaming = None  # RFC 959 4.1.3: RNTO comes right behind RNFR
        return None if work is None else self._told(work)

    async def _told(self, work: Awaitable[None]) -> None:
        try:
            await work
        except DocumentError as error:
            raise Refused(refusal(error), close=self.quitting) from error
        except Refused as error:
            error.close = error.close or self.quitting
            raise
        if self.quitting:
            self.close()

    def redact(self, line: bytes) -> bytes:
        return super().redact(strip_synch(line))

    def wrong_state(self, verb: Verb) -> bytes:
        return self.texts.state

    def bad_arguments(self, verb: Verb) -> bytes:
        if verb.words is not None and verb.words[1] == 0:
            return b"501 Syntax error: command does not accept arguments."
        return b"501 Syntax error: command needs an argument."

    def reply(self, code: int, *texts: bytes) -> None:
        """Send a reply of one line or several."""
        for line in reply_lines(code, *texts):
            self.send(line)

    def overheard(self, line: bytes) -> bool:
        """A command while a transfer goes on: is it one that needs not wait?

        RFC 959 has ABOR and STAT for that, and says of QUIT, REIN and USER what becomes of the transfer; of other
        commands, those that are refused anyway are refused at once. The rest waits for its turn.
        """
        transfer = self.transfer
        name, _, arguments = strip_synch(line).partition(b" ")
        verb = COMMANDS.find(name)
        if transfer is None or verb is None:
            return False
        if self.state & verb.states and (verb.name not in transfer.may_come or (verb.name == b"STAT" and arguments)):
            return False
        running = self.verb
        try:
            work = self.command(line)
        except Refused as error:
            self.factory.count(verb, "refused")
            self.refuse(error.text)
        else:
            self.factory.count(verb, "ok")
            if work is not None:
                transfer.beside(work)
        finally:
            self.verb = running
        return True

    @property
    def is_deserted(self) -> bool:
        """Has the client closed the control connection, read of that or not yet?

        RFC 959 4.1.1 (QUIT): that counts as ABOR. A client that is killed closes both connections, and the end of the
        data says the same as that of a whole upload.
        """
        if self._ended or self.gone:
            return True
        connection = getattr(self.transport, "socket", None)
        try:
            return connection is not None and not connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except BlockingIOError:
            return False
        except OSError:
            return True

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        super().connectionLost(reason)
        self.log_out()
        self.expect(None)

    # --- data connections ------------------------------------------------------------------------------------

    def expect(self, data: Passive | Dialled | None) -> None:
        """The next transfer's data connection comes from there, and from nowhere else any more."""
        before, self.data = self.data, data
        if before is not None:
            before.close()
        if data is not None and self.transfer is not None:
            self.transfer.ready()

    @property
    def bind_host(self) -> str:
        """Where our sockets are bound to. Behind a load balancer our address on the connection is none of ours."""
        if self.settings.proxy_protocol:
            return "::" if ":" in self.own_host else "0.0.0.0"
        return self.own_host

    @property
    def tls_context(self) -> Any:
        """That of the control connection: its sessions can be resumed with it, whatever was swapped since."""
        return self.transport.getHandle().get_context()


FTPFactory.session = FTPSession
