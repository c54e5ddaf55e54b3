"""Values with parameters: Content-Type and Content-Disposition (RFC 2045 section 5.1, RFC 2183, RFC 2231)."""

from __future__ import annotations

import re
from urllib.parse import unquote_to_bytes

from netdaemon.mail.charsets import decode
from netdaemon.mail.lexis import QUOTED, TOKEN, unescaped, without_comments

Parameters = tuple[tuple[bytes, bytes], ...]
"""(name, value) each, in order; names as they were written. What RFC 2231 spread over many is one, named ``name*`` if
its value has a charset and percent signs."""

MAX_PARAMETERS = 256
"""More of one field are passed over."""

_TYPE = re.compile(rb"\s*+(%b++)\s*+/\s*+(%b++)" % (TOKEN, TOKEN))
_WORD = re.compile(rb"\s*+(%b++)" % TOKEN)
# The last form is no token, but what some write: an encoded word, bare
_PARAMETER = re.compile(
    rb';\s*+(%b++)\s*+=\s*+(?:"(%b)(?:"|\\?\Z)|(%b++)|(=\?[^;\s]*+)|)' % (TOKEN, QUOTED, TOKEN), re.DOTALL
)
# RFC 2231 3 and 4: attribute*, attribute*N, attribute*N*
_SECTION = re.compile(rb"([^*]++)(?:\*([0-9]{1,4}))?(\*)?", re.DOTALL)


def parse_content_type(value: bytes) -> tuple[bytes, bytes, Parameters] | None:
    """(type, subtype, parameters) as they were written; None for what is no media type."""
    value = without_comments(value)
    match = _TYPE.match(value)
    if match is None:
        return None
    return match[1], match[2], _parameters(value, match.end())


def parse_disposition(value: bytes) -> tuple[bytes, Parameters] | None:
    """(disposition, parameters); None when there is no such word."""
    value = without_comments(value)
    match = _WORD.match(value)
    if match is None:
        return None
    return match[1], _parameters(value, match.end())


def parse_word(value: bytes) -> bytes | None:
    """A field that is one token, as Content-Transfer-Encoding."""
    match = _WORD.match(without_comments(value))
    return None if match is None else match[1]


def parameter(parameters: Parameters, name: bytes) -> bytes | None:
    """A parameter's octets, without RFC 2231's percent signs; None when it isn't there. ``name`` in lower case."""
    value = _written(parameters, name)
    if value is None:
        value = _written(parameters, name + b"*")
        return None if value is None else _extended(value)[1]
    return value


def decoded_parameter(parameters: Parameters, name: bytes) -> str | None:
    """A parameter as text: by RFC 2231's own charset, else as `charsets.decode` takes octets of no known charset."""
    value = _written(parameters, name + b"*")
    if value is not None:
        charset, octets = _extended(value)
        return decode(octets, charset)
    value = _written(parameters, name)
    return None if value is None else decode(value, b"")


def _written(parameters: Parameters, name: bytes) -> bytes | None:
    for key, value in parameters:
        if key.lower() == name:
            return value
    return None


def _extended(value: bytes) -> tuple[bytes, bytes]:
    """(charset, octets) of RFC 2231's charset'language'octets."""
    charset, _, rest = value.partition(b"'")
    _, quote, octets = rest.partition(b"'")
    return (charset, unquote_to_bytes(octets)) if quote else (b"", unquote_to_bytes(value))


def _parameters(value: bytes, start: int) -> Parameters:
    plain: list[tuple[bytes, bytes]] = []
    sections: dict[bytes, list[tuple[int, bool, bytes, bytes]]] = {}
    for count, match in enumerate(_PARAMETER.finditer(value, start)):
        if count == MAX_PARAMETERS:
            break
        name, quoted, token, word = match.groups()
        text = unescaped(quoted) if quoted is not None else token or word or b""
        section = _SECTION.fullmatch(name) if b"*" in name else None
        if section is None:
            plain.append((name, text))
        else:
            number = int(section[2] or 0)
            sections.setdefault(section[1].lower(), []).append((number, section[3] is not None, text, name))
    if sections:
        for key in sorted(sections):
            plain += _joined(sections[key])
    return tuple(plain)


def _joined(sections: list[tuple[int, bool, bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """The sections of one parameter as one; as they are when one is missing or there twice."""
    sections.sort(key=lambda section: section[0])
    if [number for number, _, _, _ in sections] != list(range(len(sections))):
        return [(name, text) for _, _, text, name in sections]
    name = sections[0][3].partition(b"*")[0]
    if not any(extended for _, extended, _, _ in sections):
        return [(name, b"".join([text for _, _, text, _ in sections]))]
    # RFC 2231 4.1: extended sections and others may be mixed; in one value the others' percent signs are to be escaped
    text = b"".join([text if extended else text.replace(b"%", b"%25") for _, extended, text, _ in sections])
    return [(name + b"*", text if sections[0][1] else b"''" + text)]
