"""What a script writes, on its way to being a response (RFC 3875 section 6)."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from twisted.logger import Logger

from netdaemon.protocols.http.grammar.cgi import ScriptHead, Unusable, parse_nph_head, parse_script_head, split_head
from netdaemon.protocols.http.grammar.framing import Framing, decoder
from netdaemon.protocols.http.partial import Shrunk
from netdaemon.wire.complaints import as_text
from netdaemon.wire.program import Killed, Program, ProgramFailed, TooMuch

LINGER = 0.25
"""Seconds between the end of a script's output and its own, in which it is seen that it was killed. A script that
works on behind its closed output has no more said of it."""
HOLD = 0.02
"""Seconds that the first of a script's output waits for more of it, to be sent whole and with its length."""
PIECES = 4
"""How often it waits so: who speaks in drops is heard as he speaks."""
SMALL = 16 * 1024
"""Octets of a body that wait so."""

_log = Logger()


async def read_head(program: Program, nph: bool) -> tuple[ScriptHead, bytes]:
    """A script's header, and what has been read behind it. Raises Unusable, and what `Program.read` raises."""
    data = b""
    parts = None
    while parts is None:
        more = await program.read()
        if not more:
            raise Unusable("its header has no end" if data else "it wrote nothing")
        seen, data = len(data), data + more
        parts = split_head(data, seen)
    head, rest = parts
    return (parse_nph_head if nph else parse_script_head)(head), rest


async def whole_body(program: Program, rest: bytes) -> tuple[bytes, bool]:
    """(what is written of the body, whether that is all of it): most answers are small, and over in no time.

    Raises what `Program.read` raises, and Killed where a signal ended it.
    """
    for _ in range(PIECES):
        data = await program.read_within(HOLD)
        if data is None:
            break
        if not data:
            await _end(program)
            return rest, True
        rest += data
        if len(rest) > SMALL:
            break
    return rest, False


async def body_chunks(program: Program, rest: bytes, framing: Framing, name: bytes) -> AsyncGenerator[bytes, None]:
    """The body of a script's output, of which ``rest`` has been read already; the script is given up at its end.

    Raises Shrunk where it is not whole, as far as anybody can tell, and what the script's input has raised.
    """
    body = decoder(framing)
    try:
        while not body.finished:
            if rest:
                yield body.feed(rest)
            if not body.finished:
                rest = await program.read()
                if not rest:
                    break
        if framing.until_close:
            await _end(program)
        elif not body.finished:
            raise Shrunk
        elif body.leftover or await program.read():
            raise TooMuch("it writes more than its header says")
    except ProgramFailed as error:
        _log.warn("{script} was ended: {reason}", script=as_text(name), reason=error)
        if framing.until_close or not body.finished:
            raise Shrunk from error
    finally:
        program.close()


async def _end(program: Program) -> None:
    """Its output is over: was that its own doing? Raises Killed."""
    if await program.ends_within(LINGER) and (program.status or 0) < 0:
        raise Killed(f"signal {-(program.status or 0)} ended it")


async def drain(program: Program, name: bytes) -> None:
    """Read what nobody wants to its end, so that the script gets there. Raises what its input has raised."""
    try:
        while await program.read():
            pass
    except ProgramFailed as error:
        _log.warn("{script} was ended: {reason}", script=as_text(name), reason=error)
    finally:
        program.close()
