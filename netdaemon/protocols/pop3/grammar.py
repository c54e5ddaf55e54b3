"""POP3's lines: arguments of commands, and replies (RFC 1939, RFC 2449, RFC 6856)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

_NUMBER = re.compile(rb"[0-9]{1,10}").fullmatch
_UID = re.compile(rb"[\x21-\x7e]{1,70}").fullmatch
# RFC 2449 section 8: resp-code = "[" resp-level *("/" resp-level) "]"; resp-level = 1*rchar
_CODE = re.compile(rb"\[([^\x00-\x20\]\x7f-\xff]+)\] ?")
_DIGEST = re.compile(rb"[0-9A-Fa-f]{32}").fullmatch
_KEYWORD = re.compile(rb"[\x21-\x7e]+").fullmatch
# RFC 5646 section 2.1, as far as a tag must be told from what is none; RFC 4647 section 2.1 for ranges
_LANGUAGE = re.compile(rb"\*|[A-Za-z0-9]{1,8}(?:-(?:[A-Za-z0-9]{1,8}|\*))*").fullmatch


class Malformed(ValueError):
    """What stands there is not what the grammar wants."""


# --- arguments -----------------------------------------------------------------------------------------------


def parse_number(argument: bytes) -> int:
    """``msg``: a message-number, 1 or more. Raises Malformed."""
    if not _NUMBER(argument):
        raise Malformed("no message-number")
    return int(argument)


def parse_top(argument: bytes) -> tuple[int, int]:
    """``msg n``: a message-number and a number of lines, 0 or more. Raises Malformed."""
    words = argument.split(b" ")
    if len(words) != 2 or not _NUMBER(words[1]):
        raise Malformed("no message-number and number of lines")
    return parse_number(words[0]), int(words[1])


def parse_apop(argument: bytes) -> tuple[str, bytes]:
    """``name digest`` (RFC 1939 section 7): the digest has 32 hexadecimal digits. Raises Malformed."""
    name, space, digest = argument.rpartition(b" ")
    if not name or not space or not _DIGEST(digest):
        raise Malformed("no name and digest")
    return name.decode("utf-8", "surrogateescape"), digest


def parse_auth(argument: bytes) -> tuple[str, bytes | None]:
    """``mechanism [initial-response]`` (RFC 5034): the name, and the response as it came. Raises Malformed."""
    name, space, response = argument.partition(b" ")
    if not _KEYWORD(name) or (space and not _KEYWORD(response)):
        raise Malformed("no mechanism")
    return name.decode("ascii"), response if space else None


def parse_language(argument: bytes) -> str:
    """A language range, in lower case (RFC 6856 section 3). Raises Malformed."""
    if not _LANGUAGE(argument):
        raise Malformed("no language")
    return argument.decode("ascii").lower()


# --- replies -------------------------------------------------------------------------------------------------


class Status(NamedTuple):
    """A status line: ``+OK text`` or ``-ERR [CODE] text``; or what stands in its place, a challenge: ``+ base64``."""

    ok: bool
    text: bytes
    """Without the code."""
    code: str = ""
    """The response code (RFC 2449 section 8) in upper case, IN-USE or SYS/TEMP; empty when there is none."""
    challenge: bool = False
    """The text is a challenge of SASL's (RFC 5034 section 4), in base64."""


def parse_status(line: bytes) -> Status:
    """A line that begins a reply. Raises Malformed."""
    word, _, text = line.partition(b" ")
    upper = word.upper()
    if upper == b"+OK":
        return Status(True, text)
    if word == b"+":
        return Status(False, text, challenge=True)
    if upper != b"-ERR":
        raise Malformed("a reply that begins with neither +OK nor -ERR")
    match = _CODE.match(text)
    if match is None:
        return Status(False, text)
    return Status(False, text[match.end() :], match[1].decode("ascii").upper())


def parse_stat(text: bytes) -> tuple[int, int]:
    """The drop listing: how many messages, how many octets (RFC 1939 section 5, STAT). Raises Malformed."""
    words = text.split()
    if len(words) < 2 or not words[0].isdigit() or not words[1].isdigit() or max(map(len, words[:2])) > 20:
        raise Malformed("no drop listing")
    return int(words[0]), int(words[1])


def parse_scan(line: bytes) -> tuple[int, int]:
    """A scan listing: the message-number and its octets (LIST); more may stand behind them. Raises Malformed."""
    words = line.split()
    if len(words) < 2 or not _NUMBER(words[0]) or not words[1].isdigit() or len(words[1]) > 20:
        raise Malformed("no scan listing")
    return int(words[0]), int(words[1])


def parse_uid(line: bytes) -> tuple[int, str]:
    """A unique-id listing (UIDL): the message-number and its unique-id. Raises Malformed."""
    words = line.split()
    # 1 to 70 characters say the RFCs; empty ones have been seen, and name nothing
    if len(words) != 2 or not _NUMBER(words[0]) or not _UID(words[1]):
        raise Malformed("no unique-id listing")
    return int(words[0]), words[1].decode("ascii")


def parse_capabilities(lines: Iterable[bytes]) -> dict[str, tuple[str, ...]]:
    """The lines of CAPA (RFC 2449 section 5): tag, in upper case, to its arguments. What is none is let be."""
    found: dict[str, tuple[str, ...]] = {}
    for line in lines:
        if line.isascii() and (words := line.decode("ascii").split()):
            found[words[0].upper()] = tuple(words[1:])
    return found
