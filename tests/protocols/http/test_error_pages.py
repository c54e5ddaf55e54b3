"""The operator's pages in place of ours: the body is his, the status and what it needs stay."""

from __future__ import annotations

from typing import Any

from netdaemon.protocols.http.grammar.message import Fields
from netdaemon.protocols.http.responder import Fixed, Route
from netdaemon.protocols.http.response import Response
from netdaemon.protocols.http.settings import ErrorPage, Protected
from tests.protocols.http.visitors import SCULLY, AccountTests

PAGES = tuple(ErrorPage(status, f"/errors/{status}.html") for status in (400, 401, 403, 404, 405, 413, 416, 500))


class ErrorPageTests(AccountTests):
    def setUp(self) -> None:
        super().setUp()
        for page in PAGES:
            self.file(page.path[1:], b"our own %d" % page.status)

    def test_in_place_of_ours(self) -> None:
        peer = self.visitor(self.factory(error_page=PAGES, protect=(Protected("/private", ("mulder",)),)))
        for target, fields, status, name in (
            ("/none", (), 404, b""),
            ("/", (), 403, b""),
            ("/private/", (), 401, b"WWW-Authenticate"),
            ("/private/", (SCULLY,), 403, b""),
            ("/hello.txt", (b"Range: bytes=100-",), 416, b"Content-Range"),
        ):
            reply = self.via(peer, target, *fields)
            self.assertEqual((reply.status, reply.body), (status, b"our own %d" % status))
            self.assertEqual(reply[b"Content-Type"], b"text/html; charset=utf-8")
            self.assertEqual((reply[b"Content-Security-Policy"], reply[b"ETag"]), (None, None))
            if name:
                self.assertIsNotNone(reply[name])
        reply = self.via(peer, "/hello.txt", method=b"POST")
        self.assertEqual((reply.body, reply[b"Allow"]), (b"our own 405", b"GET, HEAD, PUT, DELETE, OPTIONS"))

    def test_head(self) -> None:
        peer = self.visitor(self.factory(error_page=PAGES))
        reply = self.via(peer, "/none", method=b"HEAD")
        self.assertEqual((reply.status, reply[b"Content-Length"], reply.body), (404, b"11", b""))

    def test_what_the_session_itself_refuses(self) -> None:
        peer = self.visitor(self.factory(error_page=PAGES, body_limit=1))
        peer.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n")
        self.assertEqual([(reply.status, reply.body) for reply in peer.replies()], [(413, b"our own 413")])

    def test_a_defect_of_ours(self) -> None:
        factory = self.factory(error_page=PAGES)

        def fail(*arguments: Any) -> Any:
            raise ZeroDivisionError

        factory.sites.own.route = lambda request: Route(_Calls(fail))
        self.assertEqual(self.via(self.visitor(factory), "/").body, b"our own 500")
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_a_missing_one_is_ours_again(self) -> None:
        (self.top / "errors/404.html").unlink()
        reply = self.visit("/none", error_page=PAGES)
        self.assertEqual(reply.status, 404)
        self.assertIn(b"There is nothing at this address", reply.body)

    def test_another_type(self) -> None:
        self.file("lost.txt", b"lost")
        reply = self.visit("/none", error_page=(ErrorPage(404, "/lost.txt"),))
        self.assertEqual((reply[b"Content-Type"], reply.body), (b"text/plain; charset=utf-8", b"lost"))

    def test_a_large_one(self) -> None:
        self.file("lost.html", b"x" * 300_000)
        peer = self.visitor(self.factory(error_page=(ErrorPage(404, "/lost.html"),)))
        for _ in range(2):
            reply = self.via(peer, "/none")
            self.assertEqual((reply.status, len(reply.body)), (404, 300_000))
            self.assertEqual(len(self.via(peer, "/none", method=b"HEAD").body), 0)

    def test_where_all_is_protected_it_can_still_be_shown(self) -> None:
        reply = self.visit("/", error_page=PAGES, protect=(Protected("/", ()),))
        self.assertEqual((reply.status, reply.body), (401, b"our own 401"))

    def test_what_others_say_of_their_errors_stays(self) -> None:
        factory = self.factory(error_page=PAGES)
        theirs = Response(404, Fields(((b"Content-Type", b"text/x"),)), b"a program's own words")
        factory.sites.own.route = lambda request: Route(Fixed(theirs))
        self.assertEqual(self.via(self.visitor(factory), "/").body, b"a program's own words")

    def test_asked_for_itself_it_is_a_document(self) -> None:
        self.assertEqual(self.visit("/errors/404.html", error_page=PAGES).status, 200)


class _Calls:
    def __init__(self, respond: Any) -> None:
        self.respond = respond
