"""The documents that were asked for lately, kept as their responses need them: no look at the disk for a second.

A document stands for at most a second after its last opening; then it is opened anew, which asks once more whether it
may be read, and thrown away unless all that fstat(2) tells is as it was. Changes made through our own tree are told
and empty the shelf at once, so whoever uploads a document sees it. What other programs do is seen within the second.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import AsyncGenerator, Awaitable, Callable

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater

from netdaemon.documents.media import content_type
from netdaemon.interfaces import DocumentError, Entry, IDeadline, IDeadlines, IDocuments, ITellsChanges, OpenDocument
from netdaemon.protocols.http.coding import COMPRESSORS, LEAST, SHRINKING_TYPES, SUFFIXES, compress, compressed, shrinks
from netdaemon.protocols.http.grammar.dates import format_date
from netdaemon.protocols.http.grammar.message import Fields
from netdaemon.protocols.http.now import Now
from netdaemon.protocols.http.partial import CHUNK, Shrunk
from netdaemon.protocols.http.response import FileBody, Response, Stream
from netdaemon.protocols.http.validators import entity_tag, last_modified

FRESH = 1.0
"""Seconds a document stands without a look at the disk."""
SETTLED_NS = 2_000_000_000
"""How long after a document's last change its time stamp says that there was no later one."""
MAX_ITEMS = 1024
MAX_BODY = 64 * 1024
"""Octets of the largest document kept in memory; of larger ones the open descriptor is."""
MAX_OPEN = 64
"""Descriptors kept open: few, for connections need them too."""
IDLE = 10.0
"""Seconds after which an unused descriptor is given back: a removed file's room on the disk is free only then."""
OVERHEAD = 1024
"""Octets that count for an item besides its body: header, entry, names."""
MOST_COMPRESSED = 16 * 1024 * 1024
"""Octets of the largest document that we compress: beyond that the work is better done once, beforehand."""

_VALIDATORS = b"\r\nLast-Modified: %b\r\nETag: %b\r\nAccept-Ranges: %b\r\nX-Content-Type-Options: nosniff"
_VARIES = b"\r\nVary: Accept-Encoding"
_CODED = b"\r\nContent-Encoding: %b"


class _Held:
    """An open document with any number of users; closed when the last of them has dropped it."""

    __slots__ = ("document",)

    def __init__(self, document: OpenDocument) -> None:
        self.document = document

    def __del__(self) -> None:
        self.document.close()


class Lent:
    """An open document (`netdaemon.interfaces.OpenDocument`) lent to one response."""

    __slots__ = ("_held", "entry", "fd")

    def __init__(self, held: _Held) -> None:
        self._held: _Held | None = held
        self.entry = held.document.entry
        self.fd = held.document.fd

    def close(self) -> None:
        """Give it back; a second close does nothing."""
        self._held = None
        self.fd = -1

    def __enter__(self) -> Lent:
        return self

    def __exit__(self, *ignored: object) -> None:
        self.close()


class Representation(ABC):
    """One form of a document (RFC 9110 section 3.2), with all of its responses that does not change between them."""

    __slots__ = ("block", "checked", "etag", "media_type", "modified", "response", "size", "validators")

    checked: float
    """When its document was last found unchanged."""
    etag: bytes
    modified: int
    """Unix seconds."""
    media_type: bytes
    size: int | None
    """Octets, None when that shows only as it is sent; then there are no ranges of it either."""
    validators: bytes
    """The fields that tell what it is, but for its type, as they stand on the wire."""
    block: bytes
    """These and its type."""
    response: Response | None
    """All of it, once it is in memory."""

    @abstractmethod
    def whole(self) -> Response:
        """The response that is all of it; whoever gets it closes its body."""

    def _tell(self, modified: int, etag: bytes, media_type: bytes, coding: bytes, ranges: bytes) -> None:
        self.modified = modified
        self.etag = etag
        self.media_type = media_type
        self.validators = _VALIDATORS % (format_date(modified), etag, ranges)
        if shrinks(media_type):
            self.validators += _VARIES
        if coding:
            self.validators += _CODED % coding
        self.block = b"%b\r\nContent-Type: %b" % (self.validators, media_type)
        self.response = None

    def _have(self, body: bytes) -> None:
        """Its octets are ``body``."""
        self.size = size = len(body)
        ready = b"%b\r\nContent-Length: %d\r\n\r\n" % (self.block, size)
        self.response = Response(200, Fields.of_block(self.block), body, ready)


class Item(Representation):
    """A document as it is on the disk: itself, or a compressed copy of another."""

    __slots__ = ("_held", "choices", "entry", "packed", "settled")

    def __init__(
        self, document: OpenDocument, now: Now, checked: float, media_type: bytes, coding: bytes = b""
    ) -> None:
        self.checked = checked
        self.entry: Entry = document.entry
        self.size: int = self.entry.size
        self._held: _Held | None = _Held(document)
        self.choices: dict[tuple[bytes, ...], Representation | None] = {}
        """By the codings that a client takes, what it gets instead of this; good until the next look at the disk."""
        self.packed: dict[bytes, Packed] = {}
        """What was compressed of it."""
        modified_ns = self.entry.modified_ns
        second = now.second()
        # A file system counts time in steps, of two seconds at worst: what is written twice within one looks unchanged
        # afterwards. So the time stamp proves something only when it was old already as the document was read (git
        # calls the others racily clean).
        self.settled = second is not None and modified_ns < second * 1_000_000_000 - SETTLED_NS
        self._tell(last_modified(self.entry, second), entity_tag(self.entry), media_type, coding, b"bytes")

    def found_unchanged(self, now: float) -> None:
        """It was looked at again."""
        self.checked = now
        self.choices.clear()

    def whole(self) -> Response:
        if self.response is not None:
            return self.response
        assert self._held is not None
        return Response(200, Fields.of_block(self.block), FileBody(Lent(self._held), 0, self.entry.size))

    def load(self) -> bool:
        """Take the document into memory and give its descriptor back; False when it can't be read whole."""
        assert self._held is not None
        size = self.entry.size
        try:
            body = os.pread(self._held.document.fd, size, 0)
        except OSError:
            return False  # the response that reads it again has the words for it
        if len(body) != size:
            return False
        self._have(body)
        self._held = None
        return True

    @property
    def is_open(self) -> bool:
        """Does it keep a descriptor?"""
        return self._held is not None

    @property
    def weight(self) -> int:
        """Octets, as the shelf's bound counts them."""
        held = 0 if self.is_open else self.entry.size
        return OVERHEAD + held + sum(OVERHEAD + (packed.size or 0) for packed in self.packed.values())

    def stands(self, now: float) -> bool:
        """May it be shown without asking the tree?"""
        if not 0.0 <= now - self.checked < FRESH:
            return False
        if self._held is None:
            return True
        # Its octets are read only as they are sent, so they must be what the header promises. The look is nothing
        # beside the sending of so many.
        status = os.fstat(self._held.document.fd)
        return status.st_size == self.entry.size and status.st_mtime_ns == self.entry.modified_ns


class Packed(Representation):
    """A document compressed by us: in memory, or as it is sent. Its tag is weak, for another version of a library
    may give other octets; so there are no ranges of it."""

    __slots__ = ("_coding", "_held", "_length", "_turn")

    def __init__(self, source: Item, coding: bytes, turn: Callable[[], Awaitable[None]]) -> None:
        self.checked = source.checked
        self.size = None
        self._coding = coding
        self._turn = turn
        self._held = source._held
        self._length = source.size
        etag = b'W/"%b-%b"' % (source.etag[1:-1], coding)
        self._tell(source.modified, etag, source.media_type, coding, b"none")
        if source.response is not None:
            assert isinstance(source.response.body, bytes)
            self._have(compress(source.response.body, coding))

    def whole(self) -> Response:
        if self.response is not None:
            return self.response
        assert self._held is not None
        body = FileBody(Lent(self._held), 0, self._length)
        chunks = compressed(_octets(body, self._turn), self._coding)
        return Response(200, Fields.of_block(self.block), Stream(chunks, close=body.close))


async def _octets(body: FileBody, turn: Callable[[], Awaitable[None]]) -> AsyncGenerator[bytes, None]:
    position, end = body.offset, body.offset + body.length
    while position < end:
        data = os.pread(body.document.fd, min(CHUNK, end - position), position)
        if not data:
            raise Shrunk
        yield data
        position += len(data)
        await turn()  # to compress so much takes a millisecond or two: others want to be served, too


class _Contents:
    """What stands on a shelf, the longest unasked-for first. Emptying it is to exchange it: one step in any thread,
    and what was being read meanwhile is put where nobody looks any more."""

    __slots__ = ("items", "open", "size")

    def __init__(self) -> None:
        self.items: OrderedDict[bytes, Item] = OrderedDict()
        self.size = 0
        """Octets, as the bound counts them."""
        self.open = 0
        """Descriptors."""

    def put(self, path: bytes, item: Item) -> None:
        self.items[path] = item
        self.size += item.weight
        self.open += item.is_open

    def drop(self, path: bytes) -> None:
        item = self.items.pop(path)
        self.size -= item.weight
        self.open -= item.is_open

    def drop_oldest(self) -> None:
        self.drop(next(iter(self.items)))


class Shelf:
    """The documents of one tree with one account's rights, at most ``limit`` octets of them; 0 keeps none.

    With ``compress`` those who take it get documents compressed: by a copy beside them that is no older, or by us.
    """

    def __init__(
        self,
        documents: IDocuments,
        limit: int,
        now: Now,
        clock: IReactorTime,
        deadlines: IDeadlines,
        compress: bool = False,
    ) -> None:
        self._documents = documents
        self._limit = limit
        self._now = now
        self._clock = clock
        self._seconds = clock.seconds
        self._deadlines = deadlines
        self._compress = compress
        self._deadline: IDeadline | None = None
        self._contents = _Contents()
        if ITellsChanges.providedBy(documents):
            documents.on_change(self._changed)

    def at_hand(self, path: bytes, codings: tuple[bytes, ...], now: float) -> Response | None:
        """The whole small document for one who takes ``codings``, if it is known to be the same still; ``now`` in the
        clock's seconds."""
        item = self._contents.items.get(path)
        if item is None or not 0.0 <= now - item.checked < FRESH:  # `Item.stands`, without the call
            return None
        if not codings or item.media_type not in SHRINKING_TYPES or not self._compress:
            return item.response
        if codings not in item.choices:
            return None
        chosen = item.choices[codings]
        if chosen is None:
            return item.response
        return chosen.response if 0.0 <= now - chosen.checked < FRESH else None

    def take(self, path: bytes, codings: tuple[bytes, ...] = (), ranged: bool = False) -> Representation:
        """What one who takes ``codings`` (see `accepted_codings`) gets of the document at ``path``; ``ranged`` when he
        wants parts of it, which is to have octets of its own then. Raises DocumentError, as `IDocuments.open` does."""
        item = self._item(path, path, content_type(path))
        if not codings or not self._compress or item.media_type not in SHRINKING_TYPES:
            return item
        if codings in item.choices:
            chosen = item.choices[codings]
        else:
            chosen = item.choices[codings] = self._choose(path, item, codings)
        if chosen is None or (isinstance(chosen, Packed) and ranged):
            return item
        return chosen

    def _choose(self, path: bytes, item: Item, codings: tuple[bytes, ...]) -> Representation | None:
        """What he gets instead of the document itself, if that is anything."""
        for coding in codings:
            try:
                copy = self._item(b"%b\0%b" % (coding, path), path + SUFFIXES[coding], item.media_type, coding)
            except DocumentError:
                continue
            if copy.entry.modified_ns >= item.entry.modified_ns:
                return copy
        for coding in codings:
            if coding in COMPRESSORS and LEAST <= item.size <= MOST_COMPRESSED:
                return self._pack(path, item, coding)
        return None

    def _pack(self, path: bytes, item: Item, coding: bytes) -> Packed | None:
        packed = item.packed.get(coding)
        if packed is not None:
            packed.checked = item.checked
            return packed
        packed = Packed(item, coding, self._turn)
        if packed.size is None:
            return packed
        if packed.size >= item.size:
            return None
        contents = self._contents
        if contents.items.get(path) is item:
            before = item.weight
            item.packed[coding] = packed
            contents.size += item.weight - before
            self._shrink(contents)
        return packed

    async def _turn(self) -> None:
        await deferLater(self._clock, 0)

    def _item(self, key: bytes, path: bytes, media_type: bytes, coding: bytes = b"") -> Item:
        """The document at ``path`` as it is on the disk, kept under ``key``. Raises DocumentError."""
        contents = self._contents
        now = self._seconds()  # before it is opened: what changes afterwards is seen within a second of now
        item = contents.items.get(key)
        if item is not None and item.stands(now):
            return item
        try:
            document = self._documents.open(path)
        except DocumentError:
            if item is not None:
                contents.drop(key)
            raise
        if item is not None:
            if item.settled and item.entry == document.entry:
                document.close()
                item.found_unchanged(now)
                contents.items.move_to_end(key)
                return item
            contents.drop(key)
        item = Item(document, self._now, now, media_type, coding)
        self._keep(contents, key, item)
        return item

    def _keep(self, contents: _Contents, key: bytes, item: Item) -> None:
        if item.entry.size <= MAX_BODY:
            if item.entry.size + OVERHEAD > self._limit or not item.load():
                return
        elif contents.open >= MAX_OPEN or self._limit < OVERHEAD:
            return
        contents.put(key, item)
        self._shrink(contents)
        if item.is_open and contents.open == 1:
            if self._deadline is None:
                self._deadline = self._deadlines.after(IDLE, self._sweep)
            else:
                self._deadline.postpone(IDLE)

    def _shrink(self, contents: _Contents) -> None:
        while contents.size > self._limit or len(contents.items) > MAX_ITEMS:
            contents.drop_oldest()

    def _sweep(self) -> None:
        """Give back the descriptors that nobody asked for."""
        contents = self._contents
        now = self._seconds()
        for key, item in list(contents.items.items()):
            if item.is_open and not 0.0 <= now - item.checked < IDLE:
                contents.drop(key)
        if contents.open and self._deadline is not None:
            self._deadline.postpone(IDLE)

    def _changed(self, path: bytes) -> None:
        # All of it, for links may show the same document at other paths; what did not change is soon read again.
        self._contents = _Contents()
