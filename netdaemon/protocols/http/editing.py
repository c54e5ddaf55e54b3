"""PUT and DELETE: accounts write documents (RFC 9110 sections 9.3.4 and 9.3.5)."""

from __future__ import annotations

from weakref import WeakValueDictionary

from twisted.internet.defer import DeferredLock

from netdaemon.interfaces import (
    DocumentError,
    Entry,
    Exists,
    Forbidden,
    IDocuments,
    IHouse,
    IsFolder,
    NoSpace,
    NotFolder,
    NotFound,
)
from netdaemon.protocols.http.grammar.conditions import entity_tags, precondition
from netdaemon.protocols.http.grammar.dates import format_date
from netdaemon.protocols.http.grammar.message import Fields
from netdaemon.protocols.http.now import Now
from netdaemon.protocols.http.pages import page, refusal
from netdaemon.protocols.http.request import Caller, Request
from netdaemon.protocols.http.responder import Responder
from netdaemon.protocols.http.response import Response
from netdaemon.protocols.http.settings import HTTPSettings
from netdaemon.protocols.http.validators import entity_tag, last_modified
from netdaemon.protocols.http.views import site_of


def own_documents(caller: Caller, settings: HTTPSettings) -> IDocuments:
    """The site's documents with the rights of the caller, who has logged in."""
    assert caller.login is not None
    _, documents = caller.login.avatars
    return site_of(documents.documents, settings)


class Editing(Responder):
    """Writes and removes documents for accounts. Nothing shows of a document before all of it is there."""

    def __init__(self, settings: HTTPSettings, house: IHouse, now: Now) -> None:
        self._settings = settings
        self._house = house
        self._now = now
        self._locks: WeakValueDictionary[bytes, DeferredLock] = WeakValueDictionary()

    async def respond(self, request: Request, caller: Caller) -> Response:
        """What came of a PUT or a DELETE by the caller's account."""
        documents = own_documents(caller, self._settings)
        try:
            if request.method == b"DELETE":
                return await self._delete(request, documents)
            return await self._put(request, documents)
        except (NoSpace, Exists, IsFolder, NotFolder, NotFound, Forbidden) as error:
            return page(_status(error, request, documents), request.fields)
        except DocumentError as error:
            return refusal(error, request)

    async def _put(self, request: Request, documents: IDocuments) -> Response:
        fields = request.fields
        if b"content-range" in fields:  # RFC 9110 14.5: whoever does not know the part must not take it for the whole
            return page(400, fields)
        if (fields.joined(b"content-encoding") or b"identity").lower() != b"identity":
            return page(415, fields, ((b"Accept-Encoding", b"identity"),))
        current = _current(documents, request.path)
        if not _holds(request, current):
            return page(412, fields)
        new = entity_tags(fields.joined(b"if-none-match") or b"") == [b"*"]
        writer, finished = documents.write(request.path, new), False
        try:
            _check_room(request, documents, current)
            # Up to here nothing of the body was asked for: a client that waits for 100 Continue has sent none in vain.
            if request.body is not None:
                async for data in request.body:
                    writer.write(data)
            async with self._lock(request.path):
                current = _current(documents, request.path)  # somebody else may have written it meanwhile
                if not _holds(request, current):
                    return page(412, fields)
                finished = True  # from here on the writer ends by itself, whatever becomes of us
                entry = await self._house.in_thread(writer.commit)
        finally:
            if not finished:
                writer.abandon()
        modified = last_modified(entry, self._now.second())
        validators = Fields(((b"Last-Modified", format_date(modified)), (b"ETag", entity_tag(entry))))
        return Response(201 if current is None else 204, validators)

    async def _delete(self, request: Request, documents: IDocuments) -> Response:
        async with self._lock(request.path):
            if not _holds(request, _current(documents, request.path)):
                return page(412, request.fields)
            documents.remove(request.path)
        return Response(204, Fields())

    def _lock(self, path: bytes) -> DeferredLock:
        """Held from the last look at what stands there until it is replaced, so that of two who have seen the same
        and would change it only one does."""
        lock = self._locks.get(path)
        if lock is None:
            lock = self._locks[path] = DeferredLock()
        return lock


def _current(documents: IDocuments, path: bytes) -> Entry | None:
    """What stands there now, a folder too."""
    try:
        return documents.entry(path)
    except (NotFound, NotFolder):
        return None


def _holds(request: Request, current: Entry | None) -> bool:
    """Do the request's preconditions hold for what stands there?"""
    etag = modified = None
    if current is not None:
        etag, modified = entity_tag(current), current.modified_ns // 1_000_000_000
    return precondition(request.method, request.fields, etag, modified) is None


def _check_room(request: Request, documents: IDocuments, current: Entry | None) -> None:
    """Raise NoSpace for what can't fit, before it is sent."""
    length = None if request.body is None else request.body.length
    if length is None:
        return
    room = documents.space(_folder(request.path))
    if room is not None and length > room + (0 if current is None else current.size):
        raise NoSpace(request.path)


def _folder(path: bytes) -> bytes:
    """The folder that it stands in."""
    return path.rstrip(b"/").rpartition(b"/")[0] or b"/"


def _status(error: DocumentError, request: Request, documents: IDocuments) -> int:
    """How a refusal of the tree is told."""
    if isinstance(error, NoSpace):
        return 507
    if isinstance(error, Exists):
        return 412  # only If-None-Match says that it must not be there
    if request.method == b"DELETE":
        if isinstance(error, Forbidden):
            return 409 if _is_full_folder(documents, request.path) else 403
        return 404
    if isinstance(error, (IsFolder, NotFolder)):
        return 409
    if isinstance(error, Forbidden):
        return 403
    # RFC 9110 9.3.4 and 15.5.10: the folder must be there first
    return 404 if _is_folder(documents, _folder(request.path)) else 409


def _is_folder(documents: IDocuments, path: bytes) -> bool:
    try:
        return documents.entry(path).folder
    except DocumentError:
        return False


def _is_full_folder(documents: IDocuments, path: bytes) -> bool:
    """Is it a folder that the account may remove once it is empty?"""
    return _is_folder(documents, path) and documents.may_write(path)
