"""xinetd's internal services."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

from tests.bench.part import Start
from tests.bench.processes import Server, free_port, launch, program

SERVICE = """\
service time
{{
    id          = time-{transport}
    type        = INTERNAL UNLISTED
    {flags}
    socket_type = {socket_type}
    protocol    = {transport}
    bind        = 127.0.0.1
    port        = {port}
    user        = {user}
    wait        = {wait}
    instances   = UNLIMITED
    per_source  = UNLIMITED
    cps         = 100000000 1
    disable     = no
}}
"""


def xinetd(*, tables: bool = True) -> Start:
    """RFC 868 by xinetd itself (no process per request), without limits.

    Unless told otherwise it reads hosts.allow and hosts.deny for each request, which netdaemon has not.
    """

    def start(folder: Path) -> Server:
        path = program("xinetd")
        port = free_port()
        user = pwd.getpwuid(os.getuid()).pw_name
        flags = "" if tables else "flags = NOLIBWRAP"
        text = "defaults\n{\n}\n"
        for transport, socket_type, wait in (("tcp", "stream", "no"), ("udp", "dgram", "yes")):
            text += SERVICE.format(
                transport=transport, socket_type=socket_type, wait=wait, port=port, user=user, flags=flags
            )
        (folder / "xinetd.conf").write_text(text)
        command = [path, "-dontfork", "-f", str(folder / "xinetd.conf")]
        command += ["-pidfile", str(folder / "xinetd.pid"), "-filelog", str(folder / "xinetd.log")]
        return launch("xinetd", command, folder, {"tcp": port, "udp": port})

    return start
