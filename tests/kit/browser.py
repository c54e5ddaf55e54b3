"""Chromium, driven as a person drives it: by W3C WebDriver, through chromedriver.

browser = Browser(self)
await browser.start()
await browser.go("http://127.0.0.1:8080/")
await browser.click("a[href='folder/']")
self.assertEqual(await browser.texts("td.n"), ["inner.txt"])
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from twisted.internet import reactor as _reactor
from twisted.internet.defer import Deferred
from twisted.internet.error import ProcessExitedAlready
from twisted.internet.protocol import ProcessProtocol
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread
from twisted.python.failure import Failure
from twisted.trial.unittest import TestCase

from tests.kit.programs import needs

reactor: Any = _reactor

LIMIT = 60.0
"""Seconds until something in the browser counts as never."""

ARGUMENTS = (
    "--headless",
    "--no-sandbox",  # CI is root
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)
"""It is kept from everything but the pages under test."""

_ELEMENT = "element-6066-11e4-a52e-4f735466cecf"  # WebDriver 11: the key of a reference to an element


_TRIES = 5
"""chromedriver takes any port of IPv6, and ends when somebody has the same one of IPv4: then another is tried."""


class _PortTaken(AssertionError):
    """chromedriver found no port that is free in both families."""


class _Driver(ProcessProtocol):
    """chromedriver's process: says its port, and when it is gone."""

    def __init__(self) -> None:
        self.port: Deferred[int] = Deferred()
        self.ended: Deferred[None] = Deferred()
        self.running = True
        self._said = b""

    def outReceived(self, data: bytes) -> None:
        self._said += data
        match = re.search(rb"started successfully on port ([0-9]+)", self._said)
        if match and not self.port.called:
            self.port.callback(int(match[1]))

    def processEnded(self, reason: Failure) -> None:
        if not self.port.called:
            kind = _PortTaken if b"port not available" in self._said else AssertionError
            self.port.errback(kind(f"chromedriver ended: {self._said.decode('utf-8', 'replace')}"))
        self.running = False
        self.ended.callback(None)


class Browser:
    """One headless Chromium, until the test ends. ``downloads`` is where it puts what it downloads."""

    def __init__(self, test: TestCase, *, insecure: bool = False, arguments: Sequence[str] = ()) -> None:
        self._test = test
        self._arguments = arguments
        self._insecure = insecure
        folder = Path(test.mktemp()).absolute()
        self.downloads = folder / "downloads"
        self.downloads.mkdir(parents=True)
        self._profile = folder / "profile"
        self._port = 0
        self._session = ""

    async def start(self) -> None:
        """Start it."""
        needs(self._test, "chromium")
        path = needs(self._test, "chromedriver")
        for left in reversed(range(_TRIES)):
            try:
                self._port = await self._drive(path)
                break
            except _PortTaken:
                if not left:
                    raise
        options = {
            "args": [*ARGUMENTS, *self._arguments, f"--user-data-dir={self._profile}", "--window-size=1000,800"],
            "prefs": {"download.default_directory": str(self.downloads), "download.prompt_for_download": False},
        }
        wanted = {"goog:chromeOptions": options, "acceptInsecureCerts": self._insecure}
        made = await self._ask("POST", "/session", {"capabilities": {"alwaysMatch": wanted}})
        self._session = made["sessionId"]

    async def _drive(self, path: str) -> int:
        """Start chromedriver, which gives its port. It ends with the test."""
        driver = _Driver()
        process = reactor.spawnProcess(driver, path, [path, "--port=0"], env=None)

        async def end() -> None:
            try:
                if self._session and driver.running:
                    await self._call("DELETE", "")  # which ends Chromium
            finally:
                try:
                    process.signalProcess("TERM")
                except ProcessExitedAlready:
                    pass
                await driver.ended.addTimeout(LIMIT, reactor)

        self._test.addCleanup(end)
        return await driver.port.addTimeout(LIMIT, reactor)

    # --- what a person does ----------------------------------------------------------------------------------

    async def go(self, url: str) -> None:
        """Load a page."""
        await self._call("POST", "/url", {"url": url})

    async def click(self, selector: str) -> None:
        """Click on the one element of that CSS selector."""
        (element,) = await self._find(selector)
        await self._call("POST", f"/element/{element}/click", {})

    async def texts(self, selector: str) -> list[str]:
        """What is to be read in each element of that selector."""
        return [await self._call("GET", f"/element/{element}/text") for element in await self._find(selector)]

    async def url(self) -> str:
        """Where it is."""
        return str(await self._call("GET", "/url"))

    async def title(self) -> str:
        """The page's title."""
        return str(await self._call("GET", "/title"))

    async def run(self, script: str) -> Any:
        """What ``script`` returns, run in the page."""
        return await self._call("POST", "/execute/sync", {"script": script, "args": []})

    async def downloaded(self, name: str) -> bytes:
        """Wait for a whole download."""
        file = self.downloads / name
        end = reactor.seconds() + LIMIT
        while not file.exists() or list(self.downloads.glob("*.crdownload")):
            assert reactor.seconds() < end, f"no {name} came: {list(self.downloads.iterdir())}"
            await deferLater(reactor, 0.02)
        return file.read_bytes()

    # --- how it is said --------------------------------------------------------------------------------------

    async def _find(self, selector: str) -> list[str]:
        found = await self._call("POST", "/elements", {"using": "css selector", "value": selector})
        return [element[_ELEMENT] for element in found]

    async def _call(self, method: str, path: str, body: Any = None) -> Any:
        return await self._ask(method, f"/session/{self._session}{path}", body)

    async def _ask(self, method: str, path: str, body: Any) -> Any:
        return await deferToThread(self._ask_now, method, path, body)

    def _ask_now(self, method: str, path: str, body: Any) -> Any:
        connection = HTTPConnection("127.0.0.1", self._port, timeout=LIMIT)
        try:
            connection.request(method, path, None if body is None else json.dumps(body))
            value = json.loads(connection.getresponse().read())["value"]
        finally:
            connection.close()
        if isinstance(value, dict) and "error" in value:
            raise AssertionError(f"{value['error']}: {value['message']}")
        return value
