"""Documents kept in memory: how old what is shown may be, what is told at once, and the bounds."""

from __future__ import annotations

import os
from typing import Any

from netdaemon.documents.rights import Narrowed
from netdaemon.interfaces import Account, Forbidden, Unavailable
from netdaemon.protocols.http import shelf
from netdaemon.protocols.http.grammar.dates import format_date
from tests.protocols.http.peer import NOW, HTTPTests, Peer, Reply, descriptors

OLD = NOW - 3600
LARGE = shelf.MAX_BODY + 1


class Counting:
    """A tree that counts how often it is opened, and tells of changes like the one behind it."""

    def __init__(self, tree: Any) -> None:
        self.tree = tree
        self.opened: list[bytes] = []
        self.error: Exception | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self.tree, name)

    def open(self, path: bytes) -> Any:
        self.opened.append(path)
        if self.error is not None:
            raise self.error
        return self.tree.open(path)


class ShelfTests(HTTPTests):
    def start(self, **settings: Any) -> None:
        self.wall = NOW
        self.site = self.factory(wall=lambda: self.wall, **settings)
        assert self.made is not None
        self.tree = self.made.documents
        static = self.site.sites.own._views.everybody
        self.shelf: shelf.Shelf = static._shelf
        self.counting = self.shelf._documents = Counting(self.tree)  # type: ignore[assignment]  # a stand-in
        self.there = Peer(self.site)
        self.addCleanup(self.there.leave)
        self.addCleanup(self.made.deadlines.stop)

    def setUp(self) -> None:
        super().setUp()
        self.start()

    @property
    def opened(self) -> int:
        return len(self.counting.opened)

    def see(self, target: str = "/hello.txt", *fields: bytes, method: bytes = b"GET") -> Reply:
        """The reply to one request on the test's one connection."""
        self.there.wire.written.clear()
        lines = b"".join(b"%b\r\n" % field for field in fields)
        self.there.send(b"%b %b HTTP/1.1\r\nHost: a\r\n%b\r\n" % (method, target.encode(), lines))
        self.settle()
        (reply,) = self.there.replies(method)
        return reply

    def wait(self, seconds: float) -> None:
        self.wall += seconds
        self.clock.advance(seconds)

    # --- how old what is shown may be

    def test_one_look_a_second(self) -> None:
        first = self.see()
        for _ in range(3):
            self.wait(0.24)
            reply = self.see()
            self.assertEqual((reply.status, reply.body, reply[b"ETag"]), (200, b"hello\n", first[b"ETag"]))
        self.assertEqual(self.opened, 1)
        self.wait(0.28)
        self.see()
        self.assertEqual(self.opened, 2)

    def test_the_last_request_of_a_connection_at_hand_too(self) -> None:
        head = b"GET /hello.txt HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
        seen = []
        for _ in range(3):
            peer = Peer(self.site)
            self.addCleanup(peer.leave)
            opened = self.opened
            peer.send(head)
            self.assertTrue(peer.wire.closing)
            peer.send(head)
            (reply,) = peer.replies()
            self.assertEqual((reply[b"Connection"], reply.body), (b"close", b"hello\n"))
            seen.append((sorted(reply.fields), self.opened - opened))
        self.assertEqual([fields for fields, _ in seen], [seen[0][0]] * 3)
        self.assertEqual(seen[-1][1], 0)

    def test_the_same_octets_but_for_the_date_whichever_way(self) -> None:
        self.see()
        written = [self.see("/hello.txt") for _ in range(3)]
        self.assertEqual([reply.fields for reply in written], [written[0].fields] * 3)
        self.start(cache_size=0)
        self.assertEqual(self.see().fields, written[0].fields)
        self.see()
        self.assertEqual(self.opened, 2, "0 keeps none")

    def test_the_date_goes_on(self) -> None:
        for step in range(3):
            self.assertEqual(self.see()[b"Date"], format_date(NOW + step))
            self.wait(1)

    def test_another_programs_change_is_seen_within_a_second(self) -> None:
        self.see()
        self.file("hello.txt", b"HELLO\n", OLD + 0.5)  # in place: the same size, the same second
        self.wait(0.99)
        self.assertEqual(self.see().body, b"hello\n")
        self.wait(0.01)
        self.assertEqual(self.see().body, b"HELLO\n")

    def test_replaced_by_one_that_looks_like_it(self) -> None:
        tag = self.see()[b"ETag"]
        self.file("other", b"HELLO\n", OLD)
        (self.top / "other").rename(self.top / "hello.txt")
        self.wait(1)
        reply = self.see()
        self.assertEqual(reply.body, b"HELLO\n")
        self.assertNotEqual(reply[b"ETag"], tag)

    def test_a_stamp_too_young_proves_nothing(self) -> None:
        self.file("young", b"one", NOW - 1)
        self.assertEqual(self.see("/young").body, b"one")
        self.file("young", b"two", NOW - 1)  # as within one step of a coarse file system's clock
        self.assertEqual(self.see("/young").body, b"one")
        self.wait(1)
        self.assertEqual(self.see("/young").body, b"two")
        self.wait(1)
        self.assertEqual(self.see("/young").body, b"two")
        self.wait(1)  # read at NOW + 2: settled
        self.see("/young")
        (item,) = self.shelf._contents.items.values()
        self.assertTrue(item.settled)

    def test_shrunk_grown_and_gone(self) -> None:
        self.see()
        for data in (b"h", b"", b"hello again\n"):
            self.file("hello.txt", data)
            self.wait(1)
            self.assertEqual(self.see().body, data)
        (self.top / "hello.txt").unlink()
        self.wait(1)
        self.assertEqual(self.see().status, 404)
        self.assertEqual(len(self.shelf._contents.items), 0)
        self.file("hello.txt", b"back")
        self.assertEqual(self.see().body, b"back")

    def test_rights_are_asked_again(self) -> None:
        self.see()
        self.counting.error = Forbidden(b"/hello.txt")
        self.wait(1)
        self.assertEqual(self.see().status, 403)
        self.counting.error = Unavailable(b"/hello.txt")
        self.assertEqual(self.see().status, 503)
        self.counting.error = None
        self.assertEqual(self.see().body, b"hello\n")

    def test_a_clock_set_back_keeps_nothing(self) -> None:
        self.wait(10)
        self.see()
        self.clock.rightNow -= 5
        self.see()
        self.assertEqual(self.opened, 2)

    def test_index(self) -> None:
        self.file("index.html", b"one")
        for _ in range(3):
            self.assertEqual(self.see("/").body, b"one")
        self.assertEqual(self.counting.opened, [b"/index.html"])
        (self.top / "index.html").unlink()
        self.wait(1)
        self.assertEqual(self.see("/").status, 403)

    def test_the_first_index_that_is_there(self) -> None:
        self.start(index=("a.html", "b.html"))
        self.file("b.html", b"b")
        self.assertEqual([self.see("/").body for _ in range(2)], [b"b"] * 2)
        self.file("a.html", b"a")
        self.assertEqual([self.see("/").body for _ in range(2)], [b"a"] * 2)

    # --- our own changes

    def test_our_own_writes_are_seen_at_once(self) -> None:
        for documents in (self.tree, Narrowed(self.tree, Account("a"))):
            for data in (b"one", b"two", bytes(LARGE), b"three"):
                writer = documents.write(b"/hello.txt")
                writer.write(data)
                self.see()
                writer.commit()
                self.assertEqual(self.see().body, data)
            documents.remove(b"/hello.txt")
            self.assertEqual(self.see().status, 404)

    def test_our_own_writes_are_seen_through_links(self) -> None:
        (self.top / "alias").symlink_to("hello.txt")
        self.assertEqual(self.see("/alias").body, b"hello\n")
        writer = self.tree.write(b"hello.txt")
        writer.write(b"new")
        writer.commit()
        self.assertEqual(self.see("/alias").body, b"new")

    def test_a_write_while_the_old_one_is_being_read(self) -> None:
        def open_then_write(path: bytes) -> Any:
            self.counting.opened.append(path)
            document = self.tree.open(path)
            writer = self.tree.write(path)
            writer.write(b"new")
            writer.commit()  # in another thread, say
            self.counting.open = self.tree.open  # type: ignore[method-assign]  # only the first time
            return document

        self.counting.open = open_then_write  # type: ignore[method-assign]
        self.assertEqual(self.see().body, b"hello\n")
        self.assertEqual(self.see().body, b"new", "what was read before it is not kept")

    # --- everything else is answered from it too

    def test_head_conditions_and_ranges(self) -> None:
        for size in (1000, LARGE):
            body = os.urandom(size)
            self.file("data", body)
            self.wait(1)
            tag = self.see("/data")[b"ETag"] or b""
            count = self.opened
            head = self.see("/data", method=b"HEAD")
            self.assertEqual((head.status, head.body, head[b"Content-Length"]), (200, b"", b"%d" % size))
            self.assertEqual(self.see("/data", b"If-None-Match: " + tag).status, 304)
            self.assertEqual(self.see("/data", b'If-Match: "x"').status, 412)
            part = self.see("/data", b"Range: bytes=1-5")
            self.assertEqual((part.status, part.body), (206, body[1:6]))
            parts = self.see("/data", b"Range: bytes=1-5,7-8")
            self.assertEqual(parts.status, 206)
            self.assertIn(b"\r\n\r\n%b\r\n--" % body[1:6], parts.body)
            self.assertIn(b"\r\n\r\n%b\r\n--" % body[7:9], parts.body)
            self.assertEqual(self.see("/data", b"Range: bytes=99999999-").status, 416)
            self.assertEqual(self.see("/data", b"Connection: close", method=b"HEAD")[b"Connection"], b"close")
            self.there = Peer(self.site)
            self.addCleanup(self.there.leave)
            self.assertEqual(self.opened, count)

    def test_older_requests(self) -> None:
        self.see()
        for fields, connection in ((b"", b"close"), (b"Connection: keep-alive\r\n", b"keep-alive")):
            peer = Peer(self.site)
            peer.send(b"GET /hello.txt HTTP/1.0\r\n%b\r\n" % fields)
            (reply,) = peer.replies()
            self.assertEqual((reply.body, reply[b"Connection"]), (b"hello\n", connection))
            peer.leave()
        self.assertEqual(self.opened, 1)

    # --- bounds

    def test_the_bound_of_octets(self) -> None:
        self.start(cache_size=3 * (1000 + shelf.OVERHEAD))
        for name in "abcd":
            self.file(name, name.encode() * 1000)
            self.see("/" + name)
        self.assertEqual(list(self.shelf._contents.items), [b"/b", b"/c", b"/d"])
        self.assertEqual(self.shelf._contents.size, 3 * (1000 + shelf.OVERHEAD))
        self.file("huge", bytes(10_000))
        self.see("/huge")
        self.assertEqual(list(self.shelf._contents.items), [b"/b", b"/c", b"/d"], "more than all of it: not kept")
        self.wait(1)
        self.see("/b")
        self.see("/a")
        self.assertEqual(list(self.shelf._contents.items), [b"/d", b"/b", b"/a"], "the one asked for again stays")

    def test_what_is_read_anew_counts_once(self) -> None:
        for size in (100, 200, LARGE, 300):
            self.file("hello.txt", bytes(size))
            self.see()
            self.wait(1)
            self.see()
            kept = shelf.OVERHEAD + (0 if size == LARGE else size)
            contents = self.shelf._contents
            self.assertEqual((contents.size, contents.open), (kept, size == LARGE))

    def test_the_bound_of_items(self) -> None:
        self.patch(shelf, "MAX_ITEMS", 2)
        for name in "abc":
            self.file(name)
            self.see("/" + name)
        self.assertEqual(list(self.shelf._contents.items), [b"/b", b"/c"])

    def test_the_bound_of_descriptors(self) -> None:
        self.patch(shelf, "MAX_OPEN", 2)
        before = descriptors()
        for name in "abcd":
            self.file(name, bytes(LARGE))
            for _ in range(2):
                self.assertEqual(len(self.see("/" + name).body), LARGE)
        self.assertEqual(descriptors() - before, 2)
        self.assertEqual(self.shelf._contents.open, 2)

    def test_descriptors_are_given_back_when_nobody_asks(self) -> None:
        before = descriptors()
        for name in "ab":
            self.file(name, bytes(LARGE))
            self.see("/" + name)
        self.assertEqual(descriptors() - before, 2)
        self.wait(shelf.IDLE / 2)
        self.see("/b")
        for _ in range(2 + int(shelf.IDLE / 2)):
            self.wait(1)
        self.assertEqual((descriptors() - before, list(self.shelf._contents.items)), (1, [b"/b"]))
        for _ in range(2 + int(shelf.IDLE)):
            self.wait(1)
        self.assertEqual((descriptors() - before, list(self.shelf._contents.items)), (0, []))
        self.see("/a")
        self.assertEqual(descriptors() - before, 1)

    def test_thrown_away_while_it_is_being_sent(self) -> None:
        body = os.urandom(500_000)
        self.file("large", body)
        before = descriptors()
        slow = Peer(self.site, lazy=True)
        slow.send(b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n")
        self.assertLess(len(slow.output), 200_000)
        self.tree.make_folder(b"/x")  # which empties it
        self.assertEqual(len(self.shelf._contents.items), 0)
        (self.top / "large").unlink()
        for _ in range(20):
            slow.wire.taken()
        self.assertEqual(slow.replies()[0].body, body)
        self.assertEqual(descriptors(), before)
        slow.leave()

    def test_a_large_one_changed_in_place_keeps_its_promise(self) -> None:
        place = self.file("large", bytes(LARGE + 1000))
        self.see("/large")
        with place.open("r+b") as file:
            file.truncate(LARGE)
        self.assertEqual(len(self.see("/large").body), LARGE)
        self.assertFalse(self.there.wire.aborted)

    def test_nothing_stays_open_when_the_tree_closes(self) -> None:
        before = descriptors()
        self.file("large", bytes(LARGE))
        self.see("/large")
        self.tree.close()
        self.assertEqual(descriptors(), before - 1, "the root's, and the document's")
        self.assertEqual(self.see().status, 503)


class KnownHeadTests(HTTPTests):
    """Heads that were seen before take a short way: what comes out must be the same."""

    HEAD = b"GET /hello.txt HTTP/1.1\r\nHost: a\r\nUser-Agent: x\r\n\r\n"

    def test_the_short_way_is_the_long_one(self) -> None:
        lines: dict[int, list[str]] = {}
        outputs: dict[int, list[bytes]] = {}
        for size in (0, 1 << 20):
            peer = self.peer(cache_size=size)
            for _ in range(3):
                peer.send(self.HEAD)
            peer.send(self.HEAD * 3)
            peer.send(self.HEAD, 1)
            peer.send(b"\r\n" + self.HEAD)
            peer.send(self.HEAD + self.HEAD[:9])
            peer.send(self.HEAD[9:])
            assert self.made is not None
            outputs[size] = [reply.body for reply in peer.replies()]
            lines[size] = self.made.measure.access_logs["http"].lines
            self.assertEqual(dict(self.made.measure.commands), {("http", "GET", "2xx"): 10})
            self.assertEqual(peer.replies()[0].fields, peer.replies()[-1].fields)
        self.assertEqual(outputs[0], outputs[1 << 20])
        self.assertEqual(outputs[0], [b"hello\n"] * 10)
        self.assertEqual(lines[0], lines[1 << 20])
        self.assertTrue(lines[0][0].endswith('"GET /hello.txt HTTP/1.1" 200 6 "-" "x"'), lines[0][0])

    def remembered(self, request: bytes) -> bool:
        factory = self.factory()
        peer = Peer(factory)
        peer.send(request)
        peer.leave()
        return factory.heads.get(request) is not None

    def test_only_plain_ones_are_remembered(self) -> None:
        self.assertTrue(self.remembered(self.HEAD))
        for field in (
            b"Authorization: Basic eA==", b"proxy-authorization: x", b"Range: bytes=0-1",
            b"If-None-Match: x", b"if-range: x", b"Content-Length: 0", b"Content-Length: 3",
            b"Transfer-Encoding: chunked", b"Expect: 100-continue", b"X: " + b"y" * 1024, b"Host: b", b"bad field: x",
        ):  # fmt: skip
            self.assertFalse(self.remembered(self.HEAD[:-2] + field + b"\r\n\r\n"), field)
        self.assertFalse(self.remembered(self.HEAD.replace(b"GET", b"HEAD")))
        self.assertFalse(self.remembered(self.HEAD.replace(b"1.1", b"1.0")))
        self.assertFalse(self.remembered(b"GET http://a/../hello.txt HTTP/1.1\r\nHost: a\r\n\r\n"))

    def test_one_that_closes(self) -> None:
        factory = self.factory()
        for _ in range(3):
            peer = Peer(factory)
            peer.send(b"GET /hello.txt HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            (reply,) = peer.replies()
            self.assertEqual((reply.body, reply[b"Connection"]), (b"hello\n", b"close"))
            self.assertTrue(peer.wire.closing)
            peer.leave()

    def test_they_are_bounded(self) -> None:
        factory = self.factory()
        peer = Peer(factory)
        for number in range(1200):
            peer.send(b"GET /hello.txt HTTP/1.1\r\nHost: a\r\nX: %d\r\n\r\n" % number)
        self.assertEqual(len(peer.replies()), 1200)
        self.assertLessEqual(len(factory.heads._known), 512)
        peer.leave()

    def test_the_idle_time_counts_from_the_last_answer(self) -> None:
        peer = self.peer(idle_timeout=10.0)
        for _ in range(5):
            peer.send(self.HEAD)
            peer.send(self.HEAD)
            self.clock.advance(9)
            self.assertFalse(peer.wire.ended)
        peer.send(self.HEAD)  # by the long way: the document is looked at again
        self.clock.advance(0.9)
        peer.send(self.HEAD)
        self.clock.advance(9.6)
        self.assertFalse(peer.wire.ended, "10 seconds after the last answer but one")
        self.clock.advance(1.5)
        self.assertTrue(peer.wire.ended)

    def test_a_first_request_by_the_short_way_has_the_idle_time(self) -> None:
        factory = self.factory(idle_timeout=3.0)
        first = Peer(factory)
        first.send(self.HEAD)
        second = Peer(factory)
        second.send(self.HEAD)
        self.clock.advance(4.1)
        self.assertTrue(second.wire.ended)
        first.leave()
        second.leave()

    def test_a_peer_that_does_not_read(self) -> None:
        self.file("hello.txt", bytes(30_000))
        peer = self.peer(lazy=True)
        for _ in range(10):
            peer.send(self.HEAD)
        self.assertLess(len(peer.replies()), 5)
        self.assertFalse(peer.wire.reading)
        for _ in range(10):
            peer.wire.taken()
        self.assertEqual(len(peer.replies()), 10)
        self.assertTrue(peer.wire.reading)

    def test_draining(self) -> None:
        peer = self.peer(lazy=True)
        peer.send(self.HEAD)
        peer.session.drain()
        peer.send(self.HEAD)
        self.assertEqual(len(peer.replies()), 1)
        self.assertTrue(peer.wire.ended)
