"""Starting a program by vfork(2), whatever the size of this process.

``subprocess.Popen`` does so too, by the same function of the standard library; but what it does around that for
everybody costs as much time again as the start itself (40 us of 100, measured with a CGI script's environment).
``os.posix_spawn`` can set neither the working directory nor the umask.
"""

from __future__ import annotations

import fcntl
import os
import sys
from _posixsubprocess import fork_exec
from collections.abc import Mapping, Sequence
from typing import Any

_NOTHING: Any = None  # to run between fork and exec: with something it would fork
_VFORK = () if sys.version_info >= (3, 14) else (True,)  # later versions don't ask


def spawn(
    argv: Sequence[bytes],
    environment: Mapping[bytes, bytes],
    folder: int,
    stdin: int,
    stdout: int,
    stderr: int,
    umask: int,
) -> int:
    """Start ``argv[0]``, a path, in the folder that the descriptor ``folder`` stands for; its process number.

    It leads a session of its own, and has these three descriptors and no others, no signal blocked or ignored that we
    ignore, and ``environment`` and nothing else. Raises OSError, and ValueError for what holds a NUL.
    """
    variables = [b"%b=%b" % item for item in environment.items()]
    if b"\0" in b"".join((*argv, *variables)):
        raise ValueError("an argument or a variable holds a NUL")
    reading, writing = os.pipe2(os.O_CLOEXEC)
    try:
        if writing < 3:  # the child makes its own of these numbers
            low, writing = writing, fcntl.fcntl(writing, fcntl.F_DUPFD_CLOEXEC, 3)
            os.close(low)
        place = f"/proc/self/fd/{folder}"  # the child's own copy of it
        pid = fork_exec(
            argv, (argv[0],), True, (writing,), place, variables,
            stdin, -1, -1, stdout, -1, stderr, reading, writing,
            True, True, -1, None, None, None, umask, _NOTHING, *_VFORK,
        )  # fmt: skip
        os.close(writing)
        writing = -1
        failure = os.read(reading, 1024)
    finally:
        os.close(reading)
        if writing >= 0:
            os.close(writing)
    if failure:
        os.waitpid(pid, 0)
        # b"OSError:2:noexec", the number in hexadecimal
        number = int(failure.split(b":")[1] or b"0", 16)
        raise OSError(number, os.strerror(number), os.fsdecode(argv[0]))
    return int(pid)
