"""Facts of MLST and MLSD: ``type=file;size=4161;modify=19970214165800; name`` (RFC 3659 section 7)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from netdaemon.protocols.ftp.grammar import Malformed
from netdaemon.protocols.ftp.grammar.times import parse_time

# RFC 3659 7.2: factname is 1*( any CHAR but CTL, SP, "=", ";" ...); values are *SCHAR, which is all but ";" here
_NAME = re.compile(rb"[A-Za-z0-9.\-_]{1,64}").fullmatch


@dataclass(frozen=True)
class Facts:
    """One line of MLSD, or the middle one of MLST: the facts by name in small letters, and the name."""

    facts: Mapping[str, bytes]
    name: bytes

    @property
    def kind(self) -> str:
        """The fact type in small letters: file, dir, cdir, pdir or OS.something; "" when it isn't told."""
        return self.facts.get("type", b"").decode("latin-1").lower()

    @property
    def size(self) -> int | None:
        """Octets, None when it isn't told."""
        size = self.facts.get("size", b"")
        return int(size) if re.fullmatch(rb"[0-9]{1,18}", size) else None

    @property
    def modified(self) -> float | None:
        """Unix seconds, None when it isn't told."""
        try:
            return parse_time(self.facts["modify"])
        except (KeyError, Malformed):
            return None


def build_facts(facts: Iterable[tuple[bytes, bytes]], name: bytes) -> bytes:
    """One line, without its end."""
    return b"%b %b" % (b"".join(b"%b=%b;" % fact for fact in facts), name)


def parse_facts(line: bytes) -> Facts:
    """One line, without its end (of MLST: without the space before it). Raises Malformed.

    Facts come in any order and any case, and unknown ones too; the name is all behind the first space.
    """
    listed, space, name = line.partition(b" ")
    if listed and not listed.endswith(b";"):
        # RFC 3659 7.2 has no space in a value; servers that tell where a link leads do.
        listed, space, name = line.partition(b"; ")
        listed += b";"
    if not space or not name:
        raise Malformed("facts without a name")
    facts: dict[str, bytes] = {}
    if listed:
        if not listed.endswith(b";"):
            raise Malformed("a fact without its semicolon")
        for fact in listed[:-1].split(b";"):
            key, equals, value = fact.partition(b"=")
            if not equals or not _NAME(key):
                raise Malformed("a fact without a name")
            facts.setdefault(key.decode("ascii").lower(), value)
    return Facts(facts, name)


def parse_wanted(argument: bytes) -> list[bytes]:
    """The facts that OPTS MLST asks for, ``Type;Size;``, in small letters. Raises Malformed."""
    argument = argument.strip(b" ")
    if not argument:
        return []
    # RFC 3659 7.9: mlst-opts = "MLST" [ SP 1*( factname ";" ) ]
    names = argument.removesuffix(b";").split(b";")
    if not argument.endswith(b";") or not all(map(_NAME, names)):
        raise Malformed("not names of facts")
    return [name.lower() for name in names]
