"""Which methods there are at a path: OPTIONS, and 405 for those that aren't (RFC 9110 sections 9.3.7 and 15.5.6)."""

from __future__ import annotations

from netdaemon.interfaces import IDocuments
from netdaemon.protocols.http.editing import own_documents
from netdaemon.protocols.http.grammar.message import Fields
from netdaemon.protocols.http.pages import page
from netdaemon.protocols.http.request import Caller, Request
from netdaemon.protocols.http.responder import Responder
from netdaemon.protocols.http.response import Response
from netdaemon.protocols.http.settings import HTTPSettings

READING = (b"GET", b"HEAD")
WRITING = (b"PUT", b"DELETE")


class Allowed(Responder):
    """Tells of ``methods``. Where ``documents`` stand, it leaves out what nobody may do to them, or the account that
    asks; ``settings`` are the site's."""

    def __init__(self, methods: tuple[bytes, ...], settings: HTTPSettings, documents: IDocuments | None = None) -> None:
        self._methods = methods
        self._settings = settings
        self._documents = documents

    def respond(self, request: Request, caller: Caller) -> Response:
        """The methods, with 204 for who asked for them and with 405 for others."""
        methods = self._methods
        documents = self._documents
        if documents is not None:
            if caller.login is not None:
                documents = own_documents(caller, self._settings)
            if not documents.may_write(request.path):
                methods = tuple(method for method in methods if method not in WRITING)
        allow = ((b"Allow", b", ".join(dict.fromkeys((*methods, b"OPTIONS")))),)
        return Response(204, Fields(allow)) if request.method == b"OPTIONS" else page(405, request.fields, allow)
