"""CGI by RFC 3875: what scripts get, and what becomes of what they say."""

from __future__ import annotations

import hashlib
import os
from typing import Any

from twisted.internet.address import UNIXAddress

from netdaemon.protocols.http.cgi import spool
from netdaemon.protocols.http.cgi.variables import Script, variables
from netdaemon.protocols.http.grammar.message import Fields
from netdaemon.protocols.http.request import Caller, Request
from netdaemon.protocols.http.settings import Protected
from tests.kit.scripts import PYTHON, SH
from tests.protocols.http.peer import Reply
from tests.protocols.http.scripted import ScriptedTests

ENVIRONMENT = PYTHON + "import os\nprint('Content-Type: text/plain\\n')\nprint(sorted(os.environ.items()))\n"


class EnvironmentTests(ScriptedTests):
    async def environment(self, *fields: bytes, **how: Any) -> dict[str, str]:
        reply = await self.run_script(ENVIRONMENT, *fields, **how)
        self.assertEqual(reply.status, 200)
        return dict(eval(reply.body))

    async def test_complete(self) -> None:
        got = await self.environment(
            b"User-Agent: test",
            b"Content-Type: text/x",
            path="/cgi/script/with%20more?a=%20b&c",
            method="POST",
            body=b"12345",
        )
        self.assertEqual(
            got,
            {
                "CONTENT_LENGTH": "5",
                "CONTENT_TYPE": "text/x",
                "DOCUMENT_ROOT": str(self.top),
                "GATEWAY_INTERFACE": "CGI/1.1",
                "HTTP_HOST": "a.example:8080",
                "HTTP_USER_AGENT": "test",
                "LANG": "C.UTF-8",
                "PATH": "/usr/local/bin:/usr/bin:/bin",
                "PATH_INFO": "/with more",
                "PATH_TRANSLATED": f"{self.top}/with more",
                "QUERY_STRING": "a=%20b&c",
                "REDIRECT_STATUS": "200",
                "REMOTE_ADDR": "192.0.2.7",
                "REMOTE_HOST": "192.0.2.7",
                "REMOTE_PORT": "4711",
                "REQUEST_METHOD": "POST",
                "REQUEST_SCHEME": "http",
                "REQUEST_URI": "/cgi/script/with%20more?a=%20b&c",
                "SCRIPT_FILENAME": f"{self.top}/cgi/script",
                "SCRIPT_NAME": "/cgi/script",
                "SERVER_ADDR": "192.0.2.1",
                "SERVER_NAME": "a.example",
                "SERVER_PORT": "80",
                "SERVER_PROTOCOL": "HTTP/1.1",
                "SERVER_SOFTWARE": "netdaemon",
            },
        )

    async def test_least(self) -> None:
        """What isn't there is not set; but QUERY_STRING is always (RFC 3875 4.1.7)."""
        got = await self.environment()
        self.assertEqual(got["QUERY_STRING"], "")
        for name in ("CONTENT_LENGTH", "CONTENT_TYPE", "PATH_INFO", "PATH_TRANSLATED", "REMOTE_USER", "HTTPS"):
            self.assertNotIn(name, got)

    async def test_an_empty_body_has_a_length(self) -> None:
        got = await self.environment(b"Content-Length: 0", method="POST")
        self.assertEqual(got["CONTENT_LENGTH"], "0")

    async def test_nothing_of_ours(self) -> None:
        os.environ["SECRET"] = "of the daemon"
        self.addCleanup(os.environ.pop, "SECRET")
        self.assertNotIn("SECRET", await self.environment())

    async def test_fields(self) -> None:
        got = await self.environment(
            b"X-Two: 1",
            b"Cookie: a=1",
            b"x-two: 2",
            b"cookie: b=2",
            b"Authorization: Basic c2VjcmV0",
            b"Proxy-Authorization: Basic c2VjcmV0",
            b"X_Under: 1",
            b"X.Dot: 1",
            b"Connection: keep-alive, te",
            b"TE: trailers",
        )
        fields = {name: value for name, value in got.items() if name.startswith("HTTP_")}
        self.assertEqual(fields, {"HTTP_COOKIE": "a=1; b=2", "HTTP_HOST": "a.example:8080", "HTTP_X_TWO": "1, 2"})
        self.assertFalse([value for value in got.values() if "c2VjcmV0" in value])

    async def test_absolute_form(self) -> None:
        self.script(ENVIRONMENT)
        for target, uri in ((b"http://B.example:81/cgi/script?x", "/cgi/script?x"), (b"/cgi/script", "/cgi/script")):
            reply = await self.ask_script(b"GET %b HTTP/1.1\r\nHost: a:7\r\n\r\n" % target)
            got = dict(eval(reply.body))
            self.assertEqual((got["REQUEST_URI"], got["SCRIPT_NAME"]), (uri, "/cgi/script"))
            self.assertEqual(got["SERVER_NAME"], "b.example" if b"://" in target else "a")

    async def test_older_version(self) -> None:
        self.script(ENVIRONMENT)
        reply = await self.ask_script(b"GET /cgi/script HTTP/1.0\r\n\r\n")
        got = dict(eval(reply.body))
        self.assertEqual((got["SERVER_PROTOCOL"], got["SERVER_NAME"]), ("HTTP/1.0", "192.0.2.1"))

    def of(self, caller: Caller, host: bytes = b"a") -> dict[bytes, bytes]:
        request = Request(b"GET", b"/cgi/x", b"", host, Fields(), target=b"/cgi/x")
        return variables(request, caller, Script(b"/cgi/x", b"", b"/srv"), None)

    def caller(self, user: str = "", secure: bool = False) -> Caller:
        caller = Caller(self.scripted().wire, user=user)
        caller.__dict__["secure"] = secure
        return caller

    def test_tls(self) -> None:
        got = self.of(self.caller(secure=True))
        self.assertEqual((got[b"HTTPS"], got[b"REQUEST_SCHEME"]), (b"on", b"https"))

    def test_user(self) -> None:
        got = self.of(self.caller(user="mulder"))
        self.assertEqual((got[b"AUTH_TYPE"], got[b"REMOTE_USER"]), (b"Basic", b"mulder"))

    def test_hosts(self) -> None:
        for host, name in ((b"a:", b"a"), (b"[::1]:80", b"[::1]"), (b"[::1]", b"[::1]"), (b"", b"192.0.2.1")):
            self.assertEqual(self.of(self.caller(), host)[b"SERVER_NAME"], name)

    def test_unix_socket(self) -> None:
        caller = self.caller()
        caller.__dict__.update(peer=UNIXAddress(None), here=UNIXAddress(b"/run/http"))
        got = self.of(caller)
        self.assertEqual((got[b"REMOTE_ADDR"], got[b"SERVER_ADDR"]), (b"unix:", b"unix:"))
        self.assertNotIn(b"REMOTE_PORT", got)


class FindingTests(ScriptedTests):
    async def status(self, path: str, **settings: Any) -> int:
        reply = await self.ask_script(f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode(), **settings)
        self.assertNotIn(b"the source", reply.body)
        return reply.status

    async def test_found(self) -> None:
        script = SH + 'printf \'Content-Type: text/plain\\n\\n%s %s\' "$SCRIPT_NAME" "$PATH_INFO"\n'
        self.script(script, "script")
        self.script(script, "deep/er/script")
        for path, body in (
            ("/cgi/script", b"/cgi/script "),
            ("/cgi/script/", b"/cgi/script /"),
            ("/cgi/script/a/b/", b"/cgi/script /a/b/"),
            ("/cgi/deep/er/script/x", b"/cgi/deep/er/script /x"),
            ("/cgi/./script/a/../b", b"/cgi/script /b"),
        ):
            reply = await self.ask_script(f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
            self.assertEqual((reply.status, reply.body), (200, body), path)

    async def test_not_run(self) -> None:
        """Nothing beneath the prefix is shown, listed, or reached by a link; and nothing else is run."""
        self.script("echo the source", "plain", 0o644)
        self.script("echo the source", "folder/script")
        self.script("echo the source", ".hidden")
        self.scripts.add("elsewhere", SH + "echo the source")
        self.scripts.add("cgi-other/script", SH + "echo ran")
        (self.top / "cgi" / "inner").symlink_to("folder/script")
        (self.top / "cgi" / "outer").symlink_to("../elsewhere")
        (self.top / "cgi" / "out").symlink_to("/bin/ls")
        os.mkfifo(self.top / "cgi" / "fifo", 0o755)
        for path, status in (
            ("/cgi/plain", 403),
            ("/cgi/plain/more", 403),
            ("/cgi", 404),
            ("/cgi/", 404),
            ("/cgi/folder", 404),
            ("/cgi/folder/", 404),
            ("/cgi/none", 404),
            ("/cgi/.hidden", 404),
            ("/cgi/inner", 403),
            ("/cgi/outer", 403),
            ("/cgi/out", 404),
            ("/cgi/fifo", 403),
            ("/cgi/%2e%2e/cgi/plain", 400),
        ):
            self.assertEqual(await self.status(path, listing=True), status, path)
        reply = await self.ask_script(b"GET /cgi-other/script HTTP/1.1\r\nHost: a\r\n\r\n")
        self.assertEqual(reply.body, (SH + "echo ran").encode())

    async def test_cannot_be_run(self) -> None:
        for text in (b"#!/no/such/interpreter\n", b"neither script nor program"):
            self.script(text)
            self.assertEqual(await self.status("/cgi/script"), 500)

    async def test_a_prefix_that_is_a_document(self) -> None:
        self.script(ENVIRONMENT, "one")
        for path in ("/cgi/one", "/cgi/one/more"):
            self.assertEqual(await self.status(path, cgi=("/cgi/one",)), 200, path)
        self.assertEqual(await self.status("/cgi", cgi=("/cgi/one",), listing=True), 301)

    async def test_a_site_of_its_own(self) -> None:
        """A site that is a folder of the tree has its root there."""
        self.scripts.add("sites/blog/cgi/script", ENVIRONMENT)
        reply = await self.ask_script(b"GET /cgi/script/x HTTP/1.1\r\nHost: a\r\n\r\n", root="/sites/blog")
        got = dict(eval(reply.body))
        self.assertEqual(got["DOCUMENT_ROOT"], f"{self.top}/sites/blog")
        self.assertEqual(got["SCRIPT_FILENAME"], f"{self.top}/sites/blog/cgi/script")
        self.assertEqual(got["PATH_TRANSLATED"], f"{self.top}/sites/blog/x")

    async def test_methods(self) -> None:
        for method in ("GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"):
            reply = await self.run_script('echo "$REQUEST_METHOD"', method=method)
            self.assertEqual(reply.body, f"{method}\n".encode())
        for method, status in (("TRACE", 405), ("BREW", 501)):
            self.assertEqual((await self.run_script("echo", method=method)).status, status)


class BodyTests(ScriptedTests):
    CAT = SH + "printf 'Content-Type: text/plain\\n\\n'; echo \"$CONTENT_LENGTH\"; md5sum\n"

    def sum(self, body: bytes) -> bytes:
        return f"{len(body)}\n{hashlib.md5(body).hexdigest()}  -\n".encode()

    async def test_lengths(self) -> None:
        for size in (1, 1000, 70_000, 1 << 20):
            body = os.urandom(size)
            reply = await self.run_script(self.CAT, method="POST", body=body)
            self.assertEqual(reply.body, self.sum(body))

    async def test_chunked(self) -> None:
        """CONTENT_LENGTH is known, in memory and out of it."""
        self.script(self.CAT)
        head = b"POST /cgi/script HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
        for size in (0, 1, spool.IN_MEMORY, spool.IN_MEMORY + 1, 1 << 20):
            body = os.urandom(size)
            chunks = b"".join(
                b"%x\r\n%b\r\n" % (len(body[at : at + 9000]), body[at : at + 9000]) for at in range(0, size, 9000)
            )
            reply = await self.ask_script(head + chunks + b"0\r\n\r\n")
            self.assertEqual(reply.body, self.sum(body))

    async def test_too_large(self) -> None:
        self.script("echo ran >ran")
        for framing in (b"Content-Length: 101\r\n\r\n", b"Transfer-Encoding: chunked\r\n\r\n65\r\n" + bytes(101)):
            reply = await self.ask_script(b"POST /cgi/script HTTP/1.1\r\nHost: a\r\n" + framing, body_limit=100)
            self.assertEqual(reply.status, 413)
        self.assertFalse((self.top / "cgi" / "ran").exists())

    async def test_continue(self) -> None:
        self.script(self.CAT)
        peer = self.scripted()
        peer.send(b"POST /cgi/script HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n")
        await self.scripts.until(lambda: peer.output, "100 Continue came")
        self.assertEqual(peer.output, b"HTTP/1.1 100 Continue\r\n\r\n")
        peer.wire.written.clear()
        peer.send(b"abc")
        await self.answered(peer)
        self.assertEqual(peer.replies()[0].body, self.sum(b"abc"))

    async def test_the_next_request(self) -> None:
        """What a script leaves of its body is no request."""
        self.script("echo first")
        peer = self.scripted()
        inner = b"GET /hello.txt HTTP/1.1\r\nHost: a\r\n\r\n"
        peer.send(b"POST /cgi/script HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(inner) + inner + inner)
        await self.scripts.until(lambda: len(peer.replies()) == 2, "both are answered")
        self.assertEqual([reply.body for reply in peer.replies()], [b"first\n", b"hello\n"])


class AnswerTests(ScriptedTests):
    async def said(self, *lines: str, body: str = "", **how: Any) -> Reply:
        """The reply to a script that says just that."""
        text = "\n".join(lines) + "\n\n" + body
        return await self.run_script(SH + f"cat <<'END'\n{text}\nEND\n", **how)

    async def test_small_and_whole(self) -> None:
        reply = await self.said("Content-Type: text/x", "X-One: 1", body="hello")
        self.assertEqual((reply.status, reply.body), (200, b"hello\n"))
        self.assertEqual((reply[b"Content-Type"], reply[b"X-One"], reply[b"Content-Length"]), (b"text/x", b"1", b"6"))
        self.assertEqual((reply[b"Server"], reply[b"Connection"]), (b"netdaemon", None))

    async def test_large(self) -> None:
        reply = await self.run_script("head -c 300000 /dev/zero")
        self.assertEqual((reply.body, reply[b"Transfer-Encoding"]), (bytes(300_000), b"chunked"))

    async def test_slow(self) -> None:
        """What is there is sent before the rest comes."""
        peer = self.scripted()
        self.script("echo first; while [ ! -e go ]; do sleep 0.01; done; echo second")
        peer.send(b"GET /cgi/script HTTP/1.1\r\nHost: a\r\n\r\n")
        await self.scripts.until(lambda: b"first" in peer.output, "the first part came")
        self.assertNotIn(b"second", peer.output)
        (self.top / "cgi" / "go").touch()
        await self.answered(peer)
        self.assertEqual(peer.replies()[0].body, b"first\nsecond\n")

    async def test_in_drops(self) -> None:
        """Who says little but often is heard at once, too."""
        peer = self.scripted()
        self.script("while [ ! -e go ]; do echo drop; sleep 0.005; done")
        peer.send(b"GET /cgi/script HTTP/1.1\r\nHost: a\r\n\r\n")
        await self.scripts.until(lambda: b"drop" in peer.output, "the first drop came")
        self.assertFalse(self.idle(peer))
        (self.top / "cgi" / "go").touch()
        await self.answered(peer)

    async def test_status(self) -> None:
        for status in (404, 201, 299, 503):
            reply = await self.said(f"Status: {status} Whatever", body="x")
            self.assertEqual((reply.status, reply.body), (status, b"x\n"))

    async def test_no_body(self) -> None:
        for status in (204, 304):
            reply = await self.said(f"Status: {status} None", 'ETag: "a"', body="x")
            self.assertEqual((reply.status, reply.body, reply[b"ETag"]), (status, b"", b'"a"'))

    async def test_head(self) -> None:
        reply = await self.said("Content-Type: text/x", "Content-Length: 2", body="x", method="HEAD")
        self.assertEqual((reply.status, reply.body, reply[b"Content-Length"]), (200, b"", b"2"))
        reply = await self.run_script("echo x; echo done >done", method="HEAD")
        self.assertEqual((reply.status, reply.body), (200, b""))
        self.assertTrue((self.top / "cgi" / "done").exists(), "it was let finish")

    async def test_content_length(self) -> None:
        for promised, status, body in ((2, 200, b"x\n"), (1, 200, b"x"), (0, 200, b""), (3, 502, None)):
            reply = await self.said("Content-Type: text/x", f"Content-Length: {promised}", body="x")
            self.assertEqual((reply.status, reply.body if body is not None else None), (status, body), promised)

    async def test_content_length_of_large_ones(self) -> None:
        self.script(
            SH + "printf 'Content-Type: text/x\\nContent-Length: 300000\\n\\n'; head -c $QUERY_STRING /dev/zero\n"
        )
        for size in (300_000, 400_000, 299_999):
            peer = self.scripted()
            peer.send(b"GET /cgi/script?%d HTTP/1.1\r\nHost: a\r\n\r\n" % size)
            await self.scripts.until(lambda here=peer: self.idle(here) or here.wire.aborted, "it is over")
            self.assertEqual(peer.wire.aborted, size < 300_000, size)
            if size >= 300_000:
                (reply,) = peer.replies()
                self.assertEqual(len(reply.body), 300_000)

    async def test_client_redirect(self) -> None:
        for lines, status in ((("Location: http://b/x",), 302), (("Status: 307 Go", "Location: /x"), 307)):
            reply = await self.said(*lines)
            self.assertEqual((reply.status, reply[b"Location"]), (status, lines[-1].split()[1].encode()))

    async def test_local_redirect(self) -> None:
        """It is answered as the other path is, as a GET without what the first was about."""
        reply = await self.run_script(
            SH + "cat >/dev/null; printf 'Location: /hello.txt\\n\\n'", b"Range: bytes=0-1", method="POST", body=b"abc"
        )
        self.assertEqual((reply.status, reply.body, reply[b"Location"]), (200, b"hello\n", None))
        self.script(SH + "printf 'Location: /cgi/other/info?a=b\\n\\n'", "first")
        self.script('cat; echo "$REQUEST_METHOD $PATH_INFO $QUERY_STRING $REQUEST_URI $CONTENT_LENGTH"', "other")
        reply = await self.ask_script(b"POST /cgi/first?x HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc")
        self.assertEqual(reply.body, b"GET /info a=b /cgi/other/info?a=b \n")

    async def test_local_redirect_to_nothing_good(self) -> None:
        for place, status in (
            ("/none", 404),
            ("/cgi/none", 404),
            ("/../x", 502),
            ("/%00", 502),
            ("//b/hello.txt", 404),
        ):
            self.assertEqual((await self.said(f"Location: {place}")).status, status, place)

    async def test_local_redirect_to_what_is_protected(self) -> None:
        """A script opens no door: the other path is asked for like any other."""
        self.file("secret/hello.txt", b"SECRET")
        protect = (Protected("/secret", ("mulder",)),)
        for place in ("/secret/hello.txt", "/./secret/hello.txt", "//secret/hello.txt"):
            reply = await self.said(f"Location: {place}", protect=protect, plaintext_login="always")
            self.assertEqual(reply.status, 401, place)
            self.assertNotIn(b"SECRET", reply.body)

    async def test_local_redirects_without_end(self) -> None:
        reply = await self.run_script(SH + "echo >>count; printf 'Location: /cgi/script\\n\\n'")
        self.assertEqual(reply.status, 502)
        self.assertEqual((self.top / "cgi" / "count").read_bytes(), b"\n" * 11)

    async def test_nph(self) -> None:
        for lines, body in (
            ("HTTP/1.0 203 Own\\nX: 1\\n\\nhello", b"hello"),
            (
                "HTTP/1.1 203 Own\\r\\nX: 1\\r\\nTransfer-Encoding: chunked\\r\\n\\r\\n5\\r\\nhello\\r\\n0\\r\\n\\r\\n",
                b"hello",
            ),
            ("HTTP/1.1 203 Own\\nX: 1\\nContent-Length: 4\\nConnection: close\\n\\nhello", b"hell"),
        ):
            reply = await self.run_script(SH + f"printf '{lines}'", path="/cgi/nph-x")
            self.assertEqual((reply.status, reply.body, reply[b"X"]), (203, body, b"1"))
            self.assertEqual(reply[b"Connection"], None)
        self.assertEqual((await self.run_script(SH + "printf 'Status: 200\\n\\n'", path="/cgi/nph-x")).status, 502)
        self.assertEqual((await self.run_script(SH + "printf 'HTTP/1.1 200 OK\\n\\n'")).status, 502)

    async def test_http_1_0(self) -> None:
        self.script("head -c 100000 /dev/zero")
        reply = await self.ask_script(b"GET /cgi/script HTTP/1.0\r\n\r\n")
        self.assertEqual((len(reply.body), reply[b"Connection"]), (100_000, b"close"))

    async def test_pipelined(self) -> None:
        self.script('echo "$QUERY_STRING"')
        peer = self.scripted()
        for number in range(5):
            peer.send(b"GET /cgi/script?%d HTTP/1.1\r\nHost: a\r\n\r\n" % number)
        await self.scripts.until(lambda: len(peer.replies()) == 5, "all are answered")
        self.assertEqual([reply.body for reply in peer.replies()], [b"%d\n" % number for number in range(5)])

    async def test_back_pressure(self) -> None:
        """A script is read no faster than its client reads."""
        self.script("head -c 2000000 /dev/zero; echo >done")
        peer = self.scripted(lazy=True)
        peer.send(b"GET /cgi/script HTTP/1.1\r\nHost: a\r\n\r\n")
        await self.scripts.until(lambda: peer.wire.full, "the wire is full")
        self.assertFalse((self.top / "cgi" / "done").exists())
        self.assertLess(len(peer.output), 500_000)

        def over() -> bool:
            peer.wire.taken()
            return self.idle(peer)

        await self.scripts.until(over, "all has come")
        self.assertEqual(len(peer.replies()[0].body), 2_000_000)
