"""Tables of commands: which there are, in which states each may come, and what it runs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from netdaemon.wire.transcript import MASK, masked

if TYPE_CHECKING:
    from netdaemon.wire.line import LineSession

ALWAYS = -1
"""A verb's ``states`` when it may come at any time."""


class Refused(Exception):
    """The peer's fault, and what it is told: ``raise Refused(b"553 ...")``.

    An expected answer, in no log. ``bad`` counts it among the bad commands, of which a session forgives few;
    ``close`` ends the session behind it.
    """

    def __init__(self, text: bytes, *, bad: bool = False, close: bool = False) -> None:
        super().__init__(text)
        self.text = text
        self.bad = bad
        self.close = close


@dataclass(frozen=True)
class Texts:
    """What a protocol says where the base answers for it; each one line, without its end."""

    unknown: bytes
    """No such command. The command is never echoed."""
    state: bytes
    """Not now: a command in the wrong state."""
    syntax: bytes
    """Bad arguments; a line with a bare CR or LF, NUL, or octets above 127 where they may not be."""
    too_long: bytes
    failure: bytes
    """Our fault, try again."""
    too_many: bytes
    """Too many bad commands; the session ends."""
    timeout: bytes
    """The peer was silent or slow; the session ends."""
    stopping: bytes
    """The daemon stops; the session ends."""


@dataclass(frozen=True)
class Verb:
    """One command.

    ``states`` are the flags (plain ints, or'ed) of the states in which it may come. ``run(session, arguments)`` gets
    what stands behind the first space; it returns None, or something to await when the command takes its time.
    ``words`` are the least and the most words that may stand there, if that is to be checked. ``limit`` is the most
    octets of the whole line, CRLF included. ``secret`` is how many of the arguments a transcript may show.
    """

    name: bytes
    states: int
    run: Callable[[Any, bytes], Awaitable[None] | None]
    words: tuple[int, int] | None = None
    limit: int | None = None
    secret: int | None = None


class VerbTable:
    """The commands of a protocol, or (as a verb's ``run``) the second words of one: LIST ACTIVE, AUTHINFO USER.

    ``limit`` is that of the verbs that have none of their own; ``unknown`` is the answer to what isn't in the table,
    when it is not the session's.
    """

    def __init__(self, *verbs: Verb, limit: int | None = None, unknown: bytes | None = None) -> None:
        self._verbs: dict[bytes, Verb] = {}
        for verb in verbs:
            if verb.name in self._verbs or verb.name != verb.name.upper():
                raise ValueError(f"{verb.name!r} stands twice or is not in capitals")
            self._verbs[verb.name] = verb
        self._limit = limit
        self._unknown = unknown

    def __iter__(self) -> Any:
        return iter(self._verbs.values())

    def find(self, name: bytes) -> Verb | None:
        """The verb of that name, in whatever case."""
        return self._verbs.get(name) or self._verbs.get(name.upper())

    def __call__(self, session: LineSession, line: bytes) -> Awaitable[None] | None:
        """Run the verb that ``line`` begins with. Raises Refused with the session's texts if it may not."""
        name, _, arguments = line.partition(b" ")
        verb = self._verbs.get(name) or self._verbs.get(name.upper())
        if verb is None:
            raise Refused(self._unknown or session.texts.unknown, bad=True)
        session.verb = verb
        if not session.state & verb.states:
            raise Refused(session.wrong_state(verb), bad=True)
        limit = verb.limit or self._limit
        if limit is not None and len(line) + 2 > limit:
            raise Refused(session.texts.too_long, bad=True)
        if verb.words is not None and not verb.words[0] <= len(arguments.split()) <= verb.words[1]:
            raise Refused(session.bad_arguments(verb), bad=True)
        return verb.run(session, arguments)

    def redact(self, line: bytes) -> bytes:
        """``line`` as a transcript may show it. What is no command may be a secret in the wrong place: masked."""
        verb = self.find(line.partition(b" ")[0])
        if verb is None:
            return MASK
        if verb.secret is not None:
            return masked(line, verb.secret + 1)
        if isinstance(verb.run, VerbTable):
            name, space, arguments = line.partition(b" ")
            return name + space + verb.run.redact(arguments)
        return line
