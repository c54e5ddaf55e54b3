"""SPF's macros (RFC 7208 section 7): ``%{ir}.%{v}._spf.%{d2}``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote

LONGEST = 16 << 10
"""Characters that an expansion may have on its way; one with more is a bomb."""
MAX_NAME = 253

_EXPRESSION = re.compile(r"%\{([a-z])([0-9]*)(r?)([.\-+,/_=]*)\}", re.IGNORECASE)
# macro-literal = %x21-24 / %x26-7E
_LITERAL = re.compile(r"[!-$&-~]+")
_ESCAPES = {"%%": "%", "%_": " ", "%-": "%20"}

LETTERS = "slodiphv"
EXPLAINING = "crt"
"""Those that stand in explanations only."""


class BadMacro(Exception):
    """A macro that is none, or one too long."""


@dataclass(frozen=True)
class Expression:
    """``%{...}``."""

    letter: str
    """In lower case."""
    escaped: bool
    """Written in upper case: the expansion is percent-encoded."""
    digits: int = 0
    """How many parts are kept, from the right; 0 means all."""
    reversed: bool = False
    delimiters: str = "."


@dataclass(frozen=True)
class Macros:
    """A macro-string, as literal text and expressions. Of adjoining literal text, escapes are parts of their own."""

    parts: tuple[str | Expression, ...]

    @property
    def letters(self) -> frozenset[str]:
        return frozenset(part.letter for part in self.parts if isinstance(part, Expression))


def parse_macros(text: str, *, explaining: bool = False) -> Macros:
    """A macro-string; one of an explanation may also have spaces, and %{c}, %{r} and %{t}. Raises BadMacro."""
    parts: list[str | Expression] = []
    at = 0
    while at < len(text):
        if text[at] == "%":
            escape = _ESCAPES.get(text[at : at + 2])
            if escape is not None:
                parts.append(escape)
                at += 2
                continue
            match = _EXPRESSION.match(text, at)
            if match is None:
                raise BadMacro("what is no macro behind a percent sign")
            parts.append(_expression(match, explaining))
        elif explaining and text[at] == " ":
            parts.append(" ")
            at += 1
            continue
        else:
            match = _LITERAL.match(text, at)
            if match is None:
                raise BadMacro("a character that no macro has")
            parts.append(match[0])
        at = match.end()
    return Macros(tuple(parts))


def _expression(match: re.Match[str], explaining: bool) -> Expression:
    letter = match[1].lower()
    if letter not in LETTERS and not (explaining and letter in EXPLAINING):
        raise BadMacro("an unknown macro letter")
    # RFC 7208 7.1: DIGIT means a number other than 0; names have 127 labels at most
    if match[2] and not match[2].strip("0"):
        raise BadMacro("a macro that keeps nothing")
    digits = min(int(match[2][-4:]), 128) if match[2] and len(match[2]) <= 4 else 128 if match[2] else 0
    return Expression(letter, match[1].isupper(), digits, bool(match[3]), match[4] or ".")


def expand(macros: Macros, values: Mapping[str, str]) -> str:
    """The text that it stands for; ``values`` by letter. Raises BadMacro when that is too long."""
    found: list[str] = []
    length = 0
    for part in macros.parts:
        text = part if isinstance(part, str) else _expanded(part, values[part.letter])
        length += len(text)
        if length > LONGEST:
            raise BadMacro("macros that expand to too much")
        found.append(text)
    return "".join(found)


def expand_name(macros: Macros, values: Mapping[str, str]) -> str:
    """The same for a domain: of one longer than 253 characters labels are removed from the left (section 7.3)."""
    name = expand(macros, values).removesuffix(".")
    if len(name) > MAX_NAME:
        _, _, name = name[-MAX_NAME - 1 :].partition(".")
    return name


def _expanded(expression: Expression, value: str) -> str:
    if expression.digits or expression.reversed or expression.delimiters != ".":
        parts = re.split(f"[{re.escape(expression.delimiters)}]", value)
        if expression.reversed:
            parts.reverse()
        value = ".".join(parts[-expression.digits :] if expression.digits else parts)
    return quote(value, safe="") if expression.escaped else value
