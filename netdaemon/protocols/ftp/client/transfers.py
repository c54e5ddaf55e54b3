"""One transfer: a data connection, the command that fills it, and the reply that ends it (RFC 959 section 5.1.1)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any, Protocol, Self

from netdaemon.protocols.ftp.client.deflated import Deflated
from netdaemon.protocols.ftp.client.errors import Broken, failure, in_words, told
from netdaemon.protocols.ftp.client.links import Control, Data, Links, Listening
from netdaemon.protocols.ftp.grammar.address import (
    IPV4,
    HostPort,
    build_eprt,
    build_port,
    parse_epsv_reply,
    parse_pasv_reply,
)
from netdaemon.protocols.ftp.grammar.replies import Reply
from netdaemon.wire.failures import ConnectFailed, NotSpoken, TLSFailed
from netdaemon.wire.lineclient import ConnectionLost, ProtocolError

LAST_WORDS = 5.0
"""Seconds that a server may take to say why a transfer broke off; then the control connection is dropped too."""


class Login(Protocol):
    """What a transfer needs to know of the session it belongs to."""

    links: Links
    control: Control
    active: bool
    """The server connects to us (PORT), not we to it (PASV)."""
    epsv: bool
    """Try EPSV and EPRT, which know IPv6 and pass translated addresses; cleared where they are not known."""
    type: bytes | None
    """The TYPE that the server was told, None before."""
    mode: bytes | None
    """The MODE that the server was told, None before; by Z, data are deflated."""
    level: int
    """How hard they are."""
    type_last: bool
    """It is told behind EPSV or PORT."""
    data_tls: Callable[[Any], Any] | None
    """Makes the context of a data connection's TLS out of the control connection's session; None: data go in clear."""


class Transfer:
    """A transfer under way. It holds the control connection: whatever else is asked waits for its end."""

    def __init__(self, control: Control, data: Data, held: AsyncExitStack, begun: Reply) -> None:
        self._control = control
        self._held = held
        self.data = data
        self.begun = begun
        """The reply that began it."""
        self.over = False

    @classmethod
    async def begin(
        cls,
        login: Login,
        line: bytes,
        *,
        type: bytes = b"I",
        offset: int = 0,
        before: Callable[[Control], Awaitable[None]] | None = None,
    ) -> Self:
        """Send ``line`` (RETR, STOR, MLSD ...) with all that goes before it. Raises Failed.

        ``before`` says what else goes before it, on the connection that nobody else speaks on.
        """
        control = login.control
        async with AsyncExitStack() as stack:
            stack.enter_context(told())
            await stack.enter_async_context(control.alone())
            if not login.type_last:
                await set_type(login, type)
            data, port = await _prepare(login)
            try:
                if login.type_last:
                    await set_type(login, type)
                if before is not None:
                    await before(control)
                if offset:
                    # RFC 3659 5.3: right before the command that it is for
                    control.say(b"REST %d" % offset)
                    restarted = await control.reply()
                    if not restarted.intermediate:
                        raise failure(restarted)
                control.say(line)
                begun = await control.reply()
                if begun.code == 200:  # some servers put one before the 150
                    begun = await control.reply()
                if not begun.preliminary:
                    raise failure(begun)
                try:
                    data = data or await _accepted(port)
                    control.watch(data)
                    if login.data_tls is not None:
                        await _protect(data, login.data_tls(control.session()), control)
                except BaseException:
                    # The server is within a transfer that never was: nobody knows what it says next, and when.
                    control.abort()
                    raise
            except BaseException:
                if data is not None:
                    data.abort()
                raise
            finally:
                if port is not None:
                    port.close()
            if login.mode == b"Z":
                data = Deflated(data, login.level)
            return cls(control, data, stack.pop_all(), begun)
        raise AssertionError("unreachable")  # told() swallows nothing

    async def end(self, broken: Broken | None = None) -> Reply:
        """The data are over: the reply that says so. Raises Broken, with what the server said instead.

        ``broken`` is why they are over, if they didn't come to their end; it is raised with whatever was said.
        """
        self.over = True
        async with self._held:
            try:
                if broken is None:
                    reply = await self._control.final()
                else:
                    self.data.abort()
                    reply = await self._last_words(broken)
            finally:
                self.data.abort()
            if broken is not None:
                raise Broken(str(broken), reply)
            if not reply.ok:
                raise Broken("the server broke off the transfer", reply)
            return reply

    async def _last_words(self, broken: Broken) -> Reply:
        try:
            return await self._control.final(LAST_WORDS)
        except (ConnectionLost, ProtocolError):
            raise broken from None

    async def abort(self) -> None:
        """Break it off by ABOR; the control connection can be used again. Raises Failed when it can't."""
        if self.over:
            return
        self.over = True
        async with self._held:
            control = self._control
            control.say(b"ABOR")
            self.data.abort()
            reply = await control.final()
            # Whether another reply comes of it depends on what the server was at. It is not NOOP's 200; and NOOP is not
            # sent along with ABOR, since servers that look out for that answer whatever else comes at once.
            control.say(b"NOOP")
            for _ in range(4):
                if reply.code == 200:
                    return
                reply = await control.reply()
            control.abort()
            raise NotSpoken("the server answers ABOR without an end")

    async def drop(self) -> None:
        """Break it off by dropping both connections: nothing is sent, nothing waited for."""
        if self.over:
            return
        self.over = True
        self.data.abort()
        self._control.abort()
        await self._held.aclose()


async def set_type(login: Login, type: bytes) -> None:
    """Within `Control.alone`: TYPE, unless the server knows."""
    if login.type != type:
        login.control.say(b"TYPE " + type)
        reply = await login.control.reply()
        if not reply.ok:
            raise failure(reply)
        login.type = type


async def _protect(data: Data, context: Any, control: Control) -> None:
    try:
        await data.start_tls(context)
    except TLSFailed as error:
        data.abort()
        try:
            reply = await control.final(LAST_WORDS)
        except (ConnectionLost, ProtocolError):
            raise error from None
        raise TLSFailed(f"{error} ({in_words(reply)})") from None


async def _accepted(port: Listening | None) -> Data:
    assert port is not None
    return await port.accept()


async def _prepare(login: Login) -> tuple[Data | None, Listening | None]:
    """Either a data connection, or a port that the server was told to make it to."""
    if login.active:
        return None, await _port(login)
    control = login.control
    is_ipv6 = ":" in control.peer_host  # which PASV can't tell
    if login.epsv or is_ipv6:
        control.say(b"EPSV")
        reply = await control.reply()
        if reply.code == 229:
            address = HostPort(control.peer_host, parse_epsv_reply(reply.text))
            try:
                return await login.links.connect(address), None
            except ConnectFailed:
                # Who translates addresses on the way may know PASV only.
                if address.family != IPV4:
                    raise
        elif reply.transient or is_ipv6:
            raise failure(reply)
        login.epsv = False
    control.say(b"PASV")
    reply = await control.reply()
    if reply.code != 227:
        raise failure(reply)
    # The address in it is ignored: it is wrong behind a translator, and would let a server have us connect anywhere.
    port = parse_pasv_reply(reply.text).port
    return await login.links.connect(HostPort(control.peer_host, port)), None


async def _port(login: Login) -> Listening:
    control = login.control
    port = await login.links.listen(control.local_host, control.peer_host)
    try:
        address = port.address
        reply = None
        if login.epsv or address.family != IPV4:
            control.say(b"EPRT " + build_eprt(address))
            reply = await control.reply()
            if reply.refused and address.family == IPV4:
                login.epsv = False
        if not login.epsv and address.family == IPV4:
            control.say(b"PORT " + build_port(address))
            reply = await control.reply()
        assert reply is not None
        if not reply.ok:
            raise failure(reply)
        return port
    except BaseException:
        port.close()
        raise
