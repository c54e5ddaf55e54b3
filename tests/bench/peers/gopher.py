"""Gopher servers, over a text of 1 KiB and a folder of twenty."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

from tests.bench.part import Start
from tests.bench.peers import netdaemon as ours
from tests.bench.peers.site import documents
from tests.bench.processes import Server, free_port, launch, program

MENU, TEXT = "/menu", "/menu/text07.txt"
HOLDS = "text07.txt"
"""What the menu's answer holds; the text's holds it too."""
LAST = "text19.txt"

SERVICE = """\
service gopher
{{
    type        = UNLISTED
    flags       = NOLIBWRAP
    socket_type = stream
    protocol    = tcp
    bind        = 127.0.0.1
    port        = {port}
    user        = {user}
    wait        = no
    server      = {server}
    server_args = -nr -ns -nm -nx -h localhost -p {port} -r {root}
    instances   = UNLIMITED
    per_source  = UNLIMITED
    cps         = 100000000 1
    disable     = no
}}
"""


def tree(folder: Path) -> Path:
    """The documents, with the folder that menus are asked for."""
    site = documents(folder)
    menu = site / "menu"
    if not menu.exists():
        menu.mkdir()
        for number in range(20):
            name = f"text{number:02}.txt"
            (menu / name).write_text(f"{name}\n" + ("some words, and more of them\n" * 40)[:1012])
    return site


def netdaemon(access_log: bool = False) -> Start:
    """[gopher] over them."""
    start = ours.netdaemon("gopher", "tcp", keys="access-log = access.log" if access_log else "")

    def started(folder: Path) -> Server:
        tree(folder)
        return start(folder)

    return started


def gophernicus() -> Start:
    """gophernicus, started by xinetd for each connection, as it has to be; its sessions, logs and scripts are off."""

    def start(folder: Path) -> Server:
        path, server = program("xinetd"), program("gophernicus")
        port = free_port()
        user = pwd.getpwuid(os.getuid()).pw_name
        service = SERVICE.format(port=port, user=user, server=server, root=tree(folder))
        (folder / "xinetd.conf").write_text(f"defaults\n{{\n}}\n{service}")
        # Each child of xinetd closes every descriptor that there may be: not as many as the bench itself may have.
        command = [program("prlimit"), "--nofile=1024:1024", path, "-dontfork", "-f", str(folder / "xinetd.conf")]
        command += ["-pidfile", str(folder / "xinetd.pid"), "-filelog", str(folder / "xinetd.log")]
        return launch("xinetd", command, folder, {"tcp": port})

    return start
