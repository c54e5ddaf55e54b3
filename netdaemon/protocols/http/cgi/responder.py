"""Requests for scripts: found, run, and what they say made a response of (RFC 3875)."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Awaitable, Callable

from twisted.logger import Logger

from netdaemon.interfaces import DocumentError, IDocuments, IHouse, IsFolder, NotFolder, NotFound
from netdaemon.protocols.http.cgi.output import body_chunks, drain, read_head, whole_body
from netdaemon.protocols.http.cgi.spool import Spool
from netdaemon.protocols.http.cgi.variables import Script, variables
from netdaemon.protocols.http.grammar.cgi import ScriptHead, Unusable
from netdaemon.protocols.http.grammar.message import Fields, Malformed
from netdaemon.protocols.http.grammar.target import parse_target
from netdaemon.protocols.http.pages import page, refusal
from netdaemon.protocols.http.request import Caller, Request
from netdaemon.protocols.http.response import Response, Stream
from netdaemon.protocols.http.sending import BODILESS
from netdaemon.protocols.http.settings import HTTPSettings
from netdaemon.wire.complaints import as_text
from netdaemon.wire.executable import Executable, Executables
from netdaemon.wire.program import Busy, NotRun, Program, ProgramFailed, Source, TimedOut
from netdaemon.wire.programs import Programs

REDIRECTS = 10
"""How often one request may be sent on within the site."""
RETRY = ((b"Retry-After", b"5"),)

Again = Callable[[Request, Caller], Response | Awaitable[Response]]


class CGI:
    """The scripts of one site.

    ``again`` answers the request that a script's local redirect makes, as the site answers any other: with its checks
    of who may see what.
    """

    _log = Logger()

    def __init__(self, settings: HTTPSettings, documents: IDocuments, house: IHouse, again: Again) -> None:
        self._executables = Executables(documents, house.clock.seconds)
        self._again = again
        self._prefixes = tuple(prefix.encode() for prefix in settings.cgi)
        self._programs = Programs.of(settings, house.reactor, house.deadlines)
        self._warned = bool(settings.cgi_user)

    def serves(self, path: bytes) -> bool:
        """Is this one of the paths whose documents are run?"""
        return any(_beneath(path, prefix) for prefix in self._prefixes)

    def respond(self, request: Request, caller: Caller) -> Response | Awaitable[Response]:
        """What the script at the request's path, or at the beginning of it, has to say."""
        try:
            executable = self._find(request.path)
        except DocumentError as error:
            self._log.debug("{path}: {reason}", path=as_text(request.path), reason=error)
            return refusal(error, request)
        script = Script(executable.path, request.path[len(executable.path) :], executable.root)
        return self._run(request, caller, executable, script)

    def _find(self, path: bytes) -> Executable:
        """The first document on the way: what stands behind it in the path is for the script to read."""
        prefix = next(prefix for prefix in self._prefixes if _beneath(path, prefix))
        end = len(prefix)
        while end < len(path):
            end = path.find(b"/", end + 1)
            if end < 0:
                end = len(path)
            try:
                return self._executables.find(path[:end])
            except IsFolder:
                continue
            except (NotFound, NotFolder):
                break
        try:
            return self._executables.find(prefix)  # which may be a document itself
        except IsFolder:
            raise NotFound(path) from None  # a folder of scripts has neither an index nor a listing

    async def _run(self, request: Request, caller: Caller, executable: Executable, script: Script) -> Response:
        spool = None
        try:
            body: Source | int | None = None
            length = None
            if request.body is not None:
                length, body = request.body.length, request.body.read
                if length is None:
                    spool = await Spool.of(request.body)
                    length, body = spool.length, spool.input()
            elif b"content-length" in request.fields:
                length = 0
            self._warn_of_root()
            program = await self._programs.run(executable, (), variables(request, caller, script, length), body)
        except (Busy, OSError) as error:
            self._log.warn("{script} can't be run now: {reason}", script=as_text(script.name), reason=error)
            return page(503, request.fields, RETRY)
        except NotRun as error:
            self._log.warn("{script} can't be run: {reason}", script=as_text(script.name), reason=error)
            return page(500, request.fields)
        finally:
            if spool is not None:
                spool.close()
        try:
            return await self._answer(request, caller, program, script)
        except BaseException:
            program.kill()
            raise

    async def _answer(self, request: Request, caller: Caller, program: Program, script: Script) -> Response:
        """Make a response of what the script writes; from here on it ends with that."""
        name = script.name
        nph = name.rpartition(b"/")[2].startswith(b"nph-")
        whole = False
        try:
            head, rest = await read_head(program, nph)
            sent_on = self._sent_on(request, head) if head.local else None
            bodiless = request.method == b"HEAD" or head.status in BODILESS
            if not (head.local or bodiless or head.framing.chunked):
                rest, whole = await whole_body(program, rest)
                if whole and len(rest) < (head.framing.length or 0):
                    raise Unusable("it wrote less than its header says")
        except (Unusable, ProgramFailed) as error:
            program.kill()
            self._log.warn("{script} has not answered: {reason}", script=as_text(name), reason=error)
            return page(504 if isinstance(error, TimedOut) else 502, request.fields)
        if whole:
            program.close()
            return Response(head.status, head.fields, rest[: head.framing.length])
        if sent_on is not None:
            await drain(program, name)
            response = self._again(sent_on, caller)
            return response if isinstance(response, Response) else await response
        if bodiless:
            await drain(program, name)
            return Response(head.status, head.fields, Stream(_nothing(), head.framing.length))
        chunks = body_chunks(program, rest, head.framing, name)
        return Response(head.status, head.fields, Stream(chunks, head.framing.length, program.close))

    def _sent_on(self, request: Request, head: ScriptHead) -> Request:
        """The request whose response the client gets instead (RFC 3875 6.2.2). Raises Unusable."""
        if request.redirects >= REDIRECTS:
            raise Unusable("its redirects have no end")
        try:
            target = parse_target(b"GET", head.location)
        except Malformed as error:
            raise Unusable("its Location is malformed") from error
        # What the request's own body, conditions and ranges were about is not what is answered now.
        fields = Fields((name, value) for name, value in request.fields if not _is_about_the_first(name.lower()))
        return request._replace(
            method=b"HEAD" if request.method == b"HEAD" else b"GET",
            path=target.path,
            query=target.query,
            fields=fields,
            target=head.location,
            body=None,
            redirects=request.redirects + 1,
        )

    def _warn_of_root(self) -> None:
        if not self._warned:
            self._warned = True
            if os.geteuid() == 0:
                self._log.warn("scripts are run as root: name another user with cgi-user")


def _beneath(path: bytes, prefix: bytes) -> bool:
    return path.startswith(prefix) and path[len(prefix) : len(prefix) + 1] in (b"", b"/")


def _is_about_the_first(name: bytes) -> bool:
    return name.startswith((b"content-", b"if-")) or name in (b"range", b"expect", b"transfer-encoding")


async def _nothing() -> AsyncGenerator[bytes, None]:
    chunks: tuple[bytes, ...] = ()
    for chunk in chunks:
        yield chunk
