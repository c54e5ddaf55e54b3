"""The documents that were asked for lately, kept as their responses need them: no look at the disk for a second.

A document stands for at most a second after its last opening; then it is opened anew, which asks once more whether it
may be read, and thrown away unless all that fstat(2) tells is as it was. Changes made through our own tree are told
and empty the shelf at once, so whoever uploads a document sees it. What other programs do is seen within the second.
"""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Callable

from netdaemon.interfaces import DocumentError, Entry, IDeadline, IDeadlines, IDocuments, ITellsChanges, OpenDocument
from netdaemon.protocols.http.grammar.dates import format_date
from netdaemon.protocols.http.grammar.message import Fields
from netdaemon.protocols.http.media import content_type
from netdaemon.protocols.http.now import Now
from netdaemon.protocols.http.response import FileBody, Response

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

_VALIDATORS = b"\r\nLast-Modified: %b\r\nETag: %b\r\nAccept-Ranges: bytes\r\nX-Content-Type-Options: nosniff"


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


class Item:
    """One document, with all of its responses that does not change from one to the next."""

    __slots__ = ("_held", "checked", "entry", "etag", "media_type", "modified", "response", "settled", "validators")

    def __init__(self, path: bytes, document: OpenDocument, now: Now, checked: float) -> None:
        self.checked = checked
        """When it was last found unchanged."""
        self.entry: Entry = document.entry
        self._held: _Held | None = _Held(document)
        self.response: Response | None = None
        """The whole document, once it is in memory."""
        modified_ns = self.entry.modified_ns
        second = now.second()
        # A file system counts time in steps, of two seconds at worst: what is written twice within one looks unchanged
        # afterwards. So the time stamp proves something only when it was old already as the document was read (git
        # calls the others racily clean).
        self.settled = second is not None and modified_ns < second * 1_000_000_000 - SETTLED_NS
        self.modified = modified_ns // 1_000_000_000
        if second is not None and self.modified > second:
            self.modified = second  # RFC 9110 8.8.2.1: never later than Date
        self.etag = b'"%x-%x-%x"' % (self.entry.inode, modified_ns, self.entry.size)
        self.media_type = content_type(path)
        self.validators = _VALIDATORS % (format_date(self.modified), self.etag)

    def whole(self) -> Response:
        """The response that is the document; whoever gets it closes its body."""
        if self.response is not None:
            return self.response
        assert self._held is not None
        fields = Fields.of_block(b"%b\r\nContent-Type: %b" % (self.validators, self.media_type))
        return Response(200, fields, FileBody(Lent(self._held), 0, self.entry.size))

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
        block = b"%b\r\nContent-Type: %b" % (self.validators, self.media_type)
        self.response = Response(200, Fields.of_block(block), body, b"%b\r\nContent-Length: %d\r\n\r\n" % (block, size))
        self._held = None
        return True

    @property
    def is_open(self) -> bool:
        """Does it keep a descriptor?"""
        return self._held is not None

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
        self.size += _size(item)
        self.open += item.is_open

    def drop(self, path: bytes) -> None:
        item = self.items.pop(path)
        self.size -= _size(item)
        self.open -= item.is_open

    def drop_oldest(self) -> None:
        self.drop(next(iter(self.items)))


def _size(item: Item) -> int:
    return OVERHEAD if item.is_open else OVERHEAD + item.entry.size


class Shelf:
    """The documents of one tree with one account's rights, at most ``limit`` octets of them; 0 keeps none."""

    def __init__(
        self, documents: IDocuments, limit: int, now: Now, seconds: Callable[[], float], deadlines: IDeadlines
    ) -> None:
        self._documents = documents
        self._limit = limit
        self._now = now
        self._seconds = seconds
        self._deadlines = deadlines
        self._deadline: IDeadline | None = None
        self._contents = _Contents()
        if ITellsChanges.providedBy(documents):
            documents.on_change(self._changed)

    def at_hand(self, path: bytes, now: float) -> Response | None:
        """The whole small document, if it is known to be the same still; ``now`` in the clock's seconds."""
        item = self._contents.items.get(path)
        if item is not None and 0.0 <= now - item.checked < FRESH:  # `Item.stands`, without the call
            return item.response
        return None

    def take(self, path: bytes) -> Item:
        """The document at ``path``. Raises DocumentError, as `IDocuments.open` does."""
        contents = self._contents
        now = self._seconds()  # before it is opened: what changes afterwards is seen within a second of now
        item = contents.items.get(path)
        if item is not None and item.stands(now):
            return item
        try:
            document = self._documents.open(path)
        except DocumentError:
            if item is not None:
                contents.drop(path)
            raise
        if item is not None:
            if item.settled and item.entry == document.entry:
                document.close()
                item.checked = now
                contents.items.move_to_end(path)
                return item
            contents.drop(path)
        item = Item(path, document, self._now, now)
        self._keep(contents, path, item)
        return item

    def _keep(self, contents: _Contents, path: bytes, item: Item) -> None:
        if item.entry.size <= MAX_BODY:
            if item.entry.size + OVERHEAD > self._limit or not item.load():
                return
        elif contents.open >= MAX_OPEN or self._limit < OVERHEAD:
            return
        contents.put(path, item)
        while contents.size > self._limit or len(contents.items) > MAX_ITEMS:
            contents.drop_oldest()
        if item.is_open and contents.open == 1:
            if self._deadline is None:
                self._deadline = self._deadlines.after(IDLE, self._sweep)
            else:
                self._deadline.postpone(IDLE)

    def _sweep(self) -> None:
        """Give back the descriptors that nobody asked for."""
        contents = self._contents
        now = self._seconds()
        for path, item in list(contents.items.items()):
            if item.is_open and not 0.0 <= now - item.checked < IDLE:
                contents.drop(path)
        if contents.open and self._deadline is not None:
            self._deadline.postpone(IDLE)

    def _changed(self, path: bytes) -> None:
        # All of it, for links may show the same document at other paths; what did not change is soon read again.
        self._contents = _Contents()
