"""Scripts run by a real daemon and asked by curl: they list folders, hang, fork and flood."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
from typing import Any

from twisted.internet.threads import deferToThread
from twisted.internet.utils import getProcessOutputAndValue
from twisted.trial.unittest import TestCase

from tests.kit.daemon import CHECKOUT, Daemon
from tests.kit.programs import needs
from tests.kit.scripts import PATIENCE, PYTHON, SH, Scripts

LISTER = (
    PYTHON
    + """
import html, os, sys, urllib.parse

folder = os.environ.get("PATH_TRANSLATED", os.environ["DOCUMENT_ROOT"])
if not os.path.isdir(folder):
    print("Status: 404 Not Found\\nContent-Type: text/plain\\n\\nno such folder")
    sys.exit()
print("Content-Type: text/html; charset=utf-8\\n\\n<ul>")
for name in sorted(os.listdir(folder)):
    print(f'<li><a href="{urllib.parse.quote(name)}">{html.escape(name)}</a>')
print("</ul>")
"""
)
FORM = (
    PYTHON
    + """
import os, sys, urllib.parse

form = urllib.parse.parse_qs(sys.stdin.buffer.read(int(os.environ["CONTENT_LENGTH"])).decode())
print("Content-Type: text/plain\\n")
print(os.environ["REQUEST_METHOD"], form)
"""
)
HANGS = SH + "trap '' TERM HUP INT\necho $$ >>pids\nsleep 1000 &\necho $! >>pids\nwait\nwait\n"
FORKS = (
    SH
    + """
for name in a b c; do sh -c 'echo $$ >>pids; exec sleep 1000' & done
while [ "$(wc -l <pids)" -lt 3 ]; do sleep 0.01; done
printf 'Content-Type: text/plain\\n\\nforked\\n'
"""
)
FLOODS = SH + "echo $$ >>pids\nprintf 'Content-Type: text/plain\\n\\n'\nexec cat /dev/zero\n"

INI = """\
[documents]
root = {root}
[http]
listen = tcp:0:interface=127.0.0.1 tls:0:interface=127.0.0.1
cgi = /cgi
{keys}
"""


class CGIFlowTests(TestCase):
    timeout = 120

    def setUp(self) -> None:
        self.curl = needs(self, "curl")
        self.scripts = Scripts(self)

    async def start(self, keys: str = "") -> Daemon:
        daemon = Daemon(self, INI.format(root=self.scripts.top, keys=keys))
        await daemon.start()
        self.daemon = daemon
        return daemon

    async def ask(self, path: str, *options: str, scheme: str = "http") -> tuple[str, str]:
        """(status, body) as curl sees them."""
        port = self.daemon.port("http", "tls" if scheme == "https" else "tcp")
        url = f"{scheme}://127.0.0.1:{port}{path}"
        command = ("-sk", "--max-time", str(int(PATIENCE)), "-w", "\n%{http_code}", *options, url)
        out, _err, _status = await getProcessOutputAndValue(self.curl, command, os.environ)
        body, _, status = out.decode().rpartition("\n")
        return status, body

    async def test_scripts(self) -> None:
        """The usual day: pages, forms, redirects, over both doors."""
        self.scripts.add("cgi/list.py", LISTER)
        self.scripts.add("cgi/form", FORM)
        self.scripts.add("cgi/home", SH + "printf 'Location: /folder/a.txt\\n\\n'\n")
        self.scripts.add("cgi/env", SH + "printf 'Content-Type: text/plain\\n\\n'; env\n")
        self.scripts.add("folder/a.txt", "text a", 0o644)
        self.scripts.add("folder/<b>", "text b", 0o644)
        daemon = await self.start()
        status, body = await self.ask("/cgi/list.py/folder")
        self.assertEqual(status, "200")
        self.assertIn('<li><a href="a.txt">a.txt</a>', body)
        self.assertIn('<li><a href="%3Cb%3E">&lt;b&gt;</a>', body)
        self.assertEqual(await self.ask("/cgi/list.py/none"), ("404", "no such folder\n"))
        form = ("POST {'name': ['Fox Mulder']}\n",)
        self.assertEqual(await self.ask("/cgi/form", "-d", "name=Fox+Mulder"), ("200", *form))
        chunked = ("-d", "name=Fox+Mulder", "-H", "Transfer-Encoding: chunked")
        self.assertEqual(await self.ask("/cgi/form", *chunked), ("200", *form))
        self.assertEqual(await self.ask("/cgi/home"), ("200", "text a"))
        status, body = await self.ask("/cgi/env", scheme="https")
        self.assertIn("HTTPS=on\n", body)
        self.assertIn(f"SERVER_PORT={daemon.port('http', 'tls')}\n", body)
        self.assertIn("REMOTE_ADDR=127.0.0.1\n", body)
        status, output = await daemon.stop()
        self.assertEqual(status, 0)
        self.assertNotIn("Traceback", output)

    async def test_files_go_up_and_down(self) -> None:
        """Some megabytes each way, byte by byte the same."""
        self.scripts.add("cgi/echo", SH + "printf 'Content-Type: application/octet-stream\\n\\n'; exec cat\n")
        data = os.urandom(5 << 20)
        file = self.scripts.add("upload", data, 0o644)
        await self.start("body-limit = 10M")
        result = self.scripts.top / "result"
        for more in ((), ("-H", "Transfer-Encoding: chunked")):
            status, _ = await self.ask("/cgi/echo", "--data-binary", f"@{file}", "-o", str(result), *more)
            self.assertEqual(status, "200")
            self.assertEqual(result.read_bytes(), data)

    async def test_a_client_that_goes(self) -> None:
        """None is left of a script that hangs, nor of what it has started."""
        self.scripts.add("cgi/hangs", HANGS)
        self.scripts.add("cgi/floods", FLOODS)
        await self.start()
        for name in ("hangs", "floods"):
            (self.scripts.top / "cgi" / "pids").unlink(missing_ok=True)
            with socket.create_connection(("127.0.0.1", self.daemon.port("http"))) as client:
                client.sendall(f"GET /cgi/{name} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
                pids = await self.scripts.pids("cgi/pids", 2 if name == "hangs" else 1)
            await self.scripts.gone(*pids)

    async def test_a_client_that_goes_by_http_2(self) -> None:
        self.scripts.add("cgi/hangs", HANGS)
        await self.start()
        url = f"http://127.0.0.1:{self.daemon.port('http')}/cgi/hangs"
        with subprocess.Popen([self.curl, "-s", "--http2-prior-knowledge", url]) as client:
            pids = await self.scripts.pids("cgi/pids", 2)
            client.kill()
        await self.scripts.gone(*pids)

    async def test_time_out(self) -> None:
        self.scripts.add("cgi/hangs", HANGS)
        await self.start("cgi-timeout = 1s")
        status, _ = await self.ask("/cgi/hangs")
        self.assertEqual(status, "504")
        await self.scripts.gone(*await self.scripts.pids("cgi/pids", 2))

    async def test_children_end_with_their_script(self) -> None:
        self.scripts.add("cgi/forks", FORKS)
        self.scripts.add("cgi/pids", "", 0o644)
        await self.start()
        self.assertEqual(await self.ask("/cgi/forks"), ("200", "forked\n"))
        await self.scripts.gone(*await self.scripts.pids("cgi/pids", 3))

    async def test_the_daemon_stops(self) -> None:
        """Scripts that don't end are ended with it."""
        self.scripts.add("cgi/hangs", HANGS)
        daemon = Daemon(self, "[netdaemon]\ngrace = 0s\n" + INI.format(root=self.scripts.top, keys=""))
        await daemon.start()
        with socket.create_connection(("127.0.0.1", daemon.port("http"))) as client:
            client.sendall(b"GET /cgi/hangs HTTP/1.1\r\nHost: a\r\n\r\n")
            pids = await self.scripts.pids("cgi/pids", 2)
            daemon.signal(signal.SIGTERM)
            status, output = await daemon.wait()
        self.assertEqual(status, 0, output)
        await self.scripts.gone(*pids)

    async def test_who_asks(self) -> None:
        """A protected script knows its caller's name, and not the password."""
        self.scripts.add("cgi/own/env", SH + "printf 'Content-Type: text/plain\\n\\n'; env\n")
        daemon = await self.start("protect = /cgi/own *")
        added = await getProcessOutputAndValue(
            "/bin/sh",
            (
                "-c",
                f"echo trustno1 | {sys.executable} -m netdaemon -c {daemon.ini_file} user add mulder --password-stdin",
            ),
            {**os.environ, "PYTHONPATH": str(CHECKOUT)},
        )
        self.assertEqual(added[2], 0, added)
        self.assertEqual((await self.ask("/cgi/own/env"))[0], "401")
        self.assertEqual((await self.ask("/cgi/own/env", "-u", "mulder:wrong"))[0], "401")
        status, body = await self.ask("/cgi/own/env", "-u", "mulder:trustno1")
        self.assertEqual(status, "200")
        self.assertIn("REMOTE_USER=mulder\n", body)
        self.assertIn("AUTH_TYPE=Basic\n", body)
        self.assertNotIn("AUTHORIZATION", body)
        self.assertNotIn("trustno1", body)

    async def test_many_at_once(self) -> None:
        """More clients than scripts may run: all are answered, in their turn."""
        self.scripts.add("cgi/hello", SH + "printf 'Content-Type: text/plain\\n\\nhello %s\\n' \"$QUERY_STRING\"\n")
        await self.start("cgi-processes = 8")

        def work() -> list[Any]:
            clients = [http.client.HTTPConnection("127.0.0.1", self.daemon.port("http"), PATIENCE) for _ in range(16)]
            answers = []
            for turn in range(3):
                for number, client in enumerate(clients):
                    client.request("GET", f"/cgi/hello?{turn}.{number}")
                answers += [client.getresponse().read().decode() for client in clients]
            for client in clients:
                client.close()
            return answers

        answers = await deferToThread(work)
        self.assertEqual(answers, [f"hello {turn}.{number}\n" for turn in range(3) for number in range(16)])

    async def test_as_another_user(self) -> None:
        if os.geteuid() != 0:
            self.skipTest("only root can run scripts as others")
        self.scripts = Scripts(self, public=True)
        self.scripts.add("cgi/who", SH + "printf 'Content-Type: text/plain\\n\\n'; id -un; id -Gn\n")
        await self.start("cgi-user = nobody")
        self.assertEqual(await self.ask("/cgi/who"), ("200", "nobody\nnogroup\n"))

    async def test_error_messages(self) -> None:
        self.scripts.add("cgi/fails", SH + "echo 'oh \033[31mno' >&2\nexit 1\n")
        daemon = await self.start()
        status, _ = await self.ask("/cgi/fails")
        self.assertEqual(status, "502")
        await daemon.until(lambda: "/cgi/fails says: oh \\x1b[31mno" in daemon.output, "logs the message")
        self.assertNotIn("\033", daemon.output)
        self.assertIn("it wrote nothing", daemon.output)
