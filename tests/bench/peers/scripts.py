"""CGI scripts, the same for every web server of a part."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from tests.bench.peers.site import documents
from tests.bench.processes import Missing

CGI = "/cgi"
SHELL = f"{CGI}/hello.sh"
PROGRAM = f"{CGI}/hello"

_SHELL = """\
#!/bin/sh
printf 'Content-Type: text/plain\\n\\nHello, world\\n'
"""
_C = """\
#include <unistd.h>
int main(void) {
  static const char text[] = "Content-Type: text/plain\\n\\nHello, world\\n";
  return write(1, text, sizeof text - 1) < 0;
}
"""


def scripts(folder: Path) -> Path:
    """The folder of the scripts, beneath the documents: one for the shell, and one of C where there is a compiler."""
    place = documents(folder) / CGI[1:]
    if not place.exists():
        place.mkdir()
        script = documents(folder) / SHELL[1:]
        script.write_text(_SHELL)
        script.chmod(0o755)
    return place


def compiled(folder: Path) -> None:
    """Make the program, too. Raises Missing without a compiler."""
    program = scripts(folder) / PROGRAM.rpartition("/")[2]
    if not program.exists():
        compiler = shutil.which("cc") or shutil.which("gcc")
        if compiler is None:
            raise Missing("there is no C compiler")
        subprocess.run([compiler, "-O2", "-x", "c", "-", "-o", program], input=_C.encode(), check=True)
