"""What a form sends: multipart/form-data (RFC 7578) and application/x-www-form-urlencoded, as browsers write them."""

from __future__ import annotations

import re
import secrets
import stat
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import aclosing
from dataclasses import dataclass
from errno import EISDIR
from pathlib import Path
from urllib.parse import urlencode

from netdaemon.documents.media import content_type as media_type
from netdaemon.protocols.http.client.upload import Upload
from netdaemon.wire.outgoing import each

URLENCODED = b"application/x-www-form-urlencoded"

CHUNK = 64 * 1024

_LINE_END = re.compile(r"\r\n|\r|\n")
_ESCAPED = {"\r": "%0D", "\n": "%0A", '"': "%22"}
_TO_ESCAPE = re.compile(r'[\r\n"]')
# RFC 2046 5.1.1, without what would have to stand in quotes
_BOUNDARY = re.compile(rb"[0-9A-Za-z'+_.-]{1,70}").fullmatch
_CONTROL = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]").search


@dataclass(frozen=True)
class Part:
    """One field: its name, its value, and what else is said of a file.

    Text is sent as UTF-8 with line ends of CRLF, bytes and an `Upload` as they are. A file's ``media_type`` is that of
    its name unless it is said.
    """

    name: str
    value: str | bytes | Upload
    file_name: str | None = None
    media_type: bytes | None = None


def file_part(name: str, path: Path, file_name: str | None = None) -> Part:
    """A file's part, read as it is sent. Raises OSError when there is none, or none that is to be had."""
    about = path.stat()
    regular = stat.S_ISREG(about.st_mode)
    if regular:
        with path.open("rb"):
            pass  # better now than in the middle of a request
    elif stat.S_ISDIR(about.st_mode):
        raise IsADirectoryError(EISDIR, "Is a directory", str(path))

    def chunks() -> Iterator[bytes]:
        left = about.st_size
        with path.open("rb") as file:
            while chunk := file.read(min(CHUNK, left) if regular else CHUNK):
                left -= len(chunk)
                yield chunk

    length = about.st_size if regular else None
    return Part(name, Upload(chunks, length, regular), path.name if file_name is None else file_name)


def multipart(parts: Iterable[Part], boundary: bytes | None = None) -> tuple[bytes, Upload]:
    """Content-Type and body of a form. The body has a length when every part has one, and may be sent again when every
    part may. ``boundary`` is a token that occurs in no part; one is made unless given. Raises ValueError for a media
    type or a boundary that is none.
    """
    # RFC 2046 5.1.1: it must not occur within a part; of 128 bits by chance none does
    boundary = boundary or b"netdaemon-" + secrets.token_hex(16).encode("ascii")
    if not _BOUNDARY(boundary):
        raise ValueError(f"{boundary!r} is no boundary")
    pieces = [(b"--%b\r\n%b\r\n\r\n" % (boundary, _head(part)), part.value) for part in parts]
    ending = b"--%b--\r\n" % boundary
    lengths = [_length(value) for _, value in pieces]
    total: int | None = len(ending)
    for (head, _), length in zip(pieces, lengths, strict=True):
        total = None if total is None or length is None else total + len(head) + length + 2
    again = all(value.again for _, value in pieces if isinstance(value, Upload))

    async def chunks() -> AsyncIterator[bytes]:
        for head, value in pieces:
            if isinstance(value, Upload):
                yield head
                async with aclosing(each(value.chunks())) as every:
                    async for chunk in every:
                        yield chunk
                yield b"\r\n"
            else:
                yield b"%b%b\r\n" % (head, _octets(value))
        yield ending

    return b"multipart/form-data; boundary=" + boundary, Upload(chunks, total, again)


def urlencoded(pairs: Iterable[tuple[str, str]]) -> bytes:
    """The body of a form of type `URLENCODED`: ``name=value&name=value``, spaces as plus signs, text as UTF-8."""
    lines = [(_lines(name), _lines(value)) for name, value in pairs]
    return urlencode(lines, safe="*", errors="surrogateescape").replace("~", "%7E").encode("ascii")


def _head(part: Part) -> bytes:
    """The header of a part (RFC 7578 4.2), with the escapes that all browsers have come to (WHATWG HTML 4.10.22.8)."""
    lines = b'Content-Disposition: form-data; name="%b"' % _quotable(_lines(part.name))
    kind = part.media_type
    if part.file_name is not None:
        name = _quotable(part.file_name)
        lines += b'; filename="%b"' % name
        kind = kind or media_type(name)
    if kind is None:
        return lines
    if _CONTROL(kind):
        raise ValueError(f"{kind!r} is no media type")
    return lines + b"\r\nContent-Type: " + kind


def _quotable(text: str) -> bytes:
    escaped = _TO_ESCAPE.sub(lambda match: _ESCAPED[match[0]], text)
    return escaped.encode("utf-8", "surrogateescape")  # names of files that are no UTF-8 stay as they are


def _lines(text: str) -> str:
    return _LINE_END.sub("\r\n", text)


def _octets(value: str | bytes) -> bytes:
    return _lines(value).encode("utf-8", "surrogateescape") if isinstance(value, str) else value


def _length(value: str | bytes | Upload) -> int | None:
    return value.length if isinstance(value, Upload) else len(_octets(value))
