"""What the tests of this room share: a list of kinds, and a reading of INI text."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from netdaemon.config.keys import key
from netdaemon.config.problems import ConfigError
from netdaemon.config.read import Config, parse
from netdaemon.config.settings import ServiceSettings
from netdaemon.config.values import Secret, secret, text, words
from netdaemon.interfaces import STREAMS, IServiceKind, ServiceKind


@dataclass(frozen=True)
class ParrotSettings(ServiceSettings):
    """[parrot]: says it again."""

    groups: tuple[str, ...] = key(words, "Groups.", default="")
    banner: str = key(text, "What it says first.", default="hello")
    password: Secret = key(secret, "Who goes there?", default="", secret=True)

    def problems(self) -> list[tuple[str, str]]:
        found = []
        if self.banner == "goodbye":
            found.append(("banner", "a banner greets"))
        if self.password == "12345":
            found.append(("password", "that is the password of a fool's luggage"))
        return found


@dataclass(frozen=True)
class FussySettings(ServiceSettings):
    """[fussy]: refuses to be."""

    def __post_init__(self) -> None:
        raise ValueError("today is not a good day")


def _factory(settings: Any, house: Any) -> Any:
    raise AssertionError("no session begins here")


parrot = ServiceKind("parrot", "Says it again.", ParrotSettings, _factory, transports=STREAMS | {"udp"})
web = ServiceKind("web", "Serves.", ServiceSettings, _factory)
fussy = ServiceKind("fussy", "Refuses.", FussySettings, _factory)
quote = ServiceKind("quote", "Datagrams only.", ServiceSettings, _factory, transports=frozenset({"udp"}))


class FewKinds:
    """`Kinds` with the four above, and one that is listed and can't be loaded."""

    known = {kind.name: kind for kind in (parrot, web, fussy, quote)}

    def names(self) -> list[str]:
        return [*self.known, "torn"]

    def find(self, name: str) -> IServiceKind:
        if name == "torn":
            raise LookupError("torn.module cannot be imported: ImportError: half of it is gone")
        if name not in self.known:
            raise LookupError(f"there is no kind called {name!r}")
        return self.known[name]


GOOD = "[netdaemon]\ndata = state\n[web]\nlisten = tcp:0\n"
"""A configuration without a mistake; four lines."""


class IniTests(SynchronousTestCase):
    """A folder of its own for each test, with INI text read as if it stood there in `x.ini`."""

    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).absolute()
        self.folder.mkdir()
        self.file = self.folder / "x.ini"

    def parse(self, text: str) -> Config:
        return parse(text, self.file, FewKinds())

    def problems(self, text: str) -> list[str]:
        """What is wrong with it, without the file's name: `3: [web] unknown key 'x'`."""
        with self.assertRaises(ConfigError) as caught:
            self.parse(text)
        self.assertTrue(all(problem.file == self.file for problem in caught.exception.problems))
        return [str(problem).removeprefix(f"{self.file}:") for problem in caught.exception.problems]
