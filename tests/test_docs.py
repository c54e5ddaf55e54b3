"""What the documentation shows is true: every INI in it is understood, and the service in docs/extending.md serves."""

from __future__ import annotations

import re
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase, TestCase

from netdaemon.config.problems import ConfigError
from netdaemon.config.read import parse
from netdaemon.kinds import Kinds
from tests.kit.caller import call
from tests.kit.daemon import CHECKOUT, Daemon

PAGES = [CHECKOUT / "README.md", *sorted((CHECKOUT / "docs").glob("*.md"))]
# What an example names that this machine need not have: files, folders, users.
ELSEWHERE = re.compile("does not exist|no such user|there is no user|cannot be read|unknown user")
DATA = "[netdaemon]\ndata = state\n"
SERVICE = "[time]\nlisten = tcp:0\n"


def blocks(page: Path, language: str) -> list[str]:
    """The fenced code blocks of that language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL)


def whole(ini: str) -> str:
    """A recipe shows the lines that matter; the others are what any configuration has."""
    if "[netdaemon]" not in ini:
        ini = DATA + ini
    elif "data =" not in ini:
        ini = ini.replace("[netdaemon]\n", DATA)
    return ini if "listen" in ini else ini + SERVICE


class IniTests(SynchronousTestCase):
    def test_every_example_is_understood(self) -> None:
        seen = 0
        for page in PAGES:
            for block in blocks(page, "ini"):
                if "kind = shout:kind" in block:
                    continue  # its module is in the same page: see below
                seen += 1
                try:
                    parse(whole(block), CHECKOUT / "conf" / "example.ini", Kinds())
                except ConfigError as error:
                    wrong = [str(problem) for problem in error.problems if not ELSEWHERE.search(problem.message)]
                    self.assertEqual(wrong, [], f"{page}:\n{block}")
        self.assertGreater(seen, 10)

    def test_the_readme_shows_the_minimal_ini(self) -> None:
        minimal = (CHECKOUT / "conf" / "minimal.ini").read_text()
        self.assertIn(minimal.strip(), (CHECKOUT / "README.md").read_text())
        self.assertLessEqual(len(minimal.splitlines()), 10)


class ExtendingTests(TestCase):
    async def test_the_service_serves(self) -> None:
        page = CHECKOUT / "docs" / "extending.md"
        (code,), (ini,) = blocks(page, "python"), blocks(page, "ini")
        folder = Path(self.mktemp()).absolute()
        folder.mkdir(parents=True)
        (folder / "shout.py").write_text(code)
        self.assertIn("listen = tcp:7777:", ini)
        daemon = Daemon(self, ini.replace("tcp:7777:", "tcp:0:"), environment={"PYTHONPATH": f"{CHECKOUT}:{folder}"})
        await daemon.start()
        caller = await call(self, daemon.port("shout"))
        caller.send(b"spam\r\n")
        self.assertEqual(await caller.until(b"\n"), b"SPAM!!\r\n")
