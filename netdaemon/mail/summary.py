"""What the message store keeps of a message beside its octets, out of one pass over them."""

from __future__ import annotations

from collections.abc import Iterable

from netdaemon.mail.bodystructure import kept_structure
from netdaemon.mail.dates import parse_date
from netdaemon.mail.envelope import kept_envelope
from netdaemon.mail.header import Header
from netdaemon.mail.preview import FirstText, preview
from netdaemon.mail.structure import Limits, StructureReader
from netdaemon.mail.text import header_text, message_id, references
from netdaemon.messages.interfaces import Summary


def summarise(octets: Iterable[bytes], limits: Limits | None = None) -> Summary:
    """The summary of a message whose octets come in pieces, of any size. Never raises for what they are."""
    text = FirstText()
    reader = StructureReader(limits, sink=text)
    for piece in octets:
        reader.feed(piece)
    root = reader.finish()
    header = root.header or Header()
    date = header.first(b"date")
    return Summary(
        msgid=message_id(header.first(b"message-id")),
        subject=header_text(header.first(b"subject")),
        from_=header_text(header.first(b"from")),
        to=header_text(header.first(b"to")),
        date=None if date is None else parse_date(date),
        references=references(header.first(b"references"), header.first(b"in-reply-to")),
        lines=root.lines,
        headers_size=root.body,
        envelope=kept_envelope(header),
        bodystructure=kept_structure(root),
        preview="" if text.content is None else preview(text.octets, text.content),
    )
