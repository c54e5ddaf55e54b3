"""The client's session: messages, one behind the other (RFC 5321, RFC 2033)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Self

from netdaemon.mail.addresses import Address, mailboxes, parse_address
from netdaemon.mail.interfaces import Envelope, Recipient
from netdaemon.protocols.smtp.client.commandlines import mail_line, needs_utf8, rcpt_line
from netdaemon.protocols.smtp.client.errors import AllRefused, NotLoggedIn, Unsendable, failure, told
from netdaemon.protocols.smtp.client.extensions import Extensions, parse_extensions
from netdaemon.protocols.smtp.client.link import Link
from netdaemon.protocols.smtp.client.settings import TLS, Settings
from netdaemon.protocols.smtp.client.source import (
    Source,
    chunks_of,
    holds_bare,
    pieces_of,
    size_of,
    with_crlf,
)
from netdaemon.protocols.smtp.grammar import Malformed
from netdaemon.protocols.smtp.grammar.replies import Reply
from netdaemon.wire.failures import NoWayIn, TLSFailed
from netdaemon.wire.lineclient import ConnectionLost
from netdaemon.wire.outgoing import Chunks
from netdaemon.wire.sasl.client import client_exchange
from netdaemon.wire.sasl.encoding import SaslError, decode_base64, encode_base64
from netdaemon.wire.tlsclient import why_no_tls

WINDOW = 100
"""Commands that are sent before the reply to the first is read, where the server knows PIPELINING."""

_NO_EHLO = (500, 501, 502, 504, 550)


class SMTP:
    """One session. Every method raises Failed; `Refused`, beneath it, leaves the session as it was.

    As an async context manager it ends with `quit`, or, when something is raised, with the connection dropped.
    """

    def __init__(self, link: Link, host: str, settings: Settings, wall: Callable[[], float] = time.time) -> None:
        self._link = link
        self._host = host
        self._settings = settings
        self._wall = wall
        self._leaving = False
        self._open = False
        self.extensions = Extensions()
        """What the server can, as it said last."""
        self.sent = 0
        """Messages that were begun in this session."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            self.abort()
        else:
            await self.quit()

    @property
    def secure(self) -> bool:
        """Is the connection under TLS?"""
        return self._link.secure

    @property
    def usable(self) -> bool:
        """May another message be sent? Not when the connection is closed, the server is going, or has had enough."""
        most = self.extensions.limit("MAILMAX")
        return not self._link.over and not self._leaving and (most is None or self.sent < most)

    # --- the beginning ---------------------------------------------------------------------------------------

    async def begin(self, user: str | None = None, password: str = "") -> Self:
        """What comes behind the greeting: EHLO, TLS if it is wanted, and the login, if there is a ``user``."""
        if self._link.greeting.code != 220:
            raise failure(self._link.greeting)
        await self.hello()
        tls = self._settings.tls
        if tls is TLS.EXPLICIT or (tls is TLS.OPPORTUNISTIC and "STARTTLS" in self.extensions):
            await self.start_tls()
        if user is not None:
            await self.login(user, password)
        return self

    async def hello(self) -> None:
        """EHLO, or where that is not known HELO; LHLO for LMTP."""
        name = (self._settings.name or _literal(self._link.address)).encode("ascii", "replace")
        reply = await self._ask((b"LHLO " if self._settings.lmtp else b"EHLO ") + name)
        if reply.code in _NO_EHLO and not self._settings.lmtp:
            reply = await self._ask(b"HELO " + name)
            self.extensions = Extensions()
        elif reply.ok:
            self.extensions = parse_extensions(reply.lines[1:])
        if not reply.ok:
            raise failure(reply)

    async def start_tls(self) -> None:
        """STARTTLS. What the server said before is forgotten (RFC 3207 section 4.2)."""
        context = self._settings.context(self._host)
        with told():
            async with self._link.alone():
                self._link.say_all([b"STARTTLS"])
                reply = await self._link.reply()
                if reply.ok:
                    try:
                        await self._link.start_tls(context)
                    except ConnectionLost as error:
                        raise TLSFailed(why_no_tls(error.__cause__)) from None
        if not reply.ok:
            raise TLSFailed(f"the server begins no TLS: {failure(reply)}")
        self.extensions = Extensions()
        await self.hello()

    async def login(self, user: str, password: str) -> None:
        """AUTH by the strongest mechanism that both sides have (RFC 4954)."""
        link = self._link
        may = link.secure or link.local or self._settings.plain
        try:
            exchange = client_exchange(self.extensions.mechanisms, user, password, bindings=link.bindings(), plain=may)
        except SaslError as error:
            raise NoWayIn(str(error)) from None
        line = b"AUTH " + exchange.name.encode("ascii")
        initial = exchange.initial
        with told():
            async with link.alone():
                if initial is not None:
                    link.say_all([line + b" " + encode_base64(initial, initial=True)], secret=2)
                else:
                    link.say_all([line])
                reply = await link.reply()
                try:
                    while reply.code == 334:
                        answer = exchange.step(decode_base64(reply.lines[0].strip()))
                        link.say_all([encode_base64(answer)], secret=0)
                        reply = await link.reply()
                    if reply.ok:
                        exchange.finish()
                except SaslError as error:
                    # whoever that is, he is not to hear more of us
                    link.abort()
                    raise NoWayIn(f"the login can't be trusted: {error}") from None
        if not reply.ok:
            raise failure(reply) if reply.temporary else NotLoggedIn(reply)

    # --- messages --------------------------------------------------------------------------------------------

    async def send(self, envelope: Envelope, source: Source, *, size: int | None = None) -> list[Reply]:
        """Send a message: what the server said to each recipient, in their order; `Reply.ok` for those that it took.

        ``source`` are the message's octets, lines ended with CRLF: whole, a binary file, or chunks; ``size`` is how
        many, if that is known. Refusals are answers. Raises Unsendable when this server can't be given this message,
        with nothing sent of it, and Failed when the connection broke: then nobody knows.
        """
        size = size_of(source) if size is None else size
        binary = envelope.body == "BINARYMIME"
        if isinstance(source, bytes) and not binary and holds_bare(source):
            raise Unsendable("5.6.11", "a bare CR or LF in the message: lines end with CRLF")
        extensions = self.extensions
        utf8 = envelope.utf8 or needs_utf8(envelope)
        mail = mail_line(envelope, extensions, size, secure=self.secure, now=self._wall())
        recipients = [rcpt_line(recipient, extensions, utf8=utf8) for recipient in envelope.recipients]
        if not recipients:
            raise Unsendable("5.1.3", "there is nobody to send it to")
        chunking = binary or (self._settings.chunking and "CHUNKING" in extensions)
        with self._told():
            async with self._link.alone():
                await self._forget()
                self._open = True
                self.sent += 1
                replies = await self._tell(mail, recipients, data=not chunking)
                return await self._send(replies, chunks_of(source), chunking=chunking, binary=binary)

    async def _forget(self) -> None:
        """RSET, if a message was begun and did not come to its end."""
        if self._open:
            self._link.say_all([b"RSET"])
            reply = await self._reply()
            if not reply.ok:
                raise failure(reply)
            self._open = False

    async def _tell(self, mail: bytes, recipients: Sequence[bytes], *, data: bool) -> list[Reply]:
        """The replies to MAIL, each RCPT and, with ``data``, DATA."""
        lines = [mail, *recipients, *([b"DATA"] if data else [])]
        most = WINDOW if "PIPELINING" in self.extensions else 1
        replies: list[Reply] = []
        while len(replies) < len(lines):
            if replies and not replies[0].ok:
                # MAIL is refused, and with it all the others, said or not
                replies += [replies[0]] * (len(lines) - len(replies))
                break
            window = lines[len(replies) : len(replies) + most]
            if window == [b"DATA"] and not any(reply.ok for reply in replies[1:]):
                replies.append(replies[-1])
                break
            self._link.say_all(window)
            for _ in window:
                replies.append(await self._reply())
                if self._leaving:
                    return replies + [replies[-1]] * (len(lines) - len(replies))  # no more will come
        return replies

    async def _send(self, replies: list[Reply], chunks: Chunks, *, chunking: bool, binary: bool) -> list[Reply]:
        """The message behind its envelope; the answers."""
        mail, *answers = replies
        data = None if chunking else answers.pop()
        taken = [number for number, answer in enumerate(answers) if answer.ok]
        if not mail.ok:
            answers = [mail] * len(answers)
            taken = []
        if not taken:
            if data is not None and data.intermediate:
                # RFC 2920 section 3.1: what was sent along is to be ended
                await self._link.send_body([])
                await self._reply()
            return answers
        if data is not None:
            if data.intermediate:
                await self._link.send_body(chunks)
                finals = await self._finals(len(taken))
            else:
                finals = [data] * len(taken)
        else:
            finals = await self._chunks(chunks, len(taken), binary=binary)
        for number, final in zip(taken, finals, strict=True):
            answers[number] = final
        return answers

    async def _chunks(self, chunks: Chunks, count: int, *, binary: bool) -> list[Reply]:
        """By BDAT (RFC 3030)."""
        waiting: bytes | None = None
        async for piece in pieces_of(chunks, binary=binary):
            if waiting is not None:
                await self._link.send_chunk(b"BDAT %d" % len(waiting), waiting)
                reply = await self._reply()
                if not reply.ok:
                    return [reply] * count
            waiting = piece
        last = waiting or b""
        await self._link.send_chunk(b"BDAT %d LAST" % len(last), last)
        return await self._finals(count)

    async def _finals(self, count: int) -> list[Reply]:
        """What is said behind a message: once, or by LMTP for each recipient."""
        if self._settings.lmtp:
            finals = [await self._reply(self._settings.final) for _ in range(count)]
        else:
            finals = [await self._reply(self._settings.final)] * count
        self._open = False
        return finals

    async def sendmail(
        self, sender: str | Address | None, recipients: str | Address | Sequence[str | Address], message: bytes | str
    ) -> dict[Address, Reply]:
        """Send a message, as `smtplib.SMTP.sendmail` does: those who were refused, if others were not.

        Addresses may have a name, ``Fox Mulder <mulder@spam.egg>``; None is the null sender. Line ends are made CRLF.
        Raises AllRefused when nobody was taken, and what `send` raises.
        """
        octets = with_crlf(message.encode() if isinstance(message, str) else message)
        if isinstance(recipients, str | Address):
            recipients = [recipients]
        header = octets.partition(b"\r\n\r\n")[0]
        envelope = Envelope(
            transfer="",
            sender=None if sender is None or sender == "" else _address(sender),
            recipients=tuple([Recipient(_address(recipient)) for recipient in recipients]),
            body="7BIT" if octets.isascii() else "8BITMIME",
            utf8=not header.isascii() and "SMTPUTF8" in self.extensions,
        )
        answers = await self.send(envelope, octets)
        refused = {
            recipient.address: answer
            for recipient, answer in zip(envelope.recipients, answers, strict=True)
            if not answer.ok
        }
        if all(not answer.ok for answer in answers):
            raise AllRefused(refused)
        return refused

    # --- other commands --------------------------------------------------------------------------------------

    async def reset(self) -> None:
        """RSET: forget a message that was begun."""
        reply = await self._ask(b"RSET")
        if not reply.ok:
            raise failure(reply)
        self._open = False

    async def noop(self) -> None:
        """NOOP: is the server still there?"""
        reply = await self._ask(b"NOOP")
        if not reply.ok:
            raise failure(reply)

    async def verify(self, address: str) -> Reply:
        """VRFY: mostly 252."""
        return await self._ask(b"VRFY " + address.encode())

    async def expand(self, address: str) -> Reply:
        """EXPN: whom a list stands for."""
        return await self._ask(b"EXPN " + address.encode())

    async def quit(self) -> None:
        """Take leave, and close. Nothing is raised."""
        if not self._link.gone:
            try:
                await self._ask(b"QUIT")
            except Exception:  # noqa: BLE001  # it ends in any case
                self.abort()
                return
        await self._link.close()

    def abort(self) -> None:
        """Drop the connection."""
        self._link.abort()

    async def _ask(self, line: bytes) -> Reply:
        with self._told():
            async with self._link.alone():
                self._link.say_all([line])
                return await self._reply()

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Within it what the connection raises is raised as Failed, and it is no more to be used."""
        with told():
            try:
                yield
            except ConnectionLost:
                self._link.abort()
                raise

    async def _reply(self, seconds: float | None = None) -> Reply:
        reply = await self._link.reply(seconds)
        if reply.code == 421:
            self._leaving = True  # RFC 5321 4.2.2: the server closes
        return reply


def _literal(address: str) -> str:
    """RFC 5321 4.1.3."""
    if not address:
        return "localhost"
    address = address.partition("%")[0]
    return f"[IPv6:{address}]" if ":" in address else f"[{address}]"


def _address(text: str | Address) -> Address:
    """An address as somebody writes it. Raises Unsendable: none can become a command of its own."""
    if isinstance(text, Address):
        return text
    bare = text.strip(" ")
    if bare.startswith("<") and bare.endswith(">"):
        bare = bare[1:-1]
    try:
        return parse_address(bare)
    except Malformed as error:
        if "<" in text and not any(ord(letter) < 32 for letter in text):
            found = mailboxes([text.encode("utf-8", "replace")])
            if len(found) == 1:
                return found[0].address
        raise Unsendable("5.1.3", f"{error}: {text!r}") from None
