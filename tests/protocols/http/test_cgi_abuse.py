"""Scripts and clients that behave badly: what they may not do, and that nothing is left of them."""

from __future__ import annotations

import os
import pwd
from pathlib import Path
from typing import Any

from twisted.logger import globalLogPublisher

from netdaemon.protocols.http.grammar.message import MAX_FIELDS
from tests.kit.scripts import PYTHON, SH, Scripts, alive
from tests.protocols.http.peer import Reply
from tests.protocols.http.scripted import ScriptedTests

PIDS = "echo $$ >>pids; "
GET = b"GET /cgi/script HTTP/1.1\r\nHost: a\r\n\r\n"


class RequestTests(ScriptedTests):
    """What clients try."""

    async def test_shellshock(self) -> None:
        """A field that looks like a function is a text, as everything of a request is."""
        for value in (
            b"() { :;}; echo pwned >pwned",
            b"() { _; } >_[$($())] { echo pwned >pwned; }",
            b"$(touch pwned)",
        ):
            reply = await self.run_script(
                "/bin/bash -c 'echo \"$HTTP_X_A|$QUERY_STRING\"'",
                b"X-A: " + value,
                path="/cgi/script?`touch${IFS}pwned`",
            )
            self.assertEqual(reply.body, value + b"|`touch${IFS}pwned`\n")
        self.assertFalse((self.top / "cgi" / "pwned").exists())

    async def test_httpoxy(self) -> None:
        reply = await self.run_script(
            "env | sed s/=.*// | grep -i proxy; :",
            b"Proxy: http://evil/",
            b"proxy: http://evil/",
            b"HTTP_PROXY: http://evil/",
        )
        self.assertEqual(reply.body, b"")

    async def test_names_that_are_others(self) -> None:
        reply = await self.run_script(
            "env", b"Content_Length: 9", b"Path: /evil", b"LD_PRELOAD: x", b"BASH_FUNC_a%%: () { :; }", b"Http-Host: x"
        )
        lines = reply.body.decode().split("\n")
        self.assertIn("HTTP_PATH=/evil", lines)
        self.assertIn("PATH=/usr/local/bin:/usr/bin:/bin", lines)
        self.assertIn("HTTP_HTTP_HOST=x", lines)
        self.assertNotRegex(reply.body, rb"LD_PRELOAD|BASH_FUNC|CONTENT_LENGTH")

    async def test_no_arguments(self) -> None:
        """RFC 3875 4.4 would make them of a query without "="; that is how php-cgi was made to show its source."""
        reply = await self.run_script('echo "$#"', path="/cgi/script?-s+-d+a")
        self.assertEqual(reply.body, b"0\n")

    async def test_many_and_large_fields(self) -> None:
        fields = [b"X-%d: %b" % (number, b"x" * 100) for number in range(MAX_FIELDS - 1)]
        reply = await self.run_script("env | grep -c HTTP_X", *fields)
        self.assertEqual(reply.body, b"%d\n" % len(fields))

    async def test_a_body_that_ends_early(self) -> None:
        """The script is ended with its client."""
        self.script(SH + PIDS + "cat; echo >done")
        peer = self.scripted()
        peer.send(b"POST /cgi/script HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nhalf")
        (pid,) = await self.scripts.pids("cgi/pids")
        peer.leave()
        await self.scripts.gone(pid)
        self.assertFalse((self.top / "cgi" / "done").exists(), "half a body was taken for a whole one")

    async def test_a_body_that_is_malformed_on_its_way(self) -> None:
        self.script(SH + "echo ran >ran")
        reply = await self.ask_script(
            b"POST /cgi/script HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nnix\r\n"
        )
        self.assertEqual(reply.status, 400)
        self.assertFalse((self.top / "cgi" / "ran").exists())

    async def test_a_body_that_comes_too_slowly(self) -> None:
        self.script(SH + PIDS + "cat >/dev/null; echo >done")
        peer = self.scripted()
        peer.send(b"POST /cgi/script HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nhalf")
        (pid,) = await self.scripts.pids("cgi/pids")
        self.clock.pump([1] * 70)
        await self.answered(peer)
        self.assertEqual(peer.replies()[0].status, 408)
        await self.scripts.gone(pid)

    async def test_no_room(self) -> None:
        """More than may run and wait are sent away, and come in when there is room."""
        self.script(SH + PIDS + "while [ ! -e go ]; do sleep 0.01; done; printf 'Content-Type: a/b\\n\\n'")
        first = self.scripted(cgi_processes=1)
        peers = [first, *(self.another(first) for _ in range(3))]
        for peer in peers:
            peer.send(GET)
        for peer in peers[2:]:
            await self.answered(peer)
            (reply,) = peer.replies()
            self.assertEqual(reply.status, 503)
            self.assertIsNotNone(reply[b"Retry-After"])
        (self.top / "cgi" / "go").touch()
        for peer in peers[:2]:
            await self.answered(peer)
            self.assertEqual(peer.replies()[0].status, 200)

    async def test_who_waits_and_goes(self) -> None:
        self.script(SH + PIDS + "sleep 1000")
        first = self.scripted(cgi_processes=1)
        second = self.another(first)
        first.send(GET)
        second.send(GET)
        pids = await self.scripts.pids("cgi/pids")
        second.leave()
        first.leave()
        await self.scripts.gone(*pids)
        self.assertEqual((self.top / "cgi" / "pids").read_text().count("\n"), 1)


class OutputTests(ScriptedTests):
    """What scripts say."""

    async def refused(self, printed: str, status: int = 502) -> Reply:
        reply = await self.run_script(SH + f"printf '{printed}'")
        self.assertEqual(reply.status, status, printed)
        self.assertNotIn(b"evil", b"".join(value for _, value in reply.fields))
        return reply

    async def test_unusable_headers(self) -> None:
        for printed in (
            "",
            "no header at all",
            "\\n\\nbody",
            "Content-Type: text/plain",
            "Content-Type: text/plain\\rX-A: evil\\n\\n",
            "Content-Type: text/plain\\nX-A: 1\\rSet-Cookie: evil\\n\\n",
            "Content-Type: text/plain\\nX-A: \\0evil\\n\\n",
            "Content-Type: text/plain\\n folded: evil\\n\\n",
            "Content-Type: text/plain\\nContent-Length: 1\\nContent-Length: 2\\n\\n",
            "Content-Type: text/plain\\nContent-Length: -1\\n\\n",
            "Status: 200 OK\\nStatus: 404 evil\\n\\n",
            "Status: 101 evil\\n\\n",
            "Location: /\\rX: evil\\n\\n",
            "X-A: evil\\n\\n",
        ):
            await self.refused(printed)

    async def test_too_large_headers(self) -> None:
        for text in ("yes 'X: evil' | head -n 101; echo", "head -c 70000 /dev/zero | tr '\\0' x; echo; echo"):
            reply = await self.run_script(SH + "echo 'Content-Type: text/plain'; " + text)
            self.assertEqual(reply.status, 502)

    async def test_no_second_response(self) -> None:
        """What a script smuggles behind its body belongs to its body."""
        smuggled = "HTTP/1.1 200 OK\\r\\nContent-Length: 4\\r\\n\\r\\nevil"
        self.script(SH + f"printf 'Content-Type: a/b\\nTransfer-Encoding: chunked\\n\\n0\\r\\n\\r\\n{smuggled}'")
        peer = self.scripted()
        peer.send(GET)
        await self.answered(peer)
        (reply,) = peer.replies()
        self.assertTrue(reply.body.endswith(b"evil"))

    async def test_endless(self) -> None:
        """An output without end ends at the cap, and the client sees that it is not whole."""
        self.script(SH + PIDS + "printf 'Content-Type: a/b\\n\\n'; exec cat /dev/zero")
        peer = self.scripted(cgi_output=1_000_000)
        peer.send(GET)
        await self.scripts.until(lambda: peer.wire.aborted, "it is cut off")
        self.assertLess(len(peer.output), 1_100_000)
        await self.scripts.gone(*await self.scripts.pids("cgi/pids"))

    async def test_an_endless_header(self) -> None:
        reply = await self.run_script(SH + PIDS + "exec cat /dev/zero")
        self.assertEqual(reply.status, 502)
        await self.scripts.gone(*await self.scripts.pids("cgi/pids"))

    async def test_standard_error(self) -> None:
        """A flood of messages stops neither the script nor the log, and controls nothing."""
        said: list[Any] = []
        globalLogPublisher.addObserver(said.append)
        self.addCleanup(globalLogPublisher.removeObserver, said.append)
        reply = await self.run_script(
            "printf '\\033[2Jfaked\\nlines\\n' >&2; head -c 1000000 /dev/zero | tr '\\0' x >&2; echo through"
        )
        self.assertEqual(reply.body, b"through\n")
        lines = [event["line"] for event in said if "line" in event]
        self.assertEqual(lines[:2], ["\x1b[2Jfaked", "lines"])
        self.assertLess(sum(map(len, lines)), 70_000)

    async def test_half_an_answer(self) -> None:
        """A script that is killed on the way has not answered: 502, or what was sent is cut off."""
        reply = await self.run_script("echo half; kill -9 $$")
        self.assertEqual(reply.status, 502)
        self.script("head -c 100000 /dev/zero; kill -9 $$")
        peer = self.scripted()
        peer.send(GET)
        await self.scripts.until(lambda: peer.wire.aborted, "it is cut off")


class BehaviourTests(ScriptedTests):
    """How scripts behave."""

    async def test_a_client_that_goes(self) -> None:
        """Before the header, and within the body: the script and what it started are gone."""
        for before in ("", "printf 'Content-Type: a/b\\n\\nfirst'; "):
            (self.top / "cgi").mkdir(exist_ok=True)
            (self.top / "cgi" / "pids").unlink(missing_ok=True)
            self.script(
                SH + "trap '' TERM HUP INT PIPE; " + PIDS + before
                + "(trap '' TERM HUP; sh -c 'echo $PPID' >>pids; while :; do sleep 1; done) & wait; wait"
            )  # fmt: skip
            peer = self.scripted()
            peer.send(GET)
            pids = await self.scripts.pids("cgi/pids", 2)
            if before:
                await self.scripts.until(lambda here=peer: b"first" in here.output, "the first part came")
            self.assertTrue(all(map(alive, pids)))
            peer.leave()
            await self.scripts.gone(*pids)

    async def test_a_client_that_has_ended_and_reads(self) -> None:
        """Who closes only his own direction gets his answer. Twice it is tried whether he is there still."""
        go = self.top / "cgi" / "go"
        self.script("while [ ! -e go ]; do sleep 0.01; done; echo done")
        peer = self.scripted()
        peer.send(GET)
        peer.session.readConnectionLost()
        self.assertEqual(peer.output, b"HTTP/1.1 100 Continue\r\n\r\n")
        self.clock.pump([1] * 5)
        self.assertEqual(peer.output, b"HTTP/1.1 100 Continue\r\n\r\n" * 2)
        peer.wire.written.clear()
        go.touch()
        await self.answered(peer)
        self.assertEqual(peer.replies()[0].body, b"done\n")
        go.unlink()
        older = self.scripted()
        older.send(b"GET /cgi/script HTTP/1.0\r\n\r\n")
        older.session.readConnectionLost()
        self.clock.pump([1] * 5)
        self.assertEqual(older.output, b"")

    async def test_a_client_that_goes_while_it_does_not_read(self) -> None:
        self.script(SH + PIDS + "printf 'Content-Type: a/b\\n\\n'; exec cat /dev/zero")
        peer = self.scripted(lazy=True)
        peer.send(GET)
        await self.scripts.until(lambda: peer.wire.full, "the wire is full")
        peer.leave()
        await self.scripts.gone(*await self.scripts.pids("cgi/pids"))

    async def test_silence(self) -> None:
        """504 before the header; behind it the connection is cut."""
        for before in ("", "printf 'Content-Type: a/b\\n\\nfirst'; "):
            (self.top / "cgi").mkdir(exist_ok=True)
            (self.top / "cgi" / "pids").unlink(missing_ok=True)
            self.script(SH + "trap '' TERM; " + PIDS + before + "sleep 1000")
            peer = self.scripted(cgi_timeout=5.0)
            peer.send(GET)
            pids = await self.scripts.pids("cgi/pids")
            if before:
                await self.scripts.until(lambda here=peer: b"first" in here.output, "the first part came")
            self.clock.pump([1] * 7)
            await self.scripts.until(lambda here=peer: self.idle(here), "it is over")
            if before:
                self.assertTrue(peer.wire.aborted)
            else:
                self.assertEqual(peer.replies()[0].status, 504)
            await self.scripts.gone(*pids)

    async def test_lifetime(self) -> None:
        """One that talks all the time ends, too."""
        self.script(SH + PIDS + "printf 'Content-Type: a/b\\n\\n'; while :; do echo; sleep 0.01; done")
        peer = self.scripted(cgi_lifetime=20.0)
        peer.send(GET)
        pids = await self.scripts.pids("cgi/pids")
        self.clock.pump([1] * 22)
        await self.scripts.until(lambda: peer.wire.aborted or self.idle(peer), "it is over")
        await self.scripts.gone(*pids)

    async def test_closes_its_output_and_sleeps(self) -> None:
        """Its answer is whole when its output is closed; what it does then, it does until its time is over."""
        self.script(PIDS + "echo done; exec >&- 2>&-; sleep 1000")
        peer = self.scripted(cgi_lifetime=20.0)
        peer.send(GET)
        await self.answered(peer)
        self.assertEqual(peer.replies()[0].body, b"done\n")
        (pid,) = await self.scripts.pids("cgi/pids")
        self.assertTrue(alive(pid))
        self.clock.pump([1] * 22)
        await self.scripts.gone(pid)

    async def test_forks_twice_and_holds_its_output(self) -> None:
        """The answer ends with the script."""
        self.script(PIDS + "(sh -c 'echo $PPID' >>pids; sleep 1000) & echo done")
        peer = self.scripted()
        peer.send(GET)
        pids = await self.scripts.pids("cgi/pids", 2)
        await self.scripts.gone(pids[0])
        self.clock.pump([1, 1])
        await self.answered(peer)
        self.assertEqual(peer.replies()[0].body, b"done\n")
        await self.scripts.gone(*pids)

    async def test_reads_nothing(self) -> None:
        """1 MiB is posted to one that doesn't read it."""
        body = bytes(1 << 20)
        for text in ("echo done", "exec <&-; echo done", "head -c 10 >/dev/null; echo done"):
            reply = await self.run_script(text, method="POST", body=body)
            self.assertEqual(reply.body, b"done\n")

    async def test_writes_before_it_reads(self) -> None:
        """More than a pipe holds goes out before anything goes in."""
        reply = await self.run_script("head -c 300000 /dev/zero; cat", method="POST", body=b"x" * 300_000)
        self.assertEqual(reply.body, bytes(300_000) + b"x" * 300_000)

    async def test_ends_at_once(self) -> None:
        for text, status in ((SH, 502), (SH + "exit 1", 502), (SH + "kill -9 $$", 502)):
            self.assertEqual((await self.run_script(text)).status, status)
        reply = await self.run_script("exit 3")
        self.assertEqual((reply.status, reply.body), (200, b""))

    async def test_memory(self) -> None:
        reply = await self.run_script(
            PYTHON + "import time, resource\n"
            "while resource.getrlimit(resource.RLIMIT_AS)[0] < 0: time.sleep(0.001)\n"
            "try: x = bytearray(200 << 20)\n"
            "except MemoryError: print('Content-Type: a/b\\n\\nno')\n",
            cgi_memory=100 << 20,
        )
        self.assertEqual(reply.body, b"no\n")

    async def test_processor_time(self) -> None:
        reply = await self.run_script(SH + PIDS + "while :; do :; done", cgi_cpu=1.0)
        self.assertEqual(reply.status, 502)
        await self.scripts.gone(*await self.scripts.pids("cgi/pids"))

    async def test_fork_bomb(self) -> None:
        """As many as may be, and all of them are gone with their client."""
        if os.geteuid() != 0:
            self.skipTest("only root can run scripts as a user who has no other processes")
        self.scripts = Scripts(self, public=True)
        self.top = self.scripts.top
        before = _processes_of("nobody")
        most = before + 20
        self.script(SH + "bomb() { bomb & bomb; }; bomb; sleep 1000")
        peer = self.scripted(cgi_user="nobody", cgi_children=most)
        counts = [0]

        def gone_off() -> bool:
            counts.append(_processes_of("nobody"))
            return max(counts) >= most or self.idle(peer)

        peer.send(GET)
        await self.scripts.until(gone_off, "it has gone off")
        self.assertLessEqual(max(counts), most)
        peer.leave()
        await self.scripts.until(lambda: _processes_of("nobody") <= before, "all are gone")


def _processes_of(user: str) -> int:
    """How many that user has."""
    uid, count = pwd.getpwnam(user).pw_uid, 0
    for process in Path("/proc").iterdir():
        try:
            count += process.name.isdigit() and process.stat().st_uid == uid
        except FileNotFoundError:
            pass
    return count
