"""The client's session: a login, and what is asked of its maildrop (RFC 1939, RFC 2449, RFC 2595, RFC 5034)."""

from __future__ import annotations

import hashlib
import re
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from types import TracebackType
from typing import Self

from netdaemon.protocols.pop3 import ALPN
from netdaemon.protocols.pop3.client.errors import Refused, failure, told
from netdaemon.protocols.pop3.client.link import Link
from netdaemon.protocols.pop3.client.settings import TLS, Settings
from netdaemon.protocols.pop3.grammar import Status, parse_capabilities, parse_scan, parse_stat, parse_uid
from netdaemon.wire.failures import Broken, NotSpoken, NoWayIn, TLSFailed, TooLarge
from netdaemon.wire.framing import CRLF
from netdaemon.wire.lineclient import ConnectionLost
from netdaemon.wire.linestream import Sink
from netdaemon.wire.sasl.client import ClientExchange, client_exchange
from netdaemon.wire.sasl.encoding import SaslError, decode_base64, encode_base64
from netdaemon.wire.tlsclient import why_no_tls

LISTING = 64 * 1024 * 1024
"""Octets of a listing that is read whole."""
MESSAGE = 64 * 1024 * 1024
"""Octets of a message that is read whole, unless a call says otherwise."""
HEADER = 1024 * 1024
"""Octets of what `POP3.tops` reads of each message."""
WINDOW = 50
"""Commands that are sent before the reply to the first is read, where the server knows PIPELINING."""
MAX_COMMAND = 255
"""Octets of a command (RFC 2449 section 4); an initial response that is longer waits for the server's challenge."""


class POP3:
    """One session. Every method raises Failed; `Refused`, beneath it, leaves the session as it was.

    As an async context manager it ends with `quit`, or, when something is raised, with nothing deleted.
    """

    def __init__(self, link: Link, host: str, settings: Settings) -> None:
        self._link = link
        self._host = host
        self._settings = settings
        self._capabilities: Mapping[str, tuple[str, ...]] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            self.abort()
        elif not self._link.gone:
            await self.quit()

    @property
    def gone(self) -> bool:
        """Is the connection closed?"""
        return self._link.gone

    # --- the beginning ---------------------------------------------------------------------------------------

    async def begin(self, user: str | None, password: str) -> Self:
        """What comes behind the greeting: TLS and UTF8 if they are wanted, and the login, if there is a ``user``."""
        if not self._link.greeting.ok:
            raise failure(self._link.greeting)
        if self._settings.tls is TLS.EXPLICIT:
            await self.start_tls()
        if self._settings.utf8 and "UTF8" in await self.capabilities():
            await self.utf8()
        if user is not None:
            await self.login(user, password)
        return self

    async def capabilities(self) -> Mapping[str, tuple[str, ...]]:
        """CAPA: tag, in upper case, to its arguments; empty for a server that doesn't know it. Asked once a state."""
        if self._capabilities is None:
            try:
                self._capabilities = parse_capabilities(await self._listing(b"CAPA"))
            except Refused:
                self._capabilities = {}
        return self._capabilities

    async def start_tls(self) -> None:
        """STLS. What the server said before is forgotten (RFC 2595 section 4)."""
        context = self._settings.context(self._host, ALPN)
        with told():
            async with self._link.alone():
                self._link.say(b"STLS")
                status = await self._link.reply()
                if status.ok:
                    try:
                        await self._link.start_tls(context)
                    except ConnectionLost as error:
                        raise TLSFailed(why_no_tls(error.__cause__)) from None
        if not status.ok:
            raise TLSFailed(f"the server begins no TLS: {failure(status)}")
        self._capabilities = None

    async def login(self, user: str, password: str) -> None:
        """By the strongest mechanism that both sides have, else by USER and PASS."""
        may = self._link.secure or self._settings.plain
        offered = await self.capabilities()
        try:
            exchange = client_exchange(
                offered.get("SASL", ()), user, password, bindings=self._link.bindings(), plain=may
            )
        except SaslError as error:
            # RFC 2449 section 6.3: a server without CAPA has USER
            if not may or (offered and "USER" not in offered and "SASL" in offered):
                raise NoWayIn(str(error)) from None
            await self._user(user, password)
        else:
            await self._authenticate(exchange)
        self._capabilities = None

    async def apop(self, user: str, secret: str) -> None:
        """By APOP (RFC 1939 section 7), which `login` never takes by itself: MD5 proves little to whoever listens."""
        # What stands in the angle brackets has the form of a message-id; without one there is no APOP.
        banner = re.search(rb"<[\x21-\x3b\x3d\x3f-\x7e]+@[\x21-\x3b\x3d\x3f-\x7e]+>", self._link.greeting.text)
        if banner is None:
            raise NoWayIn("the server's greeting offers no APOP")
        digest = hashlib.md5(banner[0] + secret.encode(), usedforsecurity=False).hexdigest()
        await self._login_step(b"APOP %b %b" % (user.encode(), digest.encode()), secret=2)
        self._capabilities = None

    async def _user(self, user: str, password: str) -> None:
        await self._login_step(b"USER " + user.encode())
        await self._login_step(b"PASS " + password.encode(), secret=1)

    async def _login_step(self, line: bytes, secret: int | None = None) -> None:
        try:
            await self._ask(line, secret=secret)
        except ValueError as error:
            raise NoWayIn(str(error)) from None
        except Refused as error:
            raise failure(error.status, login=True) from None

    async def _authenticate(self, exchange: ClientExchange) -> None:
        """RFC 5034 section 4."""
        link = self._link
        line = b"AUTH " + exchange.name.encode("ascii")
        first = exchange.initial
        initial = None if first is None else encode_base64(first, initial=True)
        with told():
            async with link.alone():
                if initial is not None and len(line) + len(initial) + 3 <= MAX_COMMAND:
                    link.say(line + b" " + initial, secret=2)
                    first = None
                else:
                    link.say(line)
                status = await link.reply()
                try:
                    while status.challenge:
                        challenge = decode_base64(status.text.strip())
                        answer, first = (first if first is not None else exchange.step(challenge)), None
                        link.say(encode_base64(answer), secret=0)
                        status = await link.reply()
                    if status.ok:
                        exchange.finish()
                except SaslError as error:
                    # whoever that is, he is not to hear more of us
                    link.abort()
                    raise NoWayIn(f"the login can't be trusted: {error}") from None
        if not status.ok:
            raise failure(status, login=True)

    # --- the maildrop ----------------------------------------------------------------------------------------

    async def stat(self) -> tuple[int, int]:
        """How many messages there are, and how many octets."""
        status = await self._ask(b"STAT")
        with told():
            return parse_stat(status.text)

    async def list(self) -> dict[int, int]:
        """Each message's number, and its octets."""
        with told():
            return dict(map(parse_scan, await self._listing(b"LIST")))

    async def octets(self, number: int) -> int:
        """LIST of one message."""
        status = await self._ask(b"LIST %d" % number)
        with told():
            return parse_scan(status.text)[1]

    async def uidl(self) -> dict[int, str]:
        """Each message's number, and its unique-id. Raises Refused where the server has none."""
        with told():
            return dict(map(parse_uid, await self._listing(b"UIDL")))

    async def uid(self, number: int) -> str:
        """UIDL of one message."""
        status = await self._ask(b"UIDL %d" % number)
        with told():
            return parse_uid(status.text)[1]

    async def retrieve(self, number: int, write: Sink, limit: int | None = None) -> int:
        """Hand a message to ``write`` as it comes; how many octets it has.

        ``write`` may return something to await when it wants no more for now. Of a message that is larger than
        ``limit`` it gets the beginning, and TooLarge is raised behind the end.
        """
        return await self._body(b"RETR %d" % number, write, limit)

    async def message(self, number: int, limit: int = MESSAGE) -> bytes:
        """A whole message. Raises TooLarge when it is larger than ``limit``, at its end."""
        parts: list[bytes] = []
        await self.retrieve(number, parts.append, limit)
        return b"".join(parts)

    async def top(self, number: int, lines: int = 0, limit: int = MESSAGE) -> bytes:
        """A message's header, and so many lines of its body."""
        parts: list[bytes] = []
        await self._body(b"TOP %d %d" % (number, lines), parts.append, limit)
        return b"".join(parts)

    async def tops(self, numbers: Iterable[int], lines: int = 0) -> AsyncIterator[tuple[int, bytes | None]]:
        """(number, `top`) of many, None for those that are refused; of a long one the first `HEADER` octets."""
        for window in await self._windows(numbers):
            found: list[tuple[int, bytes | None]] = []
            with told():
                async with self._link.alone():
                    for number in window:
                        self._link.say(b"TOP %d %d" % (number, lines))
                    for number in window:
                        status = await self._link.reply()
                        _no_challenge(status)
                        parts: list[bytes] = []
                        if status.ok:
                            await self._link.body(parts.append, HEADER)
                        found.append((number, b"".join(parts) if status.ok else None))
            for one in found:
                yield one

    async def delete(self, *numbers: int) -> None:
        """Mark messages; they are deleted with `quit`. Raises Refused for the first that can't be."""
        refused: Status | None = None
        for window in await self._windows(numbers):
            with told():
                async with self._link.alone():
                    for number in window:
                        self._link.say(b"DELE %d" % number)
                    for _ in window:
                        status = await self._link.reply()
                        _no_challenge(status)
                        refused = refused or (None if status.ok else status)
        if refused is not None:
            raise failure(refused)

    async def reset(self) -> None:
        """RSET: nothing is marked any more."""
        await self._ask(b"RSET")

    async def noop(self) -> None:
        await self._ask(b"NOOP")

    async def utf8(self) -> None:
        """UTF8 (RFC 6856), before the login: messages may come with UTF-8 in their headers."""
        await self._ask(b"UTF8")

    async def languages(self) -> dict[str, str]:
        """LANG: the languages in which the server speaks, each with its name (RFC 6856 section 3)."""
        lines = [line.decode("utf-8", "replace").partition(" ") for line in await self._listing(b"LANG")]
        return {tag: name for tag, _, name in lines}

    async def language(self, tag: str) -> None:
        """LANG: the server is to speak in that language."""
        await self._ask(b"LANG " + tag.encode())

    # --- the end ---------------------------------------------------------------------------------------------

    async def quit(self) -> None:
        """QUIT: what is marked is deleted now. Raises Refused when it wasn't; the connection is closed in any case."""
        try:
            await self._ask(b"QUIT")
        finally:
            await self._link.close()

    def abort(self) -> None:
        """Drop the connection: nothing is deleted."""
        self._link.abort()

    # --- inside ----------------------------------------------------------------------------------------------

    async def _ask(self, line: bytes, *, secret: int | None = None) -> Status:
        with told():
            async with self._link.alone():
                self._link.say(line, secret=secret)
                status = await self._link.reply()
        _no_challenge(status)
        if not status.ok:
            raise failure(status)
        return status

    async def _body(self, line: bytes, write: Sink, limit: int | None) -> int:
        with told():
            async with self._link.alone():
                self._link.say(line)
                status = await self._link.reply()
                try:
                    body = await self._link.body(write, limit) if status.ok else None
                except ConnectionLost:
                    raise Broken("the connection broke off, or stood still, within the answer") from None
        _no_challenge(status)
        if body is None:
            raise failure(status)
        if body.over_limit:
            raise TooLarge(f"{body.size} octets are more than the {limit} that are wanted")
        return body.size

    async def _listing(self, line: bytes) -> Sequence[bytes]:
        parts: list[bytes] = []
        await self._body(line, parts.append, LISTING)
        lines = b"".join(parts).split(CRLF)
        return lines[:-1]  # behind the last line's end is nothing

    async def _windows(self, numbers: Iterable[int]) -> Sequence[Sequence[int]]:
        """The numbers in groups that may be asked for at once."""
        numbers = list(numbers)
        most = WINDOW if "PIPELINING" in await self.capabilities() else 1
        return [numbers[at : at + most] for at in range(0, len(numbers), most)]


def _no_challenge(status: Status) -> None:
    if status.challenge:
        raise NotSpoken("what answers there is no POP3 server: a challenge that nobody asked for")
