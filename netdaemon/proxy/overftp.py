"""ftp URLs as pages (RFC 1738 section 3.2): folders listed, documents as they are."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from urllib.parse import quote_from_bytes

from twisted.internet.defer import Deferred

from netdaemon.documents.media import content_type
from netdaemon.interfaces import Entry
from netdaemon.protocols.ftp.client import (
    FTP,
    URL,
    BadURL,
    ConnectFailed,
    Download,
    Failed,
    NoAnswer,
    NotLoggedIn,
    Refused,
    Settings,
    Timeouts,
    TryLater,
    connect,
    parse_url,
)
from netdaemon.protocols.ftp.client.settings import ANONYMOUS
from netdaemon.protocols.http import listing_page
from netdaemon.protocols.http.grammar.basic import parse_basic
from netdaemon.protocols.http.grammar.message import Fields
from netdaemon.protocols.http.incoming import BodyLost
from netdaemon.protocols.http.pages import BLOCKS, RETRY, page
from netdaemon.protocols.http.request import Caller, Request
from netdaemon.protocols.http.response import Response, Stream, unsent
from netdaemon.proxy.dialler import Unreachable
from netdaemon.proxy.grammar.target import Destination
from netdaemon.proxy.rules import Denied
from netdaemon.proxy.settings import ProxySettings
from netdaemon.proxy.way import Way
from netdaemon.wire.urlparts import login_of

MAX_ROWS = 20_000
"""Entries of a folder that are shown."""
PASSWORD = "proxy@"
"""RFC 1635: an anonymous login has a mail address, or what looks like one, as password."""

_READING = (b"GET", b"HEAD")
_ALLOW = ((b"Allow", b"GET, HEAD"),)


class OverFTP:
    """Asks FTP servers."""

    def __init__(self, settings: ProxySettings, way: Way) -> None:
        self._way = way
        stall = settings.stall_timeout
        times = Timeouts(settings.connect_timeout, settings.answer_timeout, stall, settings.answer_timeout)
        self._settings = Settings(timeouts=times)

    async def respond(self, request: Request, caller: Caller, to: Destination) -> Response:
        """The document, or a page that lists the folder. Raises Denied and Unreachable."""
        if request.method not in _READING:
            return page(405, request.fields, _ALLOW)
        try:
            url = parse_url(to.url.decode("utf-8", "surrogateescape"))
        except BadURL:
            raise Denied("An address with line ends in it may not be asked for.") from None
        login = _login(request, to)
        if login is None:
            return page(400, request.fields)
        passage = await self._way.passage(to)
        try:
            ftp = await connect(passage, to.host, to.port, user=login[0], password=login[1], settings=self._settings)
        except NotLoggedIn:
            # In the server's place: a browser keeps what it is told for this server alone.
            challenge = b'Basic realm="ftp://%b", charset="UTF-8"' % to.authority
            return page(401, request.fields, ((b"WWW-Authenticate", challenge),))
        except Failed as error:
            raise _unreachable(error) from None
        try:
            return await self._ask(ftp, url, request)
        except Failed as error:
            ftp.abort()
            return _refusal(error, request)
        except BaseException:
            ftp.abort()
            raise

    async def _ask(self, ftp: FTP, url: URL, request: Request) -> Response:
        path = url.path.decode("utf-8", "surrogateescape")
        if url.is_folder:
            return await self._folder(ftp, url, path)
        size: int | None = None
        try:
            size = await ftp.size(path)
        except Refused:
            pass  # it is a folder, or nothing, or the server doesn't say
        fields = Fields(((b"Content-Type", content_type(url.name) or b""), (b"X-Content-Type-Options", b"nosniff")))
        if request.method == b"HEAD" and size is not None:
            leave(ftp)
            return Response(200, fields, unsent(size))
        try:
            download = await ftp.retrieve(path, size=size)
        except TryLater:
            raise
        except Refused:
            await ftp.cwd(path)  # raises where there is nothing at all
            leave(ftp)
            # Beneath the folder's own address: its links are relative to it.
            return page(302, request.fields, ((b"Location", b"./%b/" % _quoted(url.name)),))
        if request.method == b"HEAD":
            ftp.abort()
            return Response(200, fields, unsent(None))

        def close() -> None:
            if download.over:
                leave(ftp)
            else:
                ftp.abort()

        return Response(200, fields, Stream(_octets(download), size, close))

    async def _folder(self, ftp: FTP, url: URL, path: str) -> Response:
        entries: list[Entry] = []
        more = False
        listed = ftp.entries(path)
        try:
            async for one in listed:
                if len(entries) == MAX_ROWS:
                    more = True
                    break
                size = -1 if one.size is None else one.size
                modified = int((one.modified or 0) * 1e9)
                entries.append(Entry(one.name.encode("utf-8", "surrogateescape"), one.folder, size, modified, 0, 0, 0))
        finally:
            await listed.aclose()
        if more:
            ftp.abort()
        else:
            leave(ftp)
        entries.sort(key=lambda entry: (not entry.folder, entry.name.lower()))
        folders = sum(entry.folder for entry in entries)
        size = sum(entry.size for entry in entries if not entry.folder and entry.size > 0)
        shown = b"/" + url.path.strip(b"/") + b"/" if url.path.strip(b"/") else b"/"
        html = listing_page.head(shown, "name", False, False) + listing_page.rows(entries)
        note = f"Only {MAX_ROWS:,} entries are shown." if more else ""
        html += listing_page.tail(listing_page.count(folders, len(entries) - folders, size), note, forms=False)
        return Response(200, Fields.of_block(BLOCKS[b"text/html"]), html.encode())


def leave(ftp: FTP) -> None:
    """Say goodbye, in the background."""
    Deferred.fromCoroutine(ftp.quit()).addErrback(lambda failure: ftp.abort())


def _login(request: Request, to: Destination) -> tuple[str, str] | None:
    """User and password: the URL's, or those that the client was asked for, or nobody's. None when they can't be
    sent."""
    user, password = ANONYMOUS.encode(), PASSWORD.encode()
    given = request.fields.get(b"authorization")
    if to.userinfo is not None:
        user, own = login_of(to.userinfo)
        password = own or b""
    elif given is not None:
        user, password = parse_basic(given) or (user, password)
    if any(octet < 32 or octet == 127 for octet in user + password):
        return None
    return user.decode("utf-8", "surrogateescape"), password.decode("utf-8", "surrogateescape")


def _unreachable(error: Failed) -> Unreachable:
    if isinstance(error, NoAnswer):
        return Unreachable("The FTP server does not answer in time.", 504)
    if isinstance(error, ConnectFailed):
        return Unreachable("The host cannot be reached, or does not want to be asked at that port.")
    if isinstance(error, TryLater):
        return Unreachable("The FTP server is too busy.", 503)
    return Unreachable("What answers there is no FTP server, or does not let us in.")


def _refusal(error: Failed, request: Request) -> Response:
    if isinstance(error, NotLoggedIn):
        return page(403, request.fields)
    if isinstance(error, TryLater):
        return page(503, request.fields, RETRY)
    if isinstance(error, Refused):
        return page(404, request.fields)
    raise _unreachable(error)


def _quoted(name: bytes) -> bytes:
    return quote_from_bytes(name, "!$&'()*+,=@~").encode("ascii")


async def _octets(download: Download) -> AsyncGenerator[bytes, None]:
    """A document, as it comes. Raises BodyLost."""
    try:
        async for chunk in download:
            yield chunk
    except Failed as error:
        raise BodyLost(str(error)) from None
