"""ftp and ftps, with the FTP client, in the order in which curl's commands go."""

from __future__ import annotations

from contextlib import aclosing
from email.utils import formatdate
from typing import Any

from netdaemon.protocols.ftp.client import FTP, TLS, URL, Download, Refused, Settings, Timeouts, connect, parse_url
from netdaemon.protocols.ftp.client.commands import argument, size_in
from netdaemon.protocols.ftp.client.errors import Broken
from netdaemon.protocols.ftp.client.links import Control
from netdaemon.protocols.ftp.client.text import with_crlf, without_cr
from netdaemon.protocols.ftp.client.transfers import Transfer
from netdaemon.wire.failures import ConnectFailed, Failed
from netdaemon.wire.outgoing import each
from netdaemon.wire.transcript import Transcript
from tests.curl import sending
from tests.curl.exits import Ended, Exit
from tests.curl.keeping import Heads, Sink
from tests.curl.options import Operation
from tests.curl.report import Report
from tests.curl.web import login_of, moment_of, resume_offset


class Replies(Transcript):
    """-D has the replies' lines, as they came."""

    __slots__ = ("_heads", "_over")

    def __init__(self, heads: Heads) -> None:
        super().__init__(lambda line: None)
        self._heads = heads
        self._over = False

    def client(self, line: bytes) -> None:
        self._over = line == b"QUIT"

    def server(self, line: bytes) -> None:
        if self._over:
            return
        # The suite's server ends these with LF alone; our client reads over that, and does not tell.
        self._heads.write(line + (b"\n" if line.startswith((b"227 ", b"229 ")) else b"\r\n"))


class Session:
    """One login, and the folder it is in."""

    def __init__(self, ftp: FTP, home: str) -> None:
        self.ftp = ftp
        self.home = home
        self.folder: list[str] = []


class Files:
    """The FTP sessions of a command line."""

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self._sessions: dict[tuple[object, ...], Session] = {}

    async def close(self) -> None:
        for session in self._sessions.values():
            await session.ftp.quit()

    async def fetch(
        self, operation: Operation, text: str, upload: str | None, sink: Sink, heads: Heads, report: Report
    ) -> None:
        """Fetch or send what ``text`` says. Raises Ended and Failed."""
        url = parse_url(text)
        session = await self._session(operation, url, heads)
        ftp = session.ftp
        await self._quote(ftp, operation, "")
        folders, name = _parts(url, operation)
        await self._enter(session, folders, operation)
        if upload is not None:
            if not name:
                raise Ended(Exit.BAD_URL, "an upload without a name")
            await self._send(operation, ftp, url, name, upload, report)
        elif operation["head"] and name:
            await self._tell(operation, ftp, name, sink, heads)
        elif not name or name.endswith("/") or url.type == "d":
            name = name.rstrip("/") or name
            await self._list(operation, ftp, name, sink, report)
        else:
            await self._retrieve(
                operation, ftp, name, url.type == "a" or (operation["use-ascii"] and url.type != "i"), sink, report
            )
        await self._quote(ftp, operation, "-")
        if operation["head"]:
            return

    # --- the session -----------------------------------------------------------------------------------------

    async def _session(self, operation: Operation, url: URL, heads: Heads) -> Session:
        user, password = _login(operation, url)
        key = (url.scheme, url.host, url.port, user, password)
        session = self._sessions.get(key)
        if session is not None and not session.ftp.gone:
            return session
        tls = TLS.IMPLICIT if url.scheme == "ftps" else TLS.EXPLICIT if operation["ssl-reqd"] else TLS.NONE
        seconds = operation.number("connect-timeout") or 30.0
        settings = Settings(
            tls=tls,
            verify=not operation["insecure"],
            active=operation.get("ftp-port") is not None,
            epsv=not (operation["disable-epsv"] or operation.flags.get("epsv") is False)
            if operation.get("ftp-port") is None
            else not (operation["disable-eprt"] or operation.flags.get("eprt") is False),
            utf8=False,
            type_last=True,
            timeouts=Timeouts(seconds, 60.0, 60.0),
            transcript=Replies(heads),
        )
        ftp = await connect(
            self._reactor,
            url.host,
            url.port,
            user=user,
            password=password,
            account=operation.get("ftp-account"),
            settings=settings,
        )
        session = self._sessions[key] = Session(ftp, "")
        try:
            session.home = await ftp.pwd()
        except Failed:
            pass
        return session

    async def _enter(self, session: Session, folders: list[str], operation: Operation) -> None:
        if folders == session.folder:
            return
        if session.folder and session.home and folders[:1] != ["/"]:
            await _cwd(session.ftp, session.home)
        session.folder = folders
        for folder in folders:
            await self._into(session.ftp, folder, operation)

    async def _into(self, ftp: FTP, folder: str, operation: Operation) -> None:
        try:
            await ftp.cwd(folder)
        except Refused:
            if not operation["ftp-create-dirs"]:
                raise Ended(Exit.DENIED, f"{folder}: no such folder") from None
            try:
                await ftp.do("MKD", folder)
            except Refused:
                pass
            await _cwd(ftp, folder)

    async def _quote(self, ftp: FTP, operation: Operation, when: str) -> None:
        """-Q: commands before all else, with "-" behind the transfer, with "+" right before it."""
        for text in operation.all("quote"):
            if (text[:1] if text[:1] in "-+" else "") != when:
                continue
            command = text.removeprefix(when)
            may_fail = command.startswith("*")
            reply = await ftp.ask(argument(command.removeprefix("*")))
            if (reply.refused and not may_fail) or (reply.transient and not may_fail):
                raise Ended(Exit.QUOTE_FAILED, f"{command}: {reply.code}")

    # --- transfers -------------------------------------------------------------------------------------------

    async def _list(self, operation: Operation, ftp: FTP, path: str, sink: Sink, report: Report) -> None:
        verb = operation.get("request") or ("NLST" if operation["list-only"] else "LIST")
        line = argument(f"{verb} {path}" if path else verb)
        if operation["head"]:
            return

        async def before(control: Control) -> None:
            await self._quoted_within(control, operation)

        transfer = await _begun(Transfer.begin(ftp, line, type=b"A", before=before))
        async with Download(transfer) as download:
            async for chunk in download:
                report.octets += len(chunk)
                sink.write(chunk)

    async def _retrieve(
        self, operation: Operation, ftp: FTP, name: str, as_text: bool, sink: Sink, report: Report
    ) -> None:
        if not await self._is_wanted(operation, ftp, name, report):
            report.unwanted = True
            return
        most = operation.number("max-filesize")
        part = _Part(operation.get("range"), resume_offset(operation, sink))
        size: int | None = None

        async def before(control: Control) -> None:
            nonlocal size
            await self._quoted_within(control, operation)
            if as_text and not part.offset:
                return
            control.say(b"SIZE " + argument(name))
            size = size_in(await control.reply())
            if most is not None and size is not None and size > most:
                raise Ended(Exit.TOO_LARGE, "Maximum file size exceeded")
            part.fit(size)
            if part.offset:
                control.say(b"REST %d" % part.offset)
                if not (await control.reply()).intermediate:
                    raise Ended(Exit.NO_REST, "REST was refused")

        kind = b"A" if as_text else b"I"
        transfer = await _begun(Transfer.begin(ftp, b"RETR " + argument(name), type=kind, before=before))
        download = Download(transfer, None if size is None else size - part.offset)
        async with download:
            async for chunk in without_cr(download) if as_text else download:
                chunk = chunk if part.length is None else chunk[: part.length]
                report.octets += len(chunk)
                sink.write(chunk)
                if part.length is not None:
                    part.length -= len(chunk)
                    if not part.length:
                        break

    async def _send(self, operation: Operation, ftp: FTP, url: URL, name: str, upload: str, report: Report) -> None:
        if not await self._is_wanted(operation, ftp, name, report):
            return
        wanted = operation.get("continue-at")
        offset = 0
        if wanted == "-":
            try:
                offset = await ftp.size(name)
            except Refused:
                pass
        elif wanted is not None:
            offset = int(wanted)
        source = sending.upload_of(upload, offset)

        async def before(control: Control) -> None:
            if offset and source.length == 0:
                raise Ended(Exit.OK, "all of it is there")

        as_text = operation["use-ascii"] or url.type == "a"
        verb = b"APPE " if operation["append"] or offset else b"STOR "
        kind = b"A" if as_text else b"I"
        chunks = with_crlf(source.chunks()) if operation["crlf"] or as_text else source.chunks()
        try:
            transfer = await _begun(Transfer.begin(ftp, verb + argument(name), type=kind, before=before))
            try:
                async with aclosing(each(chunks)) as every:
                    async for chunk in every:
                        report.upload_octets += len(chunk)
                        await transfer.data.write(chunk)
                await transfer.data.finish()
            except Broken as error:
                await transfer.end(error)
            await transfer.end()
        except Refused as error:
            raise Ended(Exit.UPLOAD_FAILED, str(error)) from None
        except Broken as error:
            raise Ended(_upload_status(error), str(error)) from None

    async def _tell(self, operation: Operation, ftp: FTP, name: str, sink: Sink, heads: Heads) -> None:
        """-I: what is known of a document, in HTTP's form."""
        lines = []
        try:
            lines.append(f"Last-Modified: {formatdate(await ftp.mdtm(name), usegmt=True)}")
        except Failed:
            pass
        try:
            lines.append(f"Content-Length: {await ftp.size(name)}")
        except Failed:
            pass
        if (await ftp.ask(b"REST 0")).intermediate:
            lines.append("Accept-ranges: bytes")
        told = "".join(line + "\r\n" for line in lines).encode()
        sink.write(told)

    async def _is_wanted(self, operation: Operation, ftp: FTP, name: str, report: Report) -> bool:
        """-z and -R ask for the time."""
        condition = operation.get("time-cond")
        if condition is None and not operation["remote-time"]:
            return True
        try:
            then = await ftp.mdtm(name)
        except Refused:
            return True
        report.modified = then
        if condition is None:
            return True
        newer = not condition.startswith("-")
        moment = moment_of(condition.lstrip("-+="))
        return moment is None or (then > moment if newer else then <= moment)

    async def _quoted_within(self, control: Control, operation: Operation) -> None:
        """-Q +COMMAND: right before the transfer."""
        for text in operation.all("quote"):
            if text.startswith("+"):
                control.say(argument(text[1:].removeprefix("*")))
                reply = await control.reply()
                if (reply.refused or reply.transient) and not text.startswith("+*"):
                    raise Ended(Exit.QUOTE_FAILED, f"{text}: {reply.code}")


class _Part:
    """-r and -C: from where, and how many octets; None for all the rest."""

    def __init__(self, asked: str | None, offset: int) -> None:
        self.offset = offset
        self.length: int | None = None
        self._last: int | None = None
        if asked is not None:
            first, _, last = asked.partition("-")
            if first:
                self.offset = int(first)
                self.length = int(last) - int(first) + 1 if last else None
            else:
                self._last = int(last)

    def fit(self, size: int | None) -> None:
        """The document's size is known, or is not. Raises Ended."""
        if self._last is not None and size is not None:
            self.offset = max(0, size - self._last)
        if self.offset and size is not None:
            if self.offset > size:
                raise Ended(Exit.BAD_RESUME, "Offset was beyond file size")
            if self.offset == size:
                raise Ended(Exit.OK, "all of it is there")


def _login(operation: Operation, url: URL) -> tuple[str, str]:
    userinfo = url.user
    if url.user is not None and url.password is not None:
        userinfo = url.user + b":" + url.password
    user, password = login_of(operation, url.host, userinfo)
    return ("anonymous", "ftp@example.com") if user is None else (user, password or "")


def _parts(url: URL, operation: Operation) -> tuple[list[str], str]:
    """The folders to go through and the name there."""
    path = url.path.decode("utf-8", "surrogateescape")
    folder, slash, name = path.rpartition("/")
    method = operation.get("ftp-method") or "multicwd"
    if method == "nocwd":
        return [], path
    if method == "singlecwd":
        return ([folder or "/"] if slash else []), name
    folders = folder.split("/") if slash else []
    if folders and not folders[0]:
        folders[0] = "/"
    return [one for one in folders if one], name


async def _cwd(ftp: FTP, folder: str) -> None:
    try:
        await ftp.cwd(folder)
    except Refused:
        raise Ended(Exit.DENIED, f"{folder}: no such folder") from None


async def _begun(work: Any) -> Any:
    try:
        return await work
    except Refused as error:
        reply = error.reply
        if reply.code in (425, 426, 421) and reply.transient:
            raise Ended(Exit.NO_RETR, str(error)) from None
        raise
    except ConnectFailed as error:
        raise Ended(Exit.ACCEPT_FAILED if "made no data" in str(error) else Exit.NO_CONNECTION, str(error)) from None


def _upload_status(error: Broken) -> int:
    """552 and the like: the disk is full."""
    reply = error.reply
    return Exit.UPLOAD_FAILED if reply is None or reply.code != 452 else 70
