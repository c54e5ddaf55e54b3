"""Executable selectors: documents beneath the `cgi` paths are run, and what they say is the answer, as it is.

A script makes the whole answer, a menu with its dot or a document: nothing is added to what it says. It is told of the
request by the environment of CGI (RFC 3875 section 4.1, as far as it makes sense here), and by SELECTOR and
SEARCHREQUEST, by which Gopher's servers have always told theirs.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from dataclasses import dataclass

from twisted.logger import Logger

from netdaemon import version
from netdaemon.interfaces import DocumentError, IHouse, IsFolder, NotFolder, NotFound
from netdaemon.protocols.gopher.grammar import plus
from netdaemon.protocols.gopher.place import Place
from netdaemon.protocols.gopher.reply import Chunks, Reply, refusal, refused
from netdaemon.protocols.gopher.settings import GopherSettings
from netdaemon.wire.escape import escape
from netdaemon.wire.executable import Executable, find
from netdaemon.wire.program import Busy, Program, ProgramFailed
from netdaemon.wire.programs import PATH, Programs


@dataclass(frozen=True)
class Call:
    """What a script is told of the request that it is run for."""

    selector: bytes
    search: bytes
    peer: str
    secure: bool
    plus: bytes = b""


class Scripts:
    """Runs the scripts of one section. Without `cgi` paths there are none."""

    _log = Logger()

    def __init__(self, settings: GopherSettings, house: IHouse) -> None:
        self._documents = house.documents
        self._prefixes = tuple(os.fsencode(path) for path in settings.sealed)
        self._programs: Programs | None = None
        if self._prefixes:
            self._programs = Programs.of(settings, house.reactor, house.deadlines)

    def covers(self, place: Place, path: bytes) -> bool:
        """Is this one of the paths whose documents are run?"""
        whole = place.base + path
        return any(whole.startswith(prefix) and whole[len(prefix) :][:1] in (b"", b"/") for prefix in self._prefixes)

    async def answer(self, place: Place, path: bytes, call: Call) -> Reply:
        """What the script at ``path``, or at the beginning of it, says. Raises IsFolder when a folder stands there."""
        try:
            program = await self._start(place, path, call)
        except IsFolder:
            raise
        except DocumentError as error:
            return refused(error, "script", call.plus)
        except ProgramFailed as error:
            return self._failed(path, error, call)
        try:
            begun = await program.read()  # what fails before it has said anything can still be told
        except ProgramFailed as error:
            return self._failed(path, error, call)
        except BaseException:
            program.kill()
            raise
        return Reply(self._rest(program, (plus.UNTIL_CLOSE if call.plus else b"") + begun), "script")

    async def lines(self, place: Place, path: bytes, call: Call) -> AsyncIterator[bytes]:
        """What a script says, for a gophermap that includes it; nothing when it can't be run."""
        try:
            program = await self._start(place, path, call)
            async for chunk in self._rest(program, b""):
                yield chunk
        except (DocumentError, ProgramFailed) as error:
            self._log.warn("{script}, included by a gophermap: {reason}", script=escape(path), reason=error)

    async def _rest(self, program: Program, begun: bytes) -> Chunks:
        try:
            yield begun
            while data := await program.read():
                yield data
        finally:
            program.close()

    async def _start(self, place: Place, path: bytes, call: Call) -> Program:
        assert self._programs is not None
        path, _, query = path.partition(b"?")
        whole = place.base + path
        with self._find(whole) as executable:
            extra = whole[len(executable.path) :]
            script = path[: len(path) - len(extra)]
            return await self._programs.run(executable, (), _environment(place, script, extra, query, executable, call))

    def _find(self, path: bytes) -> Executable:
        """The first document on the way: what stands behind it in the path is for the script to read."""
        end = 0
        while end < len(path):
            end = path.find(b"/", end + 1)
            if end < 0:
                end = len(path)
            if not any(path[:end].startswith(prefix) for prefix in self._prefixes):
                continue
            try:
                return find(self._documents, path[:end])
            except IsFolder:
                continue
            except NotFolder as error:
                raise NotFound(path) from error
        raise IsFolder(path)

    def _failed(self, path: bytes, error: ProgramFailed, call: Call) -> Reply:
        self._log.warn("{script} has not answered: {reason}", script=escape(path), reason=error)
        if isinstance(error, Busy):
            return refusal("Try again later", "script", asked=call.plus, code=plus.TRY_LATER, result="refused")
        return refusal("Something went wrong here", "script", asked=call.plus, result="failed")


def _environment(
    place: Place, script: bytes, extra: bytes, query: bytes, executable: Executable, call: Call
) -> dict[bytes, bytes]:
    """RFC 3875 4.1; nothing of ours is inherited."""
    variables = {
        b"GATEWAY_INTERFACE": b"CGI/1.1",
        b"PATH": PATH.encode(),
        b"QUERY_STRING": query or call.search,
        b"REMOTE_ADDR": call.peer.encode("ascii", "replace"),
        b"REMOTE_HOST": call.peer.encode("ascii", "replace"),
        b"REQUEST_METHOD": b"GET",
        b"SCRIPT_FILENAME": executable.root + executable.path,
        b"SCRIPT_NAME": place.prefix + script,
        b"SEARCHREQUEST": call.search,
        b"SELECTOR": call.selector,
        b"SERVER_NAME": place.host,
        b"SERVER_PORT": b"%d" % place.port,
        b"SERVER_PROTOCOL": b"RFC1436",
        b"SERVER_SOFTWARE": b"netdaemon/" + version.encode(),
    }
    if extra:
        variables[b"PATH_INFO"] = extra
        variables[b"PATH_TRANSLATED"] = executable.root + extra
    if call.secure:
        variables[b"TLS"] = variables[b"HTTPS"] = b"on"
    return variables
