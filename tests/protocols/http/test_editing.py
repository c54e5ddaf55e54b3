"""PUT and DELETE: who may, what becomes of it, and what of what broke off."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred

from netdaemon.accounts.realm import DocumentsAvatar
from netdaemon.config.settings import DocumentsSettings
from netdaemon.documents.rights import Narrowed
from netdaemon.documents.tree import Tree
from netdaemon.interfaces import IDocumentsAvatar, NoSpace
from netdaemon.protocols.http.settings import Protected
from tests.protocols.http.peer import Peer, Reply
from tests.protocols.http.visitors import MULDER, SCULLY, WRONG, AccountTests

GET = b"GET /hello.txt HTTP/1.1\r\nHost: a\r\n\r\n"


class EditingTests(AccountTests):
    def put(self, peer: Peer, target: str, body: bytes = b"new", *fields: bytes) -> Reply:
        return self.via(peer, target, *(fields or (MULDER,)), method=b"PUT", body=body)

    def names(self) -> list[str]:
        """Everything in the tree, temporaries too."""
        return sorted(str(path.relative_to(self.top)) for path in self.top.rglob("*"))


class PutTests(EditingTests):
    def test_new_and_replaced(self) -> None:
        peer = self.visitor(self.factory())
        reply = self.put(peer, "/new.txt", b"first")
        self.assertEqual((reply.status, reply.body), (201, b""))
        shown = self.via(peer, "/new.txt")
        self.assertEqual(shown.body, b"first")
        for name in (b"ETag", b"Last-Modified"):
            self.assertEqual(reply[name], shown[name])
            self.assertIsNotNone(reply[name])
        again = self.put(peer, "/new.txt", b"second")
        self.assertEqual(again.status, 204)
        self.assertNotEqual(again[b"ETag"], reply[b"ETag"])
        self.assertEqual(self.via(peer, "/new.txt").body, b"second", "the shelf did not hear of it")
        self.assertEqual(self.names(), ["hello.txt", "new.txt"])

    def test_what_is_at_hand_is_put_away(self) -> None:
        self.file("sites/hello.txt")
        for settings in ({}, {"protect": (Protected("/private", ()),)}, {"root": "/sites"}):
            peer = self.visitor(self.factory(**settings))
            for body in (b"one", b"two"):
                self.put(peer, "/hello.txt", body)
                peer.wire.written.clear()
                peer.send(GET)
                peer.send(GET)
                self.assertEqual([reply.body for reply in peer.replies()], [body, body])

    def test_empty_and_chunked(self) -> None:
        peer = self.visitor(self.factory())
        self.assertEqual(self.put(peer, "/empty", b"").status, 201)
        self.assertEqual(self.via(peer, "/no-length", MULDER, method=b"PUT").status, 201)
        self.assertEqual((self.top / "no-length").read_bytes(), b"")
        peer.wire.written.clear()
        head = b"PUT /chunked HTTP/1.1\r\nHost: a\r\n%b\r\nTransfer-Encoding: chunked\r\n\r\n" % MULDER
        peer.send(head + b"3\r\nabc\r\n0\r\n\r\n")
        self.assertEqual(peer.replies()[0].status, 201)
        self.assertEqual((self.top / "chunked").read_bytes(), b"abc")
        self.assertEqual((self.top / "empty").read_bytes(), b"")

    def test_without_an_account(self) -> None:
        peer = self.visitor(self.factory())
        for fields in ((b"X: y",), (b"Authorization: Bearer x",)):
            reply = self.put(peer, "/new.txt", b"new", *fields)
            self.assertEqual((reply.status, reply[b"WWW-Authenticate"] is None), (401, False))
            self.assertEqual(self.via(peer, "/hello.txt", *fields, method=b"DELETE").status, 401)
        self.assertEqual(self.names(), ["hello.txt"])

    def test_a_wrong_password(self) -> None:
        peer = self.visitor(self.factory())
        peer.send(b"PUT /new HTTP/1.1\r\nHost: a\r\n%b\r\nContent-Length: 1\r\n\r\nx" % WRONG)
        self.clock.advance(5)
        self.assertEqual([reply.status for reply in peer.replies()], [401])
        self.assertEqual(self.names(), ["hello.txt"])

    def test_in_clear(self) -> None:
        peer = self.visitor(self.factory(), tls=False)
        reply = self.put(peer, "/new")
        self.assertEqual((reply.status, reply[b"WWW-Authenticate"]), (403, None))
        self.assertEqual(self.names(), ["hello.txt"])

    def test_switched_off(self) -> None:
        peer = self.visitor(self.factory(write=False))
        for method in (b"PUT", b"DELETE"):
            reply = self.via(peer, "/hello.txt", MULDER, method=method)
            self.assertEqual((reply.status, reply[b"Allow"]), (405, b"GET, HEAD, OPTIONS"))

    def test_rights(self) -> None:
        factory = self.factory()
        self.file("pub/a", b"a")
        self.accounts.store.set_right("scully", "/", "r")
        self.accounts.store.set_right("scully", "/hidden", "-")
        self.file("hidden/a", b"a")
        peer = self.visitor(factory)
        # What an account may not see is not there for it, so a folder is missing (409).
        for target, put, deleted in (("/new", 403, 403), ("/pub/a", 403, 403), ("/hidden/a", 409, 404)):
            self.assertEqual(self.put(peer, target, b"x", SCULLY).status, put, target)
            self.assertEqual(self.via(peer, target, SCULLY, method=b"DELETE").status, deleted, target)
        self.assertEqual((self.top / "pub/a").read_bytes() + (self.top / "hidden/a").read_bytes(), b"aa")

    def test_who_may_not_come_here_may_not_write_here(self) -> None:
        self.file("private/a", b"a")
        peer = self.visitor(self.factory(protect=(Protected("/private", ("mulder",)),)))
        self.assertEqual(self.put(peer, "/private/a", b"x", SCULLY).status, 403)
        self.assertEqual(self.put(peer, "/private/a", b"b").status, 204)
        self.assertEqual(self.via(peer, "/private/a", MULDER).body, b"b")

    def test_what_stands_in_the_way(self) -> None:
        (self.top / "folder").mkdir()
        (self.top / "dangling").symlink_to("nowhere")
        peer = self.visitor(self.factory())
        for target, status in (
            ("/folder", 409),
            ("/none/new", 409),
            ("/hello.txt/new", 409),
            ("/folder/", 405),
            ("/none/", 405),
            ("/", 405),
            ("/.hidden", 404),
            ("/dangling", 403),
            ("/" + "n" * 300, 404),
            ("/../x", 400),
            ("/a%2fb", 400),
        ):
            self.assertEqual(self.put(self.visitor(self.factory()), target).status, status, target)
        self.assertEqual(self.put(peer, "/").status, 405)
        self.assertEqual(self.put(peer, "/")[b"Allow"], b"GET, HEAD, OPTIONS")
        self.assertEqual(self.put(peer, "/folder/")[b"Allow"], b"GET, HEAD, DELETE, OPTIONS")
        self.assertEqual(self.names(), ["dangling", "folder", "hello.txt"])

    def test_the_sites_root(self) -> None:
        (self.top / "sites").mkdir()
        peer = self.visitor(self.factory(root="/sites"))
        self.assertEqual(self.put(peer, "/a").status, 201)
        self.assertEqual(self.via(peer, "/a").body, b"new")
        self.assertEqual(self.names(), ["hello.txt", "sites", "sites/a"])

    def test_parts_and_codings(self) -> None:
        peer = self.visitor(self.factory())
        self.assertEqual(self.put(peer, "/hello.txt", b"x", MULDER, b"Content-Range: bytes 0-0/6").status, 400)
        reply = self.put(peer, "/hello.txt", b"x", MULDER, b"Content-Encoding: gzip")
        self.assertEqual((reply.status, reply[b"Accept-Encoding"]), (415, b"identity"))
        self.assertEqual(self.put(peer, "/hello.txt", b"x", MULDER, b"Content-Encoding: Identity").status, 204)

    def test_too_large(self) -> None:
        self.assertEqual(self.put(self.visitor(self.factory(write_limit=2)), "/new", b"abc").status, 413)
        peer = self.visitor(self.factory(write_limit=2))
        chunks = b"1\r\na\r\n2\r\nbc\r\n0\r\n\r\n"
        peer.send(b"PUT /new HTTP/1.1\r\nHost: a\r\n%b\r\nTransfer-Encoding: chunked\r\n\r\n%b" % (MULDER, chunks))
        self.assertEqual([reply.status for reply in peer.replies()], [413])
        self.assertEqual(self.names(), ["hello.txt"])

    def test_no_space(self) -> None:
        factory = self.factory()
        self.accounts.store.set_quota("scully", 100)
        peer = self.visitor(factory)
        self.assertEqual(self.put(peer, "/a", b"x" * 60, SCULLY).status, 201)
        self.settle()
        head = b"PUT /b HTTP/1.1\r\nHost: a\r\n%b\r\nExpect: 100-continue\r\nContent-Length: 60\r\n\r\n" % SCULLY
        peer.wire.written.clear()
        peer.send(head)
        self.settle()
        self.assertEqual([reply.status for reply in peer.replies()], [507], "what can't fit is asked for")
        peer = self.visitor(factory)
        chunk = b"3c\r\n" + b"x" * 60 + b"\r\n0\r\n\r\n"
        peer.send(b"PUT /b HTTP/1.1\r\nHost: a\r\n%b\r\nTransfer-Encoding: chunked\r\n\r\n%b" % (SCULLY, chunk))
        self.settle()
        self.assertEqual([reply.status for reply in peer.replies()], [507])
        replaced = self.put(self.visitor(factory), "/a", b"y" * 90, SCULLY)
        self.assertEqual(replaced.status, 204, "it takes the old one's place")
        self.assertEqual(self.names(), ["a", "hello.txt"])

    def test_a_full_disk(self) -> None:
        factory = self.factory()
        tree = self.tree_of(factory)

        class Full:
            def write(self, data: bytes) -> None:
                raise NoSpace(b"/new")

            def abandon(self) -> None:
                self.abandoned = True

        full = Full()
        self.patch(tree, "write", lambda *arguments: full)
        self.assertEqual(self.put(self.visitor(factory), "/new").status, 507)
        self.assertTrue(full.abandoned)

    def tree_of(self, factory: Any) -> Tree:
        assert self.made is not None
        tree = self.made.documents
        assert isinstance(tree, Tree)
        return tree


class BrokenTests(EditingTests):
    HEAD = b"PUT /hello.txt HTTP/1.1\r\nHost: a\r\n%b\r\n" % MULDER

    def test_nothing_is_left(self) -> None:
        for framed in (b"Content-Length: 100\r\n\r\nhalf", b"Transfer-Encoding: chunked\r\n\r\n5\r\nhal"):
            for end in (
                lambda peer: peer.leave(),
                lambda peer: peer.session.readConnectionLost(),
                lambda peer: self.clock.advance(1000),
            ):
                peer = self.visitor(self.factory())
                peer.send(self.HEAD + framed)
                self.assertEqual(len(self.names()), 2, "the temporary")
                end(peer)
                self.assertEqual(self.names(), ["hello.txt"])
                self.assertEqual((self.top / "hello.txt").read_bytes(), b"hello\n")
        peer = self.visitor(self.factory())
        peer.send(self.HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\nno chunk\r\n")
        self.assertEqual([reply.status for reply in peer.replies()], [400])
        self.assertEqual((self.top / "hello.txt").read_bytes(), b"hello\n")
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_readers_see_the_old_one_until_all_is_there(self) -> None:
        factory = self.factory()
        writer, reader = self.visitor(factory), self.visitor(factory)
        writer.send(self.HEAD + b"Content-Length: 8\r\n\r\n")
        for octet in b"complete":
            self.assertEqual(self.via(reader, "/hello.txt").body, b"hello\n")
            writer.send(bytes([octet]))
        self.assertEqual(self.via(reader, "/hello.txt").body, b"complete")

    def test_the_last_of_two_wins_whole(self) -> None:
        factory = self.factory()
        one, other = self.visitor(factory), self.visitor(factory)
        one.send(self.HEAD + b"Content-Length: 4\r\n\r\noo")
        other.send(self.HEAD + b"Content-Length: 4\r\n\r\nxx")
        one.send(b"oo")
        other.send(b"xx")
        self.assertEqual((self.top / "hello.txt").read_bytes(), b"xxxx")
        self.assertEqual(self.names(), ["hello.txt"])


class ContinueTests(EditingTests):
    """100 Continue is said when nothing is left that could refuse the document."""

    def expect(self, *fields: bytes, target: bytes = b"/hello.txt", **settings: Any) -> Peer:
        peer = self.visitor(self.factory(**settings))
        lines = b"".join(b"%b\r\n" % field for field in fields)
        peer.send(
            b"PUT %b HTTP/1.1\r\nHost: a\r\n%bExpect: 100-continue\r\nContent-Length: 3\r\n\r\n" % (target, lines)
        )
        return peer

    def test_then(self) -> None:
        peer = self.expect(MULDER)
        self.assertEqual(peer.output, b"HTTP/1.1 100 Continue\r\n\r\n")
        peer.wire.written.clear()
        peer.send(b"abc" + GET)
        self.assertEqual([(reply.status, reply.body) for reply in peer.replies()], [(204, b""), (200, b"abc")])

    def test_not_before(self) -> None:
        (self.top / "folder").mkdir()
        for peer, status in (
            (self.expect(), 401),
            (self.expect(MULDER, b'If-Match: "x"'), 412),
            (self.expect(MULDER, b"If-None-Match: *"), 412),
            (self.expect(MULDER, target=b"/folder"), 409),
            (self.expect(MULDER, target=b"/none/x"), 409),
            (self.expect(MULDER, write=False), 405),
            (self.expect(MULDER, write_limit=2), 413),
            (self.expect(SCULLY, protect=(Protected("/", ("mulder",)),)), 403),
        ):
            self.assertEqual([reply.status for reply in peer.replies()], [status])
            self.assertEqual(peer.replies()[0][b"Connection"], b"close")


class PreconditionTests(EditingTests):
    def test_by_tag(self) -> None:
        peer = self.visitor(self.factory())
        tag = b"If-Match: " + (self.via(peer, "/hello.txt")[b"ETag"] or b"")
        self.assertEqual(self.put(peer, "/hello.txt", b"2", MULDER, tag).status, 204)
        self.assertEqual(self.put(peer, "/hello.txt", b"3", MULDER, tag).status, 412)
        self.assertEqual(self.put(peer, "/none", b"3", MULDER, b"If-Match: *").status, 412)
        self.assertEqual(self.via(peer, "/hello.txt", MULDER, tag, method=b"DELETE").status, 412)
        self.assertEqual(self.via(peer, "/hello.txt").body, b"2")

    def test_only_new(self) -> None:
        peer = self.visitor(self.factory())
        self.assertEqual(self.put(peer, "/hello.txt", b"x", MULDER, b"If-None-Match: *").status, 412)
        self.assertEqual(self.put(peer, "/new", b"x", MULDER, b"If-None-Match: *").status, 201)
        self.assertEqual(self.put(peer, "/new", b"y", MULDER, b"If-None-Match: *").status, 412)
        self.assertEqual(self.via(peer, "/new").body, b"x")

    def test_by_date(self) -> None:
        peer = self.visitor(self.factory())
        date = b"If-Unmodified-Since: " + (self.via(peer, "/hello.txt")[b"Last-Modified"] or b"")
        old = b"If-Unmodified-Since: Mon, 01 Jan 2001 00:00:00 GMT"
        self.assertEqual(self.put(peer, "/hello.txt", b"x", MULDER, old).status, 412)
        self.assertEqual(self.put(peer, "/hello.txt", b"x", MULDER, date).status, 204)

    def test_again_when_all_is_there(self) -> None:
        for field in (b"If-None-Match: *", b"If-Match: *"):
            factory = self.factory()
            slow, quick = self.visitor(factory), self.visitor(factory)
            target = b"/new" if b"None" in field else b"/hello.txt"
            slow.send(b"PUT %b HTTP/1.1\r\nHost: a\r\n%b\r\n%b\r\nContent-Length: 2\r\n\r\nx" % (target, MULDER, field))
            if b"None" in field:
                self.assertEqual(self.put(quick, "/new", b"quick").status, 201)
            else:
                self.assertEqual(self.via(quick, "/hello.txt", MULDER, method=b"DELETE").status, 204)
            slow.send(b"y")
            self.assertEqual([reply.status for reply in slow.replies()], [412])
        self.assertEqual(self.names(), ["new"])
        self.assertEqual((self.top / "new").read_bytes(), b"quick")

    def test_one_of_two_that_have_seen_the_same(self) -> None:
        # While one is being committed in its thread, the other comes to its last look.
        factory = self.factory()
        tag = b"If-Match: " + (self.via(self.visitor(factory), "/hello.txt")[b"ETag"] or b"")
        waiting: list[tuple[Deferred[Any], Any]] = []

        def in_thread(work: Any, *arguments: Any) -> Deferred[Any]:
            waiting.append((Deferred(), work))
            return waiting[-1][0]

        assert self.made is not None
        self.patch(type(self.made), "in_thread", lambda house, work, *arguments: in_thread(work, *arguments))
        peers = [self.visitor(factory), self.visitor(factory)]
        for peer in peers:
            peer.send(b"PUT /hello.txt HTTP/1.1\r\nHost: a\r\n%b\r\n%b\r\nContent-Length: 1\r\n\r\nx" % (MULDER, tag))
        self.assertEqual(len(waiting), 1)
        deferred, work = waiting[0]
        deferred.callback(work())
        self.assertEqual([reply.status for peer in peers for reply in peer.replies()], [204, 412])
        self.assertEqual(self.names(), ["hello.txt"])


class DeleteTests(EditingTests):
    def delete(self, peer: Peer, target: str, *fields: bytes) -> int:
        return self.via(peer, target, *(fields or (MULDER,)), method=b"DELETE").status

    def test_documents_and_folders(self) -> None:
        self.file("full/a", b"a")
        (self.top / "empty").mkdir()
        (self.top / "other").mkdir()
        peer = self.visitor(self.factory())
        for target, status in (
            ("/hello.txt", 204),
            ("/hello.txt", 404),
            ("/full/", 409),
            ("/full", 409),
            ("/full/a/", 404),
            ("/full/a", 204),
            ("/full/", 204),
            ("/empty/", 204),
            ("/other", 204),
            ("/none/", 404),
            ("/.hidden", 404),
            ("/", 405),
        ):
            self.assertEqual(self.delete(peer, target), status, target)
        self.assertEqual(self.names(), [])
        self.assertEqual(self.via(peer, "/hello.txt").status, 404)

    def test_links_and_not_what_they_lead_to(self) -> None:
        (self.top / "link").symlink_to("hello.txt")
        peer = self.visitor(self.factory())
        self.assertEqual(self.delete(peer, "/link"), 204)
        self.assertEqual(self.names(), ["hello.txt"])

    def test_a_full_folder_that_one_may_not_write(self) -> None:
        self.file("full/a", b"a")
        factory = self.factory()
        self.accounts.store.set_right("scully", "/full", "r")
        self.assertEqual(self.delete(self.visitor(factory), "/full/", SCULLY), 403)


class SealedTests(EditingTests):
    def test_nobody_writes_where_programs_run(self) -> None:
        self.file("bin/run", b"#!/bin/sh")
        tree = Tree(DocumentsSettings(root=self.top), self.clock, ("/bin",))
        self.addCleanup(tree.close)
        peer = self.visitor(self.factory(documents=tree))
        self.accounts.realm.provide(
            IDocumentsAvatar, lambda account: (DocumentsAvatar(Narrowed(tree, account)), lambda: None)
        )
        for target in ("/bin/run", "/bin/new"):
            self.assertEqual(self.put(peer, target).status, 403)
            self.assertEqual(self.via(peer, target, MULDER, method=b"DELETE").status, 403)
            for fields in ((), (MULDER,)):
                self.assertEqual(self.via(peer, target, *fields, method=b"OPTIONS")[b"Allow"], b"GET, HEAD, OPTIONS")


class AllowTests(EditingTests):
    def allow(self, peer: Peer, target: str, *fields: bytes) -> bytes | None:
        reply = self.via(peer, target, *fields, method=b"OPTIONS")
        self.assertEqual(reply.status, 204)
        return reply[b"Allow"]

    def test_per_path_and_account(self) -> None:
        (self.top / "pub").mkdir()
        factory = self.factory(protect=(Protected("/private", ()),))
        self.accounts.store.set_right("scully", "/", "r")
        self.accounts.store.set_right("scully", "/pub", "rw")
        peer = self.visitor(factory)
        reads, writes = b"GET, HEAD, OPTIONS", b"GET, HEAD, PUT, DELETE, OPTIONS"
        self.assertEqual(self.allow(peer, "/hello.txt"), writes)
        self.assertEqual(self.allow(peer, "/hello.txt", MULDER), writes)
        self.assertEqual(self.allow(peer, "/hello.txt", SCULLY), reads)
        self.assertEqual(self.allow(peer, "/pub/new", SCULLY), writes)
        self.assertEqual(self.allow(peer, "/pub/", SCULLY), b"GET, HEAD, DELETE, OPTIONS")
        self.assertEqual(self.allow(peer, "/", MULDER), reads)
        self.assertEqual(self.allow(peer, "/.hidden", MULDER), reads)
        self.assertEqual(self.allow(peer, "/.hidden"), reads)
        self.assertEqual(self.via(peer, "/hello.txt", SCULLY, method=b"POST")[b"Allow"], writes)
        self.assertEqual(self.via(peer, "/private/x", method=b"OPTIONS").status, 401)
        self.assertEqual(self.allow(peer, "/private/x", SCULLY), reads)
        peer = self.visitor(self.factory(write=False))
        self.assertEqual(self.allow(peer, "/hello.txt", MULDER), reads)
        self.assertEqual(self.allow(peer, "*"), reads)
        everything = b"GET, HEAD, POST, PUT, DELETE, PATCH, OPTIONS"
        self.assertEqual(self.allow(self.visitor(self.factory(echo="/echo")), "*"), everything)
