"""Addresses that mail is sent from and to: checked, compared, and written (RFC 5321 section 4.1.2, RFC 5322, RFC 6531).

An `Address` holds no CR, LF, NUL or other control character, whoever made it: none can end a command or a field.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from netdaemon.mail import Malformed
from netdaemon.mail.addresslist import parse_address_list
from netdaemon.mail.domains import check_domain, comparable
from netdaemon.mail.encodedwords import decode_words, encode_words
from netdaemon.mail.text import one_line

MAX_LOCAL = 64
"""Octets (RFC 5321 4.5.3.1.1)."""
MAX_PATH = 256
"""Octets, with the angle brackets (RFC 5321 4.5.3.1.3)."""

_ATEXT = r"!#$%&'*+\-/0-9=?A-Z^_`a-z{|}~"
_DOT_ATOM = re.compile(r"[{0}\x80-\U0010ffff]++(?:\.[{0}\x80-\U0010ffff]++)*+".replace("{0}", _ATEXT))
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_QUOTABLE = re.compile(r'(["\\])')


@dataclass(frozen=True, slots=True)
class Address:
    """``local@domain``: the local part unquoted, the domain as it was written (an address literal in its brackets).

    Raises Malformed when it is none. Equality is literal; `same_mailbox` and `key` say which are one mailbox.
    """

    local: str
    domain: str

    def __post_init__(self) -> None:
        if not self.local or len(self.local.encode("utf-8", "replace")) > MAX_LOCAL:
            raise Malformed("a local part of 1 to 64 octets is wanted")
        if _CONTROL.search(self.local):
            raise Malformed("a control character in an address")
        check_domain(self.domain)
        if len(str(self).encode("utf-8")) > MAX_PATH - 2:
            raise Malformed("an address of more than 254 octets")

    def __str__(self) -> str:
        """As an addr-spec and as a path without brackets has it, the local part quoted if it must be."""
        return f"{quoted_local(self.local)}@{self.domain}"

    @property
    def is_ascii(self) -> bool:
        """Can it be written without SMTPUTF8?"""
        return self.local.isascii() and self.domain.isascii()

    def key(self) -> tuple[str, str]:
        """The same for addresses whose domains are one and whose local parts are equal.

        RFC 5321 2.4: whether a local part's case counts, only its own host knows.
        """
        return self.local, comparable(self.domain)

    def same_mailbox(self, other: Address) -> bool:
        """Are these one mailbox, as far as anybody but its host can tell?"""
        return self.key() == other.key()


def quoted_local(local: str) -> str:
    """A local part as it is written: a dot-atom, or a quoted string."""
    return local if _DOT_ATOM.fullmatch(local) else _quoted(local)


def _quoted(text: str) -> str:
    return '"' + _QUOTABLE.sub(r"\\\1", text) + '"'


def parse_address(text: str) -> Address:
    """``local@domain`` as a user or a setting writes it, the local part perhaps quoted. Raises Malformed."""
    local, end = split_local(text, 0)
    if text[end : end + 1] != "@":
        raise Malformed("no @ behind the local part")
    return Address(local, text[end + 1 :])


_QUOTED = re.compile(r'"((?:[^"\\\x00-\x1f\x7f]++|\\[ -~\x80-\U0010ffff])*+)"')
_PAIR = re.compile(r"\\(.)")


def split_local(text: str, start: int) -> tuple[str, int]:
    """The local part that begins at ``start``, unquoted, and where it ends. Raises Malformed when there is none."""
    quoted = _QUOTED.match(text, start)
    if quoted is not None:
        return _PAIR.sub(r"\1", quoted[1]), quoted.end()
    atom = _DOT_ATOM.match(text, start)
    if atom is None:
        raise Malformed("no local part")
    return atom[0], atom.end()


# --- in header fields ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Mailbox:
    """An address with its display name, empty when it has none."""

    address: Address
    name: str = ""

    def __str__(self) -> str:
        """As a field has it (RFC 5322 3.4): the name as an atom, quoted, or in encoded words."""
        return f"{phrase(self.name)} <{self.address}>" if self.name else str(self.address)


_ATOMS = re.compile(r"[{0}]++(?: [{0}]++)*+".replace("{0}", _ATEXT))


def phrase(text: str) -> str:
    """A display name as a field has it. Raises Malformed for one with control characters."""
    if _CONTROL.search(text):
        raise Malformed("a control character in a display name")
    if not text.isascii() or "=?" in text:
        return " ".join(encode_words(text))
    return text if _ATOMS.fullmatch(text) else _quoted(text)


def mailboxes(values: Iterable[bytes]) -> list[Mailbox]:
    """The mailboxes of address fields, groups opened; what no mail could be sent to is left out."""
    found = []
    for value in values:
        for name, _, local, domain in parse_address_list(value):
            if local and domain:
                try:
                    address = Address(local.decode("utf-8"), domain.decode("utf-8"))
                except (Malformed, UnicodeDecodeError):
                    continue
                found.append(Mailbox(address, one_line(decode_words(name or b"")).strip()))
    return found
