"""What is sent: -d and its relatives, -F, -T, as a body of the HTTP client's."""

from __future__ import annotations

import re
import secrets
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote_from_bytes

from netdaemon.protocols.http.client import Upload
from netdaemon.protocols.http.client.form import Part, multipart
from tests.curl.exits import Ended, Exit
from tests.curl.options import Operation

_MEDIA = {
    ".gif": b"image/gif", ".jpg": b"image/jpeg", ".jpeg": b"image/jpeg", ".png": b"image/png", ".svg": b"image/svg+xml",
    ".txt": b"text/plain", ".htm": b"text/html", ".html": b"text/html", ".pdf": b"application/pdf",
    ".xml": b"application/xml",
}  # fmt: skip
"""curl guesses only these."""

_FORM_WORD = re.compile(r';\s*(type|filename|headers|encoder)=("(?:[^"\\]|\\.)*"|[^;]*)')

_UNESCAPED = re.compile(r"\\([\\\"])")
_PARAMETERS = re.compile(r";\s*type=([^;]*(?:;\s*(?!filename=|headers=|encoder=|type=)[^=;]*=[^;]*)+)")


def octets(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def read(path: str) -> bytes:
    """A file's octets, "-" standard input's. Raises Ended."""
    if path == "-":
        return sys.stdin.buffer.read()
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise Ended(Exit.READ_ERROR, f"{path}: {error.strerror}") from None


# --- -d ------------------------------------------------------------------------------------------------------


def data_of(operation: Operation) -> bytes | None:
    """The body that the -d options make together; None without one."""
    pieces = [(name, value) for name, value in operation.parts if not name.startswith("form")]
    if not pieces:
        return None
    body = b""
    for at, (name, value) in enumerate(pieces):
        if at and name != "json":
            body += b"&"
        body += _piece(name, value)
    return body


def is_json(operation: Operation) -> bool:
    return any(name == "json" for name, _ in operation.parts)


def _piece(name: str, value: str) -> bytes:
    if name == "data-urlencode":
        return urlencoded(value)
    if name == "data-raw" or not value.startswith("@"):
        return octets(value)
    data = read(value[1:])
    return data if name in ("data-binary", "json") else re.sub(rb"[\r\n\0]", b"", data)


def urlencoded(value: str) -> bytes:
    """content, =content, name=content, @file, name@file: the content percent-encoded."""
    match = re.match(r"([^=@]*)([=@])(.*)", value, re.DOTALL)
    if match is None:
        return _percent(octets(value))
    name, kind, content = match.groups()
    data = read(content) if kind == "@" else octets(content)
    quoted = _percent(data)
    return octets(name) + b"=" + quoted if name else quoted


def _percent(data: bytes) -> bytes:
    return quote_from_bytes(data, safe="-._~ ").replace(" ", "+").encode()


# --- -F ------------------------------------------------------------------------------------------------------


def form_of(operation: Operation) -> Upload | None:
    """The body of the -F options; None without one."""
    fields = [(name, value) for name, value in operation.parts if name.startswith("form")]
    if not fields:
        return None
    parts = [part for name, value in fields for part in _parts(value, plain=name == "form-string")]
    kind, body = multipart(parts, boundary=b"-" * 24 + secrets.token_hex(11).encode())
    return replace(body, media_type=kind)


def _parts(text: str, *, plain: bool) -> Iterator[Part]:
    name, equals, value = text.partition("=")
    if not equals:
        raise Ended(Exit.FAILED_INIT, f"{text}: no form field")
    if plain or value[:1] not in "@<(":
        if plain:
            yield Part(name, octets(value))
            return
        content, words = _words(value.lstrip(" "))
        kind = octets(words["type"]) if "type" in words else None
        yield Part(name, octets(content), words.get("filename"), kind)
        return
    if value[0] == "(":
        raise Ended(Exit.FAILED_INIT, "multiparts within multiparts are not sent")
    if "," in value and value[0] == "@" and not value.startswith('@"'):
        raise Ended(Exit.FAILED_INIT, "several files in one field are not sent")
    content, words = _words(value[1:])
    data = read(content)
    kind = octets(words["type"]) if "type" in words else None
    if value[0] == "<":
        yield Part(name, data, words.get("filename"), kind)
        return
    own = words.get("filename", content.rpartition("/")[2])
    guessed = next((media for end, media in _MEDIA.items() if own.lower().endswith(end)), None)
    if guessed is None:
        guessed = next(
            (media for end, media in _MEDIA.items() if content.lower().endswith(end)), b"application/octet-stream"
        )
    yield Part(name, data, own, kind or guessed)


def _words(text: str) -> tuple[str, dict[str, str]]:
    """What stands before ;type= and the like, and those."""
    if text.startswith('"'):
        match = re.match(r'"((?:[^"\\]|\\.)*)"', text)
        if match is not None:
            return _UNESCAPED.sub(r"\1", match[1]), _named(text[match.end() :])
    first = _FORM_WORD.search(text)
    if first is None:
        return text, {}
    return text[: first.start()].rstrip(), _named(text[first.start() :])


def _named(text: str) -> dict[str, str]:
    words = {}
    for name, value in _FORM_WORD.findall(text):
        if name in ("headers", "encoder"):
            raise Ended(Exit.FAILED_INIT, f"{name}= is not sent")
        if value.startswith('"'):
            value = _UNESCAPED.sub(r"\1", value[1:-1])
        more = _PARAMETERS.search(text) if name == "type" else None
        if more is not None:  # a media type has parameters of its own
            value = more[1]
        words[name] = value.strip() if not value.startswith(" ") else value
    return words


# --- -T ------------------------------------------------------------------------------------------------------


def upload_of(path: str, offset: int = 0) -> Upload:
    """A file, behind its first ``offset`` octets; "-" and "." are standard input."""
    if path in ("-", "."):
        return Upload(lambda: iter(lambda: sys.stdin.buffer.read1(65536), b""))  # type: ignore[union-attr]
    try:
        size = Path(path).stat().st_size
        Path(path).open("rb").close()
    except OSError as error:
        raise Ended(Exit.READ_ERROR, f"{path}: {error.strerror}") from None

    def chunks() -> Iterator[bytes]:
        with Path(path).open("rb") as file:
            file.seek(offset)
            while chunk := file.read(65536):
                yield chunk

    return Upload(chunks, max(0, size - offset), True)


def quoted_name(path: str) -> str:
    """A local file's name, as the end of a URL."""
    return lower_hex(quote_from_bytes(octets(path.rpartition("/")[2]), safe="-._~"))


def lower_hex(quoted: str) -> str:
    """curl's escapes in URLs have small letters."""
    return re.sub(r"%[0-9A-F]{2}", lambda match: match[0].lower(), quoted)
