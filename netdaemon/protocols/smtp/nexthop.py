"""The next host as our own client speaks to it."""

from __future__ import annotations

from collections.abc import AsyncIterable, Sequence
from dataclasses import replace
from typing import Any

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from netdaemon.interfaces import IDeadlines
from netdaemon.mail.interfaces import Envelope
from netdaemon.protocols.smtp.client import SMTP, TLS, Failed, NotLoggedIn, Refused, Settings, TLSFailed, Unsendable
from netdaemon.protocols.smtp.client.errors import told
from netdaemon.protocols.smtp.client.link import StreamLink
from netdaemon.protocols.smtp.grammar.replies import Reply
from netdaemon.protocols.smtp.hops import UNREACHABLE, Answer, HopFailed, Policy
from netdaemon.protocols.smtp.route import Destination
from netdaemon.wire.failures import ConnectFailed
from netdaemon.wire.lineclient import reach
from netdaemon.wire.tlsclient import Contexts

FAREWELL = 5.0
"""Seconds for a host's answer to QUIT."""

_TLS = {
    "opportunistic": TLS.OPPORTUNISTIC,
    "starttls": TLS.EXPLICIT,
    "implicit": TLS.IMPLICIT,
    "never": TLS.NONE,
}


class NextHops:
    """Makes connections (`hops.Connect`): only to the address that was found and checked, whatever the host is called.

    ``name`` is what we call ourselves; ``trust`` makes TLS contexts.
    """

    def __init__(
        self, reactor: Any, deadlines: IDeadlines, name: str, trust: Contexts, settings: Settings | None = None
    ) -> None:
        self._reactor = reactor
        self._deadlines = deadlines
        self._settings = replace(settings or Settings(), name=name, trust=trust)

    async def connect(self, destination: Destination, policy: Policy) -> NextHop:
        """Greeted, under TLS and logged in as the policy has it. Raises HopFailed."""
        tls = _TLS[policy.tls]
        # RFC 7435: what is taken as it comes is not believed either, so nothing is gained by asking who it is
        settings = replace(self._settings, tls=tls, verify=tls in (TLS.EXPLICIT, TLS.IMPLICIT))
        host = destination.address if destination.host.startswith("[") else destination.host
        timeouts = settings.timeouts
        link = StreamLink(self._deadlines, timeout=timeouts.answer, stall=timeouts.stall)
        context = settings.context(host) if tls is TLS.IMPLICIT else None
        session = SMTP(link, host, settings)
        try:
            with told():
                await reach(self._reactor, destination.address, destination.port, link, context, timeouts)
        except Failed as error:
            raise _failed(error) from None
        try:
            await session.begin(policy.user or None, policy.password)
        except Failed as error:
            session.abort()
            raise _failed(error) from None
        except BaseException:
            session.abort()
            raise
        return NextHop(session, self._reactor)


class NextHop:
    """`hops.IHop` of one session."""

    _log = Logger()

    def __init__(self, session: SMTP, clock: Any) -> None:
        self._session = session
        self._clock = clock

    @property
    def usable(self) -> bool:
        return self._session.usable

    @property
    def dsn(self) -> bool:
        return "DSN" in self._session.extensions

    async def send(self, envelope: Envelope, octets: AsyncIterable[bytes], size: int) -> Sequence[Answer]:
        try:
            replies = await self._session.send(envelope, octets, size=size)
        except Unsendable as error:
            text = str(error).removeprefix(error.status).strip()
            return [Answer(550 if error.status.startswith("5") else 450, error.status, text)] * len(envelope.recipients)
        except Failed as error:
            raise _failed(error) from None
        return [_answer(reply) for reply in replies]

    async def close(self) -> None:
        leaving = Deferred.fromCoroutine(self._session.quit())
        leaving.addTimeout(FAREWELL, self._clock)
        try:
            await leaving
        except Exception as error:  # noqa: BLE001  # it ends in any case
            self._log.debug("not closed in good order: {error}", error=repr(error))
            self._session.abort()

    def abort(self) -> None:
        self._session.abort()


def _answer(reply: Reply) -> Answer:
    # RFC 5321 4.2.1: of a code that makes no sense here, the first digit counts
    code = reply.code if reply.code >= 400 or reply.ok else 450
    return Answer(code, reply.status or f"{code // 100}.0.0", reply.text)


def _failed(error: Failed) -> HopFailed:
    """What stands for an answer to every recipient."""
    if isinstance(error, NotLoggedIn):
        return HopFailed("4.7.8", f"the login was refused: {error}", 451)
    if isinstance(error, Refused):
        answer = _answer(error.reply)
        return HopFailed(answer.status, answer.text, answer.code)
    if isinstance(error, TLSFailed):
        return HopFailed("4.7.5", str(error), 454, tls=True)
    if isinstance(error, ConnectFailed):
        return HopFailed(UNREACHABLE, str(error))
    return HopFailed("4.4.2", str(error))
