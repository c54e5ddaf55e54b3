"""What is said on the control connection: login, TLS, and every command that opens no data connection."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, NamedTuple, Self

from twisted.internet.abstract import isIPAddress, isIPv6Address
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
from zope.interface import implementer

from netdaemon.protocols.ftp.client.errors import NotLoggedIn, TryLater, failure, told
from netdaemon.protocols.ftp.client.links import Control, Links
from netdaemon.protocols.ftp.client.settings import TLS, Settings
from netdaemon.protocols.ftp.client.transfers import set_type
from netdaemon.protocols.ftp.deflate import LEVEL
from netdaemon.protocols.ftp.grammar import Malformed
from netdaemon.protocols.ftp.grammar.facts import parse_facts
from netdaemon.protocols.ftp.grammar.listing import Listed, listed_of
from netdaemon.protocols.ftp.grammar.paths import is_sendable, parse_quoted
from netdaemon.protocols.ftp.grammar.replies import Reply
from netdaemon.protocols.ftp.grammar.times import format_time, parse_time
from netdaemon.wire.failures import NotSpoken, TLSFailed
from netdaemon.wire.lineclient import ConnectionLost
from netdaemon.wire.tlsclient import dns_name, why_no_tls


@dataclass(frozen=True)
class Entry:
    """One document or folder of a listing; the fields are `grammar.listing.Listed`'s."""

    name: str
    kind: str
    size: int | None = None
    modified: float | None = None
    precision: float = 1.0
    target: str | None = None

    @property
    def folder(self) -> bool:
        return self.kind == "dir"


class Hash(NamedTuple):
    """The reply to HASH: the digest of the octets from ``start`` to ``end``.

    Whether the octet at ``end`` is the last of them or the first that is none, servers take in two ways.
    """

    algorithm: str
    start: int
    end: int
    digest: bytes


class Commands:
    """One login; `session.FTP` is the whole."""

    def __init__(self, control: Control, links: Links, host: str, settings: Settings) -> None:
        self.control = control
        self.links = links
        self.host = host
        self.settings = settings
        self.active = settings.active
        self.epsv = settings.epsv
        self.type: bytes | None = None
        self.mode: bytes | None = None
        self.level = settings.compress_level or LEVEL
        self.type_last = settings.type_last
        self.data_tls: Callable[[Any], Any] | None = None
        self._features: Mapping[str, str] | None = None
        self._mlsd = True
        self._hash = "SHA-256"
        self._known = False  # is somebody logged in?

    # --- the beginning and the end ---------------------------------------------------------------------------

    async def begin(self, user: str, password: str, account: str | None = None) -> Self:
        """From the greeting to a login, TLS among it if that is wanted."""
        if not self.control.greeting.ok:
            raise failure(self.control.greeting)
        if self.settings.tls is TLS.EXPLICIT:
            await self._auth_tls()
        if self.settings.tls is not TLS.NONE:
            await self.prot("P")
        await self.login(user, password, account)
        return self

    async def _auth_tls(self) -> None:
        settings = self.settings
        with told():
            async with self.control.alone():
                self.control.say(b"AUTH TLS")
                reply = await self.control.reply()
                if reply.code != 234:
                    raise TLSFailed(f"the server offers no TLS: {failure(reply)}")
                try:
                    await self.control.start_tls(settings.context(self.host))
                except ConnectionLost as error:
                    raise TLSFailed(f"{self.host}: {why_no_tls(error.__cause__)}") from None
        self._features = None

    async def prot(self, level: str) -> None:
        """ "P": data go under TLS from now on; "C": in clear (RFC 4217 section 9)."""
        for line in (b"PBSZ 0", b"PROT " + argument(level)):
            reply = await self.ask(line)
            if not reply.ok:
                raise TLSFailed(f"the server does not protect data: {failure(reply)}")
        settings = self.settings
        protected = level.upper() == "P"
        context = settings.context(self.host)
        self.data_tls = (lambda session: Resuming(context, session)) if protected else None

    async def login(self, user: str, password: str, account: str | None = None) -> Reply:
        """USER, PASS and ACCT, as far as they are asked for. Raises NotLoggedIn, and Refused for the host."""
        if self.settings.virtual_host and not self._known:
            await self._name_host()
        reply = await self.ask(b"USER " + argument(user))
        if reply.code == 331:
            reply = await self.ask(b"PASS " + argument(password), secret=1)
        if reply.code == 332:
            if account is None:
                raise NotLoggedIn(reply)
            reply = await self.ask(b"ACCT " + argument(account), secret=1)
        if not reply.ok:
            raise TryLater(reply) if reply.transient else NotLoggedIn(reply)
        self._known = True
        self._forget()
        if self.settings.utf8 and "UTF8" in await self.features():
            await self.ask(b"OPTS UTF8 ON")  # RFC 2640 has it always on; where it isn't, this switches it on
        if self.settings.compress:
            await self._compress()
        return reply

    async def rein(self) -> None:
        """Back to before the login (REIN), which may be another one now; TLS stays (RFC 4217 section 11)."""
        await self.do("REIN")
        self._known = False
        self._hash = "SHA-256"
        self._forget()
        if self.data_tls is not None:
            await self.prot("P")  # whether that stays too, servers take in two ways

    def _forget(self) -> None:
        """What was asked and told was for another login."""
        self._features = None  # some are for those who are known
        self.type = self.mode = None

    async def _name_host(self) -> None:
        """HOST, which comes behind AUTH TLS and before USER (RFC 7151 section 3.2.2)."""
        # An address names none of several hosts: who comes by that gets what everybody does who says nothing.
        if isIPAddress(self.host) or isIPv6Address(self.host) or "HOST" not in await self.features():
            return
        reply = await self.ask(b"HOST " + dns_name(self.host.rstrip(".")))  # what TLS was told too, as it must be
        if not reply.ok:
            raise failure(reply)

    async def _compress(self) -> None:
        """MODE Z; where that is not offered, or refused, data go as they are."""
        if "Z" not in (await self.features()).get("MODE", "").upper().split():
            return
        if (await self.ask(b"MODE Z")).ok:
            self.mode = b"Z"
            if self.settings.compress_level is not None:
                await self.ask(b"OPTS MODE Z LEVEL %d" % self.level)

    async def quit(self) -> None:
        """QUIT, and wait until the connection is gone."""
        await self.control.close()

    def abort(self) -> None:
        """Drop the connection, with whatever is under way."""
        if not self.control.gone:
            self.control.abort()

    @property
    def gone(self) -> bool:
        """Is the connection lost or closed?"""
        return self.control.gone

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        if kind is not None:
            self.abort()
        await self.quit()

    # --- commands --------------------------------------------------------------------------------------------

    async def ask(self, line: bytes, *, secret: int | None = None) -> Reply:
        """Any command that opens no data connection; whatever its reply is."""
        with told():
            return await self.control.ask(line, secret=secret)

    async def do(self, verb: str, *arguments: str) -> Reply:
        """A command whose reply must be 2yz. Raises Refused, with NotLoggedIn and TryLater beneath it."""
        reply = await self.ask(b" ".join([verb.encode("ascii"), *map(argument, arguments)]))
        if not reply.ok:
            raise failure(reply)
        return reply

    async def features(self) -> Mapping[str, str]:
        """FEAT (RFC 2389): feature to its parameters, empty where FEAT is not known. Asked once for a login."""
        if self._features is None:
            reply = await self.ask(b"FEAT")
            found: dict[str, str] = {}
            for line in reply.lines[1:-1] if reply.ok else ():
                name, _, parameters = line.strip().decode("utf-8", "surrogateescape").partition(" ")
                found[name.upper()] = parameters
            self._features = found
        return self._features

    async def cwd(self, path: str) -> None:
        await self.do("CWD", path)

    async def cdup(self) -> None:
        await self.do("CDUP")

    async def pwd(self) -> str:
        """The current folder."""
        return self._quoted(await self.do("PWD"))

    async def mkd(self, path: str) -> str:
        """Make a folder; its absolute path, if the server tells that, else ``path``."""
        reply = await self.do("MKD", path)
        try:
            return text_of(parse_quoted(reply.text))
        except Malformed:
            return path  # RFC 959 appendix II wants it there, but it is done all the same

    async def rmd(self, path: str) -> None:
        await self.do("RMD", path)

    async def dele(self, path: str) -> None:
        await self.do("DELE", path)

    async def rename(self, old: str, new: str) -> None:
        line = b"RNTO " + argument(new)
        with told():
            async with self.control.alone():
                self.control.say(b"RNFR " + argument(old))
                reply = await self.control.reply()
                if not reply.intermediate:
                    raise failure(reply)
                self.control.say(line)
                reply = await self.control.reply()
                if not reply.ok:
                    raise failure(reply)

    async def size(self, path: str) -> int:
        """Octets of a document, as TYPE I sends it."""
        line = b"SIZE " + argument(path)
        with told():
            async with self.control.alone():
                await set_type(self, b"I")
                self.control.say(line)
                reply = await self.control.reply()
        if not reply.ok:
            raise failure(reply)
        found = size_in(reply)
        if found is None:
            raise NotSpoken("the reply to SIZE is no number")
        return found

    async def mdtm(self, path: str) -> float:
        """When a document was changed last, Unix seconds."""
        reply = await self.do("MDTM", path)
        with told():
            return parse_time(reply.text.strip())

    async def mfmt(self, path: str, modified: float) -> None:
        """Set when a document was changed last."""
        await self.do("MFMT", format_time(modified).decode("ascii"), path)

    async def mlst(self, path: str = "") -> Entry:
        """What the server says of one document or folder (RFC 3659 section 7)."""
        reply = await self.do("MLST", *filter(None, [path]))
        if len(reply.lines) != 3:
            raise NotSpoken("the reply to MLST has not one line of facts")
        with told():
            facts = parse_facts(reply.lines[1].removeprefix(b" "))
            kind = "dir" if facts.kind in ("cdir", "pdir") else facts.kind
            found = listed_of(type(facts)({**facts.facts, "type": kind.encode("latin-1")}, facts.name))
        if found is None:
            found = Listed(facts.name, "dir", None, facts.modified)
        return entry_of(found)

    async def hash(self, path: str, algorithm: str = "SHA-256") -> Hash:
        """The server's digest of a document, by one of the algorithms that the feature HASH names."""
        if algorithm != self._hash:
            await self.do("OPTS", "HASH", algorithm)
            self._hash = algorithm
        reply = await self.do("HASH", path)
        match = re.match(rb"([A-Za-z0-9-]+) ([0-9]{1,18})-(-?[0-9]{1,18}) ((?:[0-9A-Fa-f]{2})+)(?: |$)", reply.text)
        if match is None:
            raise NotSpoken("the reply to HASH has no digest")
        return Hash(match[1].decode("ascii"), int(match[2]), int(match[3]), bytes.fromhex(match[4].decode("ascii")))

    async def noop(self) -> None:
        await self.do("NOOP")

    async def site(self, command: str) -> Reply:
        """A command of the server's own."""
        return await self.do("SITE", command)

    async def stat(self, path: str = "") -> Reply:
        return await self.do("STAT", *filter(None, [path]))

    async def abor(self) -> None:
        """ABOR when nothing is under way; a transfer under way has an `abort` of its own."""
        await self.do("ABOR")

    def _quoted(self, reply: Reply) -> str:
        with told():
            return text_of(parse_quoted(reply.text))


@implementer(IOpenSSLClientConnectionCreator)
class Resuming:
    """Makes TLS connections that go on with a session: so the server knows that it is us again, and we that it is he.

    Servers that check it (RFC 4217 section 10.2's advice) refuse any other data connection.
    """

    def __init__(self, context: Any, session: Any) -> None:
        self._context = context
        self._session = session

    def clientConnectionForTLS(self, tlsProtocol: Any) -> Any:
        connection = self._context.clientConnectionForTLS(tlsProtocol)
        if self._session is not None:
            connection.set_session(self._session)
        return connection


def size_in(reply: Reply) -> int | None:
    """The number in a reply to SIZE (RFC 3659 section 4); None when there is none."""
    value = reply.text.strip()
    return int(value) if reply.ok and re.fullmatch(rb"[0-9]{1,18}", value) else None


def argument(text: str) -> bytes:
    """An argument as the wire has it. Raises ValueError for CR, LF and NUL."""
    octets = text.encode("utf-8", "surrogateescape")
    if not is_sendable(octets):
        raise ValueError("CR, LF or NUL in a command's argument")
    return octets


def text_of(octets: bytes) -> str:
    """What the wire has, as text; `argument` makes the same octets of it again."""
    return octets.decode("utf-8", "surrogateescape")


def entry_of(listed: Listed) -> Entry:
    target = None if listed.target is None else text_of(listed.target)
    return Entry(text_of(listed.name), listed.kind, listed.size, listed.modified, listed.precision, target)
