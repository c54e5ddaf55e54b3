"""What a part says of its content: its Content-* fields (RFC 2045, RFC 2183, RFC 1864, RFC 3282, RFC 2557)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from netdaemon.mail.header import Header
from netdaemon.mail.lexis import without_comments
from netdaemon.mail.parameters import Parameters, parse_content_type, parse_disposition, parse_word

_LANGUAGE = re.compile(rb"[A-Za-z0-9*-]++")


@dataclass(frozen=True, slots=True)
class Content:
    """A part's content as it is described; words as they were written."""

    type: bytes = b"text"
    subtype: bytes = b"plain"
    parameters: Parameters = ()
    id: bytes | None = None
    description: bytes | None = None
    encoding: bytes = b"7bit"
    md5: bytes | None = None
    disposition: bytes | None = None
    disposition_parameters: Parameters = ()
    language: tuple[bytes, ...] = ()
    location: bytes | None = None

    def is_type(self, type_: bytes, subtype: bytes | None = None) -> bool:
        """Is it of this media type? Both in lower case."""
        return self.type.lower() == type_ and (subtype is None or self.subtype.lower() == subtype)


PLAIN = Content()
"""What says nothing (RFC 2045 section 5.2)."""
MESSAGE = Content(b"message", b"rfc822")
"""What says nothing within a multipart/digest (RFC 2046 section 5.1.5)."""
OPAQUE = Content(b"application", b"octet-stream")
"""What lies too deep to be looked into."""


def describe(header: Header, default: Content, *, within_mime: bool) -> Content:
    """The content that a header describes.

    A message's own Content-* fields count when it has a MIME-Version or a Content-Type; those of a part of a multipart
    (``within_mime``) always do. What is no media type is the default.
    """
    stated = header.first(b"content-type")
    if stated is None and not (within_mime or b"mime-version" in header):
        return default
    parsed = None if stated is None else parse_content_type(stated)
    if stated is not None and parsed is None:
        default = PLAIN
    type_, subtype, parameters = parsed or (default.type, default.subtype, ())
    disposition = header.first(b"content-disposition")
    placed = None if disposition is None else parse_disposition(disposition)
    encoding = header.first(b"content-transfer-encoding")
    language = header.first(b"content-language")
    return Content(
        type=type_,
        subtype=subtype,
        parameters=parameters,
        id=header.first(b"content-id") or None,
        description=header.first(b"content-description") or None,
        encoding=(encoding and parse_word(encoding)) or b"7bit",
        md5=header.first(b"content-md5") or None,
        disposition=None if placed is None else placed[0],
        disposition_parameters=() if placed is None else placed[1],
        language=() if language is None else tuple(_LANGUAGE.findall(without_comments(language))),
        location=header.first(b"content-location") or None,
    )
