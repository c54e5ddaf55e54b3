"""What IMAP's TEXT and BODY look for in a message (RFC 9051 section 6.4.4): decoded, whatever the case."""

from __future__ import annotations

import codecs
from collections.abc import Callable, Iterable, Sequence

from netdaemon.mail.charsets import incremental_decoder
from netdaemon.mail.encodedwords import decode_words
from netdaemon.mail.header import split_header
from netdaemon.mail.parameters import parameter
from netdaemon.mail.structure import Limits, Part, StructureReader
from netdaemon.mail.transfer import TransferDecoder

_PIECE = 8192  # octets that are worth a look


def holds(
    octets: Iterable[bytes],
    texts: Sequence[str],
    *,
    header: bool,
    fold: Callable[[str], str] = str.casefold,
    limits: Limits | None = None,
) -> bool:
    """Does a message hold each of these texts: in its text parts, or with ``header`` in its header?

    No text is found across the borders of parts and fields. ``fold`` takes away what makes no difference. Not all of
    the message is read if that is not needed.
    """
    sought = _Sought([fold(text) for text in texts], fold)
    reader = StructureReader(limits, sink=_Bodies(sought))
    most = (limits or Limits()).header if header else 0
    head = bytearray()
    for piece in octets:
        if not sought.left:
            return True
        head += piece[: most - len(head)]
        reader.feed(piece)
    root = reader.finish()
    if header:
        for name, value in split_header(bytes(head[: root.body])):
            sought.look(name.decode("latin-1") + ": " + decode_words(value))
    return not sought.left


class _Sought:
    """The texts that have not been found yet."""

    def __init__(self, texts: Sequence[str], fold: Callable[[str], str]) -> None:
        self.left = [text for text in texts if text]
        self._fold = fold
        # Folding may make several characters of one, and one of several.
        self.overlap = 4 * max(map(len, self.left), default=0)

    def look(self, text: str) -> None:
        folded = self._fold(text)
        self.left = [each for each in self.left if each not in folded]


class _Bodies:
    """A sink that looks into text parts."""

    def __init__(self, sought: _Sought) -> None:
        self._sought = sought
        self._transfer: TransferDecoder | None = None
        self._charset: codecs.IncrementalDecoder | None = None
        self._octets: list[bytes] = []
        self._size = 0
        self._before = ""

    def begin(self, part: Part) -> bool:
        content = part.content
        if not content.is_type(b"text"):
            return False
        self._transfer = TransferDecoder(content.encoding)
        self._charset = incremental_decoder(parameter(content.parameters, b"charset") or b"")
        return True

    def take(self, octets: bytes) -> bool:
        self._octets.append(octets)
        self._size += len(octets)
        # As much as is looked at again, so that a long text does not cost the square of its length
        if self._size >= max(_PIECE, self._sought.overlap):
            self._look(final=False)
        return bool(self._sought.left)

    def end(self) -> None:
        self._look(final=True)
        self._transfer = self._charset = None
        self._before = ""

    def _look(self, *, final: bool) -> None:
        if self._transfer is None or self._charset is None:
            return
        octets = self._transfer.feed(b"".join(self._octets))
        self._octets.clear()
        self._size = 0
        if final:
            octets += self._transfer.finish()
        text = self._before + self._charset.decode(octets, final)
        self._sought.look(text)
        self._before = text[max(0, len(text) - self._sought.overlap) :]
