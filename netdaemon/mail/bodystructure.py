"""IMAP's BODY and BODYSTRUCTURE (RFC 9051 section 7.5.2), with the offsets of each part.

Both are kept in one: numbers that tell where the parts are, then the response's text as `nstring` keeps it.
"""

from __future__ import annotations

from netdaemon.mail.content import Content
from netdaemon.mail.envelope import kept_envelope
from netdaemon.mail.header import Header
from netdaemon.mail.nstring import extension, nstring, sent
from netdaemon.mail.parameters import Parameters
from netdaemon.mail.structure import MULTIPART, RFC822, Part

ENCODINGS = (b"7bit", b"8bit", b"binary", b"quoted-printable", b"base64")
"""Those that BINARY can take off (RFC 3516), by the number they are kept as; one more is any other."""

# RFC 2046 does not allow a multipart without parts, nor does RFC 9051: it shows an empty text.
_NO_PART = b'("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 0 0%b)' % extension(b" NIL NIL NIL NIL")
_SEPARATOR = b";"


def kept_structure(root: Part) -> bytes:
    """A message's structure, to be kept: `body_of` gives responses of it, `netdaemon.mail.parts` offsets."""
    rows: list[bytes] = []
    text: list[bytes] = []
    _write(root, rows, text)
    return b" ".join(rows) + _SEPARATOR + b"".join(text)


def body_of(kept: bytes, *, utf8: bool = False, extended: bool = True) -> bytes:
    """BODYSTRUCTURE's text, or BODY's when not ``extended``; ``utf8`` as in `nstring.sent`."""
    return sent(kept[kept.index(_SEPARATOR) + 1 :], utf8=utf8, extended=extended)


def rows_of(kept: bytes) -> list[int]:
    """Five numbers for each part, from the whole message down and then on: `kind` + 3 * encoding, children, start,
    body, end."""
    return list(map(int, kept[: kept.index(_SEPARATOR)].split(b" ")))


def _write(part: Part, rows: list[bytes], text: list[bytes]) -> None:
    content = part.content
    encoding = content.encoding.lower()
    number = ENCODINGS.index(encoding) if encoding in ENCODINGS else len(ENCODINGS)
    rows.append(
        b"%d %d %d %d %d" % (part.kind + 3 * number, len(part.children), part.start, part.body, part.end)
    )  # fmt: skip
    text.append(b"(")
    if part.kind == MULTIPART:
        for child in part.children:
            _write(child, rows, text)
        if not part.children:
            text.append(_NO_PART)
        text.append(b" %b" % nstring(content.subtype))
        text.append(extension(b" %b %b" % (_parameters(content.parameters), _placing(content))))
    else:
        is_text = content.is_type(b"text")
        text.append(
            b"%b %b %b %b %b %b %d"
            % (
                nstring(content.type),
                nstring(content.subtype),
                _parameters(content.parameters, charset=is_text),
                nstring(content.id),
                nstring(content.description),
                nstring(content.encoding),
                part.end - part.body,
            )
        )
        if part.kind == RFC822:
            (message,) = part.children
            text.append(b" %b " % kept_envelope(message.header or Header()))
            _write(message, rows, text)
        if is_text or part.kind == RFC822:
            text.append(b" %d" % part.lines)
        text.append(extension(b" %b %b" % (nstring(content.md5), _placing(content))))
    text.append(b")")


def _parameters(parameters: Parameters, *, charset: bool = False) -> bytes:
    pairs = [b"%b %b" % (nstring(name), nstring(value)) for name, value in parameters]
    if charset and not any(name.lower() in (b"charset", b"charset*") for name, _ in parameters):
        pairs.append(b'"charset" "us-ascii"')  # RFC 2045 5.2
    return b"(%b)" % b" ".join(pairs) if pairs else b"NIL"


def _placing(content: Content) -> bytes:
    """Disposition, language and location."""
    disposition, language = b"NIL", b"NIL"
    if content.disposition is not None:
        disposition = b"(%b %b)" % (nstring(content.disposition), _parameters(content.disposition_parameters))
    if content.language:
        language = b"(%b)" % b" ".join([nstring(tag) for tag in content.language])
    return b"%b %b %b" % (disposition, language, nstring(content.location))
