"""Access log lines and counters."""

from __future__ import annotations

import json
from typing import Any

from netdaemon.protocols.http.access import CombinedLines, JSONLines
from netdaemon.protocols.http.grammar.message import Fields
from netdaemon.protocols.http.now import Now
from tests.kit.house import Lines
from tests.protocols.http.peer import NOW, HTTPTests


class CombinedTests(HTTPTests):
    def lines(self) -> list[str]:
        assert self.made is not None
        return self.made.measure.access_logs["http"].lines

    def test_a_request(self) -> None:
        self.get("/hello.txt?q", b'Referer: http://x/"y"', b"User-Agent: curl/8 \\ \xff \xe2\x80\xae", wall=lambda: NOW)
        self.assertEqual(
            self.lines(),
            [
                '192.0.2.7 - - [14/Nov/2023:22:13:20 +0000] "GET /hello.txt?q HTTP/1.1" 200 6 '
                '"http://x/\\x22y\\x22" "curl/8 \\\\ \\xff \\u202e"'
            ],
        )

    def test_the_first_of_several(self) -> None:
        self.get("/hello.txt", b"USER-AGENT:  a \t", b"User-Agent: b", b"X-Referer: no", b"referer:")
        self.assertTrue(self.lines()[0].endswith(' 200 6 "-" "a"'), self.lines()[0])

    def test_what_is_no_request(self) -> None:
        self.ask(b'GET "\x1b[31m\x00 HTTP/1.1\r\nHost: a\r\n\r\n')
        self.assertRegex(self.lines()[0], r'\] "GET \\x22\\x1b\[31m\\x00 HTTP/1.1" 400 \d+ "-" "-"\Z')

    def test_one_line_each(self) -> None:
        peer = self.peer()
        peer.send(b"GET /hello.txt HTTP/1.1\r\nHost: a\r\n\r\nHEAD /hello.txt HTTP/1.1\r\nHost: a\r\n\r\nBREW\r\n")
        self.assertEqual([line.split('" ')[1][:5] for line in self.lines()], ["200 6", "200 0", "400 9"])
        self.assertEqual(len(self.lines()), 3)
        assert self.made is not None
        self.assertEqual(
            dict(self.made.measure.commands),
            {("http", "GET", "2xx"): 1, ("http", "HEAD", "2xx"): 1, ("http", "other", "4xx"): 1},
        )

    def test_unknown_methods_count_as_one(self) -> None:
        peer = self.peer()
        for method in (b"BREW", b"MASH", b"other"):
            peer.send(b"%b / HTTP/1.1\r\nHost: a\r\n\r\n" % method)
        assert self.made is not None
        self.assertEqual(dict(self.made.measure.commands), {("http", "other", "5xx"): 3})

    def test_an_answer_cut_short_says_how_much_went(self) -> None:
        self.file("big", bytes(1_000_000))
        peer = self.peer(lazy=True)
        peer.send(b"GET /big HTTP/1.1\r\nHost: a\r\n\r\n")
        peer.leave()
        self.assertRegex(self.lines()[0], r" 200 (65536|131072) ")
        peer.leave()
        self.assertEqual(len(self.lines()), 1)

    def test_long_values_are_cut(self) -> None:
        for kind in (CombinedLines, JSONLines):
            log = Lines()
            access = kind(log, Now(lambda: NOW))
            prepared = access.prepare(b"GET /" + b"a" * 8000 + b" HTTP/1.1", Fields([(b"Referer", b"b" * 9000)]))
            access.write("h", prepared, 200, 0)
            self.assertLess(len(log.lines[0]), 5000)


class JSONTests(HTTPTests):
    def objects(self, *requests: bytes, **settings: Any) -> list[dict[str, Any]]:
        peer = self.peer(access_log_format="json", **settings)
        for request in requests:
            peer.send(request)
        assert self.made is not None
        return [json.loads(line) for line in self.made.measure.access_logs["http"].lines]

    def test_an_object_a_request(self) -> None:
        head = b'GET /hello.txt HTTP/1.1\r\nHost: a\r\nUser-Agent: "x\\\xff\r\n\r\n'
        told = self.objects(head, head, b"BREW\x1b\r\n\r\n")  # the second one is answered at once
        self.assertEqual(
            told[0],
            {
                "time": "2023-11-14T22:13:20Z",
                "host": "192.0.2.7",
                "user": None,
                "status": 200,
                "sent": 6,
                "request": "GET /hello.txt HTTP/1.1",
                "referer": None,
                "user_agent": '"x\\\\\\xff',
            },
        )
        self.assertEqual(told[1], told[0])
        self.assertEqual((told[2]["status"], told[2]["request"]), (400, "BREW\\x1b"))
