"""Header fields that we write: folded and encoded as they must be, and nothing else gets in (RFC 5322, RFC 2047).

What holds CR, LF or NUL is refused: it would be a second field.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from netdaemon.mail import Malformed
from netdaemon.mail.addresses import Mailbox
from netdaemon.mail.encodedwords import LONGEST, encode_words

LINE = 78
"""Characters of a line where it can be folded (RFC 5322 2.1.1)."""
ENCODED = 76
"""Characters of a line with an encoded word (RFC 2047 2)."""
_LONGEST_WORD = 900  # RFC 5322 2.1.1: a line must not have more than 998

_NAME = re.compile(r"[!-9;-~]+")
_CONTROL = re.compile("[\x00-\x08\x0a-\x1f\x7f\ud800-\udfff]")
_TOKEN = re.compile(r"[!#$%&'*+\-.0-9A-Z^_`a-z{|}~]+")


def text_field(name: str, text: str) -> bytes:
    """An unstructured field: Subject, Comments. Raises Malformed."""
    text = _checked(text)
    words = text.split()
    special = [n for n, word in enumerate(words) if not word.isascii() or "=?" in word or len(word) > _LONGEST_WORD]
    if special:
        # All that lies between the first such word and the last: white space between encoded words is not shown
        start, stop = special[0], special[-1] + 1
        used = len(" ".join([name + ":", *words[:start], ""]))
        words[start:stop] = encode_words(
            " ".join(words[start:stop]), ENCODED - used if used < ENCODED - 24 else LONGEST
        )
    return folded(name, words)


def address_field(name: str, mailboxes: Iterable[Mailbox]) -> bytes:
    """A field of addresses: From, To, Cc. Raises Malformed, also for none at all."""
    written = [str(mailbox) for mailbox in mailboxes]
    if not written:
        raise Malformed("a field of addresses without one")
    return folded(name, [word for each in written[:-1] for word in (each + ",").split(" ")] + written[-1].split(" "))


def folded(name: str, words: Iterable[str]) -> bytes:
    """A field of these words, with a fold in place of a space wherever its line would be too long. Raises Malformed."""
    if _NAME.fullmatch(name) is None:
        raise Malformed("no name of a header field")
    lines, line, folds = [], name + ":", False  # RFC 5322 3.2.2: a line of white space alone is obsolete
    for word in words:
        _checked(word)
        if folds and len(line) + 1 + len(word.encode()) > LINE:
            lines.append(line)
            line = ""
        line += " " + word
        folds = folds or bool(word)
    lines.append(line)
    return "\r\n".join(lines).encode() + b"\r\n"


def parameter_words(parameters: Iterable[tuple[str, str]]) -> list[str]:
    """``; name=value`` for each, a word each, the semicolon in front left to the word before (RFC 2045, RFC 2231)."""
    words = []
    for name, value in parameters:
        _checked(value)
        if value.isascii() and len(value) < LINE - 20:
            quoted = value if _TOKEN.fullmatch(value) else '"' + re.sub(r'(["\\])', r"\\\1", value) + '"'
            words.append(f"{name}={quoted}")
        else:
            words += _extended(name, value)
    return words


# RFC 2231 7: attribute-char
_ATTRIBUTE = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!#$&+-.^_`{|}~")


def _extended(name: str, value: str) -> list[str]:
    """RFC 2231 sections 3 and 4: percent signs, in as many sections as lines are needed."""
    octets = [chr(octet) if octet in _ATTRIBUTE else f"%{octet:02X}" for octet in value.encode()]
    whole = f"{name}*=utf-8''{''.join(octets)}"
    if len(whole) < LINE - 2:
        return [whole]
    sections, section = [], "utf-8''"
    for octet in octets:
        if len(name) + 6 + len(section) + len(octet) > LINE - 4:
            sections.append(section)
            section = ""
        section += octet
    return [f"{name}*{n}*={section}" for n, section in enumerate([*sections, section])]


def _checked(text: str) -> str:
    if _CONTROL.search(text):
        raise Malformed("a control character in a header field")
    return text
