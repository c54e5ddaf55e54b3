"""The floors of docs/design.md hold: imports go down only, rooms on one floor stay apart, grammar is pure."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

ROOT = Path(__file__).resolve().parent.parent / "netdaemon"

# From the ground up; a module may import from its own room and from every floor beneath.
FLOORS: list[set[str]] = [
    {"netdaemon", "netdaemon.config", "netdaemon.interfaces"},
    {"netdaemon.wire"},
    {"netdaemon.messages", "netdaemon.documents", "netdaemon.accounts"},
    {"netdaemon.mail"},
    {"netdaemon.protocols"},
    {"netdaemon.url"},
    {"netdaemon.proxy", "netdaemon.compat"},
    {"netdaemon.kinds"},
    {"netdaemon.run"},
    {"netdaemon.tap", "netdaemon.cli", "netdaemon.__main__"},
]
# Rooms of one floor that may see each other: config and interfaces are one ground; accounts hands out the avatars
# that narrow documents.
NEIGHBOURS = {
    ("netdaemon.config", "netdaemon.interfaces"),
    ("netdaemon.interfaces", "netdaemon.config"),
    ("netdaemon.accounts", "netdaemon.documents"),
    ("netdaemon.__main__", "netdaemon.cli"),
}


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def room(module: str) -> str:
    """The floor plan's name of a module: its first two parts; protocol folders are rooms of their own."""
    parts = module.split(".")
    return ".".join(parts[:3] if parts[1:2] == ["protocols"] and len(parts) > 2 else parts[:2])


def floor(name: str) -> int:
    top = ".".join(name.split(".")[:2])
    for height, names in enumerate(FLOORS):
        if top in names:
            return height
    raise AssertionError(f"{name} stands on no floor: put it into the plan")


def imports(tree: ast.AST) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            assert node.level == 0, "imports are absolute here"
            yield node.lineno, node.module
            for alias in node.names:
                name = f"{node.module}.{alias.name}"
                path = ROOT.parent / name.replace(".", "/")
                if name == "twisted.internet.reactor" or path.with_suffix(".py").exists() or path.is_dir():
                    yield node.lineno, name


def offences(module: str, source: str) -> list[str]:
    """Each import of ``source`` that breaks the plan, as `MODULE:LINE imports NAME`."""
    found = []
    own = room(module)
    # open(url) is where other programs come in
    entry_point = floor(module) == len(FLOORS) - 1 or module.startswith("netdaemon.run.") or module == "netdaemon.url"
    for line, name in imports(ast.parse(source)):
        if name == "twisted.internet.reactor" and not entry_point:
            found.append(f"{module}:{line} imports the reactor")
        if "grammar" in module.split(".") and name.split(".")[0] == "twisted":
            found.append(f"{module}:{line} grammar imports {name}")
        if name.split(".")[0] != "netdaemon" or room(name) in (own, "netdaemon"):
            continue
        # The plan inside protocols/: its own __init__ is nobody's, and folders never import each other.
        if floor(name) > floor(module) or (floor(name) == floor(module) and (own, room(name)) not in NEIGHBOURS):
            found.append(f"{module}:{line} imports {name}")
    return found


class FloorTests(SynchronousTestCase):
    def test_imports_go_down_only(self) -> None:
        found = []
        for path in sorted(ROOT.rglob("*.py")):
            found += offences(module_name(path), path.read_text())
        self.assertEqual(found, [])

    def test_an_offence_is_seen(self) -> None:
        self.assertEqual(
            offences("netdaemon.wire.line", "import netdaemon.run.door"),
            ["netdaemon.wire.line:1 imports netdaemon.run.door"],
        )
        self.assertEqual(
            offences("netdaemon.protocols.time.server", "from netdaemon.protocols.http import kind"),
            ["netdaemon.protocols.time.server:1 imports netdaemon.protocols.http"],
        )
        self.assertEqual(
            offences("netdaemon.protocols.time.grammar", "from twisted.internet import defer, reactor")[:1],
            ["netdaemon.protocols.time.grammar:1 grammar imports twisted.internet"],
        )
        self.assertEqual(
            offences("netdaemon.wire.line", "def f():\n    from twisted.internet import reactor"),
            ["netdaemon.wire.line:2 imports the reactor"],
        )

    def test_no_sheds(self) -> None:
        for path in ROOT.rglob("*"):
            self.assertNotIn(path.stem, {"utils", "util", "helpers", "common", "misc"}, path)
