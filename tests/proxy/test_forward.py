"""Requests on their way to origins, and what comes back."""

from __future__ import annotations

from twisted.internet.defer import Deferred

from netdaemon.proxy.pool import Link, Place, Pool
from tests.proxy.world import ORIGIN, Line, ProxyTests, heads, names, request

OK = b"HTTP/1.1 200 Fine by me\r\nDate: Tue, 15 Nov 1994 08:12:31 GMT\r\nServer: origin\r\nContent-Length: 2\r\n\r\nhi"
URL = b"http://origin.example/a%2Fb/../c?q=1&%zz"


class RequestTests(ProxyTests):
    def test_the_origin_reads_what_the_client_wrote(self) -> None:
        self.get(URL, b"X-Own: 1", b"Accept: */*")
        self.assertEqual(self.world.dialled, [(ORIGIN, 80)])
        self.assertEqual(
            heads(self.world.origin().hear()),
            # not decoded, not resolved: it is the origin's to understand
            [
                b"GET /a%2Fb/../c?q=1&%zz HTTP/1.1",
                b"Host: origin.example",
                b"X-Own: 1",
                b"Accept: */*",
                b"Via: 1.1 here",
            ],
        )

    def test_host_is_the_urls(self) -> None:
        # RFC 9112 3.2.2
        self.ask(b"GET http://ORIGIN.example:8080 HTTP/1.1\r\nHost: other.example\r\n\r\n")
        sent = heads(self.world.origin().hear())
        self.assertEqual(sent[:2], [b"GET / HTTP/1.1", b"Host: origin.example:8080"])
        self.assertNotIn(b"other", b"".join(sent))
        self.assertEqual(self.world.dialled, [(ORIGIN, 8080)])

    def test_fields_of_this_hop_stay_here(self) -> None:
        self.get(
            URL,
            b"Connection: keep-alive, X-Named, close",
            b"Keep-Alive: timeout=5",
            b"Proxy-Connection: keep-alive",
            b"Proxy-Authorization: Basic c2VjcmV0OnNlY3JldA==",
            b"Proxy-Anything: 1",
            b"TE: trailers",
            b"Trailer: X-T",
            b"Upgrade: h2c",
            b"HTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA",
            b"X-Named: away",
            b"X-Other: stays",
        )
        self.assertEqual(list(names(self.world.origin().hear())), [b"host", b"x-other", b"via"])

    def test_via_tells_the_version_and_keeps_the_others(self) -> None:
        self.ask(b"GET http://origin.example/ HTTP/1.0\r\nVia: 1.1 before\r\n\r\n")
        self.assertEqual(heads(self.world.origin().hear())[2:], [b"Via: 1.1 before", b"Via: 1.0 here"])

    def test_every_method(self) -> None:
        for method in (b"GET", b"HEAD", b"DELETE", b"OPTIONS", b"TRACE", b"PATCH", b"PROPFIND", b"M-SEARCH"):
            self.get(URL, method=method)
            self.assertTrue(
                self.world.origin().hear().startswith(method + b" /a%2Fb/../c?q=1&%zz HTTP/1.1\r\n"), method
            )

    def test_options_of_the_whole_server(self) -> None:
        # RFC 9112 3.2.4: the last proxy sends the asterisk
        self.get(b"http://origin.example", method=b"OPTIONS")
        self.assertTrue(self.world.origin().hear().startswith(b"OPTIONS * HTTP/1.1\r\n"))

    def test_max_forwards(self) -> None:
        # RFC 9110 7.6.2
        for method in (b"OPTIONS", b"TRACE"):
            self.get(URL, b"Max-Forwards: 3", method=method)
            self.assertIn(b"Max-Forwards: 2", heads(self.world.origin().hear()))
        self.get(URL, b"Max-Forwards: 3")
        self.assertIn(b"Max-Forwards: 3", heads(self.world.origin().hear()))

    def test_no_more_forwards(self) -> None:
        browser = self.get(URL, b"Max-Forwards: 0", method=b"OPTIONS")
        self.assertEqual(browser.reply(b"OPTIONS").status, 204)
        browser = self.get(
            URL, b"Max-Forwards: 0", b"Authorization: Basic eA==", b"Cookie: a=b", b"X-A: b", method=b"TRACE"
        )
        reply = browser.reply(b"TRACE")
        self.assertEqual((reply.status, reply[b"Content-Type"]), (200, b"message/http"))
        self.assertEqual(reply.body, b"TRACE %b HTTP/1.1\r\nHost: whatever\r\nMax-Forwards: 0\r\nX-A: b\r\n\r\n" % URL)
        self.assertEqual(self.world.dialled, [])

    def test_the_clients_address_is_told_only_if_wanted(self) -> None:
        self.get(URL)
        self.assertNotIn(b"x-forwarded-for", names(self.world.origin().hear()))
        self.get(URL, b"X-Forwarded-For: 10.0.0.1", forwarded_for=True)
        sent = heads(self.world.origin().hear())
        self.assertEqual(
            [line for line in sent if b"Forwarded" in line],
            [b"X-Forwarded-For: 10.0.0.1", b"X-Forwarded-For: 127.0.0.1"],
        )

    def test_loops_end_here(self) -> None:
        for via in (b"1.1 here", b"1.0 a, 1.1 here (netdaemon)", b"HTTP/1.1 here", b"1.1 a" + b", 1.1 a" * 80):
            browser = self.get(URL, b"Via: " + via)
            self.assertEqual(browser.reply().status, 508, via)
        self.assertEqual(self.world.dialled, [])
        for via in (b"1.1 hereafter", b"1.1 a (here)", b"1.1 there"):
            self.get(URL, b"Via: " + via)
        self.assertEqual(len(self.world.dialled), 3)

    def test_who_takes_it_for_a_server(self) -> None:
        browser = self.ask(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        reply = browser.reply()
        self.assertEqual(reply.status, 400)
        self.assertIn(b"This is a proxy", reply.body)
        self.assertEqual(self.ask(b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n").reply(b"OPTIONS").status, 204)

    def test_unknown_schemes(self) -> None:
        for url, status in ((b"wais://a/", 501), (b"file:///etc/passwd", 501), (b"http:a", 400), (b"http:///x", 400)):
            self.assertEqual(self.get(url).reply().status, status, url)

    def test_http2_is_not_spoken(self) -> None:
        browser = self.ask(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
        self.assertEqual(browser.reply().status, 505)


class ResponseTests(ProxyTests):
    def test_it_is_the_origins(self) -> None:
        browser = self.get(URL)
        self.world.origin().say(
            b"HTTP/1.1 299 Quite so\r\nDate: Tue, 15 Nov 1994 08:12:31 GMT\r\nServer: origin\r\nX-A: 1\r\nX-A: 2\r\n"
            b"Connection: X-Named, close\r\nX-Named: away\r\nKeep-Alive: a\r\nProxy-Authenticate: Basic realm=x\r\n"
            b"Upgrade: h2c\r\nContent-Length: 2\r\n\r\nhi"
        )
        self.assertEqual(
            browser.hear(),
            b"HTTP/1.1 299 Quite so\r\nDate: Tue, 15 Nov 1994 08:12:31 GMT\r\nServer: origin\r\nX-A: 1\r\nX-A: 2\r\n"
            b"Via: 1.1 here\r\nContent-Length: 2\r\n\r\nhi",
        )

    def test_one_without_a_date_gets_one(self) -> None:
        # RFC 9110 6.6.1
        browser = self.get(URL)
        self.world.origin().say(b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n")
        reply = browser.reply()
        self.assertEqual(reply[b"Date"], b"Sun, 09 Sep 2001 01:46:40 GMT")
        self.assertEqual((reply[b"Via"], reply[b"Server"]), (b"1.0 here", None))

    def test_chunks_in_pieces(self) -> None:
        browser = self.get(URL)
        origin = self.world.origin()
        origin.say(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X\r\n\r\n5\r\nhello\r\n")
        self.assertIn(b"hello", browser.hear())
        origin.say(b"6;x=y\r\n world\r\n0\r\nX: y\r\n\r\n", 1)
        reply = browser.reply()
        self.assertEqual((reply.body, reply[b"Trailer"]), (b"hello world", None))

    def test_until_the_origin_closes(self) -> None:
        for answer in (b"HTTP/1.0 200 OK\r\n\r\n", b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"):
            browser = self.get(URL)
            self.world.origin().say(answer + b"all")
            self.world.origin().say(b" of it")
            self.world.origin().close()
            self.assertEqual(browser.reply().body, b"all of it")
            self.assertFalse(browser.ended, "the client's connection outlives the origin's")

    def test_clients_of_http_1_0(self) -> None:
        browser = self.ask(b"GET http://origin.example/ HTTP/1.0\r\n\r\n")
        self.world.origin().say(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n")
        reply = browser.reply()
        self.assertEqual((reply.body, reply[b"Transfer-Encoding"], browser.ended), (b"hi", None, True))

    def test_a_head_has_no_body(self) -> None:
        for fields, length, coding in (
            (b"Content-Length: 1000\r\n", b"1000", None),
            (b"Transfer-Encoding: chunked\r\n", None, b"chunked"),
        ):
            browser = self.get(URL, method=b"HEAD")
            self.world.origin().say(b"HTTP/1.1 200 OK\r\n%b\r\n" % fields)
            reply = browser.reply(b"HEAD")
            self.assertEqual((reply[b"Content-Length"], reply[b"Transfer-Encoding"]), (length, coding))

    def test_statuses_without_a_body(self) -> None:
        for status in (204, 304):
            browser = self.get(URL)
            self.world.origin().say(b'HTTP/1.1 %d X\r\nETag: "a"\r\nContent-Length: 77\r\n\r\n' % status)
            browser.send(request(URL))
            self.assertEqual(len(self.world.origins), 1, "the connection can be used again")
            self.world.origin().say(OK)
            first, second = browser.replies()
            self.assertEqual((first.status, first[b"ETag"], second.body), (status, b'"a"', b"hi"))
            self.world.origins.clear()

    def test_interim_responses_pass(self) -> None:
        # RFC 9110 15.2
        browser = self.get(URL)
        self.world.origin().say(b"HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\nConnection: x\r\n\r\n")
        self.assertEqual(
            browser.hear(), b"HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\nVia: 1.1 here\r\n\r\n"
        )
        self.world.origin().say(b"HTTP/1.1 100 Continue\r\n\r\n" + OK)
        self.assertTrue(browser.hear().startswith(b"HTTP/1.1 200 Fine"))

    def test_but_not_to_http_1_0(self) -> None:
        browser = self.ask(b"GET http://origin.example/ HTTP/1.0\r\n\r\n")
        self.world.origin().say(b"HTTP/1.1 103 Early Hints\r\n\r\n" + OK)
        self.assertTrue(browser.hear().startswith(b"HTTP/1.1 200 Fine"))

    def test_it_is_logged_and_counted(self) -> None:
        browser = self.get(URL, b"User-Agent: me")
        self.world.origin().say(OK)
        browser.hear()
        self.assertEqual(len(self.log), 1)
        self.assertRegex(
            self.log[0],
            r'^127\.0\.0\.1 - - \[.*\] "GET http://origin\.example/a%2Fb/\.\./c\?q=1&%zz HTTP/1\.1" 200 2 "-" "me"$',
        )
        self.assertEqual(self.house.measure.commands["proxy", "GET", "2xx"], 1)


class ConnectionTests(ProxyTests):
    def test_both_connections_persist(self) -> None:
        browser = self.browser()
        for _ in range(3):
            browser.send(request(URL))
            self.world.origin().hear()
            self.world.origin().say(OK)
        self.assertEqual([reply.status for reply in browser.replies()], [200] * 3)
        self.assertEqual(len(self.world.dialled), 1)

    def test_an_origins_connection_is_for_every_client(self) -> None:
        factory = self.proxy()
        for _ in range(2):
            browser = self.browser(factory)
            browser.send(request(URL))
            self.world.origin().say(OK)
            self.assertEqual(browser.reply().body, b"hi")
        self.assertEqual(len(self.world.dialled), 1)

    def test_the_clients_outlives_the_origins(self) -> None:
        browser = self.browser()
        for _ in range(2):
            browser.send(request(URL))
            self.world.origin().say(OK)
            self.world.origin().close()
        self.assertEqual([reply.status for reply in browser.replies()], [200] * 2)
        self.assertEqual(len(self.world.dialled), 2)

    def test_pipelined_requests_are_answered_in_order(self) -> None:
        browser = self.ask(request(URL + b"1") + request(URL + b"2"))
        self.assertIn(b"%zz1 ", self.world.origin().hear())
        self.world.origin().say(OK)
        self.assertIn(b"%zz2 ", self.world.origin().hear())
        self.world.origin().say(OK)
        self.assertEqual(len(browser.replies()), 2)

    def test_a_connection_that_was_being_closed_is_not_the_clients_matter(self) -> None:
        # RFC 9112 9.3.1
        browser = self.browser()
        browser.send(request(URL))
        self.world.origin().say(OK)
        browser.send(request(URL))
        self.world.origin().reset()
        self.assertEqual(len(self.world.dialled), 2, "it was asked anew")
        self.world.origin().say(OK)
        self.assertEqual([reply.status for reply in browser.replies()], [200, 200])

    def test_but_only_once_and_only_when_kept(self) -> None:
        browser = self.get(URL)
        self.world.origin().reset()
        self.assertEqual(browser.reply().status, 502)
        self.assertEqual(len(self.world.dialled), 1)

    def test_what_changes_something_goes_over_a_fresh_connection(self) -> None:
        # RFC 9110 9.2.2: nobody could tell whether it was done
        browser = self.browser()
        browser.send(request(URL))
        self.world.origin().say(OK)
        browser.send(request(URL, b"Content-Length: 2", method=b"POST", body=b"hi"))
        self.assertEqual(len(self.world.dialled), 2)
        self.world.origin().reset()
        self.assertEqual([reply.status for reply in browser.replies()], [200, 502])
        self.assertEqual(len(self.world.dialled), 2)

    def test_idle_ones_are_closed_in_time(self) -> None:
        browser = self.get(URL)
        self.world.origin().say(OK)
        self.assertEqual(browser.reply().status, 200)
        self.world.wait(12)
        self.assertFalse(self.world.origin().ended)
        self.world.wait(6)
        self.assertTrue(self.world.origin().ended)
        browser.send(request(URL))
        self.assertEqual(len(self.world.dialled), 2)

    def test_one_that_is_to_be_closed_is_closed(self) -> None:
        for fields in (b"HTTP/1.1 200 OK\r\nConnection: close", b"HTTP/1.0 200 OK"):
            browser = self.get(URL)
            self.world.origin().hear()
            self.world.origin().say(fields + b"\r\nContent-Length: 2\r\n\r\nhi")
            self.assertEqual(browser.reply().body, b"hi")
            self.assertTrue(self.world.origin().ended)

    def test_a_fresh_one_takes_the_place_of_one_at_rest(self) -> None:
        browser = self.browser(max_connections_per_origin=1)
        browser.send(request(URL))
        self.world.origin().hear()
        self.world.origin().say(OK)
        browser.send(request(URL, b"Content-Length: 0", method=b"POST"))
        self.assertTrue(self.world.origins[0].ended)
        self.assertEqual(len(self.world.dialled), 2)
        self.world.origin().say(OK)
        self.assertEqual([reply.status for reply in browser.replies()], [200, 200])

    def test_whoever_wants_a_fresh_one_waits_for_no_used_one(self) -> None:
        factory = self.proxy(max_connections_per_origin=1)
        first, second = self.browser(factory), self.browser(factory)
        first.send(request(URL))
        second.send(request(URL, b"Content-Length: 0", method=b"POST"))
        self.world.origin().hear()
        self.world.origin().say(OK)
        self.assertEqual(len(self.world.dialled), 2)
        self.assertTrue(self.world.origins[0].aborted)
        self.world.origin().say(OK)
        self.assertEqual((first.reply().status, second.reply().status), (200, 200))

    def test_nothing_is_kept_of_an_origin_that_is_gone(self) -> None:
        pool = Pool(self.house.deadlines, self.world.seconds, 1, 10.0)
        place = Place(False, "origin.example", 80)
        self.assertIsNone(self.successResultOf(Deferred.fromCoroutine(pool.claim(place, fresh=False))))
        link = Link(pool, place)
        line = Line(self.world, link, None, None)
        line.begin()
        asked = link.ask(b"GET / HTTP/1.1", b"", b"GET", self.world, 10.0)
        line.say(b"HTTP/1.1 204 No\r\n\r\n")
        self.successResultOf(asked)
        pool.give_back(link)
        pool.give_back(link)
        self.assertIs(pool.take(place), link)
        self.assertIsNone(pool.take(place), "it was given back once")
        pool.give_back(link)
        line.close()
        self.assertIsNone(pool.take(place))
        self.assertEqual(pool.places, 0)

    def test_so_many_to_one_origin(self) -> None:
        factory = self.proxy(max_connections_per_origin=2)
        browsers = [self.browser(factory) for _ in range(4)]
        for browser in browsers:
            browser.send(request(URL))
        self.assertEqual(len(self.world.dialled), 2)
        self.world.origins[0].say(OK)
        self.assertEqual(browsers[0].reply().status, 200)
        self.assertEqual(len(self.world.dialled), 2, "the third has the first's")
        self.world.origins[1].hear()
        self.world.origins[1].say(OK.replace(b"Server", b"Connection: close\r\nServer"))
        self.assertEqual(len(self.world.dialled), 3, "the fourth has a new one in the second's place")
        self.world.origins[0].say(OK)
        self.world.origins[2].say(OK)
        self.assertEqual([browser.reply().status for browser in browsers], [200] * 4)

    def test_whoever_waits_too_long_is_told(self) -> None:
        factory = self.proxy(max_connections_per_origin=1, connect_timeout=5.0)
        first, second = self.browser(factory), self.browser(factory)
        first.send(request(URL))
        second.send(request(URL))
        self.world.wait(6)
        self.assertEqual(second.reply().status, 503)
        self.world.origin().say(OK)
        self.assertEqual(first.reply().status, 200)
        second.send(request(URL))
        self.world.origin().say(OK)
        self.assertEqual([reply.status for reply in second.replies()], [503, 200], "no claim was lost")

    def test_claims_come_back_from_origins_that_cannot_be_reached(self) -> None:
        self.world.refusing.add((ORIGIN, 80))
        factory = self.proxy(max_connections_per_origin=1)
        browser = self.browser(factory)
        for _ in range(3):
            browser.send(request(URL))
        self.world.refusing.clear()
        browser.send(request(URL))
        self.world.origin().say(OK)
        self.assertEqual([reply.status for reply in browser.replies()], [502, 502, 502, 200])


class UploadTests(ProxyTests):
    def test_with_a_length(self) -> None:
        browser = self.ask(request(URL, b"Content-Length: 10", method=b"PUT", body=b"01234"))
        origin = self.world.origin()
        sent = origin.hear()
        self.assertIn(b"Content-Length: 10\r\n", sent)
        self.assertTrue(sent.endswith(b"\r\n\r\n01234"))
        browser.send(b"56789")
        self.assertEqual(origin.hear(), b"56789")
        origin.say(OK)
        self.assertEqual(browser.reply().body, b"hi")
        self.assertFalse(browser.ended)

    def test_in_chunks(self) -> None:
        browser = self.ask(request(URL, b"Transfer-Encoding: chunked", method=b"POST", body=b"5;a=b\r\nhello\r\n"))
        origin = self.world.origin()
        sent = origin.hear()
        self.assertIn(b"\r\nTransfer-Encoding: chunked\r\n", sent)
        self.assertTrue(sent.endswith(b"\r\n\r\n5\r\nhello\r\n"), sent)
        browser.send(b"1\r\n!\r\n0\r\nX: y\r\n\r\n", 1)
        self.assertTrue(origin.hear().endswith(b"1\r\n!\r\n0\r\n\r\n"))
        origin.say(OK)
        self.assertEqual(browser.reply().status, 200)

    def test_an_empty_one(self) -> None:
        browser = self.ask(request(URL, b"Content-Length: 0", method=b"POST"))
        self.world.origin().hear()
        self.world.origin().say(OK)
        self.assertEqual(browser.reply().status, 200)

    def test_the_limit(self) -> None:
        for fields, body in (
            (b"Content-Length: 11", b""),
            (b"Transfer-Encoding: chunked", b"b\r\nhello world\r\n0\r\n\r\n"),
        ):
            browser = self.ask(request(URL, fields, method=b"POST", body=body), body_limit=10)
            self.assertEqual(browser.reply().status, 413)
        self.world.origins.clear()
        browser = self.ask(request(URL, b"Content-Length: 10", method=b"POST", body=b"0123456789"), body_limit=10)
        self.world.origin().say(OK)
        self.assertEqual(browser.reply().status, 200)

    def test_expectations_are_the_origins_to_meet(self) -> None:
        # RFC 9110 10.1.1
        browser = self.ask(request(URL, b"Content-Length: 2", b"Expect: 100-continue", method=b"POST"))
        origin = self.world.origin()
        self.assertIn(b"Expect: 100-continue", heads(origin.hear()))
        self.assertEqual(browser.hear(), b"")
        origin.say(b"HTTP/1.1 100 Continue\r\n\r\n")
        self.assertEqual(browser.hear(), b"HTTP/1.1 100 Continue\r\n\r\n")
        browser.send(b"hi")
        self.assertEqual(origin.hear(), b"hi")
        origin.say(OK)
        self.assertEqual(browser.reply().status, 200)

    def test_an_expectation_that_is_not_met(self) -> None:
        browser = self.ask(request(URL, b"Content-Length: 2", b"Expect: 100-continue", method=b"POST"))
        self.world.origin().say(b"HTTP/1.1 417 No\r\nContent-Length: 0\r\n\r\n")
        self.assertEqual(browser.hear()[:12], b"HTTP/1.1 417")
        self.assertTrue(browser.ended, "whether the body comes, nobody knows")
        self.assertNotIn(b"hi", self.world.origin().hear())

    def test_an_origin_that_knows_nothing_of_expectations(self) -> None:
        browser = self.ask(request(URL, b"Content-Length: 2", b"Expect: 100-continue", method=b"POST"))
        self.world.wait(2.5)
        self.assertEqual(browser.hear(), b"HTTP/1.1 100 Continue\r\n\r\n")
        browser.send(b"hi")
        self.assertTrue(self.world.origin().hear().endswith(b"hi"))

    def test_an_origin_that_has_heard_enough(self) -> None:
        browser = self.ask(request(URL, b"Content-Length: 1000000", method=b"POST", body=b"x" * 1000))
        self.world.origin().hear()
        self.world.origin().say(b"HTTP/1.1 413 Enough\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        self.assertEqual(browser.reply().status, 413)
        self.assertTrue(self.world.origin().ended)

    def test_an_answer_in_the_middle_of_it(self) -> None:
        # RFC 9112 9.3: what is still to come of the request would be read as the next one
        browser = self.ask(request(URL, b"Content-Length: 10", method=b"POST", body=b"01234"))
        self.world.origin().hear()
        self.world.origin().say(OK)
        self.assertEqual(browser.reply().body, b"hi")
        self.assertTrue(self.world.origin().ended)
        browser.send(b"56789" + request(URL))
        self.assertEqual(self.world.origins[0].hear(), b"")
        self.assertEqual(len(self.world.dialled), 2)

    def test_a_client_that_goes_takes_its_request_along(self) -> None:
        for fields in (b"Content-Length: 10", b"Transfer-Encoding: chunked"):
            browser = self.ask(request(URL, fields, method=b"POST", body=b"5\r\nhello\r\n"[:8]))
            self.world.origin().hear()
            browser.reset()
            self.assertTrue(self.world.origin().aborted, "an end in good order would make a whole body of it")
