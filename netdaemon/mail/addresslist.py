"""Lists of addresses in header fields (RFC 5322 section 3.4, with the obsolete syntax of section 4.4 and RFC 6532).

A stored message's field gives what can be made of it; nothing is refused. Whether an address could be written to is
for `netdaemon.mail.addresses` to say.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from netdaemon.mail.lexis import ATEXT, QUOTED, comment_end, unescaped


class Listed(NamedTuple):
    """One address, in the form of RFC 9051 section 7.5.2: a group begins with one that has a local part alone, its
    name, and ends with one that has nothing."""

    name: bytes | None
    """The display name, or the comment behind an address without one; unquoted, encoded words as they are."""
    route: bytes | None
    """RFC 5322 4.4 obs-route, as ``@a,@b``."""
    local: bytes | None
    """Unquoted."""
    domain: bytes | None


_GROUP_END = Listed(None, None, None, None)
MAX_LISTED = 10_000
"""More are passed over."""

_ATOM = rb"[%b.]++" % ATEXT
# name <local@domain>, "name" <local@domain>, local@domain: most fields are one of these
_SIMPLE = re.compile(
    rb'(?:(?:"([^"\\]*+)"|((?:[%b]++(?: [%b]++)*+)?)) ?<(%b)@([A-Za-z0-9.-]++)>|(%b)@([A-Za-z0-9.-]++))'
    % (ATEXT, ATEXT, _ATOM, _ATOM)
).fullmatch
_TOKEN = re.compile(
    rb'[ \t\r\n]++|"(%b)"?|(\[(?:[^\]\\]++|\\.)*+\]?)|(%b)|(\()|(.)' % (QUOTED, _ATOM), re.DOTALL
)  # fmt: skip


def parse_address_list(value: bytes, limit: int = MAX_LISTED) -> list[Listed]:
    """The addresses of an unfolded field, the first ``limit`` of them; a group's end is never left out."""
    if limit <= 0:
        return []
    simple = _SIMPLE(value)
    if simple is not None:
        quoted, phrase, local, domain, bare, bare_domain = simple.groups()
        if bare is not None:
            return [Listed(None, None, bare, bare_domain)]
        return [Listed(quoted or phrase or None, None, local, domain)]
    return _Reading(limit).read(value)


class _Reading:
    """One field, token by token; what an address is shows at its end."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.found: list[Listed] = []
        self.in_group = False
        self.clear()

    def clear(self) -> None:
        self.words: list[bytes] = []  # in front of "<", or the local part of an address without brackets
        self.comment: bytes | None = None
        self.in_angle = False
        self.had_angle = False
        self.angle: list[bytes] = []  # local part, or a route while it has no ":" yet
        self.route: list[bytes] | None = None
        self.domain: list[bytes] | None = None

    def read(self, value: bytes) -> list[Listed]:
        for kind, text in _tokens(value):
            if kind == "comment":
                self.comment = text
            elif kind == "word":
                self.word(text)
            else:
                self.special(text)
            if len(self.found) >= self.limit:
                break
        else:
            self.address()
        if self.in_group:
            self.found.append(_GROUP_END)
        return self.found

    def word(self, text: bytes) -> None:
        if self.domain is not None:
            # RFC 5322 4.4: white space and comments around the dots of a domain
            if self.in_angle or not self.domain or text.startswith(b".") or self.domain[-1].endswith(b"."):
                self.domain.append(text)
        elif self.in_angle:
            self.angle.append(text)
        elif not self.had_angle:
            self.words.append(text)

    def special(self, text: bytes) -> None:
        if text == b"<" and not self.in_angle and not self.had_angle:
            if self.domain is not None:
                # an address as its own name, not quoted: a@b <a@b>
                self.words, self.domain = [b"".join([*self.words, b"@", *self.domain])], None
            self.in_angle = True
        elif text == b">" and self.in_angle:
            self.in_angle, self.had_angle = False, True
        elif text == b"@" and not self.had_angle:
            if self.in_angle and not self.angle:
                self.route = self.route or []
                self.domain = []
            elif self.domain is None:
                self.domain = []
        elif text == b":":
            if self.in_angle:
                self.end_host()
            elif not self.in_group and not self.had_angle and self.domain is None:
                self.found.append(Listed(None, None, b" ".join(self.words), None))
                self.clear()
                self.in_group = True
        elif text == b",":
            if self.in_angle:
                self.end_host()
            else:
                self.address()
        elif text == b";":
            self.address()
            if self.in_group:
                self.found.append(_GROUP_END)
                self.in_group = False

    def end_host(self) -> None:
        """A host of a route ends: at a comma, or at the colon in front of the local part."""
        if self.route is not None and self.domain is not None:
            self.route.append(b"@" + b"".join(self.domain))
            self.domain = None

    def address(self) -> None:
        """What stands in front of a comma or the end."""
        if self.in_angle or self.had_angle:
            local, name = b"".join(self.angle), b" ".join(self.words) or None
        else:
            # RFC 5322 3.4 note: in front of display names there were comments behind the address
            local, name = (b"" if self.domain is not None else b" ").join(self.words), self.comment
        if local or self.domain:
            domain = b"".join(self.domain or ())
            self.found.append(Listed(name, b",".join(self.route or ()) or None, local, domain))
        elif name is not None and self.had_angle:
            self.found.append(Listed(name, None, b"", b""))  # name <>
        self.clear()


def _tokens(value: bytes) -> Iterator[tuple[str, bytes]]:
    at = 0
    while at < len(value):
        match = _TOKEN.match(value, at)
        assert match is not None, "the last alternative takes any octet"
        at = match.end()
        quoted, literal, atom, comment, special = match.groups()
        if quoted is not None:
            yield "word", unescaped(quoted)
        elif literal or atom:
            yield "word", literal or atom
        elif comment:
            start, at = at, comment_end(value, match.start())
            inside = value[start:at]
            yield "comment", unescaped(inside[:-1] if inside.endswith(b")") else inside).strip()
        elif special:
            yield "special", special
