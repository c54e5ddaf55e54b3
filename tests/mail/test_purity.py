"""What reads and writes mail imports no Twisted: it works on octets alone."""

from __future__ import annotations

import ast
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

import netdaemon.mail

ROOM = Path(netdaemon.mail.__file__).parent
PURE = """
    __init__ addresses addresslist bodystructure charsets compose content dates domains encodedwords envelope fields
    header lexis nstring parameters parts paths preview received reports search structure summary text transfer
    policies/authresults policies/canonical policies/dkimtags policies/dmarc policies/greylist policies/head
    policies/hostlist policies/resolving policies/spf policies/spfmacros policies/spfrecord policies/suffixes
"""


class PurityTests(SynchronousTestCase):
    def test_no_twisted(self) -> None:
        for name in PURE.split():
            for node in ast.walk(ast.parse((ROOM / f"{name}.py").read_text())):
                names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
                names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
                self.assertEqual([each for each in names if each.split(".")[0] == "twisted"], [], name)
